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

/* Rows of one sequence: keys come after queries and turn as they do. */
static void turn_sequence(const hp__run *r, hp__matrix rows, const hp_block *b,
                          int back)
{
    const hp__rotary *rotary = &r->rotary;
    size_t past = hp__past(r), dim = b->head_dim;
    hp__matrix heads = {rows.at, b->n_heads + b->n_kv_heads, dim, dim};
    for (size_t i = 0; i < rows.rows; i++, heads.at += rows.ld) {
        size_t at = (past + i) * rotary->half;
        (back ? r->kernels->rotate_back : r->kernels->rotate)(
            &heads, rotary->cosines + at, rotary->sines + at);
    }
}

/* All sequences of a piece, forwards or back. */
static void turn(const hp__run *r, const hp_block *b, const hp__piece *p,
                 hp__matrix all, int back)
{
    for (size_t s = p->first; s < p->first + p->n && r->rotary.half; s++) {
        all.rows = hp__sequence_length(r, s);
        turn_sequence(r, all, b, back);
        all.at += all.rows * all.ld;
    }
}

void hp__query_key(const hp__run *r, const hp__attention *a, hp__share share,
                   float *qkv)
{
    const hp_block *b = a->block;
    const hp__piece *p = share.piece;
    size_t dim = b->head_dim, queries = (size_t)b->n_heads * dim;
    hp__matrix all = {.rows = p->rows, .n = dim, .ld = a->width};
    all.at = qkv;
    norm_heads(r, &a->q_norm, all, 0, b->n_heads);
    norm_heads(r, &a->k_norm, all, queries, b->n_kv_heads);
    turn(r, b, p, all, 0);
}

/* ---- back ---- */

static void norm_heads_back(const hp__run *r, const hp__norm *norm,
                            hp__matrix g, float *raw, size_t ld, size_t heads)
{
    if (norm->kind == HP_NORM_NONE)
        return;
    for (size_t h = 0; h < heads; h++) {
        hp__matrix x = {.rows = g.rows, .n = g.n, .ld = ld};
        x.at = raw + h * g.n;
        r->kernels->norm_back(g.at + h * g.n, g.ld, &x, norm);
    }
}

void hp__query_key_back(const hp__run *r, const hp__attention *a,
                        hp__share share, float *raw, float *dqkv)
{
    const hp_block *b = a->block;
    const hp__piece *p = share.piece;
    size_t dim = b->head_dim, queries = (size_t)b->n_heads * dim;
    size_t ld = queries + (size_t)b->n_kv_heads * dim;
    hp__matrix g = {.rows = p->rows, .n = dim, .ld = a->width};
    g.at = dqkv;
    turn(r, b, p, g, 1);
    norm_heads_back(r, &a->q_norm, g, raw, ld, b->n_heads);
    g.at += queries;
    norm_heads_back(r, &a->k_norm, g, raw ? raw + queries : NULL, ld,
                    b->n_kv_heads);
}
