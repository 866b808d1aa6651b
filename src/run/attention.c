/*
 * Attention of one head over one sequence, a band of query rows at a time:
 * scores against the keys that the band can see, softmax and entropy in one
 * pass, and the weighted values. Nothing of the size tokens x tokens is ever
 * kept.
 */
#include "run/query_band.h"

#include <math.h>
#include <string.h>

static size_t first_key(const hp__head *h, size_t query)
{
    size_t seen = h->past + query + 1;
    return seen > h->window ? seen - h->window : 0;
}

static size_t past_key(const hp__head *h, size_t query)
{
    return h->causal ? h->past + query + 1 : h->keys;
}

hp__query_band hp__query_band_at(const hp__head *h, size_t first)
{
    hp__query_band b = {.first = first, .rows = h->tokens - first};
    if (b.rows > HP__QUERY_ROWS)
        b.rows = HP__QUERY_ROWS;
    b.low = first_key(h, first) / HP__STRIP * HP__STRIP;
    b.high = past_key(h, first + b.rows - 1);
    return b;
}

size_t hp__band_stride(const hp__query_band *b)
{
    return (b->high - b->low + 15) / 16 * 16;
}

void hp__band_scores(const hp__run *r, const hp__head *h,
                     const hp__query_band *b, float *scores)
{
    hp__strips keys = h->k_strips;
    hp__product p = {.m = b->rows,
                     .n = b->high - b->low,
                     .k = h->dim,
                     .a = h->q + b->first * h->ld,
                     .lda = h->ld,
                     .b = h->k + b->low * h->ld_keys,
                     .ldb = h->ld_keys,
                     .b_rows_are_outputs = 1,
                     .ldc = hp__band_stride(b)};
    p.c = scores;
    if (keys.at)
        keys.at += b->low / HP__STRIP * keys.step;
    hp__multiply(r->options->backend, &p, keys);
}

/* Scores become e^.. where a query sees the key, and 0 elsewhere. */
void hp__band_soften(const hp__run *r, const hp__head *h,
                     const hp__query_band *b, const hp_block *block,
                     const hp__scratch *s, float *inverse)
{
    size_t ld = hp__band_stride(b), n = b->high - b->low;
    for (size_t i = 0; i < b->rows; i++) {
        float *row = s->scores + i * ld;
        size_t low = first_key(h, b->first + i) - b->low;
        size_t high = past_key(h, b->first + i) - b->low;
        if (h->relative.bias)
            hp__relative_add(r->kernels, &h->relative, row + low, b->low + low,
                             high - low, h->past + b->first + i);
        double z = r->kernels->softmax(&s->entropy[b->first + i], row + low,
                                       high - low, block->scale);
        inverse[i] = (float)(1.0 / z);
        memset(row, 0, low * sizeof *row);
        memset(row + high, 0, (n - high) * sizeof *row);
    }
}

static void weigh_values(const hp__run *r, const hp__head *h,
                         const hp__query_band *b, const float *weights,
                         const float *inverse)
{
    hp__strips values = h->v_strips;
    hp__product p = {.m = b->rows,
                     .n = h->dim,
                     .k = b->high - b->low,
                     .a = weights,
                     .lda = hp__band_stride(b),
                     .b = h->v + b->low * h->ld_keys,
                     .ldb = h->ld_keys,
                     .c = h->z + b->first * h->ld_z,
                     .ldc = h->ld_z};
    if (values.at)
        values.at += b->low * HP__STRIP;
    hp__multiply(r->options->backend, &p, values);
    for (size_t i = 0; i < b->rows; i++)
        r->kernels->scale(h->z + (b->first + i) * h->ld_z, h->dim, inverse[i]);
}

static void silence(const hp__head *h)
{
    for (size_t i = 0; i < h->tokens; i++)
        memset(h->z + i * h->ld_z, 0, h->dim * sizeof *h->z);
}

/* What is seen of one head over one sequence. */
static hp_seen seen_of(const hp__head *h, const hp_block *block,
                       uint32_t number, size_t sequence)
{
    return (hp_seen){.sequence = (uint32_t)sequence,
                     .n_query = (uint32_t)h->tokens,
                     .position = (uint32_t)h->past,
                     .n_key = (uint32_t)h->keys,
                     .block = block,
                     .head = number};
}

static hp_status check_band(const hp__query_band *b, const hp__scratch *s,
                            const hp_seen *seen, hp_error *err)
{
    for (size_t i = b->first; i < b->first + b->rows; i++)
        if (!isfinite(s->entropy[i]))
            return hp_fail(err, HP_FORMAT,
                           "block '%s', head %u: attention leaves the range "
                           "of single precision (sequence %u, position %zu)",
                           seen->block->name, seen->head, seen->sequence,
                           seen->position + i);
    return HP_OK;
}

/* To every variant that shares the state of variant `owner`. */
static void show(const hp__run *r, hp_seen seen, size_t owner)
{
    for (size_t v = owner; v < r->variants.n; v++)
        if (hp__variant_owner(&r->variants, v, r->layer_index) == owner) {
            seen.variant = v;
            r->observer->see(r->observer->payload, &seen);
        }
}

