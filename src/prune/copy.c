/*
 * The files of an output: weights, what belongs to them, and the small files of
 * the input's folder.
 */
#include "prune/cut.h"
#include "prune/rewriting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static hp_status copy_bytes(hp_rewrite *r, const char *name, const char *bytes,
                            size_t len, hp_error *err)
{
    hp__sink s;
    hp_status st = hp__sink_open(&s, r, name, len, err);
    if (!st)
        st = hp__sink_write(&s, r, bytes, len, err);
    return hp__sink_close(&s, r, st, err);
}

/* Opens a file of the input's folder; `path` is its path for messages. */
static hp_status open_beside(hp__file *out, const char **path, hp_rewrite *r,
                             const char *name, hp_error *err)
{
    hp_status st = hp__arena_printf(path, &r->arena, err, "%s/%s",
                                    hp_checkpoint_folder(r->checkpoint), name);
    return st ? st : hp__file_open(out, *path, err);
}

/* A file of the input's folder. */
static hp_status copy_file(hp_rewrite *r, const char *from, const char *name,
                           hp_error *err)
{
    hp__sink s = {0};
    hp__file f = {.fd = -1};
    const char *path;
    hp_status st = hp__arena_printf(&path, &r->arena, err, "%s/%s",
                                    hp_checkpoint_folder(r->checkpoint), from);
    if (!st)
        st = hp__file_open(&f, path, err);
    if (!st)
        st = hp__sink_open(&s, r, name, f.size, err);
    for (uint64_t at = 0; !st && at < f.size;) {
        size_t n = f.size - at < HP__WRITE_CHUNK ? (size_t)(f.size - at)
                                                 : HP__WRITE_CHUNK;
        st = hp__file_read(&f, at, r->chunk, n, err);
        if (st)
            hp_fail_file(err, st, path);
        else
            st = hp__sink_write(&s, r, r->chunk, n, err);
        at += n;
    }
    hp__file_close(&f);
    return hp__sink_close(&s, r, st, err);
}

/* What loaders look for in a folder, whatever the input was called. */
static const char one_name[] = "model.safetensors";
static const char index_name[] = "model.safetensors.index.json";
#define INDEX_MAX ((size_t)100000000)

/* The index of the input without what was cut. */
static hp_status write_index(hp_rewrite *r, const char *index, hp_error *err)
{
    char *text = NULL;
    hp__text edited = {NULL, 0};
    size_t len = 0;
    const char *path;
    hp_status st = hp__arena_printf(&path, &r->arena, err, "%s/%s",
                                    hp_checkpoint_folder(r->checkpoint), index);
    if (!st)
        st = hp__file_slurp(&text, &len, path, INDEX_MAX, err);
    if (!st)
        st = hp__cut_index(&edited, &r->arena, (hp__text){text, len},
                           r->checkpoint, &r->edition, err);
    free(text);
    return st ? st : copy_bytes(r, index_name, edited.bytes, edited.len, err);
}

static hp_status copy_shards(hp_rewrite *r, hp_error *err)
{
    const hp_checkpoint *c = r->checkpoint;
    const char *index = hp_checkpoint_index_name(c);
    hp_status st = HP_OK;
    if (r->place.kind != HP__PLACE_FOLDER)
        return hp__shard_write(r, 0, r->place.name ? r->place.name : "-", err);
    if (!index)
        return hp__shard_write(r, 0, one_name, err);
    for (size_t i = 0; i < hp_checkpoint_n_shards(c) && !st; i++)
        st = hp__shard_write(r, i, hp_checkpoint_shard(c, i)->name, err);
    if (st || !r->edition.cut)
        return st ? st : copy_file(r, index, index_name, err);
    return write_index(r, index, err);
}

static hp_status add_up(hp_rewrite *r, hp_error *err)
{
    size_t config_len = 0;
    const char *path, *index = hp_checkpoint_index_name(r->checkpoint);
    hp__file f = {.fd = -1};
    for (size_t i = 0; i < hp_checkpoint_n_shards(r->checkpoint); i++)
        r->total += hp_checkpoint_shard(r->checkpoint, i)->size;
    for (size_t i = 0; r->edition.cut && i < r->edition.n_changes; i++)
        r->total -= r->edition.changes[i].bytes;
    if (r->place.kind != HP__PLACE_FOLDER)
        return HP_OK;
    if (hp_checkpoint_config(r->checkpoint, &config_len))
        r->total += config_len;
    for (size_t i = 0; i < r->n_extras; i++)
        r->total += r->extras[i].size;
    for (size_t i = 0; i < r->edition.n_added; i++)
        r->total += r->edition.added[i].len;
    hp_status st = index ? open_beside(&f, &path, r, index, err) : HP_OK;
    r->total += f.size;
    hp__file_close(&f);
    return st;
}

static hp_status copy_files(hp_rewrite *r, hp_error *err)
{
    size_t len = 0;
    const char *config = hp_checkpoint_config(r->checkpoint, &len);
    int folder = r->place.kind == HP__PLACE_FOLDER;
    if (r->edition.config) {
        config = r->edition.config;
        len = r->edition.config_len;
    }
    hp_status st = copy_shards(r, err);
    if (!st && folder && config)
        st = copy_bytes(r, "config.json", config, len, err);
    for (size_t i = 0; i < r->edition.n_added && !st; i++)
        st = copy_bytes(r, r->edition.added[i].name, r->edition.added[i].bytes,
                        r->edition.added[i].len, err);
    for (size_t i = 0; i < r->n_extras && !st; i++)
        st = copy_file(r, r->extras[i].name, r->extras[i].name, err);
    return st;
}

hp_status hp__copy_all(hp_rewrite *r, const char *undo, hp_error *err)
{
    size_t shards = hp_checkpoint_n_shards(r->checkpoint);
    int folder = r->place.kind == HP__PLACE_FOLDER;
    hp_status st = folder ? hp__extras_find(r, err) : HP_OK;
    if (!st)
        st = hp__arena_alloc(&r->written, &r->arena,
                             shards + r->n_extras + r->edition.n_added + 2,
                             sizeof *r->written, err);
    if (!st)
        st = hp__new_buffer(&r->chunk, HP__WRITE_CHUNK, 1, err);
    if (!st && undo)
        st = hp__undo_open(&r->undo, r, undo, err);
    if (!st)
        st = add_up(r, err);
    if (!st)
        st = copy_files(r, err);
    if (!st && undo)
        st = hp__undo_finish(r->undo, r, err);
    free(r->chunk);
    r->chunk = NULL;
    return st;
}
