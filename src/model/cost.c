/* What a model weighs and what a token of it costs, whole or without some
 * heads: counted from the maps that were bound. */
#include "model/graph.h"

/* 1: the two heads of a block own the same band. */
static int owns(const hp_model *m, size_t head, const hp_slice *s)
{
    hp_slice own[HP_MAX_SLICES];
    size_t n = hp_model_slices(m, head, own);
    for (size_t i = 0; i < n; i++)
        if (own[i].tensor == s->tensor && own[i].start == s->start)
            return 1;
    return 0;
}

/* 1: the band goes with this head: no head that stays owns it, and it was not
 * counted with a head before. */
static int goes(const hp_model *m, size_t head, const hp_slice *s,
                const unsigned char *removed)
{
    const hp_block *b = &m->blocks[m->heads[head].block];
    if (!s->shared)
        return 1;
    for (size_t i = 0; i < b->n_heads; i++) {
        size_t other = b->first_head + i;
        if ((!removed[other] || other < head) && owns(m, other, s))
            return 0;
    }
    return 1;
}

/* What goes with the heads of `removed`: stored values, their bytes, and
 * weights that a token is multiplied with. */
static void count_removed(hp_cost *gone, const hp_model *m,
                          const unsigned char *removed)
{
    for (size_t h = 0; h < m->n_heads; h++) {
        hp_slice slices[HP_MAX_SLICES];
        size_t n = removed[h] ? hp_model_slices(m, h, slices) : 0;
        for (size_t i = 0; i < n; i++) {
            const hp_tensor *t = slices[i].tensor;
            uint64_t share = t->dims[slices[i].axis];
            if (!share || !goes(m, h, &slices[i], removed))
                continue;
            gone->parameters += t->n_elements / share * slices[i].count;
            gone->bytes += t->size / share * slices[i].count;
            if (t->n_dims > 1)
                gone->multiply_adds += t->n_elements / share * slices[i].count;
        }
    }
}

static uint64_t map_size(const hp_linear *l)
{
    return l->weight ? l->count * l->n_in : 0;
}

static uint64_t maps_size(const hp_model *m)
{
    uint64_t sum =
        map_size(&m->output.transform) + map_size(&m->output.decoder);
    for (size_t i = 0; i < m->n_blocks; i++) {
        const hp_block *b = &m->blocks[i];
        if (b->n_heads)
            sum += map_size(&b->q) + map_size(&b->k) + map_size(&b->v) +
                   map_size(&b->o);
    }
    for (uint32_t i = 0; m->layers && i < m->spec.n_layers; i++) {
        const hp_mlp *mlp = &m->layers[i].mlp;
        sum += map_size(&mlp->up) + map_size(&mlp->gate) + map_size(&mlp->down);
    }
    return sum;
}

/* Keys that all queries of a sequence see together. */
static uint64_t keys_seen(const hp_block *b, uint64_t length)
{
    uint64_t w = b->window && b->window < length ? b->window : length;
    if (!b->causal)
        return length * length;
    return w * (w + 1) / 2 + (length - w) * w;
}

/* Products of queries with keys and of shares with values, in a sequence. */
static uint64_t attention(const hp_model *m, const unsigned char *removed,
                          uint64_t length)
{
    uint64_t sum = 0;
    for (size_t h = 0; h < m->n_heads; h++) {
        const hp_block *b = &m->blocks[m->heads[h].block];
        if (!removed || !removed[h])
            sum += 2 * (uint64_t)b->head_dim * keys_seen(b, length);
    }
    return sum;
}

hp_cost hp_model_cost(const hp_model *m, const unsigned char *removed,
                      uint64_t length)
{
    const hp_checkpoint *c = m->checkpoint;
    hp_cost all = {.parameters = m->info.parameters}, gone = {0};
    for (size_t i = 0; i < hp_checkpoint_n_tensors(c); i++)
        all.bytes += hp_checkpoint_tensor(c, i)->size;
    if (removed)
        count_removed(&gone, m, removed);
    all.parameters -= gone.parameters;
    all.bytes -= gone.bytes;
    if (!hp_model_runs(m))
        return all;
    all.multiply_adds = maps_size(m) - gone.multiply_adds +
                        (length ? attention(m, removed, length) / length : 0);
    return all;
}
