"""plot.py OUT.svg RESULTS.jsonl... : gap to the best known cost over time, a line per solver, a panel per instance.
Reads what bench.py wrote (marks and finals). Writes plain SVG: no library is needed to look at it."""
import collections
import csv
import json
import math
import os
import sys

BKS = os.environ.get("BKS", "bks.csv")
COLOURS = {"fleetfold": "#d1495b", "pyvrp": "#00798c", "vroom x=0": "#edae49", "vroom x=5": "#b07b1a", "ortools": "#66a182", "vrpcli": "#5e548e"}
W, H, LEFT, TOP, BOTTOM = 430, 320, 52, 34, 40
TICKS_X = [0.1, 1, 10, 60]
TICKS_Y = [0.5, 1, 2, 5, 10, 20, 50, 100]


def points(paths):
    """instance -> solver -> {seconds: [gap, ...]}"""
    best = {r["name"]: float(r["dist_only"]) for r in csv.DictReader(open(BKS)) if r["dist_only"]}
    out = collections.defaultdict(lambda: collections.defaultdict(lambda: collections.defaultdict(list)))
    for path in paths:
        for line in open(path):
            r = json.loads(line)
            name = r["instance"]
            if name not in best or "--init" in r["plan"] or ":drop" in r["solver"]:
                continue
            solver = {"command": "fleetfold"}.get(r["solver"], r["solver"].replace(":", " "))
            seen = [(float(r["limit"]), r.get("final"))] + [(float(m[0]), m[2]) for m in r.get("marks", [])]
            for seconds, result in seen:
                if result and result.get("ok"):
                    out[name][solver][seconds].append(100 * (result["distance"] / best[name] - 1))
    return out


def x_of(seconds):
    lo, hi = math.log10(TICKS_X[0]), math.log10(TICKS_X[-1])
    return LEFT + (math.log10(seconds) - lo) / (hi - lo) * (W - LEFT - 20)


def y_of(gap):
    lo, hi = math.log10(TICKS_Y[0]), math.log10(TICKS_Y[-1])
    return TOP + (hi - math.log10(min(max(gap, TICKS_Y[0]), TICKS_Y[-1]))) / (hi - lo) * (H - TOP - BOTTOM)


def main():
    data = points(sys.argv[2:])
    names = [name for name in sorted(data) if "fleetfold" in data[name] and len(data[name]) > 1]
    solvers = [s for s in COLOURS if any(s in data[name] for name in names)]
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W * len(names)} {H + 24}" font-family="sans-serif" font-size="11">',
           f'<rect width="{W * len(names)}" height="{H + 24}" fill="#fff"/>']
    for k, name in enumerate(names):
        out.append(f'<g transform="translate({k * W},0)"><text x="{LEFT}" y="20" font-size="14">{name}: gap to best known, %</text>')
        for t in TICKS_Y:
            out.append(f'<path d="M{LEFT} {y_of(t):.1f}H{W - 20}" stroke="#ddd"/><text x="{LEFT - 6}" y="{y_of(t) + 4:.1f}" text-anchor="end">{t:g}</text>')
        for t in TICKS_X:
            out.append(f'<text x="{x_of(t):.1f}" y="{H - BOTTOM + 16}" text-anchor="middle">{t:g} s</text>')
        for s in solvers:
            line = [(x_of(t), y_of(sum(g) / len(g))) for t, g in sorted(data[name][s].items())]
            if line:
                path = "L".join(f"{x:.1f} {y:.1f}" for x, y in line)
                out.append(f'<path d="M{path}" fill="none" stroke="{COLOURS[s]}" stroke-width="2"/>')
                out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5" fill="{COLOURS[s]}"/>' for x, y in line]
        out.append("</g>")
    for k, s in enumerate(solvers):
        out.append(f'<rect x="{LEFT + k * 110}" y="{H}" width="12" height="12" fill="{COLOURS[s]}"/><text x="{LEFT + 17 + k * 110}" y="{H + 10}">{s}</text>')
    open(sys.argv[1], "w").write("\n".join(out) + "\n</svg>\n")
    for name in names:
        for s in solvers:
            print(name, s, {t: round(sum(g) / len(g), 2) for t, g in sorted(data[name][s].items())})


main()
