/*
 * The original again: its bytes are those of the pruned checkpoint and of the
 * undo file, in the order of the original header. Every file is hashed before
 * it is used and after it was written.
 */
#include "prune/restoring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANIFEST_MAX ((uint64_t)100000000)

static int is_plain(const char *name)
{
    return *name && !strchr(name, '/') && strcmp(name, ".") != 0 &&
           strcmp(name, "..") != 0;
}

static hp_status read_entry(hp__restored *out, const hp__restoring *w,
                            const hp__node *n, hp_error *err)
{
    *out = (hp__restored){0};
    hp_status st = hp__node_get_string(&out->file, n, "file", err);
    if (!st)
        st = hp__node_get_string(&out->how, n, "how", err);
    if (!st)
        st = hp__node_get_string(&out->sha256, n, "sha256", err);
    if (!st)
        st = hp__node_find_string(&out->pruned, n, "pruned", err);
    if (!st)
        st = hp__node_find_string(&out->pruned_sha256, n, "pruned_sha256", err);
    if (st)
        return hp__undo_fail(w, st, err);
    if (!is_plain(out->file) || (out->pruned && !is_plain(out->pruned)) ||
        !out->pruned != !out->pruned_sha256)
        return hp__undo_damaged(w, "a file has no plain name", err);
    return HP_OK;
}

/* ---- what is read ---- */

/* Every file is what it was when the undo file was written. */
static hp_status check_pruned(const hp__restoring *w, const hp__restored *e,
                              hp_error *err)
{
    hp__file f;
    hp__hashing *hashing = NULL;
    const char *path;
    char hex[65] = "";
    hp_status st = hp__open_pruned(&f, &path, w, e, err);
    if (!st)
        st = hp__hashing_open(&hashing, f.size, err);
    for (uint64_t at = 0; at < f.size && !st; at += HP__WRITE_CHUNK) {
        uint64_t n = f.size - at;
        n = n < HP__WRITE_CHUNK ? n : HP__WRITE_CHUNK;
        st = hp__file_read(&f, at, w->r->chunk, n, err);
        if (!st)
            hp__hashing_add(hashing, w->r->chunk, (size_t)n);
    }
    hp__file_close(&f);
    if (!st)
        hp__hashing_hex(hashing, hex);
    hp__hashing_free(hashing);
    if (!st && strcmp(hex, e->pruned_sha256) != 0)
        st = hp_fail(err, HP_FORMAT,
                     "was changed, or the undo file belongs to another output: "
                     "SHA-256 %.16s..., expected %.16s...",
                     hex, e->pruned_sha256);
    return st ? hp_fail_file(err, st, path) : st;
}

/* ---- small files ---- */

static hp_status write_stored(hp__sink *s, const hp__restoring *w,
                              const hp__restored *e, hp_error *err)
{
    const hp_tensor *t = hp__undo_part(w, HP__UNDO_FILE, e->file);
    hp_status st = HP_OK;
    if (!t)
        return hp__undo_damaged(w, "a file's bytes are missing", err);
    for (uint64_t at = 0; at < t->size && !st; at += HP__WRITE_CHUNK) {
        uint64_t n = t->size - at;
        n = n < HP__WRITE_CHUNK ? n : HP__WRITE_CHUNK;
        st = hp_checkpoint_read(w->undo, t, at, n, w->r->chunk, err);
        if (!st)
            st = hp__sink_write(s, w->r, w->r->chunk, (size_t)n, err);
    }
    return st;
}

static hp_status write_same(hp__sink *s, const hp__restoring *w,
                            const hp__restored *e, hp_error *err)
{
    hp__file f;
    const char *path;
    hp_status st = hp__open_pruned(&f, &path, w, e, err);
    for (uint64_t at = 0; at < f.size && !st; at += HP__WRITE_CHUNK) {
        uint64_t n = f.size - at;
        n = n < HP__WRITE_CHUNK ? n : HP__WRITE_CHUNK;
        st = hp__file_read(&f, at, w->r->chunk, n, err);
        if (!st)
            st = hp__sink_write(s, w->r, w->r->chunk, (size_t)n, err);
    }
    hp__file_close(&f);
    return st;
}

/* ---- all of it ---- */

static hp_status restore_file(const hp__restoring *w, const hp__restored *e,
                              hp_error *err)
{
    hp__sink s;
    hp_rewrite *r = w->r;
    const char *name =
        r->place.kind == HP__PLACE_FILE ? r->place.name : e->file;
    hp_status st = hp__sink_open(&s, r, name, 0, err);
    if (!st && strcmp(e->how, "weights") == 0)
        st = hp__restore_weights(&s, w, e, err);
    else if (!st && strcmp(e->how, "stored") == 0)
        st = write_stored(&s, w, e, err);
    else if (!st && strcmp(e->how, "same") == 0)
        st = write_same(&s, w, e, err);
    else if (!st)
        st = hp__undo_damaged(w, "it does not say how to make a file", err);
    st = hp__sink_close(&s, r, st, err);
    if (!st && strcmp(r->written[r->n_written - 1].sha256, e->sha256) != 0)
        st = hp__undo_damaged(w, "what it restores has another SHA-256", err);
    return st;
}

