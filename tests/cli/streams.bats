#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

@test "an invalid model is exit 3, an unsupported one 4, a missing one 5" {
    hp inspect "$ROOT/tests/hostile/len_empty_file"
    fails 3 "model.safetensors"
    cp -r "$TINY" other && chmod -R u+w other
    sed -i 's/"gpt2"/"mamba"/' other/config.json
    hp score magnitude other
    fails 4 "mamba"
    hp inspect nowhere
    fails 5 "nowhere: "
}

@test "inspect shows the container of an unsupported model" {
    cp -r "$TINY" other && chmod -R u+w other
    sed -i 's/"gpt2"/"mamba"/' other/config.json
    hp inspect other
    [ "$status" -eq 4 ]
    says "$output" "F32"
    says "$stderr" "mamba"
    hp inspect --json other
    [ "$status" -eq 4 ]
    [ "$(jq .model <<<"$output")" = null ]
    [ "$(jq '.tensors | length' <<<"$output")" -gt 10 ]
    [ "$(jq .error.exit <<<"$stderr")" = 4 ]
}

@test "with --json errors are JSON objects on stderr" {
    hp inspect --json nowhere
    [ "$status" -eq 5 ]
    [ "$(jq -c '.error | keys_unsorted' <<<"$stderr")" = \
        '["exit","file","message","hint"]' ]
    [ "$(jq -r .error.file <<<"$stderr")" = nowhere ]
    hp magnitude --format=json --ratio 1.3 "$TINY"
    [ "$status" -eq 2 ]
    [ "$(jq .error.exit <<<"$stderr")" = 2 ]
    hp --json magnitude --unknown
    [ "$(jq -r .error.message <<<"$stderr")" = "unknown option '--unknown'" ]
}

@test "a missing tokenizer is exit 3 with the hint --tokens" {
    mkdir bare
    cp "$WORDS/config.json" "$WORDS/model.safetensors" bare
    hp entropy --ratio 0.5 --data "$TEXT" bare
    fails 3 "--tokens"
    [ ! -e bare-entropy-0.5 ]
}

@test "a missing config.json is named" {
    cp "$TINY/model.safetensors" .
    hp score magnitude model.safetensors
    [ "$status" -eq 3 ]
    says "$stderr" "config.json"
    says "$stderr" "--config"
    hp score magnitude model.safetensors --config "$TINY/config.json"
    succeeds
}

@test "text that the vocabulary does not know is warned about, -qq hides it" {
    hp -q score entropy --sequences 2 --length 16 "$ROOT/models/reaction-bert"
    succeeds
    says "$stderr" "of the calibration tokens are unknown to the vocabulary"
    hp -qq score entropy --sequences 2 --length 16 "$ROOT/models/reaction-bert"
    succeeds
    [ -z "$stderr" ]
}

@test "the built-in sample is named on stderr, -q hides it" {
    hp score entropy --sequences 2 --length 32 "$ROOT/models/gpt2-novels"
    succeeds
    fgrep_line="headprune: calibration: built-in sample (mixed English), 2 x 32 tokens; --data FILE uses your own"
    [ "$stderr" = "$fgrep_line" ]
    hp -q score entropy --sequences 2 --length 32 "$ROOT/models/gpt2-novels"
    succeeds
    [ -z "$stderr" ]
}

@test "with --data nothing is said on stderr" {
    hp score entropy --data "$TEXT" "$WORDS"
    succeeds
    [ -z "$stderr" ]
}

@test "-v says timings, BLAS core, kernels and threads on stderr" {
    hp -v score entropy --threads 1 --data "$TEXT" "$WORDS"
    succeeds
    says "$stderr" " ms"
    says "$stderr" "BLAS core "
    says "$stderr" "1 threads"
    [[ $output != *BLAS* ]]
}

@test "-q prints the output path alone" {
    hp -q magnitude --ratio 0.5 "$TINY" -o out
    succeeds
    [ "$output" = out ]
    [ -z "$stderr" ]
    [ -s out/model.safetensors ]
}

@test "a full disk behind standard output is exit 5" {
    run --separate-stderr bash -c '"$0" score magnitude "$1" >/dev/full' \
        "$HEADPRUNE" "$TINY"
    fails 5 "standard output: cannot write: No space left on device"
}

@test "a full disk behind -o - is exit 5" {
    run --separate-stderr bash -c \
        '"$0" -q magnitude --ratio 0.5 "$1" -o - >/dev/full' \
        "$HEADPRUNE" "$TINY"
    fails 5 "No space left on device"
}

@test "a closed standard output is exit 5, and no file takes its place" {
    run --separate-stderr bash -c \
        '"$0" -q magnitude --ratio 0.5 "$1" -o out >&- <&-' \
        "$HEADPRUNE" "$TINY"
    fails 5 "standard output"
    cmp <(head -c 8 out/model.safetensors) <(head -c 8 "$TINY/model.safetensors")
    run bash -c '"$0" score magnitude "$1" >table 2>&-' "$HEADPRUNE" "$TINY"
    [ "$status" -eq 0 ]
    [ -s table ]
}

@test "a reader that leaves ends the program quietly" {
    run --separate-stderr bash -c \
        '"$0" inspect --json "$1" | head -n 1; echo "${PIPESTATUS[0]}"' \
        "$HEADPRUNE" "$ROOT/models/reaction-bert"
    [ "${lines[0]}" = "{" ]
    [ "${lines[1]}" -eq 0 ] || [ "${lines[1]}" -eq 141 ]
    [ -z "$stderr" ]
    mkfifo pipe
    run --separate-stderr bash -c 'exec 3<>pipe; exec 4>pipe 3<&-
        "$0" magnitude --ratio 0.5 "$1" -o - >&4 3>&-' \
        "$HEADPRUNE" "$ROOT/models/gpt2-novels"
    [ "$status" -eq 141 ]
    lacks "$stderr" .
}

