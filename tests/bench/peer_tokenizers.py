#!/usr/bin/env python3
"""Speed of headprune's tokenizers beside the tokenizers library (Rust, one
thread). Trains the usual kinds on TEXT, then lets both open them and encode
TEXT in turn; prints medians of processor time and the ratio.

    peer_tokenizers.py BENCH_TOKENIZER TEXT [REPEATS]
    peer_tokenizers.py BENCH_TOKENIZER TEXT REPEATS TOKENIZER.json ...
"""
import base64
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"
try:
    from tokenizers import (Regex, Tokenizer, decoders, models, normalizers,
                            pre_tokenizers, trainers)
except ImportError:  # or an older one
    print("tokenizers: not installed, nothing compared")
    sys.exit(0)

GOLDEN = Path(__file__).parent.parent / "golden" / "tokenizers"
SPLIT = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
         r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")


def train(text, folder, size=20000):
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    split = pre_tokenizers.Split(Regex(SPLIT), "isolated")
    bpe = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet,
                              show_progress=False)
    rows = {
        "GPT-2 (byte-level BPE)": (models.BPE(), None, level, bpe),
        "LLaMA 3 (split, BPE)": (
            models.BPE(), None, pre_tokenizers.Sequence([split, plain]), bpe),
        "BERT (WordPiece)": (
            models.WordPiece(unk_token="[UNK]"), normalizers.BertNormalizer(),
            pre_tokenizers.BertPreTokenizer(), trainers.WordPieceTrainer(
                vocab_size=size, special_tokens=["[UNK]"],
                show_progress=False)),
        "T5 (Unigram)": (
            models.Unigram(), normalizers.Precompiled(charsmap()),
            pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(),
                                     pre_tokenizers.Metaspace()]),
            trainers.UnigramTrainer(vocab_size=size // 2, unk_token="<unk>",
                                    special_tokens=["<unk>"],
                                    show_progress=False)),
        "LLaMA 2 (BPE)": (
            models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True),
            None, pre_tokenizers.Metaspace(), trainers.BpeTrainer(
                vocab_size=size, show_progress=False, special_tokens=[
                    "<unk>", *(f"<0x{b:02X}>" for b in range(256))])),
    }
    for name, (model, normalizer, splitter, trainer) in rows.items():
        tokenizer = Tokenizer(model)
        if normalizer:
            tokenizer.normalizer = normalizer
        tokenizer.pre_tokenizer = splitter
        tokenizer.train([text], trainer)
        if name.startswith("LLaMA 2"):  # as such files are: no pre-tokenizer
            tokenizer.pre_tokenizer = None
            tokenizer.normalizer = normalizers.Sequence(
                [normalizers.Prepend("\u2581"),
                 normalizers.Replace(" ", "\u2581")])
            tokenizer.decoder = decoders.Sequence(
                [decoders.Replace("\u2581", " "), decoders.ByteFallback(),
                 decoders.Fuse(), decoders.Strip(" ", 1, 0)])
        path = f"{folder}/{len(os.listdir(folder))}.json"
        tokenizer.save(path)
        yield name, path


def large(folder, size=128000, n_merges=280000):
    """The golden LLaMA 3 with as many tokens and merges as the real one."""
    with open(GOLDEN / "llama3" / "tokenizer.json") as f:
        spec = json.load(f)
    by_id = sorted(spec["model"]["vocab"].items(), key=lambda p: p[1])
    vocab = {token: id for token, id in by_id[:256]}
    merges, rng = [], random.Random(4)
    while len(vocab) < size:  # words, every beginning of which is a token
        letters = "etaoinshrdlucmfwypvbgkjqxz"[:rng.randint(4, 26)]
        word = rng.choice(["\u0120", ""]) + "".join(
            rng.choice(letters) for _ in range(rng.randint(2, 11)))
        for k in range(2, len(word) + 1):
            if word[:k] not in vocab and len(vocab) < size:
                vocab[word[:k]] = len(vocab)
                merges.append((word[:k - 1], word[k - 1]))
    for token in list(vocab)[256:]:
        for k in range(1, len(token) - 1):
            if token[:k] in vocab and token[k:] in vocab:
                merges.append((token[:k], token[k:]))
    spec["model"].update(vocab=vocab, merges=merges[:n_merges])
    spec["added_tokens"], spec["post_processor"] = [], None
    path = f"{folder}/large.json"
    with open(path, "w") as f:
        json.dump(spec, f, ensure_ascii=False, indent=2)
    return f"{size:,} tokens, {len(merges[:n_merges]):,} merges", path


def charsmap():
    with open(GOLDEN / "t5-precompiled" / "tokenizer.json") as f:
        return base64.b64decode(json.load(f)["normalizer"]
                                ["precompiled_charsmap"])


def library(path, text):
    start = time.process_time()
    tokenizer = Tokenizer.from_file(path)
    opened = time.process_time()
    ids = tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids
    end = time.process_time()
    return (1e3 * (opened - start),
            len(text.encode()) / 1e6 / (end - opened), len(ids))


def headprune(program, path, file):
    words = subprocess.run([program, path, file, "1"], check=True, text=True,
                           stdout=subprocess.PIPE).stdout.split()
    return float(words[2]), float(words[5]), int(words[7])


def compare(name, program, path, file, repeats):
    with open(file, newline="") as f:
        text = f.read()
    ours, theirs = [], []
    for _ in range(repeats):
        ours.append(headprune(program, path, file))
        theirs.append(library(path, text))
    assert {row[2] for row in ours} == {row[2] for row in theirs}, name
    open_a, speed_a = (statistics.median(row[i] for row in ours) for i in (0, 1))
    open_b, speed_b = (statistics.median(row[i] for row in theirs)
                       for i in (0, 1))
    fast = [a[1] / b[1] for a, b in zip(ours, theirs)]
    print(f"| {name} | {open_a:.1f} | {open_b:.1f} | {speed_a:.1f} | "
          f"{speed_b:.1f} | {statistics.median(fast):.1f} "
          f"({min(fast):.1f} to {max(fast):.1f}) |", flush=True)


def main(program, file, repeats="9", *paths):
    print("| tokenizer | opens in ms | library | MB/s | library | "
          "times as fast |\n|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        rows = [(p, p) for p in paths] or [*train(file, folder), large(folder)]
        for name, path in rows:
            compare(name, program, path, file, int(repeats))


if __name__ == "__main__":
    main(*sys.argv[1:])
