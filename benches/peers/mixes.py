"""Vans and lorries of three sizes on one day, drawn: `mix_CLASS_STOPS_SEED`. No solver code here.

CLASS: `loads` (capacity only), `windows` (two hours for each stop, a shift of ten), `shipments` (from anywhere to anywhere, with
windows) or `sites` (a quarter of the stops in streets for vans only, a tenth for the largest lorry only). Coordinates are metres,
lengths whole metres, ten metres a second; a solver that reads a file is given VROOM's JSON with both matrices."""
import json

import numpy as np

from fleets import Fleet, Kind

SHIFT = 10 * 3600
# capacity, price of a day, price of a metre
SIZES = [(30, 60_000, 0.6), (90, 110_000, 0.9), (220, 180_000, 1.4)]


def draw(name):
    _, of, stops, seed = name.split("_")
    n = int(stops)
    r = np.random.default_rng([int(seed), n, ("loads", "windows", "shipments", "sites").index(of)])
    side = 20_000 if n < 300 else 30_000
    towns = r.uniform(0, side, (max(3, n // 40), 2))
    near = towns[r.integers(0, len(towns), n)] + r.normal(0, side / 20, (n, 2))
    places = np.where(r.random(n)[:, None] < 0.5, near, r.uniform(0, side, (n, 2)))
    depot = r.uniform(side / 4, side * 3 / 4, 2)
    xy = np.rint(np.vstack([depot, places, depot]))
    small, large = r.integers(1, 9, n), r.integers(10, 41, n)
    demand = np.where(r.random(n) < 0.8, small, large)
    only_vans = only_largest = frozenset()
    if of == "sites":
        draws = r.random(n)
        demand = np.where(draws < 0.25, small, demand)
        only_vans = frozenset(int(v) + 1 for v in np.flatnonzero(draws < 0.25))
        only_largest = frozenset(int(v) + 1 for v in np.flatnonzero(draws > 0.9))
    pairs, windows, service = (), (), np.full(n, 300)
    if of in ("windows", "shipments"):
        opens = r.integers(3600, SHIFT - 4 * 3600, n)
        if of == "shipments":
            half = n // 2
            demand = np.concatenate([small[:half], -small[:half]])
            opens[half:] = opens[:half] + 1800
            pairs = tuple((v, v + half) for v in range(1, half + 1))
        windows = ((0, SHIFT), *((int(t), int(t) + 7200) for t in opens))
    goods = int(demand[demand > 0].sum())
    # Each size alone could carry four fifths of all goods; in the hours of a shift a vehicle serves some twenty stops.
    counts = [max(int(0.8 * goods / size) + 1, n // 20) for size, _, _ in SIZES]
    barred = [only_largest, only_largest | only_vans, only_vans]
    limit = SHIFT if windows else 0
    kinds = [Kind(count, size, fixed, price, n + 1, limit, own) for count, (size, fixed, price), own in zip(counts, SIZES, barred)]
    zero = np.zeros(1, int)
    fleet = Fleet(name, xy, np.concatenate([zero, demand]), np.concatenate([zero, service]), kinds, True, "", 1,
                  pairs=pairs, windows=windows, speed=10)
    fleet.text = document(fleet)
    return fleet


def document(p):
    """The same as VROOM's JSON."""
    distances, durations = p.matrices()

    def step(v):
        return {"id": v, "location_index": v, "service": int(p.service[v])} | ({"time_windows": [p.windows[v]]} if p.windows else {})
    skills, asked = p.skills()
    vehicles = [{"start_index": kind.depot, "end_index": kind.depot, "capacity": [kind.capacity],
                 "costs": {"fixed": int(kind.fixed), "per_hour": 0, "per_km": round(kind.price * 1000)},
                 "skills": sorted(skills[k])} | ({"time_window": [0, int(kind.limit)]} if kind.limit else {})
                for k, kind in enumerate(p.kinds) for _ in range(kind.count)]
    tasks = {"shipments": [{"amount": [int(p.demand[a])], "pickup": step(a), "delivery": step(b)} for a, b in p.pairs]}
    if not p.pairs:
        tasks = {"jobs": [step(v) | {"delivery": [int(p.demand[v])], "skills": [asked[v]] if v in asked else []} for v in range(1, p.n)]}
    return json.dumps(tasks | {"vehicles": [{"id": k + 1} | v for k, v in enumerate(vehicles)],
                               "matrices": {"car": {"durations": durations.tolist(), "distances": distances.tolist()}}})
