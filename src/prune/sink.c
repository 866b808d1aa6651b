/*
 * Files on their way out: under a temporary name, hashed as they are written.
 */
#include "prune/rewriting.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* The hidden folder's name means nothing to the user. */
static hp_status show(const hp__sink *s, hp_status st, hp_error *err)
{
    if (st && err && s->shown)
        err->file[0] = '\0';
    return st && s->shown ? hp_fail_file(err, st, s->shown) : st;
}

static hp_status sink_paths(hp__sink *s, const char **path, hp_rewrite *r,
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

hp_status hp__sink_open(hp__sink *s, hp_rewrite *r, const char *name,
                        uint64_t size, hp_error *err)
{
    *s = (hp__sink){.name = name};
    hp_status st = hp__hashing_open(&s->hashing, size, err);
    if (st || r->place.kind == HP__PLACE_STREAM)
        return st;
    const char *path = NULL;
    st = sink_paths(s, &path, r, err);
    if (!st)
        st = hp__output_open(&s->file, path, err);
    if (!st)
        st = hp__output_reserve(s->file, size, err);
    return show(s, st, err);
}

hp_status hp__sink_write(hp__sink *s, hp_rewrite *r, const void *bytes,
                         size_t n, hp_error *err)
{
    hp__hashing_add(s->hashing, bytes, n);
    hp_status st = s->file ? hp__output_write(s->file, bytes, n, err)
                           : hp__write_all(STDOUT_FILENO, bytes, n,
                                           "standard output", err);
    if (st)
        return show(s, st, err);
    s->bytes += n;
    r->done += n;
    if (r->progress.step &&
        r->progress.step(r->progress.payload, r->done, r->total))
        return hp_fail(err, HP_CANCELLED, "cancelled while writing");
    return HP_OK;
}

static hp_status sink_finish(hp__sink *s, hp_rewrite *r, hp_error *err)
{
    char hex[65];
    hp_written *w = &r->written[r->n_written];
    hp_status st = s->file ? hp__output_sync(s->file, err) : HP_OK;
    show(s, st, err);
    hp__hashing_hex(s->hashing, hex);
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
hp_status hp__sink_close(hp__sink *s, hp_rewrite *r, hp_status st,
                         hp_error *err)
{
    if (!st)
        st = sink_finish(s, r, err);
    if (!st && r->place.kind == HP__PLACE_FOLDER)
        st = show(s, hp__output_commit(s->file, err), err);
    if (!st && r->place.kind == HP__PLACE_FILE)
        r->file = s->file;
    else
        hp__output_abandon(s->file);
    hp__hashing_free(s->hashing);
    return st;
}
