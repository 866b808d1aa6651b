/* Reads a document of any kind: the schema says which reader it takes, or the
 * name when the file is no JSON. */
#include "base/arena.h"
#include "document/document_parts.h"
#include "document/read_parts.h"
#include "headprune/document.h"
#include "io/file.h"

#include <stdlib.h>
#include <string.h>

typedef struct reader {
    const char *schema;
    hp_status (*read)(hp_document *d, const hp__node *root, hp_error *err);
} reader;

static hp_status take_scores(hp_document *d, const hp__node *root,
                             hp_error *err)
{
    return hp__read_scores(&d->scores, root, err);
}

static hp_status take_plan(hp_document *d, const hp__node *root, hp_error *err)
{
    return hp__read_plan(&d->plan, root, err);
}

static hp_status take_report(hp_document *d, const hp__node *root,
                             hp_error *err)
{
    hp_status st = hp__read_plan(&d->plan, root, err);
    if (!st)
        st = hp__read_choice(&d->choice, root, err);
    return st ? st : hp__read_report_scores(&d->scores, root, err);
}

static hp_status take_eval(hp_document *d, const hp__node *root, hp_error *err)
{
    return hp__read_eval(&d->eval, root, err);
}

static hp_status take_sweep(hp_document *d, const hp__node *root, hp_error *err)
{
    (void)root;
    return hp_document_parse_sweep(&d->sweep, d->text, d->len, err);
}

static hp_status take_redundancy(hp_document *d, const hp__node *root,
                                 hp_error *err)
{
    return hp__read_redundancy(&d->redundancy, root, err);
}

static const reader readers[] = {
    {HP__SCORES_SCHEMA, take_scores}, {HP__PLAN_SCHEMA, take_plan},
    {HP__REPORT_SCHEMA, take_report}, {HP__EVAL_SCHEMA, take_eval},
    {HP__SWEEP_SCHEMA, take_sweep},   {HP__REDUNDANCY_SCHEMA, take_redundancy},
};
enum { N_READERS = sizeof readers / sizeof *readers };

static hp_status read_root(hp_document *d, const hp__node *root, hp_error *err)
{
    const char *schema = hp__node_string(hp__node_find(root, "schema"));
    if (!schema)
        return hp_fail(err, HP_FORMAT,
                       "no document of headprune: key 'schema' is missing or "
                       "no string");
    for (size_t i = 0; i < N_READERS; i++)
        if (!strcmp(schema, readers[i].schema))
            return readers[i].read(d, root, err);
    return hp_fail(err, HP_FORMAT,
                   "schema '%.80s': there is nothing in it to use", schema);
}

/* A document with what it owns; `d` stands first, so that freeing it is freeing
 * all. */
typedef struct owner {
    hp_document d;
    char *text;
    char path[];
} owner;

static hp_status new_document(hp_document **out, const char *path,
                              hp_error *err)
{
    owner *o = NULL;
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    hp_status st = hp__new(&o, 1, sizeof *o + strlen(name) + 1, err);
    if (st)
        return st;
    memcpy(o->path, name, strlen(name) + 1);
    o->d.path = o->path;
    *out = &o->d;
    return HP_OK;
}

static hp_status read_json(hp_document *d, const char *path, hp_error *err)
{
    owner *o = (owner *)d;
    hp__json *j = NULL;
    hp_status st =
        hp__file_slurp(&o->text, &d->len, path, HP__DOCUMENT_MOST, err);
    d->text = o->text;
    if (!st)
        st = hp__json_parse(&j, d->text, d->len, err);
    if (!st)
        st = read_root(d, hp__json_root(j), err);
    hp__json_free(j);
    return st;
}

static int holds_attention(const char *path)
{
    static const char end[] = ".safetensors";
    size_t len = strlen(path), n = sizeof end - 1;
    return len > n && !strcmp(path + len - n, end);
}

hp_status hp_document_open(hp_document **out, const char *path, hp_error *err)
{
    hp_document *d = NULL;
    *out = NULL;
    hp_status st = new_document(&d, path, err);
    if (!st)
        st = holds_attention(path)
                 ? hp__read_thumbnails(&d->thumbnails, path, err)
                 : read_json(d, path, err);
    if (st) {
        hp_fail_file(err, st, d ? d->path : path);
        hp_document_free(d);
        return st;
    }
    *out = d;
    return HP_OK;
}

void hp_document_free(hp_document *d)
{
    if (!d)
        return;
    hp_scores_free(d->scores);
    hp_plan_free(d->plan);
    free(d->choice);
    hp_eval_free(d->eval);
    hp_sweep_free(d->sweep);
    hp_redundancy_free(d->redundancy);
    hp__thumbnails_free(d->thumbnails);
    free(((owner *)d)->text);
    free(d);
}
