#!/usr/bin/env bats
# shellcheck disable=SC2154
# Scores that know the loss, from the command line.

load common

MASKED=$ROOT/tests/golden/bert-mlm
HEADLESS=$ROOT/tests/golden/bert-minilm

ids() {
    printf '%s\n' '[1, 2, 3, 4, 5, 6, 7, 8]' '[9, 8, 7, 6, 5, 4, 3, 2]' \
        '[3, 1, 4, 1, 5, 9, 2, 6]' >x.ids
}

@test "gradient, fisher and taylor score, and prune" {
    ids
    for method in gradient fisher taylor loss-energy obs; do
        hp score $method --tokens x.ids --json "$TINY"
        succeeds
        [ "$(jq -r '.method.name, (.heads | length)' <<<"$output" |
            paste -sd ' ')" = "$method 8" ]
        [ "$(jq '[.heads[].score] | min > 0' <<<"$output")" = true ]
    done
    hp -q gradient --ratio 0.25 --tokens x.ids "$TINY" -o pruned
    succeeds
    [ -f pruned/model.safetensors ]
}

@test "threads and budget change no byte of a score" {
    ids
    for method in gradient obs ablation; do
        hp score $method --tokens x.ids --json "$TINY"
        first=$output
        for options in "--threads 1" "--threads 3" "--budget 1KiB"; do
            # shellcheck disable=SC2086 # two words
            hp score $method $options --tokens x.ids --json "$TINY"
            [ "$output" = "$first" ] || show "$method $options"
        done
    done
}

@test "a model without a loss is refused, and told what works" {
    ids
    hp score gradient --tokens x.ids "$HEADLESS"
    fails 4 "method 'gradient' needs a loss"
    says "$stderr" "entropy, magnitude"
    hp sweep --methods fisher,random --tokens x.ids -qq "$HEADLESS"
    fails 4 "method 'fisher' needs a loss"
}

@test "a masked model takes its mask from --mask-id" {
    seq -s ' ' 1 22 >x.ids
    hp score gradient --tokens x.ids --mask-id 4 --json "$MASKED"
    succeeds
    first=$(jq -c '[.heads[].score]' <<<"$output")
    hp score gradient --tokens x.ids --mask-id 5 --json "$MASKED"
    succeeds
    [ "$(jq -c '[.heads[].score]' <<<"$output")" != "$first" ]
}

