#!/usr/bin/env python3
"""Draws how time and memory grow: an SVG figure a curve of growth_points, with
the straight line through its points, and prints a table of how far they are
from it. Standard library only."""
import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

import run as runner

CURVES = {  # name: title, x axis
    "tokens": ("entropy, GPT-2 small cut to 4 layers, sequences of 512",
               "tokens"),
    "length": ("entropy, GPT-2 small, 8,192 tokens", "length of a sequence"),
    "layers": ("entropy, GPT-2 small with as many layers, 8 x 512 tokens",
               "layers"),
    "bytes": ("magnitude, the same models, warm cache",
              "attention weights, MB"),
    "threads": ("entropy, GPT-2 small, 8 x 512 tokens", "threads"),
}
STYLE = ("svg{font:12px system-ui,sans-serif}.text{fill:#1f2328}"
         ".dim{fill:#59636e}.grid{stroke:#d8dee4}.fit{stroke:#59636e;"
         "stroke-dasharray:6 4}.point{fill:#0969da}.error{stroke:#0969da}"
         "@media(prefers-color-scheme:dark){.text{fill:#e6edf3}"
         ".dim{fill:#9198a1}.grid{stroke:#2f363d}.fit{stroke:#9198a1}"
         ".point{fill:#58a6ff}.error{stroke:#58a6ff}}")
WIDTH, HEIGHT, LEFT, TOP = 300, 170, 52, 44


def fit(xs, ys):
    """Least squares in relative errors: intercept, slope, and the largest
    deviation from that line as a share of it."""
    w = [1 / y**2 for y in ys]
    n = sum(w)
    mx = sum(a * x for a, x in zip(w, xs)) / n
    my = sum(a * y for a, y in zip(w, ys)) / n
    spread = sum(a * (x - mx)**2 for a, x in zip(w, xs))
    slope = sum(a * (x - mx) * (y - my)
                for a, x, y in zip(w, xs, ys)) / spread
    start = my - slope * mx
    return start, slope, max(abs(y / (start + slope * x) - 1)
                             for x, y in zip(xs, ys))


def step(top, least=0.0):
    """A round distance of about four lines up to `top`."""
    unit = 10 ** len(str(int(1e9 * top / 4))) / 1e10
    return max(least, next(k * unit for k in (1, 2, 5, 10)
                           if top / (k * unit) <= 5))


def number(x):
    return f"{x:,.6g}"


def panel(left, unit, xs, rows, label, lined):
    """Points with their spread, in axes that start at 0; `lined`: and the
    straight line through them."""
    ys = [statistics.median(r) for r in rows]
    right, top = max(xs) * 1.05, max(map(max, rows)) * 1.08

    def at(x, y):
        return left + x / right * WIDTH, TOP + HEIGHT - y / top * HEIGHT

    out = [f'<text class="dim" x="{left}" y="{TOP - 8}">{unit}</text>']
    for axis, end in ((0, right), (1, top)):
        gap = step(end, 1 - axis)
        for i in range(int(end / gap) + 1):
            x, y = at(i * gap, 0) if axis == 0 else at(0, i * gap)
            out.append(f'<text class="dim" x="{x:.1f}" y="{y + 16:.1f}" '
                       f'text-anchor="middle">{number(i * gap)}</text>'
                       if axis == 0 else
                       f'<line class="grid" x1="{x:.1f}" x2="{x + WIDTH:.1f}" '
                       f'y1="{y:.1f}" y2="{y:.1f}"/>'
                       f'<text class="dim" x="{x - 6:.1f}" y="{y + 4:.1f}" '
                       f'text-anchor="end">{number(i * gap)}</text>')
    if lined:
        start, slope, _ = fit(xs, ys)
        (x1, y1), (x2, y2) = (at(x, start + slope * x) for x in (0, max(xs)))
        out.append(f'<line class="fit" x1="{x1:.1f}" y1="{y1:.1f}" '
                   f'x2="{x2:.1f}" y2="{y2:.1f}"/>')
    for x, y, row in zip(xs, ys, rows):
        (px, low), (_, high), (_, py) = (at(x, v) for v in
                                         (min(row), max(row), y))
        out.append(f'<line class="error" x1="{px:.1f}" x2="{px:.1f}" '
                   f'y1="{low:.1f}" y2="{high:.1f}"/><circle class="point" '
                   f'cx="{px:.1f}" cy="{py:.1f}" r="3.5"/>')
    out.append(f'<text class="dim" x="{left + WIDTH / 2}" '
               f'y="{TOP + HEIGHT + 36}" text-anchor="middle">{label}</text>')
    return out


