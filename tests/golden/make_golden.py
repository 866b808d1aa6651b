#!/usr/bin/env python3
"""Make golden data: tiny random checkpoints and what transformers computes for them.

    python3 tests/golden/make_golden.py OUT_DIR [--only NAME ...]

Writes OUT_DIR/<model>/{config.json, model.safetensors, expected.json}; README.md says what each field of
expected.json means. Made with transformers 4.57.6, torch 2.13.0 (CPU), safetensors 0.8.0: a rerun with these gives
the same checkpoints, and numbers that differ in the last digits from CPU to CPU.
"""
import argparse
import functools
import hashlib
import json
import math
import os
import pathlib
import random
import shutil
from dataclasses import dataclass

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch
import torch.nn.functional as F
import transformers as tf
from safetensors.torch import load_file, save_file
from torch.overrides import TorchFunctionMode


F64 = torch.float64
DTYPES = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64}
SPECIALS = 5  # ids 0..4 are never drawn: start, pad, eos, unk, mask
MASK_ID = 4


# ---------------------------------------------------------------------------------------------------
# The models. A family turns a shape into a config.
# ---------------------------------------------------------------------------------------------------

@dataclass
class Shape:
    layers: int
    heads: int
    head_dim: int
    hidden: int
    ffn: int
    vocab: int
    positions: int          # the longest sequence; position tables are made to fit
    lengths: tuple          # of the other sequences; `positions` itself is always added
    kv: int = 0             # 0: as many as heads
    dtype: str = "F32"
    layers2: int = 0        # decoder layers (T5)


def gpt2(s, **kw):
    return tf.GPT2Config(n_layer=s.layers, n_head=s.heads, n_embd=s.hidden, n_inner=s.ffn, vocab_size=s.vocab,
                         n_positions=s.positions, bos_token_id=0, eos_token_id=2, **kw)


def bert(s, cls=tf.BertConfig, extra_positions=0, **kw):
    return cls(num_hidden_layers=s.layers, num_attention_heads=s.heads, hidden_size=s.hidden, intermediate_size=s.ffn,
               vocab_size=s.vocab, max_position_embeddings=s.positions + extra_positions, **kw)


def roberta(s):
    return bert(s, tf.RobertaConfig, 2, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5)


def distilbert(s):
    return tf.DistilBertConfig(n_layers=s.layers, n_heads=s.heads, dim=s.hidden, hidden_dim=s.ffn, vocab_size=s.vocab,
                               max_position_embeddings=s.positions)


def electra(s, embedding=0):
    return bert(s, tf.ElectraConfig, embedding_size=embedding or s.hidden)


def llama(s, cls=tf.LlamaConfig, **kw):
    kw = {"tie_word_embeddings": False, "rope_theta": 10000.0, **kw}
    return cls(num_hidden_layers=s.layers, num_attention_heads=s.heads, num_key_value_heads=s.kv or s.heads,
               head_dim=s.head_dim, hidden_size=s.hidden, intermediate_size=s.ffn, vocab_size=s.vocab,
               max_position_embeddings=s.positions, bos_token_id=0, eos_token_id=2, **kw)


def llama3(s):
    return llama(s, rope_theta=500.0, rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32})


def t5(s, cls=tf.T5Config, **kw):
    return cls(num_layers=s.layers, num_decoder_layers=s.layers2 or s.layers, num_heads=s.heads, d_kv=s.head_dim,
               d_model=s.hidden, d_ff=s.ffn, vocab_size=s.vocab, n_positions=s.positions, decoder_start_token_id=0,
               pad_token_id=0, eos_token_id=2, **kw)


def bart(s):
    return tf.BartConfig(encoder_layers=s.layers, decoder_layers=s.layers2, encoder_attention_heads=s.heads,
                         decoder_attention_heads=s.heads, d_model=s.hidden, encoder_ffn_dim=s.ffn, decoder_ffn_dim=s.ffn,
                         vocab_size=s.vocab, max_position_embeddings=s.positions, decoder_start_token_id=0)


def opt(s):
    return tf.OPTConfig(num_hidden_layers=s.layers, num_attention_heads=s.heads, hidden_size=s.hidden, ffn_dim=s.ffn,
                        vocab_size=s.vocab, max_position_embeddings=s.positions, word_embed_proj_dim=s.hidden)


def gpt_neox(s):
    return tf.GPTNeoXConfig(num_hidden_layers=s.layers, num_attention_heads=s.heads, hidden_size=s.hidden,
                            intermediate_size=s.ffn, vocab_size=s.vocab, max_position_embeddings=s.positions,
                            rotary_pct=0.5, bos_token_id=0, eos_token_id=2)


