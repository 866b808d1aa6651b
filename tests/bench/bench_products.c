/*
 * How much of what its matrix products alone reach the entropy of all heads
 * keeps: both in turn, by the same kernels on as many threads, with the same
 * sizes, in the same order. The products are those of GPT-2.
 */
#include "bench.h"
#include "nn/cpu.h"
#include "nn/machine.h"

#include <omp.h>
#include <stdlib.h>

enum { ROWS = 512, BAND = 64 }; /* of a piece; of queries */

typedef struct job {
    bench_shape shape;
    const bench *b;
    bench_open open;
    bench_data data;
    size_t n, length;
    float *weights; /* of one layer, in the order of the products */
    float *hidden;  /* [tokens, width] */
    float *wide;    /* [threads][ROWS, 4 width] */
    float *scores;  /* [threads][BAND, length] */
    float *strips;  /* [threads] keys and values of a head */
} job;

static float *noise(size_t n)
{
    float *x = bench_alloc(n, sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(i % 97) * 0.001F - 0.048F;
    return x;
}

/* `strips`: B, where strips are used. */
static void multiply(const job *j, const hp__product *p, hp__strips strips)
{
    const hp_backend *backend = j->open.backend;
    hp__multiply(backend, p, backend->strips ? strips : (hp__strips){NULL, 0});
}

/* C [rows, n] = A [rows, k] B [k, n] (+ C), all rows side by side. */
static void map(const job *j, float *c, const float *a, const float *b,
                const size_t sizes[3], int add)
{
    hp__product p = {.m = sizes[0],
                     .n = sizes[1],
                     .k = sizes[2],
                     .a = a,
                     .lda = sizes[2],
                     .b = b,
                     .ldb = sizes[1],
                     .ldc = sizes[1],
                     .add = add};
    p.c = c;
    multiply(j, &p, (hp__strips){b, p.k * HP__STRIP}); /* any numbers do */
}

/* Keys of a head, and its values if they are wanted, to strips. */
static void cut_keys(const job *j, float *out, const hp__part *keys, int values)
{
    hp__part v = *keys;
    v.at += j->shape.width;
    if (!j->open.backend->strips)
        return;
    hp__strips_put_turned(out, keys->n * HP__STRIP, 0, 0, keys);
    if (values)
        hp__strips_put(out + hp__strips_size(keys->n, keys->rows),
                       keys->rows * HP__STRIP, 0, 0, &v);
}

/* Scores and values of one head over one sequence; qkv [length, width_qkv]. */
static void attend(const job *j, float *qkv, size_t ld, int values)
{
    size_t width = j->shape.width, dim = width / j->shape.heads;
    size_t thread = (size_t)omp_get_thread_num();
    float *scores = j->scores + thread * BAND * j->length;
    float *keys = j->strips + thread * (j->length + 15) * 2 * (dim + 15);
    float *of_values = keys + hp__strips_size(dim, j->length);
    cut_keys(j, keys, &(hp__part){qkv + width, j->length, dim, ld}, values);
    for (size_t i = 0; i < j->length; i += BAND) {
        size_t rows = j->length - i < BAND ? j->length - i : BAND;
        hp__product p = {.m = rows,
                         .n = i + rows,
                         .k = dim,
                         .a = qkv + i * ld,
                         .lda = ld,
                         .b = qkv + width,
                         .ldb = ld,
                         .b_rows_are_outputs = 1,
                         .ldc = j->length};
        p.c = scores;
        multiply(j, &p, (hp__strips){keys, dim * HP__STRIP});
        hp__product v = {.m = rows,
                         .n = dim,
                         .k = i + rows,
                         .a = scores,
                         .lda = j->length,
                         .b = qkv + 2 * width,
                         .ldb = ld,
                         .ldc = ld};
        v.c = qkv + i * ld;
        if (values)
            multiply(j, &v, (hp__strips){of_values, j->length * HP__STRIP});
    }
}

/* Sequences first .. end of a layer; of the last one queries and keys only. */
static void piece(const job *j, size_t first, size_t end, int last)
{
    size_t d = j->shape.width, inner = j->shape.inner;
    size_t rows = (end - first) * j->length, ld = (last ? 2 : 3) * d;
    float *x = j->hidden + first * j->length * d;
    float *wide = j->wide + (size_t)omp_get_thread_num() * ROWS * 4 * d;
    const float *o = j->weights + 3 * d * d, *up = o + d * d;
    map(j, wide, x, j->weights, (size_t[]){rows, ld, d}, 0);
    for (size_t i = 0; i < end - first; i++)
        for (size_t h = 0; h < j->shape.heads; h++)
            attend(j, wide + i * j->length * ld + h * (d / j->shape.heads), ld,
                   !last);
    if (last)
        return;
    hp__product out = {.m = rows,
                       .n = d,
                       .k = d,
                       .a = wide,
                       .lda = ld,
                       .b = o,
                       .ldb = d,
                       .ldc = d};
    out.c = x;
    multiply(j, &out, (hp__strips){o, d * HP__STRIP});
    map(j, wide, x, up, (size_t[]){rows, inner, d}, 0);
    map(j, x, wide, up + d * inner, (size_t[]){rows, d, inner}, 0);
}

/* Numbers must neither fade nor grow from layer to layer. */
static void level(const job *j, size_t first, size_t end)
{
    size_t d = j->shape.width;
    for (size_t i = first * j->length * d; i < end * j->length * d; i++)
        j->hidden[i] = (float)(i % 89) * 0.02F - 0.9F;
}

static void products(void *payload)
{
    const job *j = payload;
    size_t each = ROWS / j->length;
    for (size_t l = 0; l < j->shape.layers; l++) {
#pragma omp parallel num_threads(j->b->threads)
        {
            unsigned saved = hp__denormals_off();
#pragma omp for schedule(dynamic)
            for (size_t i = 0; i < j->n; i += each) {
                size_t end = i + each < j->n ? i + each : j->n;
                level(j, i, end);
                piece(j, i, end, l + 1 == j->shape.layers);
            }
            hp__denormals_restore(saved);
        }
    }
}

static void ignore(void *payload, const hp_seen *seen)
{
    (void)payload;
    (void)seen;
}

static void entropy(void *payload)
{
    const job *j = payload;
    const hp_observer observer = {.wants = HP_SEE_ENTROPY, .see = ignore};
    const hp_run_options o = {.backend = j->open.backend};
    hp_error err;
    bench_check(
        hp_run_sweep(j->open.model, &j->data.sequences, &o, &observer, &err),
        &err);
}

static void measure(job *j, bench_row *alone, bench_row *kept)
{
    double flops = bench_entropy_flops(&j->shape, j->n, j->length);
    bench_sample before = bench_time(j->b, BENCH_WIDEST, products, j);
    for (int i = bench_repeat(j->b, 3); i-- > 0;) {
        bench_sample s = bench_time(j->b, BENCH_WIDEST, entropy, j);
        bench_sample after = bench_time(j->b, BENCH_WIDEST, products, j);
        double share =
            (bench_share(&before, flops) + bench_share(&after, flops)) / 2.0;
        int steady = before.steady && s.steady && after.steady;
        bench_add(alone, share, before.steady && after.steady);
        bench_add(kept, 100.0 * bench_share(&s, flops) / share, steady);
        before = after;
    }
    bench_print(kept);
    bench_print(alone);
}

int main(int argc, char **argv)
{
    static bench_row kept = {.name =
                                 "entropy / products, gpt2-small F32 32x512",
                             .unit = "%",
                             .bar = 95,
                             .note = "shares of the peak, in turn"};
    static bench_row alone = {
        .name = "entropy / products, gpt2-small F32 32x512, products alone",
        .unit = "% of peak"};
    bench b = bench_begin(argc, argv);
    if (!bench_wanted(&b, kept.name))
        return 0;
    job j = {.shape = bench_gpt2_small(&b),
             .b = &b,
             .n = b.tiny ? 2 : 32,
             .length = b.tiny ? 16 : 512};
    size_t d = j.shape.width;
    char *folder = bench_model(&b, &j.shape, &(bench_writing){BENCH_F32, 1, 0});
    j.open = bench_open_model(folder);
    j.data = bench_tokens(j.n, j.length, j.shape.vocab);
    j.weights = noise(4 * d * d + 2 * d * j.shape.inner);
    j.hidden = noise(j.n * j.length * d);
    j.wide = noise(b.threads * (size_t)ROWS * 4 * d);
    j.scores = noise(b.threads * (size_t)BAND * j.length);
    j.strips =
        noise(b.threads * (j.length + 15) * 2 * (d / j.shape.heads + 15));
    measure(&j, &alone, &kept);
    free(j.strips);
    free(j.weights);
    free(j.hidden);
    free(j.wide);
    free(j.scores);
    bench_tokens_free(&j.data);
    bench_close_model(&j.open);
    free(folder);
    return 0;
}
