/*
 * Is sgemm right here? Kernels for new vector units have been wrong at the
 * edges of their tiles before, so the shapes are odd: below one tile, across
 * tiles, deeper than one panel, and beyond the size (100^3) up to which
 * OpenBLAS takes its kernels for small matrices.
 */
#include "base/arena.h"
#include "nn/blas.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct shape {
    size_t m, n, k;
} shape;

static const shape shapes[] = {
    {1, 1, 1}, {3, 17, 2}, {33, 5, 64}, {9, 49, 401}, {101, 103, 105},
};

#define PADDING   3U /* columns beyond each matrix, which must stay */
#define UNTOUCHED 12345.0F
#define MOST_ROW  128U
#define MOST      ((size_t)401 * (49 + PADDING)) /* of one operand */

typedef struct operands {
    float a[MOST], b[MOST];
    float turned[MOST]; /* b, stored the other way round */
    float c[MOST];
    double sum[MOST], size[MOST]; /* of a b, and of |a| |b| */
} operands;

/* Numbers in -1 .. 1 (xorshift). */
static void fill(float *x, size_t n, uint32_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        x[i] = (float)(int32_t)seed / 2147483648.0F;
    }
}

static void reference(operands *o, const shape *s)
{
    size_t lda = s->k + PADDING, ldb = s->n + PADDING;
    for (size_t i = 0; i < s->m; i++) {
        double sum[MOST_ROW] = {0}, size[MOST_ROW] = {0};
        for (size_t l = 0; l < s->k; l++) {
            double a = (double)o->a[i * lda + l];
            for (size_t j = 0; j < s->n; j++) {
                double p = a * (double)o->b[l * ldb + j];
                sum[j] += p;
                size[j] += fabs(p);
            }
        }
        for (size_t j = 0; j < s->n; j++) {
            o->sum[i * s->n + j] = sum[j];
            o->size[i * s->n + j] = size[j];
        }
    }
}

static void turn(operands *o, const shape *s)
{
    for (size_t l = 0; l < s->k; l++)
        for (size_t j = 0; j < s->n; j++)
            o->turned[j * (s->k + PADDING) + l] =
                o->b[l * (s->n + PADDING) + j];
}

/*
 * A sum of k products in any order is off by at most g(k) sum |a b| with
 * g(k) = k u / (1 - k u), u half an ulp (Higham 2002, 3.1); one more for the
 * value that C held. All that is no larger than the bound below.
 */
static int is_near(const operands *o, const shape *s, double held)
{
    double bound = (double)(s->k + 2) * (double)FLT_EPSILON * 0.51;
    for (size_t i = 0; i < s->m; i++) {
        const float *row = o->c + i * (s->n + PADDING);
        for (size_t j = 0; j < s->n; j++) {
            double off = (double)row[j] - o->sum[i * s->n + j] - held;
            double most = bound * (o->size[i * s->n + j] + fabs(held));
            if (!(fabs(off) <= most))
                return 0;
        }
        for (size_t j = s->n; j < s->n + PADDING; j++)
            if (row[j] < UNTOUCHED || row[j] > UNTOUCHED)
                return 0;
    }
    return 1;
}

/* What C holds before: a number to add to, or NaN where it must not matter. */
static void prepare(operands *o, const shape *s, float held)
{
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < s->n + PADDING; j++)
            o->c[i * (s->n + PADDING) + j] = j < s->n ? held : UNTOUCHED;
}

static int shape_is_right(const hp__blas *b, operands *o, const shape *s)
{
    turn(o, s);
    reference(o, s);
    for (unsigned form = 0; form < 4; form++) {
        int turned = (form & 1U) != 0, add = form >= 2;
        hp__product p = {.m = s->m,
                         .n = s->n,
                         .k = s->k,
                         .a = o->a,
                         .lda = s->k + PADDING,
                         .b = turned ? o->turned : o->b,
                         .ldb = (turned ? s->k : s->n) + PADDING,
                         .b_rows_are_outputs = turned,
                         .c = o->c,
                         .ldc = s->n + PADDING,
                         .add = add};
        prepare(o, s, add ? 0.5F : NAN);
        b->multiply(b, &p);
        if (!is_near(o, s, add ? 0.5 : 0.0))
            return 0;
    }
    return 1;
}

hp_status hp__blas_check(int *right, const hp__blas *b, hp_error *err)
{
    operands *o;
    hp_status st = hp__new(&o, 1, sizeof *o, err);
    if (st)
        return st;
    fill(o->a, MOST, 2463534242U);
    fill(o->b, MOST, 88675123U);
    *right = 1;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes && *right; i++)
        *right = shape_is_right(b, o, &shapes[i]);
    free(o);
    return HP_OK;
}
