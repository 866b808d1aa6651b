/* What methods that look at data cost beside entropy, in processor time. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

static double time_method(const bench_open *open, const bench_data *data,
                          const char *method)
{
    const hp_score_options o = {.run = {.backend = open->backend},
                                .sequences = &data->sequences};
    hp_scores *scores = NULL;
    hp_error err;
    double begin = bench_cpu();
    bench_check(
        hp_score(&scores, open->model, hp_method_find(method), &o, &err), &err);
    double took = bench_cpu() - begin;
    hp_scores_free(scores);
    return took;
}

static void measure(const bench *b, bench_row *row, const char *method)
{
    bench_shape shape = bench_gpt2_small(b);
    char *folder = bench_model(b, &shape, &(bench_writing){BENCH_F32, 1, 0});
    bench_open open = bench_open_model(folder);
    bench_data data =
        bench_tokens(b->tiny ? 2 : 8, b->tiny ? 16 : 512, shape.vocab);
    for (int i = bench_repeat(b, 1); i-- > 0;) {
        double entropy = time_method(&open, &data, "entropy");
        bench_add(row, time_method(&open, &data, method) / entropy, 1);
    }
    bench_print(row);
    bench_tokens_free(&data);
    bench_close_model(&open);
    free(folder);
}

int main(int argc, char **argv)
{
    static const char *const methods[] = {"energy", "gradient", "obs"};
    static bench_row rows[sizeof methods / sizeof *methods];
    bench b = bench_begin(argc, argv);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        char name[64];
        snprintf(name, sizeof name, "score %s gpt2-small F32 8x512",
                 methods[i]);
        rows[i] = (bench_row){.name = name,
                              .unit = "of entropy",
                              .lower = 1,
                              .note = "processor seconds"};
        if (bench_wanted(&b, name))
            measure(&b, &rows[i], methods[i]);
    }
    return 0;
}
