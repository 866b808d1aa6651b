/* What methods that look at data cost beside entropy, in turn in one
 * repetition, and what a refit from statistics takes. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct setting {
    char *folder;
    bench_open open;
    bench_data data;
} setting;

static setting open_setting(const bench *b)
{
    bench_shape shape = bench_gpt2_small(b);
    setting s = {0};
    s.folder = bench_model(b, &shape, &(bench_writing){BENCH_F32, 1, 0});
    s.open = bench_open_model(s.folder);
    s.data = bench_tokens(b->tiny ? 2 : 8, b->tiny ? 16 : 512, shape.vocab);
    return s;
}

static void close_setting(setting *s)
{
    bench_tokens_free(&s->data);
    bench_close_model(&s->open);
    free(s->folder);
}

/* ---- scores ---- */

typedef struct cost {
    double cpu, system; /* s; the latter is a part of the former */
} cost;

static cost time_method(const setting *s, const char *method)
{
    const hp_score_options o = {.run = {.backend = s->open.backend},
                                .sequences = &s->data.sequences};
    hp_scores *scores = NULL;
    hp_error err;
    cost begin = {bench_cpu(), bench_system_cpu()};
    bench_check(
        hp_score(&scores, s->open.model, hp_method_find(method), &o, &err),
        &err);
    cost took = {bench_cpu() - begin.cpu, bench_system_cpu() - begin.system};
    hp_scores_free(scores);
    return took;
}

static void measure(const bench *b, bench_row rows[2], const char *method)
{
    setting s = open_setting(b);
    for (int i = bench_repeat(b, 1); i-- > 0;) {
        double entropy = time_method(&s, "entropy").cpu;
        cost of = time_method(&s, method);
        bench_add(&rows[0], of.cpu / entropy, 1);
        bench_add(&rows[1], of.system / entropy, 1);
    }
    bench_print(&rows[0]);
    bench_print(&rows[1]);
    close_setting(&s);
}

/* ---- a refit ---- */

static char *path_in(const char *folder, const char *name)
{
    size_t room = strlen(folder) + strlen(name) + 2;
    char *path = bench_alloc(room, 1);
    snprintf(path, room, "%s/%s", folder, name);
    return path;
}

static hp_stats *take_statistics(const setting *s)
{
    const hp_run_options run = {.backend = s->open.backend};
    char sha[65];
    hp_stats *stats = NULL;
    hp_error err;
    memset(sha, '0', 64);
    sha[64] = 0;
    const hp_calibration_info info = {.source = "random tokens",
                                      .sha256 = sha,
                                      .sequences =
                                          (uint32_t)s->data.sequences.n};
    char *path = path_in(s->folder, "statistics");
    bench_check(hp_moments_save(path, s->open.model, &s->data.sequences, &run,
                                &info, &err),
                &err);
    const char *const paths[] = {path};
    bench_check(hp_stats_open(&stats, paths, 1, &err), &err);
    unlink(path);
    free(path);
    return stats;
}

/* Every third head goes, in every block. */
static double time_refit(const setting *s, const hp_stats *stats)
{
    size_t n = hp_model_n_heads(s->open.model);
    unsigned char *mask = bench_alloc(n, 1);
    for (size_t i = 0; i < n; i += 3)
        mask[i] = 1;
    const unsigned char *const masks[] = {mask};
    const hp_refit_options o = {.run = {.backend = s->open.backend},
                                .stats = stats};
    hp_refit *refit = NULL;
    hp_error err;
    double begin = bench_now();
    bench_check(hp_refit_make(&refit, s->open.model, masks, 1, &o, &err), &err);
    double took = bench_now() - begin;
    hp_refit_free(refit);
    free(mask);
    return took;
}

static void measure_refit(const bench *b)
{
    static bench_row row = {.name =
                                "refit gpt2-small F32, a third of the heads",
                            .unit = "s",
                            .lower = 1,
                            .bar = 5,
                            .note = "from statistics, by the clock"};
    if (!bench_wanted(b, row.name))
        return;
    setting s = open_setting(b);
    hp_stats *stats = take_statistics(&s);
    for (int i = bench_repeat(b, 3); i-- > 0;)
        bench_add(&row, time_refit(&s, stats), 1);
    bench_print(&row);
    hp_stats_free(stats);
    close_setting(&s);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *method;
        double bar;
    } methods[] = {
        {"energy", 1.15}, {"gradient", 3.5}, {"fisher", 3.5}, {"obs", 3.5}};
    static bench_row rows[2];
    bench b = bench_begin(argc, argv);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        char name[64], in_system[128];
        snprintf(name, sizeof name, "score %s gpt2-small F32 8x512",
                 methods[i].method);
        snprintf(in_system, sizeof in_system, "%s, of it in the system", name);
        rows[0] = (bench_row){.name = name,
                              .unit = "of entropy",
                              .lower = 1,
                              .bar = methods[i].bar,
                              .note = "processor seconds; threads that wait "
                                      "sleep"};
        rows[1] =
            (bench_row){.name = in_system, .unit = "of entropy", .lower = 1};
        if (bench_wanted(&b, name))
            measure(&b, rows, methods[i].method);
    }
    measure_refit(&b);
    return 0;
}
