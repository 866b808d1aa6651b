/*
 * The bytes of an output, streamed through one buffer: shards with the changed
 * bands zeroed on the way, then the small files. Every file is hashed as it is
 * written.
 */
#include "base/sha256.h"
#include "prune/rewriting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHUNK ((size_t)512 << 10)

/* One file on its way out; `file` NULL: standard output. */
typedef struct sink {
    const char *name;
    const char *shown; /* where the user will find it */
    hp__output *file;
    hp__sha256 sha;
    uint64_t bytes;
} sink;

/* The hidden folder's name means nothing to the user. */
static hp_status show(const sink *s, hp_status st, hp_error *err)
{
    if (st && err && s->shown)
        err->file[0] = '\0';
    return st && s->shown ? hp_fail_file(err, st, s->shown) : st;
}

static hp_status sink_paths(sink *s, const char **path, hp_rewrite *r,
                            hp_error *err)
{
    const hp__place *p = &r->place;
    size_t len = strlen(p->path);
    *path = s->shown = p->path;
    if (p->kind != HP__PLACE_FOLDER)
        return HP_OK;
    hp_status st =
        hp__arena_printf(path, &r->arena, err, "%s/%s", p->temp, s->name);
    const char *slash = p->path[len - 1] == '/' ? "" : "/";
    return st ? st
              : hp__arena_printf(&s->shown, &r->arena, err, "%s%s%s", p->path,
                                 slash, s->name);
}

static hp_status sink_open(sink *s, hp_rewrite *r, const char *name,
                           uint64_t size, hp_error *err)
{
    *s = (sink){.name = name};
    hp__sha256_init(&s->sha);
    if (r->place.kind == HP__PLACE_STREAM)
        return HP_OK;
    const char *path = NULL;
    hp_status st = sink_paths(s, &path, r, err);
    if (!st)
        st = hp__output_open(&s->file, path, err);
    if (!st)
        st = hp__output_reserve(s->file, size, err);
    return show(s, st, err);
}

static hp_status sink_write(sink *s, hp_rewrite *r, const void *bytes, size_t n,
                            hp_error *err)
{
    hp_status st = s->file ? hp__output_write(s->file, bytes, n, err)
                           : hp__write_all(STDOUT_FILENO, bytes, n,
                                           "standard output", err);
    if (st)
        return show(s, st, err);
    hp__sha256_add(&s->sha, bytes, n);
    s->bytes += n;
    r->done += n;
    if (r->progress.step &&
        r->progress.step(r->progress.payload, r->done, r->total))
        return hp_fail(err, HP_CANCELLED, "cancelled while writing");
    return HP_OK;
}

static hp_status sink_finish(sink *s, hp_rewrite *r, hp_error *err)
{
    char hex[65];
    hp_written *w = &r->written[r->n_written];
    hp_status st = s->file ? hp__output_sync(s->file, err) : HP_OK;
    show(s, st, err);
    hp__sha256_hex(&s->sha, hex);
    if (!st)
        st = hp__arena_strdup(&w->sha256, &r->arena, hex, err);
    if (!st)
        st = hp__arena_strdup(&w->file, &r->arena, s->name, err);
    w->bytes = s->bytes;
    r->n_written += !st;
    return st;
}

/* A file of the hidden folder takes its name at once; the one file of
 * X.safetensors waits for the commit. */
static hp_status sink_close(sink *s, hp_rewrite *r, hp_status st, hp_error *err)
{
    if (!st)
        st = sink_finish(s, r, err);
    if (!st && r->place.kind == HP__PLACE_FOLDER)
        st = show(s, hp__output_commit(s->file, err), err);
    if (!st && r->place.kind == HP__PLACE_FILE)
        r->file = s->file;
    else
        hp__output_abandon(s->file);
    return st;
}

static void zero_changes(hp_rewrite *r, size_t shard, uint64_t at, size_t n)
{
    for (size_t i = 0; i < r->changes.n; i++)
        if (r->changes.list[i].tensor->shard == shard)
            hp__zero_bytes(r->chunk, at, n, &r->changes.list[i]);
}

