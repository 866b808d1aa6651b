#!/usr/bin/env bats
# shellcheck disable=SC2016,SC2030,SC2031,SC2153,SC2154
load common

@test "without words a short usage goes to stderr, exit 2" {
    hp
    [ "$status" -eq 2 ]
    [ -z "$output" ]
    says "$stderr" "usage: headprune METHOD"
    [ "${#stderr_lines[@]}" -le 12 ]
}

@test "help goes to stdout, exit 0, however it is asked for" {
    for words in --help -h help; do
        hp "$words"
        succeeds
        [ -z "$stderr" ]
        says "$output" "--ratio R"
    done
    for words in "help score" "score --help" "--help score" "score -h x y"; do
        # shellcheck disable=SC2086 # words
        hp $words
        succeeds
        says "$output" "usage: headprune score [options] METHOD MODEL"
    done
}

@test "help of a command shows its options only" {
    hp help inspect
    succeeds
    says "$output" "--config FILE"
    [[ $output != *--ratio* ]]
}

@test "no line of help is wider than a terminal" {
    hp --help
    lacks "$output" '^.{81,}'
}

@test "help names no command that does not exist" {
    for word in undo combine; do
        hp --help
        lacks "$output" "^  $word "
        hp "$word" "$TINY"
        fails 2 "unknown command '$word'"
    done
}

