/* What can be asked of an open checkpoint: names, bytes, identity. */
#include "base/utf8.h"
#include "io/checkpoint_parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int compare_names(const void *a, const void *b)
{
    const hp__named *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* Sorted, not hashed: a file can be made so that all its names collide. */
const hp_tensor *hp_checkpoint_find(const hp_checkpoint *c, const char *name)
{
    size_t from = 0, to = c->n_tensors;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        int order = strcmp(name, c->by_name[middle].name);
        if (!order)
            return c->by_name[middle].tensor;
        if (order < 0)
            to = middle;
        else
            from = middle + 1;
    }
    return NULL;
}

static hp_status fail_twice(const hp_checkpoint *c, const hp_tensor *a,
                            const hp_tensor *b, hp_error *err)
{
    char name[HP__SHORT], first[HP__SHORT], second[HP__SHORT];
    uint32_t low = a->shard < b->shard ? a->shard : b->shard;
    uint32_t high = a->shard < b->shard ? b->shard : a->shard;
    return hp_fail(err, HP_FORMAT, "tensor '%s' is in two files: '%s' and '%s'",
                   hp__shorten_text(name, a->name),
                   hp__shorten_text(first, c->shards[low].name),
                   hp__shorten_text(second, c->shards[high].name));
}

hp_status hp__checkpoint_sort_names(hp_checkpoint *c, hp_error *err)
{
    hp_status st = hp__arena_alloc(&c->by_name, &c->arena, c->n_tensors,
                                   sizeof *c->by_name, err);
    if (st)
        return st;
    for (size_t i = 0; i < c->n_tensors; i++)
        c->by_name[i] = (hp__named){c->tensors[i].name, &c->tensors[i]};
    qsort(c->by_name, c->n_tensors, sizeof *c->by_name, compare_names);
    for (size_t i = 1; i < c->n_tensors; i++)
        if (compare_names(&c->by_name[i - 1], &c->by_name[i]) == 0)
            return fail_twice(c, c->by_name[i - 1].tensor, c->by_name[i].tensor,
                              err);
    return HP_OK;
}

const char *hp__checkpoint_shown(const hp_shard *s)
{
    return s->path ? s->path : "standard input";
}

const char *hp_checkpoint_path(const hp_checkpoint *c)
{
    return c->path;
}

const char *hp_checkpoint_folder(const hp_checkpoint *c)
{
    return c->folder;
}

const char *hp_checkpoint_index_name(const hp_checkpoint *c)
{
    return c->index_name;
}

const char *hp_checkpoint_config(const hp_checkpoint *c, size_t *len)
{
    *len = c->config_len;
    return c->config;
}

const char *hp_checkpoint_fingerprint(const hp_checkpoint *c)
{
    return c->fingerprint;
}

size_t hp_checkpoint_n_shards(const hp_checkpoint *c)
{
    return c->n_shards;
}

const hp_shard *hp_checkpoint_shard(const hp_checkpoint *c, size_t i)
{
    return &c->shards[i];
}

size_t hp_checkpoint_n_tensors(const hp_checkpoint *c)
{
    return c->n_tensors;
}

const hp_tensor *hp_checkpoint_tensor(const hp_checkpoint *c, size_t i)
{
    return &c->tensors[i];
}

hp_status hp_checkpoint_read(const hp_checkpoint *c, const hp_tensor *t,
                             uint64_t from, uint64_t n, void *out,
                             hp_error *err)
{
    char name[HP__SHORT];
    if (from > t->size || n > t->size - from)
        return hp_fail(
            err, HP_INVALID, "tensor '%s': bytes %llu and %llu more of %llu",
            hp__shorten_text(name, t->name), (unsigned long long)from,
            (unsigned long long)n, (unsigned long long)t->size);
    return hp_checkpoint_read_shard(c, t->shard, t->offset + from, n, out, err);
}

hp_status hp_checkpoint_read_shard(const hp_checkpoint *c, size_t shard,
                                   uint64_t from, uint64_t n, void *out,
                                   hp_error *err)
{
    hp_status st = hp__file_read(&c->files[shard], from, out, n, err);
    return st ? hp_fail_file(err, st, hp__checkpoint_shown(&c->shards[shard]))
              : st;
}

hp_status hp_checkpoint_unchanged(const hp_checkpoint *c, hp_error *err)
{
    for (size_t i = 0; i < c->n_shards; i++) {
        hp_status st = hp__file_unchanged(&c->files[i], err);
        if (st)
            return hp_fail_file(err, st, hp__checkpoint_shown(&c->shards[i]));
    }
    return HP_OK;
}

static int is_file(const char *path, const struct stat *s)
{
    struct stat other;
    return path && !stat(path, &other) && other.st_dev == s->st_dev &&
           other.st_ino == s->st_ino;
}

int hp_checkpoint_has_file(const hp_checkpoint *c, const char *path)
{
    struct stat s;
    if (stat(path, &s))
        return 0;
    for (size_t i = 0; i < c->n_shards; i++)
        if (c->files[i].dev == s.st_dev && c->files[i].ino == s.st_ino)
            return 1;
    return is_file(c->index_path, &s) || is_file(c->config_path, &s);
}
