#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
# Models that read a sequence with an encoder and another with a decoder.
load common
T5=$ROOT/tests/golden/t5
T5_TEXT=$ROOT/tests/golden/t5-text
WANT=$T5_TEXT/expected.json
NOVEL=$ROOT/models/text/the-time-machine.txt

# A folder with a tokenizer, as hub models have it.
copy_model() {
    mkdir model
    cp "$T5_TEXT"/config.json "$ROOT"/tests/golden/tokenizers/t5/tokenizer.json \
        model
    ln -s "$T5_TEXT"/model.safetensors model
}

# pairs FOLDER: its sequences and decoder_sequences as --tokens reads them
pairs() {
    jq -c '[.sequences, .decoder_sequences] | transpose[]' "$1/expected.json"
}

@test "tokens prints the pairs that --tokens reads" {
    copy_model
    hp tokens model --data "$NOVEL" --length 24 --sequences 3
    succeeds
    [ "$(jq -c . <<<"$output")" = "$(pairs "$T5_TEXT")" ]
    echo "$output" >pairs.ids
    hp score entropy model --data "$NOVEL" --length 24 --sequences 3 --json
    succeeds
    text=$(jq -c '[.heads[] | .score]' <<<"$output")
    hp score entropy model --tokens pairs.ids --json
    [ "$(jq -c '[.heads[] | .score]' <<<"$output")" = "$text" ]
    hp tokens model --data "$NOVEL" --lines
    succeeds
    [ "$(head -n 2 <<<"$output" | jq -c 'map(type) | unique')" = \
        '["number"]
["number"]' ]
}

@test "the perplexity of a text is that of transformers" {
    copy_model
    hp eval model --data "$NOVEL" --length 24 --sequences 3 --json
    succeeds
    jq -en --slurpfile want "$WANT" --argjson got "$output" '
        def near(a; b): ((a - b) | fabs) < 1e-5 * b;
        $want[0] as $w |
        $got.metric == "perplexity" and $got.tokens == $w.loss_tokens and
        $got.windows == 3 and $got.length == 24 and
        near($got.loss; $w.loss) and near($got.value | log; $w.loss)'
    # the error is of three sums, each of which is off by 1e-5 of the loss
    jq -en --slurpfile want "$WANT" --argjson got "$output" \
        '(($got.stderr - ($want[0].loss | exp) * $want[0].loss_error) | fabs)
            < 1e-3 * $got.stderr'
}

@test "entropies and losses of pairs are those of transformers" {
    for model in t5 t5-v11 umt5; do
        folder=$ROOT/tests/golden/$model
        pairs "$folder" >pairs.ids
        hp score entropy "$folder" --tokens pairs.ids --json
        succeeds
        jq -en --slurpfile want "$folder/expected.json" --argjson got \
            "$output" '[[$got.heads[].score], [$want[0].entropy | flatten[]]] |
            transpose | all(.[]; ((.[0] - .[1]) | fabs) < 2e-5 * .[1])'
        hp eval "$folder" --tokens pairs.ids --json
        succeeds
        jq -en --slurpfile want "$folder/expected.json" --argjson got \
            "$output" '(($got.loss - $want[0].loss) | fabs) < 1e-5 * $got.loss'
    done
}

@test "heads of all kinds are pruned by their names" {
    pairs "$T5" >pairs.ids
    hp apply "$T5" --heads 'enc.0:1 dec.0.self:2 dec.1.cross:0,3' -o out -q
    succeeds
    [ "$(jq -r .heads out/headprune.json)" = \
        'enc.0:1 dec.0.self:2 dec.1.cross:0,3' ]
    hp eval out --tokens pairs.ids --json
    succeeds
    pruned=$(jq .loss <<<"$output")
    hp eval "$T5" --tokens pairs.ids --heads \
        'enc.0:1 dec.0.self:2 dec.1.cross:0,3' --json
    succeeds
    [ "$(jq .loss <<<"$output")" = "$pruned" ]
    [ "$(jq .delta.loss <<<"$output")" != 0 ]
    hp eval out --tokens pairs.ids --against "$T5" --json
    succeeds
    [ "$(jq .kl <<<"$output")" != 0 ]
    hp apply "$T5" --heads 'dec.0:1' -o none
    fails 2 'there is no block dec.0, blocks are enc.0 to dec.2.cross'
}

@test "a sweep of pairs" {
    pairs "$T5" >pairs.ids
    hp sweep "$T5" --tokens pairs.ids --eval-tokens pairs.ids --methods \
        entropy,random --ratios 0.25 --seeds 2 -o sweep.json -q
    succeeds
    [ "$(jq '.points | length' sweep.json)" = 3 ]
    hp eval "$T5" --tokens pairs.ids --json --heads \
        "$(jq -r '.points[0].heads' sweep.json)"
    [ "$(jq .loss <<<"$output")" = "$(jq '.points[0].eval.loss' sweep.json)" ]
}

@test "the decoder answers what the encoder reads" {
    copy_model
    hp generate model --prompt "$(jq -r .prompt "$WANT")" --max-tokens 8 --json
    succeeds
    [ "$(jq -c .ids <<<"$output")" = "$(jq -c .tokens "$WANT")" ]
    text=$(jq -r .text <<<"$output")
    hp generate model --prompt "$(jq -r .prompt "$WANT")" --max-tokens 8
    [ "$output" = "$text" ]
    jq -c .prompt_ids "$WANT" >prompt.ids
    hp generate model --tokens prompt.ids --max-tokens 8
    [ "$(jq -c . <<<"$output")" = "$(jq -c .tokens "$WANT")" ]
    hp generate model --prompt "$(jq -r .prompt "$WANT")" --max-tokens 8 \
        --heads 'dec.0.cross:0'
    [ "$output" != "$text" ]
}

@test "an encoder alone is measured by its hidden states" {
    jq -c '.sequences[]' "$ROOT/tests/golden/t5-encoder/expected.json" >lines
    hp eval "$ROOT/tests/golden/t5-encoder" --tokens lines --heads enc.0:1 \
        --json
    succeeds
    [ "$(jq -r .metric <<<"$output")" = hidden_cosine ]
    hp generate "$ROOT/tests/golden/t5-encoder" --tokens lines
    fails 4 'not causal'
}

@test "what is no pair is refused" {
    printf '[[1], [0, 2]]\n[1, 2]\n' >lines
    hp entropy "$T5" --tokens lines --ratio 0.25
    fails 3 'lines: line 2, column 2: a pair, [[encoder ids], [decoder ids]]'
    echo '[[1], [0, 2]]' >lines
    hp entropy "$TINY" --tokens lines --ratio 0.25
    fails 3 'lines: line 1: a pair of sequences where one is read'
    hp generate "$T5" --tokens lines
    fails 3 'line 1: a pair of sequences where one is read'
    copy_model
    hp eval model --data "$NOVEL" --stride 8
    fails 2 'a stride is of windows that are read alone'
}

# conforms FILE: the document is valid against its schema
conforms() {
    /usr/bin/python3 "$ROOT/tests/cli/validate.py" \
        "$ROOT/docs/schema/attention-1.schema.json" "$1"
}

@test "attention of a pair, and of a text to its own answer" {
    pairs "$T5" >pairs.ids
    sed -n 2p pairs.ids >pair.ids # of 9 and 6 tokens
    hp attention "$T5" --tokens pair.ids --json
    succeeds
    echo "$output" >attention.json
    conforms attention.json
    [ "$(jq -c '[.ids, .decoder_ids]' attention.json)" = "$(cat pair.ids)" ]
    [ "$(jq -c '[.heads[] | select(.own == null) | .id]' attention.json)" = \
        "$(jq -c '[.heads[] | .id | select(contains("cross"))]' \
            attention.json)" ]
    hp attention "$T5" --tokens pair.ids --head dec.1.cross:2 --json
    succeeds
    echo "$output" >attention.json
    conforms attention.json
    [ "$(jq -c '[.matrix | length, (.[0] | length)]' attention.json)" = '[6,9]' ]
    hp attention "$T5" --tokens pair.ids --head dec.1.cross:2 --format tsv
    succeeds
    [ "${#lines[@]}" = 7 ]
    [ "$(head -n 1 <<<"$output" | wc -w)" = 10 ]
    copy_model
    hp attention model --text "$(jq -r .prompt "$WANT")" --json
    succeeds
    [ "$(jq -c .ids <<<"$output")" = "$(jq -c .prompt_ids "$WANT")" ]
    # the start token, then the answer
    [ "$(jq -c '.decoder_ids[:9]' <<<"$output")" = \
        "$(jq -c '[0] + .tokens' "$WANT")" ]
}

@test "matrices of a cross block go to a file, and are not drawn" {
    pairs "$T5" | sed -n 2p >pair.ids
    hp attention "$T5" --tokens pair.ids -o a.safetensors
    succeeds
    hp inspect a.safetensors --json
    [ "$(jq -c '.tensors[] | select(.name | contains("1.layer.1.EncDec")) |
        .shape' <<<"$output")" = '[4,6,9]' ]
    hp report a.safetensors -o page.html
    fails 4 'attention of 6 tokens to 9 others is not drawn'
}
