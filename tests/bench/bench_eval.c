/* Perplexity, with the projection onto the vocabulary, as a share of what the
 * processor can do at best. */
#include "bench.h"

#include <stdlib.h>

typedef struct job {
    const bench_open *open;
    const bench_data *data;
} job;

static void evaluate(void *payload)
{
    const job *j = payload;
    const hp_calibration_info info = {
        .source = "random", .sha256 = "", .sequences = j->data->sequences.n};
    const hp_eval_data data = {.sequences = &j->data->sequences, .info = &info};
    const hp_eval_options o = {.run = {.backend = j->open->backend}};
    hp_eval *eval = NULL;
    hp_error err;
    bench_check(hp_evaluate(&eval, j->open->model, &data, &o, &err), &err);
    hp_eval_free(eval);
}

/* All of the layers, and a row of logits for every token but the first of a
 * sequence. Two for each multiply-add. */
static double flops_of(const bench_shape *s, size_t n, size_t length)
{
    double d = (double)s->width, tokens = (double)(n * length);
    double pairs = (double)n * (double)length * ((double)length + 1.0) / 2.0;
    double layer = tokens * (8.0 * d * d + 4.0 * d * (double)s->inner);
    return (double)s->layers * (layer + 4.0 * pairs * d) +
           2.0 * d * (double)s->vocab * (tokens - (double)n);
}

int main(int argc, char **argv)
{
    static bench_row row = {
        .name = "eval gpt2-small F32 8x512", .unit = "% of peak", .bar = 75};
    bench b = bench_begin(argc, argv);
    if (!bench_wanted(&b, row.name))
        return 0;
    bench_shape shape = bench_gpt2_small(&b);
    size_t n = b.tiny ? 2 : 8, length = b.tiny ? 16 : 512;
    char *folder = bench_model(&b, &shape, &(bench_writing){BENCH_F32, 1, 0});
    bench_open open = bench_open_model(folder);
    bench_data data = bench_tokens(n, length, shape.vocab);
    job j = {&open, &data};
    for (int i = bench_repeat(&b, 5); i-- > 0;) {
        bench_sample s = bench_time(&b, BENCH_WIDEST, evaluate, &j);
        bench_add(&row, bench_share(&s, flops_of(&shape, n, length)), s.steady);
    }
    bench_print(&row);
    bench_tokens_free(&data);
    bench_close_model(&open);
    free(folder);
    return 0;
}
