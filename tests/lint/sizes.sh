#!/bin/sh
# Fails on files over 400 lines and functions over 80 lines in src, include.
set -eu
cd "${1:-.}"
find src include -name '*.[ch]' -exec awk '
    FNR == 1 { if (lines > 400) { print file ": " lines " lines"; bad = 1 }
               file = FILENAME; start = 0 }
    { lines = FNR }
    /^\{/ { start = FNR }
    /^\}/ { if (start && FNR - start > 80) {
                print FILENAME ":" start ": " FNR - start " lines"; bad = 1 }
            start = 0 }
    END { if (lines > 400) { print file ": " lines " lines"; bad = 1 }
          exit bad }' {} +
