#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2153,SC2154
load common

GQA=$ROOT/tests/golden/llama-gqa # 2 layers x 8 heads in 2 groups

@test "an unknown form names the forms" {
    hp apply --heads 0:1 --emit cut "$TINY" -o out
    fails 2 "--emit 'cut' is not a form (forms: zero, zero-all, gate, mask, remove)"
    [ ! -e out ]
}

@test "options of one form are refused with others" {
    for option in --uniform --no-remote-code --round=up; do
        hp apply --heads 0:1 "$option" "$TINY" -o out
        fails 2 "needs --emit remove"
    done
    [ ! -e out ]
}

@test "a form that does not exist for a model names one that does" {
    hp apply --heads 0:1 --emit gate "$TINY" -o out
    fails 4 "the model has no gate"
    says "$stderr" "--emit zero works for every model"
    hp apply --heads 0:1 --emit remove --uniform "$TINY" -o out
    fails 4 "takes the width of a head from the number of heads"
    hp apply --heads enc.0:1 --emit remove "$ROOT/tests/golden/t5" -o out
    fails 4 "--uniform removes as many from each"
    hp apply --heads '0:*' --emit remove --no-remote-code "$TINY" -o out
    fails 4 "layer 0 would keep no head"
    [ ! -e out ]
}

@test "a mask is applied when the folder is opened" {
    hp apply --heads '0:1 1:0,3' --emit mask "$TINY" -o masked
    succeeds
    says "$output" "the weights are untouched"
    says "$output" "transformers 5 ignores them"
    lacks "$output" "from_pretrained"
    cmp "$TINY/model.safetensors" masked/model.safetensors
    hp inspect masked
    says "$output" "3 of 8 heads are silent: 0:1 1:0,3"
    [ "$("$HEADPRUNE" inspect --json masked | jq -r .model.masked)" = "0:1 1:0,3" ]
    [ "$("$HEADPRUNE" inspect --json "$TINY" | jq -r .model.masked)" = null ]
    echo '[1,2,3]' >ids
    hp eval masked --tokens ids
    says "$stderr" "masked: headprune.masks.safetensors silences 3 of 8 heads"
    hp -q eval masked --tokens ids
    [ -z "$stderr" ]
    hp apply --heads 0:1 --emit mask "$TINY" -o one.safetensors
    fails 2 "the form 'mask' is a folder"
}

@test "removed heads make a smaller model, which says how to load it" {
    hp apply --heads '0:1 1:0,3' --emit remove "$TINY" -o out
    succeeds
    says "$output" "removed: 12.6 kB"
    says "$output" 'AutoModelForCausalLM.from_pretrained("out", trust_remote_code=True) loads it'
    [ -f out/modeling_headprune.py ]
    hp inspect out
    says "$output" "problems      none"
    [ "$(jq -c .changed[0] out/headprune.json)" = \
        '{"tensor":"transformer.h.0.attn.c_attn.bias","axis":0,"bands":[[8,8],[40,8],[72,8]],"bytes":96,"change":"removed"}' ]
    /usr/bin/python3 "$ROOT/tests/cli/validate.py" "$ROOT/docs/schema/report-1.schema.json" out/headprune.json
    hp apply --heads '0:*' --emit remove "$TINY" -o emptied
    succeeds
    says "$output" "note: layer 0 keeps no head"
}

@test "a dry run tells the same and writes nothing" {
    hp apply --heads '0:1 1:0,3' --emit remove "$TINY" -o out -n --undo u
    succeeds
    says "$output" "would remove 12.6 kB"
    says "$output" "transformers 4 and 5" || says "$output" "trust_remote_code"
    [ -z "$(ls -A)" ]
}

@test "uneven plans are rounded to uniform ones" {
    hp apply --heads '0:0,1 1:4' --emit remove --uniform "$GQA" -o out
    fails 4 "query heads of one key and value head"
    says "$stderr" "--round nearest"
    hp magnitude --ratio 0.4 --emit remove --uniform --round nearest "$GQA" -o out
    succeeds
    says "$stderr" "rounded:"
    [ "$(jq .num_attention_heads out/config.json)" = 4 ]
    hp inspect out
    succeeds
    hp apply --heads '0:0' --emit remove --uniform --round up "$GQA" -o more
    fails 2 "it does not say which"
}

@test "restore makes the original again" {
    for form in zero zero-all mask remove; do
        hp apply --heads '0:1 1:*' --emit "$form" "$TINY" -o "$form" --undo "$form.undo"
        succeeds
        says "$output" "headprune restore $form --undo $form.undo -o DIR"
        hp restore "$form" --undo "$form.undo" -o again
        succeeds
        says "$output" "-> again"
        diff -r "$TINY" again
        rm -r again
    done
    hp restore zero --undo remove.undo -o again
    fails 3 "the undo file belongs to another output"
    hp restore zero --undo zero/model.safetensors -o again
    fails 3 "no undo file of headprune"
    hp restore zero -o again
    fails 2 "which file undoes the pruning?"
    hp restore zero --undo zero.undo -o "$TINY"
    fails 5 "output exists"
    [ ! -e again ]
    "$HEADPRUNE" restore zero --undo zero.undo -o - -q | cmp - "$TINY/model.safetensors"
    "$HEADPRUNE" restore remove --undo remove.undo --json >restored.json
    /usr/bin/python3 "$ROOT/tests/cli/validate.py" "$ROOT/docs/schema/restore-1.schema.json" restored.json
    diff -r "$TINY" remove-restored
}

@test "what was refitted is restored, too" {
    for form in zero remove; do
        "$HEADPRUNE" -q magnitude --ratio 0.3 --compensate --data "$TEXT" --emit "$form" \
            "$WORDS" -o "$form" --undo "$form.undo"
        "$HEADPRUNE" -q restore "$form" --undo "$form.undo" -o again
        cmp again/model.safetensors "$WORDS/model.safetensors"
        rm -r again
    done
}

@test "a model that lost heads is scored, evaluated, swept and pruned again" {
    for heads in '0:*' '1:*' '0:1'; do
        "$HEADPRUNE" -q apply --heads "$heads" --emit remove "$WORDS" -o less -f
        for method in $("$HEADPRUNE" methods --format tsv | tail -n +2 | cut -f 1); do
            hp score "$method" less --data "$TEXT" --json
            succeeds
            [ "$(jq '.heads | length' <<<"$output")" = \
                "$("$HEADPRUNE" inspect --json less | jq .model.heads)" ]
        done
        hp eval less --data "$TEXT"
        succeeds
        hp sweep less --data "$TEXT" --ratios 0.5 --seeds 2
        succeeds
        hp entropy --ratio 0.5 --compensate --data "$TEXT" --emit remove less -o again -f
        succeeds
        hp diff "$WORDS" again
        [ "$status" -eq 1 ]
    done
}
