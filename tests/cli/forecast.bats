#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2153,SC2154
load common

# of FILE: parameters, bytes of tensors, multiply-adds before and after.
# shellcheck disable=SC2016 # for jq
BEFORE='[.forecast.parameters, .forecast.bytes, .forecast.multiply_adds] | map(.before)'
AFTER='[.forecast.parameters, .forecast.bytes, .forecast.multiply_adds] | map(.after)'
GONE='[.forecast.parameters, .forecast.bytes, .forecast.multiply_adds] | map(.if_removed)'

# removed MODEL HEADS OPTIONS...: a folder without them, and its report in r.json.
removed() {
    "$HEADPRUNE" -q apply --emit remove --heads "$2" -o less -f "${@:3}" "$1"
    cp less/headprune.json r.json
}

@test "the numbers are those worked out by hand" {
    # 2 layers of 4 heads of 8, width 32, feed-forward 128, vocabulary 80,
    # sequences of 24: a head has 4 x 32 x 8 weights and 3 x 8 biases
    removed "$TINY" '0:1 1:0,3'
    whole=$((2 * (4 * 32 * 32 + 2 * 32 * 128) + 80 * 32 + 8 * 8 * 25))
    [ "$(jq -c "$BEFORE" r.json)" = "[28800,$((4 * 28800)),$whole]" ]
    gone=$((3 * (4 * 32 * 8 + 3 * 8)))
    less=$((whole - 3 * (4 * 32 * 8 + 8 * 25)))
    want="[$((28800 - gone)),$((4 * (28800 - gone))),$less]"
    [ "$(jq -c "$AFTER" r.json)" = "$want" ]
    [ "$(jq -c "$GONE" r.json)" = "$want" ]
    [ "$(jq .forecast.multiply_adds.length r.json)" -eq 24 ]
    says "$(jq -r .forecast.speed r.json)" "about 1.1"
    # zeroing saves nothing, and says what removing would
    "$HEADPRUNE" -q apply --heads '0:1 1:0,3' --report z.json -o z "$TINY"
    [ "$(jq -c "$AFTER" z.json)" = "$(jq -c "$BEFORE" r.json)" ]
    [ "$(jq -c "$GONE" z.json)" = "$want" ]
    says "$(jq -r .forecast.speed z.json)" "same"
}

@test "what was foretold is what the output has" {
    for model in gpt2-f16 bert-mlm roberta distilbert llama-gqa qwen3; do
        removed "$ROOT/tests/golden/$model" '0:1-3 1:0'
        cp r.json first.json
        "$HEADPRUNE" inspect --json less >i.json
        [ "$(jq .model.parameters i.json)" -eq \
            "$(jq .forecast.parameters.after r.json)" ]
        [ "$(jq '[.tensors[].bytes] | add' i.json)" -eq \
            "$(jq .forecast.bytes.after r.json)" ]
        # the forecast of the output begins where this one ended
        "$HEADPRUNE" -q apply --heads 1:2 -o again -f less
        [ "$(jq -c "$BEFORE" again/headprune.json)" = \
            "$(jq -c "$AFTER" first.json)" ]
    done
}

@test "--dry-run shows it before anything is written" {
    hp apply --dry-run --heads '0:1 1:0,3' "$TINY"
    succeeds
    says "$output" "29.1 % of the parameters are in heads, 10.9 % in those that go"
    says "$output" "now       28,800"
    says "$output" "removed   25,656"
    says "$output" "speed: same"
    [ ! -e gpt2-pruned ]
    hp apply --dry-run --emit remove --heads '0:1 1:0,3' "$TINY"
    succeeds
    says "$output" "size: 10.9 % fewer parameters"
    says "$output" "speed: 12.8 % fewer multiply-adds"
    hp apply --emit remove --heads '0:1 1:0,3' "$TINY" -o less
    succeeds
    says "$output" "size: 10.9 % fewer parameters"
}

@test "the plan of a dry run has the forecast of the report" {
    for form in zero remove; do
        args=(magnitude --count 4 --emit "$form" "$TINY" -o out)
        hp -q "${args[@]}" --dry-run --json
        succeeds
        echo "$output" >plan.json
        /usr/bin/python3 "$ROOT/tests/cli/validate.py" \
            "$ROOT/docs/schema/plan-1.schema.json" plan.json
        "$HEADPRUNE" -q "${args[@]}"
        [ "$(jq -S .forecast plan.json)" = \
            "$(jq -S .forecast out/headprune.json)" ]
        hp -q apply "$TINY" --plan plan.json -o again
        succeeds
        rm -r out again
    done
    [ "$(jq '.forecast.parameters.after' plan.json)" -lt \
        "$(jq '.forecast.parameters.before' plan.json)" ]
}
