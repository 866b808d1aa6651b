#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common
GPT2=$ROOT/models/gpt2-novels

@test "score | plan | apply gives what METHOD gives" {
    for method in entropy magnitude random; do
        hp -q "$method" --ratio 0.3 --keep 1 --sequences 3 "$GPT2" -o one
        succeeds
        "$HEADPRUNE" -q score "$method" --json --sequences 3 "$GPT2" |
            "$HEADPRUNE" plan - --ratio 0.3 --keep 1 --json |
            "$HEADPRUNE" -q apply "$GPT2" --plan - -o two >/dev/null
        cmp one/model.safetensors two/model.safetensors
        for key in schema model method policy total pruned heads list emit \
            changed output forecast; do
            diff <(jq ".$key" one/headprune.json) \
                <(jq ".$key" two/headprune.json)
        done
        rm -r one two
    done
}

@test "apply names its output as METHOD does" {
    hp magnitude --ratio 0.5 --json -n "$TINY"
    echo "$output" >plan.json
    hp -q apply "$TINY" --plan plan.json
    [ "$output" = gpt2-magnitude-0.5 ]
    "$HEADPRUNE" magnitude --count 2 --json -n "$TINY" >plan.json
    hp -q apply "$TINY" --heads @plan.json
    [ "$output" = gpt2-magnitude-2heads ]
}

@test "threads and budget never change a byte" {
    "$HEADPRUNE" -q score entropy --json --threads 1 --sequences 6 "$GPT2" >a
    "$HEADPRUNE" -q score entropy --json --threads 2 --sequences 6 "$GPT2" >b
    "$HEADPRUNE" -q score entropy --json --threads 2 --budget 512K \
        --sequences 6 "$GPT2" >c
    cmp a b
    cmp a c
}

@test "heads come from a list, a file, a stream and a plan" {
    hp -q apply "$TINY" --heads '0:1 1:0,2-3' -o a
    succeeds
    printf '0:1\n1:0\t1:2-3\n' >list
    hp -q apply "$TINY" --heads @list -o b
    succeeds
    "$HEADPRUNE" -q apply "$TINY" --heads - -o c <list
    hp apply "$TINY" --heads @list --json -n
    echo "$output" >plan.json
    hp -q apply "$TINY" --heads @plan.json -o d
    succeeds
    "$HEADPRUNE" -q apply "$TINY" --heads - -o e <plan.json
    for folder in b c d e; do
        cmp a/model.safetensors $folder/model.safetensors
    done
}

@test "jq turns scores into a head list" {
    "$HEADPRUNE" -q score magnitude --json "$TINY" |
        jq -r '.heads[] | select(.rank < 3) | .id' |
        "$HEADPRUNE" -q apply "$TINY" --heads - -o a
    hp -q magnitude --count 3 "$TINY" -o b
    cmp a/model.safetensors b/model.safetensors
}

@test "plan -q prints what --heads takes" {
    "$HEADPRUNE" score magnitude --json "$TINY" >scores.json
    hp -q plan scores.json --ratio 0.5
    succeeds
    hp -q apply "$TINY" --heads "$output" -o a
    hp -q magnitude --ratio 0.5 "$TINY" -o b
    cmp a/model.safetensors b/model.safetensors
}

@test "a malformed head list is exit 2 and names the word" {
    for list in 0 0: :0 a:b 0:1- 0:3-1 0:-1 9:0 0:9 0:1x 0:1,,2 '0:1 junk' \
        0.5:1 0:1-99; do
        hp apply "$TINY" --heads "$list"
        [ "$status" -eq 2 ] || show "exit $status for $list"
        [ "${#stderr_lines[@]}" -eq 1 ]
        [ ! -e gpt2-pruned ]
    done
    hp apply "$TINY" --heads '0:1 12:7'
    fails 2 "12:7"
    echo '0:1 junk' >list
    hp apply "$TINY" --heads @list
    fails 2 "list: "
    says "$stderr" "junk"
    hp apply "$TINY" --heads @missing
    fails 5 "missing"
}

@test "an empty head list prunes nothing" {
    hp -q apply "$TINY" --heads '' -o out
    succeeds
    cmp "$TINY/model.safetensors" out/model.safetensors
}

@test "a plan of another model is refused unless --any-model" {
    "$HEADPRUNE" apply --heads 0:1 --json -n "$TINY" >plan.json
    hp apply "$WORDS" --plan plan.json -o out
    [ "$status" -eq 2 ]
    says "$stderr" "--any-model"
    [ ! -e out ]
    hp -q apply "$WORDS" --plan plan.json \
        --any-model -o out
    succeeds
}

@test "plan and apply refuse what is not their document" {
    echo '{"schema": "headprune.scores/9"}' >later.json
    hp plan later.json --ratio 0.5
    fails 3 "later.json: "
    says "$stderr" "headprune.scores/9"
    echo 'not json' >bad.json
    hp plan bad.json --ratio 0.5
    fails 3 "bad.json: "
    hp apply "$TINY" --plan bad.json
    fails 3 "bad.json: "
    hp plan missing.json --ratio 0.5
    fails 5 "missing.json: "
    "$HEADPRUNE" magnitude --count 1 --json -n "$TINY" >plan.json
    hp plan plan.json --ratio 0.5
    fails 3 "headprune.plan/1"
}

@test "tables of scores and plans have a header and one head a line" {
    hp score magnitude --format tsv "$TINY"
    [ "${lines[0]}" = $'id\tblock\tlayer\thead\tscore\trank' ]
    [ "${#lines[@]}" -eq 9 ]
    [ "$(tail -n +2 <<<"$output" | cut -f 6 | sort -n | tr '\n' ' ')" = \
        "0 1 2 3 4 5 6 7 " ]
    "$HEADPRUNE" score magnitude --json "$TINY" >scores.json
    hp plan scores.json --count 3 --format tsv
    [ "${lines[0]}" = $'id\tblock\tlayer\thead\tscore\trank' ]
    [ "$(tail -n +2 <<<"$output" | cut -f 6 | tr '\n' ' ')" = "0 1 2 " ]
    hp score magnitude --format md "$TINY"
    [ "${lines[1]}" = "| --- | --- | --- | --- | --- | --- |" ]
    hp score magnitude --format ndjson "$TINY"
    [ "$(jq -rs '[.[].type] | unique | join(" ")' <<<"$output")" = \
        "head summary" ]
    [ "$(tail -n 1 <<<"$output" | jq -r .type)" = summary ]
}

@test "all forms show the same scores" {
    "$HEADPRUNE" score magnitude --json "$TINY" |
        jq -r '.heads[] | [.id, .score, .rank] | @tsv' >a
    "$HEADPRUNE" score magnitude --format tsv "$TINY" | tail -n +2 |
        cut -f 1,5,6 >b
    "$HEADPRUNE" score magnitude --format ndjson "$TINY" |
        jq -r 'select(.type == "head") | [.id, .score, .rank] | @tsv' >c
    diff a b
    diff a c
    "$HEADPRUNE" score magnitude "$TINY" | tail -n +2 | awk '{ print $2 }' >d
    diff <(sort -t "$(printf '\t')" -k 3n a | cut -f 1) d
}

@test "the same command writes the same bytes" {
    hp -q entropy --ratio 0.5 --data "$TEXT" "$WORDS" -o out
    mv out first
    hp -q entropy --ratio 0.5 --data "$TEXT" "$WORDS" -o out
    diff -r first out
}