static hp_status copy_shard(hp_rewrite *r, size_t i, const char *name,
                            hp_error *err)
{
    sink s;
    uint64_t size = hp_checkpoint_shard(r->checkpoint, i)->size;
    hp_status st = sink_open(&s, r, name, size, err);
    for (uint64_t at = 0; at < size && !st;) {
        size_t n = size - at < CHUNK ? (size_t)(size - at) : CHUNK;
        st = hp_checkpoint_read_shard(r->checkpoint, i, at, n, r->chunk, err);
        if (st)
            break;
        zero_changes(r, i, at, n);
        st = sink_write(&s, r, r->chunk, n, err);
        at += n;
    }
    return sink_close(&s, r, st, err);
}

static hp_status copy_bytes(hp_rewrite *r, const char *name, const char *bytes,
                            size_t len, hp_error *err)
{
    sink s;
    hp_status st = sink_open(&s, r, name, len, err);
    if (!st)
        st = sink_write(&s, r, bytes, len, err);
    return sink_close(&s, r, st, err);
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
    sink s = {0};
    hp__file f = {.fd = -1};
    const char *path;
    hp_status st = hp__arena_printf(&path, &r->arena, err, "%s/%s",
                                    hp_checkpoint_folder(r->checkpoint), from);
    if (!st)
        st = hp__file_open(&f, path, err);
    if (!st)
        st = sink_open(&s, r, name, f.size, err);
    for (uint64_t at = 0; !st && at < f.size;) {
        size_t n = f.size - at < CHUNK ? (size_t)(f.size - at) : CHUNK;
        st = hp__file_read(&f, at, r->chunk, n, err);
        if (st)
            hp_fail_file(err, st, path);
        else
            st = sink_write(&s, r, r->chunk, n, err);
        at += n;
    }
    hp__file_close(&f);
    return sink_close(&s, r, st, err);
}

/* What loaders look for in a folder, whatever the input was called. */
static const char one_name[] = "model.safetensors";
static const char index_name[] = "model.safetensors.index.json";

static hp_status copy_shards(hp_rewrite *r, hp_error *err)
{
    const hp_checkpoint *c = r->checkpoint;
    const char *index = hp_checkpoint_index_name(c);
    hp_status st = HP_OK;
    if (r->place.kind != HP__PLACE_FOLDER)
        return copy_shard(r, 0, r->place.name ? r->place.name : "-", err);
    if (!index)
        return copy_shard(r, 0, one_name, err);
    for (size_t i = 0; i < hp_checkpoint_n_shards(c) && !st; i++)
        st = copy_shard(r, i, hp_checkpoint_shard(c, i)->name, err);
    return st ? st : copy_file(r, index, index_name, err);
}

static hp_status add_up(hp_rewrite *r, hp_error *err)
{
    size_t config_len = 0;
    const char *path, *index = hp_checkpoint_index_name(r->checkpoint);
    hp__file f = {.fd = -1};
    for (size_t i = 0; i < hp_checkpoint_n_shards(r->checkpoint); i++)
        r->total += hp_checkpoint_shard(r->checkpoint, i)->size;
    if (r->place.kind != HP__PLACE_FOLDER)
        return HP_OK;
    if (hp_checkpoint_config(r->checkpoint, &config_len))
        r->total += config_len;
    for (size_t i = 0; i < r->n_extras; i++)
        r->total += r->extras[i].size;
    hp_status st = index ? open_beside(&f, &path, r, index, err) : HP_OK;
    r->total += f.size;
    hp__file_close(&f);
    return st;
}

hp_status hp__copy_all(hp_rewrite *r, hp_error *err)
{
    size_t len = 0, shards = hp_checkpoint_n_shards(r->checkpoint);
    const char *config = hp_checkpoint_config(r->checkpoint, &len);
    int folder = r->place.kind == HP__PLACE_FOLDER;
    hp_status st = folder ? hp__extras_find(r, err) : HP_OK;
    if (!st)
        st = hp__arena_alloc(&r->written, &r->arena, shards + r->n_extras + 2,
                             sizeof *r->written, err);
    if (!st)
        st = hp__new(&r->chunk, CHUNK, 1, err);
    if (st)
        return st;
    st = add_up(r, err);
    if (!st)
        st = copy_shards(r, err);
    if (!st && folder && config)
        st = copy_bytes(r, "config.json", config, len, err);
    for (size_t i = 0; i < r->n_extras && !st; i++)
        st = copy_file(r, r->extras[i].name, r->extras[i].name, err);
    free(r->chunk);
    r->chunk = NULL;
    return st;
}
