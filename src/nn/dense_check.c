/*
 * Are dgemm and LAPACK's Cholesky routines right here? Their kernels are
 * chosen like those of sgemm, and are others. Results are multiplied by a row
 * of random numbers and compared with the same from the operands (Freivalds
 * 1979), so that the check takes as little as reading them.
 */
#include "base/arena.h"
#include "base/random_bits.h"
#include "nn/dense.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PADDING   ((size_t)3) /* columns beyond each matrix, which must stay */
#define UNTOUCHED 12345.0
#define ORDER     ((size_t)131) /* beyond the blocks of a factorisation */
#define RIGHTS    ((size_t)9)
#define MOST      (ORDER * ORDER) /* of one operand */
#define MOST_ROW  ((size_t)401)

typedef struct operands {
    double a[MOST], b[MOST], c[MOST]; /* a and b within -1 .. 1 */
    double x[MOST_ROW];               /* what results are multiplied by */
    double y[MOST_ROW], got[MOST_ROW], want[MOST_ROW];
    int ints[ORDER];
} operands;

static void fill(double *x, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++)
        x[i] =
            (double)(hp__random_next(&seed) >> 11) / (double)(1ULL << 52) - 1.0;
}

/* A matrix [rows, columns], or turned one stored [columns, rows]. */
typedef struct matrix {
    const double *at;
    size_t rows, columns, ld;
    int turned;
} matrix;

/* out [columns] = x' M */
static void apply(double *out, const double *x, const matrix *m)
{
    memset(out, 0, m->columns * sizeof *out);
    for (size_t i = 0; i < m->rows && !m->turned; i++)
        for (size_t j = 0; j < m->columns; j++)
            out[j] += x[i] * m->at[i * m->ld + j];
    for (size_t j = 0; j < m->columns && m->turned; j++)
        for (size_t i = 0; i < m->rows; i++)
            out[j] += x[i] * m->at[j * m->ld + i];
}

/* A sum of n products in any order is off by at most n u / (1 - n u) of the sum
 * of their sizes, u half an ulp (Higham 2002, 3.1). */
static int are_near(const operands *o, size_t count, size_t n, double size)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs(o->got[i] - o->want[i]) <= (double)n * DBL_EPSILON * size))
            return 0;
    return 1;
}

/* ---- products ---- */

typedef struct form {
    int a_turned, b_turned, add;
} form;

typedef struct shape {
    size_t m, n, k;
} shape;

/* What C holds before: a number to add to, or NaN where it must not matter. */
static void prepare(operands *o, const shape *s, double held)
{
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = 0; j < s->n + PADDING; j++)
            o->c[i * (s->n + PADDING) + j] = j < s->n ? held : UNTOUCHED;
}

static int is_padded(const operands *o, const shape *s)
{
    for (size_t i = 0; i < s->m; i++)
        for (size_t j = s->n; j < s->n + PADDING; j++) {
            double at = o->c[i * (s->n + PADDING) + j];
            if (at < UNTOUCHED || at > UNTOUCHED)
                return 0;
        }
    return 1;
}

static int product_is_right(const hp__blas *b, operands *o, const shape *s,
                            const form *f)
{
    const matrix left = {o->a, s->m, s->k, (f->a_turned ? s->m : s->k) + 1,
                         f->a_turned};
    const matrix right = {o->b, s->k, s->n, (f->b_turned ? s->k : s->n) + 2,
                          f->b_turned};
    const matrix product = {o->c, s->m, s->n, s->n + PADDING, 0};
    const hp__dense_product p = {.m = s->m,
                                 .n = s->n,
                                 .k = s->k,
                                 .a = o->a,
                                 .lda = left.ld,
                                 .a_turned = f->a_turned,
                                 .b = o->b,
                                 .ldb = right.ld,
                                 .b_turned = f->b_turned,
                                 .c = o->c,
                                 .ldc = product.ld,
                                 .add = f->add};
    prepare(o, s, f->add ? 0.5 : (double)NAN);
    hp__dense_multiply(b, &p);
    apply(o->got, o->x, &product);
    apply(o->y, o->x, &left);
    apply(o->want, o->y, &right);
    for (size_t i = 0; i < s->m && f->add; i++)
        for (size_t j = 0; j < s->n; j++)
            o->want[j] += 0.5 * o->x[i];
    return is_padded(o, s) &&
           are_near(o, s->n, s->m + 2 * s->k, (double)(s->m * (s->k + 1)));
}

/* All forms that headprune uses, on odd shapes below one tile, across tiles and
 * deeper than one panel. Beyond the size up to which OpenBLAS may take kernels
 * for small matrices (100^3) operands are packed first: every way of that. */