/* Whole rows of probabilities, for observers only. */
static void show_probs(const hp__run *r, const hp__query_band *b,
                       const hp__scratch *s, const float *inverse, hp_seen seen)
{
    size_t n = b->high - b->low, keys = seen.n_key;
    for (size_t i = 0; i < b->rows; i++) {
        float *row = s->probs + i * keys;
        memset(row, 0, keys * sizeof *row);
        memcpy(row + b->low, s->scores + i * hp__band_stride(b),
               n * sizeof *row);
        r->kernels->scale(row + b->low, n, inverse[i]);
    }
    seen.n_query = (uint32_t)b->rows;
    seen.position += (uint32_t)b->first;
    seen.probs = s->probs;
    show(r, seen, seen.variant);
}

/* Keys of a sequence, each with its value. */
typedef struct keys {
    const float *at;
    size_t n, ld;
} keys;

static keys keys_of(const hp__run *r, const hp__heads *heads, size_t sequence)
{
    const hp__attention *a = heads->attention;
    const hp_block *b = a->block;
    size_t first = heads->share.piece->first;
    size_t past = hp__past(r), tokens = hp__sequence_length(r, sequence);
    size_t queries = (size_t)b->n_heads * b->head_dim;
    if (r->cache)
        return (keys){r->cache->rows[b - r->model->blocks],
                      b->cross ? r->cache->encoded : past + tokens,
                      2 * (size_t)b->n_kv_heads * b->head_dim};
    const hp_sequences *s = b->cross ? &r->stacks[0].sequences : r->sequences;
    size_t row = s->start[sequence] - s->start[first];
    size_t n = s->start[sequence + 1] - s->start[sequence];
    return b->cross
               ? (keys){heads->encoded + row * a->encoded_width, n,
                        a->encoded_width}
               : (keys){heads->qkv + row * a->width + queries, n, a->width};
}

static int is_masked(const unsigned char *mask, const hp_block *b,
                     uint32_t number)
{
    return mask && mask[b->first_head + number];
}

hp__head hp__head_of(const hp__run *r, const hp__heads *heads, size_t sequence,
                     uint32_t number)
{
    const hp__attention *a = heads->attention;
    const size_t *start = r->sequences->start;
    size_t row = start[sequence] - start[heads->share.piece->first];
    const hp_block *b = a->block;
    size_t dim = b->head_dim, shared = hp_block_kv_head(b, number);
    const unsigned char *mask = r->variants.at[heads->share.variant].mask;
    hp__relative relative = a->relative;
    if (relative.bias)
        relative.bias += number * (2 * relative.reach + 1);
    keys k = keys_of(r, heads, sequence);
    return (hp__head){.q = heads->qkv + row * a->width + number * dim,
                      .k = k.at + shared * dim,
                      .v = k.at + (b->n_kv_heads + shared) * dim,
                      .z = heads->z + row * heads->ld_z + number * dim,
                      .ld_z = heads->ld_z,
                      .ld = a->width,
                      .ld_keys = k.ld,
                      .tokens = hp__sequence_length(r, sequence),
                      .keys = k.n,
                      .dim = dim,
                      .relative = relative,
                      .past = hp__past(r),
                      .window = b->window ? b->window : SIZE_MAX,
                      .causal = b->causal,
                      .masked = is_masked(r->model->masked, b, number) ||
                                is_masked(mask, b, number)};
}

/* Keys and values of a head, which all bands meet, to strips. */
static void cut_keys(hp__head *h, float *room, int has_values)
{
    hp__part k = {h->k, h->keys, h->dim, h->ld_keys}, v = k;
    v.at = h->v;
    h->k_strips = hp__strips_cut(&room, &k, 1);
    if (has_values && !h->masked)
        h->v_strips = hp__strips_cut(&room, &v, 0);
}

hp_status hp__attend(const hp__run *r, const hp__heads *heads, size_t item,
                     hp__scratch *scratch, hp_error *err)
{
    const hp__attention *a = heads->attention;
    const hp__piece *p = heads->share.piece;
    const hp_block *block = a->block;
    size_t sequence = p->first + item / block->n_heads;
    uint32_t number = (uint32_t)(item % block->n_heads);
    hp__head h = hp__head_of(r, heads, sequence, number);
    float inverse[HP__QUERY_ROWS];
    hp_seen seen = seen_of(&h, block, number, sequence);
    seen.variant = heads->share.variant;
    if (scratch->strips)
        cut_keys(&h, scratch->strips, a->has_values);
    for (size_t i = 0; i < h.tokens; i += HP__QUERY_ROWS) {
        hp__query_band b = hp__query_band_at(&h, i);
        hp__band_scores(r, &h, &b, scratch->scores);
        hp__band_soften(r, &h, &b, block, scratch, inverse);
        hp_status st = check_band(&b, scratch, &seen, err);
        if (st)
            return st;
        if (r->observer->wants & HP_SEE_PROBS)
            show_probs(r, &b, scratch, inverse, seen);
        if (a->has_values && !h.masked)
            weigh_values(r, &h, &b, scratch->scores, inverse);
    }
    if (h.masked)
        silence(&h);
    if (r->observer->wants & HP_SEE_ENTROPY) {
        seen.row_entropy = scratch->entropy;
        show(r, seen, seen.variant);
    }
    return HP_OK;
}