def bloom(s):
    return tf.BloomConfig(n_layer=s.layers, n_head=s.heads, hidden_size=s.hidden, vocab_size=s.vocab)


def vit(s):
    return tf.ViTConfig(num_hidden_layers=s.layers, num_attention_heads=s.heads, hidden_size=s.hidden,
                        intermediate_size=s.ffn, image_size=12, patch_size=4, num_labels=s.vocab)


def phi(s):
    return tf.PhiConfig(num_hidden_layers=s.layers, num_attention_heads=s.heads, num_key_value_heads=s.kv or s.heads,
                        hidden_size=s.hidden, intermediate_size=s.ffn, vocab_size=s.vocab,
                        max_position_embeddings=s.positions, partial_rotary_factor=0.5)


def falcon(s):
    return tf.FalconConfig(num_hidden_layers=s.layers, num_attention_heads=s.heads, hidden_size=s.hidden,
                           vocab_size=s.vocab, multi_query=True, new_decoder_architecture=False, parallel_attn=True,
                           bias=True, alibi=False, max_position_embeddings=s.positions)


# Renamings of the file that save_pretrained writes, to match files found on the hub. Each maps a name
# to the stored one (or None to leave the tensor out).

def as_saved(name):
    return name


def bare_gpt2(name):
    return name.removeprefix("transformer.")


def gamma_beta(name):
    if name.endswith("LayerNorm.weight"):
        return name[:-len("weight")] + "gamma"
    return name[:-len("bias")] + "beta" if name.endswith("LayerNorm.bias") else name


def causal_buffers(config):
    """The buffers that older GPT-2 files carry; `attn.bias` is not a bias."""
    n = config.n_positions
    for layer in range(config.n_layer):
        yield f"h.{layer}.attn.bias", torch.tril(torch.ones(n, n)).view(1, 1, n, n)
        yield f"h.{layer}.attn.masked_bias", torch.tensor(-1e4)


def position_ids(config):
    yield "embeddings.position_ids", torch.arange(config.max_position_embeddings)[None]


@dataclass
class Model:
    name: str
    cls: type
    config: object                # Shape -> config
    layout: str                   # key of LAYOUTS
    task: str                     # causal | mlm | seq2seq | hidden | image
    shape: Shape
    std: float = 0.3              # of the weight matrices
    scope: str = "full"           # "weights": a model that headprune need not run
    rename: object = as_saved
    buffers: object = None
    shards: int = 1
    model_type: str = ""          # overrides the one in config.json


