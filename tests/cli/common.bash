# shellcheck disable=SC2034,SC2154
# Shared by the CLI tests. HEADPRUNE is the program; every test starts in an
# empty folder of its own.
bats_require_minimum_version 1.5.0

HEADPRUNE=${HEADPRUNE:-$BATS_TEST_DIRNAME/../../build/headprune}
ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
TINY=$ROOT/tests/golden/gpt2      # 2 layers x 4 heads, no tokenizer
WORDS=$ROOT/tests/hostile/ok_gpt2 # 2 layers x 2 heads, with a tokenizer
TEXT=$WORDS/calib.txt
unset NO_COLOR CLICOLOR_FORCE COLUMNS SOURCE_DATE_EPOCH

setup() {
    mkdir "$BATS_TEST_TMPDIR/here" &&
        cd "$BATS_TEST_TMPDIR/here" || return 1
}

# hp ARGS: runs the program; $status, $output (stdout), $stderr.
hp() {
    run --separate-stderr "$HEADPRUNE" "$@"
}

# fails CODE WORDS: the last hp ended with CODE, said WORDS in one line on
# stderr, and nothing on stdout.
fails() {
    [ "$status" -eq "$1" ] || show "exit $status, not $1"
    [ -z "$output" ] || show "stdout is not empty"
    [ "${#stderr_lines[@]}" -eq 1 ] || show "not one line on stderr"
    case $stderr in
    headprune:*"$2"*) ;;
    *) show "stderr does not say '$2'" ;;
    esac
}

# succeeds: the last hp ended with 0.
succeeds() {
    [ "$status" -eq 0 ] || show "exit $status"
}

show() {
    echo "$1"
    echo "stdout: $output"
    echo "stderr: $stderr"
    return 1
}

# says TEXT WORDS: TEXT holds WORDS.
says() {
    case $1 in
    *"$2"*) ;;
    *) show "'$2' is not in: $1" ;;
    esac
}

# lacks TEXT PATTERN: no line of TEXT matches the extended regular expression.
lacks() {
    if grep -E -- "$2" <<<"$1"; then
        show "there is '$2'"
    fi
}

# on_terminal COMMAND...: runs it with a terminal for stdin, stdout, stderr.
# The words are quoted for bash, so bash has to read them, whatever $SHELL is.
on_terminal() {
    SHELL=$BASH script -qec "$(printf '%q ' "$@")" /dev/null </dev/null
}
