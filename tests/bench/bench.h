#ifndef HEADPRUNE_TESTS_BENCH_H
#define HEADPRUNE_TESTS_BENCH_H

#include "headprune/headprune.h"

#include <stddef.h>
#include <stdint.h>

/* Shapes of the model that is measured: GPT-2 small. */
#define BENCH_LAYERS    12
#define BENCH_HEADS     12
#define BENCH_WIDTH     768
#define BENCH_VOCAB     50257
#define BENCH_POSITIONS 1024

/* Writes config.json and model.safetensors (F32, random weights, 548 MB
 * with the causal masks that the published file has) into
 * an existing folder. 1: done; 0: failed, errno says why. */
int bench_write_model(const char *folder);

/*
 * Multiply-adds a second, times two, that `threads` threads reach at once with
 * the widest vectors of this processor, in GFLOP/s: by the clock, and in the
 * processor time that they were given, which other programs cannot shorten.
 * Takes about 60 ms.
 */
typedef struct bench_rate {
    double by_clock, by_cpu;
} bench_rate;
bench_rate bench_peak(unsigned threads);
const char *bench_peak_unit(void); /* "AVX-512" */

double bench_now(void); /* seconds by the clock */
double bench_cpu(void); /* processor time of all threads */

/* Random tokens: ids[n * length], start[n + 1]. */
void bench_tokens(int32_t *ids, size_t *start, size_t n, size_t length);

/* Prints how many points of a sweep a minute gives. */
hp_status bench_points(const hp_model *m, const hp_backend *b, hp_error *err);

/* Prints what methods cost beside entropy. */
hp_status bench_scores(const hp_model *m, const hp_backend *b, hp_error *err);

#endif
