#!/usr/bin/env python3
"""headprune beside numpy: magnitude of all heads of GPT-2 small, and writing
it with half of its heads zeroed or removed, in turn, each a whole process on a
warm cache. What both give must agree.

    peer_numpy.py --job magnitude|zero|remove MODEL.safetensors [OUTPUT]

does numpy's part on memory-mapped views; a written file is synced, as
headprune's is.
"""
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time

import peer

try:
    import numpy as np
except ImportError:
    np = None


# ---- numpy's part ----

def read(path):
    """The header, and the tensors as views of the mapped file."""
    data = np.memmap(path, np.uint8, "r")
    n = int.from_bytes(data[:8].tobytes(), "little")
    header = json.loads(data[8:8 + n].tobytes())
    header.pop("__metadata__", None)
    views = {}
    for name, t in header.items():
        begin, end = (8 + n + x for x in t["data_offsets"])
        views[name] = data[begin:end].view(np.float32).reshape(t["shape"])
    return header, views


def layers(views):
    for i in range(len(views)):
        prefix = f"transformer.h.{i}.attn"
        if f"{prefix}.c_attn.weight" not in views:
            return
        yield prefix


def magnitude(views, dim):
    scores = []
    for prefix in layers(views):
        qkv = views[f"{prefix}.c_attn.weight"]
        out = views[f"{prefix}.c_proj.weight"]
        width = len(out)
        for at in range(0, width, dim):
            scores.append(float(np.linalg.norm(out[at:at + dim]) + sum(
                np.linalg.norm(qkv[:, k * width + at:k * width + at + dim])
                for k in range(3))))
    return scores


def kept(width, dim):
    """Rows of the heads that stay, every second one."""
    return np.concatenate([np.arange(h * dim, (h + 1) * dim)
                           for h in range(1, width // dim, 2)])


def prune(views, form, dim):
    """The tensors that change."""
    changed = {}
    for prefix in layers(views):
        out = views[f"{prefix}.c_proj.weight"]
        stay = kept(len(out), dim)
        if form == "zero":
            zeroed = np.zeros_like(out)
            zeroed[stay] = out[stay]
            changed[f"{prefix}.c_proj.weight"] = zeroed
            continue
        columns = np.concatenate([stay + k * len(out) for k in range(3)])
        changed[f"{prefix}.c_proj.weight"] = out[stay]
        for name in (f"{prefix}.c_attn.weight", f"{prefix}.c_attn.bias"):
            changed[name] = np.ascontiguousarray(views[name][..., columns])
    return changed


def write(path, header, views):
    at, table = 0, {}
    for name in header:
        n = views[name].nbytes
        table[name] = {"dtype": "F32", "shape": views[name].shape,
                       "data_offsets": [at, at + n]}
        at += n
    text = json.dumps(table).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for name in header:
            views[name].tofile(f)
        f.flush()
        os.fsync(f.fileno())


def job(form, dim, path, out=None):
    start = time.monotonic()
    header, views = read(path)
    if form == "magnitude":
        scores = magnitude(views, dim)
    else:
        scores = None
        write(out, header, {**views, **prune(views, form, dim)})
    took = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": took, "resident": used, "scores": scores}))


# ---- both ----

class Model:
    def __init__(self, o):
        self.folder = o.models + ("/tiny-gpt2-F32" if o.tiny
                                  else "/gpt2-small-F32")
        if not os.path.exists(f"{self.folder}/config.json"):
            peer.make_model(o)
        with open(f"{self.folder}/config.json") as f:
            config = json.load(f)
        self.dim = config["n_embd"] // config["n_head"]
        self.layers, self.heads = config["n_layer"], config["n_head"]
        self.file = f"{self.folder}/model.safetensors"


def run(command):
    """Seconds and output of a process."""
    start = time.monotonic()
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    return time.monotonic() - start, text


def numpy_job(m, form, *out):
    took, text = run([sys.executable, __file__, "--job", form, str(m.dim),
                      m.file, *out])
    return took, json.loads(text)


def headprune_job(o, m, form, *out):
    if form == "magnitude":
        command = ["score", "magnitude", "--json", m.folder]
    else:
        heads = ",".join(map(str, range(0, m.heads, 2)))
        command = ["apply", m.folder, "-o", *out, "--emit", form, "--heads",
                   " ".join(f"{i}:{heads}" for i in range(m.layers))]
    return run([o.headprune, "-q", *command])


def agree(name, ours, theirs):
    """Scores to the digits that headprune prints; tensors bit by bit."""
    if isinstance(ours, bytes):
        ours = [h["score"] for h in json.loads(ours)["heads"]]
        if not np.allclose(ours, theirs["scores"], rtol=1e-5, atol=0):
            raise SystemExit(f"{name}: other scores than numpy")
        return
    a, b = read(ours)[1], read(theirs)[1]
    if a.keys() != b.keys() or not all(np.array_equal(a[k], b[k]) for k in a):
        raise SystemExit(f"{name}: other tensors than numpy")


def compare(o, m, name, form, bar, usual):
    ratios, alone, resident = [], [], []
    with tempfile.TemporaryDirectory(dir=o.models) as folder:
        outs = [] if form == "magnitude" else [f"{folder}/ours",
                                               f"{folder}/theirs"]
        for i in range(-1, peer.repeats(o, usual)):  # the first warms up
            ours, text = headprune_job(o, m, form, *outs[:1])
            theirs, said = numpy_job(m, form, *outs[1:])
            if i < 0 and outs:
                agree(name, f"{outs[0]}/model.safetensors", outs[1])
            elif i < 0:
                agree(name, text, said)
            else:
                ratios.append(theirs / ours)
                alone.append(said["seconds"] / ours)
                resident.append(said["resident"])
            if outs:
                shutil.rmtree(outs[0])
                os.unlink(outs[1])
    peer.row(name, "times as fast", ratios, bar=bar,
             note="whole processes, warm cache; written files synced")
    peer.row(f"{name}, without starting Python", "times as fast", alone)
    peer.row(f"{name}, numpy resident memory", "MiB", resident,
             better="lower")


ROWS = (("magnitude gpt2-small F32 / numpy", "magnitude", 8, 21),
        ("write gpt2-small F32, half its heads zeroed / numpy", "zero", 1.7, 7),
        ("write gpt2-small F32, half its heads removed / numpy", "remove", 1.7,
         7))


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--job":
        job(sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
        return
    o = peer.options(__doc__)
    for name, form, bar, usual in ROWS:
        if not peer.wanted(o, name):
            continue
        if np is None:
            peer.skip(name, "numpy is not installed")
            continue
        compare(o, Model(o), name, form, bar, usual)


if __name__ == "__main__":
    main()
