/* The life of a rewrite: check, begin, add, commit, free. */
#include "plan/plan_mask.h"
#include "prune/rewriting.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* 1: both are in one folder, whatever they are called. */
static int in_folder(const char *path, const char *folder)
{
    struct stat a, b;
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;
    char *parent = strndup(slash ? path : ".", slash ? (len ? len : 1) : 1);
    int same = parent && stat(parent, &a) == 0 && stat(folder, &b) == 0 &&
               a.st_dev == b.st_dev && a.st_ino == b.st_ino;
    free(parent);
    return same;
}

static hp_status check_undo(const hp__place *p, const hp_checkpoint *c,
                            const hp_rewrite_options *o, hp_error *err)
{
    struct stat s;
    hp_status st = HP_OK;
    if (p->kind == HP__PLACE_FOLDER && in_folder(o->undo, p->target))
        st = hp_fail(err, HP_INVALID,
                     "the undo file cannot lie in the output folder");
    else if (lstat(o->undo, &s) != 0)
        return HP_OK;
    else if (hp_checkpoint_has_file(c, o->undo))
        st = hp_fail(err, HP_IO, "is a file of the input");
    else if (!o->replace)
        st = hp_fail_hint(err, hp_fail(err, HP_IO, "undo file exists"),
                          "-f replaces it");
    return st ? hp_fail_file(err, st, o->undo) : st;
}

static hp_status check(hp__place *out, hp__arena *a, const hp_model *m,
                       const hp_rewrite_options *o, hp_error *err)
{
    const hp_checkpoint *c = hp_model_checkpoint(m);
    size_t n = hp_checkpoint_n_shards(c);
    const hp__form *form = hp__form_find(o->emit);
    if (!form)
        return hp_fail(err, HP_INVALID, "no such output form");
    if (o->refit && form->emit.keeps_weights)
        return hp_fail(err, HP_INVALID,
                       "the form '%s' changes no projections: none can be "
                       "refitted",
                       form->emit.name);
    hp_status st = form->check ? form->check(m, o, err) : HP_OK;
    if (st)
        return hp_fail_file(err, st, hp_checkpoint_path(c));
    st = hp__place_find(out, a, c, o->out, o->replace, err);
    if (!st && o->undo)
        st = check_undo(out, c, o, err);
    if (!st && form->folder_only && out->kind != HP__PLACE_FOLDER) {
        st = hp_fail(err, HP_INVALID,
                     "the form '%s' is a folder: other files belong to the "
                     "weights",
                     form->emit.name);
        return hp_fail_hint(err, st, "give a folder with -o");
    }
    if (!st && out->kind != HP__PLACE_FOLDER && n > 1) {
        st = hp_fail(err, HP_INVALID,
                     "a checkpoint of %zu files does not go into one", n);
        return hp_fail_hint(err, st, "give a folder with -o");
    }
    return st;
}

hp_status hp_rewrite_check(const hp_model *m, const hp_rewrite_options *o,
                           hp_error *err)
{
    hp__arena a = {0};
    hp__place place;
    hp_status st = check(&place, &a, m, o, err);
    hp__arena_clear(&a);
    return st;
}

/* What the form makes of the plan's heads, by the model's numbers. Heads that a
 * mask silences go too: the output has no need of it then. */
static hp_status edit(hp_rewrite *r, const hp_plan *p,
                      const hp_rewrite_options *o, hp_error *err)
{
    unsigned char *mask = NULL;
    size_t n = hp_model_n_heads(r->model);
    const unsigned char *masked = hp_model_masked(r->model);
    hp_status st = hp__new(&mask, n, 1, err);
    if (!st)
        st = hp__plan_mask(mask, p, r->model, err);
    for (size_t i = 0; masked && i < n && !st; i++)
        mask[i] |= masked[i];
    const hp__order order = {r->model, mask, o};
    if (!st)
        st = hp__form_find(o->emit)->edit(&r->edition, &r->arena, &order, err);
    free(mask);
    return st;
}

static hp_status begin(hp_rewrite *r, const hp_plan *p,
                       const hp_rewrite_options *o, hp_error *err)
{
    hp_status st = check(&r->place, &r->arena, r->model, o, err);
    if (!st)
        st = edit(r, p, o, err);
    if (st)
        return hp_fail_file(err, st, hp_checkpoint_path(r->checkpoint));
    if (o->dry_run)
        return HP_OK;
    if (r->place.kind == HP__PLACE_FOLDER)
        st = hp__place_open(&r->place, &r->arena, err);
    return st ? st : hp__copy_all(r, o->undo, err);
}

hp_status hp_rewrite_begin(hp_rewrite **out, const hp_model *m,
                           const hp_plan *p, const hp_rewrite_options *o,
                           hp_error *err)
{
    hp_rewrite *r = NULL;
    *out = NULL;
    hp_status st = hp__new(&r, 1, sizeof *r, err);
    if (st)
        return st;
    r->model = m;
    r->checkpoint = hp_model_checkpoint(m);
    r->progress = o->progress;
    r->dry_run = o->dry_run;
    r->refit = o->refit;
    st = begin(r, p, o, err);
    if (st)
        hp_rewrite_free(r);
    else
        *out = r;
    return st;
}

size_t hp_rewrite_least(const hp_rewrite_options *o)
{
    const hp__form *form = hp__form_find(o->emit);
    return form && form->keeps_one && form->keeps_one(o);
}

size_t hp_rewrite_n_changes(const hp_rewrite *r)
{
    return r->edition.n_changes;
}

int hp_rewrite_cuts(const hp_rewrite *r)
{
    return r->edition.cut;
}

const char *const *hp_rewrite_loads_in(const hp_rewrite *r)
{
    return r->edition.loads_in;
}

