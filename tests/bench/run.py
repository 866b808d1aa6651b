#!/usr/bin/env python3
"""Runs the bench programs one after another and prints one table of their
rows. README.md says what they print. Needs the standard library only."""
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
# They change what OpenBLAS takes, and whether threads that wait count as
# computing; rows that want them name them here.
CHOICES = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OMP_WAIT_POLICY")
ENVIRONMENTS = {"bench_entropy": ({}, {"OPENBLAS_CORETYPE": "Haswell"}),
                "bench_scores": ({"OMP_WAIT_POLICY": "passive"},)}


class Failed(Exception):
    pass


def options():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--programs", help="folder of bench_*")
    p.add_argument("--headprune", help="the program")
    p.add_argument("--models", help="models are made there and kept "
                   "(default: made for this run)")
    p.add_argument("--only", help="rows whose names hold this, or match it as "
                   "a shell pattern")
    p.add_argument("--repeat", type=int, help="repetitions of every row")
    p.add_argument("--tiny", action="store_true", help="shapes too small to "
                   "measure anything")
    p.add_argument("--check", action="store_true", help="fail unless every "
                   "program gives the rows that it lists; no peers")
    p.add_argument("--list", action="store_true", help="names of rows")
    p.add_argument("--json", help="the rows, and what ran them, to this file")
    p.add_argument("--from", action="append", dest="files", metavar="JSON",
                   help="run nothing: the table of what --json wrote; given "
                   "again, later files' rows take the place of earlier ones")
    p.add_argument("--python", action="append", help="run peers with this "
                   "Python; may be given more than once (default: this one)")
    p.add_argument("--prefix", default="", help="put before every program, "
                   "such as 'nice -n -5'")
    o = p.parse_args()
    if not o.files and not (o.programs and o.headprune):
        p.error("--programs and --headprune are needed")
    return o


# ---- programs ----

def jobs(o):
    """Commands with their environments."""
    programs = sorted(p for p in Path(o.programs).glob("bench_*")
                      if p.is_file() and os.access(p, os.X_OK))
    for program in programs:
        for choice in ENVIRONMENTS.get(program.name, ({},)):
            yield [str(program)], choice
    for python in o.python or [sys.executable]:
        for peer in [] if o.check else sorted(HERE.glob("peer_*.py")):
            yield [python, str(peer), "--programs", str(o.programs)], {}


def environment(choice):
    env = {k: v for k, v in os.environ.items() if k not in CHOICES}
    return {**env, **choice}


def arguments(o):
    given = ["--models", o.models, "--headprune", o.headprune,
             "--source", str(HERE.parent.parent)]
    for name in ("only", "repeat"):
        if getattr(o, name):
            given += [f"--{name}", str(getattr(o, name))]
    return given + (["--tiny"] if o.tiny else [])


def output(command, choice):
    done = subprocess.run(command, env=environment(choice), text=True,
                          stdout=subprocess.PIPE)
    if done.returncode:
        raise Failed(f"{' '.join(command)}: exit code {done.returncode}")
    return done.stdout.splitlines()


# ---- rows ----

def parse(line):
    """A line of a program: a row, a row that is skipped, or what it uses."""
    try:
        item = json.loads(line)
    except ValueError as e:
        raise Failed(f"not JSON: {line!r}: {e}") from None
    if not isinstance(item, dict) or not {"row", "uses"} & set(item):
        raise Failed(f"neither 'row' nor 'uses': {line!r}")
    if "row" in item and "skipped" not in item:
        wrong = [k for k, kind in (("row", str), ("unit", str),
                                   ("values", list), ("dropped", list),
                                   ("bar", (int, float, type(None))))
                 if not isinstance(item.get(k, ...), kind)]
        wrong += [k for k in ("values", "dropped") if k not in wrong and
                  any(type(v) not in (int, float) for v in item[k])]
        if item.get("better") not in ("higher", "lower"):
            wrong.append("better")
        if wrong or not item["values"] + item["dropped"]:
            raise Failed(f"wrong or missing {wrong or ['values']}: {line!r}")
    return item


