/* Cutting a matrix into strips. What is read is gone through row by row, what
 * is written line by line of the cache. */
#include "nn/strips.h"

#include <string.h>

size_t hp__strips_size(size_t k, size_t n)
{
    return (n + HP__STRIP - 1) / HP__STRIP * HP__STRIP * k;
}

static size_t smaller_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Columns i .. i + n of x. Of a whole strip n is a constant, and a row takes a
 * few instructions in place of a call. */
static inline __attribute__((always_inline)) void
put_columns(float *to, const hp__part *x, size_t i, const size_t n)
{
    for (size_t r = 0; r < x->rows; r++)
        memcpy(to + r * HP__STRIP, x->at + r * x->ld + i, n * sizeof *to);
}

void hp__strips_put(float *out, size_t step, size_t k, size_t column,
                    const hp__part *x)
{
    size_t n;
    for (size_t i = 0; i < x->n; i += n) {
        size_t lane = (column + i) % HP__STRIP;
        float *to =
            out + (column + i) / HP__STRIP * step + k * HP__STRIP + lane;
        n = smaller_size(x->n - i, HP__STRIP - lane);
        if (n == HP__STRIP)
            put_columns(to, x, i, HP__STRIP);
        else
            put_columns(to, x, i, n);
    }
}

typedef float quad __attribute__((vector_size(16)));

static inline quad load_quad(const float *p)
{
    quad q;
    memcpy(&q, p, sizeof q);
    return q;
}

/* Four rows of four become four columns. */
static inline void turn_quads(float *out, const float *from, size_t ld)
{
    quad a = load_quad(from), b = load_quad(from + ld);
    quad c = load_quad(from + 2 * ld), d = load_quad(from + 3 * ld);
    quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    quad cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    quad turned[4];
    turned[0] = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    turned[1] = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    turned[2] = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    turned[3] = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    for (size_t i = 0; i < 4; i++)
        memcpy(out + i * HP__STRIP, &turned[i], sizeof turned[i]);
}

void hp__strips_put_turned(float *out, size_t step, size_t k, size_t column,
                           const hp__part *x)
{
    size_t rows;
    for (size_t r = 0; r < x->rows; r += rows) {
        size_t lane = (column + r) % HP__STRIP, i = 0;
        float *to =
            out + (column + r) / HP__STRIP * step + k * HP__STRIP + lane;
        const float *from = x->at + r * x->ld;
        rows = lane % 4 || x->rows - r < 4 ? 1 : 4;
        for (; rows == 4 && i + 4 <= x->n; i += 4)
            turn_quads(to + i * HP__STRIP, from + i, x->ld);
        for (; i < x->n; i++)
            for (size_t j = 0; j < rows; j++)
                to[i * HP__STRIP + j] = from[j * x->ld + i];
    }
}

hp__strips hp__strips_cut(float **room, const hp__part *x, int turned)
{
    size_t k = turned ? x->n : x->rows, n = turned ? x->rows : x->n;
    float *at = *room;
    size_t step = k * HP__STRIP;
    (turned ? hp__strips_put_turned : hp__strips_put)(at, step, 0, 0, x);
    *room += hp__strips_size(k, n);
    return (hp__strips){at, step};
}
