#!/usr/bin/env python3
"""Trains small SentencePiece models (sentencepiece 0.2.3) and writes, beside
each, what the tokenizer that transformers 4.57.6 converts it to makes of the
texts of gpt2/cases.json: cases.json and decoded.json.

    spm_tokenizers.py TEXT
"""
import json
import os
import random
import sys
import tempfile
from pathlib import Path

import sentencepiece
from transformers import AutoTokenizer

FOLDERS = Path(__file__).parent / "tokenizers"
LLAMA = dict(model_type="bpe", vocab_size=900, unk_id=0, bos_id=1, eos_id=2,
             pad_id=-1, byte_fallback=True, split_digits=True,
             normalization_rule_name="identity", remove_extra_whitespaces=False,
             allow_whitespace_only_pieces=True,
             user_defined_symbols=["  ", "<tool>"])
T5 = dict(model_type="unigram", vocab_size=700, pad_id=0, eos_id=1, unk_id=2,
          bos_id=-1, user_defined_symbols=["<sep>"])
RULES = {"\u00bd": "1/2", "\uff21": "A", "e\u0301": "\u00e9", "\u3000": " ",
         "\t": " ", "\r": " ", "\n": " ", "\u200b": "", "\ufb01": "fi",
         "A\u030a": "\u00c5", "\u212b": "\u00c5"}
MODELS = [  # folder, file, settings, tokenizer_config.json
    ("spm-llama", "tokenizer.model", LLAMA, None),
    ("spm-llama-new", "tokenizer.model", LLAMA, {
        "tokenizer_class": "LlamaTokenizer", "legacy": False,
        "add_eos_token": True, "bos_token": "<s>", "eos_token": "</s>",
        "unk_token": "<unk>", "added_tokens_decoder": {
            "0": {"content": "<unk>", "special": True},
            "900": {"content": "[MASK]", "lstrip": True, "special": False}}}),
    ("spm-t5", "spiece.model", T5,
     {"tokenizer_class": "T5Tokenizer", "extra_ids": 10}),
    ("spm-xlm-roberta", "sentencepiece.bpe.model",
     dict(model_type="unigram", vocab_size=500,
          normalization_rule_name="identity"),
     {"tokenizer_class": "XLMRobertaTokenizer"}),
]


def train(path, text, settings):
    """In a folder of its own: the model has the names of what it is made of."""
    text, here = Path(text).read_bytes(), os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("text.txt").write_bytes(text)
        rows = ["\t".join(" ".join(f"{ord(c):X}" for c in side) for side in rule)
                for rule in RULES.items()]
        Path("rules.tsv").write_text("\n".join(rows) + "\n")
        if settings is T5:
            settings = {**settings, "normalization_rule_tsv": "rules.tsv"}
        sentencepiece.SentencePieceTrainer.train(
            input="text.txt", model_prefix="spm", minloglevel=2, num_threads=1,
            **settings)
        model = Path("spm.model").read_bytes()
        os.chdir(here)
    path.write_bytes(model)


def write_list(path, rows):
    path.write_text("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")


def cases(library, texts):
    for text in texts:
        yield {"text": text,
               "ids": library.encode(text, add_special_tokens=False).ids,
               "ids_with_special": library.encode(text).ids}


def decoded(library, rows):
    rng = random.Random(9)
    sequences = [row["ids_with_special"] for row in rows[::3]]
    sequences += [[rng.randrange(library.get_vocab_size()) for _ in range(n)]
                  for n in range(1, 25)]
    for ids in sequences:
        yield {"ids": ids, "text": library.decode(ids)}


def main(text):
    with open(FOLDERS / "gpt2" / "cases.json") as f:
        texts = [case["text"] for case in json.load(f)]
    for name, file, settings, config in MODELS:
        folder = FOLDERS / name
        folder.mkdir(exist_ok=True)
        train(folder / file, text, settings)
        written = folder / "tokenizer_config.json"
        # Without one transformers has to be told the class.
        written.write_text(json.dumps(
            config or {"tokenizer_class": "LlamaTokenizer"}, indent=1) + "\n")
        library = AutoTokenizer.from_pretrained(folder).backend_tokenizer
        if config is None:
            written.unlink()
        rows = list(cases(library, texts))
        write_list(folder / "cases.json", rows)
        write_list(folder / "decoded.json", decoded(library, rows))


if __name__ == "__main__":
    main(sys.argv[1])
