/* Entropy of all heads, as a share of what the processor can do at best. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct job {
    const bench_open *open;
    const bench_data *data;
    size_t heads;
    double *slots;              /* [heads, sequences] sums of entropies */
    double anonymous, resident; /* MiB at most */
} job;

static void see(void *payload, const hp_seen *seen)
{
    job *j = payload;
    size_t head = seen->block->first_head + seen->head;
    double *slot = &j->slots[head * j->data->sequences.n + seen->sequence];
    *slot = 0.0;
    for (uint32_t i = 0; i < seen->n_query; i++)
        *slot += seen->row_entropy[i];
}

static int step(void *payload, uint64_t done, uint64_t total)
{
    job *j = payload;
    double now = bench_memory("RssAnon");
    if (now > j->anonymous)
        j->anonymous = now;
    return done > total;
}

static void sweep(void *payload)
{
    job *j = payload;
    const hp_observer observer = {
        .wants = HP_SEE_ENTROPY, .see = see, .payload = j};
    const hp_run_options o = {.backend = j->open->backend,
                              .progress = {step, j}};
    hp_error err;
    bench_check(
        hp_run_sweep(j->open->model, &j->data->sequences, &o, &observer, &err),
        &err);
}

/* What one repetition gives is printed as four rows. */
typedef struct rows {
    bench_row share, share_by_cpu, speed, memory;
} rows;

static void print_rows(const rows *r)
{
    bench_print(&r->share);
    bench_print(&r->share_by_cpu);
    bench_print(&r->speed);
    bench_print(&r->memory);
}

static void measure(const bench *b, rows *r, bench_level level)
{
    bench_shape shape = bench_gpt2_small(b);
    size_t n = b->tiny ? 2 : 32, length = b->tiny ? 16 : 512;
    char *folder = bench_model(b, &shape, &(bench_writing){BENCH_F32, 1, 0});
    bench_open open = bench_open_model(folder);
    bench_data data = bench_tokens(n, length, shape.vocab);
    job j = {.open = &open,
             .data = &data,
             .slots =
                 bench_alloc(shape.layers * shape.heads * n, sizeof *j.slots)};
    double flops = bench_entropy_flops(&shape, n, length);
    for (int i = 0; i < bench_repeat(b, 5); i++) {
        bench_sample s = bench_time(b, level, sweep, &j);
        if (!i)
            bench_add(&r->memory, j.anonymous, 1);
        bench_add(&r->share, bench_share(&s, flops), s.steady);
        bench_add(&r->share_by_cpu, bench_share_by_cpu(b, &s, flops), 1);
        bench_add(&r->speed, (double)(n * length) / s.seconds, s.steady);
    }
    print_rows(r);
    free(j.slots);
    bench_tokens_free(&data);
    bench_close_model(&open);
    free(folder);
}

/* The AVX-512 row, or with OPENBLAS_CORETYPE=Haswell the AVX2 row. */
int main(int argc, char **argv)
{
    static rows widest = {
        .share = {.name = "entropy gpt2-small F32 32x512",
                  .unit = "% of peak",
                  .bar = 80},
        .share_by_cpu = {.name = "entropy gpt2-small F32 32x512, cpu time",
                         .unit = "% of peak"},
        .speed = {.name = "entropy gpt2-small F32 32x512, speed",
                  .unit = "tokens/s"},
        .memory = {.name = "entropy gpt2-small F32 32x512, anonymous memory",
                   .unit = "MiB",
                   .bar = 100,
                   .lower = 1,
                   .note = "the most at any step of the first repetition"}};
    static rows haswell = {
        .share = {.name = "entropy gpt2-small F32 32x512, Haswell",
                  .unit = "% of AVX2 peak",
                  .bar = 88},
        .share_by_cpu = {.name =
                             "entropy gpt2-small F32 32x512, Haswell, cpu time",
                         .unit = "% of AVX2 peak"},
        .speed = {.name = "entropy gpt2-small F32 32x512, Haswell, speed",
                  .unit = "tokens/s"},
        .memory = {.name = "entropy gpt2-small F32 32x512, Haswell, anonymous "
                           "memory",
                   .unit = "MiB",
                   .bar = 100,
                   .lower = 1,
                   .note = "the most at any step of the first repetition"}};
    const char *core = getenv("OPENBLAS_CORETYPE");
    rows *r = core ? &haswell : &widest;
    bench b = bench_begin(argc, argv);
    if (!bench_wanted(&b, r->share.name))
        return 0;
    if (core && !bench_has(BENCH_AVX2))
        bench_skip(r->share.name, "this processor has no AVX2");
    else
        measure(&b, r, core ? BENCH_AVX2 : BENCH_WIDEST);
    return 0;
}
