/*
 * Numbers of two files, compared. Both are read through windows of fixed size,
 * and equal bytes of one dtype are never unpacked twice.
 */
#include "prune/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_BYTES ((size_t)1 << 19)
#define PIECE        ((size_t)4096) /* elements that are unpacked at a time */

void hp__seen_add(hp__seen *sum, const hp__seen *part)
{
    sum->compared += part->compared;
    sum->differing += part->differing;
    sum->zeroed += part->zeroed;
    sum->max_abs = part->max_abs > sum->max_abs ? part->max_abs : sum->max_abs;
    sum->square_gap += part->square_gap;
    sum->square_a += part->square_a;
    sum->no_number |= part->no_number;
    sum->nonzero_a |= part->nonzero_a;
    sum->nonzero_b |= part->nonzero_b;
}

hp_difference hp__seen_difference(const hp__seen *s)
{
    hp_difference d = {.compared = s->compared,
                       .differing = s->differing,
                       .zeroed = s->zeroed,
                       .max_abs = s->max_abs};
    d.relative = s->differing ? sqrt(s->square_gap) / sqrt(s->square_a) : 0;
    if (s->no_number)
        d.max_abs = (double)NAN;
    if (s->no_number || !isfinite(d.relative))
        d.relative = (double)NAN;
    return d;
}

/* ---- dtypes ---- */

static double of_f16(uint16_t h)
{
    unsigned exponent = h >> 10 & 31, fraction = h & 1023;
    double sign = h >> 15 ? -1 : 1;
    if (exponent == 31)
        return fraction ? (double)NAN : sign * (double)INFINITY;
    if (!exponent)
        return sign * ldexp(fraction, -24);
    return sign * ldexp(1024 + fraction, (int)exponent - 25);
}

static double of_bf16(uint16_t h)
{
    uint32_t bits = (uint32_t)h << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return (double)f;
}

static void unpack_halves(double *out, const unsigned char *in, size_t n,
                          double (*number)(uint16_t))
{
    for (size_t i = 0; i < n; i++) {
        uint16_t h;
        memcpy(&h, in + 2 * i, sizeof h);
        out[i] = number(h);
    }
}

static void unpack_floats(double *out, const unsigned char *in, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float f;
        memcpy(&f, in + 4 * i, sizeof f);
        out[i] = (double)f;
    }
}

static void unpack(double *out, const unsigned char *in, size_t n,
                   hp_dtype dtype)
{
    switch (dtype) {
    case HP_DTYPE_F32:
        unpack_floats(out, in, n);
        break;
    case HP_DTYPE_F16:
        unpack_halves(out, in, n, of_f16);
        break;
    case HP_DTYPE_BF16:
        unpack_halves(out, in, n, of_bf16);
        break;
    case HP_DTYPE_F64:
        memcpy(out, in, n * sizeof *out);
        break;
    case HP_DTYPE_OTHER:
        break;
    }
}

/* ---- comparing ---- */

static void see_differing(hp__seen *s, double a, double b)
{
    double gap = fabs(b - a);
    s->differing++;
    s->zeroed += b == 0;
    if (!isfinite(gap))
        s->no_number = 1;
    else if (gap > s->max_abs)
        s->max_abs = gap;
    s->square_gap += gap * gap;
}

static void see_numbers(hp__seen *s, const double *a, const double *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        s->square_a += a[i] * a[i];
        s->nonzero_a |= a[i] != 0;
        s->nonzero_b |= b[i] != 0;
        if (a[i] != b[i] && !(isnan(a[i]) && isnan(b[i])))
            see_differing(s, a[i], b[i]);
    }
}

/* Of a dtype that headprune does not compute with only the bytes count. */
static void see_bytes(hp__seen *s, const unsigned char *a,
                      const unsigned char *b, size_t n, size_t size)
{
    for (size_t i = 0; i < n; i++)
        s->differing += memcmp(a + i * size, b + i * size, size) != 0;
    s->no_number |= s->differing > 0;
}

static void see_piece(hp__seen *s, const hp__pair *p, const unsigned char *a,
                      const unsigned char *b, size_t n)
{
    hp_dtype of_a = p->a.tensor->dtype, of_b = p->b.tensor->dtype;
    double *x = p->values, *y = p->values + PIECE;
    s->compared += n;
    if (of_a == HP_DTYPE_OTHER) {
        see_bytes(s, a, b, n, p->a.size);
        return;
    }
    unpack(x, a, n, of_a);
    if (of_a == of_b && !memcmp(a, b, n * p->a.size))
        y = x;
    else
        unpack(y, b, n, of_b);
    see_numbers(s, x, y, n);
}

/* ---- reading ---- */

hp_status hp__pair_open(hp__pair *p, const hp_checkpoint *a,
                        const hp_checkpoint *b, hp_error *err)
{
    *p = (hp__pair){.a.checkpoint = a, .b.checkpoint = b};
    hp_status st = hp__new_buffer(&p->a.bytes, WINDOW_BYTES, 1, err);
    if (!st)
        st = hp__new_buffer(&p->b.bytes, WINDOW_BYTES, 1, err);
    if (!st)
        st = hp__new(&p->values, 2 * PIECE, sizeof *p->values, err);
    return st;
}

void hp__pair_close(hp__pair *p)
{
    free(p->a.bytes);
    free(p->b.bytes);
    free(p->values);
}

static void take(hp__window *w, const hp_tensor *t)
{
    w->tensor = t;
    w->first = w->n = 0;
    w->units = t->size < t->n_elements ? t->size : t->n_elements;
    w->size = (size_t)(t->size / w->units);
}

void hp__pair_take(hp__pair *p, const hp_tensor *a, const hp_tensor *b)
{
    take(&p->a, a);
    take(&p->b, b);
}

/* The bytes of element `at`; `*n` becomes how many elements lie there, at most
 * as many as it was. */
static hp_status look(const unsigned char **out, hp__window *w, uint64_t at,
                      size_t *n, hp_error *err)
{
    hp_status st = HP_OK;
    if (at < w->first || at >= w->first + w->n) {
        uint64_t left = w->units - at;
        size_t most = WINDOW_BYTES / w->size;
        w->first = at;
        w->n = left < most ? (size_t)left : most;
        st = hp_checkpoint_read(w->checkpoint, w->tensor, at * w->size,
                                w->n * w->size, w->bytes, err);
    }
    size_t have = (size_t)(w->first + w->n - at);
    *n = *n < have ? *n : have;
    *out = w->bytes + (size_t)(at - w->first) * w->size;
    return st;
}

hp_status hp__pair_compare(hp__seen *seen, hp__pair *p, uint64_t a, uint64_t b,
                           uint64_t n, hp_error *err)
{
    while (n) {
        const unsigned char *x, *y;
        size_t piece = n < PIECE ? (size_t)n : PIECE;
        hp_status st = look(&x, &p->a, a, &piece, err);
        if (!st)
            st = look(&y, &p->b, b, &piece, err);
        if (st)
            return st;
        see_piece(seen, p, x, y, piece);
        a += piece;
        b += piece;
        n -= piece;
    }
    return HP_OK;
}