/* A folder has all files, a file the weights alone. */
static int is_wanted(const hp__restoring *w, const hp__restored *e)
{
    return w->r->place.kind == HP__PLACE_FOLDER ||
           strcmp(e->how, "weights") == 0;
}

static hp_status for_files(const hp__restoring *w,
                           hp_status (*each)(const hp__restoring *w,
                                             const hp__restored *e,
                                             hp_error *err),
                           int with_pruned, hp_error *err)
{
    hp__restored e;
    hp_status st = HP_OK;
    for (const hp__node *n = hp__node_first(w->files); n && !st;
         n = hp__node_next(n)) {
        st = read_entry(&e, w, n, err);
        if (!st && is_wanted(w, &e) && (e.pruned || !with_pruned))
            st = each(w, &e, err);
    }
    return st;
}

static size_t count_weights(const hp__restoring *w)
{
    hp__restored e;
    size_t count = 0;
    for (const hp__node *n = hp__node_first(w->files); n; n = hp__node_next(n))
        if (!read_entry(&e, w, n, NULL))
            count += strcmp(e.how, "weights") == 0;
    return count;
}

static hp_status restore_all(hp__restoring *w, hp_error *err)
{
    hp_rewrite *r = w->r;
    if (r->place.kind != HP__PLACE_FOLDER && count_weights(w) != 1) {
        hp_status st = hp_fail(err, HP_INVALID,
                               "a checkpoint of %zu files does not go into one",
                               count_weights(w));
        return hp_fail_hint(err, st, "give a folder with -o");
    }
    hp_status st =
        hp__arena_alloc(&r->written, &r->arena, hp__node_count(w->files),
                        sizeof *r->written, err);
    if (!st)
        st = hp__new_buffer(&r->chunk, HP__WRITE_CHUNK, 1, err);
    if (!st)
        st = for_files(w, check_pruned, 1, err);
    if (!st && r->place.kind == HP__PLACE_FOLDER)
        st = hp__place_open(&r->place, &r->arena, err);
    if (!st)
        st = for_files(w, restore_file, 0, err);
    free(r->chunk);
    r->chunk = NULL;
    return st;
}

static hp_status open_manifest(hp__json **out, hp__restoring *w, hp_error *err)
{
    const hp_tensor *t = hp__undo_part(w, HP__UNDO_MANIFEST, "");
    const char *schema = "";
    char *text = NULL;
    hp_status st = HP_OK;
    if (!t || t->size > MANIFEST_MAX)
        return hp__undo_fail(
            w, hp_fail(err, HP_FORMAT, "no undo file of headprune"), err);
    st = hp__new(&text, (size_t)t->size + 1, 1, err);
    if (!st)
        st = hp_checkpoint_read(w->undo, t, 0, t->size, text, err);
    if (!st)
        st = hp__json_parse(out, text, (size_t)t->size, err);
    free(text);
    if (st)
        return hp__undo_fail(w, st, err);
    const hp__node *root = hp__json_root(*out);
    st = hp__node_get_string(&schema, root, "schema", err);
    if (!st && strcmp(schema, HP__UNDO_SCHEMA) != 0)
        st = hp_fail(err, HP_FORMAT, "schema '%.60s', expected '%s'", schema,
                     HP__UNDO_SCHEMA);
    if (!st)
        st = hp__node_find_bool(&w->removed, root, "removed", err);
    if (!st)
        st = hp__node_get_array(&w->files, root, "files", err);
    if (!st)
        st = hp__node_get_array(&w->changes, root, "changes", err);
    return st ? hp__undo_fail(w, st, err) : st;
}

static hp_status restore(hp_rewrite *r, const hp_restore_options *o,
                         hp_error *err)
{
    hp_checkpoint *undo = NULL;
    hp__json *json = NULL;
    hp_status st = hp__place_find(&r->place, &r->arena, r->checkpoint, o->out,
                                  o->replace, err);
    if (!st && !hp_checkpoint_folder(r->checkpoint))
        st = hp_fail(err, HP_INVALID,
                     "a stream cannot be restored; give the file");
    if (!st)
        st = hp_checkpoint_open(&undo, o->undo, NULL, err);
    hp__restoring w = {.r = r, .undo = undo};
    if (!st)
        st = open_manifest(&json, &w, err);
    if (!st)
        st = restore_all(&w, err);
    hp__json_free(json);
    hp_checkpoint_free(undo);
    return st;
}

hp_status hp_restore_begin(hp_rewrite **out, const hp_checkpoint *pruned,
                           const hp_restore_options *o, hp_error *err)
{
    hp_rewrite *r = NULL;
    *out = NULL;
    hp_status st = hp__new(&r, 1, sizeof *r, err);
    if (st)
        return st;
    r->checkpoint = pruned;
    r->progress = o->progress;
    st = restore(r, o, err);
    if (st)
        hp_rewrite_free(r);
    else
        *out = r;
    return st;
}
