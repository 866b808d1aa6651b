"""Perplexity of causal models by transformers, on windows of token ids.

usage: loss.py IDS MODEL...

IDS is what `headprune tokens` prints. Windows that are shorter than the first
are left out; the first token of each is context only.
"""
import json
import math
import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
import transformers

BATCH = 8

transformers.logging.set_verbosity_error()
windows = [json.loads(line) for line in open(sys.argv[1])]
windows = [w for w in windows if len(w) == len(windows[0])]
for folder in sys.argv[2:]:
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    total = count = 0
    with torch.no_grad():
        for i in range(0, len(windows), BATCH):
            ids = torch.tensor(windows[i:i + BATCH])
            logits = model(ids).logits[:, :-1].log_softmax(-1)
            nll = -logits.gather(-1, ids[:, 1:, None])
            total += nll.sum().item()
            count += nll.numel()
    print(f"{folder}\t{math.exp(total / count):.1f}\t{count} tokens")
