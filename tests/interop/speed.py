"""Measures in torch what removal saves: the original and the model without the
heads take turns, and medians of the ratios of neighbours are printed beside the
program's forecast.

usage: speed.py PROGRAM WORK_DIR [MODEL [RATIO]]

Without MODEL, one of random weights in the shape of GPT-2 small is made. Heads
are drawn by the method random, removed, and the output loaded by its modeling
file; one thread. Two loads are measured: a sequence of 512 tokens at once, and
one token after another with a cache.
"""
import json
import os
import statistics
import subprocess
import sys
import time

os.environ["HF_HUB_OFFLINE"] = "1"
PROGRAM, WORK = sys.argv[1:3]
os.environ["HF_MODULES_CACHE"] = os.path.join(WORK, "modules")
import torch
import transformers

LENGTH, STEPS, TURNS = 512, 32, 9


def make_model(folder):
    if not os.path.exists(os.path.join(folder, "config.json")):
        torch.manual_seed(0)
        config = transformers.GPT2Config()  # its defaults are GPT-2 small
        transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    return folder


def whole(model, ids):
    model(ids)


def stepwise(model, ids):
    model.generate(ids[:, :32], max_new_tokens=STEPS, min_new_tokens=STEPS, do_sample=False,
                   pad_token_id=0)


def seconds(what, model, ids):
    """Of the processor: other programs can't lengthen them much."""
    begin = time.process_time()
    what(model, ids)
    return time.process_time() - begin


def ratio(what, models, ids):
    """Original / removed, taking turns so that both meet the same machine."""
    for m in models:
        what(m, ids)
    ratios = []
    for _ in range(TURNS):
        before, after = (seconds(what, m, ids) for m in models)
        ratios.append(before / after)
    quarters = statistics.quantiles(ratios, n=4)
    return f"{statistics.median(ratios):.3f} ({quarters[0]:.3f} to {quarters[2]:.3f})"


def main():
    transformers.utils.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    given = sys.argv[3] if len(sys.argv) > 3 else None
    share = sys.argv[4] if len(sys.argv) > 4 else "0.3"
    folder = given or make_model(os.path.join(WORK, "gpt2-shaped"))
    out = os.path.join(WORK, "speed-removed")
    subprocess.run([PROGRAM, "-q", "random", "--ratio", share, "--emit", "remove", folder, "-o",
                    out, "-f"], check=True, stdout=subprocess.DEVNULL)
    with open(os.path.join(out, "headprune.json")) as f:
        report = json.load(f)
    models = [transformers.AutoModelForCausalLM.from_pretrained(p, trust_remote_code=p == out).eval()
              for p in (folder, out)]
    weights = [sum(p.numel() for p in m.parameters()) for m in models]
    length = min(LENGTH, models[0].config.max_position_embeddings)
    ids = torch.randint(0, models[0].config.vocab_size, (1, length))
    forecast = report["forecast"]
    work = forecast["multiply_adds"]
    print(f"{report['pruned']} of {report['total']} heads removed; torch {torch.__version__}, "
          f"transformers {transformers.__version__}, one thread, {TURNS} turns")
    print(f"parameters in torch: {weights[0]} -> {weights[1]} "
          f"(forecast: -{forecast['parameters']['removed']})")
    print(f"forecast: {work['before'] / work['after']:.3f} times as fast by multiply-adds "
          f"(sequences of {work['length']}), {forecast['speed']}")
    with torch.no_grad():
        print(f"{length} tokens at once: {ratio(whole, models, ids)} times as fast")
        if length > 32 + STEPS:
            print(f"{STEPS} tokens one by one: {ratio(stepwise, models, ids)} times as fast")


main()
