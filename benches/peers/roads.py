"""Other routing engines on the streets, places and junctions that `cargo bench --bench roads` drew.

    python3.12 -m venv .venv && .venv/bin/pip install -r requirements-roads.txt
    FLEETFOLD_OSM=area.osm.pbf FLEETFOLD_ROADS_OUT=out cargo bench -p fleetfold-benches --bench roads
    .venv/bin/python roads.py area.osm.pbf out

RoutingKit gets our graph, so that its travel times must equal ours to the millisecond. OSRM and Valhalla read the extract
with their own car profiles: there the medians say how the profiles differ. All on two threads where they can.
"""

import json
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

PLACES = 400


def rows(path, kind=float):
    return [[kind(cell) for cell in line.split(",")] for line in path.read_text().split()]


def say(engine, what, seconds, note=""):
    unit, factor = ("s", 1) if seconds >= 1 else ("ms", 1e3) if seconds >= 1e-3 else ("us", 1e6)
    print(f"{engine:<11} {what:<46} {seconds * factor:9.2f} {unit}  {note}", flush=True)


def timed(what):
    begin = time.perf_counter()
    done = what()
    return done, time.perf_counter() - begin


def median(what, times):
    taken = []
    for at in range(times):
        _, seconds = timed(lambda: what(at))
        taken.append(seconds)
    return statistics.median(taken)


def compare(engine, ours, theirs):
    """Travel times of all pairs, theirs by ours."""
    ours, theirs = np.asarray(ours, float).ravel(), np.asarray(theirs, float).ravel()
    both = (ours < 4e8) & np.isfinite(theirs) & (ours > 60_000)
    share = theirs[both] / ours[both]
    worst = np.argsort(np.abs(np.log(share)))[-1]
    at = np.flatnonzero(both)[worst]
    print(
        f"{engine:<11} travel time by ours: median {np.median(share):.3f}, p5 {np.quantile(share, 0.05):.3f}, "
        f"p95 {np.quantile(share, 0.95):.3f}, worst {share[worst]:.2f} (places {at // PLACES} to {at % PLACES}: "
        f"{theirs[at] / 1000:.0f} s, ours {ours[at] / 1000:.0f} s); {both.sum()} pairs over a minute, "
        f"unreachable: ours {(ours >= 4e8).sum()}, theirs {(~np.isfinite(theirs)).sum()}",
        flush=True,
    )


def routingkit(out):
    import routingkit_cch as rk

    nodes = np.array(rows(out / "nodes.csv"))
    edges = np.array(rows(out / "edges.csv", int))
    queries = rows(out / "queries.csv", int)
    tail, head, weight = (edges[:, column].tolist() for column in range(3))
    lon, lat = nodes[:, 0].tolist(), nodes[:, 1].tolist()
    order, seconds = timed(lambda: rk.compute_order_inertial(len(nodes), tail, head, lat, lon))
    say("RoutingKit", "order", seconds)
    cch, seconds = timed(lambda: rk.CCH(order, tail, head, False))
    say("RoutingKit", "contract", seconds)
    metric = rk.CCHMetric(cch, weight)
    say("RoutingKit", "customise all (reset)", median(lambda _: metric.reset(weight), 11))
    updater = rk.CCHMetricPartialUpdater(cch)
    draw = random.Random(7)

    def close(_):
        edge = draw.randrange(len(weight))
        updater.apply(metric, {edge: 2_000_000_000})
        updater.apply(metric, {edge: weight[edge]})

    say("RoutingKit", "close one edge (half of closing and opening)", median(close, 200) / 2)
    metric.reset(weight)
    query = rk.CCHQuery(metric)
    wrong = sum(query.run(a, b).distance != millis for a, b, millis in queries)
    print(f"RoutingKit  {wrong} of {len(queries)} travel times between junctions differ from ours")
    say("RoutingKit", "query", median(lambda at: query.run(*queries[at][:2]).distance, len(queries)))
    say("RoutingKit", "query with its edges", median(lambda at: query.run(*queries[at][:2]).arc_path, len(queries)))
    some = [a for a, _, _ in queries[:PLACES]]

    def table():
        pinned = rk.CCHOneToMany(metric, some)
        return [pinned.distances_from(a) for a in some]

    say("RoutingKit", f"{PLACES} x {PLACES}, one to many (junctions)", median(lambda _: table(), 3))


