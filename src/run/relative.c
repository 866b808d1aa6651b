/*
 * From buckets to distances (Raffel et al. 2020, section 2.1): near distances
 * have a bucket each, farther ones share buckets that grow by a factor.
 */
#include "run/relative.h"
#include "base/arena.h"
#include "base/checked.h"

#include <math.h>
#include <stdlib.h>

/*
 * The authors' own computation, in single precision as transformers does it:
 * where a logarithm is nearly whole, the precision decides.
 */
static uint32_t bucket_of(uint32_t distance, uint32_t buckets,
                          uint32_t max_distance)
{
    uint32_t exact = buckets / 2;
    if (distance < exact)
        return distance;
    float grown = logf((float)distance / (float)exact) /
                  (float)log((double)max_distance / (double)exact) *
                  (float)(buckets - exact);
    if (!(grown < (float)(buckets - 1 - exact)))
        return buckets - 1;
    return exact + (uint32_t)grown;
}

uint32_t hp__relative_bucket(const hp_relative *r, int one_way,
                             int32_t distance)
{
    uint32_t size = (uint32_t)(distance < 0 ? -distance : distance);
    if (one_way)
        return bucket_of(distance < 0 ? size : 0, r->buckets, r->max_distance);
    uint32_t half = r->buckets / 2;
    return (distance > 0 ? half : 0) + bucket_of(size, half, r->max_distance);
}

hp_status hp__relative_room(size_t *floats, const hp_block *b, hp_error *err)
{
    size_t n, width = 2 * (size_t)b->relative.max_distance + 1;
    if (!b->relative.table)
        return HP_OK;
    if (!hp__mul(&n, b->n_heads, width) || !hp__add(&n, n, 16) ||
        !hp__add(floats, *floats, n))
        return hp_fail(err, HP_NOMEM, "out of memory (tensor '%s')",
                       b->relative.table->name);
    return HP_OK;
}

/* The bias is added to scores that the softmax scales. */
static void spread(float *out, const float *table, const hp_block *b)
{
    int32_t reach = (int32_t)b->relative.max_distance;
    size_t width = 2 * (size_t)reach + 1;
    for (int32_t d = -reach; d <= reach; d++) {
        size_t bucket = hp__relative_bucket(&b->relative, b->causal, d);
        for (size_t h = 0; h < b->n_heads; h++)
            out[h * width + (size_t)(d + reach)] =
                table[bucket * b->n_heads + h] / b->scale;
    }
}

hp_status hp__relative_load(hp__relative *out, float **at, const hp__reader *r,
                            const hp_block *b, hp_error *err)
{
    const hp_tensor *t = b->relative.table;
    float *table = NULL;
    *out = (hp__relative){0};
    if (!t)
        return HP_OK;
    hp__band all = hp__band_all(t);
    hp_status st = hp__new(&table, (size_t)t->n_elements, sizeof *table, err);
    if (!st)
        st = hp__read_band(table, r, &all, err);
    if (!st) {
        size_t n = b->n_heads * (2 * (size_t)b->relative.max_distance + 1);
        spread(*at, table, b);
        *out = (hp__relative){*at, b->relative.max_distance};
        *at += (n + 15) / 16 * 16;
    }
    free(table);
    return st;
}

static void add_constant(float *scores, size_t n, float value)
{
    for (size_t i = 0; i < n; i++)
        scores[i] += value;
}

/* How many of n things from `first` on come before `end`. */
static size_t before(size_t first, size_t n, size_t end)
{
    size_t count = end > first ? end - first : 0;
    return count < n ? count : n;
}

void hp__relative_add(const hp__kernels *k, const hp__relative *head,
                      float *scores, size_t first, size_t n, size_t query)
{
    const float *bias = head->bias;
    size_t reach = head->reach;
    size_t far = before(first, n, query > reach ? query - reach : 0);
    size_t near = before(first, n, query + reach + 1) - far;
    hp__matrix part = {scores + far, 1, near, near};
    add_constant(scores, far, bias[0]);
    if (near)
        k->add_bias(&part, bias + (first + far + reach - query));
    add_constant(scores + far + near, n - far - near, bias[2 * reach]);
}
