#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

# The bytes in which two files differ, counted.
differing() {
    cmp -l "$1" "$2" | wc -l
}

@test "the output folder has the model, its small files and the report" {
    hp entropy --ratio 0.5 --data "$TEXT" "$WORDS"
    succeeds
    for file in config.json tokenizer.json vocab.json merges.txt; do
        cmp "$WORDS/$file" "ok_gpt2-entropy-0.5/$file"
    done
    [ "$(stat -c %s "$WORDS/model.safetensors")" = \
        "$(stat -c %s ok_gpt2-entropy-0.5/model.safetensors)" ]
    [ "$(jq .pruned ok_gpt2-entropy-0.5/headprune.json)" -gt 0 ]
    [ "$(jq -r .output[0].sha256 ok_gpt2-entropy-0.5/headprune.json)" = \
        "$(sha256sum <ok_gpt2-entropy-0.5/model.safetensors | cut -d ' ' -f 1)" ]
}

@test "the summary says what was done and what to do next" {
    hp entropy --ratio 0.5 --data "$TEXT" "$WORDS"
    succeeds
    says "$output" "gpt2"
    says "$output" "calibration: $TEXT"
    says "$output" "by entropy (nat), highest first -> ok_gpt2-entropy-0.5/"
    says "$output" "size and speed stay the same"
    says "$output" "report: ok_gpt2-entropy-0.5/headprune.json"
    says "$output" "next: "
    says "$output" '.from_pretrained("ok_gpt2-entropy-0.5")'
    says "$output" "layer"
}

@test "default names follow folder, file, method, ratio and count" {
    cp -r "$TINY" net
    hp -q magnitude --ratio 0.30 net
    [ "$output" = net-magnitude-0.3 ]
    hp -q magnitude --ratio 0.5 net/
    [ "$output" = net-magnitude-0.5 ]
    hp -q random --ratio 5e-1 net/model.safetensors
    [ "$output" = net-random-0.5 ]
    hp -q magnitude --count 3 net
    [ "$output" = net-magnitude-3heads ]
    hp -q apply --heads 0:0 net
    [ "$output" = net-pruned ]
    cp net/model.safetensors other.safetensors
    hp -q magnitude --ratio 1 other.safetensors --config net/config.json
    [ "$output" = other-magnitude-1 ]
    cd net
    hp -q magnitude --ratio 0.5 model.safetensors
    [ "$output" = model-magnitude-0.5 ]
    hp -q magnitude --ratio 0.5 .
    [ "$output" = net-magnitude-0.5 ]
}

@test "ratio 0 writes an identical file" {
    hp -q entropy --ratio 0 --data "$TEXT" "$WORDS" -o out
    succeeds
    cmp "$WORDS/model.safetensors" out/model.safetensors
}

@test "an existing output is refused, -f replaces it" {
    hp -q magnitude --ratio 0.5 "$TINY" -o out
    succeeds
    cp out/model.safetensors before
    hp magnitude --ratio 1 "$TINY" -o out
    fails 5 "out"
    cmp before out/model.safetensors
    hp -q magnitude --ratio 1 "$TINY" -o out -f
    succeeds
    [ "$(differing before out/model.safetensors)" -gt 0 ]
    echo text >file
    hp magnitude --ratio 0.5 "$TINY" -o file
    [ "$status" -eq 5 ]
    [ "$(cat file)" = text ]
}

@test "the input is never overwritten, not even with -f" {
    cp -r "$TINY" net && chmod -R u+w net
    hp magnitude --ratio 0.5 net -o net -f
    [ "$status" -eq 5 ]
    ln -s net link
    hp magnitude --ratio 0.5 net -o link -f
    [ "$status" -eq 5 ]
    hp magnitude --ratio 0.5 net -o net/model.safetensors -f
    [ "$status" -eq 5 ]
    diff -r net "$TINY"
}

@test "a folder that cannot be written is said before any work" {
    hp entropy --ratio 0.5 --data missing "$WORDS" -o nowhere/out
    fails 5 "nowhere"
}

@test "-o X.safetensors writes one file and its report beside it" {
    hp -q magnitude --ratio 0.5 "$TINY" -o one.safetensors
    succeeds
    [ "$output" = one.safetensors ]
    hp -q magnitude --ratio 0.5 "$TINY" -o out
    cmp out/model.safetensors one.safetensors
    [ "$(jq .pruned one.headprune.json)" = "$(jq .pruned out/headprune.json)" ]
    [ "$(ls)" = $'one.headprune.json\none.safetensors\nout' ]
}

