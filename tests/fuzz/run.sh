#!/bin/sh
# Runs every libFuzzer target of the build folder $1 for $2 seconds, starting
# from its corpus; what it finds on the way goes to a scratch folder.
set -eu
build=$1
seconds=$2
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
n=0
for target in "$build"/tests/fuzz/fuzz_*[a-z]; do
    [ -f "$target" ] || continue
    name=$(basename "$target" | sed 's/^fuzz_//')
    mkdir -p "$scratch/$name"
    "$target" -max_total_time="$seconds" -rss_limit_mb=2048 -timeout=20 \
        -artifact_prefix="$scratch/" -print_final_stats=1 \
        "$scratch/$name" "tests/fuzz/corpus/$name" >"$scratch/$name.log" 2>&1 || {
        tail -40 "$scratch/$name.log"
        exit 1
    }
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' \
        "$scratch/$name.log") inputs, no finding"
    n=$((n + 1))
done
[ "$n" -gt 0 ] || {
    echo "no fuzz target in $build"
    exit 1
}
