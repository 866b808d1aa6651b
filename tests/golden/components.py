#!/usr/bin/env python3
"""Writes what the tokenizers library (0.22.2) makes of small tokenizers that
have one component or two each: ids of texts, and texts of ids.

    components.py OUT.json             the list that the tests read
    components.py OUT.json N SEED      N random combinations instead
"""
import json
import random
import sys
import unicodedata
from pathlib import Path

from tokenizers import Tokenizer

TOKENIZERS = Path(__file__).parent / "tokenizers"
MARK = "\u2581"
BYTES = [f"<0x{b:02X}>" for b in range(256)]
LETTERS = list("abcdeABC019.,!?'-_\"`") + [MARK, " ", "\t", "\u00e9", "\u0301",
                                           "\u4e2d", "\ufb01", "\u0130"]
WORDS = [MARK + "ab", "ab", "abc", MARK * 2, "01", "b" + MARK, "a ", MARK + "a",
         "ca", "\u00e9a", "<x>", "de", "  "]
ADDED = [
    {"id": 0, "content": "<unk>", "special": True, "normalized": False},
    {"id": 1, "content": "<s>", "special": True, "normalized": False},
    {"id": 2, "content": "<x>", "special": False, "normalized": False},
    {"id": 3, "content": "de", "special": False, "normalized": True},
]
TEXTS = [
    "", " ", "a", "ab ab", "  ab  cab ", "a\tb\nc\r\nd", "abc<x>abc", "<s>ab",
    " <s> ab<x> <x>ab", "A B\u0301 C", "\u00e9a e\u0301a", "\ufb01ab \u2460",
    "a\u00a0b\u3000c", "\u4e2d\u6587ab", "01 10,ab.", "don't!? -- a_b", "a\u0000b",
    "ab\u2581ab \u2581 \u2581\u2581a", "\U0001f600 a\u200db", "\u0130 \u0391\u03a3",
    "de ade d e", "``ab'' \"c\"", "ab ab \u2581ab", "\u1100\u1161\u11a8a",
    "\u0600 a\u0600b", "a\u200bb\ufeffc", "\u0958\u09a1\u09bc", "x" * 20 + " y",
    "\u00bd\u00b2 \u24d0\u0e33", "1\ufe0f\u20e3 ab", "a\u0085b\u2028c", "a-b--c",
]


def added_tokens():
    flags = {"single_word": False, "lstrip": False, "rstrip": False}
    return [{**flags, **token} for token in ADDED]


def bpe(rng=None):
    tokens = ["<unk>", "<s>", "<x>", "de", *BYTES]
    tokens += [t for t in LETTERS + WORDS if t not in tokens]
    merges = [(MARK, "a"), ("a", "b"), ("ab", "c"), (MARK, "ab"), ("0", "1"),
              (MARK, MARK), ("c", "a"), ("d", "e"), ("a", " "), (" ", " "),
              ("\u00e9", "a")]
    if rng is None or rng.random() < 0.5:
        merges.append(("b", MARK))
    return {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True,
            "byte_fallback": True, "dropout": None,
            "continuing_subword_prefix": None, "end_of_word_suffix": None,
            "ignore_merges": bool(rng and rng.random() < 0.2),
            "vocab": {t: i for i, t in enumerate(tokens)},
            "merges": [list(m) for m in merges]}


def unigram(rng=None):
    rng = rng or random.Random(1)
    tokens = ["<unk>", "<s>", "<x>", "de"]
    tokens += BYTES if rng.random() < 0.5 else []
    tokens += [t for t in LETTERS[:-3] + WORDS if t not in tokens]
    scores = [0.0 if t[0] == "<" else -round(rng.uniform(1, 4), 3)
              for t in tokens]
    return {"type": "Unigram", "unk_id": 0,
            "byte_fallback": rng.random() < 0.5,
            "vocab": [list(p) for p in zip(tokens, scores)]}


def wordlevel(rng=None):
    tokens = ["<unk>", "<s>", "<x>", "de"] + LETTERS + WORDS
    tokens = list(dict.fromkeys(tokens))
    return {"type": "WordLevel", "unk_token": "<unk>",
            "vocab": {t: i for i, t in enumerate(tokens)}}


