#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

NET=$ROOT/models/gpt2-novels
MACHINE=$ROOT/models/text/the-time-machine.txt

# scores METHOD: s.json, of few short windows.
scores() {
    "$HEADPRUNE" -q score "$1" --json --data "$MACHINE" --sequences 3 \
        --length 32 "$NET" >s.json
}

# answers CODE RULE WORDS: the last hp ended with CODE and its one line says
# of RULE what WORDS say.
answers() {
    [ "$status" -eq "$1" ] || show "exit $status, not $1"
    [ "${#lines[@]}" -eq 1 ] || show "not one line"
    [ -z "$stderr" ] || show "something on stderr"
    if [ "$1" -eq 0 ]; then
        says "$output" "holds  $2: "
    else
        says "$output" "broken $2: "
    fi
    says "$output" "$3"
}

@test "scores may change by the limit, and not by more" {
    scores entropy
    hp check "$NET" --baseline s.json --max-score-change 0
    answers 0 max-score-change "no score of 48 changed by more than 0"
    jq '.heads[7].score *= 0.99' s.json >b.json
    hp check "$NET" --baseline b.json --max-score-change 1.02%
    answers 0 max-score-change "most 0:7:"
    hp check "$NET" --baseline b.json --max-score-change 1%
    answers 1 max-score-change "1 of 48 scores changed by more than 1 %"
    hp check "$NET" --baseline b.json --max-score-change 0.04
    answers 0 max-score-change "by more than 0.04"
    hp check "$NET" --baseline b.json --max-score-change 0.001
    answers 1 max-score-change "most 0:7:"
    hp check "$NET" --baseline b.json --max-score-change 0.001 --exit-zero
    succeeds
    says "$output" "broken max-score-change"
    for method in magnitude "random --seed 9"; do
        # shellcheck disable=SC2086 # words
        "$HEADPRUNE" score $method --json "$NET" >s.json
        hp check - --config "$NET/config.json" --baseline s.json \
            --max-score-change 0 <"$NET/model.safetensors"
        answers 0 max-score-change "no score of 48"
    done
}

@test "a report tells policy and scores" {
    "$HEADPRUNE" -q entropy --ratio 0.1 --protect 0:4 --data "$MACHINE" \
        --sequences 3 --length 32 "$NET" -o pruned
    heads=$(jq -r .heads pruned/headprune.json)
    hp check "$NET" --baseline pruned/headprune.json --expect-heads "$heads"
    answers 0 expect-heads "the 4 heads to prune are those expected"
    hp check "$NET" --baseline pruned/headprune.json --max-score-change 0 \
        --expect-heads "$heads 5:7"
    [ "$status" -eq 1 ]
    says "${lines[0]}" "holds  max-score-change"
    says "${lines[1]}" "broken expect-heads: expected, not pruned: 5:7"
    hp check "$NET" --baseline pruned/headprune.json --count 3 --expect-heads "$heads"
    answers 1 expect-heads "expected, not pruned"
    hp check pruned --baseline pruned/headprune.json --max-score-change 0.001
    answers 1 max-score-change "scores changed by more than 0.001"
    scores entropy
    hp check "$NET" --baseline s.json --count 1 --expect-heads @<(echo "0:4")
    answers 1 expect-heads "expected"
    "$HEADPRUNE" -q apply "$NET" --heads 0:1 -o listed
    hp check "$NET" --baseline listed/headprune.json --max-score-change 1
    fails 2 "neither an evaluation, nor all scores"
}

@test "ids are read as ids" {
    "$HEADPRUNE" score entropy --json --sequences 4 \
        --tokens "$ROOT/models/text/reactions-calibration.ids" \
        "$ROOT/models/reaction-bert" >s.json
    hp check "$ROOT/models/reaction-bert" --baseline s.json --max-score-change 0
    answers 0 max-score-change "no score of"
    "$HEADPRUNE" -q score entropy --json --sequences 4 --length 16 "$NET" >s.json
    hp check -q "$NET" --baseline s.json --max-score-change 0
    answers 0 max-score-change "no score of"
}

@test "other data is refused, unless it shall do" {
    cp "$MACHINE" text
    "$HEADPRUNE" score entropy --json --data text --sequences 3 --length 32 \
        "$NET" >s.json
    mv text moved
    hp check "$NET" --baseline s.json --max-score-change 1
    fails 5 "text: no such file (the baseline's data"
    hp check "$NET" --baseline s.json --max-score-change 0 --data moved
    answers 0 max-score-change "no score"
    sed 's/e/x/' moved >text
    hp check "$NET" --baseline s.json --max-score-change 9
    fails 2 "not the data of the baseline: SHA-256"
    hp check "$NET" --baseline s.json --max-score-change 9 --any-data
    answers 0 max-score-change "no score"
    hp check "$NET" --baseline s.json --max-score-change 9 --data moved --length 16
    fails 2 "not the windows of the baseline"
}

