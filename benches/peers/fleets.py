"""Problems of fleets: vehicles of several types (hvrp.zip), several depots (mdvrp.zip) and CVRP X (cvrp_x.zip), with best known costs in
bks_fleets.json, and vans and lorries drawn by mixes.py. Read here from the files alone, and judged from the routes alone. No solver code here.

Lengths are real numbers in hvrp and mdvrp, and rounded to the nearest integer in CVRP X and mixes. A plan is a list of routes and the
kind of the vehicle of each."""
import json, math, os, zipfile
from dataclasses import dataclass

import numpy as np


@dataclass
class Kind:
    """Vehicles that are alike."""
    count: int
    capacity: int
    fixed: float
    price: float         # of a length unit
    depot: int           # node
    limit: float         # longest route, driving and service; with windows: when it must be back; 0: none
    barred: frozenset = frozenset()    # nodes that it may not serve


@dataclass
class Fleet:
    name: str
    xy: np.ndarray       # node 0 repeats the first depot; then customers 1..n, then depots
    demand: np.ndarray   # of nodes 0..n
    service: np.ndarray
    kinds: list
    whole: bool          # lengths are rounded to integers
    text: str
    scale: int           # integer units per length unit, for solvers that count in integers
    kind: str = "fleet"
    objective: str = "cost"
    pairs: tuple = ()    # (pickup, delivery); the demand of a delivery is that of its pickup, negative
    windows: tuple = ()  # by node: when service may start
    speed: int = 1       # length units per time unit

    @property
    def n(self):
        return len(self.demand)

    def time(self, a, b):
        length = self.leg(a, b)
        return length if self.speed == 1 else math.ceil(length / self.speed)

    def leg(self, a, b):
        length = math.dist(self.xy[a], self.xy[b])
        return math.floor(length + 0.5) if self.whole else length

    def skills(self):
        """Who may serve whom, as skills: those of each kind, and the one that each node asks for. Nodes that the same kinds serve ask for
        the same."""
        groups = {}
        for v in range(self.n):
            groups.setdefault(tuple(k for k, kind in enumerate(self.kinds) if v not in kind.barred), []).append(v)
        groups = [(able, nodes) for able, nodes in groups.items() if len(able) < len(self.kinds)]
        asked = {v: skill for skill, (_, nodes) in enumerate(groups, 1) for v in nodes}
        return [{skill for skill, (able, _) in enumerate(groups, 1) if k in able} for k in range(len(self.kinds))], asked

    def matrices(self):
        """(distance, duration) in scaled units. Durations are rounded up, so that a limit that is kept in them is kept in real numbers."""
        d = self.xy[:, None, :] - self.xy[None, :, :]
        e = np.sqrt((d ** 2).sum(-1))
        e = np.floor(e + 0.5) if self.whole else e
        return np.rint(e * self.scale).astype(np.int64), np.ceil(e * self.scale / self.speed - 1e-6).astype(np.int64)

    def kind_of_vehicle(self, vehicle):
        """Vehicles are counted from 0 in the order of the kinds."""
        for k, kind in enumerate(self.kinds):
            if vehicle < kind.count:
                return k
            vehicle -= kind.count
        raise ValueError("no such vehicle")


def _text(archive, name):
    with zipfile.ZipFile(os.path.join(os.environ["INSTANCES"], archive)) as z:
        return z.read(next(m for m in z.namelist() if os.path.splitext(os.path.basename(m))[0] == name)).decode("latin-1")


def _mixed(name):
    text = _text("hvrp.zip", name)
    rows = [list(map(float, l.split())) for l in text.split("\n") if l.strip() and not l.strip().startswith("//")]
    n, types, limit, service = int(rows[0][0]), int(rows[0][1]), rows[0][2], rows[0][3]
    limit = 0 if limit >= 999999 else limit
    kinds = [Kind(int(c), int(q), f, p, n + 1, limit) for c, q, f, p in rows[1:1 + types]]
    depot, customers = rows[1 + types], rows[2 + types:2 + types + n]
    xy = np.array([depot] + [c[:2] for c in customers] + [depot])
    return Fleet(name, xy, np.array([0] + [int(c[2]) for c in customers]), np.array([0] + [service] * n), kinds, False, text, 10_000)


