"""The same pairs of places asked of Fleetfold and of OSRM: how times and served places differ, and why.

    FLEETFOLD_OSM=area.osm.pbf FLEETFOLD_ROADS_OUT=out cargo bench -p fleetfold-benches --bench roads      # draws out/places.csv
    fleetfold graph build area.osm.pbf -o area.graph
    osrm-extract -p car.lua area.osm.pbf && osrm-partition area.osrm && osrm-customize area.osrm && osrm-routed --algorithm mld area.osrm
    .venv/bin/python beside_osrm.py area.osm.pbf area.graph out/places.csv http://127.0.0.1:5000 [pairs]

`FLEETFOLD` names the program. A place counts as served elsewhere if the two points on the streets are more than 5 m apart.
"""

import collections
import json
import math
import os
import subprocess
import sys
import urllib.request

import numpy as np
import osmium

PROGRAM = os.environ.get("FLEETFOLD", "target/release/fleetfold")
METRES_A_DEGREE = 111_195
# Classes that neither drives.
FOOT = {"footway", "steps", "path", "cycleway", "track", "pedestrian", "construction", "proposed"}


def metres(a, b):
    return math.hypot((a[0] - b[0]) * math.cos(math.radians(a[1])), a[1] - b[1]) * METRES_A_DEGREE


def ours(graph, a, b):
    """Seconds, metres and the two points on the streets."""
    asked = [PROGRAM, "graph", "route", graph, "{},{}".format(*a), "{},{}".format(*b), "--geojson"]
    answer = subprocess.run(asked, capture_output=True, text=True)
    if answer.returncode:
        return None
    way = json.loads(answer.stdout)
    line = way["geometry"]["coordinates"]
    return way["properties"]["seconds"], way["properties"]["metres"], line[1], line[-2]


def theirs(server, a, b):
    pair = "{},{};{},{}".format(*a, *b)
    answer = json.load(urllib.request.urlopen(f"{server}/route/v1/driving/{pair}?overview=false"))
    if answer["code"] != "Ok":
        return None
    route, (begin, end) = answer["routes"][0], answer["waypoints"]
    return route["duration"], route["distance"], begin["location"], end["location"]


class Ways(osmium.SimpleHandler):
    def __init__(self):
        super().__init__()
        self.pieces = collections.defaultdict(list)

    def way(self, way):
        if way.tags.get("highway") not in FOOT | {None}:
            places = [(node.lon, node.lat) for node in way.nodes]
            tags = dict(way.tags)
            for a, b in zip(places, places[1:]):
                for x in range(int(min(a[0], b[0]) * 100), int(max(a[0], b[0]) * 100) + 1):
                    self.pieces[x].append((a, b, tags))

    def at(self, place):
        """Tags of the way that is nearest to a place."""

        def away(piece):
            a, b, _ = piece
            shrink = math.cos(math.radians(place[1]))
            ax, ay, bx, by = (a[0] - place[0]) * shrink, a[1] - place[1], (b[0] - place[0]) * shrink, b[1] - place[1]
            dx, dy = bx - ax, by - ay
            length = dx * dx + dy * dy
            along = max(0, min(1, -(ax * dx + ay * dy) / length)) if length else 0
            return math.hypot(ax + along * dx, ay + along * dy)

        return min((piece for x in (-1, 0, 1) for piece in self.pieces[int(place[0] * 100) + x]), key=away)[2]


def no_stopping(tags):
    road = tags["highway"]
    return road == "motorway" or road.endswith("_link") or "motorroad" in tags or tags.get("bridge", "no") != "no" or "tunnel" in tags


def why_elsewhere(mine, other):
    if no_stopping(other) and not no_stopping(mine):
        return "OSRM: from a motorway, a ramp, a bridge or in a tunnel"
    if mine["highway"] == "road":
        return "ours: from highway=road, which OSRM's car leaves out"
    if mine["highway"] == "service":
        return "ours: from a driveway, a parking aisle or another service road"
    return "the same street or one about as near"


def main(extract, graph, places, server, pairs=1000):
    places = [tuple(map(float, line.split(","))) for line in open(places)]
    ways = Ways()
    ways.apply_file(extract, locations=True)
    times, lengths, reached = [], [], collections.Counter()
    elsewhere, slower = collections.Counter(), collections.Counter()
    for at in range(int(pairs)):
        a, b = places[2 * at], places[2 * at + 1]
        mine, other = ours(graph, a, b), theirs(server, a, b)
        reached[mine is not None, other is not None] += 1
        if mine is None or other is None:
            continue
        apart = [metres(mine[end], other[end]) for end in (2, 3)]
        for end, distance in zip((2, 3), apart):
            if distance > 5:
                elsewhere[why_elsewhere(ways.at(mine[end]), ways.at(other[end]))] += 1
        time, length = mine[0] / other[0], mine[1] / other[1]
        times.append(time)
        lengths.append(length)
        if time < 0.9:
            slower["OSRM slower by more than 10 %, " + ("same length" if abs(length - 1) < 0.02 else "other way or other place")] += 1
        elif time > 1.1:
            slower["ours slower by more than 10 %, " + ("other place" if max(apart) > 5 else "same places")] += 1
        else:
            slower["within 10 %"] += 1
    print("reached (ours, OSRM):", dict(reached))
    for name, shares in (("time", times), ("length", lengths)):
        low, middle, high = np.quantile(shares, [0.05, 0.5, 0.95])
        print(f"{name}, ours by OSRM's: p5 {low:.3f}, median {middle:.3f}, p95 {high:.3f}")
    for counts in (slower, elsewhere):
        for kind, count in counts.most_common():
            print(f"{count:6} {kind}")


if __name__ == "__main__":
    main(*sys.argv[1:])