# evaluation MODEL ARGS: e.json
evaluation() {
    "$HEADPRUNE" -q eval --json "$@" >e.json
}

@test "perplexity and loss may rise by the limit, and not by more" {
    evaluation --data "$MACHINE" --sequences 2 --length 48 "$NET"
    hp check "$NET" --baseline e.json --max-perplexity-increase 0
    answers 0 max-perplexity-increase "+0, within the 0 allowed"
    hp check "$NET" --baseline e.json --max-loss-increase 0
    answers 0 max-loss-increase "+0, within the 0 allowed"
    jq '.value /= 1.1 | .loss -= 0.1' e.json >b.json
    hp check "$NET" --baseline b.json --max-perplexity-increase 10%
    answers 0 max-perplexity-increase "+10 %, within the 10 % allowed"
    hp check "$NET" --baseline b.json --max-perplexity-increase 9.99%
    answers 1 max-perplexity-increase "+10 %, more than the 9.99 % allowed"
    hp check "$NET" --baseline b.json --max-loss-increase 0.1
    answers 0 max-loss-increase "+0.1, within the 0.1 allowed"
    hp check "$NET" --baseline b.json --max-loss-increase 0.0999
    answers 1 max-loss-increase "more than the 0.0999 allowed"
    "$HEADPRUNE" -q apply "$NET" --heads '0:* 5:*' -o pruned
    hp check pruned --baseline e.json --max-perplexity-increase 2% \
        --max-loss-increase 100
    [ "$status" -eq 1 ]
    says "${lines[0]}" "broken max-perplexity-increase: perplexity"
    says "${lines[1]}" "holds  max-loss-increase: loss"
    "$HEADPRUNE" check pruned --baseline e.json --max-loss-increase 1% \
        --exit-zero --json >c.json
    /usr/bin/python3 "$ROOT/tests/cli/validate.py" \
        "$ROOT/docs/schema/check-1.schema.json" c.json
    [ "$(jq -c '[.passed, .rules[0].limit, .rules[0].relative]' c.json)" = \
        '[false,0.01,true]' ]
}

@test "an evaluation is repeated as it was made" {
    evaluation --data "$MACHINE" --sequences 3 --length 48 --stride 16 "$NET"
    hp check "$NET" --baseline e.json --max-perplexity-increase 0
    answers 0 max-perplexity-increase "within the 0 allowed"
    evaluation --data "$MACHINE" --sequences 3 --length 48 "$ROOT/models/bert-novels"
    hp check "$ROOT/models/bert-novels" --baseline e.json --max-loss-increase 0
    answers 0 max-loss-increase "within the 0 allowed"
    hp check "$ROOT/models/bert-novels" --baseline e.json --max-perplexity-increase 0
    fails 2 "not causal"
    evaluation --tokens "$ROOT/models/text/reactions-evaluation.ids" \
        "$ROOT/models/reaction-bert"
    hp check "$ROOT/models/reaction-bert" --baseline e.json --max-loss-increase 0
    answers 0 max-loss-increase "within the 0 allowed"
    hp check "$NET" --baseline e.json --max-loss-increase 0
    [ "$status" -ne 0 ]
    [ "$status" -ne 1 ]
    hp check "$NET" --baseline e.json --max-score-change 1
    fails 2 "an evaluation holds no scores"
}

@test "without a limit or a baseline there is nothing to check" {
    scores magnitude
    hp check "$NET" --baseline s.json
    fails 2 "--max-perplexity-increase, --max-loss-increase, --max-score-change or --expect-heads"
    hp check "$NET" --max-score-change 1
    fails 2 "--baseline FILE"
    hp check "$NET" --baseline s.json --expect-heads 0:1
    fails 2 "--ratio R or --count N"
    hp check "$NET" --baseline s.json --max-loss-increase 1
    fails 2 "needs an evaluation"
    for limit in -1 1x % 1%% nan 0x1 inf; do
        hp check "$NET" --baseline s.json --max-score-change "$limit"
        fails 2 "not a limit"
    done
    echo '{"schema": "headprune.methods/1"}' >m.json
    hp check "$NET" --baseline m.json --max-score-change 1
    fails 3 "headprune.methods/1"
    hp check "$NET" --baseline gone.json --max-score-change 1
    fails 5 "gone.json: no such file"
    hp check "$WORDS" --baseline s.json --max-score-change 1
    fails 2 "the model has 4 heads, the baseline 48"
    hp score magnitude "$NET" --format github
    fails 2 "no --format github"
}

