/* See masked_head.h. A checkpoint may have lost its head, or a part of it,
 * without being wrong: the attention is all there. */
#include "model/masked_head.h"

#include <stdio.h>

static const hp_tensor *find(hp__binder *b, const char *name,
                             const char *ending)
{
    char full[128];
    (void)snprintf(full, sizeof full, "%s%s", name, ending);
    return hp__bind_find(b, full);
}

/* The bias is stored under its own name, the decoder's, or both. */
static const char *find_bias(hp__binder *b, const hp__masked_names *n)
{
    for (int i = 0; i < 2 && n->bias[i]; i++)
        if (hp__bind_find(b, n->bias[i]))
            return n->bias[i];
    return NULL;
}

static void note_missing(hp__binder *b, const char *name, const char *ending)
{
    hp__bind_note(b, "the masked-LM head is not used: tensor '%s%s' is missing",
                  name, ending);
}

/* 1: the file has all of the head but the decoder's weight. */
static int has_head(hp__binder *b, const hp__masked_names *n)
{
    if (!find(b, n->dense, ".weight"))
        return 0;
    if (!find(b, n->dense, ".bias"))
        note_missing(b, n->dense, ".bias");
    else if (!find(b, n->norm, ".weight") && !find(b, n->norm, ".gamma"))
        note_missing(b, n->norm, ".weight");
    else if (!find(b, n->norm, ".bias") && !find(b, n->norm, ".beta"))
        note_missing(b, n->norm, ".bias");
    else if (!find_bias(b, n))
        note_missing(b, n->bias[0], "");
    else
        return 1;
    return 0;
}

/* NULL: neither stored nor tied. */
static const hp_tensor *bind_decoder(hp__binder *b, const hp__masked_names *n,
                                     int tied)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s.weight", n->decoder);
    const hp_tensor *stored = hp__bind_stored_output(b, name, tied);
    if (stored)
        return stored;
    if (!tied) {
        hp__bind_note(b,
                      "the masked-LM head is not used: it is not tied, and "
                      "tensor '%s' is missing",
                      name);
        return NULL;
    }
    hp__bind_tied(b, name);
    return b->m->embedding.token;
}

void hp__bind_masked_head(hp__binder *b, const hp__masked_names *n,
                          const hp__node *config)
{
    hp_spec *s = &b->m->spec;
    hp__output_head *out = &b->m->output;
    int tied = 1;
    hp__bind_outside(b, "");
    b->layer_pruned = 0;
    out->scale = 1;
    if (!has_head(b, n))
        return;
    if (!b->status)
        b->status =
            hp__node_find_bool(&tied, config, "tie_word_embeddings", b->err);
    out->decoder = (hp_linear){.count = s->vocab, .n_in = s->width};
    out->decoder.weight = bind_decoder(b, n, tied);
    if (!out->decoder.weight)
        return;
    out->activation = s->activation;
    out->transform =
        hp__bind_linear(b, n->dense, HP__OUT_IN, s->width, s->width);
    out->norm = hp__bind_norm(b, n->norm, s->width);
    out->decoder.bias = hp__bind_tensor(b, find_bias(b, n), s->vocab, 0);
    s->output = HP_OUTPUT_MASKED;
}
