#!/bin/sh
# Fails when a public header does not compile alone as C++17.
set -eu
compiler=$(command -v clang++-14 || command -v g++)
for h in include/headprune/*.h; do
    printf '#include "headprune/%s"\n' "$(basename "$h")" |
        "$compiler" -std=c++17 -Wall -Wextra -Wpedantic -Werror -Iinclude \
            -fsyntax-only -x c++ -
done
