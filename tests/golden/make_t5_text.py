#!/usr/bin/env python3
"""Make t5-text: a tiny T5 for the vocabulary of tokenizers/t5, and what transformers says of a text cut into pairs.

    python3 tests/golden/make_t5_text.py OUT_DIR

Run from the root of the project, with the packages that make_golden.py names and tokenizers 0.22.2. The pairs are cut
here as docs/methods.md says; README.md says what the fields are.
"""
import math
import pathlib
import sys

import torch
from tokenizers import Tokenizer

import make_golden as golden
from make_golden import Model, S, tf

TEXT, TOKENIZER = "models/text/the-time-machine.txt", "tests/golden/tokenizers/t5/tokenizer.json"
LENGTH, PAIRS, PROMPT, NEW, SEED = 24, 3, "What you may have heard", 8, 7


def cut(tokenizer):
    ids = tokenizer.encode(pathlib.Path(TEXT).read_text(), add_special_tokens=False).ids
    end, body, found = tokenizer.token_to_id("</s>"), LENGTH - 1, []
    for at in range(0, 2 * body * PAIRS, 2 * body):
        found.append((ids[at:at + body] + [end], [0] + ids[at + body:at + 2 * body]))
    return found


def logits(model, encoder, decoder):
    with golden.Exact64(), torch.no_grad():
        return model(input_ids=torch.tensor([encoder]), decoder_input_ids=torch.tensor([decoder])).logits[0]


def main():
    spec = Model("t5-text", tf.T5ForConditionalGeneration, golden.t5, "t5", "seq2seq",
                 S(1, 2, 8, 16, 32, 912, 40, (2,), layers2=1))
    folder = pathlib.Path(sys.argv[1]) / spec.name
    folder.mkdir(parents=True, exist_ok=True)
    config = spec.config(spec.shape)
    config.eos_token_id = 1
    model = spec.cls(config)
    golden.randomise(model, spec, torch.Generator().manual_seed(SEED))
    golden.save(model, spec, config, folder)
    model = golden.load(spec, config, folder, torch.float64)

    tokenizer = Tokenizer.from_file(TOKENIZER)
    pairs = cut(tokenizer)
    sums = [torch.nn.functional.cross_entropy(logits(model, e, d)[:-1], torch.tensor(d[1:]), reduction="sum").item()
            for e, d in pairs]
    n = sum(len(d) - 1 for _, d in pairs)
    loss = sum(sums) / n
    spread = sum((s - loss * (LENGTH - 1)) ** 2 for s in sums)

    prompt, tokens, gap = tokenizer.encode(PROMPT).ids, [0], math.inf
    for _ in range(NEW):
        last = logits(model, prompt, tokens)[-1]
        best = last.topk(2).values
        gap = min(gap, (best[0] - best[1]).item())
        tokens.append(last.argmax().item())
    golden.write_json(folder / "expected.json", {
        "text": TEXT, "length": LENGTH, "sequences": [e for e, _ in pairs], "decoder_sequences": [d for _, d in pairs],
        "loss": loss, "loss_error": math.sqrt(spread * PAIRS / (PAIRS - 1)) / n, "loss_tokens": n,
        "prompt": PROMPT, "prompt_ids": prompt, "tokens": tokens[1:], "smallest_gap": gap})


main()
