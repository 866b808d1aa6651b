/* Which bands of which tensors a head owns: read off hp_linear, so that
 * scorers and writers need to know no layout. */
#include "headprune/model.h"
#include "model/graph.h"

/* Outputs of query, key or value: the weight's band, then the bias's. */
static size_t add_outputs(hp_slice *out, const hp_linear *l, hp_role role,
                          uint64_t head, uint64_t head_dim, int shared)
{
    size_t n = 0;
    hp_slice s = {.tensor = l->weight,
                  .role = role,
                  .axis = l->out_axis,
                  .start = l->first + head * l->head_stride,
                  .count = head_dim,
                  .shared = shared};
    out[n++] = s;
    if (l->bias) {
        s.tensor = l->bias;
        s.axis = 0;
        out[n++] = s;
    }
    return n;
}

/* Query heads that use a key and value head. */
static uint32_t users_of(const hp_block *b, uint32_t kv)
{
    uint32_t n = 0;
    for (uint32_t h = 0; h < b->n_heads; h++)
        n += hp_block_kv_head(b, h) == kv;
    return n;
}

size_t hp_model_slices(const hp_model *m, size_t head,
                       hp_slice out[HP_MAX_SLICES])
{
    const hp_block *b = &m->blocks[m->heads[head].block];
    uint32_t own = (uint32_t)(head - b->first_head);
    uint32_t kv = hp_block_kv_head(b, own);
    int shared = users_of(b, kv) > 1;
    size_t n = add_outputs(out, &b->q, HP_ROLE_Q, own, b->head_dim, 0);
    n += add_outputs(out + n, &b->k, HP_ROLE_K, kv, b->head_dim, shared);
    n += add_outputs(out + n, &b->v, HP_ROLE_V, kv, b->head_dim, shared);
    out[n++] = (hp_slice){.tensor = b->o.weight,
                          .role = HP_ROLE_O,
                          .axis = 1 - b->o.out_axis,
                          .start = (uint64_t)own * b->head_dim,
                          .count = b->head_dim};
    return n;
}

static uint64_t slice_elements(const hp_slice *s)
{
    return s->tensor->n_elements / s->tensor->dims[s->axis] * s->count;
}

uint64_t hp_model_head_parameters(const hp_model *m, size_t head)
{
    hp_slice s[HP_MAX_SLICES];
    uint64_t sum = 0;
    size_t n = hp_model_slices(m, head, s);
    for (size_t i = 0; i < n; i++)
        if (!s[i].shared)
            sum += slice_elements(&s[i]);
    return sum;
}

uint64_t hp_model_heads_parameters(const hp_model *m)
{
    hp_slice s[HP_MAX_SLICES];
    uint64_t sum = 0;
    for (size_t h = 0; h < m->n_heads; h++) {
        const hp_block *b = &m->blocks[m->heads[h].block];
        uint32_t own = (uint32_t)(h - b->first_head);
        int first_of_group =
            !own || hp_block_kv_head(b, own - 1) != hp_block_kv_head(b, own);
        size_t n = hp_model_slices(m, h, s);
        for (size_t i = 0; i < n; i++)
            if (!s[i].shared || first_of_group)
                sum += slice_elements(&s[i]);
    }
    return sum;
}
