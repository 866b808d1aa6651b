/* The input is an index file; the names of files that come out are plain. */
#include "fuzz.h"
#include "io/index.h"

#include <string.h>

static void check_accepted(const hp__index *x)
{
    MUST(x->n_entries && x->n_shards && x->n_shards <= x->n_entries);
    for (size_t i = 0; i < x->n_shards; i++) {
        const char *name = x->shards[i];
        MUST(name[0] && strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
        MUST(!strchr(name, '/') && !strchr(name, '\n'));
        MUST(!i || strcmp(x->shards[i - 1], name) < 0);
    }
    for (size_t i = 0; i < x->n_entries; i++) {
        const hp__index_entry *e = &x->entries[i];
        MUST(e->shard_id < x->n_shards);
        MUST(strcmp(e->shard, x->shards[e->shard_id]) == 0);
        /* Sorted by shard and name: equal neighbours were one key twice. */
        MUST(!i || e->shard_id != e[-1].shard_id ||
             strcmp(e[-1].tensor, e->tensor) < 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hp__arena a = {0};
    hp__index x = {0};
    hp_error err = {0};
    hp_status st = hp__index_parse(&x, &a, (const char *)data, size, &err);
    MUST(st == HP_OK || (st == HP_FORMAT && err.message[0] && !x.entries));
    if (!st)
        check_accepted(&x);
    hp__arena_clear(&a);
    return 0;
}
