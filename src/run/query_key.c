/* Queries and keys on their way from the projection to the scores: each head's
 * norm, then the turn that says where in the sequence the token stands. */
#include "run/engine.h"

/* Columns first .. first + heads * dim of all rows. */
static void norm_heads(const hp__run *r, const hp__norm *norm, hp__matrix all,
                       size_t first, size_t heads)
{
    if (norm->kind == HP_NORM_NONE)
        return;
    for (size_t h = 0; h < heads; h++) {
        hp__matrix one = all;
        one.at += first + h * all.n;
        r->kernels->norm(one.at, one.ld, &one, norm);
    }
}

/* Keys come after queries in a row and turn as they do. */
static void turn_sequence(const hp__run *r, float *rows, size_t tokens,
                          size_t width, const hp_block *b)
{
    const hp__rotary *rotary = &r->rotary;
    size_t past = hp__past(r), dim = b->head_dim;
    for (size_t i = 0; i < tokens; i++) {
        size_t at = (past + i) * rotary->half;
        hp__matrix heads = {rows + i * width, b->n_heads + b->n_kv_heads, dim,
                            dim};
        r->kernels->rotate(&heads, rotary->cosines + at, rotary->sines + at);
    }
}

void hp__query_key(const hp__run *r, const hp__attention *a, hp__share share,
                   float *qkv)
{
    const hp_block *b = a->block;
    const hp__piece *p = share.piece;
    size_t dim = b->head_dim, queries = (size_t)b->n_heads * dim;
    hp__matrix all = {qkv, p->rows, dim, a->width};
    norm_heads(r, &a->q_norm, all, 0, b->n_heads);
    norm_heads(r, &a->k_norm, all, queries, b->n_kv_heads);
    if (!r->rotary.half)
        return;
    for (size_t s = p->first; s < p->first + p->n; s++) {
        size_t tokens = hp__sequence_length(r, s);
        turn_sequence(r, qkv, tokens, a->width, b);
        qkv += tokens * a->width;
    }
}
