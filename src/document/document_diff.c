/* The document diff/1. */
#include "document/document_parts.h"

#define DIFF_SCHEMA "headprune.diff/1"

static void put_side(hp__emitter *e, const char *key, const hp_diff_side *s)
{
    const hp_model_info *m = s->model ? hp_model_info_get(s->model) : NULL;
    hp__emit_object(e, key, 1);
    hp__emit_string(e, "path", hp_checkpoint_path(s->checkpoint));
    hp__emit_string(e, "fingerprint", hp_checkpoint_fingerprint(s->checkpoint));
    hp__emit_string(e, "model_type", m ? m->model_type : NULL);
    if (m)
        hp__emit_uint(e, "heads", m->heads);
    else
        hp__emit_null(e, "heads");
    hp__emit_end(e);
}

static void put_counts(hp__emitter *e, const char *key,
                       const size_t counts[HP_DIFF_VERDICTS])
{
    hp__emit_object(e, key, 1);
    for (int v = 0; v < HP_DIFF_VERDICTS; v++)
        hp__emit_uint(e, hp_diff_verdict_name((hp_diff_verdict)v), counts[v]);
    hp__emit_end(e);
}

static void put_summary(hp__emitter *e, const hp_diff *d)
{
    size_t tensors[HP_DIFF_VERDICTS], heads[HP_DIFF_VERDICTS];
    hp_diff_count(tensors, heads, d);
    hp__emit_object(e, "summary", 0);
    put_counts(e, "tensors", tensors);
    put_counts(e, "heads", heads);
    hp__emit_end(e);
}

static void put_stored(hp__emitter *e, const char *key, const hp_tensor *t)
{
    if (!t) {
        hp__emit_null(e, key);
        return;
    }
    hp__emit_object(e, key, 1);
    hp__emit_string(e, "dtype", t->dtype_name);
    hp__emit_array(e, "shape", 1);
    for (unsigned i = 0; i < t->n_dims; i++)
        hp__emit_uint(e, NULL, t->dims[i]);
    hp__emit_end(e);
    hp__emit_end(e);
}

static void put_values(hp__emitter *e, const hp_difference *d)
{
    hp__emit_uint(e, "compared", d->compared);
    hp__emit_uint(e, "differing", d->differing);
    hp__emit_uint(e, "zeroed", d->zeroed);
    hp__emit_double(e, "max_abs", d->max_abs);
    hp__emit_double(e, "relative", d->relative);
}

static void put_tensor(hp__emitter *e, const hp_diff_tensor *t)
{
    hp__emit_object(e, NULL, 1);
    hp__emit_string(e, "name", t->name);
    hp__emit_string(e, "verdict", hp_diff_verdict_name(t->verdict));
    put_stored(e, "a", t->a);
    put_stored(e, "b", t->b);
    put_values(e, &t->values);
    hp__emit_end(e);
}

static void put_head(hp__emitter *e, const hp_diff_head *d)
{
    const hp_head *h = d->head;
    hp__emit_object(e, NULL, 1);
    hp__emit_string(e, "id", h->id);
    hp__emit_uint(e, "block", h->block);
    hp__emit_string(e, "name", h->name);
    hp__emit_uint(e, "layer", h->layer);
    hp__emit_uint(e, "head", h->head);
    hp__emit_string(e, "verdict", hp_diff_verdict_name(d->verdict));
    put_values(e, &d->values);
    hp__emit_end(e);
}

hp_status hp_document_diff(char **out, const hp_diff *d, hp_error *err)
{
    hp__buffer b = {0};
    hp__emitter e;
    *out = NULL;
    hp__emit_start(&e, &b);
    hp_status st = hp__document_open(&e, DIFF_SCHEMA, err);
    put_side(&e, "a", &d->a);
    put_side(&e, "b", &d->b);
    hp__emit_bool(&e, "same", d->same);
    put_summary(&e, d);
    hp__emit_array(&e, "tensors", 0);
    for (size_t i = 0; i < d->n_tensors; i++)
        put_tensor(&e, &d->tensors[i]);
    hp__emit_end(&e);
    hp__emit_array(&e, "heads", 0);
    for (size_t i = 0; i < d->n_heads; i++)
        put_head(&e, &d->heads[i]);
    hp__emit_end(&e);
    return hp__document_finish(out, &e, st, err);
}
