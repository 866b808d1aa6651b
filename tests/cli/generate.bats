#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common
GPT2=$ROOT/models/gpt2-novels
BERT=$ROOT/models/bert-novels

# copy FROM TO: a model whose small files can be changed.
copy() {
    mkdir "$2"
    cp "$1"/*.json "$1"/merges.txt "$2"
    ln -s "$1"/*.safetensors "$2"
}

@test "greedy ids are those of transformers" {
    for model in gpt2 gpt2-bare gpt2-bf16 gpt2-f16 gpt2-f64 gpt2-scaled \
        gpt2-sharded; do
        want=$ROOT/tests/golden/$model/generate.json
        jq -c '.[].prompt' "$want" >prompts
        hp generate "$ROOT/tests/golden/$model" --tokens prompts \
            --max-tokens 12 --ignore-eos
        succeeds
        text=$output
        # as many ids as are expected
        [ "$(jq -cn --slurpfile want "$want" \
            '[inputs] as $got | $want[0] | to_entries[] |
            $got[.key][:.value.tokens | length]' <<<"$text")" = \
            "$(jq -c '.[].tokens' "$want")" ]
        hp generate "$ROOT/tests/golden/$model" --tokens prompts --json \
            --max-tokens 12 --ignore-eos
        [ "$output" = "$text" ]
    done
}

@test "a text goes on behind its prompt" {
    hp generate "$GPT2" --prompt 'It was a dark' --max-tokens 12
    succeeds
    [ -z "$stderr" ]
    text=$output
    case $text in
    'It was a dark'?*) ;;
    *) show "the prompt does not come first" ;;
    esac
    hp generate "$GPT2" --prompt 'It was a dark' --max-tokens 12 --json
    succeeds
    [ "It was a dark$(jq -r .text <<<"$output")" = "$text" ]
    [ "$(jq '.ids | length' <<<"$output")" -eq 12 ]
    [ "$(jq -c keys_unsorted <<<"$output")" = '["text","ids"]' ]
    printf 'It was a dark' >text
    "$HEADPRUNE" tokens "$GPT2" --data text --lines >ids
    ids=$(jq -c .ids <<<"$output")
    hp generate "$GPT2" --tokens ids --max-tokens 12
    [ "$(jq -c . <<<"$output")" = "$ids" ]
    hp generate "$GPT2" --tokens - --max-tokens 12 <ids
    [ "$(jq -c . <<<"$output")" = "$ids" ]
}

@test "masked heads are the heads of a pruned checkpoint" {
    LIST='0:0-6 2:* 4:1,3'
    "$HEADPRUNE" -q apply "$GPT2" --heads "$LIST" -o pruned
    hp generate "$GPT2" --prompt 'The old man' --json --max-tokens 40
    whole=$output
    hp generate pruned --prompt 'The old man' --json --max-tokens 40
    succeeds
    want=$output
    [ "$want" != "$whole" ]
    hp generate "$GPT2" --heads "$LIST" --prompt 'The old man' --json \
        --max-tokens 40
    succeeds
    [ "$output" = "$want" ]
    hp generate "$GPT2" --plan pruned/headprune.json --prompt 'The old man' \
        --json --max-tokens 40
    succeeds
    [ "$output" = "$want" ]
    hp generate "$GPT2" --plan pruned/headprune.json --prompt x --heads 0:1
    fails 2 '--plan and --heads together'
    hp generate "$GPT2" --heads 17:1 --prompt x
    fails 2 "17:1"
    hp generate "$TINY" --plan pruned/headprune.json --tokens <(echo 1)
    fails 2 'this model is'
}

@test "prompts come from options, files, gzip and standard input" {
    printf 'The old man\r\n\nIt was\nAnd so' >lines
    for text in 'The old man' 'It was' 'And so'; do
        "$HEADPRUNE" generate "$GPT2" --prompt "$text" --json --max-tokens 6
    done >want
    hp generate "$GPT2" --data lines --json --max-tokens 6
    succeeds
    [ "$output" = "$(cat want)" ]
    gzip lines
    hp generate "$GPT2" --data lines.gz --json --max-tokens 6
    [ "$output" = "$(cat want)" ]
    hp generate "$GPT2" --data - --json --max-tokens 6 < <(gzip -dc lines.gz)
    [ "$output" = "$(cat want)" ]
    hp generate "$GPT2" --prompt 'The old man' --prompt 'It was' \
        --prompt 'And so' --json --max-tokens 6
    [ "$output" = "$(cat want)" ]
    hp generate "$GPT2" --prompt 'The old man' --prompt 'It was' --max-tokens 2
    [ "$(grep -c '^$' <<<"$output")" -eq 1 ]
    [ "$(grep -cE '^(The old man|It was)' <<<"$output")" -eq 2 ]
}

@test "a seed gives the same text for any threads" {
    draw() { "$HEADPRUNE" generate "$GPT2" --prompt 'The old' --json "$@"; }
    draw --temperature 0.9 --seed 7 --threads 1 >one
    draw --temperature 0.9 --seed 7 --threads 2 >two
    draw --temperature 0.9 --seed 8 >other
    cmp one two
    run ! cmp -s one other
    draw >greedy
    draw --temperature 0 --seed 7 >a
    draw --top-k 1 --seed 7 >b
    draw --temperature 2 --top-p 0.000001 >c
    for f in a b c; do
        cmp greedy $f
    done
    draw --top-p 0.9 >a
    draw --top-p 0.9 --temperature 1 >b
    cmp a b
    run ! cmp -s a greedy
    "$HEADPRUNE" generate "$GPT2" --prompt 'And so' --prompt 'The old' \
        --temperature 0.9 --seed 7 --json | tail -n 1 | cmp - one
}

@test "a text ends at the end token" {
    copy "$GPT2" here
    rm here/generation_config.json
    first() { jq -c '.ids' <<<"$output"; }
    sed -i 's/"eos_token_id": 0/"eos_token_id": 456/' here/config.json
    hp generate here --prompt 'It was a dark' --max-tokens 20 --json
    [ "$(jq -c '.ids[-1]' <<<"$output")" = 456 ]
    [ "$(jq -c '.ids | length' <<<"$output")" -lt 20 ]
    short=$(first)
    echo '{"eos_token_id": [4000, 456]}' >here/generation_config.json
    sed -i 's/"eos_token_id": 456/"eos_token_id": 13/' here/config.json
    hp generate here --prompt 'It was a dark' --max-tokens 20 --json
    [ "$(first)" = "$short" ]
    hp generate here --prompt 'It was a dark' --max-tokens 20 --json \
        --ignore-eos
    [ "$(jq -c '.ids | length' <<<"$output")" -eq 20 ]
    echo '{"eos_token_id": "no"}' >here/generation_config.json
    hp generate here --prompt 'It was a dark'
    fails 3 "generation_config.json: key 'eos_token_id' is neither"
    echo '{"eos_token_id": null}' >here/generation_config.json
    hp generate here --prompt 'It was a dark' --json
    [ "$(jq -c '.ids[-1]' <<<"$output")" = 13 ]
}

@test "a text ends where the model takes no more" {
    hp generate "$TINY" --tokens <(echo 1 2 3) --max-tokens 1000 --ignore-eos
    succeeds
    most=$(jq .n_positions "$TINY/config.json")
    [ "$(jq length <<<"$output")" -eq $((most - 2)) ]
    says "$stderr" "prompt 1 ends early: the model takes no more than $most"
    hp -q generate "$TINY" --tokens <(echo 1 2 3) --max-tokens 1000 \
        --ignore-eos
    [ -z "$stderr" ]
    hp generate "$TINY" --tokens <(seq -s ' ' $((most + 1)))
    fails 3 "more than the model's maximum"
    hp generate "$GPT2" --prompt "$(printf 'the %.0s' {1..300})"
    fails 2 'the model takes at most 256'
}

@test "what cannot generate says so" {
    hp generate "$BERT" --prompt 'The old man'
    fails 4 'is not causal'
    says "$stderr" 'can be scored and pruned'
    hp generate "$GPT2" --json --tokens nowhere
    [ "$status" -eq 5 ]
    [ "$(jq .error.exit <<<"$stderr")" -eq 5 ]
}

@test "requests without a sense are refused" {
    hp generate "$GPT2"
    fails 2 'there is no prompt'
    hp generate "$GPT2" --prompt ''
    fails 2 '--prompt is empty'
    printf '\n\n' >blank
    hp generate "$GPT2" --data blank
    fails 3 'blank: holds no prompt'
    printf 'fine\n\377\n' >bad
    hp generate "$GPT2" --data bad
    fails 3 'bad: line 2: '
    hp generate "$GPT2" --prompt x --data blank
    fails 2 'only one of them'
    hp generate "$GPT2" --prompt x --tokens blank
    fails 2 'only one of them'
    hp generate "$GPT2" --data - --heads -
    fails 2 'only once'
    hp generate "$GPT2" --prompt x --top-p 0
    fails 2 '--top-p 0: must be above 0'
    hp generate "$GPT2" --prompt x --top-p 1.5
    fails 2 '--top-p 1.5 is outside'
    hp generate "$GPT2" --prompt x --temperature warm
    fails 2 "--temperature 'warm' is not a number"
    hp generate "$GPT2" --prompt x --temperature -1
    fails 2 "--temperature '-1' is not a number"
    hp generate "$GPT2" --prompt x --temperature 1e7
    fails 2 'outside of 0 to 1000000'
    hp generate "$GPT2" --prompt x --max-tokens 0
    fails 2 '--max-tokens 0 is outside'
    hp generate "$GPT2" --prompt x --length 3
    fails 2 'takes no option --length'
    hp generate "$TINY" --prompt x
    fails 3 'no tokenizer'
}

@test "a reader that leaves ends it, a full disk is told" {
    yes 'The old man' | head -n 2000 >prompts
    run bash -c '"$1" generate "$2" --data "$3" --max-tokens 20 |
        head -n 1 >line; echo "${PIPESTATUS[0]}"' - "$HEADPRUNE" "$GPT2" prompts
    [ "$output" = 141 ]
    [ -s line ]
    run --separate-stderr bash -c '"$1" generate "$2" --prompt x >/dev/full' \
        - "$HEADPRUNE" "$GPT2"
    fails 5 'standard output: cannot write'
}

@test "a signal ends it" {
    yes 'The old man' | head -n 5000 >prompts
    "$HEADPRUNE" generate "$GPT2" --data prompts >texts &
    for _ in $(seq 600); do
        [ ! -s texts ] || break
        sleep 0.1
    done
    kill -TERM $!
    code=0
    wait $! || code=$?
    [ "$code" -eq 143 ]
}

@test "a terminal sees tokens as they come, and no control codes" {
    run on_terminal "$HEADPRUNE" generate "$GPT2" --prompt $'It\e[5m was' \
        --max-tokens 8 --color never
    [ "$status" -eq 0 ]
    says "$output" 'It?[5m was'
    run on_terminal "$HEADPRUNE" generate "$GPT2" --prompt 'It was' \
        --max-tokens 2 --color always
    says "$output" $'\e[1mIt was\e[0m'
    hp generate "$GPT2" --prompt 'It was' --max-tokens 2
    lacks "$output" $'\e'
}
