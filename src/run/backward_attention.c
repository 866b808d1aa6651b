/*
 * Attention of the heads that share keys and values, over one sequence, turned
 * around. Probabilities are computed again, a band of query rows at a time; the
 * gradients of keys and values grow band after band and head after head.
 */
#include "run/backward.h"
#include "run/query_band.h"

#include <string.h>

/* One head and where the gradients of its rows lie. */
typedef struct head_back {
    hp__head head;
    const float *dz; /* [tokens, dim], ld_dz apart */
    float *dq;       /* [tokens, dim], head.ld apart */
    float *dk, *dv;  /* [keys, dim], head.ld_keys apart */
    size_t ld_dz;
    hp__strips v_turned;  /* of the values, [dim, keys], */
    hp__strips k_strips;  /* of the keys, [keys, dim], */
    hp__strips dz_strips; /* and of a band of dz and of queries [rows, dim] */
    hp__strips q_strips;
} head_back;

static head_back head_back_of(const hp__run *r, const hp__heads_back *h,
                              size_t sequence, uint32_t number)
{
    const hp__attention *a = h->heads.attention;
    const hp_block *b = a->block;
    const size_t *start = r->sequences->start;
    size_t row = start[sequence] - start[h->heads.share.piece->first];
    size_t dim = b->head_dim;
    head_back out = {.head = hp__head_of(r, &h->heads, sequence, number),
                     .dz = h->dz + row * b->n_heads * dim + number * dim,
                     .ld_dz = b->n_heads * dim,
                     .dq = h->dqkv + row * a->width + number * dim};
    const float *from = b->cross ? h->heads.encoded : h->heads.qkv;
    float *to = b->cross ? h->dencoded : h->dqkv;
    out.dk = to + (out.head.k - from);
    out.dv = to + (out.head.v - from);
    return out;
}

static void clear(float *x, size_t rows, size_t n, size_t ld)
{
    for (size_t i = 0; i < rows; i++)
        memset(x + i * ld, 0, n * sizeof *x);
}

/* Keys and values, which all bands meet, to strips. Returns what is left of the
 * room. */
static float *cut_keys(head_back *h, float *room)
{
    hp__part k = {h->head.k, h->head.keys, h->head.dim, h->head.ld_keys}, v = k;
    v.at = h->head.v;
    h->head.k_strips = hp__strips_cut(&room, &k, 1);
    h->k_strips = hp__strips_cut(&room, &k, 0);
    h->v_turned = hp__strips_cut(&room, &v, 1);
    return room;
}

static void cut_band(head_back *h, const hp__query_band *b, float *room)
{
    hp__part q = {h->head.q + b->first * h->head.ld, b->rows, h->head.dim,
                  h->head.ld};
    hp__part dz = {h->dz + b->first * h->ld_dz, b->rows, h->head.dim, h->ld_dz};
    h->q_strips = hp__strips_cut(&room, &q, 0);
    h->dz_strips = hp__strips_cut(&room, &dz, 0);
}

/* C [keys of the band, dim] += A' B; A [rows, keys] is of scores. */
static hp__product turned(const head_back *h, const hp__query_band *b)
{
    return (hp__product){.m = b->high - b->low,
                         .n = h->head.dim,
                         .k = b->rows,
                         .lda = hp__band_stride(b),
                         .a_is_transposed = 1,
                         .ldc = h->head.ld_keys,
                         .add = 1};
}

/* dV += P' dZ */
static void values_back(const hp__run *r, const head_back *h,
                        const hp__query_band *b, const float *p)
{
    hp__product of = turned(h, b);
    of.a = p;
    of.b = h->dz + b->first * h->ld_dz;
    of.ldb = h->ld_dz;
    of.c = h->dv + b->low * h->head.ld_keys;
    hp__multiply(r->options->backend, &of, h->dz_strips);
}

/* dK += dS' Q */
static void keys_back(const hp__run *r, const head_back *h,
                      const hp__query_band *b, const float *ds)
{
    hp__product of = turned(h, b);
    of.a = ds;
    of.b = h->head.q + b->first * h->head.ld;
    of.ldb = h->head.ld;
    of.c = h->dk + b->low * h->head.ld_keys;
    hp__multiply(r->options->backend, &of, h->q_strips);
}

