#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common
GPT2=$ROOT/models/gpt2-novels
BERT=$ROOT/models/bert-novels

@test "windows are JSON arrays that --tokens reads" {
    printf 'It was the best of times, it was the worst of times. %.0s' {1..40} \
        >text
    hp tokens "$GPT2" --data text --length 64 --sequences 3
    succeeds
    [ "${#lines[@]}" -eq 3 ]
    [ "$(jq -c length <<<"$output" | sort -u)" = 64 ]
    echo "$output" >ids
    "$HEADPRUNE" score entropy --data text --length 64 --sequences 3 \
        --format tsv "$GPT2" >a
    "$HEADPRUNE" score entropy --tokens ids --format tsv "$GPT2" >b
    cmp a b
}

@test "lines and NUL-terminated texts are encoded whole" {
    printf 'One line.\n\nAnother one' >text
    hp tokens "$GPT2" --data text --lines
    succeeds
    [ "${#lines[@]}" -eq 3 ]
    [ "${lines[1]}" = "[]" ]
    printf 'One\nline.\0Another one\0' >text
    hp tokens "$GPT2" --data text -0
    succeeds
    [ "${#lines[@]}" -eq 2 ]
}

@test "--no-special leaves out what stands around a text" {
    printf 'One line.\n' >text
    hp tokens "$BERT" --data text --lines
    with=$output
    hp tokens "$BERT" --data text --lines --no-special
    [ "$(jq -c '.[1:-1]' <<<"$with")" = "$(jq -c . <<<"$output")" ]
    hp tokens "$BERT" --sequences 3 --length 20
    with=$output
    hp tokens "$BERT" --sequences 3 --length 20 --no-special
    [ "$(jq -c '.[1:-1]' <<<"$with")" = "$(jq -c . <<<"$output")" ]
    [ "$(jq length <<<"$output" | sort -u)" = 18 ]
}

@test "text comes from several files, from gzip and from standard input" {
    printf 'One line.\nTwo lines.\n' >text
    hp tokens "$GPT2" --data text --lines
    want=$output
    gzip -k text
    hp tokens "$GPT2" --data text.gz --lines
    [ "$output" = "$want" ]
    run "$HEADPRUNE" tokens "$GPT2" --data - --lines <text
    [ "$output" = "$want" ]
    hp tokens "$GPT2" --data text --data text --lines
    [ "${#lines[@]}" -eq 4 ]
}

@test "without --data the windows of the built-in sample are shown" {
    hp tokens "$GPT2" --sequences 2
    succeeds
    [ "$(jq -c length <<<"$output")" = $'256\n256' ]
    hp tokens "$GPT2" --lines
    fails 2 "--data FILE"
}

@test "a line of --tokens is used as it is" {
    printf '[1, 2, 3]\n4 5 6 7\n' >ids
    hp score entropy --json --tokens ids "$GPT2"
    succeeds
    [ "$(jq -c '.calibration | [.sequences, .tokens]' <<<"$output")" = "[2,7]" ]
    printf '1 2 4096\n' >ids
    hp score entropy --tokens ids "$GPT2"
    fails 3 "4096"
    { seq 257 | tr '\n' ' '; echo; } >ids
    hp score entropy --tokens ids "$GPT2"
    fails 3 "257"
    : >ids
    hp score entropy --tokens ids "$GPT2"
    fails 3 "ids"
}
