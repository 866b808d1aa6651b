"""What peers share: the options of a bench program and the lines that one
prints (README.md)."""
import argparse
import fnmatch
import json
import subprocess


def options(description):
    p = argparse.ArgumentParser(description=description)
    for name in ("--programs", "--headprune", "--models", "--source", "--only"):
        p.add_argument(name)
    p.add_argument("--repeat", type=int)
    p.add_argument("--tiny", action="store_true")
    p.add_argument("--list", action="store_true")
    return p.parse_args()


def wanted(o, row):
    """Whether to measure this row; under --list prints its name."""
    if o.only and o.only not in row and not fnmatch.fnmatchcase(row, o.only):
        return False
    if o.list:
        print(row)
    return not o.list


def repeats(o, usual):
    return o.repeat or (1 if o.tiny else usual)


def row(name, unit, values, **more):
    """more: bar, better, dropped, note."""
    print(json.dumps({"row": name, "unit": unit, "values": values,
                      "dropped": [], "bar": None, "better": "higher", **more}),
          flush=True)


def uses(text):
    print(json.dumps({"uses": text}), flush=True)


def skip(name, why):
    print(json.dumps({"row": name, "skipped": why}), flush=True)


def make_model(o):
    """GPT-2 small in F32 in --models: a program that needs it writes it."""
    subprocess.run([f"{o.programs}/bench_magnitude", "--models", o.models,
                    "--headprune", o.headprune, "--repeat", "1",
                    "--only", "gpt2-small",
                    *["--tiny"] * o.tiny], check=True,
                   stdout=subprocess.DEVNULL)