def replace(pattern, content, kind="String"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def charsmap():
    with open(TOKENIZERS / "t5-precompiled" / "tokenizer.json") as f:
        return json.load(f)["normalizer"]


def metaspace(scheme="always", split=True):
    return {"type": "Metaspace", "replacement": MARK, "prepend_scheme": scheme,
            "split": split}


def split(pattern, behavior, kind="String", invert=False):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior,
            "invert": invert}


NORMALIZERS = [
    {"type": "Prepend", "prepend": MARK},
    {"type": "Prepend", "prepend": "ab "},
    replace(" ", MARK),
    replace("ab", "c a"),
    replace("a", ""),
    replace("``", '"'),
    replace(" {2,}", MARK, "Regex"),
    replace("[ab]+|1", "c", "Regex"),
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Strip", "strip_left": True, "strip_right": False},
    {"type": "Strip", "strip_left": False, "strip_right": True},
    {"type": "StripAccents"},
    {"type": "Lowercase"},
    {"type": "NFD"},
    {"type": "NFC"},
    {"type": "NFKC"},
    {"type": "NFKD"},
    {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
     "strip_accents": None, "lowercase": False},
]
SPLITTERS = [
    metaspace(), metaspace("first"), metaspace("never"),
    metaspace("always", False), metaspace("first", False),
    metaspace("never", False),
    {"type": "Whitespace"}, {"type": "WhitespaceSplit"},
    {"type": "CharDelimiterSplit", "delimiter": "-"},
    {"type": "Digits", "individual_digits": True},
    {"type": "Digits", "individual_digits": False},
    {"type": "Punctuation", "behavior": "Isolated"},
    {"type": "Punctuation", "behavior": "MergedWithPrevious"},
    {"type": "BertPreTokenizer"},
    split(" ", "MergedWithPrevious"), split(" ", "MergedWithNext"),
    split(MARK, "Isolated"), split("[ab]+", "Contiguous", "Regex"),
    split("[ab]+", "Removed", "Regex", True),
]
DECODERS = [
    None,
    {"type": "ByteFallback"}, {"type": "Fuse"}, metaspace(), metaspace("never"),
    {"type": "WordPiece", "prefix": "##", "cleanup": True},
    replace(MARK, " "), replace("ab", "x"),
    {"type": "Strip", "content": "a", "start": 1, "stop": 0},
    {"type": "Strip", "content": "a", "start": 2, "stop": 0},
    {"type": "Sequence", "decoders": []},
    {"type": "Sequence", "decoders": [
        replace(MARK, " "), {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    {"type": "Sequence", "decoders": [
        replace(MARK, " "), {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 3, "stop": 0}]},
    {"type": "Sequence", "decoders": [
        {"type": "ByteFallback"}, metaspace(), {"type": "Fuse"},
        replace("a", "xx")]},
    {"type": "Sequence", "decoders": [{"type": "Fuse"}, metaspace()]},
]
CHAINS = [  # normalizer, pre-tokenizer
    (["mark"], None),
    (["prepend", "mark"], None),
    (None, metaspace("first", False)),
    (["map"], [{"type": "WhitespaceSplit"}, metaspace()]),
    (["map"], metaspace()),
    (["map", "rstrip", "spaces"], metaspace()),
    (["quotes", "nfkd", "accents", "lower", "map"], metaspace()),
    (["mark"], split(" ", "MergedWithPrevious")),
    (None, [{"type": "WhitespaceSplit"}, metaspace("first")]),
    (None, [{"type": "Digits", "individual_digits": True}, metaspace("first")]),
    (["strip"], metaspace("first")),
]
NAMED = {"mark": replace(" ", MARK), "prepend": NORMALIZERS[0],
         "rstrip": NORMALIZERS[10], "spaces": NORMALIZERS[6],
         "quotes": NORMALIZERS[5], "nfkd": NORMALIZERS[16],
         "accents": NORMALIZERS[11], "lower": NORMALIZERS[12],
         "strip": NORMALIZERS[9]}


def sequence(items, key):
    if not isinstance(items, list):
        return items
    return {"type": "Sequence", key: items}


def tokenizer(model, normalizer=None, splitter=None, decoder=None):
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": added_tokens(),
            "normalizer": sequence(normalizer, "normalizers"),
            "pre_tokenizer": sequence(splitter, "pretokenizers"),
            "post_processor": None, "decoder": decoder, "model": model}


def fixed():
    charmap = charsmap()
    for step in NORMALIZERS:
        yield tokenizer(bpe(), step)
    for step in SPLITTERS:
        yield tokenizer(bpe(), None, step)
        yield tokenizer(wordlevel(), None, step)
    for normalizer, splitter in CHAINS:
        steps = normalizer and [NAMED.get(n, charmap) for n in normalizer]
        yield tokenizer(unigram(), steps, splitter)
        yield tokenizer(bpe(), steps, splitter)
    for step in DECODERS:
        yield tokenizer(bpe(), None, None, step)


def drawn(n, seed):
    rng = random.Random(seed)
    charmap = charsmap()
    for _ in range(n):
        steps = rng.sample(NORMALIZERS + [charmap], rng.choice([0, 1, 1, 2, 3]))
        cuts = rng.sample(SPLITTERS, rng.choice([0, 1, 1, 2]))
        model = rng.choice([bpe, unigram, wordlevel])(rng)
        yield tokenizer(model, steps or None, cuts or None,
                        rng.choice(DECODERS))


def random_text(rng):
    pools = ["ab c", "abcde019 ", "\t\n\r \u00a0\u3000" + MARK, "'\"`.,-_!?",
             "".join(LETTERS), "\u0301\u0308\u0323a\u00e9e\u0130\u212b",
             None, ["<x>", "<s>", "de", " ", "ab"]]
    out = ""
    for _ in range(rng.randint(1, 6)):
        pool = rng.choice(pools)
        for _ in range(rng.randint(1, 6)):
            c = rng.choice(pool) if pool else chr(rng.choice(
                [rng.randrange(0x20, 0x3000), rng.randrange(0xE000, 0x1F700),
                 rng.randrange(0x300, 0x370), rng.randrange(0x900, 0xE00)]))
            # What Unicode 15 does not know is not asked for.
            if unicodedata.category(c[0]) not in ("Cn", "Cs"):
                out += c
    return out


class Pool:
    """Large values are written once: "@2" in a tokenizer is the pool's third."""

    def __init__(self):
        self.items = []

    def put(self, value):
        text = json.dumps(value)
        if len(text) > 100000:  # the charsmap of t5-precompiled
            text = "charsmap"
        if text not in self.items:
            self.items.append(text)
        return f"@{self.items.index(text)}"

    def shorten(self, value, key=""):
        if key in ("model", "precompiled_charsmap"):
            return self.put(value)
        if isinstance(value, dict):
            return {k: self.shorten(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [self.shorten(v) for v in value]
        return value


def row(spec, rng, texts, pool):
    library = Tokenizer.from_str(json.dumps(spec))
    ids = [library.encode(t, add_special_tokens=False).ids for t in texts]
    size = library.get_vocab_size()
    loose = [[rng.randrange(size) for _ in range(n)] for n in range(1, 12)]
    every = ([i for i in ids if i] + loose)[-16:]
    return {"tokenizer": json.dumps(pool.shorten(spec)), "ids": ids,
            "decode": every, "decoded": [library.decode(i) for i in every]}


def main(out, n=None, seed=None):
    rng, pool = random.Random(seed or 7), Pool()
    texts = [random_text(rng) for _ in range(60)] if n else TEXTS
    rows = [row(spec, rng, texts, pool)
            for spec in (drawn(int(n), seed) if n else fixed())]
    with open(out, "w") as f:
        f.write('{"texts": ' + json.dumps(texts) + ',\n"pool": [\n')
        f.write(",\n".join(map(json.dumps, pool.items)) + '\n], "rows": [\n')
        f.write(",\n".join(map(json.dumps, rows)) + "\n]}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
