#!/usr/bin/python3
"""usage: attention.py FILE KIND DOCUMENT: reads a file of `attention -o` and
checks its rows; their entropies must be those of DOCUMENT (`attention --json`).
KIND: causal or encoder. Prints the names of the tensors."""
import json
import math
import struct
import sys


def main():
    with open(sys.argv[1], "rb") as f:
        data = f.read()
    (n,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + n])
    notes = header.pop("__metadata__")
    assert notes["format"] == "pt" and n % 8 == 0, notes
    with open(sys.argv[3], encoding="utf-8") as f:
        document = json.load(f)
    assert json.loads(notes["tokens"]) == document["tokens"]
    tokens = len(document["tokens"])
    for name, t in header.items():
        heads, rows, columns = t["shape"]
        assert t["dtype"] == "F32" and rows == columns == tokens, t
        start, end = t["data_offsets"]
        values = struct.unpack(f"<{heads * rows * rows}f", data[8 + n + start : 8 + n + end])
        want = [h["entropy"] for h in document["heads"] if h["name"] == name]
        assert len(want) == heads
        for h in range(heads):
            total = 0
            for i in range(rows):
                row = values[(h * rows + i) * rows :][:rows]
                assert abs(sum(row) - 1) < 1e-6, (name, h, i, sum(row))
                if sys.argv[2] == "causal":
                    assert not any(row[i + 1 :]), (name, h, i)
                total -= sum(p * math.log(p) for p in row if p)
            assert abs(total / rows - want[h]) < 1e-5, (name, h, total / rows)
        print(name)


main()
