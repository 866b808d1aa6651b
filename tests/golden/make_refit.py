#!/usr/bin/env python3
"""Second moments of heads' outputs and refitted output projections, by transformers and numpy in float64.

usage: make_refit.py MODEL_FOLDER...     (torch 2.13.0, transformers 4.57.6, numpy, safetensors)

Writes refit/NAME.safetensors beside each folder NAME, of the sequences and of masked.heads in its expected.json. Per block NAME:
NAME.c [n, n] sum of z z', NAME.sum [n] of z, NAME.stream [1] sum of |x|^2 (x: input of the module that adds the
block's output to it), and for blocks that lose heads and keep some NAME.refit, the whole output projection as it is
stored, kept rows W_K + solve(A_KK, A_KS W_S) with A = C + 0.01 mean(diag C) I, removed rows 0, before any rounding, and
NAME.error [2]: sqrt(tr(D' C D) / tr(W' C W)) with D the change of W, of removal alone and with the refit.
NAME.costs [3, H, H]: (h, k) of the first is what of the output is lost when h and k go and the others are refitted,
tr(W_S' (A_SS - A_SK A_KK^-1 A_KS) W_S), of the second that of h where k does not exist; the third is tr(A_hk W_k W_h').
"""
import json, pathlib, sys
import numpy as np
import safetensors.numpy
import torch
import transformers


def open_model(folder, expected):
    cls = getattr(transformers, expected["architecture"])
    model = cls.from_pretrained(folder, dtype=torch.float64, attn_implementation="eager")
    return model.eval().requires_grad_(False)


class Taps:
    """Inputs of modules, one row a query position."""

    def __init__(self, model, names):
        self.rows = {n: [] for n in names}
        for n in names:
            model.get_submodule(n).register_forward_pre_hook(
                lambda module, args, kwargs, n=n: self.rows[n].append(
                    (args[0] if args else kwargs["hidden_states"]).flatten(0, 1).numpy()), with_kwargs=True)

    def get(self, name):
        return np.concatenate(self.rows[name])


def run(model, expected):
    decoders = expected.get("decoder_sequences")
    for i, ids in enumerate(expected["sequences"]):
        more = {"decoder_input_ids": torch.tensor([decoders[i]])} if decoders else {}
        model(input_ids=torch.tensor([ids]), **more)


def refitted(w, c, gone, head_dim):
    """w [n, width], input by output."""
    rows = np.array([h * head_dim + i for h in gone for i in range(head_dim)])
    kept = np.setdiff1d(np.arange(len(w)), rows)
    a = c + 0.01 * np.diag(c).mean() * np.eye(len(c))
    out = w.copy()
    out[rows] = 0
    total, zeroed = np.sum(w * (c @ w)), out - w
    before = np.sum(zeroed * (c @ zeroed))
    out[kept] += np.linalg.solve(a[np.ix_(kept, kept)], a[np.ix_(kept, rows)] @ w[rows])
    after = np.sum((out - w) * (c @ (out - w)))
    return out, np.sqrt(np.array([before, after]) / total)


def removal_cost(w, a, gone, kept):
    """gone, kept: rows"""
    schur = a[np.ix_(gone, gone)]
    if len(kept):
        schur = schur - a[np.ix_(gone, kept)] @ np.linalg.solve(a[np.ix_(kept, kept)], a[np.ix_(kept, gone)])
    return np.sum(w[gone] * (schur @ w[gone]))


def costs(w, c, heads):
    dim = len(w) // heads
    rows = lambda hs: np.array([h * dim + i for h in hs for i in range(dim)], dtype=int)
    a = c + 0.01 * np.diag(c).mean() * np.eye(len(c))
    out = np.zeros((3, heads, heads))
    for h in range(heads):
        for k in range(heads):
            rest = rows([j for j in range(heads) if j not in (h, k)])
            out[0, h, k] = removal_cost(w, a, rows(sorted({h, k})), rest)
            out[1, h, k] = removal_cost(w, a, rows([h]), rest)
            out[2, h, k] = np.sum(a[np.ix_(rows([h]), rows([k]))] * (w[rows([h])] @ w[rows([k])].T))
    return out


def main(folder):
    expected = json.loads((folder / "expected.json").read_text())
    model = open_model(folder, expected)
    projections = [t.removesuffix(".weight") for t in expected["zeroed_sha256"]]
    blocks = {b["name"]: next(p for p in projections if p.startswith(b["name"] + ".")) for b in expected["blocks"]}
    residual = {b: b.rsplit(".", 1)[0] for b in blocks}
    taps = Taps(model, [*blocks.values(), *residual.values()])
    run(model, expected)
    out = {}
    for i, (name, projection) in enumerate(blocks.items()):
        z, module = taps.get(projection), model.get_submodule(projection)
        c = z.T @ z
        out[name + ".c"], out[name + ".sum"] = c, z.sum(0)
        out[name + ".stream"] = np.array([np.sum(taps.get(residual[name]) ** 2)])
        turned = isinstance(module, torch.nn.Linear)
        w = module.weight.numpy().T if turned else module.weight.numpy()
        out[name + ".costs"] = costs(w, c, expected["blocks"][i]["n_heads"])
        gone = [h for b, h in expected["masked"]["heads"] if b == i]
        if gone and len(gone) < expected["blocks"][i]["n_heads"]:
            new, out[name + ".error"] = refitted(w, c, gone, expected["blocks"][i]["head_dim"])
            out[name + ".refit"] = np.ascontiguousarray(new.T if turned else new)
    (folder.parent / "refit").mkdir(exist_ok=True)
    safetensors.numpy.save_file(out, folder.parent / "refit" / (folder.name + ".safetensors"))


for argument in sys.argv[1:]:
    main(pathlib.Path(argument))