S, P = Shape, functools.partial
GPT2, LLAMA, BERT = tf.GPT2LMHeadModel, tf.LlamaForCausalLM, tf.BertForMaskedLM
MODELS = [
    Model("gpt2", GPT2, gpt2, "gpt2", "causal",
          S(2, 4, 8, 32, 128, 80, 24, (2, 7, 13))),
    Model("gpt2-bare", GPT2, gpt2, "gpt2", "causal",
          S(2, 4, 8, 32, 128, 80, 20, (1, 6, 11)),
          rename=bare_gpt2, buffers=causal_buffers),
    Model("gpt2-f16", GPT2, gpt2, "gpt2", "causal",
          S(2, 4, 8, 32, 128, 80, 24, (2, 7, 13), dtype="F16")),
    Model("gpt2-bf16", GPT2, gpt2, "gpt2", "causal",
          S(2, 2, 16, 32, 128, 80, 24, (2, 7, 13), dtype="BF16")),
    Model("gpt2-f64", GPT2, gpt2, "gpt2", "causal",
          S(2, 3, 8, 24, 96, 70, 18, (1, 5, 12), dtype="F64")),
    Model("gpt2-scaled", GPT2, P(gpt2, scale_attn_by_inverse_layer_idx=True, activation_function="relu"),
          "gpt2", "causal",
          S(3, 4, 8, 32, 52, 80, 24, (2, 7, 13)), std=0.4),
    Model("gpt2-sharded", GPT2, gpt2, "gpt2", "causal",
          S(3, 4, 8, 32, 128, 80, 24, (2, 7, 13)), shards=3),

    Model("bert-mlm", BERT, bert, "bert", "mlm",
          S(2, 4, 8, 32, 64, 80, 22, (2, 9, 14))),
    Model("bert-gamma", tf.BertForPreTraining, bert, "bert", "mlm",
          S(2, 4, 8, 32, 64, 80, 22, (1, 9, 14)), rename=gamma_beta),
    Model("bert-classifier", tf.BertForSequenceClassification, P(bert, num_labels=3), "bert", "hidden",
          S(2, 4, 8, 32, 64, 80, 22, (2, 9, 14))),
    Model("bert-minilm", tf.BertModel, bert, "bert", "hidden",
          S(3, 6, 4, 24, 96, 80, 22, (2, 9, 14)), buffers=position_ids),
    Model("roberta", tf.RobertaForMaskedLM, roberta, "bert", "mlm",
          S(2, 4, 8, 32, 64, 80, 22, (2, 9, 14))),
    Model("distilbert", tf.DistilBertForMaskedLM, distilbert, "distilbert", "mlm",
          S(2, 4, 8, 32, 64, 80, 22, (2, 9, 14))),

    Model("electra", tf.ElectraForPreTraining, P(electra, embedding=20), "bert", "hidden",
          S(2, 4, 8, 32, 64, 80, 22, (2, 9, 14))),
    Model("electra-mlm", tf.ElectraForMaskedLM, electra, "bert", "mlm",
          S(2, 4, 8, 32, 64, 80, 22, (1, 9, 14))),

    Model("llama-gqa", LLAMA, llama, "llama", "causal",
          S(2, 8, 8, 40, 48, 80, 28, (2, 9, 15), kv=2)),
    Model("llama-mqa", LLAMA, llama, "llama", "causal",
          S(2, 4, 8, 32, 48, 80, 28, (1, 9, 15), kv=1)),
    Model("llama-bias", LLAMA, P(llama, attention_bias=True, mlp_bias=True, rope_theta=100.0, rms_norm_eps=1e-3),
          "llama", "causal",
          S(2, 4, 8, 32, 48, 80, 28, (2, 9, 15), kv=4)),
    Model("llama3-rope", LLAMA, llama3, "llama", "causal",
          S(2, 4, 16, 32, 48, 80, 48, (2, 17, 33), kv=2)),
    Model("mistral", tf.MistralForCausalLM, P(llama, cls=tf.MistralConfig, sliding_window=6), "llama", "causal",
          S(2, 4, 8, 32, 48, 80, 28, (2, 6, 15), kv=2)),
    Model("qwen2", tf.Qwen2ForCausalLM, P(llama, cls=tf.Qwen2Config, tie_word_embeddings=True, rope_theta=1000000.0),
          "llama", "causal",
          S(2, 4, 8, 32, 48, 80, 28, (2, 9, 15), kv=2)),
    Model("qwen3", tf.Qwen3ForCausalLM, P(llama, cls=tf.Qwen3Config, rope_theta=1000000.0), "llama", "causal",
          S(2, 4, 12, 32, 48, 80, 28, (2, 9, 15), kv=2)),

    Model("t5", tf.T5ForConditionalGeneration, t5, "t5", "seq2seq",
          S(2, 4, 8, 24, 48, 80, 40, (2, 9, 15), layers2=3)),
    Model("t5-v11", tf.T5ForConditionalGeneration,
          P(t5, feed_forward_proj="gated-gelu", tie_word_embeddings=False, relative_attention_num_buckets=10,
            relative_attention_max_distance=20), "t5", "seq2seq",
          S(2, 4, 8, 24, 48, 80, 30, (1, 9, 15), layers2=2)),
    Model("umt5", tf.UMT5ForConditionalGeneration, P(t5, cls=tf.UMT5Config), "t5", "seq2seq",
          S(2, 4, 8, 24, 48, 80, 40, (2, 9, 15), layers2=2)),
    Model("t5-encoder", tf.T5EncoderModel, t5, "t5", "hidden",
          S(2, 4, 8, 24, 48, 80, 40, (2, 9, 15))),

    Model("opt", tf.OPTForCausalLM, opt, "opt", "causal", scope="weights",
          shape=S(2, 4, 8, 32, 64, 80, 24, (2, 7, 13))),
    Model("gpt-neox", tf.GPTNeoXForCausalLM, gpt_neox, "gpt-neox", "causal", scope="weights",
          shape=S(2, 4, 8, 32, 64, 80, 24, (2, 7, 13))),
    Model("bloom", tf.BloomForCausalLM, bloom, "bloom", "causal", scope="weights",
          shape=S(2, 4, 8, 32, 128, 80, 24, (2, 7, 13))),
    Model("vit", tf.ViTForImageClassification, vit, "vit", "image", scope="weights",
          shape=S(2, 4, 8, 32, 64, 10, 10, ())),
    Model("phi", tf.PhiForCausalLM, phi, "phi", "causal", scope="weights",
          shape=S(2, 4, 8, 32, 64, 80, 24, (2, 7, 13), kv=2)),
    Model("bart", tf.BartForConditionalGeneration, bart, "bart", "seq2seq", scope="weights",
          shape=S(2, 4, 8, 32, 64, 80, 30, (2, 9, 15), layers2=3)),
    Model("falcon", tf.FalconForCausalLM, falcon, "falcon", "causal", scope="weights",
          shape=S(2, 4, 8, 32, 128, 80, 24, (2, 7, 13), kv=1)),
    Model("custom-arch", LLAMA, llama, "llama", "causal", scope="weights", model_type="my_custom_arch",
          shape=S(2, 4, 8, 32, 48, 80, 24, (2, 7, 13), kv=2)),
]


