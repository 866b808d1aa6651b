#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
# The texts that --prompt adds to a sweep.
load common

NOVELS=$ROOT/models/gpt2-novels
BOOK=$ROOT/models/text/the-time-machine.txt
NIGHT='It was a dark night'
MAN='The old man'

# points RATIOS ARGS: three points of a causal model at each ratio.
points() {
    hp -q sweep "$NOVELS" --eval-data "$BOOK" --eval-sequences 1 --length 64 \
        --methods "magnitude,random" --seeds 2 --ratios "$@"
}

novels() {
    points 0.3,0.7 "$@"
}

two() {
    novels --prompt "$NIGHT" --prompt "$MAN" --max-tokens 8 "$@"
}

@test "samples are what generate makes of the same heads" {
    two -o s.json
    succeeds
    [ "$(jq '.points | length' s.json)" -eq 6 ]
    [ "$(jq '[.points[].samples | length] | unique == [2]' s.json)" = true ]
    [ "$(jq '[.points[].samples] | unique | length' s.json)" -gt 3 ]
    "$HEADPRUNE" -q generate "$NOVELS" --prompt "$NIGHT" --prompt "$MAN" \
        --max-tokens 8 --json >base
    [ "$(jq -c '[.baseline.samples[].text]' s.json)" = \
        "$(jq -sc '[.[].text]' base)" ]
    [ "$(jq -c '[.baseline.samples[].prompt]' s.json)" = \
        "$(jq -nc '$ARGS.positional' --args "$NIGHT" "$MAN")" ]
    for i in 0 1 2 5; do
        "$HEADPRUNE" -q generate "$NOVELS" --prompt "$NIGHT" --prompt "$MAN" \
            --heads "$(jq -r ".points[$i].heads" s.json)" \
            --max-tokens 8 --json >point
        [ "$(jq -c "[.points[$i].samples[].text]" s.json)" = \
            "$(jq -sc '[.[].text]' point)" ]
    done
}

@test "numbers are the same with samples and without" {
    two -o with.json
    succeeds
    novels -o without.json
    succeeds
    jq -S 'del(.max_tokens, .baseline.samples, .points[].samples)' with.json >a
    jq -S . without.json >b
    cmp a b
    lacks "$(cat without.json)" '"(samples|max_tokens)"'
}

@test "a sample has 32 tokens unless --max-tokens says less" {
    points 0.3 --prompt "$MAN" -o s.json
    succeeds
    [ "$(jq .max_tokens s.json)" -eq 32 ]
    "$HEADPRUNE" -q generate "$NOVELS" --prompt "$MAN" --max-tokens 32 --json >g
    [ "$(jq '.baseline.samples[0].text' s.json)" = "$(jq .text g)" ]
}

@test "a sweep with samples conforms to its schema" {
    valid() {
        /usr/bin/python3 "$ROOT/tests/cli/validate.py" \
            "$ROOT/docs/schema/sweep-1.schema.json" "$1"
    }
    two -o s.json
    valid s.json
    jq 'del(.points[1].samples[0].text)' s.json >bad.json
    run -1 valid bad.json
    jq '.baseline.samples = []' s.json >bad.json
    run -1 valid bad.json
}

@test "a resumed sweep keeps its samples and adds the others" {
    two -o whole.json
    succeeds
    points 0.3 --prompt "$NIGHT" --prompt "$MAN" --max-tokens 8 -o part.json
    succeeds
    cp part.json first.json
    two --resume part.json
    succeeds
    cmp part.json whole.json
    jq '.baseline.samples[0].text = "kept" | .points[].samples[0].text = "kept"' \
        first.json >marked.json
    two --resume marked.json
    succeeds
    [ "$(jq -c '[.points[].samples[0].text == "kept"]' marked.json)" = \
        '[true,false,true,true,false,false]' ]
    [ "$(jq -r '.baseline.samples[0].text' marked.json)" = kept ]
}

