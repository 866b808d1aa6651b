/* How many points of a sweep a minute gives: eight random plans at ratio 0.3,
 * evaluated as one chunk, with the model as it is. */
#include "bench.h"

#include <stdlib.h>

enum { POINTS = 8, APART = 2 };

static hp_plan *random_plan(const hp_model *m, uint64_t seed)
{
    const hp_score_options o = {.seed = seed};
    const hp_policy policy = {.ratio = 0.3};
    hp_scores *scores = NULL;
    hp_plan *plan = NULL;
    hp_error err;
    bench_check(hp_score(&scores, m, hp_method_find("random"), &o, &err), &err);
    bench_check(hp_plan_make(&plan, scores, &policy, &err), &err);
    hp_scores_free(scores);
    return plan;
}

static double run(const bench_open *open, const bench_data *data,
                  hp_plan *const *plans)
{
    const hp_calibration_info info = {
        .source = "random", .sha256 = "", .sequences = data->sequences.n};
    const hp_eval_data eval = {.sequences = &data->sequences, .info = &info};
    const hp_sweep_options o = {.run = {.backend = open->backend},
                                .data = &eval,
                                .plans = (const hp_plan *const *)plans,
                                .n_plans = POINTS};
    hp_sweep *sweep = NULL;
    hp_error err;
    double begin = bench_now();
    bench_check(hp_sweep_run(&sweep, open->model, &o, &err), &err);
    double took = bench_now() - begin;
    hp_sweep_free(sweep);
    return took;
}

/* Points a minute of `headprune eval` with one plan after the other: each with
 * the model as it is, of which the numbers are. */
static double run_apart(const bench_open *open, const bench_data *data,
                        hp_plan *const *plans, int n)
{
    const hp_calibration_info info = {
        .source = "random", .sha256 = "", .sequences = data->sequences.n};
    const hp_eval_data eval = {.sequences = &data->sequences, .info = &info};
    double begin = bench_now();
    for (int i = 0; i < n; i++) {
        const unsigned char *mask = plans[i]->pruned;
        const hp_eval_options o = {
            .run = {.backend = open->backend, .masks = &mask, .n_variants = 1},
            .base = {.unmasked = 1}};
        hp_eval *out = NULL;
        hp_error err;
        bench_check(hp_evaluate(&out, open->model, &eval, &o, &err), &err);
        hp_eval_free(out);
    }
    return 60.0 * n / (bench_now() - begin);
}

int main(int argc, char **argv)
{
    static bench_row row = {.name = "sweep gpt2-small F32 4x512",
                            .unit = "points/min"};
    static bench_row ratio = {.name = "sweep gpt2-small F32 4x512, shared",
                              .unit = "of apart",
                              .bar = 1.5,
                              .note = "points a minute of 8 plans together, "
                                      "of evaluations one by one"};
    bench b = bench_begin(argc, argv);
    if (!bench_wanted(&b, row.name))
        return 0;
    bench_shape shape = bench_gpt2_small(&b);
    char *folder = bench_model(&b, &shape, &(bench_writing){BENCH_F32, 1, 0});
    bench_open open = bench_open_model(folder);
    bench_data data = bench_tokens(4, b.tiny ? 16 : 512, shape.vocab);
    hp_plan *plans[POINTS];
    for (unsigned i = 0; i < POINTS; i++)
        plans[i] = random_plan(open.model, i);
    for (int i = bench_repeat(&b, 1); i-- > 0;) {
        double apart = run_apart(&open, &data, plans, APART);
        double rate = 60.0 * POINTS / run(&open, &data, plans);
        double again = run_apart(&open, &data, plans, APART);
        bench_add(&row, rate, 1);
        bench_add(&ratio, 2.0 * rate / (apart + again), 1);
    }
    bench_print(&row);
    bench_print(&ratio);
    for (size_t i = 0; i < POINTS; i++)
        hp_plan_free(plans[i]);
    bench_tokens_free(&data);
    bench_close_model(&open);
    free(folder);
    return 0;
}