# ---------------------------------------------------------------------------------------------------
# Where each head lives: module prefixes and the q, k, v, output tensors under them
# ---------------------------------------------------------------------------------------------------

# layout: (prefixes per layer, query, key, value, output, packing). Linear weights are [out, in], so a head
# is rows of q, k, v and columns of the output; GPT-2's Conv1D is [in, out], the other way round.
LAYOUTS = {
    "gpt2": ("transformer.h.{}.attn", "c_attn", "c_attn", "c_attn", "c_proj", "thirds"),
    "bert": ("{base}encoder.layer.{}.attention", "self.query", "self.key", "self.value", "output.dense", "separate"),
    "vit": ("vit.encoder.layer.{}.attention", "attention.query", "attention.key", "attention.value", "output.dense",
            "separate"),
    "distilbert": ("distilbert.transformer.layer.{}.attention", "q_lin", "k_lin", "v_lin", "out_lin", "separate"),
    "llama": ("model.layers.{}.self_attn", "q_proj", "k_proj", "v_proj", "o_proj", "separate"),
    "phi": ("model.layers.{}.self_attn", "q_proj", "k_proj", "v_proj", "dense", "separate"),
    "opt": ("model.decoder.layers.{}.self_attn", "q_proj", "k_proj", "v_proj", "out_proj", "separate"),
    "t5": (None, "q", "k", "v", "o", "separate"),
    "bart": (None, "q_proj", "k_proj", "v_proj", "out_proj", "separate"),
    "gpt-neox": ("gpt_neox.layers.{}.attention", *["query_key_value"] * 3, "dense", "per head"),
    "bloom": ("transformer.h.{}.self_attention", *["query_key_value"] * 3, "dense", "per head"),
    "falcon": ("transformer.h.{}.self_attention", *["query_key_value"] * 3, "dense", "multi-query"),
}


@dataclass
class Block:
    """One attention block: its module prefix and geometry."""
    path: str
    kind: str
    heads: int
    kv: int
    dim: int
    layout: tuple

    def output(self):
        return f"{self.path}.{self.layout[4]}"

    def output_axis(self):
        return 0 if self.layout[5] == "thirds" else 1

    def starts(self, h):
        """First row (column for Conv1D) of head h in its query, key and value tensors."""
        n, d, packing = self.heads, self.dim, self.layout[5]
        group = h // (n // self.kv)
        return {"separate": (h * d, group * d, group * d),
                "thirds": (h * d, (n + h) * d, (2 * n + h) * d),
                "per head": (3 * h * d, (3 * h + 1) * d, (3 * h + 2) * d),
                "multi-query": (h * d, n * d, (n + 1) * d)}[packing]

    def parts(self, h, names):
        """Every slice of head h: dicts of role, tensor, axis, start, count, shared; names: the tensors there are."""
        axis = 1 if self.layout[5] == "thirds" else 0
        for role, module, start in zip("qkv", self.layout[1:4], self.starts(h)):
            for tensor, ax in ((f"{self.path}.{module}.weight", axis), (f"{self.path}.{module}.bias", 0)):
                if tensor in names:
                    yield {"role": role, "tensor": tensor, "axis": ax, "start": start, "count": self.dim,
                           "shared": role != "q" and self.kv < self.heads}
        yield {"role": "o", "tensor": f"{self.output()}.weight", "axis": self.output_axis(), "start": h * self.dim,
               "count": self.dim, "shared": False}


def blocks_of(spec, shape):
    layout = LAYOUTS[spec.layout]
    def block(path, kind="self"):
        return Block(path, kind, shape.heads, shape.kv or shape.heads, shape.head_dim, layout)
    if spec.layout == "t5":
        found = [block(f"encoder.block.{i}.layer.0.SelfAttention") for i in range(shape.layers)]
        for i in range(shape.layers2):
            found += [block(f"decoder.block.{i}.layer.0.SelfAttention"),
                      block(f"decoder.block.{i}.layer.1.EncDecAttention", "cross")]
        return found
    if spec.layout == "bart":
        found = [block(f"model.encoder.layers.{i}.self_attn") for i in range(shape.layers)]
        for i in range(shape.layers2):
            found += [block(f"model.decoder.layers.{i}.self_attn"),
                      block(f"model.decoder.layers.{i}.encoder_attn", "cross")]
        return found
    base = {tf.BertModel: "", tf.RobertaForMaskedLM: "roberta.",
            tf.ElectraForPreTraining: "electra.", tf.ElectraForMaskedLM: "electra."}.get(spec.cls, "bert.")
    return [block(layout[0].format(i, base=base)) for i in range(shape.layers)]


