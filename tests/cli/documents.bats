#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

# valid FILE SCHEMA: FILE conforms to docs/schema/SCHEMA.
valid() {
    /usr/bin/python3 "$ROOT/tests/cli/validate.py" "$ROOT/docs/schema/$2" "$1"
}

@test "scores conform to their schema, with and without calibration" {
    for method in entropy magnitude random; do
        "$HEADPRUNE" -q score "$method" --json --data "$TEXT" "$WORDS" >s.json
        valid s.json scores-1.schema.json
    done
    [ "$(jq .calibration s.json)" = null ]
}

@test "plans conform to their schema, of scores and of lists" {
    "$HEADPRUNE" magnitude --ratio 0.5 --protect 0:0 --json -n "$TINY" >p.json
    valid p.json plan-1.schema.json
    "$HEADPRUNE" apply --heads '0:0 1:1-2' --json -n "$TINY" >p.json
    valid p.json plan-1.schema.json
}

@test "reports conform to their schema, of METHOD, plan and list" {
    "$HEADPRUNE" -q entropy --ratio 0.5 --data "$TEXT" "$WORDS" -o a
    valid a/headprune.json report-1.schema.json
    "$HEADPRUNE" apply --heads '0:0 1:1-2' --json "$TINY" -o b >r.json
    valid r.json report-1.schema.json
    "$HEADPRUNE" magnitude --count 2 -n --json "$TINY" |
        "$HEADPRUNE" -q apply "$TINY" --plan - -o c
    valid c/headprune.json report-1.schema.json
    "$HEADPRUNE" -q random --ratio 0.5 "$ROOT/tests/hostile/index_valid_2" -o d
    valid d/headprune.json report-1.schema.json
}

@test "documents of heads that share keys and values conform" {
    grouped=$ROOT/tests/golden/llama-gqa
    "$HEADPRUNE" -q score magnitude --json "$grouped" >s.json
    valid s.json scores-1.schema.json
    [ "$(jq -c '[.heads[].group] | unique' s.json)" = "[0,1]" ]
    "$HEADPRUNE" plan s.json --ratio 0.5 --group even --json >p.json
    valid p.json plan-1.schema.json
    [ "$(jq -r .policy.group p.json)" = even ]
    "$HEADPRUNE" -q apply "$grouped" --plan p.json -o out
    valid out/headprune.json report-1.schema.json
    "$HEADPRUNE" -q sweep --methods magnitude --ratios 0.5 --group kv --json \
        --tokens "$ROOT/tests/cli/llama.ids" "$grouped" >w.json
    valid w.json sweep-1.schema.json
    "$HEADPRUNE" inspect --json "$grouped" >i.json
    valid i.json inspect-1.schema.json
    jq '.heads[0].group = -1' s.json >bad.json
    run valid bad.json scores-1.schema.json
    [ "$status" -ne 0 ]
    jq '.policy.group = "pair"' p.json >bad.json
    run valid bad.json plan-1.schema.json
    [ "$status" -ne 0 ]
}

@test "documents say what hybrid mixes and how large steps are" {
    printf '[1, 2, 3, 4, 5, 6, 7, 8]\n[9, 8, 7, 6, 5, 4, 3, 2]\n' >ids
    args=(hybrid --mix "entropy:2,magnitude" --iterate 0.25 --tokens ids)
    "$HEADPRUNE" -q score "${args[@]}" --json "$TINY" >s.json
    valid s.json scores-1.schema.json
    "$HEADPRUNE" plan s.json --ratio 0.5 --json >p.json
    valid p.json plan-1.schema.json
    "$HEADPRUNE" -q apply "$TINY" --plan p.json -o a
    "$HEADPRUNE" -q "${args[@]}" --ratio 0.5 "$TINY" -o b
    "$HEADPRUNE" -q apply "$TINY" --plan b/headprune.json -o c
    for file in s.json p.json a/headprune.json b/headprune.json \
        c/headprune.json; do
        [ "$(jq -c '[.method.mix, .method.step]' $file)" = \
            '["entropy:2,magnitude",0.25]' ]
    done
    valid b/headprune.json report-1.schema.json
    "$HEADPRUNE" -q report s.json p.json -o page.html
    says "$(cat page.html)" "hybrid (place) of entropy:2,magnitude, again"
    [ "$(grep -c '<h2>' page.html)" -eq 1 ]
    "$HEADPRUNE" -q score hybrid --tokens ids --json "$TINY" >s.json
    [ "$(jq -c '[.method.mix, .method.step]' s.json)" = \
        '["entropy:0.5,magnitude:0.5",null]' ]
    "$HEADPRUNE" -q score entropy --tokens ids --json "$TINY" >s.json
    [ "$(jq -c '.method | has("mix") or has("step")' s.json)" = false ]
    jq '.method.step = 0' s.json >bad.json
    hp plan bad.json --ratio 0.5
    fails 3 "key 'step' is 0"
}

@test "inspect and methods conform to their schemas" {
    for model in models/gpt2-novels models/reaction-bert \
        tests/hostile/index_valid_2 tests/hostile/ok_extra_all_dtypes \
        tests/golden/falcon tests/golden/opt tests/golden/custom-arch; do
        "$HEADPRUNE" inspect --json "$ROOT/$model" >i.json
        valid i.json inspect-1.schema.json
        "$HEADPRUNE" inspect --format ndjson "$ROOT/$model" >i.json
        valid i.json inspect-1.schema.json
    done
    "$HEADPRUNE" methods --json >m.json
    valid m.json methods-1.schema.json
}

@test "evaluations conform to their schema" {
    eval=(-q eval --json --length 32 --sequences 2)
    "$HEADPRUNE" "${eval[@]}" "$ROOT/models/gpt2-novels" >e.json
    valid e.json eval-1.schema.json
    "$HEADPRUNE" "${eval[@]}" "$ROOT/models/bert-novels" --heads 0:1 >e.json
    valid e.json eval-1.schema.json
    echo '[5, 6, 7]' >ids
    "$HEADPRUNE" -q eval --json --tokens ids --heads 0:1 \
        "$ROOT/tests/golden/bert-minilm" >e.json
    valid e.json eval-1.schema.json
    jq 'del(.delta)' e.json >bad.json
    run -1 valid bad.json eval-1.schema.json
}

@test "a document that breaks its schema is seen" {
    "$HEADPRUNE" -q score magnitude --json "$TINY" >s.json
    jq '.heads[0].rank = "first"' s.json >bad.json
    run -1 valid bad.json scores-1.schema.json
    jq 'del(.model.fingerprint)' s.json >bad.json
    run -1 valid bad.json scores-1.schema.json
}

@test "documents hold no time stamp and no path that was not given" {
    cp -r "$WORDS" net
    "$HEADPRUNE" -q entropy --ratio 0.5 --data net/calib.txt net -o out
    lacks "$(cat out/headprune.json)" "$PWD|20[0-9]{2}-[0-9]{2}"
}
