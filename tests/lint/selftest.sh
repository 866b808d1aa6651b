#!/bin/sh
# Shows that layers.sh and sizes.sh fail when a rule is broken: each line below
# breaks one in a copy of the tree.
set -eu
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
here=$PWD

fresh() {
    rm -rf "$copy"
    mkdir -p "$copy"
    cp -r src include README.md "$copy"
    mkdir -p "$copy/tests/unit" "$copy/tests/cli" "$copy/docs"
}
breaks() { # script, file to append to, line that breaks a rule
    fresh
    printf '%s\n' "$3" >>"$copy/$2"
    if sh "$here/tests/lint/$1" "$copy" >/dev/null; then
        echo "$1 does not see '$3' in $2"
        exit 1
    fi
}

fresh
sh "$here/tests/lint/layers.sh" "$copy"
breaks layers.sh src/io/json.c '#include "prune/zero.h"'
breaks layers.sh src/cli/main.c '#include "base/arena.h"'
breaks layers.sh src/cli/print/print_eval.c '#include "cli/work.h"'
breaks layers.sh src/prune/zero.c '#include "document/read_parts.h"'
breaks layers.sh src/io/zio.c '#include <cjson/cJSON.h>'
breaks layers.sh src/base/error.c 'void f(void) { printf("x"); }'
breaks layers.sh src/io/zio.c 'void f(void) { exit(1); }'
breaks layers.sh src/io/zio.c 'void *f(void) { return malloc(1); }'
breaks layers.sh include/headprune/model.h '#include "headprune/run.h"'
breaks layers.sh src/io/zio.c '/* FIXME */'
breaks layers.sh src/draw/scale.c '/* as in gpt2 */'
breaks layers.sh src/cli/work.c '/* as in gpt2 */'
breaks sizes.sh src/io/zio.c "$(yes '/* line */' | head -n 400)"
breaks sizes.sh src/base/error.c "$(echo '{'; yes ';' | head -n 90; echo '}')"

# Every architecture's name, each in a file of its own.
fresh
n=0
for name in gpt2 BERT RoBERTa distilbert XLM-RoBERTa electra GPT-NeoX Llama mistral qwen2 Qwen3 \
    T5 Flan-T5 bloom falcon '"opt"' '"phi"'; do
    n=$((n + 1))
    echo "/* as in $name */" >"$copy/src/run/name$n.c"
done
sh "$here/tests/lint/layers.sh" "$copy" >"$copy/said" || true
while [ "$n" -gt 0 ]; do
    grep -q "src/run/name$n.c: names an architecture" "$copy/said" || {
        echo "layers.sh does not see '$(cat "$copy/src/run/name$n.c")'"
        exit 1
    }
    n=$((n - 1))
done
