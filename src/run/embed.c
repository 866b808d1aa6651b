/* From token ids to hidden states: rows of the tables of tokens, positions and
 * types, and what stands between them and the first layer. */
#include "run/engine.h"

static hp__band table_rows(const hp_tensor *t, size_t width, uint64_t row,
                           uint64_t rows)
{
    return (hp__band){t, width, row, rows, 0, width};
}

static hp_status add_positions(const hp__run *r, size_t tokens, float *x,
                               const hp__reader *reader, float *room,
                               hp_error *err)
{
    const hp_tensor *t = r->model->embedding.position;
    size_t width = (size_t)t->dims[1];
    hp__band band = table_rows(
        t, width, r->model->spec.position_offset + hp__past(r), tokens);
    hp_status st = hp__read_band(room, reader, &band, err);
    hp__matrix all = {.rows = 1, .n = tokens * width};
    all.at = x;
    if (!st)
        r->kernels->add_bias(&all, room);
    return st;
}

static hp_status embed_sequence(const hp__run *r, size_t sequence, float *x,
                                const hp__reader *reader, float *room,
                                hp_error *err)
{
    const hp__embedding *e = &r->model->embedding;
    size_t d = (size_t)e->token->dims[1];
    size_t n = hp__sequence_length(r, sequence);
    const int32_t *ids = r->sequences->ids + r->sequences->start[sequence];
    hp_status st = HP_OK;
    for (size_t i = 0; i < n && !st; i++) {
        hp__band row = table_rows(e->token, d, (uint64_t)ids[i], 1);
        st = hp__read_band(x + i * d, reader, &row, err);
    }
    if (!st && e->position)
        st = add_positions(r, n, x, reader, room, err);
    if (!st && e->type) {
        hp__band row = table_rows(e->type, d, 0, 1);
        hp__matrix all = {x, n, d, d};
        st = hp__read_band(room, reader, &row, err);
        if (!st)
            r->kernels->add_bias(&all, room);
    }
    return st;
}

static void project_rows(const hp__run *r, const hp__matrix *x,
                         const hp__matrix *rows)
{
    hp__map_apply(x->at, x->ld, r, &r->project, rows, 0);
    r->kernels->add_bias(x, r->project.bias);
}

hp_status hp__embed(const hp__run *r, hp__share share, const hp__reader *reader,
                    hp__scratch *scratch, hp_error *err)
{
    const hp__embedding *e = &r->model->embedding;
    const hp__piece *p = share.piece;
    hp__matrix x = hp__share_hidden(r, share), rows = x;
    size_t first = r->sequences->start[p->first];
    hp_status st = HP_OK;
    if (e->project.weight) {
        rows.at = scratch->wide;
        rows.n = rows.ld = (size_t)e->project.n_in;
    }
    for (size_t s = p->first; s < p->first + p->n && !st; s++)
        st = embed_sequence(r, s,
                            rows.at + (r->sequences->start[s] - first) * rows.n,
                            reader, scratch->normed, err);
    if (!st && e->norm.weight) {
        hp__norm norm;
        float *at = scratch->normed;
        st = hp__norm_load(&norm, &at, reader, &e->norm, err);
        if (!st)
            r->kernels->norm(rows.at, rows.ld, &rows, &norm);
    }
    if (!st && e->project.weight)
        project_rows(r, &x, &rows);
    return st ? st : hp__check_range(r, &x, "tensor", e->token->name, err);
}
