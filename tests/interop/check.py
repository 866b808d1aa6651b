"""Compares headprune with transformers on the sample models.

usage: check.py PROGRAM WORK_DIR

For each model: the entropies that headprune reports are those of transformers
in float64 (1e-5 relative), and the pruned folder loads in the stock classes
without a missing, unexpected or mismatched key and gives the logits of the
original whose output-projection slices were zeroed here, in memory.
"""
import json
import os
import subprocess
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers

from layouts import Layout

PROGRAM, WORK = sys.argv[1:3]
CASES = (
    ("models/gpt2-novels", "AutoModelForCausalLM", ()),
    ("models/bert-novels", "AutoModelForMaskedLM", ()),
    ("models/reaction-bert", "AutoModelForMaskedLM",
     ("--tokens", "models/text/reactions-calibration.ids")),
    ("models/antibody-roberta", "AutoModelForMaskedLM",
     ("--tokens", "models/text/antibodies-calibration.ids")),
    ("models/llama-novels", "AutoModelForCausalLM", ()),
)


def run(*args):
    return subprocess.run((PROGRAM,) + args, check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def load(folder, auto):
    model, info = getattr(transformers, auto).from_pretrained(
        folder, attn_implementation="eager", output_loading_info=True)
    return model.double().eval(), {k: sorted(map(str, v)) for k, v in info.items()
                                   if k != "error_msgs"}


def entropies(model, sequences):
    total, rows = 0, 0
    for ids in sequences:
        out = model(torch.tensor([ids]), output_attentions=True)
        p = torch.stack(out.attentions)[:, 0]
        total = total + torch.special.entr(p).sum(-1).sum(-1)
        rows += len(ids)
    return (total / rows).flatten().tolist()


def check(folder, auto, data):
    name = os.path.basename(folder)
    model, info = load(folder, auto)
    tokens = os.path.join(WORK, name + ".ids")
    if data:
        sequences = [json.loads(line) for line in open(data[1])][:8]
    else:
        text = run("tokens", folder, "--data", "models/text/the-time-machine.txt",
                   "--sequences", "8").decode()
        sequences = [json.loads(line) for line in text.splitlines()]
    with open(tokens, "w") as f:
        f.writelines(json.dumps(s) + "\n" for s in sequences)

    with torch.no_grad():
        scores = json.loads(run("score", "entropy", "--json", folder, "--tokens", tokens))
        wanted = entropies(model, sequences)
        worst = max(abs(h["score"] - e) / e for h, e in zip(scores["heads"], wanted))
        # 6 significant digits are printed: half a unit of the last is 5e-6
        assert worst <= 1e-5 + 5e-6, (name, worst)

        out = os.path.join(WORK, name + "-pruned")
        run("entropy", "--ratio", "0.3", folder, "--tokens", tokens, "-o", out, "-f")
        report = json.load(open(os.path.join(out, "headprune.json")))
        pruned, pruned_info = load(out, auto)
        assert pruned_info == info, (info, pruned_info)
        layout = Layout(model.config.to_dict())
        layout.silence(model.state_dict(), {
            str(b["layer"]): [int(i.split(":")[1]) for i in b["heads"]
                              if i not in {h["id"] for h in report["list"]}]
            for b in report["blocks"]})
        ids = torch.tensor([sequences[0]])
        a, b = model(ids).logits, pruned(ids).logits
        difference = (a - b).abs().max().item()
        assert len(report["list"]) == int(0.3 * len(scores["heads"]))
        assert difference < 1e-9, (name, difference)
    print(f"{name}: transformers {transformers.__version__}, {len(sequences)} sequences: "
          f"entropy within {worst:.1e}, {len(report['list'])} heads pruned, "
          f"logits within {difference:.1e}")


transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
for case in CASES:
    check(*case)
