#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

# Ids enough for the 32 outputs of a block.
make_ids() {
    for i in 1 2 3 4 5 6; do
        seq -s ' ' "$i" "$((i + 1))" "$((i + 1 + (i + 1) * 19))" |
            tr ' ' '\n' | awk '{ print $1 % 31 }' | paste -sd ' '
    done >ids
}

@test "a refit changes the kept rows of blocks that lose heads" {
    make_ids
    hp apply "$TINY" --heads '0:1,3 1:0' -o zero -q
    succeeds
    hp apply "$TINY" --heads '0:1,3 1:0' --compensate --tokens ids -o refit
    succeeds
    says "$output" "refitted besides: 2 of the 2 blocks that lose heads"
    python3 "$BATS_TEST_DIRNAME/refit.py" zero refit \
        transformer.h.0.attn.c_proj.weight=1,3 \
        transformer.h.1.attn.c_proj.weight=0
    jq -e '.compensation | .damping == 0.01 and (.sequential | not) and
        ([.blocks[] | .refitted and .after < .before and .lambda == 0.01] | all)
        and (.blocks | length == 2) and .calibration.sequences == 6' \
        refit/headprune.json
    [ "$(jq .calibration refit/headprune.json)" = null ]
    [ "$(jq 'has("compensation")' zero/headprune.json)" = false ]
    python3 "$BATS_TEST_DIRNAME/validate.py" \
        "$ROOT/docs/schema/report-1.schema.json" refit/headprune.json
}

@test "threads and budget change nothing" {
    make_ids
    hp entropy --count 3 "$TINY" --compensate --tokens ids -o a --threads 1 -q
    succeeds
    hp entropy --count 3 "$TINY" --compensate --tokens ids -o b --threads 3 \
        --budget 1 -q
    succeeds
    cmp a/model.safetensors b/model.safetensors
}

# What a block reads once the one before it is done, it reads in a model where
# that is done.
@test "--sequential is one block after the other" {
    make_ids
    hp apply "$TINY" --heads '0:1 1:0' --compensate --sequential --tokens ids \
        -o both -q
    succeeds
    hp apply "$TINY" --heads '0:1' --compensate --tokens ids -o one -q
    succeeds
    hp apply one --heads '1:0' --compensate --tokens ids -o two -q
    succeeds
    cmp both/model.safetensors two/model.safetensors
    [ "$(jq .compensation.sequential both/headprune.json)" = true ]
    hp apply "$TINY" --heads '0:1 1:0' --compensate --tokens ids -o once -q
    succeeds
    run cmp both/model.safetensors once/model.safetensors
    [ "$status" -eq 1 ]
}

@test "a sweep evaluates what apply writes" {
    make_ids
    hp sweep "$TINY" --methods random --ratios 0.5 --seeds 2 --tokens ids \
        --compensate -o sweep.json -q
    succeeds
    [ "$(jq -c .compensation sweep.json)" = \
        '{"damping":0.01,"sequential":false}' ]
    python3 "$BATS_TEST_DIRNAME/validate.py" \
        "$ROOT/docs/schema/sweep-1.schema.json" sweep.json
    for seed in 0 1; do
        hp random --ratio 0.5 --seed "$seed" "$TINY" --compensate \
            --tokens ids -o "seed$seed" -q
        succeeds
        hp eval "seed$seed" --tokens ids --json
        succeeds
        [ "$(jq .value <<<"$output")" = \
            "$(jq ".points[$seed].eval.value" sweep.json)" ]
    done
    hp sweep "$TINY" --methods random --ratios 0.5 --seeds 2 --tokens ids \
        --resume sweep.json -q
    [ "$status" -eq 2 ]
    says "$stderr" "the sweep was made with another kind of refit"
    hp sweep "$TINY" --methods random --ratios 0.5 --seeds 2 --tokens ids \
        --resume sweep.json --compensate -q
    succeeds
}

@test "what cannot be is said" {
    make_ids
    hp apply "$TINY" --heads 0:1 --compensate --emit mask --tokens ids
    fails 2 "the form 'mask' changes no projections"
    hp apply "$TINY" --heads 0:1 --sequential
    fails 2 "--sequential without --compensate"
    hp magnitude --ratio 0.2 "$TINY" --damp 1
    fails 2 "--damp without --compensate"
    hp magnitude --ratio 0.2 "$TINY" --damp 0 --compensate
    fails 2 "not above 0"
    [ ! -e gpt2-magnitude-0.2 ]
}

@test "where outputs cannot be told apart the ridge is raised" {
    echo '3' >ids
    hp apply "$TINY" --heads 0:1 --compensate --damp 1e-20 --tokens ids -o out
    succeeds
    says "$stderr" "the ridge was raised from 1e-20"
}

@test "a dry run says how far off outputs would be" {
    make_ids
    hp apply "$TINY" --heads 0:1 --compensate --tokens ids -n
    succeeds
    says "$output" "refitted besides: 1 of the 1 blocks that lose heads"
    [ ! -e gpt2-pruned ]
}

# What is left is the same, whether pruned heads are zero or cut out.
@test "removing with a refit is zeroing with it" {
    make_ids
    for form in zero remove; do
        hp apply "$TINY" --heads '0:1,3 1:0' --compensate --tokens ids \
            --emit "$form" -o "$form" -q
        succeeds
        hp eval "$form" --tokens ids --json
        succeeds
        jq .value <<<"$output" >"$form.value"
    done
    python3 -c 'import sys; a, b = (float(open(f).read()) for f in sys.argv[1:])
assert abs(a - b) <= 1e-5 * a, (a, b)' zero.value remove.value
}

@test "restore takes a refit back" {
    make_ids
    for form in zero remove; do
        hp apply "$TINY" --heads '0:1,3 1:0' --compensate --tokens ids \
            --emit "$form" -o "$form" --undo "$form.undo" -q
        succeeds
        hp restore "$form" --undo "$form.undo" -o "back-$form"
        succeeds
        cmp "$TINY/model.safetensors" "back-$form/model.safetensors"
    done
}
