/* How many points of a sweep a minute gives: eight random plans at ratio 0.3,
 * evaluated as one chunk, with the model as it is. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { POINTS = 8, WINDOWS = 4, LENGTH = 512 };

static double processor_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static hp_status run(const hp_model *m, const hp_backend *b,
                     const hp_plan *const *plans, hp_error *err)
{
    static int32_t ids[WINDOWS * LENGTH];
    static size_t start[WINDOWS + 1];
    bench_tokens(ids, start, WINDOWS, LENGTH);
    const hp_sequences s = {ids, start, WINDOWS, NULL};
    const hp_calibration_info info = {
        .source = "random", .sha256 = "", .sequences = WINDOWS};
    const hp_eval_data data = {.sequences = &s, .info = &info};
    const hp_sweep_options o = {.run = {.backend = b},
                                .data = &data,
                                .plans = plans,
                                .n_plans = POINTS};
    hp_sweep *sweep = NULL;
    double cpu = processor_seconds(), begin = bench_now();
    hp_status st = hp_sweep_run(&sweep, m, &o, err);
    double took = bench_now() - begin;
    cpu = processor_seconds() - cpu;
    if (!st)
        printf("sweep: %.1f points a minute, %d x %d tokens each; %.1f "
               "processor seconds a point\n",
               60.0 * POINTS / took, WINDOWS, LENGTH, cpu / POINTS);
    hp_sweep_free(sweep);
    return st;
}

hp_status bench_points(const hp_model *m, const hp_backend *b, hp_error *err)
{
    hp_plan *plans[POINTS] = {0};
    hp_status st = HP_OK;
    for (unsigned i = 0; i < POINTS && !st; i++) {
        const hp_score_options o = {.seed = i};
        const hp_policy policy = {.ratio = 0.3};
        hp_scores *scores = NULL;
        st = hp_score(&scores, m, hp_method_find("random"), &o, err);
        if (!st)
            st = hp_plan_make(&plans[i], scores, &policy, err);
        hp_scores_free(scores);
    }
    if (!st)
        st = run(m, b, (const hp_plan *const *)plans, err);
    for (size_t i = 0; i < POINTS; i++)
        hp_plan_free(plans[i]);
    return st;
}
