#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

GOLDEN=$ROOT/tests/golden
MASKED=$GOLDEN/bert-mlm
HEADLESS=$GOLDEN/bert-minilm
STRANGE=$GOLDEN/custom-arch

# Eight sequences: the fourth and the eighth are held out.
make_ids() {
    for i in 1 2 3 4 5 6 7 8; do
        seq -s ' ' "$i" "$((i + 1))" "$((i + 1 + (i + 1) * 15))" |
            tr ' ' '\n' | awk '{ print $1 % 31 }' | paste -sd ' '
    done >ids
    sed '4~4d' ids >rest
    sed -n '4~4p' ids >held
}

valid() {
    python3 "$BATS_TEST_DIRNAME/validate.py" \
        "$ROOT/docs/schema/report-1.schema.json" "$1"
}

@test "auto is the method it says, with a refit" {
    make_ids
    hp auto --ratio 0.5 "$TINY" --tokens ids -o auto
    succeeds
    says "$output" "auto: obs with a refit"
    hp obs --ratio 0.5 "$TINY" --compensate --tokens ids -o obs -q
    succeeds
    cmp auto/model.safetensors obs/model.safetensors
    valid auto/headprune.json
    jq -e '.auto | .method == "obs" and .compensates and
        .max_loss_increase == null' auto/headprune.json
    jq -e '.method.name == "obs" and .policy.ratio == 0.5 and
        (has("curve") | not)' auto/headprune.json
    [ "$(jq 'has("auto")' obs/headprune.json)" = false ]
}

@test "what the model allows decides" {
    make_ids
    hp auto --count 2 "$HEADLESS" --tokens ids -o headless
    succeeds
    says "$output" "auto: energy with a refit"
    hp energy --count 2 "$HEADLESS" --tokens ids --compensate -o energy -q
    succeeds
    cmp headless/model.safetensors energy/model.safetensors
    hp auto --count 2 "$STRANGE" -o strange
    succeeds
    says "$output" "auto: magnitude"
    lacks "$output" "refit"
    jq -e '.auto | .method == "magnitude" and (.compensates | not)' \
        strange/headprune.json
    valid strange/headprune.json
    hp auto --count 2 "$MASKED" --tokens ids --mask-id 4 -o masked -q
    succeeds
    [ "$(jq -r .auto.method masked/headprune.json)" = obs ]
}

@test "without a form for it there is no refit" {
    make_ids
    hp auto --count 2 "$TINY" --tokens ids --emit mask -o masked
    succeeds
    [ "$(jq .auto.compensates masked/headprune.json)" = false ]
    hp auto --count 2 "$TINY" --tokens ids --emit mask --damp 0.1 -o no
    fails 2 "--damp"
}

@test "a limit: the most heads that keep the held-out loss within it" {
    make_ids
    hp auto --max-loss-increase 0.05 "$TINY" --tokens ids -o limit --report r.json
    succeeds
    valid r.json
    says "$output" "calibration: ids, 6 x 16 tokens"
    says "$output" "2 more held out"
    pruned=$(jq .pruned r.json)
    jq -e '. as $r | .auto.max_loss_increase ==
            {"value": 0.05, "relative": false} and
        (.curve[0] | .pruned == 0 and .delta == 0 and .stderr == 0) and
        ([.curve[].pruned] | . == (sort | unique)) and
        ([.curve[].ratio * 8] == [.curve[].pruned]) and
        ([.curve[] | select(.pruned == $r.pruned)][0].delta <= 0.05) and
        ([.curve[] | select(.pruned == $r.pruned + 1)] |
            $r.pruned == 8 or .[0].delta > 0.05) and
        .policy.count == $r.pruned and .calibration.sequences == 6 and
        .calibration.held_out == 2 and
        .compensation.calibration == .calibration' r.json
    [ "$pruned" -ge 1 ] && [ "$pruned" -lt 8 ]
}