def complete(listed, rows):
    """What a program listed is there, and nothing that it did not list: a row
    of its own may have others, named after it and a comma."""
    names = [r["row"] for r in rows]
    for name in listed:
        if name not in names:
            raise Failed(f"row '{name}' is listed but not printed")
    for name in names:
        if not any(name == n or name.startswith(n + ", ") for n in listed):
            raise Failed(f"row '{name}' is printed but not listed")
        if names.count(name) > 1:
            raise Failed(f"row '{name}' is printed twice")


def summary(row):
    """Figures of a row; `ratio` is 1 or more where the bar is met."""
    values, bar = row["values"], row["bar"]
    if not values:
        return {"median": None, "met": None}
    median = statistics.median(values)
    s = {"median": median, "min": min(values), "max": max(values),
         "ratio": None, "met": None}
    if bar and median:
        s["ratio"] = median / bar if row["better"] == "higher" else bar / median
        s["met"] = s["ratio"] >= 1
    return s


def number(x):
    if x is None:
        return ""
    return f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.4g}"


def line(row, above=""):
    """`above`: the row that this one belongs to and stands below."""
    s = summary(row)
    name = row["row"]
    if above and name.startswith(f"{above}, "):
        name = f"... {name[len(above) + 2:]}"
    bar = {"higher": ">=", "lower": "<="}[row["better"]]
    runs = f"{len(row['values'])}"
    if row["dropped"]:
        runs += f" ({len(row['dropped'])} unsteady)"
    met = {True: "yes", False: "**no**", None: ""}[s["met"]]
    cells = [name, row["unit"], number(s["median"]), number(s.get("min")),
             number(s.get("max")), runs,
             f"{bar} {number(row['bar'])}" if row["bar"] else "",
             number(s.get("ratio")), met]
    return "| " + " | ".join(cells) + " |"


def table(rows):
    measured = [r for r in rows if "skipped" not in r]
    lines = ["| row | unit | median | min | max | runs | bar | ratio | met |",
             "|---|---|---|---|---|---|---|---|---|"]
    above = ""
    for r in measured:
        lines.append(line(r, above))
        if not above or not r["row"].startswith(f"{above}, "):
            above = r["row"]
    lines.append("")
    lines += [f"- {r['row']}: {r['note']}" for r in measured if r.get("note")]
    lines += [f"- {r['row']}: skipped, {r['skipped']}" for r in rows
              if "skipped" in r]
    return "\n".join(lines)


# ---- the machine ----

def machine():
    facts = {}
    for text in Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = text.partition(":")
        facts.setdefault(key.strip(), value.strip())
    try:
        cc = subprocess.run([os.environ.get("CC", "cc"), "--version"],
                            text=True, stdout=subprocess.PIPE).stdout
    except OSError:
        cc = "no compiler"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return [f"{facts.get('model name', platform.machine())} (family "
            f"{facts.get('cpu family')}, model {facts.get('model')}), "
            f"{len(os.sched_getaffinity(0))} processors, {memory:.0f} GiB, "
            f"{platform.system()} {platform.release()}",
            cc.partition("\n")[0]]


# ---- all of it ----

def run_job(o, command, choice, seen):
    """The rows of a program that were not seen before, and what it uses."""
    given = arguments(o)
    listed = [n for n in output([*command, *given, "--list"], choice)
              if n not in seen]
    if not listed or o.list:
        return [{"row": n} for n in listed], []
    print(f"{os.path.basename(command[-1] if len(command) == 1 else command[1])}"
          f" {' '.join(f'{k}={v}' for k, v in choice.items())}",
          file=sys.stderr, flush=True)
    items = list(map(parse, output([*o.prefix.split(), *command, *given],
                                   choice)))
    rows = [i for i in items if "row" in i]
    complete(listed, rows)
    return rows, [i["uses"] for i in items if "uses" in i]


def merge(files):
    """Rows of several runs, the newest of each name, and what they used."""
    rows, uses = {}, []
    for path in files:
        with open(path, encoding="utf-8") as f:
            part = json.load(f)
        rows.update((r["row"], parse(json.dumps(r))) for r in part["rows"])
        uses += [u for u in part["uses"] if u not in uses]
    return list(rows.values()), uses


