"""Where heads lie in a checkpoint, by model type, and how they are cut out.

Written from the definition of the layers, not from headprune, so that its
output can be held against it. A block is named as in the ids of its heads:
"3" of "3:0", "dec.0.cross" of "dec.0.cross:2".
"""
import re

BERT = {"names": r"encoder\.layer\.(\d+)\.attention\.(.+)\.(weight|bias)$",
        "rows": ("self.query", "self.key", "self.value"), "out": "output.dense"}
LLAMA = {"names": r"layers\.(\d+)\.self_attn\.(.+)\.(weight|bias)$",
         "rows": ("q_proj",), "grouped": ("k_proj", "v_proj"), "out": "o_proj",
         "norms": ("q_norm", "k_norm")}
LAYOUTS = {
    "gpt2": {"names": r"h\.(\d+)\.attn\.(.+)\.(weight|bias)$", "fused": "c_attn",
             "out": "c_proj"},
    "bert": BERT, "roberta": BERT, "xlm-roberta": BERT, "electra": BERT,
    "distilbert": {"names": r"layer\.(\d+)\.attention\.(.+)\.(weight|bias)$",
                   "rows": ("q_lin", "k_lin", "v_lin"), "out": "out_lin"},
    "llama": LLAMA, "mistral": LLAMA, "qwen2": LLAMA, "qwen3": LLAMA,
    "t5": {"rows": ("q", "k", "v"), "out": "o", "columns": "relative_attention_bias"},
}
T5_NAMES = (r"(encoder|decoder)\.block\.(\d+)\.layer\.\d\."
            r"(SelfAttention|EncDecAttention)\.(.+)\.(weight)$")


def first(config, *keys):
    return next(config[k] for k in keys if config.get(k) is not None)


class Layout:
    """Head counts and names of one model, from its config.json as a dict."""

    def __init__(self, config):
        self.type = config["model_type"]
        self.rule = LAYOUTS[self.type]
        layers = first(config, "num_hidden_layers", "n_layer", "n_layers", "num_layers")
        self.blocks = [str(i) for i in range(layers)]
        if self.type == "t5":
            decoder = config.get("num_decoder_layers") or layers
            self.blocks = [f"enc.{i}" for i in range(layers)]
            self.blocks += [f"dec.{i}.{k}" for i in range(decoder) for k in ("self", "cross")]
        self.heads = first(config, "num_attention_heads", "n_head", "n_heads", "num_heads")
        self.group = self.heads // (config.get("num_key_value_heads") or self.heads)
        width = first(config, "hidden_size", "n_embd", "dim", "d_model")
        self.head_dim = config.get("d_kv") or config.get("head_dim") or width // self.heads

    def find(self, name):
        """(block, part, weight or bias) of an attention tensor; None: another."""
        if self.type == "t5":
            m = re.search(T5_NAMES, name)
            if not m:
                return None
            kind = {"SelfAttention": "self", "EncDecAttention": "cross"}[m[3]]
            block = f"enc.{m[2]}" if m[1] == "encoder" else f"dec.{m[2]}.{kind}"
            return block, m[4], m[5]
        m = re.search(r"(?:^|\.)" + self.rule["names"], name)
        known = (self.rule["out"], self.rule.get("fused"), *self.rule.get("rows", ()),
                 *self.rule.get("grouped", ()), *self.rule.get("norms", ()))
        return (m[1], m[2], m[3]) if m and m[2] in known else None

    def bands(self, heads):
        return [h * self.head_dim + i for h in heads for i in range(self.head_dim)]

    def cut(self, tensors, kept):
        """The tensors of a model that keeps the heads kept[block]."""
        out = {}
        for name, t in tensors.items():
            found = self.find(name)
            part = self.narrow(t, found[1], found[2], kept[found[0]]) if found else t
            if part is not None:
                out[name] = part.contiguous()
        return out

    def narrow(self, t, part, kind, kept):
        rule = self.rule
        if part == rule["out"]:
            if kind == "bias":
                return t
            index = self.bands(kept)
            return None if not kept else t[index] if "fused" in rule else t[:, index]
        if not kept:
            return None
        if part in rule.get("norms", ()):
            return t
        if part == rule.get("columns"):
            return t[:, kept]
        if part == rule.get("fused"):
            width = t.shape[-1] // 3
            return t[..., [k * width + i for k in range(3) for i in self.bands(kept)]]
        if part in rule.get("grouped", ()):
            kept = sorted({h // self.group for h in kept})
        return t[self.bands(kept)]

    def silence(self, state, kept):
        """Zeroes W_O of all heads but those kept, in a state dict, in place."""
        for name, t in state.items():
            found = self.find(name)
            if found and found[1:] == (self.rule["out"], "weight"):
                gone = [h for h in range(self.heads) if h not in kept[found[0]]]
                index = self.bands(gone)
                if "fused" in self.rule:
                    t[index] = 0
                else:
                    t[:, index] = 0