@test "-o - streams the same bytes and everything else goes to stderr" {
    hp -q magnitude --ratio 0.5 "$TINY" -o out
    "$HEADPRUNE" magnitude --ratio 0.5 "$TINY" -o - 2>said | cmp - \
        out/model.safetensors
    says "$(cat said)" "standard output"
    "$HEADPRUNE" -q magnitude --ratio 0.5 "$TINY" -o - 2>said >stream
    cmp stream out/model.safetensors
    [ ! -s said ]
    "$HEADPRUNE" -q magnitude --ratio 0.5 "$TINY" -o - --report r.json >stream
    cmp stream out/model.safetensors
    [ "$(jq .pruned r.json)" = "$(jq .pruned out/headprune.json)" ]
}

@test "a model on standard input gives the same bytes" {
    hp -q magnitude --ratio 0.5 "$TINY" -o out
    "$HEADPRUNE" -q magnitude --ratio 0.5 --config "$TINY/config.json" - -o - \
        <"$TINY/model.safetensors" | cmp - out/model.safetensors
    # shellcheck disable=SC2002 # a pipe, not a file
    cat "$WORDS/model.safetensors" |
        "$HEADPRUNE" -q entropy --ratio 0.5 --config "$WORDS/config.json" \
            --tokenizer "$WORDS" --data "$TEXT" - >name
    [ "$(cat name)" = model-entropy-0.5 ]
    hp -q entropy --ratio 0.5 --data "$TEXT" "$WORDS" -o entropy
    cmp model-entropy-0.5/model.safetensors entropy/model.safetensors
    run --separate-stderr bash -c '"$0" score entropy --config "$1" - <"$2"' \
        "$HEADPRUNE" "$WORDS/config.json" "$WORDS/model.safetensors"
    fails 3 "--tokenizer PATH"
}

@test "shards and the index are written as they were" {
    hp -q magnitude --ratio 0.5 "$ROOT/tests/hostile/index_valid_2" -o out
    succeeds
    cmp "$ROOT/tests/hostile/index_valid_2/model.safetensors.index.json" \
        out/model.safetensors.index.json
    [ -s out/model-00001-of-00002.safetensors ]
    [ -s out/model-00002-of-00002.safetensors ]
    [ ! -e out/model.safetensors ]
}

@test "--report puts the report elsewhere" {
    hp -q magnitude --ratio 0.5 "$TINY" -o out --report r.json
    succeeds
    [ ! -e out/headprune.json ]
    [ "$(jq -r .schema r.json)" = headprune.report/1 ]
    hp magnitude --ratio 0.5 "$TINY" -o more --report r.json
    fails 5 "r.json: "
    [ ! -e more ]
    hp magnitude --ratio 0.5 "$TINY" -o more --report nowhere/r.json
    fails 5 "nowhere/r.json: "
    [ ! -e more ]
    hp magnitude --ratio 0.5 "$TINY" -o more --report more
    fails 2 "--report and -o are both 'more'"
    hp -q magnitude --ratio 0.5 "$TINY" -o more/ --report more/r.json
    succeeds
    [ ! -e more/headprune.json ]
    hp -q magnitude --ratio 1 "$TINY" -o more --report more/r.json -f
    succeeds
    [ "$(jq .pruned more/r.json)" = 8 ]
}

@test "--json prints the report that was written" {
    hp magnitude --ratio 0.5 --json "$TINY" -o out
    succeeds
    diff <(echo "$output") out/headprune.json
}

@test "--dry-run says what would be done and writes nothing" {
    hp magnitude --ratio 0.5 --dry-run "$TINY" -o out
    succeeds
    says "$output" "4 of 8 heads"
    says "$output" "would write out: model.safetensors"
    says "$output" "would zero "
    [ -z "$(ls -A)" ]
    hp apply --heads '0:1 1:0-2' -n "$TINY" --report r.json
    succeeds
    says "$output" "4 of 8 heads"
    [ -z "$(ls -A)" ]
    hp magnitude --ratio 0.5 -n --json "$TINY"
    [ "$(jq -r .schema <<<"$output")" = headprune.plan/1 ]
    hp -q magnitude --ratio 0.5 "$TINY" -o out
    hp magnitude --ratio 0.5 -n "$TINY" -o out
    fails 5 "out"
}

@test "a dry run counts the bytes that a run zeroes" {
    hp magnitude --ratio 0.5 "$TINY" -n
    would=$(sed -n 's/^would zero \(.*\) of .*/\1/p' <<<"$output")
    hp magnitude --ratio 0.5 "$TINY"
    did=$(sed -n 's/^zeroed: \(.*\) of the .*/\1/p' <<<"$output")
    [ -n "$would" ]
    [ "$would" = "$did" ]
}

