#!/usr/bin/env python3
"""Writes decoded.json beside the cases.json of every folder named: what the
tokenizers library (0.22.2) decodes ids to, its special tokens skipped. Some of
the ids come from the texts, some are drawn at random and break characters.

    decode_tokenizers.py FOLDER ...
"""
import json
import random
import sys

from tokenizers import Tokenizer


def sequences(tokenizer, cases):
    rng = random.Random(5)
    yield from (case["ids_with_special"] for case in cases[::2])
    ids = range(tokenizer.get_vocab_size())
    pieces = [i for i in ids if tokenizer.id_to_token(i) is not None]
    odd = [i for i in pieces if tokenizer.id_to_token(i).startswith("<0x")]
    for n in range(1, 25):
        yield rng.choices(pieces, k=n)
        if odd:  # bytes, whole characters among them, between other tokens
            text = rng.choice(["\u00e9\n", "\u65e5\u672c", "\U0001f600", "a\t"])
            whole = [odd[b] for b in text.encode()]
            yield rng.choices(odd + pieces[-20:], k=n)
            yield rng.choices(pieces, k=2) + whole + rng.choices(pieces, k=2)


def main(folders):
    for folder in folders:
        tokenizer = Tokenizer.from_file(folder + "/tokenizer.json")
        with open(folder + "/cases.json") as f:
            cases = json.load(f)
        rows = [{"ids": ids, "text": tokenizer.decode(ids)}
                for ids in sequences(tokenizer, cases)]
        with open(folder + "/decoded.json", "w") as f:
            f.write("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")


if __name__ == "__main__":
    main(sys.argv[1:])
