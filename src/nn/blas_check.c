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
    float turned_a[MOST], turned_b[MOST]; /* stored the other way round */
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

static void turn(float *out, const float *in, size_t rows, size_t cols)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            out[j * (rows + PADDING) + i] = in[i * (cols + PADDING) + j];
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

/* Which operands are stored the other way round, and whether to add. */
typedef struct form {
    int a_turned, b_turned, add;
} form;

static const form forms[] = {{0, 0, 0}, {0, 1, 0}, {0, 0, 1},
                             {0, 1, 1}, {1, 0, 0}, {1, 0, 1}};

static int form_is_right(const hp__blas *b, operands *o, const shape *s,
                         const form *f)
{
    hp__product p = {.m = s->m,
                     .n = s->n,
                     .k = s->k,
                     .a = f->a_turned ? o->turned_a : o->a,
                     .lda = (f->a_turned ? s->m : s->k) + PADDING,
                     .a_is_transposed = f->a_turned,
                     .b = f->b_turned ? o->turned_b : o->b,
                     .ldb = (f->b_turned ? s->k : s->n) + PADDING,
                     .b_rows_are_outputs = f->b_turned,
                     .c = o->c,
                     .ldc = s->n + PADDING,
                     .add = f->add};
    prepare(o, s, f->add ? 0.5F : NAN);
    b->multiply(b, &p);
    return is_near(o, s, f->add ? 0.5 : 0.0);
}

static int shape_is_right(const hp__blas *b, operands *o, const shape *s)
{
    turn(o->turned_a, o->a, s->m, s->k);
    turn(o->turned_b, o->b, s->k, s->n);
    reference(o, s);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (!form_is_right(b, o, s, &forms[i]))
            return 0;
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
