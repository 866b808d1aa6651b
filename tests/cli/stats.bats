#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

make_ids() {
    for i in 1 2 3 4 5 6; do
        seq "$i" 20 | awk -v i="$i" '{ print $1 * i % 31 }' | paste -sd ' '
    done >ids
    head -n 2 ids >first
    tail -n 4 ids >rest
}

@test "statistics of parts, merged, are those of the whole" {
    make_ids
    hp stats "$TINY" --tokens ids -o whole.safetensors
    succeeds
    says "$output" "statistics of 105 tokens in 6 sequences"
    for part in first rest; do
        hp stats "$TINY" --tokens "$part" -o "$part.safetensors" -q
        succeeds
        [ "$output" = "$part.safetensors" ]
    done
    hp merge first.safetensors rest.safetensors -o merged.safetensors
    succeeds
    says "$output" "statistics of 105 tokens in 6 sequences"
    for file in whole merged; do
        hp score energy --stats "$file.safetensors" "$TINY" --json
        succeeds
        jq -c .heads <<<"$output" >"$file.json"
    done
    cmp whole.json merged.json
    hp score energy --tokens ids "$TINY" --json
    [ "$(jq -c .heads <<<"$output")" = "$(cat whole.json)" ]
    hp score energy --stats merged.safetensors "$TINY" --json
    [ "$(jq -c '.calibration | .source, .sequences, .tokens' <<<"$output" |
        paste -sd ' ')" = '"first, rest" 6 105' ]
}

@test "a refit from statistics is that from their text" {
    make_ids
    hp stats "$TINY" --tokens ids -o s.safetensors -q
    hp magnitude --count 3 "$TINY" --compensate --stats s.safetensors -o a -q
    succeeds
    hp magnitude --count 3 "$TINY" --compensate --tokens ids -o b -q
    succeeds
    cmp a/model.safetensors b/model.safetensors
    [ "$(jq -c .compensation.calibration a/headprune.json)" = \
        "$(jq -c .compensation.calibration b/headprune.json)" ]
}

@test "the same statistics come out of any budget" {
    make_ids
    hp stats "$TINY" --tokens ids -o a.safetensors -q --threads 1
    hp stats "$TINY" --tokens ids -o b.safetensors -q --threads 3 --budget 1
    cmp a.safetensors b.safetensors
}

@test "what cannot be used is refused" {
    make_ids
    hp stats "$TINY" --tokens ids
    fails 2 "where shall the statistics go?"
    hp stats "$TINY" --tokens ids -o s.safetensors -q
    hp stats "$TINY" --tokens ids -o s.safetensors
    fails 5 "exists"
    hp score energy --stats s.safetensors "$ROOT/tests/golden/gpt2-bare"
    fails 2 "the statistics are of another model"
    hp score entropy --stats s.safetensors "$TINY"
    fails 2 "method 'entropy' is not made of statistics"
    hp score energy --stats s.safetensors "$TINY" --tokens ids
    fails 2 "--stats and --tokens together"
    hp score energy --stats "$TINY/model.safetensors" "$TINY"
    fails 3 "not a file of statistics"
    hp apply "$TINY" --heads 0:1 --compensate --sequential --stats s.safetensors
    fails 2 "--sequential needs passes over text"
    hp stats "$ROOT/tests/golden/gpt2-bare" --tokens ids -o other.safetensors -q
    hp merge s.safetensors other.safetensors -o m.safetensors
    fails 2 "its statistics are of another model"
    [ ! -e m.safetensors ]
    sed 's/transformer.h.1.attn.sum/transformer.h.1.attn.zum/' s.safetensors >t.safetensors
    hp score energy --stats t.safetensors "$TINY"
    fails 3 "block 'transformer.h.1.attn': its statistics are missing"
    python3 - <<'PY'
b = bytearray(open("s.safetensors", "rb").read())
b[-8:] = b"\0\0\0\0\0\0\xf8\x7f"
open("nan.safetensors", "wb").write(b)
PY
    hp score energy --stats nan.safetensors "$TINY"
    fails 3 "element 31 is NaN or infinite"
}

@test "steps are not taken from statistics, which hold no fewer heads" {
    printf '[1, 2, 3, 4, 5, 6, 7, 8]\n' >ids
    "$HEADPRUNE" -qq stats "$TINY" --tokens ids -o s.safetensors
    hp energy --ratio 0.5 --iterate 0.25 --stats s.safetensors "$TINY"
    fails 2 "steps need passes over text"
    hp score energy --iterate 0.25 --stats s.safetensors "$TINY"
    fails 2 "--data FILE"
    hp redundancy "$ROOT/tests/golden/gpt2-scaled" --stats s.safetensors
    fails 2 "headprune stats MODEL -o FILE"
    hp redundancy "$TINY" --stats "$TINY/model.safetensors"
    fails 3 "headprune stats MODEL -o FILE makes one"
    hp energy --ratio 30 "$TINY"
    fails 2 "30 % is 0.3"
}