@test "--keep, --protect, --scope and --count decide which heads go" {
    hp -q random --ratio 1 --keep 1 --json -n "$TINY"
    [ "$status" -eq 2 ]
    says "$stderr" "6"
    hp random --count 6 --keep 1 --json -n "$TINY"
    succeeds
    [ "$(jq -c '[.list[].layer] | sort' <<<"$output")" = "[0,0,0,1,1,1]" ]
    hp random --count 4 --protect '0:*' --json -n "$TINY"
    succeeds
    [ "$(jq -r .heads <<<"$output")" = 1:0,1,2,3 ]
    hp random --ratio 0.5 --scope layer --json -n "$TINY"
    [ "$(jq -c '[.list[].layer] | sort' <<<"$output")" = "[0,0,1,1]" ]
    hp random --count 1 --protect '5:0' "$TINY"
    fails 2 "5:0"
}

# Heads as BLOCK.GROUP, of which the pruned ones are counted.
pruned_groups() {
    jq -c '[.scores[] | select(.pruned) | "\(.block).\(.group)"]
        | group_by(.) | map("\(.[0]):\(length)")' "$1"
}

@test "--group takes whole groups, or as many heads from each" {
    grouped=$ROOT/tests/golden/llama-gqa # 2 layers x 8 heads, 2 groups of 4
    hp -q magnitude --ratio 0.6 --group kv "$grouped" -o kv
    succeeds
    [ "$(pruned_groups kv/headprune.json)" = '["0.0:4","1.1:4"]' ]
    [ "$(jq -r .policy.group kv/headprune.json)" = kv ]
    [ "$(jq -r '.changed[].tensor' kv/headprune.json | sed 's/.*attn.//' |
        sort -u)" = o_proj.weight ]
    hp -q magnitude --count 8 --group even "$grouped" -o even
    succeeds
    [ "$(jq -c '[.scores | group_by(.block)[] | group_by(.group) |
        map(map(select(.pruned)) | length)]' even/headprune.json)" = "[[1,1],[3,3]]" ]
    hp magnitude --count 3 --group kv "$grouped"
    fails 2 "3 heads are to be pruned, but they go with all that share their keys and values: 0 or 4 can"
    hp magnitude --ratio 0.5 --group pair "$grouped"
    fails 2 "--group 'pair' is none of none|kv|even"
}

@test "plan groups heads as the scores say, and without groups as always" {
    "$HEADPRUNE" score magnitude --json "$ROOT/tests/golden/llama-gqa" >s.json
    hp plan s.json --ratio 0.5 --group kv
    succeeds
    says "$output" "scope global, keep 0, group kv"
    says "$output" "heads: 0:0,1,2,3 1:4,5,6,7"
    jq 'del(.heads[].group)' s.json >own.json
    hp -q plan own.json --ratio 0.5 --group kv
    a=$output
    hp -q plan s.json --ratio 0.5
    [ "$output" = "$a" ]
    hp -q plan s.json --ratio 0.5 --group kv --json
    plan=$output
    "$HEADPRUNE" -q apply "$ROOT/tests/golden/llama-gqa" --plan - -o out <<<"$plan"
    [ "$(jq -r .policy.group out/headprune.json)" = kv ]
    hp -q sweep --methods magnitude --ratios 0.5 --group even --json \
        --tokens "$ROOT/tests/cli/llama.ids" "$ROOT/tests/golden/llama-gqa"
    succeeds
    [ "$(jq -r .policy.group <<<"$output")" = even ]
}

@test "random follows its seed" {
    hp score random --format tsv "$ROOT/models/gpt2-novels"
    a=$output
    hp score random --format tsv --seed 0 "$ROOT/models/gpt2-novels"
    [ "$output" = "$a" ]
    hp score random --format tsv --seed 1 "$ROOT/models/gpt2-novels"
    [ "$output" != "$a" ]
}

@test "BERT works like GPT-2" {
    hp -q entropy --ratio 0.3 --tokens "$ROOT/tests/cli/reactions.ids" \
        "$ROOT/models/reaction-bert"
    succeeds
    [ "$output" = reaction-bert-entropy-0.3 ]
    [ "$(jq .pruned reaction-bert-entropy-0.3/headprune.json)" = 14 ]
    hp -q entropy --ratio 0.3 --sequences 2 --length 64 \
        "$ROOT/models/bert-novels"
    succeeds
    [ -s bert-novels-entropy-0.3/model.safetensors ]
}

@test "a data file that a method does not need is said to be unread" {
    hp score magnitude --data missing "$TINY"
    succeeds
    says "$stderr" "magnitude needs no data"
}
