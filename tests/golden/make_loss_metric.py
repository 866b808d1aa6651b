#!/usr/bin/env python3
"""Scores in the metric of the loss, by transformers and torch in float64.

usage: make_loss_metric.py MODEL_FOLDER...     (torch 2.13.0, transformers 4.57.6)

Writes loss_metric.json beside the folders: for each of them `loss-energy` and `obs`, [block][head], of the sequences and labels in its
expected.json. C = E z z' of what the output projection W [n, D] reads, G = E g g' of the gradient g of a sequence's
summed loss at what the projection gives, both over all query positions.

loss-energy = tr(G W_h' C_hh W_h). obs: heads of a block are removed greedily, the cost of the set S being
tr(G W_S' (A_SS - A_SK A_KK^-1 A_KS) W_S), A = C + 0.01 mean(diag C) I, K the heads that stay; a head's score is its
extra cost, and no less than that of the head removed before it.
"""
import json, pathlib, sys
import torch
import transformers
from torch.nn.functional import cross_entropy


def open_model(folder, expected):
    cls = getattr(transformers, expected["architecture"])
    model = cls.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager")
    return model.eval().requires_grad_(False)


def losses(model, expected):
    """Yields the summed loss of every sequence, None without a target."""
    for i, ids in enumerate(expected["sequences"]):
        logits = model(input_ids=torch.tensor([ids])).logits[0]
        if "mlm" in expected:
            labelled = [m for m in expected["mlm"] if m["sequence"] == i]
            rows = [p for m in labelled for p in m["positions"]]
            labels = [l for m in labelled for l in m["labels"]]
        else:
            rows, labels = list(range(len(ids) - 1)), ids[1:]
        yield cross_entropy(logits[rows], torch.tensor(labels), reduction="sum") if rows else None


def statistics(model, expected, projections):
    z = {p: [] for p in projections}
    zeros = {}

    def tap(name):
        def hook(module, args, output):
            z[name].append(args[0].detach().flatten(0, 1))
            zeros[name] = torch.zeros_like(output, requires_grad=True)
            return output + zeros[name]
        return hook

    for p in projections:
        model.get_submodule(p).register_forward_hook(tap(p))
    g = {p: [] for p in projections}
    for loss in losses(model, expected):
        rows = torch.autograd.grad(loss, [zeros[p] for p in projections]) if loss is not None else \
            [torch.zeros_like(zeros[p]) for p in projections]
        for p, r in zip(projections, rows):
            g[p].append(r.flatten(0, 1))
    mean = lambda rows: torch.cat(rows).T @ torch.cat(rows) / len(torch.cat(rows))
    return {p: (mean(z[p]), mean(g[p])) for p in projections}


def rows_of(heads, dim):
    return torch.tensor([h * dim + i for h in sorted(heads) for i in range(dim)], dtype=torch.long)


def removal_cost(w, a, g, gone, keep, dim):
    s, k = rows_of(gone, dim), rows_of(keep, dim)
    schur = a[s][:, s]
    if len(k):
        schur = schur - a[s][:, k] @ torch.linalg.solve(a[k][:, k], a[k][:, s])
    return float(((w[s] @ g) * (schur @ w[s])).sum())


def obs(w, c, g, heads, dim):
    a = c + 0.01 * c.diagonal().mean() * torch.eye(len(c), dtype=c.dtype)
    scores, gone, alive, last = [0.0] * heads, [], list(range(heads)), 0.0
    while alive:
        cost, h = min((removal_cost(w, a, g, gone + [h], [k for k in alive if k != h], dim), h) for h in alive)
        scores[h] = max(cost - last, scores[gone[-1]] if gone else 0.0)
        gone.append(h)
        alive.remove(h)
        last = cost
    return scores


def main(folder):
    expected = json.loads((folder / "expected.json").read_text())
    model = open_model(folder, expected)
    projections = [t.removesuffix(".weight") for t in expected["zeroed_sha256"]]
    blocks = [(b, next(p for p in projections if p.startswith(b["name"] + "."))) for b in expected["blocks"]]
    stats = statistics(model, expected, [p for _, p in blocks])
    out = {"loss-energy": [], "obs": []}
    for b, p in blocks:
        module, (c, g), dim = model.get_submodule(p), stats[p], b["head_dim"]
        w = module.weight.T if isinstance(module, torch.nn.Linear) else module.weight
        own = [rows_of([h], dim) for h in range(b["n_heads"])]
        out["loss-energy"].append([float(((w[r] @ g) * (c[r][:, r] @ w[r])).sum()) for r in own])
        out["obs"].append(obs(w, c, g, b["n_heads"], dim))
    return out


folders = [pathlib.Path(a) for a in sys.argv[1:]]
short = lambda x: [short(v) for v in x] if isinstance(x, list) else float(f"{x:.12g}")
values = {f.name: {k: short(v) for k, v in main(f).items()} for f in folders}
(folders[0].parent / "loss_metric.json").write_text(json.dumps(values, indent=1) + "\n")