@test "--normalize layer makes every block's scores a vector of length 1" {
    ids
    hp score gradient --normalize layer --tokens x.ids --json "$TINY"
    succeeds
    [ "$(jq -r .method.unit <<<"$output")" = "of layer" ]
    [ "$(jq '[.heads[] | {l: .layer, s: (.score * .score)}] | group_by(.l)
        | map(map(.s) | add | . > 0.9999 and . < 1.0001) | all' \
        <<<"$output")" = true ]
    "$HEADPRUNE" score gradient --normalize layer --tokens x.ids --json \
        "$TINY" >s.json
    hp check --baseline s.json --tokens x.ids --max-score-change 0.1% "$TINY"
    succeeds
}

@test "the sweep takes methods that know the loss" {
    ids
    hp sweep --methods gradient,random --ratios 0.25 --seeds 2 \
        --tokens x.ids --json "$TINY"
    succeeds
    [ "$(jq -r '[.points[].method] | unique | join(" ")' <<<"$output")" = \
        "gradient random" ]
}

@test "hybrid mixes ranks as --mix says" {
    ids
    hp score hybrid --mix gradient:2,magnitude --tokens x.ids --json "$TINY"
    succeeds
    [ "$(jq -r '[.heads[].score * 3 | . - round | fabs] | max < 0.001' \
        <<<"$output")" = true ]
    hp score hybrid --mix gradient:2,magnitud --tokens x.ids "$TINY"
    fails 2 "the mix names 'magnitud'"
    hp score hybrid --mix gradient:nan --tokens x.ids "$TINY"
    fails 2 "'nan'"
}

@test "--iterate scores again as heads go" {
    ids
    hp score gradient --iterate 0.25 --tokens x.ids --json "$TINY"
    succeeds
    [ "$(jq -c '[.heads[].score] | sort' <<<"$output")" = \
        "[0,1,2,3,4,5,6,7]" ]
    hp -q gradient --iterate 0.125 --count 3 --tokens x.ids "$TINY" -o pruned
    succeeds
    hp magnitude --iterate 0.25 --count 3 "$TINY" -o other
    fails 2 "looks at no data"
    hp score gradient --iterate 0 --tokens x.ids "$TINY"
    fails 2 "--iterate"
}

@test "a sweep with --iterate steps to its largest ratio only" {
    ids
    grid=(--methods "gradient,magnitude" --tokens x.ids)
    "$HEADPRUNE" -q sweep "${grid[@]}" --ratios 0.125,0.25 --json "$TINY" >once
    "$HEADPRUNE" -q sweep "${grid[@]}" --ratios 0.125,0.25 --iterate 0.25 \
        --json "$TINY" >one_step
    "$HEADPRUNE" -q sweep "${grid[@]}" --ratios 0.125,0.25,1 --iterate 0.25 \
        --json "$TINY" >whole
    agreement() {
        jq .agreement[0].spearman "$1"
    }
    [ "$(agreement one_step)" = "$(agreement once)" ]
    [ "$(agreement whole)" != "$(agreement once)" ]
    points() {
        jq -c '.points[] | select(.ratio <= 0.25) | [.method, .heads]' "$1"
    }
    [ "$(points one_step)" = "$(points whole)" ]
}

@test "with heads that go together --iterate steps to the last head" {
    ids
    model=$ROOT/tests/golden/llama-gqa
    for args in "--scope layer" "--group even" "--group kv" "--keep 1"; do
        # shellcheck disable=SC2206
        args=($args --iterate 0.25 --tokens x.ids --json "$model")
        for method in energy entropy; do
            hp -q sweep --methods $method --ratios 0.5,0.75 "${args[@]}"
            succeeds
            swept=$(jq -r .points[0].heads <<<"$output")
            hp -q $method --ratio 0.5 -n "${args[@]}"
            [ "$(jq -r .heads <<<"$output")" = "$swept" ]
        done
    done
}

@test "--iterate with --compensate refits between the steps" {
    ids
    hp -q gradient --iterate 0.125 --count 3 --compensate --tokens x.ids \
        "$TINY" -o pruned
    succeeds
    hp -q gradient --iterate 0.125 --count 3 --tokens x.ids "$TINY" -o plain
    succeeds
    order() {
        jq -r .heads <"$1/headprune.json"
    }
    [ "$(order pruned)" != "$(order plain)" ]
    "$HEADPRUNE" score gradient --iterate 0.125 --tokens x.ids --json \
        "$TINY" >plain.json
    hp -q gradient --iterate 0.125 --count 7 --compensate --damp 1000 \
        --tokens x.ids "$TINY" -o damped
    succeeds
    [ "$(jq -r '[.heads[] | select(.rank < 7).id] | sort[]' plain.json)" = \
        "$(jq -r '[.list[].id] | sort[]' damped/headprune.json)" ]
}

@test "gradients are those of the zeroed model where groups became uneven" {
    printf '[3, 1, 4, 1, 5, 9, 2, 6, 5, 3]\n' >x.ids
    model=$ROOT/models/llama-novels
    for form in remove zero; do
        hp -q apply "$model" --heads '0:1 2:0,3 4:5' --emit $form -o $form
        succeeds
        hp score gradient --tokens x.ids --json $form
        succeeds
        jq -r '.heads[] | "\(.id) \(.score)"' <<<"$output" | sort >$form.tsv
    done
    join remove.tsv zero.tsv | awk '{ d = $2 - $3; n++
        if (d > 1e-4 * $3 || d < -1e-4 * $3) { print; bad = 1 } }
        END { exit bad || n != 44 }'
}
