/*
 * Opening a checkpoint: all headers are read and judged, and the files stay
 * open, so what is read later is of the files that were judged.
 */
#include "base/sha256.h"
#include "base/utf8.h"
#include "io/checkpoint_parts.h"
#include "io/index.h"
#include "io/locate.h"
#include "io/safetensors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CONFIG_NAME "config.json"
#define CONFIG_MAX  ((size_t)16 << 20)
#define INDEX_MAX   ((size_t)100000000)

static hp_status read_header(hp_checkpoint *c, size_t i, char **header,
                             size_t *len, hp_error *err)
{
    const hp__file *f = &c->files[i];
    char start[HP__SAFETENSORS_START] = {0};
    uint64_t n = f->size < sizeof start ? f->size : sizeof start;
    hp_status st = hp__file_read(f, 0, start, n, err);
    if (!st)
        st = hp__safetensors_length(len, start, f->size, err);
    if (!st)
        st = hp__new(header, 8 + *len, 1, err);
    return st ? st : hp__file_read(f, 0, *header, 8 + *len, err);
}

/* Reads and judges the header of an open shard, and adds it to the hash. */
static hp_status load_shard(hp_checkpoint *c, size_t i, hp__tensors *p,
                            hp__sha256 *hash, hp_error *err)
{
    char *header = NULL;
    size_t len = 0;
    hp_status st = read_header(c, i, &header, &len, err);
    if (!st)
        st = hp__safetensors_tensors(p, &c->arena, header + 8, len,
                                     c->files[i].size, err);
    if (!st) {
        hp__sha256_add(hash, header, 8 + len);
        c->shards[i].data_offset = 8 + len;
        c->shards[i].size = c->files[i].size;
        for (size_t k = 0; k < p->n; k++)
            p->list[k].shard = (uint32_t)i;
    }
    free(header);
    return st ? hp_fail_file(err, st, hp__checkpoint_shown(&c->shards[i])) : st;
}

static hp_status join_parts(hp_checkpoint *c, const hp__tensors *parts,
                            hp_error *err)
{
    for (size_t i = 0; i < c->n_shards; i++)
        c->n_tensors += parts[i].n;
    if (c->n_tensors > UINT32_MAX - 1)
        return hp_fail(err, HP_UNSUPPORTED, "%zu tensors", c->n_tensors);
    if (c->n_shards == 1) {
        c->tensors = parts[0].list;
        return HP_OK;
    }
    hp_status st = hp__arena_alloc(&c->tensors, &c->arena, c->n_tensors,
                                   sizeof *c->tensors, err);
    size_t at = 0;
    for (size_t i = 0; !st && i < c->n_shards; at += parts[i++].n)
        if (parts[i].n)
            memcpy(c->tensors + at, parts[i].list,
                   parts[i].n * sizeof *c->tensors);
    return st;
}

static hp_status load_shards(hp_checkpoint *c, hp_error *err)
{
    hp__tensors *parts = NULL;
    hp__sha256 hash;
    hp__sha256_init(&hash);
    hp_status st = hp__new(&parts, c->n_shards, sizeof *parts, err);
    for (size_t i = 0; !st && i < c->n_shards; i++)
        st = load_shard(c, i, &parts[i], &hash, err);
    if (!st)
        st = join_parts(c, parts, err);
    free(parts);
    if (!st)
        st = hp__checkpoint_sort_names(c, err);
    if (c->config)
        hp__sha256_add(&hash, c->config, c->config_len);
    memcpy(c->fingerprint, "sha256:", 7);
    hp__sha256_hex(&hash, c->fingerprint + 7);
    return st;
}

static hp_status reserve_shards(hp_checkpoint *c, size_t n, hp_error *err)
{
    hp_status st =
        hp__arena_alloc(&c->shards, &c->arena, n, sizeof *c->shards, err);
    if (!st)
        st = hp__arena_alloc(&c->files, &c->arena, n, sizeof *c->files, err);
    if (st)
        return st;
    for (size_t i = 0; i < n; i++)
        c->files[i].fd = -1;
    c->n_shards = n;
    return HP_OK;
}

