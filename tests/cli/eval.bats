#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common
GPT2=$ROOT/models/gpt2-novels
REACTIONS=$ROOT/models/text/reactions-evaluation.ids

@test "perplexity is told with its error, in a line" {
    hp eval "$GPT2" --data "$ROOT/models/text/the-time-machine.txt" \
        --length 64 --sequences 8
    succeeds
    [ "${#lines[@]}" -eq 1 ]
    [[ "$output" =~ ^perplexity\ [0-9]+\.[0-9]+\ \+-\ [0-9.]+\ \(loss\ 4\.[0-9]{4}\),\ 504\ tokens\ in\ 8\ windows\ of\ 64$ ]]
    [ -z "$stderr" ]
    hp -q eval "$GPT2" --data "$ROOT/models/text/the-time-machine.txt" \
        --length 64 --sequences 8
    [[ "$output" =~ ^[0-9.]+$ ]]
}

@test "all windows are used unless --sequences says how many" {
    hp -q eval --json "$GPT2" --length 64 --data "$ROOT/models/text/reactions.txt"
    [ "$(jq .windows <<<"$output")" -gt 32 ]
    hp -q eval --json "$GPT2" --length 64 --sequences 3
    [ "$(jq .windows <<<"$output")" = 3 ]
    [ "$(jq .tokens <<<"$output")" = 189 ]
}

@test "masked-LM loss is what transformers computes, special ids from vocab.txt" {
    "$HEADPRUNE" eval --json "$ROOT/models/reaction-bert" \
        --tokens "$REACTIONS" >e.json
    [ "$(jq '(.value - 1.111631 | fabs) < 1e-5' e.json)" = true ]
    [ "$(jq '[.metric, .tokens, .windows, (.top1 * .tokens | round)]' -c e.json)" = \
        '["masked_lm_loss",343,51,312]' ]
    hp eval "$ROOT/models/reaction-bert" --tokens "$REACTIONS"
    says "$output" 'masked-LM loss 1.1116 +- 0.22 (91.0 % right), 343 tokens in 51 windows of up to 67'
}

