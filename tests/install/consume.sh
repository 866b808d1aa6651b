#!/bin/sh
# Installs the build $1 below the folder $2 and builds a program against it
# twice: by find_package and by pkg-config.
set -eu
build=$1
work=$2/consumer
rm -rf "$work"
cmake --install "$build" --prefix "$work/prefix" >/dev/null

say='gpt2 48 heads'
check() {
    answer=$("$1" models/gpt2-novels)
    [ "$answer" = "$say" ] || {
        echo "$1 says '$answer', not '$say'"
        exit 1
    }
}

flags=$(sed -n 's/^HEADPRUNE_SANITIZE:STRING=//p' "$build/CMakeCache.txt")
[ -z "$flags" ] || flags="-fsanitize=$flags"
cmake -S tests/install -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" \
    -DCMAKE_C_FLAGS="$flags" >/dev/null
cmake --build "$work/build" >/dev/null
check "$work/build/consumer"

PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name headprune.pc)")
export PKG_CONFIG_PATH
# shellcheck disable=SC2046,SC2086 # lists of flags
cc $flags tests/install/consumer.c \
    $(pkg-config --static --cflags --libs headprune) -o "$work/by-pkg-config"
check "$work/by-pkg-config"

"$work/prefix/bin/headprune" --version | grep -qx 'headprune [0-9.]*'
