#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

GPT2=$ROOT/models/gpt2-novels
BERT=$ROOT/models/bert-novels
CAT='The cat sat on the mat'

# arrays FILE KIND DOCUMENT: names of the tensors of a file, read and checked
# without headprune.
arrays() {
    /usr/bin/python3 "$ROOT/tests/cli/attention.py" "$@"
}

@test "a table has every head, or those of a layer" {
    hp attention --text "$CAT" "$GPT2"
    succeeds
    [ "${#lines[@]}" -eq 50 ]
    says "${lines[0]}" "7 tokens"
    hp attention --text "$CAT" --layer 2 "$GPT2"
    succeeds
    [ "${#lines[@]}" -eq 10 ]
    says "${lines[2]}" "2:0"
}

@test "one head is a heatmap that names its tokens where there is room" {
    COLUMNS=100 hp attention --text "$CAT" --head 5:1 "$GPT2"
    succeeds
    says "${lines[0]}" "·cat"
    says "${lines[1]}" "0 The  █100"
    COLUMNS=30 hp attention --text "$CAT" --head 1 --layer 5 "$GPT2"
    succeeds
    lacks "${lines[0]}" "cat"
    says "${lines[1]}" "0 The  ██"
    COLUMNS=30 hp attention --tokens <(seq 40 | tr '\n' ' ') --head 5:1 "$GPT2"
    succeeds
    says "$output" "a cell is 4 x 4 tokens"
    for width in 1 20 30 60 100 200; do
        COLUMNS=$width hp attention --text "$CAT" --head 3:1 "$BERT"
        succeeds
        for line in "${lines[@]}"; do
            [ "$width" -lt 20 ] || [ "${#line}" -le "$width" ] ||
                says "$line" "rows attend"
        done
    done
}

@test "colour is for those who want it" {
    hp attention --text "$CAT" --head 5:1 --color always "$GPT2"
    says "$output" $'\033[30;48;5;'
    lacks "$output" "[█▓▒░]"
    NO_COLOR=1 run on_terminal "$HEADPRUNE" --progress never attention \
        --text "$CAT" --head 5:1 "$GPT2"
    lacks "$output" $'\033\\[3'
    says "$output" "█"
}

@test "arrays are what other programs read, and the entropies follow" {
    for model in "$GPT2 causal" "$BERT encoder"; do
        read -r path kind <<<"$model"
        hp attention --text "$CAT" -f -o a.safetensors --json "$path"
        succeeds
        says "$stderr" "a.safetensors"
        printf '%s' "$output" >a.json
        arrays a.safetensors "$kind" a.json >names
        [ "$(sort names)" = "$(jq -r '.heads[].name' a.json | sort -u)" ]
    done
    hp attention --text "$CAT" --layer 3 -f -o a.safetensors --json "$GPT2"
    printf '%s' "$output" >a.json
    [ "$(arrays a.safetensors causal a.json)" = transformer.h.3.attn ]
}

@test "a file is replaced only with -f, and not by what failed" {
    echo old >a.safetensors
    hp attention --text "$CAT" -o a.safetensors "$GPT2"
    fails 5 "exists already"
    hp attention --text "$CAT" -f -o "$PWD/model.safetensors" --head 5:1 "$GPT2"
    succeeds
    cp -r "$ROOT/tests/golden/gpt2" net
    hp attention --tokens <(echo 1 2) -f -o net/model.safetensors net
    fails 5 "of the model itself"
    cmp net/model.safetensors "$ROOT/tests/golden/gpt2/model.safetensors"
    (
        ulimit -f 16
        hp attention --data "$ROOT/models/text/the-time-machine.txt" -f \
            -o a.safetensors "$GPT2"
        fails 5 "a.safetensors"
    )
    [ "$(cat a.safetensors)" = old ]
    [ "$(find . -name '.*headprune*' | wc -l)" -eq 0 ]
}

@test "documents conform to their schema, with a matrix and without" {
    for args in "--head 1:1" "" "--layer 1"; do
        for model in "$GPT2" "$BERT"; do
            # shellcheck disable=SC2086 # words
            "$HEADPRUNE" attention --text "$CAT" --json $args "$model" >a.json
            /usr/bin/python3 "$ROOT/tests/cli/validate.py" \
                "$ROOT/docs/schema/attention-1.schema.json" a.json
        done
    done
    "$HEADPRUNE" attention --tokens <(echo 1 2 3) --json "$TINY" >a.json
    /usr/bin/python3 "$ROOT/tests/cli/validate.py" \
        "$ROOT/docs/schema/attention-1.schema.json" a.json
    [ "$(jq -c '[.tokens, .ids]' a.json)" = '[null,[1,2,3]]' ]
    "$HEADPRUNE" attention --text "$CAT" --json --head 1:1 "$GPT2" >a.json
    [ "$(jq '.matrix | map(add) | all(. > 0.9999 and . < 1.0001)' a.json)" = true ]
    [ "$(jq '.matrix[2][3:] | all(. == 0)' a.json)" = true ]
    [ "$(jq -r '.tokens | join("")' a.json)" = "$CAT" ]
}

@test "tsv and md have one head, or one query, a line" {
    hp attention --text "$CAT" --format tsv "$GPT2"
    [ "${#lines[@]}" -eq 49 ]
    [ "$(awk -F'\t' '{ print NF }' <<<"$output" | sort -u)" = 11 ]
    hp attention --text "$CAT" --format tsv --head 1:1 "$GPT2"
    [ "$(awk -F'\t' '{ print NF }' <<<"$output" | sort -u)" = 8 ]
    hp attention --text "$CAT" --format md --head 1:1 "$GPT2"
    [ "${#lines[@]}" -eq 9 ]
    says "${lines[1]}" "| --- | --- |"
}

@test "the first window or line is looked at, special tokens included" {
    [ "$("$HEADPRUNE" attention --data "$ROOT/models/text/the-time-machine.txt" \
        --length 12 --json "$GPT2" | jq -c .ids)" = "$("$HEADPRUNE" tokens "$GPT2" \
        --data "$ROOT/models/text/the-time-machine.txt" --length 12 \
        --sequences 1 | jq -c .)" ]
    hp attention --text "$CAT" --json "$BERT"
    [ "$(jq -c '.tokens | [.[0], .[-1]]' <<<"$output")" = '["[CLS]","[SEP]"]' ]
    hp attention --text "$CAT" --no-special --json "$BERT"
    [ "$(jq -c '.tokens | [.[0], .[-1]]' <<<"$output")" = '["the","mat"]' ]
    printf '1 2 3\n4 5\n' >ids
    hp attention --tokens ids --json "$TINY"
    [ "$(jq -c .ids <<<"$output")" = '[1,2,3]' ]
}

@test "what cannot be looked at is refused" {
    hp attention "$GPT2"
    fails 2 "no text to look at"
    hp attention --text a --tokens b "$GPT2"
    fails 2 "more than one text"
    hp attention --text a --head 1 "$GPT2"
    fails 2 "of which layer"
    hp attention --text a --head 1:0-1 "$GPT2"
    fails 2 "more than one head"
    hp attention --text a --head 9:0 "$GPT2"
    fails 2 "no block 9"
    hp attention --text a --layer 6 "$GPT2"
    fails 2 "6 layers"
    hp attention --text a -o attention.npy "$GPT2"
    fails 2 "a .safetensors file"
    hp attention --text a "$TINY"
    fails 3 "tokenizer"
    hp attention --tokens <(seq 257 | tr '\n' ' ') "$GPT2"
    fails 3 "257"
}