@test "annotations are escaped" {
    scores magnitude
    jq '.heads[7].score *= 2' s.json >"$(printf 'a,b:c%%\n.json')"
    hp check "$NET" --baseline "$(printf 'a,b:c%%\n.json')" \
        --max-score-change 1% --format github
    [ "$status" -eq 1 ]
    [ "${#lines[@]}" -eq 1 ]
    says "$output" "::error file=a%2Cb%3Ac%25%0A.json,title=headprune max-score-change::"
    says "$output" "more than 1 %25; most 0:7:"
    hp check "$NET" --baseline s.json --max-score-change 1% --format github
    succeeds
    says "$output" "::notice file=s.json,title=headprune max-score-change::"
}

@test "JUnit and summary hold what was printed" {
    scores magnitude
    jq '.heads[7].score *= 2' s.json >'b&<">.json'
    cp -r "$NET" 'net&<">'
    hp check 'net&<">' --baseline 'b&<">.json' --max-score-change 1% \
        --count 1 --expect-heads '' --junit j.xml --summary s.md
    [ "$status" -eq 1 ]
    /usr/bin/python3 - <<'END'
import xml.etree.ElementTree as tree
suite = tree.parse("j.xml").getroot()[0]
assert suite.get("name") == 'headprune check net&<">', suite.attrib
assert suite.get("tests") == suite.get("failures") == "2"
names = [c.get("name") for c in suite]
assert names == ["max-score-change", "expect-heads"], names
assert suite[0].find("failure").get("message").startswith("1 of 48 scores")
END
    hp check "$NET" --baseline s.json --max-score-change 1% --junit j.xml --summary s.md
    succeeds
    [ "$(grep -c '^### headprune check' s.md)" -eq 2 ]
    says "$(cat s.md)" "### headprune check: failed"
    says "$(cat s.md)" "| max-score-change | yes |"
    says "$(cat j.xml)" 'failures="0"'
    hp check "$NET" --baseline s.json --max-score-change 1% --junit no/j.xml
    fails 5 "no/j.xml"
}

@test "documents conform to their schema, whatever they say" {
    scores entropy
    jq '.heads[7].score = 0' s.json >b.json
    for base in s b; do
        for rule in "--max-score-change 1%" "--expect-heads 0:1 --count 2"; do
            # shellcheck disable=SC2086 # words
            "$HEADPRUNE" check "$NET" --baseline $base.json $rule --exit-zero --json >c.json
            /usr/bin/python3 "$ROOT/tests/cli/validate.py" \
                "$ROOT/docs/schema/check-1.schema.json" c.json
        done
    done
    [ "$(jq .passed c.json)" = false ]
    hp check "$NET" --baseline s.json --max-score-change 1% --format ndjson
    [ "$(jq -s '.[-1].passed' <<<"$output")" = true ]
    hp check "$NET" --baseline s.json --max-score-change 1% --format tsv
    [ "$(awk -F'\t' '{ print NF }' <<<"$output" | sort -u)" = 7 ]
}

@test "hybrid's mix and steps are those of the baseline" {
    ids='[1, 2, 3, 4, 5, 6, 7, 8]
[9, 8, 7, 6, 5, 4, 3, 2]'
    echo "$ids" >ids
    mix=(hybrid --mix "gradient,magnitude:3" --tokens ids)
    limit=(--tokens ids --max-score-change 0 --baseline)
    for model in "$TINY" "$ROOT/tests/golden/bert-mlm"; do
        args=()
        [ "$model" = "$TINY" ] || args=(--mask-id 4)
        hp -q score "${mix[@]}" "${args[@]}" --json "$model"
        succeeds
        echo "$output" >mixed.json
        hp check "${limit[@]}" mixed.json "${args[@]}" "$model"
        succeeds
        hp check "${limit[@]}" mixed.json --mix entropy "${args[@]}" "$model"
        [ "$status" -eq 1 ]
    done
    hp -q score gradient --iterate 0.25 --tokens ids --json "$TINY"
    echo "$output" >steps.json
    hp check "${limit[@]}" steps.json "$TINY"
    succeeds
    hp -q gradient --iterate 0.25 --ratio 0.5 --tokens ids "$TINY" -o out
    hp check "${limit[@]}" out/headprune.json "$TINY"
    fails 4 "in steps that ended with the plan"
}
