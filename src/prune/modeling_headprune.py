"""Loads checkpoints whose attention heads were removed, in transformers 4.57 to 5.

Layers may keep different numbers of heads. headprune writes this file beside the weights;
config.json has the head counts of the original model and
    "headprune_heads_kept": [[0, 2, 3], [], [1]]    by layer: the query heads that stay, ascending
    "auto_map": {"AutoModelForCausalLM": "modeling_headprune.HeadpruneGPT2LMHeadModel"}
Load it with trust_remote_code=True. HeadpruneX is the stock class X with narrower attention; X may
be any class of the model types in RESIZE, so auto_map may name every auto class.

A layer stores the bands of its heads, in order. With grouped keys and values, a group stays while
one of its query heads does. A layer without heads stores nothing of its attention but the bias of
the output projection, if there is one.
"""
import re

import torch
import transformers
from torch import nn
from transformers.pytorch_utils import Conv1D


class Repeated(nn.Linear):
    """Keys or values of unequal groups: query head i gets a copy of its own, of head pick[i]."""

    def __init__(self, *args, head_dim, pick, **kwargs):
        super().__init__(*args, **kwargs)
        self.head_dim, self.pick = head_dim, pick

    def forward(self, x):
        y = super().forward(x)
        return y.unflatten(-1, (-1, self.head_dim))[..., self.pick, :].flatten(-2)


class BiasOnly(nn.Module):
    """Output projection of a layer without heads."""

    def __init__(self, whole):
        super().__init__()
        self.width = whole.nf if isinstance(whole, Conv1D) else whole.out_features
        self.bias = None if whole.bias is None else nn.Parameter(torch.zeros(self.width))

    def forward(self, x):
        y = x.new_zeros(*x.shape[:-1], self.width)
        return y if self.bias is None else y + self.bias


class Headless(nn.Module):
    """Attention of a layer without heads.

    It enters its tokens into the cache, too, which may count them in this layer.
    """

    def __init__(self, layer=None, **projection):
        super().__init__()
        self.layer, self.out = layer, next(iter(projection), None)
        for name, whole in projection.items():
            self.add_module(name, BiasOnly(whole))

    def remember(self, x, cache, position):
        cache = getattr(cache, "self_attention_cache", cache)
        entry = x.new_ones(x.shape[0], 1, x.shape[1], 1)
        cache.update(entry, entry, self.layer, {"cache_position": position})

    def forward(self, *args, **kwargs):
        x = args[0] if args else kwargs.get("hidden_states", kwargs.get("query"))
        cache = kwargs.get("past_key_values", kwargs.get("past_key_value"))
        if cache is not None:
            self.remember(x, cache, kwargs.get("cache_position"))
        nothing = x[..., :0]
        return (getattr(self, self.out)(nothing) if self.out else nothing), None


def linear(whole, inputs=None, outputs=None, cls=nn.Linear, **kwargs):
    """A new linear layer like `whole` of fewer inputs or outputs."""
    return cls(inputs or whole.in_features, outputs or whole.out_features,
               bias=whole.bias is not None, **kwargs)


def resize_gpt2(block, layer, kept):
    own, width = block.attn, len(kept) * block.attn.head_dim
    if not kept:
        block.attn = Headless(layer, c_proj=own.c_proj)
        return
    own.c_attn, own.c_proj = Conv1D(3 * width, own.embed_dim), Conv1D(own.embed_dim, width)
    own.num_heads, own.split_size = len(kept), width


def resize_bert(block, layer, kept):
    own, out = block.attention.self, block.attention.output
    width = len(kept) * own.attention_head_size
    if not kept:
        block.attention.self, out.dense = Headless(layer), BiasOnly(out.dense)
        return
    own.query, own.key, own.value = (
        linear(m, outputs=width) for m in (own.query, own.key, own.value))
    out.dense = linear(out.dense, inputs=width)
    own.num_attention_heads, own.all_head_size = len(kept), width


def resize_distilbert(block, layer, kept):
    own = block.attention
    width = len(kept) * own.attention_head_size
    if not kept:
        block.attention = Headless(out_lin=own.out_lin)
        return
    own.q_lin, own.k_lin, own.v_lin = (
        linear(m, outputs=width) for m in (own.q_lin, own.k_lin, own.v_lin))
    own.out_lin = linear(own.out_lin, inputs=width)
    own.n_heads, own.dim = len(kept), width


def resize_llama(block, layer, kept):
    own, head_dim = block.self_attn, block.self_attn.head_dim
    if not kept:
        block.self_attn = Headless(layer, o_proj=own.o_proj)
        return
    group = [head // own.num_key_value_groups for head in kept]
    groups = sorted(set(group))
    equal = len({group.count(g) for g in groups}) == 1
    how = {} if equal else {"cls": Repeated, "head_dim": head_dim,
                            "pick": [groups.index(g) for g in group]}
    own.k_proj, own.v_proj = (
        linear(m, outputs=len(groups) * head_dim, **how) for m in (own.k_proj, own.v_proj))
    own.q_proj = linear(own.q_proj, outputs=len(kept) * head_dim)
    own.o_proj = linear(own.o_proj, inputs=len(kept) * head_dim)
    own.num_key_value_groups = len(kept) // len(groups) if equal else 1


# By model type: the list of layers that has its attention, and how one layer is made narrower.
RESIZE = {
    "gpt2": ("h", resize_gpt2),
    **dict.fromkeys(("bert", "roberta", "xlm-roberta", "electra"), ("layer", resize_bert)),
    "distilbert": ("layer", resize_distilbert),
    **dict.fromkeys(("llama", "mistral", "qwen2", "qwen3"), ("layers", resize_llama)),
}


class Ragged:
    """Mixed in before a stock class: builds that and makes each attention narrower.

    Weights are loaded later, so the new layers need none yet.
    """

    def __init__(self, config, *args, **kwargs):
        super().__init__(config, *args, **kwargs)
        kept = getattr(config, "headprune_heads_kept", None)
        if kept is None:
            return  # a whole model
        if config.model_type not in RESIZE:
            raise ValueError(f"modeling_headprune does not know model_type {config.model_type!r}")
        parent, resize = RESIZE[config.model_type]
        layers = [(m, int(name.rpartition(".")[2])) for name, m in self.named_modules()
                  if re.search(rf"(^|\.){parent}\.\d+$", name)]
        if len(kept) != len(layers):
            raise ValueError(f"headprune_heads_kept is for {len(kept)} layers, "
                             f"the model has {len(layers)}")
        for block, layer in layers:
            resize(block, layer, kept[layer])
        self.post_init()


def __getattr__(name):
    """HeadpruneX for a stock class X, made when it is asked for.

    It is registered, so that save_pretrained copies this file.
    """
    plain = name.removeprefix("Headprune")
    if plain == name or not hasattr(transformers, plain):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = type(name, (Ragged, getattr(transformers, plain)), {"__module__": __name__})
    kind = re.search("For[A-Z].*|LMHeadModel|Model$", name)[0].replace("LMHeadModel", "ForCausalLM")
    made.register_for_auto_class("AutoModel" + kind.removesuffix("Model"))
    return globals().setdefault(name, made)
