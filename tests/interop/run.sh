#!/bin/bash
# Prunes models with the program $1 and loads the results in transformers 4 and
# 5; packages and outputs go below the folder $2. Skipped where torch cannot be
# installed.
set -euo pipefail
program=$1
work=$2
mkdir -p "$work"

install() { # pip's arguments
    "$work/python/bin/pip" install -q --disable-pip-version-check "$@" \
        2>"$work/pip.log" && return
    cat "$work/pip.log"
    return 1
}

python=$work/python/bin/python3
if ! "$python" -c 'import torch' 2>/dev/null; then
    python3 -m venv "$work/python"
    if ! install torch==2.13.0 numpy; then
        echo 'transformers 4 and 5: SKIPPED, torch cannot be installed'
        exit 0
    fi
fi
for version in 4.57.6 5.23.0; do
    packages=$work/transformers-$version
    [ -d "$packages/transformers" ] ||
        install --target "$packages" "transformers==$version"
    for script in check.py forms.py; do
        PYTHONPATH=$packages "$python" "tests/interop/$script" "$program" "$work"
    done
done
