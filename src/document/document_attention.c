/* The document attention/1. Numbers have 6 significant digits; who needs all
 * of them reads the safetensors file. */
#include "document/document_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define ATTENTION_SCHEMA "headprune.attention/1"

/* As scores are rounded. */
static double rounded(double value)
{
    char text[32];
    if (!isfinite(value))
        return value;
    snprintf(text, sizeof text, "%.5e", value);
    return strtod(text, NULL);
}

static void put_tokens(hp__emitter *e, const hp_attention_tokens *t,
                       const char *ids, const char *texts)
{
    hp__emit_array(e, ids, 1);
    for (size_t i = 0; i < t->n; i++)
        hp__emit_int(e, NULL, t->ids[i]);
    hp__emit_end(e);
    if (!t->texts) {
        hp__emit_null(e, texts);
        return;
    }
    hp__emit_array(e, texts, 1);
    for (size_t i = 0; i < t->n; i++)
        hp__emit_string(e, NULL, t->texts[i]);
    hp__emit_end(e);
}

static void put_head(hp__emitter *e, const hp_head *h,
                     const hp_attention_head *v)
{
    hp__emit_object(e, NULL, 1);
    hp__emit_string(e, "id", h->id);
    hp__emit_uint(e, "block", h->block);
    hp__emit_string(e, "name", h->name);
    hp__emit_uint(e, "layer", h->layer);
    hp__emit_uint(e, "head", h->head);
    hp__emit_double(e, "entropy", rounded(v->entropy));
    hp__emit_double(e, "first", rounded(v->first));
    hp__emit_double(e, "previous", rounded(v->previous));
    hp__emit_double(e, "own", rounded(v->own));
    hp__emit_double(e, "next", rounded(v->next));
    hp__emit_object(e, "top", 1);
    hp__emit_uint(e, "position", v->top);
    hp__emit_double(e, "share", rounded(v->top_share));
    hp__emit_end(e);
    hp__emit_end(e);
}

static void put_matrix(hp__emitter *e, const hp_attention *a)
{
    if (!a->matrix) {
        hp__emit_null(e, "matrix");
        return;
    }
    const hp_attention_head *v = &a->values[a->head];
    hp__emit_array(e, "matrix", 0);
    for (size_t i = 0; i < v->queries->n; i++) {
        const float *row = a->matrix + i * v->keys->n;
        hp__emit_array(e, NULL, 1);
        for (size_t j = 0; j < v->keys->n; j++)
            hp__emit_double(e, NULL, rounded((double)row[j]));
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

hp_status hp_document_attention(char **out, const hp_attention *a,
                                const unsigned char *mask, hp_error *err)
{
    hp__buffer b = {0};
    hp__emitter e;
    *out = NULL;
    hp__emit_start(&e, &b);
    hp_status st = hp__document_start(&e, ATTENTION_SCHEMA, &a->model, err);
    put_tokens(&e, &a->tokens, "ids", "tokens");
    if (a->decoder.n)
        put_tokens(&e, &a->decoder, "decoder_ids", "decoder_tokens");
    hp__emit_array(&e, "heads", 0);
    for (size_t i = 0; i < a->n_heads; i++)
        if (!mask || mask[i])
            put_head(&e, &a->heads[i], &a->values[i]);
    hp__emit_end(&e);
    put_matrix(&e, a);
    return hp__document_finish(out, &e, st, err);
}
