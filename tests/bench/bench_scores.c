/* What methods that look at data cost beside entropy, in processor time. */
#include "bench.h"

#include <stdio.h>

enum { WINDOWS = 8, LENGTH = 512 };

static hp_status time_method(double *seconds, const hp_model *m,
                             const hp_backend *b, const char *method,
                             hp_error *err)
{
    static int32_t ids[WINDOWS * LENGTH];
    static size_t start[WINDOWS + 1];
    bench_tokens(ids, start, WINDOWS, LENGTH);
    const hp_sequences s = {ids, start, WINDOWS, NULL};
    const hp_score_options o = {.run = {.backend = b}, .sequences = &s};
    hp_scores *scores = NULL;
    double begin = bench_cpu();
    hp_status st = hp_score(&scores, m, hp_method_find(method), &o, err);
    *seconds = bench_cpu() - begin;
    hp_scores_free(scores);
    return st;
}

hp_status bench_scores(const hp_model *m, const hp_backend *b, hp_error *err)
{
    static const char *const methods[] = {"entropy", "energy", "gradient",
                                          "obs"};
    double entropy = 0.0, seconds = 0.0;
    hp_status st = HP_OK;
    for (size_t i = 0; i < sizeof methods / sizeof *methods && !st; i++) {
        st = time_method(&seconds, m, b, methods[i], err);
        entropy = i ? entropy : seconds;
        if (!st)
            printf("%s: %.1f processor seconds for %d x %d tokens, %.2f of "
                   "entropy\n",
                   methods[i], seconds, WINDOWS, LENGTH, seconds / entropy);
    }
    return st;
}
