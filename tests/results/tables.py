#!/usr/bin/python3
"""usage: tables.py ZEROED.json [REFITTED.json [RATIO]]

Sweeps of one model, the second one with --compensate, as tables of
docs/results.md: of one sweep what entropy and magnitude are against random; of
two all methods at all ratios, or at one with standard errors. A value that
beats all random seeds of its ratio and form is bold."""
import json
import statistics
import sys


def load(path):
    with open(path, encoding="utf-8") as f:
        sweep = json.load(f)
    if len(sweep["points"]) != sweep["planned"]:
        sys.exit(f"{path}: {len(sweep['points'])} of {sweep['planned']} points")
    return sweep


def digits(value):
    return f"{value:.1f}" if value >= 20 else f"{value:.3f}"


class Form:
    """One sweep: what a method, or each seed of random, came to at a ratio."""

    def __init__(self, sweep):
        self.base = sweep["baseline"]["value"]
        self.evals, self.seeds = {}, {}
        for p in sweep["points"]:
            if p["method"] == "random":
                self.seeds.setdefault(p["ratio"], []).append(p["eval"]["value"])
            else:
                self.evals[p["method"], p["ratio"]] = p["eval"]
        self.ratios = sorted(self.seeds)
        self.methods = list(dict.fromkeys(m for m, _ in self.evals))

    def cell(self, method, ratio, error=False):
        e = self.evals[method, ratio]
        text = digits(e["value"])
        if error:
            text += f" ± {digits(e['stderr']) if e['value'] < 20 else format(e['stderr'], '.1f')}"
        return f"**{text}**" if e["value"] < min(self.seeds[ratio]) else text

    def random(self, ratio):
        v = self.seeds[ratio]
        sd = statistics.stdev(v)
        return f"{digits(statistics.mean(v))} ± {sd:.1f}" if v[0] >= 20 else f"{statistics.mean(v):.3f} ± {sd:.3f}"

    def rise(self, value):
        return f"{value - self.base:+.1f}" if value >= 20 else f"{value - self.base:+.3f}"


def row(*cells):
    print("| " + " | ".join(cells) + " |")


def all_ratios(zeroed, refitted):
    row("method", *(f"{w}, {r}" for w in ("zeroed", "refitted") for r in zeroed.ratios))
    row(*["---"] * (1 + 2 * len(zeroed.ratios)))
    for m in zeroed.methods:
        row(m, *(f.cell(m, r) for f in (zeroed, refitted) for r in f.ratios))
    row("random", *(f.random(r) for f in (zeroed, refitted) for r in f.ratios))


def one_ratio(zeroed, refitted, ratio):
    row("method", "zeroed", "delta", "refitted", "delta")
    row(*["---"] * 5)
    for m in sorted(zeroed.methods, key=lambda m: refitted.evals[m, ratio]["value"]):
        row(m, *(c for f in (zeroed, refitted) for c in (f.cell(m, ratio, True), f.rise(f.evals[m, ratio]["value"]))))
    means = [(f, statistics.mean(f.seeds[ratio])) for f in (zeroed, refitted)]
    row(f"random, mean ± sd of {len(zeroed.seeds[ratio])} seeds", *(c for f, v in means for c in (f.random(ratio), f.rise(v))))


def against_random(form, sweep):
    row("method", "pruned", "value", "± se", "delta", "random: mean ± sd", "min to max", "z", "beats", "p", "verdict")
    row(*["---"] * 11)
    for s in sweep["summary"]:
        if s["method"] not in ("entropy", "magnitude"):
            continue
        r, value = s["random"], s["value"]
        error = form.evals[s["method"], s["ratio"]]["stderr"]
        row(
            s["method"],
            f"{s['ratio']} ({s['pruned']} of {sweep['model']['heads']})",
            digits(value),
            f"{error:.1f}" if value >= 20 else f"{error:.3f}",
            form.rise(value),
            form.random(s["ratio"]),
            f"{digits(r['min'])} to {digits(r['max'])}",
            f"{s['z']:+.2f}",
            f"{s['wins']} of {r['seeds']}",
            f"{s['p']:.2f}" if s["p"] >= 0.1 else f"{s['p']:.2g}",
            s["verdict"],
        )
    print("\nSpearman of entropy and magnitude:", next(f"{a['spearman']:.2f}" for a in sweep["agreement"] if a["methods"] == ["entropy", "magnitude"]))


def main():
    sweeps = [load(p) for p in sys.argv[1:3]]
    base = sweeps[0]["baseline"]
    if any(s["baseline"] != base for s in sweeps):
        sys.exit("not of one model and text")
    forms = [Form(s) for s in sweeps]
    if len(sys.argv) > 3:
        one_ratio(*forms, float(sys.argv[3]))
    elif len(sweeps) > 1:
        all_ratios(*forms)
    else:
        against_random(*forms, *sweeps)
    print(f"\nas it is: {base['metric']} {digits(base['value'])} ± {base['stderr']:.3f}, {base['windows']} windows, {base['tokens']} tokens")


main()
