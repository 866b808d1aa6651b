/* What the loss gains when one head alone is silent, exactly: masks of one head
 * each, as many side by side as the budget holds. */
#include "base/arena.h"
#include "base/checked.h"
#include "model/graph.h"
#include "run/engine.h"
#include "run/passes.h"
#include "score/loss_sweep.h"
#include "score/scorer.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_BUDGET ((size_t)64 << 20)

typedef struct ablation {
    const hp_model *m;
    const hp_score_options *o;
    hp__targets targets;
    size_t n_masks;                         /* side by side */
    unsigned char *masks[HP__MOST_MASKS];   /* [heads of m] */
    hp__lane_results lanes[HP__MOST_MASKS]; /* losses [targets] */
    double *base;                           /* [targets] */
    uint64_t before, done, total;           /* progress */
} ablation;

static size_t longest_of(const hp_sequences *s, size_t least)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->start[i + 1] - s->start[i] > least)
            least = s->start[i + 1] - s->start[i];
    return least;
}

/* Half of the budget, in pieces that a sweep holds at least. */
static size_t masks_that_fit(const ablation *a)
{
    const hp_sequences *s = &a->targets.windows;
    size_t budget = a->o->run.budget ? a->o->run.budget : DEFAULT_BUDGET;
    size_t rows = longest_of(s, HP__PIECE_ROWS);
    if (s->decoder)
        rows += longest_of(s->decoder, HP__PIECE_ROWS);
    size_t n = budget / 2 / (rows * a->m->spec.width * sizeof(float));
    n = n < HP__MOST_MASKS ? n : HP__MOST_MASKS;
    return n > 1 ? n : 1;
}

static hp_status open_ablation(ablation *a, hp_error *err)
{
    hp_status st = hp__loss_targets(&a->targets, a->m, a->o, err);
    if (st)
        return st;
    a->n_masks = masks_that_fit(a);
    st = hp__new(&a->base, a->targets.n, sizeof *a->base, err);
    for (size_t i = 0; i < a->n_masks && !st; i++) {
        st = hp__new(&a->masks[i], a->m->n_heads, 1, err);
        if (!st)
            st =
                hp__new(&a->lanes[i].losses, a->targets.n, sizeof(double), err);
    }
    return st;
}

static void close_ablation(ablation *a)
{
    for (size_t i = 0; i < a->n_masks; i++) {
        free(a->masks[i]);
        free(a->lanes[i].losses);
    }
    free(a->base);
    hp__targets_close(&a->targets);
}

/* What is masked already, and `n` heads from `first` on, one a mask; heads past
 * the last one: none. */
static void set_masks(ablation *a, size_t first, size_t n)
{
    const hp_run_options *o = &a->o->run;
    const unsigned char *own = o->n_variants ? o->masks[0] : NULL;
    for (size_t i = 0; i < n; i++) {
        memset(a->masks[i], 0, a->m->n_heads);
        if (own)
            memcpy(a->masks[i], own, a->m->n_heads);
        if (first + i < a->m->n_heads)
            a->masks[i][first + i] = 1;
    }
}

static int step(void *payload, uint64_t done, uint64_t total)
{
    ablation *a = payload;
    const hp_progress *to = &a->o->run.progress;
    (void)total;
    a->done = a->before + done;
    return to->step(to->payload, a->done, a->total);
}

static hp_status run_masks(ablation *a, size_t n, hp_error *err)
{
    hp_run_options o = a->o->run;
    hp__passes p = {.model = a->m,
                    .targets = &a->targets,
                    .run = &o,
                    .lanes = a->lanes,
                    .n_lanes = n};
    o.masks = (const unsigned char *const *)a->masks;
    o.n_variants = n;
    if (o.progress.step)
        o.progress = (hp_progress){step, a};
    a->before = a->done;
    return hp__passes_run(&p, err);
}

/* What all runs compute: the whole model, then the masks. */
static hp_status measure(ablation *a, hp_error *err)
{
    const hp_sequences *s = &a->targets.windows;
    hp_status st = HP_OK;
    a->total = hp__sweep_work(a->m, s, NULL);
    for (size_t h = 0; h < a->m->n_heads && !st; h += a->n_masks) {
        size_t left = a->m->n_heads - h;
        size_t n = left < a->n_masks ? left : a->n_masks;
        hp__variants v = {0};
        set_masks(a, h, n);
        st = hp__variants_open(&v, a->m, (const unsigned char *const *)a->masks,
                               n, err);
        if (!st)
            a->total += hp__sweep_work(a->m, s, &v);
        hp__variants_close(&v);
    }
    return st;
}

static double mean_gain(const ablation *a, const double *losses)
{
    double sum = 0;
    for (size_t i = 0; i < a->targets.n; i++)
        sum += losses[i] - a->base[i];
    return sum / (double)a->targets.n;
}

static hp_status run_all(double *values, ablation *a, hp_error *err)
{
    set_masks(a, a->m->n_heads, 1);
    hp_status st = run_masks(a, 1, err);
    if (!st)
        memcpy(a->base, a->lanes[0].losses, a->targets.n * sizeof *a->base);
    for (size_t h = 0; h < a->m->n_heads && !st; h += a->n_masks) {
        size_t left = a->m->n_heads - h;
        size_t n = left < a->n_masks ? left : a->n_masks;
        set_masks(a, h, n);
        st = run_masks(a, n, err);
        for (size_t i = 0; i < n && !st; i++)
            values[h + i] = mean_gain(a, a->lanes[i].losses);
    }
    return st;
}

static hp_status weigh(double *values, const hp_model *m,
                       const hp_score_options *o, hp_error *err)
{
    ablation a = {.m = m, .o = o};
    hp_status st = open_ablation(&a, err);
    if (!st)
        st = measure(&a, err);
    if (!st)
        st = run_all(values, &a, err);
    close_ablation(&a);
    return st;
}

const hp__scorer hp__scorer_ablation = {
    .method = {.name = "ablation",
               .unit = "nat",
               .summary = "what the loss gains when the head alone is silent, "
                          "exactly",
               .passes = "heads/2",
               .zeroed = 110.2,
               .refitted = 106.9,
               .needs_data = 1,
               .needs_loss = 1},
    .weigh = weigh};
