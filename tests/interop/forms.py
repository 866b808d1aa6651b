"""Loads every output form in transformers and holds it against the original.

usage: forms.py PROGRAM WORK_DIR [MODEL...]

Every model is pruned by the program in every form that it has. What comes out
must load without a key missing, unexpected or mismatched, and must compute
what the original does whose output-projection slices were zeroed here, in
memory; what must not load must be refused. The tensors that were left are
compared with those that layouts.py cuts out, and config.json token by token
with the original's.
"""
import json
import os
import re
import shutil
import subprocess
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
PROGRAM, WORK = sys.argv[1:3]
os.environ["HF_MODULES_CACHE"] = os.path.join(WORK, "modules")
import torch
import transformers
from safetensors import safe_open

from layouts import Layout

V5 = int(transformers.__version__.split(".")[0]) >= 5
ROOM = os.path.join(WORK, f"forms-{transformers.__version__}")
CAUSAL, MASKED = "AutoModelForCausalLM", "AutoModelForMaskedLM"
MODELS = (
    ("tests/golden/gpt2", CAUSAL), ("tests/golden/gpt2-bare", CAUSAL),
    ("tests/golden/gpt2-f16", CAUSAL), ("tests/golden/gpt2-bf16", CAUSAL),
    ("tests/golden/gpt2-f64", CAUSAL), ("tests/golden/gpt2-scaled", CAUSAL),
    ("tests/golden/gpt2-sharded", CAUSAL),
    ("tests/golden/bert-mlm", MASKED), ("tests/golden/bert-gamma", MASKED),
    ("tests/golden/bert-minilm", "AutoModel"),
    ("tests/golden/bert-classifier", "AutoModelForSequenceClassification"),
    ("tests/golden/roberta", MASKED), ("tests/golden/electra-mlm", MASKED),
    ("tests/golden/distilbert", MASKED),
    ("tests/golden/llama-gqa", CAUSAL), ("tests/golden/llama-mqa", CAUSAL),
    ("tests/golden/llama-bias", CAUSAL), ("tests/golden/llama3-rope", CAUSAL),
    ("tests/golden/mistral", CAUSAL), ("tests/golden/qwen2", CAUSAL),
    ("tests/golden/qwen3", CAUSAL),
    ("tests/golden/t5", "AutoModelForSeq2SeqLM"),
    ("tests/golden/t5-v11", "AutoModelForSeq2SeqLM"),
)
# They can't say in config.json alone that layers differ.
BY_PRUNED_HEADS = ("gpt2", "bert", "roberta", "xlm-roberta", "electra", "distilbert")
UNIFORM = ("llama", "mistral", "qwen2", "qwen3", "t5")
# Masks that old files of GPT-2 store; transformers pass over them where they
# have a buffer of that name, which a layer without heads has not.
LEGACY = re.compile(r"\.attn\.(masked_)?bias$")
seen = {"loads": 0, "refusals": 0, "tokens": 0, "largest": 0.0}


# ---- running the program ----