@test "the version is one line" {
    hp --version
    succeeds
    [[ $output =~ ^headprune\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
    hp -v --version
    succeeds
    [[ ${lines[0]} =~ ^headprune\ [0-9] ]]
    says "$output" "blas core: "
}

@test "an unknown word suggests the nearest" {
    hp entorpy --ratio 0.3 "$TINY"
    fails 2 "unknown command 'entorpy' (did you mean entropy?)"
    hp inspct "$TINY"
    fails 2 "(did you mean inspect?)"
    hp score magnitud "$TINY"
    fails 2 "unknown method 'magnitud' (did you mean magnitude?)"
    hp help entorpy
    fails 2 "(did you mean entropy?)"
    hp "$TINY" --ratio 0.3
    fails 2 "(a method or command comes first: headprune METHOD MODEL)"
    hp zzzzzz
    fails 2 "unknown command 'zzzzzz' (see headprune --help)"
}

@test "an unknown option suggests the nearest" {
    hp entropy --ratoi 0.3 "$TINY"
    fails 2 "unknown option '--ratoi' (did you mean --ratio?)"
    hp entropy --ration 0.3 "$TINY"
    fails 2 "unknown option '--ration' (did you mean --ratio?)"
    hp entropy -x "$TINY"
    fails 2 "unknown option '-x'"
}

@test "nothing may be abbreviated" {
    hp entropy --rat 0.3 "$TINY"
    fails 2 "unknown option '--rat'"
    hp insp "$TINY"
    fails 2 "unknown command 'insp'"
}

@test "an option that a command does not take is named" {
    hp inspect --ratio 0.3 "$TINY"
    fails 2 "'inspect' takes no option --ratio"
    hp entropy --ratio 0.3 --heads 0:0 "$TINY"
    fails 2 "'entropy' takes no option --heads"
}

@test "ratios are plain numbers from 0 to 1" {
    for ratio in 1.3 -0.1 nan inf 0.3x 0x1 "" " 0.3" +0.3 1e 0,3 .; do
        hp magnitude --ratio "$ratio" "$TINY"
        fails 2 "--ratio"
    done
    for ratio in 0 1 0.5 .5 1. 5e-1; do
        hp magnitude --ratio="$ratio" --dry-run "$TINY"
        succeeds
    done
}

@test "numbers are whole, and in their range" {
    hp magnitude --count 1.5 "$TINY"
    fails 2 "--count '1.5' is not a whole number"
    hp magnitude --count 99999999999999999999 "$TINY"
    fails 2 "--count"
    hp entropy --ratio 0.5 --threads 0 "$TINY"
    fails 2 "--threads 0 is outside of 1 to"
    hp entropy --ratio 0.5 --sequences 0 "$TINY"
    fails 2 "--sequences 0"
    hp magnitude --count 9 "$TINY"
    [ "$status" -eq 2 ]
}

@test "sizes have units" {
    for size in 64MiB 1GiB 512K 100kB 5000000 1G 1TiB; do
        hp score magnitude --budget "$size" "$TINY"
        succeeds
    done
    for size in 0 64MX MiB -1 1.5G 99999999999T; do
        hp score magnitude --budget "$size" "$TINY"
        fails 2 "--budget"
    done
}

@test "choices are listed" {
    hp magnitude --ratio 0.5 --scope both "$TINY"
    fails 2 "--scope 'both' is none of global|layer"
    hp magnitude --ratio 0.5 --emit elsewhere "$TINY"
    fails 2 "--emit 'elsewhere' is not a form (forms: zero"
}

@test "an option given twice is an error, -q and --data are not" {
    hp magnitude --ratio 0.1 --ratio 0.2 "$TINY"
    fails 2 "--ratio is given twice"
    hp -q -q score entropy --data "$TEXT" --data "$TEXT" "$WORDS"
    succeeds
}

@test "a value may be missing" {
    hp magnitude "$TINY" --ratio
    fails 2 "--ratio needs a value"
    hp magnitude "$TINY" -o
    fails 2 "-o needs a value"
    hp magnitude --json=yes "$TINY"
    fails 2 "--json takes no value"
}

@test "what cannot go together is refused" {
    hp magnitude --ratio 0.5 --count 1 "$TINY"
    fails 2 "--ratio and --count"
    hp apply "$TINY" --plan a --heads 0:0
    fails 2 "--plan and --heads"
    hp score entropy --data a --tokens b "$TINY"
    fails 2 "--data and --tokens"
    hp score magnitude --json --format tsv "$TINY"
    [ "$status" -eq 2 ]
    hp tokens --lines -0 --data "$TEXT" "$WORDS"
    fails 2 "--lines and -0"
    hp score entropy - --config "$WORDS/config.json" --data -
    fails 2 "standard input ('-') can be read only once"
    hp plan - --ratio 0.5 --protect -
    fails 2 "standard input ('-') can be read only once"
}

@test "what must be there is asked for" {
    hp magnitude "$TINY"
    fails 2 "--ratio R or --count N"
    hp plan scores.json
    fails 2 "--ratio R or --count N"
    hp apply "$TINY"
    fails 2 "--plan FILE or --heads LIST"
    hp inspect
    fails 2 "'inspect' needs MODEL"
    hp score entropy
    fails 2 "'score' needs METHOD MODEL"
    hp magnitude --ratio 0.5 - <"$TINY/model.safetensors"
    fails 2 "--config FILE"
}

@test "options stand anywhere, and -- ends them" {
    hp -n --ratio 0.5 magnitude "$TINY" -q
    succeeds
    hp magnitude "$TINY" -nqo out --ratio 0.5
    succeeds
    [ "$output" = out ]
    hp magnitude -nq -oout --ratio 0.5 -- "$TINY"
    succeeds
    [ "$output" = out ]
    hp inspect -- --json
    fails 5 "--json: "
}

@test "too many words are an error" {
    hp inspect "$TINY" more
    fails 2 "'inspect' has no use for 'more'"
    hp methods more
    fails 2 "'methods' has no use for 'more'"
}

@test "the man page is free of roff errors" {
    hp --generate man
    succeeds
    says "$output" ".TH HEADPRUNE 1"
    if command -v groff >/dev/null; then
        [ -z "$(groff -man -Tutf8 -ww <<<"$output" 2>&1 >/dev/null)" ]
    fi
}

@test "completions are valid scripts that know every option" {
    "$HEADPRUNE" --generate complete-bash >completion
    bash -n completion
    # shellcheck disable=SC2016,SC1091
    reply=$(bash -c '. ./completion
        COMP_WORDS=(headprune --any-m) COMP_CWORD=1
        _headprune; echo "${COMPREPLY[@]}"')
    [ "$reply" = --any-model ]
    for shell in zsh fish; do
        hp --generate "complete-$shell"
        succeeds
        says "$output" "any-model"
    done
    hp --generate nothing
    fails 2 "--generate 'nothing' is none of"
}