# Nothing of the held-out sequences is in scores and weights, and nothing else
# is in the curve.
@test "the curve is what eval says of what the rest makes" {
    make_ids
    hp auto --max-loss-increase 0.05 "$TINY" --tokens ids -o limit -q
    succeeds
    hp eval "$TINY" --tokens held --json
    succeeds
    whole=$(jq .loss <<<"$output")
    jq -e "(.curve[0].loss - $whole | fabs) < 1e-5" limit/headprune.json
    jq -r '.curve[1:][] | "\(.pruned) \(.loss) \(.delta) \(.stderr)"' \
        limit/headprune.json >points
    [ "$(wc -l <points)" -ge 3 ]
    while read -r pruned loss delta stderr_; do
        hp obs --count "$pruned" "$TINY" --tokens rest --compensate \
            -o "at$pruned" -q
        succeeds
        hp eval "at$pruned" --against "$TINY" --tokens held --json
        succeeds
        jq -e "(.loss - $loss | fabs) < 1e-5 and
            (.delta.loss - $delta | fabs) < 1e-5 and
            (.delta.stderr - $stderr_ | fabs) < 1e-5" <<<"$output"
    done <points
    cmp "at$(jq .pruned limit/headprune.json)/model.safetensors" \
        limit/model.safetensors
}

@test "threads and budget change nothing of a search" {
    make_ids
    hp auto --max-loss-increase 5% "$TINY" --tokens ids -o a --threads 1 -q
    succeeds
    hp auto --max-loss-increase 5% "$TINY" --tokens ids -o b --threads 3 \
        --budget 1 -q
    succeeds
    cmp a/model.safetensors b/model.safetensors
    [ "$(jq -c .curve a/headprune.json)" = "$(jq -c .curve b/headprune.json)" ]
    jq -e '.auto.max_loss_increase | .relative and .value == 0.05' \
        a/headprune.json
}

@test "where the fewest heads are too many nothing is written" {
    make_ids
    hp auto --max-loss-increase 0.000001 --protect '1:*' "$TINY" --tokens ids
    fails 4 "no number of heads keeps the loss on held-out text within 0.000001"
    says "$stderr" "with 1 pruned"
    [ -z "$(find . -mindepth 1 -type d)" ]
}

@test "a limit minds what heads are held back" {
    make_ids
    hp auto --max-loss-increase 9 "$TINY" --tokens ids -o keep --keep 1 \
        --protect '0:0,1' -q
    succeeds
    jq -e '.pruned == 5 and .policy.protect == "0:0,1" and
        .policy.keep == 1' keep/headprune.json
    hp auto --max-loss-increase 9 "$TINY" --tokens ids -o layer --scope layer \
        --keep 2 -q
    succeeds
    jq -e '.pruned == 4 and .policy.count == 2 and
        ([.curve[].pruned] == [0, 2, 4])' layer/headprune.json
    hp auto --max-loss-increase 9 "$TINY" --tokens ids --keep 9 -o none
    fails 2 "only 0 of 8 may be"
    "$HEADPRUNE" auto --max-loss-increase 9 "$GOLDEN/llama-gqa" --tokens ids \
        --group kv --keep 2 -o kv -q
    jq -e '[.curve[].pruned | . % 2 == 0] | all' kv/headprune.json
}

@test "check finds the heads of a search again" {
    make_ids
    hp auto --max-loss-increase 0.05 "$TINY" --tokens ids -o limit -q
    succeeds
    heads=$(jq -r .heads limit/headprune.json)
    hp check "$TINY" --baseline limit/headprune.json --expect-heads "$heads" \
        --max-score-change 0.01%
    succeeds
    hp check "$TINY" --baseline limit/headprune.json --tokens rest \
        --max-score-change 0.01%
    fails 2 "not the data of the baseline"
}

@test "the name says how far it went" {
    make_ids
    hp auto --max-loss-increase 900% "$TINY" --tokens ids -q
    succeeds
    [ "$output" = gpt2-obs-loss900pct ]
    hp auto --max-loss-increase 9.5 "$TINY" --tokens ids -q
    succeeds
    [ "$output" = gpt2-obs-loss9.5 ]
    hp auto --ratio 0.5 "$TINY" --tokens ids -q
    succeeds
    [ "$output" = gpt2-obs-0.5 ]
}

