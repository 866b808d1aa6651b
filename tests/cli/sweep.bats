#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

NOVELS=$ROOT/models/gpt2-novels
BOOK=$ROOT/models/text/the-time-machine.txt

# tiny ARGS: a sweep of a model with 2 x 2 heads.
tiny() {
    hp sweep "$WORDS" --data "$TEXT" --eval-data "$BATS_TEST_TMPDIR/text" "$@"
}

setup() {
    mkdir "$BATS_TEST_TMPDIR/here" &&
        cd "$BATS_TEST_TMPDIR/here" || return 1
    { cat "$TEXT" && sort -r "$TEXT"; } >"$BATS_TEST_TMPDIR/text"
}

@test "points equal apply and eval done separately" {
    "$HEADPRUNE" -q sweep "$NOVELS" --eval-data "$BOOK" --eval-sequences 3 \
        --length 128 --ratios 0.1,0.5 --seeds 1 -o sweep.json
    [ "$(jq '.points | length' sweep.json)" -eq 6 ]
    for i in 0 3 5; do
        heads=$(jq -r ".points[$i].heads" sweep.json)
        "$HEADPRUNE" -q apply "$NOVELS" --heads "$heads" -o "out$i"
        "$HEADPRUNE" -q eval "out$i" --against "$NOVELS" --data "$BOOK" \
            --sequences 3 --length 128 --json >"eval$i.json"
        [ "$(jq -c ".points[$i].eval | {value, stderr, loss, delta, kl, same_top1}" sweep.json)" = \
            "$(jq -c '{value, stderr, loss, delta, kl, same_top1}' "eval$i.json")" ]
    done
}

@test "every method prunes as it does alone" {
    "$HEADPRUNE" -q sweep "$NOVELS" --eval-data "$BOOK" --eval-sequences 1 \
        --length 64 --ratios 0.3 --seeds 2 -o sweep.json
    for method in entropy magnitude random; do
        "$HEADPRUNE" -q "$method" --ratio 0.3 --length 64 -n --json "$NOVELS" >p.json
        [ "$(jq -r .heads p.json)" = "$(jq -r --arg m "$method" \
            '[.points[] | select(.method == $m)][0].heads' sweep.json)" ]
    done
    "$HEADPRUNE" -q random --seed 1 --ratio 0.3 -n --json "$NOVELS" >p.json
    [ "$(jq -r .heads p.json)" = "$(jq -r \
        '.points[] | select(.seed == 1).heads' sweep.json)" ]
}

@test "a killed sweep goes on to the same document" {
    args=(-q sweep "$NOVELS" --eval-data "$BOOK" --eval-sequences 24
        --methods "magnitude,random" --ratios "0.1,0.3,0.5" --seeds 7)
    "$HEADPRUNE" "${args[@]}" -o whole.json
    "$HEADPRUNE" "${args[@]}" -o part.json 3>&- &
    pid=$!
    until [ -e part.json ]; do sleep 0.02; done
    kill -9 "$pid"
    wait "$pid" || true
    n=$(jq '.points | length' part.json)
    [ "$n" -ge 8 ]
    [ "$n" -lt 24 ]
    "$HEADPRUNE" "${args[@]}" --resume part.json
    cmp part.json whole.json
    [ "$(find . -name 'part.json.*' ! -name '*.tmp*' | wc -l)" -eq 0 ]
}

@test "an interrupted sweep keeps its points and dies of the signal" {
    "$HEADPRUNE" -q sweep "$NOVELS" --eval-data "$BOOK" --eval-sequences 24 \
        --methods random --ratios 0.1,0.5 --seeds 12 -o part.json 3>&- &
    pid=$!
    until [ -e part.json ]; do sleep 0.02; done
    kill -TERM "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 143 ]
    [ "$(jq '.points | length' part.json)" -ge 8 ]
    [ "$(find . -type f | wc -l)" -eq 1 ]
}

@test "a sweep can be resumed with more ratios and seeds" {
    tiny --ratios 0.5 --seeds 2 -o few.json
    succeeds
    tiny --ratios 0.5,0.75 --seeds 3 -o whole.json
    succeeds
    tiny --ratios 0.5,0.75 --seeds 3 --resume few.json -o more.json
    succeeds
    cmp more.json whole.json
}

@test "threads and budget change nothing" {
    tiny --json --threads 1
    one=$output
    tiny --json --threads 2 --budget 64K
    [ "$output" = "$one" ]
}

@test "what was saved is what --json prints" {
    tiny --json -o saved.json
    succeeds
    [ "$output" = "$(cat saved.json)" ]
    tiny -q -o again.json
    [ "$output" = again.json ]
    cmp saved.json again.json
}

@test "a sweep conforms to its schema, whole and in part" {
    valid() {
        /usr/bin/python3 "$ROOT/tests/cli/validate.py" \
            "$ROOT/docs/schema/sweep-1.schema.json" "$1"
    }
    tiny -q -o s.json
    valid s.json
    tiny -q --methods magnitude --ratios 1 -o m.json
    valid m.json
    [ "$(jq .calibration m.json)" = null ]
    jq '.points = .points[:1] | .summary = .summary[:1]' s.json >part.json
    valid part.json
    jq '.summary[0].verdict = "great"' s.json >bad.json
    run -1 valid bad.json
    jq 'del(.points[0].eval.kl)' s.json >bad.json
    run -1 valid bad.json
}