static hp_status open_file(hp_checkpoint *c, const char *name, hp_error *err)
{
    hp_status st = reserve_shards(c, 1, err);
    if (!st)
        st = hp__arena_strdup(&c->shards[0].name, &c->arena, name, err);
    if (!st && !c->folder)
        return hp__file_open_stdin(&c->files[0], err);
    if (!st)
        st = hp__join(&c->shards[0].path, &c->arena, c->folder, name, err);
    return st ? st : hp__file_open(&c->files[0], c->shards[0].path, err);
}

/* A shard that cannot be there is a fault of the checkpoint, not of reading. */
static hp_status open_shard(hp_checkpoint *c, const hp__index *x, size_t i,
                            hp_error *err)
{
    struct stat s;
    char name[HP__SHORT];
    hp_shard *shard = &c->shards[i];
    shard->name = x->shards[i];
    hp_status st =
        hp__join(&shard->path, &c->arena, c->folder, shard->name, err);
    if (st)
        return st;
    hp__shorten_text(name, shard->name);
    if (stat(shard->path, &s)) {
        if (errno == ENOENT || errno == ELOOP)
            st = hp_fail(err, HP_FORMAT, "file '%s' of weight_map is missing",
                         name);
        else if (errno == ENAMETOOLONG)
            st = hp_fail(err, HP_FORMAT,
                         "file '%s' of weight_map: its name of %zu bytes is "
                         "too long",
                         name, strlen(shard->name));
    } else if (!S_ISREG(s.st_mode)) {
        st = hp_fail(err, HP_FORMAT,
                     "file '%s' of weight_map is not a regular file", name);
    }
    if (st)
        return hp_fail_file(err, st, c->index_path);
    return hp__file_open(&c->files[i], shard->path, err);
}

static hp_status fail_unlisted(const hp_checkpoint *c, const char *listed,
                               hp_error *err)
{
    char name[HP__SHORT], shard[HP__SHORT];
    size_t i = 0;
    while (listed[i])
        i++;
    const hp_tensor *t = &c->tensors[i];
    return hp_fail(err, HP_FORMAT,
                   "tensor '%s' of file '%s' is not in weight_map",
                   hp__shorten_text(name, t->name),
                   hp__shorten_text(shard, c->shards[t->shard].name));
}

/* Every entry is a tensor of its file, and every tensor has an entry. */
static hp_status check_index(const hp_checkpoint *c, const hp__index *x,
                             hp_error *err)
{
    char name[HP__SHORT], shard[HP__SHORT];
    char *listed = NULL;
    hp_status st = hp__new(&listed, c->n_tensors + 1, 1, err);
    for (size_t i = 0; !st && i < x->n_entries; i++) {
        const hp__index_entry *e = &x->entries[i];
        const hp_tensor *t = hp_checkpoint_find(c, e->tensor);
        if (!t || t->shard != e->shard_id)
            st = hp_fail(err, HP_FORMAT,
                         "weight_map has tensor '%s' in '%s', which does not "
                         "hold it",
                         hp__shorten_text(name, e->tensor),
                         hp__shorten_text(shard, e->shard));
        else
            listed[t - c->tensors] = 1;
    }
    if (!st && x->n_entries != c->n_tensors)
        st = fail_unlisted(c, listed, err);
    free(listed);
    return st ? hp_fail_file(err, st, c->index_path) : st;
}

static hp_status read_index(hp_checkpoint *c, hp__index *x, const char *name,
                            hp_error *err)
{
    char *text = NULL;
    size_t len;
    hp_status st = hp__arena_strdup(&c->index_name, &c->arena, name, err);
    if (!st)
        st = hp__join(&c->index_path, &c->arena, c->folder, name, err);
    if (!st)
        st = hp__file_slurp(&text, &len, c->index_path, INDEX_MAX, err);
    if (st)
        return st;
    st = hp__index_parse(x, &c->arena, text, len, err);
    free(text);
    return st ? hp_fail_file(err, st, c->index_path) : st;
}