/* dP = dZ V' */
static void weights_back(const hp__run *r, const head_back *h,
                         const hp__query_band *b, float *out)
{
    hp__strips values = h->v_turned;
    hp__product p = {.m = b->rows,
                     .n = b->high - b->low,
                     .k = h->head.dim,
                     .a = h->dz + b->first * h->ld_dz,
                     .lda = h->ld_dz,
                     .b = h->head.v + b->low * h->head.ld_keys,
                     .ldb = h->head.ld_keys,
                     .b_rows_are_outputs = 1,
                     .ldc = hp__band_stride(b)};
    p.c = out;
    if (values.at)
        values.at += b->low / HP__STRIP * values.step;
    hp__multiply(r->options->backend, &p, values);
}

/* dQ = dS K */
static void queries_back(const hp__run *r, const head_back *h,
                         const hp__query_band *b, const float *ds)
{
    hp__strips keys = h->k_strips;
    hp__product p = {.m = b->rows,
                     .n = h->head.dim,
                     .k = b->high - b->low,
                     .a = ds,
                     .lda = hp__band_stride(b),
                     .b = h->head.k + b->low * h->head.ld_keys,
                     .ldb = h->head.ld_keys,
                     .c = h->dq + b->first * h->head.ld,
                     .ldc = h->head.ld};
    if (keys.at)
        keys.at += b->low * HP__STRIP;
    hp__multiply(r->options->backend, &p, keys);
}

/* Where a query does not see a key the probability is 0, and so is the
 * gradient of the score. */
static void band_back(const hp__run *r, const head_back *h,
                      const hp__query_band *b, const hp_block *block,
                      hp__scratch *scratch, float *ds)
{
    float inverse[HP__QUERY_ROWS];
    float *p = scratch->scores;
    size_t ld = hp__band_stride(b), n = b->high - b->low;
    hp__band_scores(r, &h->head, b, p);
    hp__band_soften(r, &h->head, b, block, scratch, inverse);
    for (size_t i = 0; i < b->rows; i++)
        r->kernels->scale(p + i * ld, n, inverse[i]);
    weights_back(r, h, b, ds);
    values_back(r, h, b, p);
    for (size_t i = 0; i < b->rows; i++)
        r->kernels->softmax_back(ds + i * ld, p + i * ld, n, block->scale);
    queries_back(r, h, b, ds);
    keys_back(r, h, b, ds);
}

static void head_back_run(const hp__run *r, head_back *h, const hp_block *block,
                          hp__scratch *scratch)
{
    size_t thread = (size_t)(scratch - r->scratch);
    float *room = scratch->strips;
    if (h->head.masked) {
        clear(h->dq, h->head.tokens, h->head.dim, h->head.ld);
        return;
    }
    if (room)
        room = cut_keys(h, room);
    for (size_t i = 0; i < h->head.tokens; i += HP__QUERY_ROWS) {
        hp__query_band b = hp__query_band_at(&h->head, i);
        if (room)
            cut_band(h, &b, room);
        band_back(r, h, &b, block, scratch,
                  r->backward->scratch[thread].scores);
    }
}

void hp__attend_back(const hp__run *r, const hp__heads_back *heads, size_t item,
                     hp__scratch *scratch)
{
    const hp_block *b = heads->heads.attention->block;
    size_t sequence = heads->heads.share.piece->first + item / b->n_kv_heads;
    uint32_t kv = (uint32_t)(item % b->n_kv_heads);
    int first = 1;
    for (uint32_t i = 0; i < b->n_heads; i++) {
        if (hp_block_kv_head(b, i) != kv)
            continue;
        head_back h = head_back_of(r, heads, sequence, i);
        if (first) {
            clear(h.dk, h.head.keys, h.head.dim, h.head.ld_keys);
            clear(h.dv, h.head.keys, h.head.dim, h.head.ld_keys);
        }
        first = 0;
        head_back_run(r, &h, b, scratch);
    }
}