def _depots(name):
    text = _text("mdvrp.zip", name)
    rows = [list(map(float, l.split())) for l in text.split("\n") if l.strip()]
    kind, m, n, t = map(int, rows[0])
    assert kind == 2, "several depots without windows"
    customers, depots = rows[1 + t:1 + t + n], rows[1 + t + n:1 + 2 * t + n]
    assert all(c[6] == t for c in customers), "every depot may serve everybody"
    kinds = [Kind(m, int(rows[1 + d][1]), 0.0, 1.0, n + 1 + d, rows[1 + d][0]) for d in range(t)]
    xy = np.array([depots[0][1:3]] + [c[1:3] for c in customers] + [d[1:3] for d in depots])
    return Fleet(name, xy, np.array([0] + [int(c[4]) for c in customers]), np.array([0] + [c[3] for c in customers]), kinds, False, text, 10_000)


def _cvrp(name):
    text = _text("cvrp_x.zip", name)
    section, head, xy, demand = None, {}, {}, {}
    for line in map(str.strip, text.split("\n")):
        if ":" in line:
            key, value = line.split(":", 1)
            head[key.strip()] = value.strip()
        elif line.isupper() or line.endswith("_SECTION"):
            section = line
        elif section == "NODE_COORD_SECTION":
            node, x, y = map(float, line.split())
            xy[int(node)] = (x, y)
        elif section == "DEMAND_SECTION":
            node, q = map(int, line.split())
            demand[node] = q
    order = sorted(xy)           # node 1 is the depot
    n = len(order) - 1
    kinds = [Kind(n, int(head["CAPACITY"]), 0.0, 1.0, n + 1, 0)]
    places = [xy[v] for v in order]
    return Fleet(name, np.array(places + [places[0]], float), np.array([demand[v] for v in order]), np.zeros(n + 1), kinds, True, text, 1)


def is_fleet(name):
    return name.startswith(("X-", "HVRP", "vfmp", "p0", "p1", "p2", "pr", "mix_"))


def load(name):
    if name.startswith("mix_"):
        import mixes
        return mixes.draw(name)
    return _cvrp(name) if name.startswith("X-") else _mixed(name) if name.startswith(("HVRP", "vfmp")) else _depots(name)


def bks():
    with open(os.path.join(os.environ["INSTANCES"], "bks_fleets.json")) as fh:
        return json.load(fh)


def check(p, routes, kinds):
    """Cost and every rule, recomputed. `kinds` has the kind of the vehicle of each route."""
    err, seen, total, used = [], set(), 0.0, [0] * len(p.kinds)
    pairs = [(list(map(int, r)), k) for r, k in zip(routes, kinds or [None] * len(routes)) if len(r)]
    for number, (route, k) in enumerate(pairs):
        if k is None:
            err.append(f"route {number}: nobody says which vehicle drives it")
            continue
        kind = p.kinds[k]
        used[k] += 1
        for v in route:
            if not 1 <= v < p.n or v in seen:
                err.append(f"route {number}: node {v} is unknown or served twice")
            seen.add(v)
        if any(not 1 <= v < p.n for v in route):
            continue
        stops = [kind.depot, *route, kind.depot]
        length = sum(p.leg(a, b) for a, b in zip(stops, stops[1:]))
        total += kind.fixed + kind.price * length
        err += [f"route {number}: its vehicle may not serve {v}" for v in route if v in kind.barred]
        load, now = 0 if p.pairs else sum(int(p.demand[v]) for v in route), 0.0
        if load > kind.capacity:
            err.append(f"route {number}: over capacity")
        for a, b in zip(stops, stops[1:-1]):
            now += p.time(a, b)
            if p.windows:
                opens, closes = p.windows[b]
                now = max(now, opens)
                if now > closes:
                    err.append(f"route {number}: node {b} at {now} after {closes}")
            now += float(p.service[b])
            if p.pairs:
                load += int(p.demand[b])
                if not 0 <= load <= kind.capacity:
                    err.append(f"route {number}: load {load} at {b}")
        if kind.limit and now + p.time(route[-1], kind.depot) > kind.limit + 1e-6:
            err.append(f"route {number}: longer than {kind.limit}")
    err += [f"{u} vehicles of kind {k}, {kind.count} are there" for k, (u, kind) in enumerate(zip(used, p.kinds)) if u > kind.count]
    at = {v: (number, position) for number, (route, _) in enumerate(pairs) for position, v in enumerate(route)}
    err += [f"shipment {a} to {b} is not kept together" for a, b in p.pairs if a in at and b in at and (at[a][0] != at[b][0] or at[a] > at[b])]
    missing = [v for v in range(1, p.n) if v not in seen]
    if missing:
        err.append(f"{len(missing)} unserved, first {missing[:5]}")
    return {"ok": not err, "errors": err[:5], "unserved": len(missing), "vehicles": len(pairs), "distance": round(total, 3)}