def osrm_files(extract, folder):
    """Files for both of its algorithms, which cannot share a folder."""
    import osrm

    home = pathlib.Path(osrm.__file__).parent
    first, second = folder / "ch", folder / "mld"
    first.mkdir()
    (first / "area.osm.pbf").write_bytes(extract.read_bytes())

    def run(program, *arguments):
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        _, seconds = timed(lambda: subprocess.run([home / "bin" / program, "-t", "2", *arguments], check=True, **quiet))
        say("OSRM", program[5:], seconds)

    run("osrm-extract", "-p", home / "share/profiles/car.lua", first / "area.osm.pbf")
    shutil.copytree(first, second)
    run("osrm-contract", first / "area.osrm")
    run("osrm-partition", second / "area.osrm")
    run("osrm-customize", second / "area.osrm")
    return {"CH": first / "area.osrm", "MLD": second / "area.osrm"}


def osrm_engine(extract, out, folder):
    import osrm

    places = rows(out / "places.csv")
    ours = rows(out / "ours.csv", int)
    for algorithm, base in osrm_files(extract, folder).items():
        engine = osrm.OSRM(
            algorithm=algorithm, storage_config=str(base), use_shared_memory=False, max_locations_distance_table=-1
        )
        pairs = [(tuple(places[2 * at]), tuple(places[2 * at + 1])) for at in range(2_000)]

        def route(at, engine=engine, pairs=pairs):
            return engine.Route(osrm.RouteParameters(coordinates=list(pairs[at]), overview="full", geometries="geojson"))

        say(f"OSRM {algorithm}", "route with geometry, snapping included", median(route, len(pairs)))
        parameters = osrm.TableParameters(coordinates=[tuple(place) for place in places[:PLACES]])
        table = lambda _, engine=engine, parameters=parameters: engine.Table(parameters)
        say(f"OSRM {algorithm}", f"{PLACES} x {PLACES}, snapping included", median(table, 5))
        if algorithm == "CH":
            durations = engine.Table(parameters)["durations"]
            compare("OSRM", ours, [[np.nan if cell is None else cell * 1000 for cell in row] for row in durations])


def valhalla_engine(extract, out, folder):
    import valhalla

    places = rows(out / "places.csv")
    (folder / "tiles").mkdir()
    (folder / "tiles.tar").touch()
    config = valhalla.get_config(tile_extract=folder / "tiles.tar", tile_dir=folder / "tiles", verbose=False)
    del config["mjolnir"]["tile_extract"]
    config["mjolnir"]["concurrency"] = 2
    config["service_limits"]["auto"] |= {"max_matrix_location_pairs": 1_000_000, "max_locations": 10_000}
    path = folder / "valhalla.json"
    path.write_text(json.dumps(config))
    program = pathlib.Path(valhalla.__file__).parent / "bin" / "valhalla_build_tiles"
    _, seconds = timed(
        lambda: subprocess.run([program, "-c", path, extract], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    )
    say("Valhalla", "build tiles", seconds)
    actor = valhalla.Actor(str(path))
    spot = lambda place: {"lon": place[0], "lat": place[1]}
    pairs = [(places[2 * at], places[2 * at + 1]) for at in range(200)]
    route = lambda at: actor.route({"locations": [spot(place) for place in pairs[at]], "costing": "auto", "directions_type": "none"})
    say("Valhalla", "route with geometry, snapping included", median(route, len(pairs)))
    some = [spot(place) for place in places[:PLACES]]
    answer, seconds = timed(lambda: actor.matrix({"sources": some, "targets": some, "costing": "auto", "verbose": False}))
    say("Valhalla", f"{PLACES} x {PLACES}, snapping included", seconds, "once")
    table = answer["sources_to_targets"]["durations"]
    ours = rows(out / "ours.csv", int)
    compare("Valhalla", ours, [[np.nan if cell is None else cell * 1000 for cell in row] for row in table])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    extract, out = map(pathlib.Path, sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        routingkit(out)
        osrm_engine(extract.absolute(), out, pathlib.Path(folder))
        valhalla_engine(extract.absolute(), out, pathlib.Path(folder))


main()
