#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

# large_model FOLDER: GPT-2 of four small layers with random weights and a
# vocabulary so large that the file has 1.9 GB, all of it but the first rows a
# hole. A quarter of it must hold what OpenBLAS maps, 128 MiB a thread.
large_model() {
    mkdir "$1"
    /usr/bin/python3 - "$1" <<'END'
import array, json, random, struct, sys
width, vocab, layers = 256, 1_800_000, 4
shapes = {"wte.weight": [vocab, width], "wpe.weight": [64, width],
          "ln_f.weight": [width], "ln_f.bias": [width]}
for i in range(layers):
    for name, shape in (
            ("ln_1.weight", [width]), ("ln_1.bias", [width]),
            ("attn.c_attn.weight", [width, 3 * width]),
            ("attn.c_attn.bias", [3 * width]),
            ("attn.c_proj.weight", [width, width]),
            ("attn.c_proj.bias", [width]),
            ("ln_2.weight", [width]), ("ln_2.bias", [width]),
            ("mlp.c_fc.weight", [width, 4 * width]),
            ("mlp.c_fc.bias", [4 * width]),
            ("mlp.c_proj.weight", [4 * width, width]),
            ("mlp.c_proj.bias", [width])):
        shapes[f"h.{i}.{name}"] = shape
header, at = {}, 0
for name, shape in shapes.items():
    size = 4 * shape[0] * (shape[1] if len(shape) > 1 else 1)
    header[name] = {"dtype": "F32", "shape": shape,
                    "data_offsets": [at, at + size]}
    at += size
text = json.dumps(header).encode()
noise = random.Random(1)
values = array.array("f", (noise.gauss(0, 0.1) for _ in range(1009)))
with open(sys.argv[1] + "/model.safetensors", "wb") as f:
    f.write(struct.pack("<Q", len(text)) + text)
    for name in shapes:
        begin, end = header[name]["data_offsets"]
        n = min((end - begin) // 4, 262144)
        f.seek(8 + len(text) + begin)
        norm = array.array("f", [1]) * n
        part = (values * (n // len(values) + 1))[:n]
        f.write((norm if "ln_" in name and "w" in name else part).tobytes())
    f.truncate(8 + len(text) + at)
with open(sys.argv[1] + "/config.json", "w") as f:
    json.dump({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"],
               "n_layer": layers, "n_head": 4, "n_embd": width,
               "vocab_size": vocab, "n_positions": 64,
               "activation_function": "gelu_new",
               "layer_norm_epsilon": 1e-5}, f)
END
}

# A sanitizer wants more address space than any limit leaves.
@test "a model is scored in a quarter of the address space that it takes" {
    large_model large
    for _ in 1 2 3 4; do echo "[$(seq -s , 3 7 430)]"; done >ids
    quarter=$(($(stat -c %s large/model.safetensors) / 4096))
    [ "$quarter" -gt 400000 ]
    bash -c 'ulimit -v "$1"; "$0" --version' "$HEADPRUNE" "$quarter" ||
        skip "not even --version runs in $quarter KiB"
    hp score entropy --json --tokens ids large
    succeeds
    [ "$(jq '[.heads[].score] | unique | length' <<<"$output")" -eq 16 ]
    free=$output
    run --separate-stderr bash -c \
        'ulimit -v "$1"; "$0" score entropy --json --tokens ids large' \
        "$HEADPRUNE" "$quarter"
    succeeds
    [ "$output" = "$free" ]
}
