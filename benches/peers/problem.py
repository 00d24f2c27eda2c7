"""Instances, in the conventions the report states. No solver code here."""
import math, os, sys, zipfile
from dataclasses import dataclass, field
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
INST = os.environ.get("INSTANCES") or sys.exit("set INSTANCES to the folder with solomon.zip, gehring_homberger.zip, li_lim.zip and bks.csv (README.md says where from)")


@dataclass
class Problem:
    name: str
    kind: str            # 'vrptw' | 'pdptw' | 'city'
    xy: np.ndarray       # (n,2); node 0 is the depot
    demand: np.ndarray   # original units; negative at deliveries for pdptw
    ready: np.ndarray    # original time units
    due: np.ndarray
    service: np.ndarray
    vehicles: int
    capacity: int
    scale: int           # integer units per original unit, for the matrices and scaled times
    pairs: list = field(default_factory=list)   # [(pickup, delivery)] for pdptw
    objective: str = "distance"                 # 'distance' | 'hier' (vehicles, then distance)
    text: str = ""
    _m: tuple = None

    @property
    def n(self):
        return len(self.demand)

    def matrices(self):
        """(distance, duration) int64 matrices in scaled units, as handed to integer solvers."""
        if self._m is None:
            if self.kind == "city":
                d = haversine_matrix(self.xy)
                self._m = (np.rint(d).astype(np.int64), np.rint(d / 10.0).astype(np.int64))
            else:
                dx = self.xy[:, None, :] - self.xy[None, :, :]
                e = np.sqrt((dx.astype(float) ** 2).sum(-1))
                if self.kind == "vrptw":     # DIMACS: truncate to one decimal
                    m = np.floor(e * 10 + 1e-9).astype(np.int64)
                    self._m = (m, m)
                else:                         # round distance, round travel time up: always double-feasible
                    self._m = (np.rint(e * self.scale).astype(np.int64), np.ceil(e * self.scale - 1e-6).astype(np.int64))
        return self._m

    def scaled(self, a):
        return (np.asarray(a) * self.scale).astype(np.int64)


def haversine_matrix(ll):
    """The formula reinterpretcat/vrp falls back to without a matrix (WGS84 radius by latitude difference)."""
    lat, lng = np.radians(ll[:, 0]), np.radians(ll[:, 1])
    out = np.empty((len(lat), len(lat)))
    A, B = 6378137.0, 6356752.3
    for i in range(len(lat)):
        dla, dln = lat[i] - lat, lng[i] - lng
        a = np.sin(dla / 2) ** 2 + np.sin(dln / 2) ** 2 * np.cos(lat[i]) * np.cos(lat)
        c = 2 * np.arctan2(np.sqrt(a), np.sqrt(1 - a))
        an, bn, ad, bd = A * A * np.cos(dla), B * B * np.sin(dla), A * np.cos(dla), B * np.sin(dla)
        out[i] = np.sqrt((an * an + bn * bn) / (ad * ad + bd * bd)) * c
    return out


def _zip(name, member):
    with zipfile.ZipFile(os.path.join(INST, name)) as z:
        return z.read(member).decode("latin-1")


def load_vrptw(name):
    """Gehring-Homberger or Solomon, DIMACS convention: tenths, truncated, distance only."""
    z = "gehring_homberger.zip" if "_" in name else "solomon.zip"
    text = _zip(z, name.lower() + ".txt")
    rows = [l.split() for l in text.split("\n") if l.strip()]
    num = [list(map(float, r)) for r in rows if all(_isnum(x) for x in r)]
    veh, cap = int(num[0][0]), int(num[0][1])
    a = np.array(num[1:])
    return Problem(name, "vrptw", a[:, 1:3].astype(np.int64), a[:, 3].astype(np.int64), a[:, 4].astype(np.int64),
                   a[:, 5].astype(np.int64), a[:, 6].astype(np.int64), veh, cap, 10, text=text)


def load_lilim(name):
    """Li & Lim, SINTEF convention: double-precision Euclidean, vehicles first, then distance."""
    text = _zip("li_lim.zip", name.lower() + ".txt")
    rows = [l.split() for l in text.split("\n") if l.strip()]
    veh, cap = int(rows[0][0]), int(rows[0][1])
    a = np.array([list(map(int, r)) for r in rows[1:]], dtype=np.int64)
    pairs = [(int(r[0]), int(r[8])) for r in a if r[8] != 0]   # in file order of the pickups
    return Problem(name, "pdptw", a[:, 1:3], a[:, 3], a[:, 4], a[:, 5], a[:, 6], veh, cap, 1000, pairs, "hier", text=text)


def city(stops, vehicles, seed=1, horizon=8 * 3600, window=2 * 3600, cap=15):
    """Uniform points in a 20 km square, one depot in the middle, 2 h windows in an 8 h day, 5 min service, 10 m/s."""
    r = np.random.default_rng(seed)
    lat0, lng0 = 52.52, 13.40
    half_lat = 10000 / 111320.0
    half_lng = half_lat / math.cos(math.radians(lat0))
    ll = np.empty((stops + 1, 2))
    ll[0] = lat0, lng0
    ll[1:, 0] = np.round(lat0 + r.uniform(-half_lat, half_lat, stops), 6)
    ll[1:, 1] = np.round(lng0 + r.uniform(-half_lng, half_lng, stops), 6)
    start = r.integers(1800, horizon - window - 3600, stops)
    z = lambda v: np.concatenate([[0], np.full(stops, v)])
    ready = np.concatenate([[0], start])
    due = np.concatenate([[horizon], start + window])
    return Problem(f"city_{stops}_{vehicles}_{seed}", "city", ll, z(1), ready, due, z(300), vehicles, cap, 1)


def _isnum(x):
    try:
        float(x)
        return True
    except ValueError:
        return False


def load(name):
    import fleets
    if fleets.is_fleet(name):
        return fleets.load(name)
    if name.startswith("city_"):
        _, s, v, seed = name.split("_")
        return city(int(s), int(v), int(seed))
    return load_lilim(name) if name.lower().startswith("l") else load_vrptw(name)


def bks():
    import csv
    with open(os.path.join(INST, "bks.csv")) as fh:
        return {r["name"]: r for r in csv.DictReader(fh)}


def bks_routes(name):
    """Best known routes as lists of node numbers (1-based customers, as in the files)."""
    import re
    if name.lower().startswith("l"):
        t = _zip("bks_routes_hierarchical.zip", name.lower() + ".txt")
    else:
        t = _zip("bks_routes_distance.zip", name.lower() + ".sol")
    return [list(map(int, m.group(1).split())) for m in re.finditer(r"Route\s*#?\s*\d+\s*:\s*([\d ]+)", t)]
