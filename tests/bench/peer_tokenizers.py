#!/usr/bin/env python3
"""headprune's tokenizers beside the tokenizers library (Rust, one thread).
Trains the usual kinds on the English text of models/text, then lets both open
them and encode that text in turn; processor time. encode_batch_fast, which
leaves out offsets, is the fastest that the library has."""
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

import peer

os.environ["TOKENIZERS_PARALLELISM"] = "false"
try:
    import tokenizers
    from tokenizers import (Regex, Tokenizer, decoders, models, normalizers,
                            pre_tokenizers, trainers)
except ImportError:  # or an older one
    tokenizers = None

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


def library(path, file):
    with open(file, newline="") as f:
        text = f.read()
    start = time.process_time()
    tokenizer = Tokenizer.from_file(path)
    opened = time.process_time()
    ids = tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids
    end = time.process_time()
    return (1e3 * (opened - start),
            len(text.encode()) / 1e6 / (end - opened), len(ids))


def once(*command):
    """Milliseconds to open, MB/s, ids, of a fresh process for each: the
    library's second round in a process is slower than its first."""
    words = subprocess.run(command, check=True, text=True,
                           stdout=subprocess.PIPE).stdout.split()
    return float(words[0]), float(words[1]), int(words[2])


def compare(o, name, path, file):
    """Rows of one tokenizer: how fast, and how many times as fast."""
    ours, theirs = [], []
    for _ in range(peer.repeats(o, 9)):
        ours.append(once(f"{o.programs}/bench_tokenizer", "--once", path, file))
        theirs.append(once(sys.executable, __file__, "--once", path, file))
    if {row[2] for row in ours} != {row[2] for row in theirs}:
        raise SystemExit(f"{name}: other ids than the library")
    pairs = list(zip(ours, theirs))
    peer.row(name, "times as fast", [a[1] / b[1] for a, b in pairs], bar=1,
             note="encoding; pairs in turn, processor time")
    peer.row(f"{name}, encode", "MB/s", [a[1] for a in ours], bar=5)
    peer.row(f"{name}, library encode", "MB/s", [b[1] for b in theirs])
    peer.row(f"{name}, open", "ms", [a[0] for a in ours], better="lower",
             bar=150 if "128,000" in name else None)
    peer.row(f"{name}, library open", "ms", [b[0] for b in theirs],
             better="lower")


NAMES = ("GPT-2 (byte-level BPE)", "LLaMA 3 (split, BPE)", "BERT (WordPiece)",
         "T5 (Unigram)", "LLaMA 2 (BPE)", "128,000 tokens, 280,000 merges")


def main():
    if sys.argv[1:2] == ["--once"]:
        print(*library(*sys.argv[2:]))
        return
    o = peer.options(__doc__)
    rows = {n: f"tokenizer {n} / HF tokenizers" for n in NAMES}
    chosen = [n for n in NAMES if peer.wanted(o, rows[n])]
    file = f"{o.source}/models/text/the-time-machine.txt"
    if tokenizers is None:
        for n in chosen:
            peer.skip(rows[n], "the tokenizers library is not installed")
        return
    if chosen:
        peer.uses(f"tokenizers {tokenizers.__version__}")
        with tempfile.TemporaryDirectory() as folder:
            for name, path in [*train(file, folder), large(folder)]:
                if name in chosen:
                    compare(o, rows[name], path, file)


if __name__ == "__main__":
    main()
