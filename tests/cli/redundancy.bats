#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

make_ids() {
    for i in 1 2 3 4 5 6; do
        seq "$i" 20 | awk -v i="$i" '{ print $1 * i % 31 }' | paste -sd ' '
    done >ids
}

@test "redundancy is told in every form" {
    make_ids
    hp redundancy "$TINY" --tokens ids
    succeeds
    says "${lines[0]}" "head          energy       cost   predicted"
    says "$output" "0:0 "
    says "$output" "1:3 "
    hp redundancy "$TINY" --tokens ids --json
    succeeds
    echo "$output" >r.json
    python3 "$BATS_TEST_DIRNAME/validate.py" \
        "$ROOT/docs/schema/redundancy-1.schema.json" r.json
    jq -e '[.blocks[] | (.heads | length), (.supplied[] | length)] ==
        [4, 4, 4, 4, 4, 4, 4, 4, 4, 4]' r.json
    jq -e '[.blocks[].heads[] | .cost <= .energy] | all' r.json
    hp redundancy "$TINY" --tokens ids --format tsv
    [ "${#lines[@]}" -eq 9 ]
    hp redundancy "$TINY" --tokens ids --format ndjson
    [ "$(jq -rs 'length' <<<"$output")" = 8 ]
}

@test "redundancy from statistics is that from their text" {
    make_ids
    hp stats "$TINY" --tokens ids -o s.safetensors -q
    hp redundancy "$TINY" --stats s.safetensors --json
    succeeds
    echo "$output" >a.json
    hp redundancy "$TINY" --tokens ids --json --threads 1
    succeeds
    echo "$output" >b.json
    cmp a.json b.json
}

@test "redundancy refuses what cannot be" {
    make_ids
    hp redundancy "$TINY" --tokens ids --damp 0
    fails 2 "not above 0"
    hp redundancy "$TINY" --tokens ids --compensate
    [ "$status" -eq 2 ]
}

@test "report draws a square a block" {
    make_ids
    hp redundancy "$TINY" --tokens ids --json
    echo "$output" >r.json
    hp report r.json -o page.html --svg figures
    succeeds
    says "$output" "1 figure of 1 document"
    says "$(cat page.html)" "Which head stands in for which"
    [ "$(grep -c 'class="sheet" width="4" height="4"' figures/*.svg)" = 2 ]
    [ "$(grep -o '[0-9.]* % only by' figures/*.svg | wc -l)" = \
        "$(jq '[.blocks[].supplied[][] | select(. >= 0.01)] | length' r.json)" ]
    jq '.blocks[1].supplied[2] = [0, 1]' r.json >short.json
    hp report short.json -o no.html
    fails 3 "blocks[1]: supplied[2]: not an array of 4 numbers"
    jq '.blocks[0].heads[1].cost = "x"' r.json >text.json
    hp report text.json -o no.html
    fails 3 "blocks[0]: heads[1]: key 'cost'"
}
