#!/usr/bin/python3
"""usage: refit.py ZERO REFIT TENSOR=HEADS...: two folders with one F32 model of 8-row heads; of each TENSOR, stored input
by output, the rows of HEADS (with commas) are zero in both and every other row differs; all other bytes are equal."""
import json
import struct
import sys


def read(folder):
    data = open(folder + "/model.safetensors", "rb").read()
    n = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + n])
    return {k: (v["shape"], data[8 + n + v["data_offsets"][0]:8 + n + v["data_offsets"][1]])
            for k, v in header.items() if k != "__metadata__"}


zero, refit = read(sys.argv[1]), read(sys.argv[2])
changed = dict(a.split("=") for a in sys.argv[3:])
assert list(zero) == list(refit)
for name, (shape, old) in zero.items():
    new = refit[name][1]
    if name not in changed:
        assert old == new, name
        continue
    gone = [int(h) for h in changed[name].split(",")]
    step = 4 * shape[1]
    for row in range(shape[0]):
        a, b = (x[row * step:(row + 1) * step] for x in (old, new))
        assert (a == b == bytes(step)) if row // 8 in gone else a != b, (name, row)