@test "what auto is not asked, or cannot do" {
    make_ids
    hp auto "$TINY"
    fails 2 "give --ratio R, --count N or --max-loss-increase X"
    hp auto --ratio 0.3 --count 2 "$TINY"
    fails 2 "--ratio and --count together"
    hp auto --ratio 0.3 --max-loss-increase 1 "$TINY"
    fails 2 "--ratio and --max-loss-increase together"
    hp auto --max-loss-increase 1 --round down "$TINY"
    fails 2 "--round would change what --max-loss-increase found"
    hp auto --max-loss-increase x "$TINY"
    fails 2 "is not a limit"
    hp auto --ratio 0.3 --compensate "$TINY"
    fails 2 "'auto' takes no option --compensate"
    hp auto --max-loss-increase 1 "$HEADLESS" --tokens ids
    fails 4 "no loss can rise"
    hp auto --max-loss-increase 1 "$STRANGE" --tokens ids
    fails 4 "custom"
    head -1 ids >one
    hp auto --max-loss-increase 1 "$TINY" --tokens one
    fails 2 "one sequence cannot be both"
    hp auto --ratio 0.3 nowhere
    fails 5 "nowhere"
}

@test "a dry run searches and writes nothing" {
    make_ids
    hp auto --max-loss-increase 0.05 "$TINY" --tokens ids -n
    succeeds
    says "$output" "limit: the loss rises by at most 0.05 nats"
    says "$output" "would write gpt2-obs-loss0.05"
    [ ! -e gpt2-obs-loss0.05 ]
}

@test "methods says in which order auto tries" {
    hp methods --json
    succeeds
    [ "$(jq -r '[.methods[] | select(.choice)] | sort_by(.choice) |
        map(.name) | join(" ")' <<<"$output")" = "obs energy magnitude" ]
}

# The figures of the program are those of the page.
@test "methods has the measured results of docs/results.md" {
    hp methods --json
    succeeds
    jq -r '.methods[] | "\(.name) \(.measured.zeroed) \(.measured.refitted)"' \
        <<<"$output" | sed 's/\.0\b//g' | sort >is
    sed -n '/^### At 30 %/,/^### Entropy/p' "$ROOT/docs/results.md" | tr -d '*' |
        sed -nE 's/^\| ([a-z-]+)[^|]*\| ([0-9.]+) [^|]*\|[^|]*\| ([0-9.]+) .*/\1 \2 \3/p' |
        sed 's/\.0\b//g' | sort >page
    [ "$(wc -l <is)" -ge 11 ]
    diff is page
}

@test "report draws the search and refuses a broken one" {
    make_ids
    hp auto --max-loss-increase 5% "$TINY" --tokens ids -o limit -q
    succeeds
    taken=$(jq .pruned limit/headprune.json)
    hp report limit/headprune.json -o page.html --svg figures
    succeeds
    says "$output" "figures/limit-1.svg"
    says "$(cat figures/limit-1.svg)" "<title>$taken heads pruned: "
    says "$(cat page.html)" "the limit: 5 % of the loss"
    [ "$(grep -c 'heads pruned: ' figures/limit-1.svg)" -eq \
        "$(jq '.curve | length' limit/headprune.json)" ]
    bad() {
        jq "$1" limit/headprune.json >bad.json
        hp report bad.json -o bad.html
        fails 3 "$2"
    }
    bad 'del(.curve)' "'curve'"
    bad '.curve[1].pruned = 0' "curve[1]: key 'pruned' is 0: not in order"
    bad '.curve[0].delta = "none"' "curve[0]: key 'delta'"
    bad '.auto.max_loss_increase = 3' "'max_loss_increase'"
    bad '.curve = [range(99) as $i | .curve[0] | .pruned = $i]' "99 points"
    hp auto --ratio 0.5 "$TINY" --tokens ids -o ratio -q
    hp report ratio/headprune.json -o ratio.html
    succeeds
    lacks "$(cat ratio.html)" 'id="limit'
}
