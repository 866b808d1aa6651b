#!/bin/bash
# Prunes the sample models with the program $1 and loads the results in
# transformers 4 and 5; packages and outputs go below the folder $2.
set -euo pipefail
program=$1
work=$2
mkdir -p "$work"

python=$work/python/bin/python3
if [ ! -x "$python" ]; then
    python3 -m venv "$work/python"
    "$work/python/bin/pip" install -q --disable-pip-version-check \
        torch==2.13.0 numpy 2>"$work/pip.log" || {
        cat "$work/pip.log"
        exit 1
    }
fi
for version in 4.57.6 5.23.0; do
    packages=$work/transformers-$version
    [ -d "$packages/transformers" ] ||
        "$work/python/bin/pip" install -q --disable-pip-version-check \
            --target "$packages" "transformers==$version" 2>"$work/pip.log" || {
        cat "$work/pip.log"
        exit 1
    }
    PYTHONPATH=$packages "$python" tests/interop/check.py "$program" "$work"
done
