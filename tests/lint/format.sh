#!/bin/sh
# Fails when a file is not as clang-format (.clang-format) would write it.
set -eu
find src include tests -name '*.[ch]' -exec clang-format-14 --dry-run -Werror {} +