def prune(folder, out, heads, *options, code=0):
    """Path of the output; the message when the program must end with `code`."""
    path = os.path.join(ROOM, out)
    done = subprocess.run([PROGRAM, "apply", folder, "--heads", heads, *options, "-o", path, "-f"],
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert done.returncode == code, (folder, options, done.returncode, done.stderr)
    return done.stderr if code else path


def as_list(layout, kept):
    gone = {b: [h for h in range(layout.heads) if h not in kept[b]] for b in layout.blocks}
    return " ".join(f"{b}:{','.join(map(str, g))}" for b, g in gone.items() if g)


# ---- loading ----

def load(folder, auto, attention="eager", **kwargs):
    """In double precision, and what did not fit."""
    model, info = getattr(transformers, auto).from_pretrained(
        folder, output_loading_info=True, attn_implementation=attention, **kwargs)
    info = {k: sorted(n for n in map(str, v) if not LEGACY.search(n))
            for k, v in info.items() if k != "error_msgs"}
    return model.double().eval(), {k: v for k, v in info.items() if v}


def refused(folder, auto, **kwargs):
    try:
        load(folder, auto, **kwargs)
    except Exception as e:  # each version has other classes
        assert not isinstance(e, (NameError, TypeError, OSError)), e
        seen["refusals"] += 1
        return
    raise AssertionError(f"{folder} loads in {transformers.__version__}, {kwargs}")


def outputs(model, ids):
    """Everything that the model says of the sequences."""
    with torch.no_grad():
        given = {"decoder_input_ids": ids[:, :5]} if model.config.is_encoder_decoder else {}
        out = model(ids, **given)
    return out.logits if "logits" in out else out.last_hidden_state


class Original:
    """A model whose heads were silenced in memory: what all forms must equal."""

    def __init__(self, folder, auto, kept):
        self.folder, self.auto, self.kept = folder, auto, kept
        self.config = json.load(open(os.path.join(folder, "config.json")))
        self.layout = Layout(self.config)
        # sdpa of transformers 4 forgets to divide by the layer; some have none there
        only_eager = (self.config.get("scale_attn_by_inverse_layer_idx") or
                      self.layout.type in ("t5", "electra"))
        self.attentions = ("eager",) if only_eager and not V5 else ("eager", "sdpa")
        self.model, self.info = load(folder, auto)
        expected = json.load(open(os.path.join(folder, "expected.json")))
        self.ids = torch.tensor([expected["sequences"][-1]])
        whole = outputs(self.model, self.ids)
        with torch.no_grad():
            self.layout.silence(self.model.state_dict(), kept)
        self.wanted = outputs(self.model, self.ids)
        effect = (whole - self.wanted).abs().max() / whole.abs().max()
        assert effect > 1e-3, "these heads do nothing: the comparison could not fail"

    def check(self, model, info, what):
        assert info == self.info, (self.folder, what, info, self.info)
        gap = (outputs(model, self.ids) - self.wanted).abs().max() / self.wanted.abs().max()
        # a few steps of transformers are single precision whatever the dtype
        limit = 1e-9 if self.layout.type in BY_PRUNED_HEADS else 1e-5
        assert gap <= limit, (self.folder, what, gap.item())
        seen["largest"] = max(seen["largest"], gap.item())
        seen["loads"] += 1
        return model

    def same(self, folder, what, **kwargs):
        return self.check(*load(folder, self.auto, **kwargs), what)

    def same_tokens(self, model, **kwargs):
        """Token for token, with a cache and without."""
        prompt = self.ids[:, :6]
        options = dict(max_new_tokens=10, do_sample=False, eos_token_id=None, pad_token_id=0,
                       attention_mask=torch.ones_like(prompt), **kwargs)
        ours, theirs = (m.generate(prompt, **options).tolist() for m in (model, self.model))
        assert ours == theirs, (self.folder, kwargs, ours, theirs)
        seen["tokens"] += len(ours[0])


# ---- files ----

def tensors(folder):
    out = {}
    for name in os.listdir(folder):
        if name.endswith(".safetensors") and not name.startswith("headprune"):
            with safe_open(os.path.join(folder, name), "pt") as f:
                out.update({k: f.get_tensor(k) for k in f.keys()})
    return out


def same_tensors(got, wanted):
    assert got.keys() == wanted.keys(), got.keys() ^ wanted.keys()
    for name, t in wanted.items():
        assert got[name].dtype == t.dtype and torch.equal(got[name], t), name


def report(folder):
    with open(os.path.join(folder, "headprune.json")) as f:
        return json.load(f)


def config_tokens(folder):
    """Values as they are written: 1e-05 is not 0.00001, 1.0 is not 1."""
    with open(os.path.join(folder, "config.json")) as f:
        pairs = json.load(f, parse_float=str, parse_int=str, object_pairs_hook=list)
    return pairs


def config_changes(folder, original):
    """Keys with another value, after their order was found to be the same."""
    ours, theirs = config_tokens(folder), config_tokens(original)
    keys = [k for k, _ in theirs]
    assert [k for k, _ in ours][:len(keys)] == keys, "keys were moved"
    ours, theirs = dict(ours), dict(theirs)
    return {k for k in ours if ours[k] != theirs.get(k)}


# ---- the forms ----

def check_zero(o, heads):
    for form in ("zero", "zero-all"):
        path = prune(o.folder, form, heads, "--emit", form)
        o.same(path, form)
        assert not config_changes(path, o.folder)
        if o.auto != "AutoModel":
            base, _ = load(path, "AutoModel")
            silent, _ = load(o.folder, "AutoModel")
            with torch.no_grad():
                o.layout.silence(silent.state_dict(), o.kept)
            gap = outputs(base, o.ids) - outputs(silent, o.ids)
            assert gap.abs().max() <= 1e-5 * outputs(silent, o.ids).abs().max()


def check_mask(o, heads):
    path = prune(o.folder, "mask", heads, "--emit", "mask")
    same_tensors(tensors(path), tensors(o.folder))
    with safe_open(os.path.join(path, "headprune.masks.safetensors"), "pt") as f:
        masks = {k: f.get_tensor(k) for k in f.keys()}
    assert len(masks) == len(o.layout.blocks)
    rows = [m.tolist() for m in masks.values()]
    wanted = [[float(h in o.kept[b]) for h in range(o.layout.heads)] for b in o.layout.blocks]
    assert sorted(rows) == sorted(wanted), (rows, wanted)
    if V5 or o.layout.type not in BY_PRUNED_HEADS:
        return  # accept head_mask and ignore it, or have several kinds
    model, info = load(path, o.auto)
    plain = model.forward
    mask = torch.tensor(wanted, dtype=torch.float64)
    model.forward = lambda *a, **k: plain(*a, head_mask=mask, **k)
    o.check(model, info, "mask")


def check_removed(o, heads, what, emptied=False):
    """The ragged form, with the modeling file that goes with it."""
    path = prune(o.folder, what, heads, "--emit", "remove")
    same_tensors(tensors(path), o.layout.cut(tensors(o.folder), o.kept))
    allowed = {"pruned_heads", "auto_map", "headprune_heads_kept"}
    stock = o.layout.type in BY_PRUNED_HEADS and not emptied
    if not stock:
        allowed -= {"pruned_heads"}
    assert config_changes(path, o.folder) == allowed, config_changes(path, o.folder)
    models = [o.same(path, what, trust_remote_code=True, attention=a)
              for a in o.attentions]
    assert all(type(m).__name__.startswith("Headprune") for m in models)
    if o.auto == CAUSAL:
        for how in ({}, {"use_cache": False}, {"cache_implementation": "static"},
                    {"num_beams": 3}):
            o.same_tokens(models[0], **how)
    saved = path + "-saved"
    shutil.rmtree(saved, ignore_errors=True)
    models[0].save_pretrained(saved)
    again, info = load(saved, o.auto, trust_remote_code=True)
    assert not info, info
    o.check(again, o.info, what + ", saved")
    if stock and not V5:
        o.same(path, what + ", pruned_heads")
    else:
        refused(path, o.auto)
    after, _ = load(o.folder, o.auto)
    assert not type(after).__name__.startswith("Headprune")


def check_no_remote_code(o, heads):
    if o.layout.type not in BY_PRUNED_HEADS:
        prune(o.folder, "none", heads, "--emit", "remove", "--no-remote-code", code=4)
        seen["refusals"] += 1
        return
    path = prune(o.folder, "plain", heads, "--emit", "remove", "--no-remote-code")
    assert config_changes(path, o.folder) == {"pruned_heads"}
    assert not os.path.exists(os.path.join(path, "modeling_headprune.py"))
    if V5:
        refused(path, o.auto)
    else:
        o.same(path, "pruned_heads alone")


def uniform_choice(layout):
    """The same number in every block, but where they can, not the same heads."""
    kept = {}
    for i, block in enumerate(layout.blocks):
        groups = layout.heads // layout.group
        shift = 0 if layout.type == "t5" and not block.endswith("cross") else i
        if layout.group > 1:  # one head of every group
            kept[block] = [h for h in range(layout.heads)
                           if h % layout.group != shift % layout.group]
        else:
            kept[block] = [h for h in range(groups) if h != shift % groups]
    return kept


def check_uniform(folder, auto):
    layout = Layout(json.load(open(os.path.join(folder, "config.json"))))
    kept = uniform_choice(layout)
    options = ("--emit", "remove", "--uniform")
    if layout.type not in UNIFORM:
        prune(folder, "none", as_list(layout, kept), *options, code=4)
        seen["refusals"] += 1
        return
    o = Original(folder, auto, kept)
    path = prune(folder, "uniform", as_list(layout, kept), *options)
    left = len(kept[layout.blocks[0]])
    odd = layout.type == "llama" and o.config["hidden_size"] % left != 0
    said = "\n".join(report(path)["loads_in"])
    assert odd == ("not transformers 5" in said), said
    same_tensors(tensors(path), layout.cut(tensors(folder), kept))
    if odd and V5:
        refused(path, auto)
        return
    for attention in o.attentions:
        model = o.same(path, "uniform", attention=attention)
    if auto == CAUSAL:
        o.same_tokens(model)


def ragged_choice(layout):
    """Some heads of every block, another number in each."""
    return {b: [h for h in range(layout.heads) if (h + i) % (3 + i % 2) != 1]
            for i, b in enumerate(layout.blocks)}


def emptied_choice(layout, which):
    kept = {b: list(range(layout.heads)) for b in layout.blocks}
    kept[layout.blocks[which]] = []
    kept[layout.blocks[1 - which]] = [layout.heads - 1]
    return kept


def check(folder, auto):
    layout = Layout(json.load(open(os.path.join(folder, "config.json"))))
    kept = ragged_choice(layout)
    heads = as_list(layout, kept)
    o = Original(folder, auto, kept)
    check_zero(o, heads)
    check_mask(o, heads)
    check_uniform(folder, auto)
    if layout.type == "t5":
        message = prune(folder, "none", heads, "--emit", "remove", code=4)
        assert "--uniform" in message or "zero" in message, message
        seen["refusals"] += 1
        return
    check_removed(o, heads, "removed")
    check_no_remote_code(o, heads)
    for which in (0, 1):
        kept = emptied_choice(layout, which)
        empty = Original(folder, auto, kept)
        check_removed(empty, as_list(layout, kept), "emptied", emptied=True)
        if layout.type in BY_PRUNED_HEADS:
            prune(folder, "none", as_list(layout, kept), "--emit", "remove", "--no-remote-code",
                  code=4)


def make_models():
    """What tests/golden does not have."""
    torch.manual_seed(1)
    config = transformers.XLMRobertaConfig(
        num_hidden_layers=2, num_attention_heads=4, hidden_size=32, intermediate_size=64,
        vocab_size=80, max_position_embeddings=24, initializer_range=0.3, type_vocab_size=1,
        pad_token_id=1)
    folder = os.path.join(ROOM, "xlm-roberta")
    transformers.XLMRobertaForMaskedLM(config).save_pretrained(folder)
    with open(os.path.join(folder, "expected.json"), "w") as f:
        json.dump({"sequences": [list(range(5, 20))]}, f)
    return ((folder, MASKED),)


def main():
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    os.makedirs(ROOM, exist_ok=True)
    models = MODELS + make_models()
    models = [m for m in models if os.path.basename(m[0]) in sys.argv[3:] or not sys.argv[3:]]
    assert models, sys.argv[3:]
    for folder, auto in models:
        check(folder, auto)
        print(f"{os.path.basename(folder)}: as the masked original", flush=True)
    print(f"transformers {transformers.__version__}: {len(models)} models, {seen['loads']} loads "
          f"within {seen['largest']:.1e}, {seen['tokens']} tokens generated, "
          f"{seen['refusals']} refusals")


main()