@test "a standard error of a hundred or more has no exponent" {
    hp eval "$GPT2" --tokens "$REACTIONS"
    succeeds
    [[ $output =~ ^perplexity\ [0-9.]+\ \+-\ [1-9][0-9][0-9]\ \(loss ]] || show "exponent"
}

@test "an evaluation with heads silent is that of the pruned checkpoint" {
    heads='0:1,4 3:2-3'
    "$HEADPRUNE" -q apply --heads "$heads" "$GPT2" -o pruned
    common=(-q eval --json --length 64 --sequences 6)
    "$HEADPRUNE" "${common[@]}" "$GPT2" --heads "$heads" >a.json
    "$HEADPRUNE" "${common[@]}" pruned --against "$GPT2" >b.json
    keys='{metric, value, stderr, loss, tokens, windows, delta, kl, same_top1, top1, v: .base.value, l: .base.loss}'
    [ "$(jq -c "$keys" a.json)" = "$(jq -c "$keys" b.json)" ]
    [ "$(jq .pruned a.json)" = 4 ]
    [ "$(jq -r .heads a.json)" = '0:1,4 3:2,3' ] || [ "$(jq -r .heads a.json)" = '0:1,4 3:2-3' ]
    [ "$(jq '.delta.loss != 0 and .kl > 0 and .same_top1 < 1' a.json)" = true ]
    [ "$(jq '(.loss - .base.loss - .delta.loss | fabs) < 1e-7' a.json)" = true ]
    # the plan of the report says the same
    "$HEADPRUNE" "${common[@]}" "$GPT2" --plan pruned/headprune.json >c.json
    cmp a.json c.json
    "$HEADPRUNE" "${common[@]}" "$GPT2" >whole.json
    [ "$(jq .value whole.json)" = "$(jq .base.value a.json)" ]
    [ "$(jq 'has("base")' whole.json)" = false ]
}

@test "a model does not differ from itself" {
    hp -q eval --json --length 64 --sequences 3 "$GPT2" --against "$GPT2"
    succeeds
    [ "$(jq -c '[.kl, .same_top1, .delta.loss, .delta.stderr]' <<<"$output")" = '[0,1,0,0]' ]
}

@test "threads and budget change no byte" {
    for model in "$GPT2" "$ROOT/models/bert-novels"; do
        common=(-q eval --json --length 100 --sequences 30 --heads 1:0 "$model")
        "$HEADPRUNE" "${common[@]}" --threads 1 >a.json
        "$HEADPRUNE" "${common[@]}" --threads 2 --budget 1MiB >b.json
        "$HEADPRUNE" "${common[@]}" --threads 3 --budget 1GiB >c.json
        cmp a.json b.json
        cmp a.json c.json
    done
}

@test "a stride counts every token once" {
    text=$ROOT/models/text/reactions.txt
    hp -q eval --json "$GPT2" --data "$text" --length 64 --stride 16
    succeeds
    [ "$(jq .stride <<<"$output")" = 16 ]
    slid=$output
    all=$("$HEADPRUNE" tokens -q "$GPT2" --data "$text" --lines --no-special |
        jq -s 'map(length) | add')
    # the text's line ends are tokens too
    [ "$(jq .tokens <<<"$slid")" -ge $((all - 1)) ]
    hp -q eval --json "$GPT2" --data "$text" --length 64
    [ "$(jq .value <<<"$slid")" != "$(jq .value <<<"$output")" ]
    hp tokens -q "$GPT2" --length 8 --stride 4 --sequences 2
    [ "$(jq -c '.[4:]' <<<"${lines[0]}")" = "$(jq -c '.[:4]' <<<"${lines[1]}")" ]
}

@test "a model without an output is held against another" {
    model=$ROOT/tests/golden/bert-minilm
    echo '[5, 6, 7, 8, 9]' >ids
    hp eval "$model" --tokens ids
    fails 2 'no output over the vocabulary'
    says "$stderr" '--against BASE'
    hp eval --json "$model" --tokens ids --heads 0:1
    succeeds
    [ "$(jq -c '[.metric, .loss, .stderr, .delta.loss]' <<<"$output")" = \
        '["hidden_cosine",null,null,null]' ]
    [ "$(jq '.value < 1 and .base.value == 1' <<<"$output")" = true ]
    hp eval "$model" --tokens ids --against "$model"
    says "$output" 'hidden cosine 1.000000 against'
}

@test "a mask token that nobody knows is asked for" {
    model=$ROOT/tests/golden/bert-mlm
    echo '[5, 6, 7, 8, 9, 10, 11]' >ids
    hp eval "$model" --tokens ids
    fails 2 'a mask token'
    says "$stderr" '--mask-id N'
    hp eval --json "$model" --tokens ids --mask-id 4
    succeeds
    [ "$(jq .tokens <<<"$output")" = 2 ]
    hp eval "$model" --tokens ids --mask-id 100000
    fails 2 'mask token 100000'
}

@test "config.json tells special tokens where there is no tokenizer" {
    cp -r "$ROOT/tests/golden/bert-mlm" model
    echo '[5, 6, 7, 8, 9, 10, 11]' >ids
    "$HEADPRUNE" eval --json model --tokens ids --mask-id 4 >a.json
    config() {
        jq "$1" "$ROOT/tests/golden/bert-mlm/config.json" >model/config.json
    }
    config '.mask_token_id = 4'
    "$HEADPRUNE" eval --json model --tokens ids >b.json
    [ "$(jq .value a.json)" = "$(jq .value b.json)" ]
    config '.mask_token_id = 4 | .eos_token_id = [5, 1]'
    "$HEADPRUNE" eval --json model --tokens ids >b.json
    [ "$(jq .tokens b.json)" = 1 ] # the first of two is special now
    config '.mask_token_id = "[MASK]"'
    hp eval model --tokens ids
    fails 2 'a mask token'
}

@test "text comes from standard input and from gzip" {
    head -c 3000 "$ROOT/models/text/the-time-machine.txt" >text
    gzip -k text
    "$HEADPRUNE" -q eval --json "$GPT2" --data text --length 32 >a.json
    "$HEADPRUNE" -q eval --json "$GPT2" --data text.gz --length 32 >b.json
    "$HEADPRUNE" -q eval --json "$GPT2" --data - --length 32 <text >c.json
    [ "$(jq 'del(.data.source)' a.json)" = "$(jq 'del(.data.source)' b.json)" ]
    [ "$(jq 'del(.data.source)' a.json)" = "$(jq 'del(.data.source)' c.json)" ]
    [ "$(jq -r .data.sha256 a.json)" = "$(sha256sum text | cut -d' ' -f1)" ]
}

@test "rows of tsv, md and ndjson hold what the document holds" {
    common=(-q eval --length 32 --sequences 3 --heads 0:0 "$GPT2")
    "$HEADPRUNE" "${common[@]}" --json >e.json
    hp "${common[@]}" --format tsv
    [ "${#lines[@]}" -eq 2 ]
    [ "$(cut -f2 <<<"${lines[1]}")" = "$(jq .value e.json)" ]
    [ "$(cut -f14 <<<"${lines[1]}")" = "$(jq .kl e.json)" ]
    hp "${common[@]}" --format md
    [ "${#lines[@]}" -eq 3 ]
    hp "${common[@]}" --format ndjson
    [ "${#lines[@]}" -eq 1 ]
    [ "$(jq -c '[.type, .value, .delta_loss]' <<<"$output")" = \
        "$(jq -c '["summary", .value, .delta.loss]' e.json)" ]
}

@test "what cannot be evaluated is refused" {
    hp eval "$GPT2" --heads 0:1 --plan p
    fails 2 '--plan and --heads together'
    hp eval "$GPT2" --against -
    fails 2 '--against takes a path'
    hp eval "$GPT2" --length 32 --stride 33
    fails 2 'a stride of 33 tokens is longer than windows of 32'
    hp -q eval "$ROOT/models/bert-novels" --length 32 --stride 16
    fails 2 'a stride is for models that predict the next token'
    hp eval "$GPT2" --against "$TINY" --sequences 1 -q
    fails 2 'vocabulary'
    hp eval -q "$GPT2" --against "$ROOT/models/bert-novels" --sequences 1
    fails 2 'the base is measured by its masked_lm_loss'
    hp eval "$GPT2" --against missing
    fails 5 'missing'
    echo 5 >ids
    hp eval "$TINY" --tokens ids
    fails 2 'no token to predict'
    hp eval "$TINY" --tokens ids --stride 2
    fails 2 'a stride is of text'
}
