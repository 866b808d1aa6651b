/* Models and tokens, opened. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bench_open bench_open_model(const char *folder)
{
    bench_open o = {0};
    hp_error err;
    bench_check(hp_checkpoint_open(&o.checkpoint, folder, NULL, &err), &err);
    bench_check(hp_model_open(&o.model, o.checkpoint, NULL, &err), &err);
    bench_check(hp_backend_open(&o.backend, &err), &err);
    printf("{\"uses\":\"%s; core %s, kernels %s, %u threads, peak by "
           "%s\"}\n",
           hp_backend_blas_config(o.backend), hp_backend_blas_core(o.backend),
           hp_backend_kernels(o.backend), hp_backend_cpus(),
           bench_level_name(BENCH_WIDEST));
    return o;
}

void bench_close_model(bench_open *o)
{
    hp_backend_free(o->backend);
    hp_model_free(o->model);
    hp_checkpoint_free(o->checkpoint);
    memset(o, 0, sizeof *o);
}

bench_data bench_tokens(size_t n, size_t length, size_t vocab)
{
    bench_data d = {.ids = bench_alloc(n * length, sizeof *d.ids),
                    .start = bench_alloc(n + 1, sizeof *d.start)};
    uint32_t x = 1U;
    for (size_t i = 0; i < n * length; i++) {
        x = x * 1664525U + 1013904223U;
        d.ids[i] = (int32_t)((x >> 8) % vocab);
    }
    for (size_t i = 0; i <= n; i++)
        d.start[i] = i * length;
    d.sequences = (hp_sequences){d.ids, d.start, n, NULL};
    return d;
}

void bench_write_tokens(const char *path, const bench_data *d)
{
    FILE *f = fopen(path, "w");
    if (!f)
        bench_fail("%s cannot be written", path);
    for (size_t i = 0; i < d->sequences.n; i++)
        for (size_t k = d->start[i]; k < d->start[i + 1]; k++)
            fprintf(f, "%d%c", (int)d->ids[k],
                    k + 1 < d->start[i + 1] ? ' ' : '\n');
    if (fclose(f))
        bench_fail("%s cannot be written", path);
}

void bench_tokens_free(bench_data *d)
{
    free(d->ids);
    free(d->start);
    memset(d, 0, sizeof *d);
}
