/*
 * How cost grows: time and memory of headprune as a process, against tokens,
 * length of sequences, layers, bytes of the model and threads. Takes the
 * options of a bench program, but prints points, for growth.py to draw:
 *
 *     {"curve":"tokens","x":4096,"seconds":[...],"resident":[...]}
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct point {
    const char *curve;
    double x;
    size_t layers, sequences, length; /* sequences 0: no tokens */
    unsigned threads;
} point;

static void print_values(const char *key, const double *values, int n)
{
    printf(",\"%s\":[", key);
    for (int i = 0; i < n; i++)
        printf("%s%.6g", i ? "," : "", values[i]);
    putchar(']');
}

static void measure(const bench *b, const point *p, int usual,
                    char *const argv[])
{
    static double seconds[BENCH_MOST], resident[BENCH_MOST];
    int n = bench_repeat(b, usual);
    for (int i = 0; i < n; i++) {
        bench_child c = bench_run(argv);
        seconds[i] = c.seconds;
        resident[i] = c.resident;
    }
    printf("{\"curve\":\"%s\",\"x\":%.10g", p->curve, p->x);
    print_values("seconds", seconds, n);
    print_values("resident", resident, n);
    puts("}");
}

static char *model(const bench *b, size_t layers)
{
    char name[64];
    bench_shape s = bench_gpt2_small(b);
    if (layers != s.layers) {
        snprintf(name, sizeof name, "%s-%zu-layers", s.name, layers);
        s.layers = layers;
        s.name = name;
    }
    return bench_model(b, &s, &(bench_writing){BENCH_F32, 1, 0});
}

static void entropy(const bench *b, const point *p)
{
    if (!bench_wanted(b, p->curve))
        return;
    char path[512], sequences[24], length[24], threads[24];
    char *folder = model(b, p->layers);
    bench_data d =
        bench_tokens(p->sequences, p->length, bench_gpt2_small(b).vocab);
    snprintf(path, sizeof path, "%s/growth.ids", b->models);
    bench_write_tokens(path, &d);
    snprintf(sequences, sizeof sequences, "--sequences=%zu", p->sequences);
    snprintf(length, sizeof length, "--length=%zu", p->length);
    snprintf(threads, sizeof threads, "--threads=%u", p->threads);
    char *texts[] = {strdup(b->headprune),
                     strdup("-q"),
                     strdup("score"),
                     strdup("entropy"),
                     strdup("--json"),
                     strdup("--tokens"),
                     path,
                     sequences,
                     length,
                     threads,
                     folder,
                     NULL};
    measure(b, p, 3, texts);
    for (size_t i = 0; i < 6; i++)
        free(texts[i]);
    remove(path);
    bench_tokens_free(&d);
    free(folder);
}

static void magnitude(const bench *b, size_t layers)
{
    bench_shape s = bench_gpt2_small(b);
    double width = (double)s.width, per_layer = 4 * width * width * 4;
    /* The attention weights, F32: what magnitude looks at. */
    point p = {.curve = "bytes", .x = per_layer * (double)layers / 1e6};
    if (!bench_wanted(b, p.curve))
        return;
    char *folder = model(b, layers);
    char *texts[] = {strdup(b->headprune),
                     strdup("-q"),
                     strdup("score"),
                     strdup("magnitude"),
                     strdup("--json"),
                     folder,
                     NULL};
    bench_run(texts); /* warms the cache */
    measure(b, &p, 21, texts);
    for (size_t i = 0; i < 5; i++)
        free(texts[i]);
    free(folder);
}

int main(int argc, char **argv)
{
    static const size_t counts[] = {1, 4, 8, 16, 32, 64, 96};
    static const size_t lengths[] = {64, 128, 256, 512, 1024};
    static const size_t depths[] = {1, 2, 4, 8, 12, 16, 24};
    bench b = bench_begin(argc, argv);
    bench_shape shape = bench_gpt2_small(&b);
    if (!b.headprune)
        bench_fail("--headprune PROGRAM is needed");
    size_t length = b.tiny ? 16 : 512, all = b.tiny ? 128 : 8192;
    for (size_t i = 0; i < (b.tiny ? 3U : 7U); i++)
        entropy(&b, &(point){"tokens", (double)(counts[i] * length), 4,
                             counts[i], length, b.threads});
    for (size_t i = 0; i < (b.tiny ? 2U : 5U); i++)
        entropy(&b, &(point){"length", (double)lengths[i], shape.layers,
                             all / lengths[i], lengths[i], b.threads});
    for (size_t i = 0; i < (b.tiny ? 3U : 7U); i++) {
        entropy(&b, &(point){"layers", (double)depths[i], depths[i], 8, length,
                             b.threads});
        magnitude(&b, depths[i]);
    }
    for (unsigned i = 1; i <= b.threads; i++)
        entropy(&b, &(point){"threads", i, shape.layers, 8, length, i});
    return 0;
}