def without_skipped(rows):
    """What one Python lacks another may have measured, under this name or a
    longer one."""
    names = [r["row"] for r in rows if "skipped" not in r]
    return [r for i, r in enumerate(rows) if "skipped" not in r or not (
        any(n.startswith(r["row"]) for n in names) or r in rows[:i])]


def run(o):
    rows, uses, failures = [], machine(), []
    for command, choice in jobs(o):
        try:
            new, used = run_job(o, command, choice, {
                r["row"] for r in rows if "skipped" not in r})
        except Failed as e:
            failures.append(str(e))
            continue
        rows = without_skipped(rows + new)
        uses += [u for u in used if u not in uses]
    if o.list:
        print("\n".join(r["row"] for r in rows))
    elif o.check:
        print(f"{len(rows)} rows")
    else:
        print(*["Tiny shapes: no figure says anything."] * o.tiny, table(rows),
              *(f"- {u}" for u in uses), sep="\n")
    if o.json:
        with open(o.json, "w", encoding="utf-8") as f:
            json.dump({"uses": uses, "rows": rows}, f, indent=1)
    for text in failures:
        print(f"failed: {text}", file=sys.stderr)
    return bool(failures)


def refuses(line_or_rows):
    try:
        if isinstance(line_or_rows, str):
            parse(line_or_rows)
        else:
            complete(*line_or_rows)
    except Failed:
        return True
    return False


def check_runner():
    """The runner's own logic, on lines that are right and wrong."""
    good = ('{"row":"a","unit":"x","values":[3,1,2.5],"dropped":[9],"bar":2,'
            '"better":"%s"}')
    higher, lower = parse(good % "higher"), parse(good % "lower")
    assert summary(higher) == {"median": 2.5, "min": 1, "max": 3,
                               "ratio": 1.25, "met": True}
    assert summary(lower)["ratio"] == 0.8 and not summary(lower)["met"]
    assert line(higher) == ("| a | x | 2.5 | 1 | 3 | 3 (1 unsteady) | >= 2 | "
                            "1.25 | yes |")
    assert "**no**" in line(lower)
    assert line({**higher, "row": "a, b"}, "a").startswith("| ... b |")
    assert line({**higher, "row": "ab"}, "a").startswith("| ab |")
    unsteady = parse(good.replace("[3,1,2.5]", "[]") % "higher")
    assert summary(unsteady)["met"] is None and line(unsteady)
    assert "skipped, why" in table([parse('{"row":"b","skipped":"why"}')])
    for wrong in ("nan", "[1]", '{"unit":"x"}', good % "more",
                  good.replace("2.5", '"2.5"') % "higher",
                  good.replace("2.5", "true") % "higher",
                  good.replace(',"bar":2', "") % "higher",
                  good.replace("[3,1,2.5]", "[]").replace("[9]", "[]")
                  % "higher"):
        assert refuses(wrong), wrong
    complete(["a"], [{"row": "a"}, {"row": "a, more"}])
    skipped = [{"row": n, "skipped": ""} for n in ("a", "b", "b")]
    assert without_skipped([*skipped, {"row": "a more"}]) == [
        skipped[1], {"row": "a more"}]
    for listed, printed in ((["a"], []), (["a"], ["a", "b"]), ([], ["a"]),
                            (["a"], ["a", "a"]), (["a"], ["a", "ab"])):
        assert refuses((listed, [{"row": n} for n in printed])), printed


def check_merge():
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{i}" for i in range(2)]
        for path, names, use in zip(paths, ("ab", "bc"), ("x", "x")):
            with open(path, "w", encoding="utf-8") as f:
                json.dump({"uses": [use], "rows": [
                    {"row": n, "skipped": path} for n in names]}, f)
        rows, uses = merge(paths)
    assert uses == ["x"]
    assert [(r["row"], paths.index(r["skipped"])) for r in rows] == [
        ("a", 0), ("b", 1), ("c", 1)]


def main():
    o = options()
    if o.check:
        check_runner()
        check_merge()
    if o.files:
        rows, uses = merge(o.files)
        print(table(rows), *(f"- {u}" for u in uses), sep="\n")
        return 0
    if o.models:
        return run(o)
    with tempfile.TemporaryDirectory(prefix="headprune-bench-") as o.models:
        return run(o)


if __name__ == "__main__":
    sys.exit(main())