@test "a killed sweep goes on to the same samples" {
    args=(-q sweep "$NOVELS" --eval-data "$BOOK" --eval-sequences 8
        --methods "magnitude,random" --ratios "0.1,0.3,0.5" --seeds 7
        --prompt "$MAN" --max-tokens 8)
    "$HEADPRUNE" "${args[@]}" -o whole.json
    "$HEADPRUNE" "${args[@]}" -o part.json 3>&- &
    pid=$!
    until [ -e part.json ]; do sleep 0.02; done
    kill -9 "$pid"
    wait "$pid" || true
    [ "$(jq '.points | length' part.json)" -lt 24 ]
    "$HEADPRUNE" "${args[@]}" --resume part.json
    cmp part.json whole.json
}

@test "other prompts are refused" {
    two -o s.json
    succeeds
    cp s.json before.json
    novels --prompt "$MAN" --prompt "$NIGHT" --max-tokens 8 --resume s.json
    fails 2 "samples of another prompt, '$NIGHT'"
    novels --prompt "$NIGHT" --max-tokens 8 --resume s.json
    fails 2 "samples of 2 prompts, not of 1"
    novels --resume s.json
    fails 2 "samples of 2 prompts, not of 0"
    novels --prompt "$NIGHT" --prompt "$MAN" --max-tokens 9 --resume s.json
    fails 2 "samples of up to 8 tokens, not of 9"
    jq 'del(.points[2].samples)' s.json >gap.json
    two --resume gap.json
    fails 2 "samples of 0 prompts, not of 2"
    cmp s.json before.json
}

@test "every form of the output but tsv has them" {
    two -o s.json
    succeeds
    says "$output" s.json
    night=$(jq -r '.points[1].samples[0].text' s.json | tr '\n\t' '  ')
    resumed=(sweep "$NOVELS" --eval-data "$BOOK" --eval-sequences 1
        --length 64 --methods "magnitude,random" --ratios "0.3,0.7" --seeds 2
        --prompt "$NIGHT" --prompt "$MAN" --max-tokens 8 --resume s.json)
    hp "${resumed[@]}"
    says "$output" "after: $NIGHT"
    says "$output" "after: $MAN"
    says "$output" "magnitude     0.7        ${night% }"
    hp "${resumed[@]}" --format md
    says "$output" "| prompt | method | ratio | seed | text |"
    says "$output" "| $NIGHT | magnitude | 0.7 |  | ${night% }"
    hp "${resumed[@]}" --format tsv
    [ "${#lines[@]}" -eq 5 ]
    lacks "$output" "$NIGHT"
    hp "${resumed[@]}" --format ndjson
    [ "$(jq -sc '[.[:6][].samples]' <<<"$output")" = \
        "$(jq -c '[.points[].samples]' s.json)" ]
    [ "$(jq -sc '.[6].samples' <<<"$output")" = \
        "$(jq -c '.baseline.samples' s.json)" ]
}

@test "samples of refitted points are what the refitted model makes" {
    args=(--sequences 4 --compensate)
    two "${args[@]}" -o s.json
    succeeds
    two -o masked.json
    succeeds
    texts() {
        jq -c "[$1[].text]" "$2"
    }
    for i in 0 2 4; do
        "$HEADPRUNE" -qq apply "$NOVELS" "${args[@]}" --length 64 -o "out$i" \
            --heads "$(jq -r ".points[$i].heads" s.json)" >path
        "$HEADPRUNE" -q generate "out$i" --prompt "$NIGHT" --prompt "$MAN" \
            --max-tokens 8 --json >point
        [ "$(texts ".points[$i].samples" s.json)" = \
            "$(jq -sc '[.[].text]' point)" ]
        [ "$(texts ".points[$i].samples" s.json)" != \
            "$(texts ".points[$i].samples" masked.json)" ]
    done
    [ "$(texts .baseline.samples s.json)" = \
        "$(texts .baseline.samples masked.json)" ]
}

@test "a model that is not causal has no samples" {
    hp sweep "$ROOT/models/bert-novels" --prompt x -o s.json
    fails 4 "bert-novels: a model of type 'bert' is not causal"
    [ ! -e s.json ]
}

@test "what is wrong with a prompt is said before any work" {
    novels --max-tokens 4
    fails 2 "--max-tokens without --prompt"
    novels --prompt "$(printf 'the %.0s' {1..300})"
    fails 2 "the model takes at most 256"
    novels --prompt x --max-tokens 0
    fails 2 "--max-tokens 0 is outside"
}