static hp_status open_index(hp_checkpoint *c, const hp__index *x, hp_error *err)
{
    hp_status st = reserve_shards(c, x->n_shards, err);
    for (size_t i = 0; !st && i < x->n_shards; i++)
        st = open_shard(c, x, i, err);
    if (!st)
        st = load_shards(c, err);
    return st ? st : check_index(c, x, err);
}

/*
 * Readers of a folder with both take model.safetensors and never look at the
 * shards. An index that names that one file and nothing else does no harm.
 */
static int names_one_model(const hp__index *x)
{
    return x->n_shards == 1 && strcmp(x->shards[0], HP__MODEL_NAME) == 0;
}

static hp_status fail_both(const hp_checkpoint *c, const hp__index *x,
                           hp_error *err)
{
    hp_status st = hp_fail(err, HP_FORMAT,
                           "%s and an index of %zu files in one folder: they "
                           "may not hold the same weights",
                           HP__MODEL_NAME, x->n_shards);
    hp_fail_hint(err, st, "name the file to use");
    return hp_fail_file(err, st, c->path);
}

static hp_status open_place(hp_checkpoint *c, const hp__place *p, hp_error *err)
{
    hp__index x = {0};
    hp_status st = HP_OK;
    if (p->kind == HP__PLACE_STREAM || p->kind == HP__PLACE_FILE) {
        st = open_file(c, p->name, err);
        return st ? st : load_shards(c, err);
    }
    st = read_index(c, &x, p->name, err);
    if (!st && p->kind == HP__PLACE_BOTH) {
        c->index_name = NULL;
        if (!names_one_model(&x))
            st = fail_both(c, &x, err);
    }
    return st ? st : open_index(c, &x, err);
}

/* Beside the tensors only a regular file will do: a pipe would hang. */
static hp_status find_config(hp_checkpoint *c, hp_error *err)
{
    struct stat s;
    hp_status st = HP_OK;
    if (c->folder && hp__file_exists(c->folder, CONFIG_NAME))
        st = hp__join(&c->config_path, &c->arena, c->folder, CONFIG_NAME, err);
    if (st || !c->config_path ||
        (!stat(c->config_path, &s) && S_ISREG(s.st_mode)))
        return st;
    st = hp_fail(err, HP_FORMAT, "not a regular file");
    return hp_fail_file(err, st, c->config_path);
}

static hp_status load_config(hp_checkpoint *c, const char *config,
                             hp_error *err)
{
    char *text = NULL;
    hp_status st =
        config ? hp__arena_strdup(&c->config_path, &c->arena, config, err)
               : find_config(c, err);
    if (st || !c->config_path)
        return st;
    st = hp__file_slurp(&text, &c->config_len, c->config_path, CONFIG_MAX, err);
    if (!st)
        st = hp__arena_copy(&c->config, &c->arena, text, c->config_len, err);
    free(text);
    return st;
}

hp_status hp_checkpoint_open(hp_checkpoint **out, const char *path,
                             const char *config, hp_error *err)
{
    hp_checkpoint *c = NULL;
    hp__place place = {0};
    *out = NULL;
    hp_status st = hp__new(&c, 1, sizeof *c, err);
    if (st)
        return st;
    st = hp__arena_strdup(&c->path, &c->arena, path, err);
    if (!st)
        st = hp__locate(&place, &c->arena, c->path, err);
    c->folder = place.folder;
    if (!st)
        st = load_config(c, config, err);
    if (!st)
        st = open_place(c, &place, err);
    if (st)
        hp_checkpoint_free(c);
    else
        *out = c;
    return st;
}

void hp_checkpoint_free(hp_checkpoint *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_shards; i++)
        hp__file_close(&c->files[i]);
    hp__arena_clear(&c->arena);
    free(c);
}