@test "masked models and models without an output are swept too" {
    hp -q sweep "$ROOT/models/reaction-bert" --ratios 0.5 --seeds 2 \
        --tokens "$ROOT/models/text/reactions-calibration.ids" \
        --eval-tokens "$ROOT/models/text/reactions-evaluation.ids" --json
    succeeds
    [ "$(jq -r .baseline.metric <<<"$output")" = masked_lm_loss ]
    cp "$ROOT"/models/reaction-bert/{config.json,model.safetensors} .
    args=(-q sweep --ratios 0.5 --seeds 2 --json model.safetensors
        --tokens "$ROOT/models/text/reactions-calibration.ids"
        --eval-tokens "$ROOT/models/text/reactions-evaluation.ids")
    hp "${args[@]}"
    [ "$status" -eq 2 ]
    says "$stderr" "--mask-id N"
    hp "${args[@]}" --mask-id 4
    succeeds
    printf '[1, 2, 3, 4, 5, 6]\n[6, 5, 4, 3]\n' >ids
    hp -q sweep "$ROOT/tests/golden/bert-minilm" --ratios 0.5 --seeds 2 \
        --tokens ids --eval-tokens ids --json
    succeeds
    [ "$(jq -r .baseline.metric <<<"$output")" = hidden_cosine ]
    [ "$(jq .baseline.value <<<"$output")" = 1 ]
}

@test "the table names metric, baseline and verdicts" {
    tiny --ratios 0.5 --seeds 2
    succeeds
    says "$output" "perplexity of the model as it is: "
    says "$output" "(lower is better)"
    says "$output" "method      ratio  heads"
    says "$output" "entropy       0.5      2"
    says "$output" "rankings of entropy and magnitude: Spearman"
    lacks "$output" ' $'
}

@test "tsv, md and ndjson" {
    tiny --ratios 0.5,0.75 --seeds 2 --format tsv
    succeeds
    [ "${#lines[@]}" -eq 7 ]
    [ "$(cut -f 1-3 <<<"${lines[1]}")" = $'entropy\t0.5\t2' ]
    [ "$(awk -F '\t' '{print NF}' <<<"$output" | sort -u)" = 14 ]
    tiny --ratios 0.5 --seeds 2 --format md
    says "$output" "| method | ratio | heads | value |"
    tiny --ratios 0.5 --seeds 2 --format ndjson
    [ "${#lines[@]}" -eq 5 ]
    [ "$(jq -s '[.[].type] | join(" ")' <<<"$output")" = \
        '"point point point point summary"' ]
    [ "$(jq -s '.[4].rows | length' <<<"$output")" -eq 3 ]
}

@test "evaluating on the calibration data is warned of" {
    hp sweep "$WORDS" --data "$TEXT" --ratios 0.5 --seeds 2
    succeeds
    says "$stderr" "evaluated on the data that calibrates"
    hp sweep "$WORDS" --data "$TEXT" --eval-data "$TEXT" --ratios 0.5 --seeds 2
    says "$stderr" "calibration and evaluation data are the same"
    tiny --ratios 0.5 --seeds 2
    lacks "$stderr" "same|calibrates"
}

@test "another model, other data or other points are refused" {
    tiny -q --ratios 0.5 --seeds 2 -o s.json
    tiny --ratios 0.75 --seeds 2 --resume s.json
    fails 2 "a point that is not asked for: entropy at ratio 0.5"
    tiny --ratios 0.5 --seeds 1 --resume s.json
    fails 2 "random with another seed"
    tiny --ratios 0.5 --seeds 2 --scope layer --keep 1 --resume s.json
    fails 2 "other heads for"
    tac "$TEXT" >other
    hp sweep "$WORDS" --data "$TEXT" --eval-data other --resume s.json
    fails 2 "evaluated on other data"
    hp sweep "$WORDS" --data "$BATS_TEST_TMPDIR/text" --eval-data "$TEXT" \
        --ratios 0.5 --seeds 2 --resume s.json
    fails 2 "calibrated on other data"
    cp -r "$WORDS" net
    echo >>net/config.json
    cp s.json before.json
    hp sweep net --data "$TEXT" --eval-data other --resume s.json
    fails 2 "the sweep is of $WORDS"
    cmp s.json before.json
}

@test "options are checked before any work" {
    tiny --methods entropi
    fails 2 "--methods: unknown method 'entropi'"
    tiny --methods random,random
    fails 2 "--methods names random twice"
    tiny --ratios 0.1,1.5
    fails 2 "--ratios 1.5 is outside of 0 to 1"
    tiny --ratios 0.1,,0.2
    fails 2 "--ratios '0.1,,0.2' has an empty"
    tiny --ratios 0.1,
    fails 2 "has an empty"
    tiny --ratios 0.1,0.10
    fails 2 "--ratios names 0.10 twice"
    tiny --seeds 0
    fails 2 "--seeds 0 is outside of 1 to 10000"
    tiny --eval-tokens x
    fails 2 "--eval-data and --eval-tokens together"
    tiny -o -
    fails 2 "a sweep is saved to a file"
    touch there.json
    tiny -o there.json
    fails 5 "exists already"
    tiny --resume nothing.json
    fails 5 "nothing.json"
    tiny --resume there.json
    fails 3 "there.json"
}