@test "a failing write to a file is exit 5 and leaves nothing" {
    [ "$(id -u)" -ne 0 ] || [ -w /proc/self/mem ]
    run --separate-stderr bash -c \
        'ulimit -f 1; "$0" magnitude --ratio 0.5 "$1" -o out' \
        "$HEADPRUNE" "$ROOT/models/gpt2-novels"
    fails 5 "File too large"
    [ -z "$(ls -A)" ]
}

@test "nothing is coloured in a pipe" {
    hp score magnitude "$TINY"
    lacks "$output" $'\033'
    CLICOLOR_FORCE=1 hp score magnitude "$TINY"
    grep -q $'\033' <<<"$output"
    NO_COLOR=1 CLICOLOR_FORCE=1 hp score magnitude "$TINY"
    lacks "$output" $'\033'
    NO_COLOR=1 hp score magnitude --color=always "$TINY"
    grep -q $'\033' <<<"$output"
    CLICOLOR_FORCE=1 hp score magnitude --color=never "$TINY"
    lacks "$output" $'\033'
}

@test "a terminal sees colours and a map of layers and heads" {
    export TERM=xterm
    run on_terminal "$HEADPRUNE" score magnitude "$TINY"
    says "$output" "layer"
    grep -q $'\033\[30;48;5;' <<<"$output"
    NO_COLOR=1 run on_terminal "$HEADPRUNE" --progress never score magnitude "$TINY"
    lacks "$output" $'\033'
    says "$output" $'\xE2\x96\x88'
    TERM=dumb run on_terminal "$HEADPRUNE" score magnitude "$TINY"
    lacks "$output" $'\033'
}

# The lines of the map: from the one of layer numbers to the empty one.
map_of() {
    tr -d '\r' <<<"$1" | sed -n '/^layer 0/,/^$/p'
}

@test "the map crosses what METHOD prunes, and shades the rest" {
    export TERM=xterm NO_COLOR=1
    run on_terminal "$HEADPRUNE" --progress never magnitude --count 3 -n "$TINY"
    map=$(map_of "$output")
    [ "$(grep -o '><' <<<"$map" | wc -l)" -eq 4 ] # three, and the key's
    [ "$(grep -c '^    [01] ' <<<"$map")" -eq 2 ]
    says "$map" $'\xE2\x96\x91'
    says "$map" "weight goes first, >< pruned"
    # One column a head where there is no room for two.
    COLUMNS=11 run on_terminal "$HEADPRUNE" --progress never magnitude \
        --count 3 -n "$TINY"
    [ "$(map_of "$output" | grep -E '^    [01] ' | grep -o x | wc -l)" -eq 3 ]
    COLUMNS=9 run on_terminal "$HEADPRUNE" --progress never magnitude \
        --count 3 -n "$TINY"
    [ -z "$(map_of "$output")" ]
    unset NO_COLOR
    run on_terminal "$HEADPRUNE" --progress never magnitude --count 3 -n "$TINY"
    [ "$(grep -o $'\033\\[30;48;5;[0-9]*m><' <<<"$output" | wc -l)" -eq 3 ]
}

@test "a pipe sees no map" {
    hp magnitude --count 3 -n "$TINY"
    lacks "$output" $'\xE2\x96|><'
    hp score magnitude "$TINY"
    lacks "$output" $'\xE2\x96|layer'
}

@test "progress is for terminals" {
    hp entropy --data "$TEXT" --ratio 0.5 "$WORDS" -o a
    succeeds
    [ -z "$stderr" ]
    hp --progress=always entropy --data "$TEXT" --ratio 0.5 "$WORDS" -o b
    succeeds
    says "$stderr" "scoring ["
    [ "${stderr: -4}" = $'\r\033[K' ]
    export TERM=xterm
    run on_terminal "$HEADPRUNE" score entropy --data "$TEXT" "$WORDS"
    says "$output" "scoring ["
    run on_terminal "$HEADPRUNE" -q score entropy --data "$TEXT" "$WORDS"
    [[ $output != *"scoring ["* ]]
    run on_terminal "$HEADPRUNE" --progress never score entropy \
        --data "$TEXT" "$WORDS"
    [[ $output != *"scoring ["* ]]
}

@test "bytes are not written to a terminal without -f" {
    run on_terminal "$HEADPRUNE" magnitude --ratio 0.5 "$TINY" -o -
    says "$output" "terminal"
    says "$output" "-f"
    run on_terminal "$HEADPRUNE" -q magnitude --ratio 0.5 "$TINY" -f -o -
    says "$output" "data_offsets"
}

@test "a signal ends the program as it should and leaves nothing" {
    "$HEADPRUNE" --progress=always --threads 1 --sequences 4000 --length 256 \
        entropy --data "$ROOT/models/gpt2-novels/tokenizer.json" --ratio 0.5 \
        "$ROOT/models/gpt2-novels" -o out 2>said &
    for _ in $(seq 600); do
        grep -q 'scoring' said && break
        sleep 0.1
    done
    kill -TERM $!
    code=0
    wait $! || code=$?
    [ "$code" -eq 143 ]
    [ ! -e out ]
    [ "$(ls -A)" = said ]
}

@test "numbers keep their point in every locale" {
    LC_ALL=de_DE.UTF-8 hp score magnitude --format tsv "$TINY"
    succeeds
    [[ $output != *,* ]]
}
