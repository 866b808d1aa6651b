#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

@test "inspect says what is in a checkpoint" {
    hp inspect "$ROOT/models/gpt2-novels"
    succeeds
    says "$output" "gpt2 (GPT2LMHeadModel)"
    says "$output" "6 layers x 8 heads of 24"
    says "$output" "3,505,152 in all"
    says "$output" "F32: 76 tensors"
    says "$output" "lm_head.weight = transformer.wte.weight"
    says "$output" "sha256:"
    says "$output" "problems      none"
}

@test "one head of GPT-2 small is 196,800 parameters" {
    # Any checkpoint of these shapes will do: headers only, a sparse file.
    python3 - <<'PY'
import json, struct
d, h, off = 768, {}, 0
def add(name, *shape):
    global off
    n = 4
    for s in shape: n *= s
    h[name] = {"dtype": "F32", "shape": shape, "data_offsets": [off, off + n]}
    off += n
add("wte.weight", 5, d); add("wpe.weight", 8, d)
for name in ("ln_1", "ln_2"):
    add(f"h.0.{name}.weight", d); add(f"h.0.{name}.bias", d)
add("h.0.attn.c_attn.weight", d, 3 * d); add("h.0.attn.c_attn.bias", 3 * d)
add("h.0.attn.c_proj.weight", d, d); add("h.0.attn.c_proj.bias", d)
add("h.0.mlp.c_fc.weight", d, 4 * d); add("h.0.mlp.c_fc.bias", 4 * d)
add("h.0.mlp.c_proj.weight", 4 * d, d); add("h.0.mlp.c_proj.bias", d)
add("ln_f.weight", d); add("ln_f.bias", d)
head = json.dumps(h).encode()
with open("model.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(head)) + head)
    f.truncate(8 + len(head) + off)
with open("config.json", "w") as f:
    json.dump({"model_type": "gpt2", "n_layer": 1, "n_head": 12, "n_embd": d,
               "n_positions": 8, "vocab_size": 5}, f)
PY
    hp inspect .
    succeeds
    says "$output" "196,800"
}

@test "inspect names shards and the index" {
    hp inspect "$ROOT/tests/hostile/index_valid_2"
    succeeds
    says "$output" "model-00001-of-00002.safetensors"
    says "$output" "model-00002-of-00002.safetensors"
    says "$output" "model.safetensors.index.json"
}

@test "inspect says whether a tokenizer is there" {
    hp inspect --json "$WORDS"
    [ "$(jq .tokenizer.found <<<"$output")" = true ]
    mkdir bare
    cp "$WORDS/config.json" "$WORDS/model.safetensors" bare
    hp inspect --json bare
    succeeds
    [ "$(jq .tokenizer.found <<<"$output")" = false ]
}

@test "inspect knows what is not part of the model" {
    hp inspect --json "$ROOT/tests/hostile/ok_extra_all_dtypes"
    succeeds
    [ "$(jq '.problems | length' <<<"$output")" -gt 0 ]
    says "$(jq -r '.dtypes[].dtype' <<<"$output")" "BOOL"
}

@test "the tsv form has two columns, ndjson one line" {
    hp inspect --format tsv "$TINY"
    succeeds
    [ "${lines[0]}" = $'what\tvalue' ]
    [ -z "$(awk -F '\t' 'NF != 2' <<<"$output")" ]
    hp inspect --format ndjson "$TINY"
    [ "${#lines[@]}" -eq 1 ]
    jq -e .schema <<<"$output"
}

@test "methods are listed in every form" {
    hp methods
    succeeds
    for method in entropy magnitude random energy; do
        grep -q "^$method " <<<"$output"
    done
    hp methods --format tsv
    [ "$(cut -f 1,3,4 <<<"$output" | sed -n 2p)" = \
        $'entropy\thighest\tcalibration data' ]
    hp methods --json
    [ "$(jq -r '.methods[0:4][] | select(.needs_data) | .name' <<<"$output" |
        paste -sd ' ')" = 'entropy energy' ]
    n=$(jq '.methods | length' <<<"$output")
    hp methods --format md
    says "$output" "| --- |"
    hp methods --format ndjson
    [ "$(jq -rs 'length' <<<"$output")" = "$n" ]
}

@test "--as reads a model as another model_type" {
    cp "$TINY"/* .
    sed -i 's/"gpt2"/"my_gpt"/' config.json
    hp inspect --as gpt2 .
    succeeds
    says "$output" "my_gpt (GPT2LMHeadModel)"
    says "$output" "model_type 'my_gpt' is taken for 'gpt2'"
    hp inspect --as gtp2 .
    [ "$status" -eq 2 ]
    says "$stderr" "no model_type 'gtp2'"
    says "$stderr" "did you mean --as gpt2?"
    hp magnitude --ratio 0.5 --as gpt2 . -o pruned
    succeeds
    hp magnitude --ratio 0.5 "$TINY" -o usual
    cmp pruned/model.safetensors usual/model.safetensors
}

GENERIC=$ROOT/tests/golden

@test "inspect says what was detected in an unknown model and how sure it is" {
    hp inspect "$GENERIC/gpt-neox"
    succeeds
    says "$output" "gpt_neox (GPTNeoXForCausalLM)"
    says "$output" "gpt_neox.layers.N.attention: query_key_value.weight, dense.weight"
    says "$output" "4 a block, from num_attention_heads"
    says "$output" "query, key and value head by head, from model_type"
    says "$output" "sure          certain"
    says "$output" "no: its heads can be weighed and silenced"
    lacks "$output" '^tied'
    hp inspect "$GENERIC/falcon"
    says "$output" "1 of keys and values, from shapes"
    says "$output" "all queries, all keys, all values, from shapes"
    hp inspect --json "$GENERIC/custom-arch"
    succeeds
    [ "$(jq -c .detection <<<"$output")" = '{"blocks":"model.layers.N.self_attn","tensors":["q_proj.weight","k_proj.weight","v_proj.weight","o_proj.weight"],"heads_from":"num_attention_heads","order":null,"order_from":null,"certainty":"certain","runs_as":"llama"}' ]
    hp inspect --json "$TINY"
    [ "$(jq .detection <<<"$output")" = null ]
}

@test "--n-heads and --qkv-order say what config.json does not" {
    cp "$GENERIC"/bloom/{config.json,model.safetensors} .
    sed -i 's/"n_head"/"heads"/; s/"bloom"/"bloom2"/' config.json
    hp inspect .
    [ "$status" -eq 4 ]
    says "$stderr" "config.json does not say how many heads"
    says "$stderr" "--n-heads N says how many; N divides 32"
    hp inspect --n-heads 4 .
    [ "$status" -eq 4 ]
    says "$stderr" "--qkv-order split or heads says which"
    hp inspect --n-heads 12 .
    [ "$status" -eq 4 ]
    says "$stderr" "cannot be 12 heads"
    hp inspect --n-heads 4 --qkv-order heads .
    succeeds
    says "$output" "4 a block, from --n-heads"
    says "$output" "sure          as told on the command line"
    hp magnitude --count 3 --n-heads 4 --qkv-order heads . -o told
    succeeds
    hp magnitude --count 3 "$GENERIC/bloom" -o known
    cmp told/model.safetensors known/model.safetensors
    hp inspect --n-heads 12 "$GENERIC/vit"
    [ "$status" -eq 4 ]
    says "$stderr" "12 heads are told, but config.json says 'num_attention_heads' 4"
}

@test "methods that compute are refused on an unknown model, weights-only ones work" {
    for model in phi gpt-neox bloom falcon vit custom-arch; do
        hp magnitude --ratio 0.3 "$GENERIC/$model" -o "m-$model"
        succeeds
        hp -q random --ratio 0.3 "$GENERIC/$model" -o "r-$model"
        succeeds
    done
    hp entropy --ratio 0.3 "$GENERIC/bloom" -o no
    fails 4 "model_type 'bloom' is known by its tensors alone"
    says "$stderr" "methods that look at weights work: magnitude, random"
    hp gradient --ratio 0.3 "$GENERIC/bloom" -o no
    fails 4 "model_type 'bloom' is known by its tensors alone"
    hp magnitude --ratio 0.3 --compensate "$GENERIC/bloom" -o no
    fails 4 "model_type 'bloom' is known by its tensors alone"
    hp apply --heads 0:1 --emit remove "$GENERIC/bloom" -o no
    fails 4 "nothing would load a bloom checkpoint without some of its heads"
    hp eval "$GENERIC/vit"
    fails 4 "nothing can be computed with it"
    hp generate "$GENERIC/bloom" --prompt x
    fails 4 "nothing can be computed with it"
    hp attention "$GENERIC/bloom" --text x
    fails 4 "nothing can be computed with it"
    hp sweep "$GENERIC/bloom"
    fails 4 "nothing can be computed with it"
    [ ! -e no ]
}

@test "heads of a detected encoder and decoder are named as those of a pair" {
    hp -q apply --heads 'enc.1:0-1 dec.2.self:3 dec.0.cross:2' "$GENERIC/bart" -o out
    succeeds
    hp diff "$GENERIC/bart" out
    says "$output" "heads zeroed: enc.1:0,1 dec.0.cross:2 dec.2.self:3"
    hp inspect --json "$GENERIC/bart"
    [ "$(jq -r '.blocks[3].name' <<<"$output")" = model.decoder.layers.0.encoder_attn ]
    hp apply --heads 'enc.2:0' "$GENERIC/bart" -o no
    fails 2 "enc.2:0"
}

@test "a renamed model runs --as what it is" {
    printf '1 2 3 4 5 6\n7 8 9\n' >ids
    hp entropy --ratio 0.3 --tokens ids "$GENERIC/custom-arch" -o no
    fails 4 "--as llama runs it, if it computes alike"
    hp entropy --ratio 0.3 --tokens ids --as llama "$GENERIC/custom-arch" -o out
    succeeds
    hp eval --tokens ids --as llama out --against "$GENERIC/custom-arch"
    succeeds
    says "$output" "difference in loss"
}

@test "a folder of 4,008 tensors in 20 shards is detected" {
    python3 - <<'PY'
import json, struct
D, LAYERS, SHARDS = 16, 334, 20
heads, sizes, names = [{} for _ in range(SHARDS)], [0] * SHARDS, {}
def add(i, name, *shape):
    n = 4
    for s in shape: n *= s
    heads[i][name] = {"dtype": "F32", "shape": shape, "data_offsets": [sizes[i], sizes[i] + n]}
    sizes[i] += n
    names[name] = f"model-{i + 1:05}-of-{SHARDS:05}.safetensors"
for layer in range(LAYERS):
    i = layer * SHARDS // LAYERS
    for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
        add(i, f"blocks.{layer}.attn.{name}.weight", D, D)
        add(i, f"blocks.{layer}.attn.{name}.bias", D)
    for name in ("norm1", "norm2"):
        add(i, f"blocks.{layer}.{name}.weight", D)
        add(i, f"blocks.{layer}.{name}.bias", D)
for i, head in enumerate(heads):
    text = json.dumps(head).encode()
    with open(f"model-{i + 1:05}-of-{SHARDS:05}.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        f.truncate(8 + len(text) + sizes[i])
json.dump({"weight_map": names}, open("model.safetensors.index.json", "w"))
json.dump({"model_type": "mine", "num_heads": 2, "depth": LAYERS}, open("config.json", "w"))
PY
    hp inspect --json .
    succeeds
    [ "$(jq '.tensors | length' <<<"$output")" = 4008 ]
    [ "$(jq '.blocks | length' <<<"$output")" = 334 ]
    [ "$(jq .model.heads <<<"$output")" = 668 ]
    [ "$(jq -r .detection.certainty <<<"$output")" = likely ]
    hp -q random --count 600 . -o out
    succeeds
    [ "$(find out -name '*.safetensors' | wc -l)" = 20 ]
}

@test "matrices without elements are no attention" {
    python3 - <<'PY'
import json, struct
def write(shape):
    head = {f"blocks.0.attn.{n}.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}
            for n in ("q_proj", "k_proj", "v_proj", "out_proj")}
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text
open("none.safetensors", "wb").write(write([0, 0]))
open("wide.safetensors", "wb").write(write([0, 1 << 40]))
json.dump({"model_type": "mine", "num_heads": 2}, open("config.json", "w"))
PY
    for file in none wide; do
        hp inspect $file.safetensors
        [ "$status" -eq 4 ]
        says "$stderr" "do not fit together"
    done
}

# lm_head FOLDER EMBEDDING SHARE: adds an lm_head.weight to FOLDER's file, the
# embedding times SHARE.
lm_head() {
    python3 - "$@" <<'PY'
import array, json, struct, sys
path = sys.argv[1] + "/model.safetensors"
data = open(path, "rb").read()
n, = struct.unpack("<Q", data[:8])
head, body = json.loads(data[8:8 + n]), data[8 + n:]
first, end = head[sys.argv[2]]["data_offsets"]
values = array.array("f", body[first:end])
for i in range(len(values)):
    values[i] *= float(sys.argv[3])
head["lm_head.weight"] = dict(head[sys.argv[2]],
                              data_offsets=[len(body), len(body) + end - first])
text = json.dumps(head).encode()
text += b" " * (-len(text) % 8)
open(path, "wb").write(struct.pack("<Q", len(text)) + text + body + values.tobytes())
PY
}

@test "a stored output that config.json ties counts, and is told when it differs" {
    printf '[1, 2, 3, 4, 5, 6, 7, 8]\n' >ids
    printf '[[3, 4, 5, 6, 1], [0, 7, 8, 9, 10]]\n' >pairs
    for model in "gpt2 transformer.wte.weight ids" "t5 shared.weight pairs"; do
        read -r name table data <<<"$model"
        cp -r "$GENERIC/$name" same
        cp -r "$GENERIC/$name" other
        lm_head same "$table" 1
        lm_head other "$table" 2
        loss() {
            hp -q eval "$1" --tokens "$data" --json
            succeeds
            jq .loss <<<"$output"
        }
        whole=$(loss "$GENERIC/$name")
        hp inspect same
        says "$output" "problems      none"
        [ "$(loss same)" = "$whole" ]
        hp inspect other
        says "$output" "config.json ties 'lm_head.weight' to '$table', but"
        [ "$(loss other)" != "$whole" ]
        hp score magnitude other
        says "$stderr" "the stored one is used, as by transformers 5"
        hp -qq score magnitude other
        [ -z "$stderr" ]
        sed -i 's/"tie_word_embeddings": [a-z]*/"tie_word_embeddings": false/' \
            other/config.json
        grep -q tie_word_embeddings other/config.json ||
            sed -i '0,/{/s//{"tie_word_embeddings": false,/' other/config.json
        hp score magnitude other
        [ -z "$stderr" ]
        rm -r same other
    done
}