static int products_are_right(const hp__blas *b, operands *o)
{
    static const form forms[] = {
        {0, 0, 0}, {0, 1, 1}, {1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    static const shape shapes[] = {
        {1, 1, 1}, {3, 17, 2}, {33, 5, 64}, {9, 31, 401}};
    static const shape large = {101, 103, 105};
    for (size_t j = 0; j < sizeof forms / sizeof *forms; j++)
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            if (!product_is_right(b, o, &shapes[i], &forms[j]))
                return 0;
    for (size_t j = 0; j < 3; j++)
        if (!product_is_right(b, o, &large, &forms[j]))
            return 0;
    return 1;
}

/* ---- factors ---- */

/* A of numbers of any kind and a diagonal of n, which outweighs them; no entry
 * of |L| |L'| is larger than that. */
static void fill_symmetric(operands *o, size_t n)
{
    fill(o->a, n * n, 7);
    for (size_t i = 0; i < n; i++) {
        o->a[i * n + i] = (double)n;
        for (size_t j = 0; j < i; j++)
            o->a[j * n + i] = o->a[i * n + j];
    }
    memcpy(o->c, o->a, n * n * sizeof *o->c);
}

/* What is above the factor in o->c is A as it was; then it becomes 0. */
static int upper_is_left(operands *o, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++) {
        double *row = o->c + i * n + i + 1;
        size_t bytes = (n - i - 1) * sizeof *row;
        if (memcmp(row, o->a + i * n + i + 1, bytes) != 0)
            return 0;
        memset(row, 0, bytes);
    }
    return 1;
}

/* x' L L' = x' A; Higham 2002, theorem 10.3. */
static int factor_is_right(operands *o, size_t n)
{
    const matrix a = {o->a, n, n, n, 0}, lower = {o->c, n, n, n, 0},
                 upper = {o->c, n, n, n, 1};
    apply(o->want, o->x, &a);
    apply(o->y, o->x, &lower);
    apply(o->got, o->y, &upper);
    return are_near(o, n, 4 * n + 4, (double)(n * n));
}

/* X A = B, both multiplied by x; theorem 10.4. */
static int solution_is_right(const hp__blas *b, operands *o, size_t n)
{
    double size = 0, *x = o->b + RIGHTS * n;
    const matrix a = {o->a, n, n, n, 0}, given = {o->b, RIGHTS, n, n, 0},
                 solved = {x, RIGHTS, n, n, 0};
    fill(o->b, RIGHTS * n, 11);
    memcpy(x, o->b, RIGHTS * n * sizeof *x);
    hp__cholesky_solve(b, o->c, n, x, RIGHTS);
    apply(o->want, o->x, &given);
    apply(o->y, o->x, &solved);
    apply(o->got, o->y, &a);
    for (size_t i = 0; i < RIGHTS * n; i++)
        size += (double)n * fabs(x[i]);
    return are_near(o, n, 4 * n + RIGHTS, size);
}

/* x' A^-1 A = x', in place of the factor; o->a as it was. Higham 2002, 14.3:
 * where the diagonal outweighs the rest, |A^-1| |A| has no entry above 4. */
static int inverse_is_right(const hp__blas *b, operands *o, size_t n)
{
    const matrix a = {o->a, n, n, n, 0}, inverse = {o->c, n, n, n, 0};
    hp__cholesky_invert(b, o->c, n);
    apply(o->y, o->x, &inverse);
    apply(o->got, o->y, &a);
    memcpy(o->want, o->x, n * sizeof *o->want);
    return are_near(o, n, 8 * n + 8, 4 * (double)n);
}

static int factors_are_right(const hp__blas *b, operands *o, size_t n)
{
    int definite = 0;
    fill_symmetric(o, n);
    hp__cholesky(&definite, b, o->c, n);
    if (!definite || !upper_is_left(o, n) || !factor_is_right(o, n) ||
        !solution_is_right(b, o, n) || !inverse_is_right(b, o, n))
        return 0;
    memcpy(o->c, o->a, n * n * sizeof *o->c);
    o->c[n * n - 1] = -1;
    hp__cholesky(&definite, b, o->c, n);
    return !definite;
}

/* (n + 1) I - J, J all ones, has the inverse (I + J) / (n + 1), whose rows sum
 * up to 1: the condition is 2 n - 1, and of such a matrix the estimate is
 * exact. */
static int condition_is_right(const hp__blas *b, operands *o, size_t n)
{
    int definite = 0;
    for (size_t i = 0; i < n * n; i++)
        o->c[i] = i % (n + 1) ? -1.0 : (double)n;
    o->want[0] = 2 * (double)n - 1;
    hp__cholesky(&definite, b, o->c, n);
    o->got[0] = hp__cholesky_condition(b, o->c, n, o->want[0], o->b, o->ints);
    return definite && are_near(o, 1, 8 * n, o->want[0]);
}

hp_status hp__dense_check(int *right, const hp__blas *b, hp_error *err)
{
    operands *o;
    hp_status st = hp__new(&o, 1, sizeof *o, err);
    if (st)
        return st;
    fill(o->a, MOST, 2463534242U);
    fill(o->b, MOST, 88675123U);
    fill(o->x, MOST_ROW, 5);
    *right = products_are_right(b, o) && factors_are_right(b, o, 1) &&
             factors_are_right(b, o, 33) && factors_are_right(b, o, ORDER) &&
             condition_is_right(b, o, 67);
    free(o);
    return HP_OK;
}
