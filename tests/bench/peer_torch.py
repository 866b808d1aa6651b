#!/usr/bin/env python3
"""headprune's entropy beside a loop in torch, GPT-2 small shapes, the same
tokens and weights, in turn.

The loop does what the usual script around transformers does: batches of 4,
output_attentions, the probabilities of all layers kept, entropy after. The
model is written here in plain torch, in the style of transformers' GPT2Attention
(eager): Conv1D is addmm, then matmul, division, where with the causal mask,
softmax, matmul. So only torch and numpy are needed, and no time goes into
transformers' own Python. Only the loop is timed, of headprune the whole
process; the last layer is computed whole by the loop, as transformers does.
"""
import json
import math
import mmap
import os
import random
import subprocess
import tempfile
import time

import peer

try:
    import numpy
    import torch
except ImportError:
    torch = None

BATCH = 4


def library():
    """What multiplies, and how many times as fast headprune is to be."""
    if "mkl" in torch.__config__.show().split("BLAS_INFO=")[-1][:8]:
        return "MKL", 2.0
    with open("/proc/self/maps") as f:
        maps = f.read()
    return ("OpenBLAS", 4.5) if "openblas" in maps else ("other BLAS", None)


# ---- the model ----

def load(folder):
    """Tensors by name, views of the mapped file, and config.json."""
    with open(f"{folder}/config.json") as f:
        config = json.load(f)
    with open(f"{folder}/model.safetensors", "rb") as f:
        data = mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_COPY)
    n = int.from_bytes(data[:8], "little")
    weights = {}
    for name, t in json.loads(data[8:8 + n]).items():
        begin, end = t["data_offsets"]
        array = numpy.frombuffer(data, numpy.float32, (end - begin) // 4,
                                 8 + n + begin)
        weights[name.removeprefix("transformer.")] = torch.from_numpy(
            array.reshape(t["shape"])).clone()
    return weights, config


def conv1d(x, weights, name):
    w, b = weights[f"{name}.weight"], weights[f"{name}.bias"]
    return torch.addmm(b, x.view(-1, x.size(-1)), w).view(
        *x.shape[:-1], w.size(1))


def norm(x, weights, name):
    return torch.nn.functional.layer_norm(
        x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"],
        1e-5)


def gelu_new(x):
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (
        x + 0.044715 * torch.pow(x, 3.0))))


def attention(x, weights, name, heads, mask):
    """Output and probabilities [batch, heads, T, T]."""
    batch, length, width = x.shape
    query, key, value = (
        t.view(batch, length, heads, width // heads).permute(0, 2, 1, 3)
        for t in conv1d(x, weights, f"{name}.c_attn").split(width, dim=2))
    scores = torch.matmul(query, key.transpose(-1, -2))
    scores = scores / torch.full([], value.size(-1) ** 0.5)
    lowest = torch.full([], torch.finfo(scores.dtype).min)
    scores = torch.where(mask[:, :, :length, :length], scores, lowest)
    probs = torch.softmax(scores, dim=-1)
    out = torch.matmul(probs, value).permute(0, 2, 1, 3).contiguous()
    return conv1d(out.view(batch, length, width), weights,
                  f"{name}.c_proj"), probs


def forward(ids, weights, config, mask):
    """Probabilities of all layers, as output_attentions=True gives them."""
    x = weights["wte.weight"][ids] + weights["wpe.weight"][:ids.size(1)]
    kept = []
    for i in range(config["n_layer"]):
        out, probs = attention(norm(x, weights, f"h.{i}.ln_1"), weights,
                               f"h.{i}.attn", config["n_head"], mask)
        x = x + out
        inner = conv1d(norm(x, weights, f"h.{i}.ln_2"), weights,
                       f"h.{i}.mlp.c_fc")
        x = x + conv1d(gelu_new(inner), weights, f"h.{i}.mlp.c_proj")
        kept.append(probs)
    norm(x, weights, "ln_f")
    return kept


def entropies(ids, weights, config):
    """Mean entropy of every head in nats, [layers, heads]."""
    n = config["n_positions"]
    mask = torch.tril(torch.ones((n, n), dtype=torch.bool)).view(1, 1, n, n)
    total = torch.zeros(config["n_layer"], config["n_head"],
                        dtype=torch.float64)
    with torch.no_grad():
        for batch in ids.split(BATCH):
            for i, p in enumerate(forward(batch, weights, config, mask)):
                h = -(p * torch.log(p + 1e-12)).sum(dim=-1)
                total[i] += h.double().sum(dim=(0, 2))
    return total / ids.numel()


# ---- both ----

def time_headprune(o, model, tokens):
    """Seconds of the process, and its scores in the order of heads."""
    command = [o.headprune, "-q", "score", "entropy", "--json", "--tokens",
               tokens, model]
    start = time.monotonic()
    text = subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout
    took = time.monotonic() - start
    return took, [h["score"] for h in json.loads(text)["heads"]]


def time_torch(ids, weights, config):
    start = time.monotonic()
    scores = entropies(ids, weights, config)
    return time.monotonic() - start, scores.flatten().tolist()


def compare(o, name, bar):
    folder = o.models + ("/tiny-gpt2-F32" if o.tiny else "/gpt2-small-F32")
    if not os.path.exists(f"{folder}/config.json"):
        peer.make_model(o)
    weights, config = load(folder)
    rng = random.Random(1)
    ids = [[rng.randrange(config["vocab_size"]) for _ in
            range(16 if o.tiny else 512)] for _ in range(4 if o.tiny else 16)]
    with tempfile.NamedTemporaryFile("w", suffix=".ids") as f:
        f.write("\n".join(" ".join(map(str, s)) for s in ids))
        f.flush()
        measure(o, name, bar, lambda: time_headprune(o, folder, f.name),
                lambda: time_torch(torch.tensor(ids), weights, config),
                sum(map(len, ids)))


def measure(o, name, bar, ours, theirs, tokens):
    """headprune, torch, headprune, and so on: a ratio counts when headprune
    took the same time before and after it, within a tenth."""
    ratios, dropped, speed = [], [], []
    theirs()  # its first pass faults memory in
    before, scores = ours()
    for _ in range(peer.repeats(o, 3)):
        took, expected = theirs()
        after, _ = ours()
        steady = after < before * 1.1 and before < after * 1.1
        (ratios if steady else dropped).append(2 * took / (before + after))
        speed.append(tokens / took)
        before = after
    worst = max(abs(a - b) / b for a, b in zip(scores, expected))
    if worst > 1e-4:
        raise SystemExit(f"{name}: scores differ by {worst:.2g}")
    with open("/proc/self/status") as f:
        peak = next(line for line in f if line.startswith("VmHWM"))
    peer.row(name, "times as fast", ratios, dropped=dropped, bar=bar,
             note=f"16 x 512 tokens, torch {torch.__version__}, "
             f"{torch.get_num_threads()} threads; scores agree to {worst:.1g}")
    peer.row(f"{name}, torch", "tokens/s", speed)
    peer.row(f"{name}, torch resident memory", "MiB",
             [int(peak.split()[1]) / 1024], better="lower")


def main():
    o = peer.options(__doc__)
    blas, bar = library() if torch else ("", None)
    name = f"entropy gpt2-small F32 / torch {blas}".strip()
    if not peer.wanted(o, name):
        return
    if torch is None:
        peer.skip(name, "torch is not installed")
        return
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    compare(o, name, bar)


if __name__ == "__main__":
    main()