# ---------------------------------------------------------------------------------------------------
# Making a checkpoint
# ---------------------------------------------------------------------------------------------------

def randomise(model, spec, generator):
    """Weights far from their initial values: nothing is uniform, zero or one, and every bias counts."""
    def normal(p, std, mean=0.0):
        return mean + std * torch.randn(p.shape, generator=generator, dtype=F64)
    for name, p in model.named_parameters():
        norm = "norm" in name.lower() or ".ln_" in name
        if norm and name.endswith("weight"):
            value = normal(p, 0.3, 1.0)
        elif "relative_attention_bias" in name:
            value = normal(p, 1.0)
        elif p.dim() == 1:
            value = normal(p, 0.3)
        elif name.endswith("Attention.q.weight"):  # T5 does not divide its scores by sqrt(head_dim)
            value = normal(p, spec.std / model.config.d_kv ** 0.5)
        else:
            value = normal(p, spec.std)
        p.data = value.to(p.dtype)


def save(model, spec, config, folder):
    """Write config.json and the weights under the names that files on the hub have."""
    tensors = sum(t.numel() * t.element_size() for t in model.state_dict().values())
    limit = {} if spec.shards == 1 else {"max_shard_size": int(tensors / (spec.shards - 0.5))}
    model.save_pretrained(folder, **limit)
    (folder / "generation_config.json").unlink(missing_ok=True)
    if spec.rename is not as_saved or spec.buffers:
        tensors = {spec.rename(k): v for k, v in load_file(folder / "model.safetensors").items()}
        if spec.buffers:
            tensors.update((k, v.contiguous()) for k, v in spec.buffers(config))
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)
    if spec.model_type:
        path = folder / "config.json"
        stored = json.loads(path.read_text())
        stored["model_type"] = spec.model_type
        stored["architectures"] = ["MyCustomForCausalLM"]
        path.write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n")


# ---------------------------------------------------------------------------------------------------
# Running it in float64
# ---------------------------------------------------------------------------------------------------

class Exact64(TorchFunctionMode):
    """Keeps float64 where transformers casts to float32 by name (RMSNorm, rotary tables, some soft-maxes), so that
    model.double() is float64 throughout. Integers still become float32, unless `integers`: T5 picks its position
    buckets in float32, and must go on doing so."""

    def __init__(self, integers=False):
        super().__init__()
        self.integers = integers

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs, name = dict(kwargs or {}), func.__name__
        x = args[0] if args else None
        if isinstance(x, torch.Tensor) and (x.dtype == F64 or self.integers and not x.is_floating_point()):
            if name == "float":
                return x.to(F64)
            if name == "to":
                args = [F64 if a is torch.float32 else a for a in args]
            if kwargs.get("dtype") is torch.float32:
                kwargs["dtype"] = F64
        if name in ("matmul", "__matmul__") and args[0].dtype != args[1].dtype:
            args = [a.double() for a in args]
        return func(*args, **kwargs)


def load(spec, config, folder, dtype):
    given = {"config": config} if spec.model_type else {}
    model = spec.cls.from_pretrained(folder, dtype=dtype, attn_implementation="eager", **given).eval()
    model.config.use_cache = False
    model.requires_grad_(False)
    return model


def exact_rotary(model):
    """Rotary frequencies in float64 rather than float32."""
    for module in model.modules():
        if hasattr(module, "rope_init_fn"):
            with Exact64(integers=True):
                module.inv_freq, module.attention_scaling = module.rope_init_fn(module.config, None)
            assert module.inv_freq.dtype == F64


def pixels(index, config):
    """Image `index`: pixel[c][y][x] = sin(0.37 (c S S + y S + x) + index), S the image size."""
    n = config.num_channels * config.image_size ** 2
    value = torch.sin(0.37 * torch.arange(n, dtype=F64) + index)
    return value.view(1, config.num_channels, config.image_size, config.image_size)


@dataclass
class Example:
    """One input: the model's arguments, and which rows of the logits predict which ids."""
    inputs: dict
    rows: list
    labels: list


