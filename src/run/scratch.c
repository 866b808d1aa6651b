/* How much working memory a thread needs, which a sweep takes once. */
#include "run/scratch.h"
#include "base/arena.h"
#include "run/backward.h"

#include <stdlib.h>

size_t hp__embedded_width(const hp_model *m)
{
    const hp_linear *project = &m->embedding.project;
    return project->weight ? (size_t)project->n_in : m->spec.width;
}

/* Rows of hidden states or of embeddings, or the embedding's norm. */
static size_t normed_room(const hp_model *m, size_t rows)
{
    size_t width = hp__embedded_width(m),
           norm = hp__norm_room(&m->embedding.norm);
    size_t n = rows * (width > m->spec.width ? width : m->spec.width);
    return n > norm ? n : norm;
}

static int has_head_norms(const hp_model *m)
{
    for (size_t i = 0; i < m->n_blocks; i++)
        if (m->blocks[i].q_norm.weight || m->blocks[i].k_norm.weight)
            return 1;
    return 0;
}

/* What the MLP takes of hp__scratch.wide, forward or back. */
static size_t mlp_room(const hp__run *r)
{
    size_t rows = r->sizes.piece_rows, most = HP__PIECE_ROWS;
    if (r->observer->wants & HP_SEE_GRADIENT && most < HP__MLP_BACK_ROWS)
        most = HP__MLP_BACK_ROWS;
    return (rows < most ? rows : most) * r->sizes.ffn;
}

static size_t wide_room(const hp__run *r)
{
    size_t wide = r->sizes.piece_rows * r->sizes.qkv, mlp = mlp_room(r);
    return wide > mlp ? wide : mlp;
}

/* Strips of the widest head: of its keys and values; on the way back of keys
 * both ways, of values, and of a band's queries and gradients. */
static size_t strips_room(const hp__run *r)
{
    size_t most = 0, length = r->sizes.length;
    for (size_t i = 0; i < r->model->n_blocks && r->strips; i++) {
        size_t dim = r->model->blocks[i].head_dim;
        size_t n = hp__strips_size(dim, length) + hp__strips_size(length, dim);
        if (r->observer->wants & HP_SEE_GRADIENT)
            n += hp__strips_size(dim, length) +
                 2 * hp__strips_size(HP__QUERY_ROWS, dim);
        most = n > most ? n : most;
    }
    return most;
}

static size_t scores_room(const hp__run *r)
{
    return HP__QUERY_ROWS * ((r->sizes.length + 15) / 16 * 16);
}

size_t hp__scratch_floats(const hp__run *r)
{
    return wide_room(r) + normed_room(r->model, r->sizes.piece_rows) +
           scores_room(r) + strips_room(r);
}

hp_status hp__scratch_get(hp__scratch *s, const hp__run *r, hp_error *err)
{
    size_t rows = r->sizes.piece_rows;
    hp_status st = hp__new(&s->wide, wide_room(r), sizeof(float), err);
    if (!st)
        st = hp__new(&s->normed, normed_room(r->model, rows), sizeof(float),
                     err);
    if (!st)
        st = hp__new(&s->scores, scores_room(r), sizeof(float), err);
    if (!st && r->strips)
        st = hp__new(&s->strips, strips_room(r), sizeof(float), err);
    if (!st)
        st = hp__new(&s->entropy, r->sizes.length, sizeof(double), err);
    if (!st && r->observer->wants & HP_SEE_GRADIENT && has_head_norms(r->model))
        st = hp__new(&s->raw, rows * r->sizes.qkv, sizeof(float), err);
    if (!st && r->observer->wants & HP_SEE_PROBS)
        st = hp__new(&s->probs, HP__QUERY_ROWS * r->sizes.length, sizeof(float),
                     err);
    return st;
}

void hp__scratch_free(hp__scratch *s)
{
    free(s->wide);
    free(s->normed);
    free(s->scores);
    free(s->strips);
    free(s->raw);
    free(s->entropy);
    free(s->probs);
}
