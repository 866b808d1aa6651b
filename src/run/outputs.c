/*
 * Between the heads of a block and its output projection: the outputs of a
 * batch put aside, observers that see them, and projections that take the
 * place of the model's own.
 */
#include "run/engine.h"

hp__matrix hp__share_outputs(const hp__run *r, const hp__attention *a,
                             hp__share s)
{
    const hp_block *b = a->block;
    size_t n = (size_t)b->n_heads * b->head_dim;
    size_t row = s.variant * r->sizes.batch_rows + s.piece->row;
    return (hp__matrix){r->outputs + row * r->sizes.outputs, s.piece->rows, n,
                        n};
}

static hp_status show(const hp__run *r, hp__share owner, size_t variant,
                      hp_error *err)
{
    const hp__piece *p = owner.piece;
    const hp__attention *a = &r->layer.attention[r->block_index];
    hp__matrix z = hp__share_outputs(r, a, owner);
    hp__matrix x = hp__share_hidden(r, owner);
    const hp_seen_outputs seen = {.variant = variant,
                                  .block = a->block,
                                  .first_sequence = (uint32_t)p->first,
                                  .n_sequences = (uint32_t)p->n,
                                  .rows = z.rows,
                                  .n = z.n,
                                  .z = z.at,
                                  .width = x.n,
                                  .stream = x.at};
    return r->observer->outputs(r->observer->payload, &seen, err);
}

hp_status hp__outputs_show(const hp__run *r, const hp__piece *pieces, size_t n,
                           hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t i = 0; i < n; i++)
        for (size_t v = 0; v < r->variants.n && !st; v++) {
            size_t owner = hp__variant_owner(&r->variants, v, r->layer_index);
            st = show(r, (hp__share){&pieces[i], owner}, v, err);
        }
    return st;
}

static hp__projected *projected_at(const hp__run *r, size_t variant, size_t i)
{
    return &r->projected[variant * HP__MAX_BLOCKS + i];
}

hp_status hp__projections_get(const hp__run *r, size_t i, hp_error *err)
{
    const hp__attention *a = &r->layer.attention[i];
    hp_status st = HP_OK;
    for (size_t v = 0; v < r->variants.n && r->projected && !st; v++) {
        if (!a->o.weight || hp__variant_begin(&r->variants, v) > r->layer_index)
            continue;
        hp__projected *to = projected_at(r, v, i);
        hp_projection p = {
            .variant = v, .block = a->block, .weight = to->weight};
        if (a->o.form != HP__AS_STORED)
            p.weight = r->given;
        st = r->options->projections.get(r->options->projections.payload, &p,
                                         err);
        to->given = p.given;
        if (p.given && a->o.form != HP__AS_STORED)
            hp__map_cut(to->weight, &a->o, r->given);
    }
    return st;
}

hp__map hp__projection_of(const hp__run *r, const hp__attention *a,
                          size_t variant)
{
    hp__map o = a->o;
    if (r->projected) {
        size_t i = (size_t)(a - r->layer.attention);
        const hp__projected *p = projected_at(r, variant, i);
        if (p->given)
            o.weight = p->weight;
    }
    return o;
}