const char *hp_rewrite_size(const hp_rewrite *r)
{
    return r->edition.size;
}

const char *hp_rewrite_speed(const hp_rewrite *r)
{
    return r->edition.speed;
}

const char *hp_rewrite_note(const hp_rewrite *r)
{
    return r->edition.note;
}

const char *hp_rewrite_loader(const hp_rewrite *r, const char **arguments)
{
    const char *name = hp_model_info_get(r->model)->architecture;
    *arguments = r->edition.loader_arguments ? r->edition.loader_arguments : "";
    if (r->edition.loader)
        return r->edition.loader;
    if (r->edition.not_loadable)
        return NULL;
    return *name ? name : "AutoModel";
}

const hp_change *hp_rewrite_change(const hp_rewrite *r, size_t i)
{
    return &r->edition.changes[i];
}

size_t hp_rewrite_n_written(const hp_rewrite *r)
{
    return r->n_written;
}

const hp_written *hp_rewrite_written(const hp_rewrite *r, size_t i)
{
    return &r->written[i];
}

/* ---- files that are added ---- */

static hp_status write_small(hp__output **out, const char *path,
                             const char *bytes, size_t len, hp_error *err)
{
    hp_status st = hp__output_open(out, path, err);
    if (!st)
        st = hp__output_write(*out, bytes, len, err);
    return st ? st : hp__output_sync(*out, err);
}

static hp_status check_beside(const hp_rewrite *r, const char *path,
                              hp_error *err)
{
    struct stat s;
    if (lstat(path, &s) != 0)
        return HP_OK;
    if (hp_checkpoint_has_file(r->checkpoint, path))
        return hp_fail_file(err, hp_fail(err, HP_IO, "is a file of the input"),
                            path);
    if (r->place.replace)
        return HP_OK;
    hp_status st = hp_fail(err, HP_IO, "output exists");
    hp_fail_hint(err, st, "-f replaces it");
    return hp_fail_file(err, st, path);
}

static hp_status add_beside(hp_rewrite *r, const char *name, const char *bytes,
                            size_t len, hp_error *err)
{
    hp__beside *b;
    const char *path;
    hp_status st = hp__arena_alloc(&b, &r->arena, 1, sizeof *b, err);
    if (!st)
        st = hp__arena_printf(&path, &r->arena, err, "%s/%s", r->place.parent,
                              name);
    if (!st && strcmp(name, r->place.name) == 0)
        st = hp_fail(err, HP_INVALID, "'%s' is the output itself", name);
    if (!st)
        st = check_beside(r, path, err);
    if (st)
        return st;
    b->next = r->beside;
    r->beside = b;
    return write_small(&b->file, path, bytes, len, err);
}

static hp_status add_inside(hp_rewrite *r, const char *name, const char *bytes,
                            size_t len, hp_error *err)
{
    const char *path;
    hp__output *file = NULL;
    for (size_t i = 0; i < r->n_written; i++)
        if (strcmp(r->written[i].file, name) == 0)
            return hp_fail(err, HP_INVALID, "'%s' is one of the model's files",
                           name);
    hp_status st =
        hp__arena_printf(&path, &r->arena, err, "%s/%s", r->place.temp, name);
    if (!st)
        st = write_small(&file, path, bytes, len, err);
    if (!st)
        st = hp__output_commit(file, err);
    hp__output_abandon(file);
    /* The hidden folder's name means nothing to the user. */
    if (st && err)
        err->file[0] = '\0';
    return st ? hp_fail_file(err, st, r->place.path) : st;
}

hp_status hp_rewrite_add(hp_rewrite *r, const char *name, const char *bytes,
                         size_t len, hp_error *err)
{
    if (r->place.kind == HP__PLACE_STREAM)
        return hp_fail(err, HP_INVALID,
                       "no place for '%s' beside standard output", name);
    if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 ||
        strcmp(name, "..") == 0)
        return hp_fail(err, HP_INVALID, "'%s' is not a plain file name", name);
    return r->place.kind == HP__PLACE_FILE
               ? add_beside(r, name, bytes, len, err)
               : add_inside(r, name, bytes, len, err);
}

/* ---- the end ---- */

/* The weights last: what lies beside them is there when they appear. */
static hp_status commit_file(hp_rewrite *r, hp_error *err)
{
    struct stat s;
    if (!r->place.replace && lstat(r->place.path, &s) == 0) {
        hp_status st = hp_fail(err, HP_IO, "output exists");
        hp_fail_hint(err, st, "-f replaces it");
        return hp_fail_file(err, st, r->place.path);
    }
    for (hp__beside *b = r->beside; b; b = b->next) {
        hp_status st = hp__output_commit(b->file, err);
        if (st)
            return st;
    }
    return hp__output_commit(r->file, err);
}

hp_status hp_rewrite_commit(hp_rewrite *r, hp_error *err)
{
    if (r->dry_run)
        return HP_OK;
    hp_status st = hp_checkpoint_unchanged(r->checkpoint, err);
    if (!st && r->undo)
        st = hp__undo_commit(r->undo, err);
    if (st)
        return st;
    switch (r->place.kind) {
    case HP__PLACE_FILE:
        return commit_file(r, err);
    case HP__PLACE_FOLDER:
        return hp__place_commit(&r->place, r->checkpoint, err);
    case HP__PLACE_STREAM:
        break;
    }
    return HP_OK;
}

void hp_rewrite_free(hp_rewrite *r)
{
    if (!r)
        return;
    for (hp__beside *b = r->beside; b; b = b->next)
        hp__output_abandon(b->file);
    hp__undo_free(r->undo);
    hp__output_abandon(r->file);
    hp__place_abandon(&r->place);
    free(r->chunk);
    hp__arena_clear(&r->arena);
    free(r);
}