def draw(curve, points):
    title, label = CURVES[curve]
    xs = [p["x"] for p in points]
    width = 2 * (WIDTH + LEFT) + 40
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} '
             f'{TOP + HEIGHT + 48}" width="{width}" role="img" '
             f'aria-label="{title}"><style>{STYLE}</style>',
             f'<text class="text" x="{LEFT}" y="16" font-weight="600">{title}'
             f'</text>',
             *panel(LEFT, "seconds", xs, [p["seconds"] for p in points], label,
                    len(xs) > 2),
             *panel(2 * LEFT + WIDTH + 20, "MiB resident", xs,
                    [p["resident"] for p in points], label, False), "</svg>"]
    return "\n".join(lines) + "\n"


def table(curves):
    lines = ["| against | from | to | seconds | off the line | MiB resident |",
             "|---|---|---|---|---|---|"]
    for curve, points in curves.items():
        xs = [p["x"] for p in points]
        times, memory = ([statistics.median(p[key]) for p in points]
                         for key in ("seconds", "resident"))
        line, off = f"{times[0]:.3g}, {times[-1]:.3g}", ""
        if len(xs) > 2:
            start, slope, worst = fit(xs, times)
            line = f"{start:.3g} {'+-'[slope < 0]} {abs(slope):.3g} x"
            off = f"{100 * worst:.0f} %"
        lines.append(f"| {CURVES[curve][1]} | {number(xs[0])} | "
                     f"{number(xs[-1])} | {line} | {off} | "
                     f"{min(memory):.1f} to {max(memory):.1f} |")
    return "\n".join(lines)


def measure(o, models):
    command = [*o.prefix.split(), o.points, "--headprune", o.headprune,
               "--models", models, *["--tiny"] * o.tiny]
    for name in ("repeat", "only"):
        if getattr(o, name):
            command += [f"--{name}", str(getattr(o, name))]
    done = subprocess.run(command, check=True, text=True,
                          stdout=subprocess.PIPE, env=runner.environment({}))
    return [json.loads(line) for line in done.stdout.splitlines()]


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--points", required=True, help="growth_points")
    p.add_argument("--headprune", required=True, help="the program")
    p.add_argument("--models", help="models are made there and kept")
    p.add_argument("--only", help="this curve alone")
    p.add_argument("--repeat", type=int)
    p.add_argument("--tiny", action="store_true")
    p.add_argument("--prefix", default="", help="put before the program")
    p.add_argument("--out", required=True, help="folder of the figures")
    o = p.parse_args()
    if o.models:
        points = measure(o, o.models)
    else:
        with tempfile.TemporaryDirectory(prefix="headprune-bench-") as folder:
            points = measure(o, folder)
    curves = {}
    for point in points:
        curves.setdefault(point["curve"], []).append(point)
    for curve, members in curves.items():
        text = draw(curve, members)
        ElementTree.fromstring(text)
        Path(o.out, f"growth-{curve}.svg").write_text(text)
    print(table(curves))
    if not o.only and curves.keys() != CURVES.keys():
        sys.exit(f"curves are missing: {CURVES.keys() - curves.keys()}")


if __name__ == "__main__":
    main()
