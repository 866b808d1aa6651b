/*
 * Which token comes next. Tokens are taken from a heap, the likeliest first,
 * only as many as top-k, top-p and the draw need.
 */
#include "run/sampling.h"
#include "base/random_bits.h"

#include <math.h>

typedef struct heap {
    const float *logits;
    int32_t *ids; /* [n]; behind `left` the ids that were taken, backwards */
    size_t n, left;
    double highest, temperature;
} heap;

/* 1: a comes before b. Equal logits: the lower id. */
static int before(const heap *h, int32_t a, int32_t b)
{
    if (h->logits[a] > h->logits[b])
        return 1;
    return !(h->logits[a] < h->logits[b]) && a < b;
}

static void sift(heap *h, size_t at)
{
    int32_t id = h->ids[at];
    for (size_t child; (child = 2 * at + 1) < h->left; at = child) {
        if (child + 1 < h->left && before(h, h->ids[child + 1], h->ids[child]))
            child++;
        if (!before(h, h->ids[child], id))
            break;
        h->ids[at] = h->ids[child];
    }
    h->ids[at] = id;
}

/* The likeliest token that was not taken yet. */
static int32_t take(heap *h)
{
    int32_t id = h->ids[0];
    h->left--;
    h->ids[0] = h->ids[h->left];
    h->ids[h->left] = id;
    if (h->left)
        sift(h, 0);
    return id;
}

static double weight(const heap *h, int32_t id)
{
    return exp(((double)h->logits[id] - h->highest) / h->temperature);
}

int32_t hp__sample_greedy(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (logits[i] > logits[best])
            best = i;
    return (int32_t)best;
}

/* Weight of the k likeliest tokens, or of all; those of top-k are taken. */
static double total_weight(heap *h, const hp_sampling *s)
{
    double total = 0.0;
    if (s->top_k && s->top_k < h->n)
        for (uint32_t i = 0; i < s->top_k; i++)
            total += weight(h, take(h));
    else
        for (size_t i = 0; i < h->n; i++)
            total += weight(h, (int32_t)i);
    return total;
}

/* The i-th likeliest token. */
static int32_t token_at(heap *h, size_t i)
{
    while (h->n - h->left <= i)
        take(h);
    return h->ids[h->n - 1 - i];
}

int32_t hp__sample(const float *logits, size_t n, const hp_sampling *s,
                   uint64_t *state, int32_t *room)
{
    heap h = {.logits = logits,
              .ids = room,
              .n = n,
              .left = n,
              .highest = (double)logits[hp__sample_greedy(logits, n)],
              .temperature = s->temperature};
    for (size_t i = 0; i < n; i++)
        room[i] = (int32_t)i;
    for (size_t i = n / 2; i-- > 0;)
        sift(&h, i);
    double kept = total_weight(&h, s), sum = 0.0;
    size_t most = s->top_k && s->top_k < n ? s->top_k : n;
    if (s->top_p < 1.0) {
        double share = s->top_p * kept;
        size_t i = 0;
        while (i < most && sum < share)
            sum += weight(&h, token_at(&h, i++));
        kept = sum;
        most = i;
        sum = 0.0;
    }
    double draw = (double)(hp__random_next(state) >> 11) * 0x1p-53 * kept;
    size_t i = 0;
    for (; i + 1 < most; i++) {
        sum += weight(&h, token_at(&h, i));
        if (sum > draw)
            break;
    }
    return token_at(&h, i);
}
