#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2153,SC2154
load common

# shellcheck disable=SC2016 # for jq
COUNTS='[.summary.tensors, .summary.heads] | map(with_entries(select(.value > 0)))'

@test "a checkpoint does not differ from itself, in whatever form" {
    hp diff "$TINY" "$TINY"
    succeeds
    says "$output" "28 identical"
    says "$output" "heads    8 identical"
    says "$output" "no difference"
    [ -z "$stderr" ]
    hp diff "$TINY" "$TINY/model.safetensors"
    succeeds
    hp diff - "$TINY" <"$TINY/model.safetensors"
    succeeds
    says "$stderr" "heads are not compared"
}

@test "silent heads are named, and the exit code is 1" {
    "$HEADPRUNE" -q apply --heads '0:1 1:0,3' "$TINY" -o pruned
    hp diff "$TINY" pruned
    [ "$status" -eq 1 ]
    says "$output" "26 identical, 2 zeroed"
    says "$output" "5 identical, 3 zeroed"
    says "$output" "heads zeroed: 0:1 1:0,3"
    says "$output" "h.1.attn.c_proj.weight"
    lacks "$output" "head 0:1"
    [ -z "$stderr" ]
    hp diff --exit-zero "$TINY" pruned
    succeeds
    hp -q diff pruned pruned
    succeeds
}

@test "the document conforms to its schema and counts" {
    schema=$ROOT/docs/schema/diff-1.schema.json
    "$HEADPRUNE" -q apply --heads '0:1 1:0,3' "$TINY" -o pruned
    cp "$ROOT/tests/golden/gpt2-f16/model.safetensors" other.safetensors
    for b in "$TINY" pruned other.safetensors; do
        "$HEADPRUNE" -q diff --json --exit-zero "$TINY" "$b" >d.json
        /usr/bin/python3 "$ROOT/tests/cli/validate.py" "$schema" d.json
    done
    hp diff --json "$TINY" pruned
    [ "$status" -eq 1 ]
    [ "$(jq -c "$COUNTS" <<<"$output")" = \
        '[{"identical":26,"zeroed":2},{"identical":5,"zeroed":3}]' ]
    [ "$(jq -r '[.heads[] | select(.verdict == "zeroed") | .id] | join(" ")' \
        <<<"$output")" = "0:1 1:0 1:3" ]
    jq -e '.same == false and .a.model_type == "gpt2" and .b.heads == 8' \
        <<<"$output"
}

@test "rows for programs: a line for every tensor and head" {
    "$HEADPRUNE" -q apply --heads 1:2 "$TINY" -o pruned
    hp diff --format tsv --exit-zero "$TINY" pruned
    [ "${#lines[@]}" -eq $((1 + 28 + 8)) ]
    [ "${lines[0]}" = "$(printf '%s\t' what name verdict compared differing \
        zeroed max_abs)relative" ]
    [ "$(awk -F'\t' '$3 == "zeroed" { print $1, $5 }' <<<"$output" |
        sort -u | wc -l)" -eq 2 ]
    hp diff --format md --exit-zero "$TINY" pruned
    [ "${#lines[@]}" -eq $((2 + 28 + 8)) ]
    says "${lines[0]}" "| what | name | verdict |"
    hp diff --format ndjson --exit-zero "$TINY" pruned
    [ "$(jq -rs '[.[] | select(.verdict == "zeroed") | .type] | join(" ")' \
        <<<"$output")" = "tensor head" ]
    [ "$(jq -s '.[-1].same' <<<"$output")" = false ]
}

# less MODEL HEADS OPTIONS...: MODEL without these heads, in less.
less() {
    "$HEADPRUNE" -q apply --emit remove --heads "$2" -o less -f "${@:3}" "$1"
}

@test "heads that were removed are missing, the others as they were" {
    for model in gpt2 bert-mlm distilbert llama-gqa qwen3; do
        original=$ROOT/tests/golden/$model
        for heads in '0:1-2 1:0' '0:0-3 1:1'; do
            less "$original" "$heads"
            hp diff --json "$original" less
            [ "$status" -eq 1 ]
            jq -e '[.summary | .tensors, .heads | .changed + .shape + .zeroed +
                .added] == [0, 0]' <<<"$output"
            jq -e '.same == false and (.heads | length) == .a.heads and
                .summary.heads.identical == .b.heads' <<<"$output"
            gone=$(jq -r '.heads[] | select(.verdict == "missing") | .id' \
                <<<"$output" | paste -sd ' ')
            [ "$gone" = "$(jq -r '.scores[] | select(.pruned) | .id' \
                less/headprune.json | paste -sd ' ')" ]
            hp diff --json less "$original"
            [ "$status" -eq 1 ]
            jq -e '.summary.heads.added == .b.heads - .a.heads and
                .summary.heads.identical == .a.heads' <<<"$output"
        done
    done
}

@test "keys and values that a group keeps are no difference of shape" {
    less "$ROOT/tests/golden/llama-gqa" '0:1 1:6'
    hp diff "$ROOT/tests/golden/llama-gqa" less
    [ "$status" -eq 1 ]
    says "$output" "17 identical, 4 resized"
    lacks "$output" "k_proj"
}

@test "of heads removed by config.json alone the report knows the numbers" {
    original=$ROOT/tests/golden/llama-gqa
    less "$original" '0:0,4 1:1,5' --uniform
    hp diff "$original" less
    [ "$status" -eq 1 ]
    says "$output" "heads missing: 0:0,4 1:1,5"
    says "$output" "12 identical, 4 missing"
    lacks "$output" "changed"
    rm less/headprune.json
    hp diff "$original" less
    says "$output" "heads missing: 0:6,7 1:6,7"
    less "$ROOT/tests/golden/t5" 'enc.0:1 enc.1:1 dec.0.self:2 dec.1.self:2
        dec.2.self:2 dec.0.cross:0 dec.1.cross:1 dec.2.cross:2' --uniform
    hp diff "$ROOT/tests/golden/t5" less
    [ "$status" -eq 1 ]
    says "$output" "tensors  26 identical, 34 resized"
    says "$output" "heads    24 identical, 8 missing"
    # what is done to such a model later is told by its own numbers
    less "$original" '0:0,4 1:1,5' --uniform
    "$HEADPRUNE" -q apply --heads 1:5 -o later less
    hp diff less later
    says "$output" "11 identical, 1 zeroed"
}

@test "a head that was changed after others were removed is found" {
    less "$TINY" '0:1-2 1:0'
    "$HEADPRUNE" -q apply --heads 0:3 -o later less
    hp diff "$TINY" later
    [ "$status" -eq 1 ]
    says "$output" "4 identical, 1 zeroed, 3 missing"
    says "$output" "heads zeroed: 0:3"
    says "$output" "heads missing: 0:1,2 1:0"
}

@test "what cannot be compared is said" {
    hp diff "$TINY"
    fails 2 "'diff' needs A B"
    hp diff "$TINY" nowhere
    fails 5 "nowhere"
    hp diff - -
    fails 2 "standard input"
    head -c 100 "$TINY/model.safetensors" >cut.safetensors
    hp diff "$TINY" cut.safetensors
    fails 3 "cut.safetensors"
}
