#!/bin/sh
# Fails on what clang-tidy (.clang-tidy) finds. Argument: a build folder with
# compile_commands.json. One file a process: given several at once, version 14
# reports a va_list that is not there.
set -eu
find src tests/unit tests/support tests/fuzz tests/bench -name '*.c' |
    while read -r f; do
        grep -q "/$f\"" "$1/compile_commands.json" && echo "$f"
    done |
    xargs -P "$(nproc)" -I{} clang-tidy-14 --quiet -p "$1" {} 2>&1 |
    grep -vE '^[0-9]+ warnings? (generated|treated)|^Suppressed|^Use -header' |
    { if grep .; then exit 1; fi; }