def examples_of(spec, shape, config, rng):
    """Draw the inputs; returns (examples, the fields that describe them)."""
    def draw(n):
        return [rng.randrange(SPECIALS, shape.vocab) for _ in range(n)]
    if spec.task == "image":
        return [Example({"pixel_values": pixels(i, config)}, [], []) for i in range(3)], {"images": 3}
    sequences = [draw(n) for n in (*shape.lengths, shape.positions)]
    fields, found = {"sequences": sequences}, []
    if spec.task == "mlm":
        fields |= {"mask_token_id": MASK_ID, "mlm": []}
    if spec.task == "seq2seq":
        fields["decoder_sequences"] = []
    for index, ids in enumerate(sequences):
        inputs, rows, labels = {}, [], []
        if spec.task == "causal":
            rows, labels = list(range(len(ids) - 1)), ids[1:]
        elif spec.task == "mlm":
            rows = sorted(rng.sample(range(len(ids)), max(1, len(ids) // 4)))
            labels = draw(len(rows))
            for row in rows:
                ids[row] = MASK_ID
            fields["mlm"].append({"sequence": index, "positions": rows, "labels": labels})
        elif spec.task == "seq2seq":
            decoder = [config.decoder_start_token_id] + draw((1, 5, 0, len(ids) - 9)[index])
            rows, labels = list(range(len(decoder) - 1)), decoder[1:]
            inputs["decoder_input_ids"] = torch.tensor([decoder])
            fields["decoder_sequences"].append(decoder)
        found.append(Example({"input_ids": torch.tensor([ids]), **inputs}, rows, labels))
    return found, fields


def forward(model, spec, example, **kw):
    """Returns (logits or hidden states [positions, size], the whole output)."""
    out = (model.base_model if spec.task == "hidden" else model)(**example.inputs, **kw)
    if spec.task == "hidden":
        return out.last_hidden_state[0], out
    scores = getattr(out, "prediction_logits", None)  # BertForPreTraining
    return (out.logits if scores is None else scores).reshape(-1, model.config.vocab_size if spec.task != "image"
                                                              else model.config.num_labels), out


def nll_sum(scores, example):
    return F.cross_entropy(scores[example.rows], torch.tensor(example.labels), reduction="sum")


def attentions(spec, out):
    """Attention weights in block order, each [heads, queries, keys]."""
    if spec.task != "seq2seq":
        return [a[0] for a in out.attentions]
    decoder = [a[0] for pair in zip(out.decoder_attentions, out.cross_attentions) for a in pair]
    return [a[0] for a in out.encoder_attentions] + decoder


def evaluate(model, spec, examples, **kw):
    """Returns (loss or None, the last row of scores per example, all scores)."""
    with torch.no_grad():
        scores = [forward(model, spec, e, **kw)[0] for e in examples]
    targets = sum(len(e.labels) for e in examples)
    loss = sum(nll_sum(s, e) for s, e in zip(scores, examples) if e.rows) / targets if targets else None
    return loss, [s[-1] for s in scores], torch.cat(scores)


class Taps:
    """Hooks on every output projection: keep its input z and multiply each head's part by a gate."""

    def __init__(self, model, blocks):
        self.blocks, self.z = blocks, [None] * len(blocks)
        self.gates = [torch.ones(b.heads, dtype=F64, requires_grad=True) for b in blocks]
        self.handles = [model.get_submodule(b.output()).register_forward_pre_hook(functools.partial(self.tap, i))
                        for i, b in enumerate(blocks)]

    def tap(self, i, module, args):
        self.z[i] = args[0][0].detach()
        return (args[0] * self.gates[i].repeat_interleave(self.blocks[i].dim), *args[1:])

    def remove(self):
        for handle in self.handles:
            handle.remove()


def output_slice(model, block, h):
    """View of W_O of head h."""
    return model.get_parameter(f"{block.output()}.weight").narrow(block.output_axis(), h * block.dim, block.dim)


class Zeroed:
    """Within it, the output slices of `heads` (pairs of block, head) are zero."""

    def __init__(self, model, blocks, heads):
        self.views = [output_slice(model, blocks[b], h) for b, h in heads]

    def __enter__(self):
        self.kept = [v.clone() for v in self.views]
        for v in self.views:
            v.zero_()

    def __exit__(self, *_):
        for v, kept in zip(self.views, self.kept):
            v.copy_(kept)


def scores_of(model, spec, blocks, examples):
    """entropy, entropy_eps, energy, gradient and fisher, each [block][head]."""
    def zeros():
        return [torch.zeros(b.heads, dtype=F64) for b in blocks]
    entropy, entropy_eps, energy, gradient, fisher = (zeros() for _ in range(5))
    queries = [0] * len(blocks)
    taps = Taps(model, blocks)
    for e in examples:
        scores, out = forward(model, spec, e, output_attentions=True)
        for i, (b, p) in enumerate(zip(blocks, attentions(spec, out))):
            p = p.detach()
            assert p.dtype == F64 and p.shape[0] == b.heads
            entropy[i] += torch.special.entr(p).sum((1, 2))
            entropy_eps[i] -= (p * torch.log(p + 1e-8)).sum((1, 2))
            queries[i] += p.shape[1]
            weight = model.get_parameter(f"{b.output()}.weight")
            weight = weight if b.output_axis() == 0 else weight.T  # [heads * dim, hidden]
            z = taps.z[i].view(-1, b.heads, b.dim)
            part = torch.einsum("thd,hdo->tho", z, weight.reshape(b.heads, b.dim, -1))
            energy[i] += part.square().sum((0, 2))
        if e.rows:
            grads = torch.autograd.grad(nll_sum(scores, e) / len(e.rows), taps.gates)
            for i, g in enumerate(grads):
                gradient[i] += g.abs()
                fisher[i] += g.square()
    taps.remove()
    def mean(totals, counts):
        return [t / n for t, n in zip(totals, counts)]
    found = {"entropy": mean(entropy, queries), "entropy_eps": mean(entropy_eps, queries),
             "energy": mean(energy, queries)}
    trained = sum(1 for e in examples if e.rows)
    if trained:
        found |= {"gradient": mean(gradient, [trained] * len(blocks)), "fisher": mean(fisher, [trained] * len(blocks))}
    return found


def magnitude_of(tensors, blocks):
    """||Wq_h|| + ||Wk_h|| + ||Wv_h|| + ||Wo_h||, Frobenius, no biases."""
    def norm(part):
        return tensors[part["tensor"]].double().narrow(part["axis"], part["start"], part["count"]).norm()
    return [[sum(norm(p) for p in b.parts(h, tensors) if p["tensor"].endswith("weight")) for h in range(b.heads)]
            for b in blocks]


def head_mask(spec, blocks, heads):
    """The head-mask arguments of `heads` for the model classes that honour them."""
    def ones(kind, prefix=""):
        return torch.tensor([[0.0 if [i, h] in heads else 1.0 for h in range(b.heads)]
                             for i, b in enumerate(blocks) if b.kind == kind and b.path.startswith(prefix)], dtype=F64)
    if spec.task == "seq2seq":
        return {"head_mask": ones("self", "encoder"), "decoder_head_mask": ones("self", "decoder"),
                "cross_attn_head_mask": ones("cross")}
    return {"head_mask": ones("self")}


HEAD_MASK = ("gpt2", "bert", "distilbert", "t5", "bloom", "vit")  # OPT and Falcon ignore it, GPT-NeoX garbles it
PRUNE_HEADS = ("gpt2", "bert", "distilbert", "vit")


def crosscheck(model, spec, blocks, heads, examples, masked):
    """Largest difference between zeroed slices and what transformers' own head_mask and prune_heads give."""
    ran = {}
    if spec.layout in HEAD_MASK:
        ran["head_mask"] = evaluate(model, spec, examples, **head_mask(spec, blocks, heads))
    if spec.layout in PRUNE_HEADS:
        torch.set_default_dtype(F64)  # the pruned layers are made anew, in the default dtype
        model.prune_heads({i: [h for b, h in heads if b == i] for i in range(len(blocks))})  # last use of the model
        torch.set_default_dtype(torch.float32)
        ran["prune_heads"] = evaluate(model, spec, examples)
    worst = 0.0
    for loss, _, scores in ran.values():
        worst = max(worst, (scores - masked[2]).abs().max().item(), float(abs((loss or 0) - (masked[0] or 0))))
    assert worst < 1e-9, (spec.name, worst)
    return {"crosscheck": list(ran), "crosscheck_max_diff": worst}


def choose_heads(blocks, rng):
    """About 30 % of all heads, leaving each block at least one."""
    heads = [[i, h] for i, b in enumerate(blocks) for h in range(b.heads)]
    while True:
        chosen = sorted(rng.sample(heads, math.ceil(0.3 * len(heads))))
        if all(sum(c[0] == i for c in chosen) < b.heads for i, b in enumerate(blocks)):
            return chosen


def zeroed_hashes(stored, blocks, heads, rename):
    """sha256 of the raw bytes of each output weight, in the stored dtype, after zeroing."""
    found = {}
    for i, b in enumerate(blocks):
        name = rename(f"{b.output()}.weight")
        tensor = stored[name].clone()
        for block, h in heads:
            if block == i:
                tensor.narrow(b.output_axis(), h * b.dim, b.dim).zero_()
        found[name] = hashlib.sha256(tensor.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest()
    return found


def stored_tensors(folder):
    found = {}
    for path in sorted(folder.glob("*.safetensors")):
        found |= load_file(path)
    return found


def expected(spec, shape, config, folder, rng):
    """Everything that goes into expected.json."""
    blocks = blocks_of(spec, shape)
    examples, inputs = examples_of(spec, shape, config, rng)
    stored = stored_tensors(folder)
    plain = evaluate(load(spec, config, folder, F64), spec, examples)
    single = [Example({k: v.float() if k == "pixel_values" else v for k, v in e.inputs.items()}, e.rows, e.labels)
              for e in examples]
    float32 = evaluate(load(spec, config, folder, torch.float32), spec, single)

    model = load(spec, config, folder, F64)
    weights = {name: stored[spec.rename(name)] for name in model.state_dict() if spec.rename(name) in stored}
    exact_rotary(model)
    with Exact64():
        loss, last, scores = evaluate(model, spec, examples)
        found = scores_of(model, spec, blocks, examples)
        if loss is not None:
            found["ablation"] = []
            for i, b in enumerate(blocks):
                found["ablation"].append([])
                for h in range(b.heads):
                    with Zeroed(model, blocks, [(i, h)]):
                        found["ablation"][i].append(evaluate(model, spec, examples)[0] - loss)
        heads = choose_heads(blocks, rng)
        with Zeroed(model, blocks, heads):
            masked = evaluate(model, spec, examples)
        checks = crosscheck(model, spec, blocks, heads, examples, masked)

    size = "hidden" if spec.task == "hidden" else "logits"
    stored_config = json.loads((folder / "config.json").read_text())
    samples = sorted({(0, 0), (len(blocks) // 2, 1), (len(blocks) - 1, blocks[-1].heads - 1)})
    result = {
        "model_type": stored_config["model_type"], "architecture": stored_config["architectures"][0],
        "scope": spec.scope, "dtype": shape.dtype, "n_layers": shape.layers}
    if shape.layers2:
        result["n_decoder_layers"] = shape.layers2
    result |= {
        "n_heads": shape.heads, "n_kv_heads": shape.kv or shape.heads, "head_dim": shape.head_dim, **inputs,
        "blocks": [{"name": spec.rename(b.path), "n_heads": b.heads, "n_kv_heads": b.kv, "head_dim": b.dim,
                    "kind": b.kind} for b in blocks],
        "magnitude": magnitude_of(weights, blocks), **found}
    if loss is not None:
        result |= {"loss": loss, "loss_tokens": sum(len(e.labels) for e in examples)}
    result |= {
        size: last,
        "masked": {"heads": heads, **({} if loss is None else {"loss": masked[0]}), size: masked[1], **checks},
        "slices": [{"block": i, "head": h,
                    "parts": [p | {"tensor": spec.rename(p["tensor"])} for p in blocks[i].parts(h, weights)]}
                   for i, h in samples],
        "zeroed_sha256": zeroed_hashes(stored, blocks, heads, spec.rename),
        "rounding": {"model_double": (plain[2] - scores).abs().max(), "float32": (float32[2] - scores).abs().max()}}
    return result


def rounded(value):
    """JSON value with floats to 12 significant digits."""
    if isinstance(value, torch.Tensor):
        value = value.tolist()
    if isinstance(value, float):
        return float(f"{value:.12g}")
    if isinstance(value, dict):
        return {k: rounded(v) for k, v in value.items()}
    return [rounded(v) for v in value] if isinstance(value, (list, tuple)) else value


def write_json(path, value):
    """One top-level field a line."""
    lines = (f"{json.dumps(k)}: {json.dumps(v)}" for k, v in rounded(value).items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def make(spec, out):
    shape = spec.shape
    seed = int.from_bytes(hashlib.sha256(f"public/{spec.name}".encode()).digest()[:4], "big")
    rng, generator = random.Random(seed), torch.Generator().manual_seed(seed)
    folder = out / spec.name
    shutil.rmtree(folder, ignore_errors=True)
    config = spec.config(shape)
    model = spec.cls(config).to(DTYPES[shape.dtype])
    randomise(model, spec, generator)
    save(model, spec, config, folder)
    result = expected(spec, shape, config, folder, rng)
    write_json(folder / "expected.json", result)
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=pathlib.Path, metavar="OUT_DIR")
    parser.add_argument("--only", nargs="*", help="these models only")
    args = parser.parse_args()
    torch.set_num_threads(1)
    tf.utils.logging.disable_progress_bar()
    args.out.mkdir(parents=True, exist_ok=True)
    for spec in MODELS:
        if not args.only or spec.name in args.only:
            r = make(spec, args.out)
            size = sum(f.stat().st_size for f in (args.out / spec.name).glob("*"))
            spread = torch.cat([torch.as_tensor(e) for e in r["entropy"]])
            print(f"{spec.name:16} {size / 1024:6.0f} KiB  loss {float(r.get('loss') or 0):7.3f}  entropy "
                  f"{spread.min():.2f}..{spread.max():.2f}  float32 {float(r['rounding']['float32']):.1e}  double "
                  f"{float(r['rounding']['model_double']):.1e}  {r['masked']['crosscheck']} "
                  f"{r['masked']['crosscheck_max_diff']:.1e}", flush=True)


if __name__ == "__main__":
    main()
