#include "headprune/forecast.h"
#include "plan/plan_mask.h"
#include "prune/rewriting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The windows that calibration and evaluation use when nobody says another
 * length. */
#define MOST_LENGTH 512

/* Values of the bands that the rewrite zeroes or leaves out, and their bytes.
 */
static void count_changes(hp_cost *out, const hp_rewrite *r)
{
    for (size_t i = 0; i < hp_rewrite_n_changes(r); i++) {
        const hp_change *c = hp_rewrite_change(r, i);
        out->bytes += c->bytes;
        out->parameters += c->bytes / (c->tensor->size / c->tensor->n_elements);
    }
}

static double percent_less(uint64_t before, uint64_t after)
{
    return before ? 100 * (1 - (double)after / (double)before) : 0;
}

/* The rate of multiply-adds is no promise: a runtime that waits for memory, or
 * for itself, gains less. */
static void say_gain(hp_forecast *f)
{
    uint64_t before = f->before.multiply_adds, after = f->after.multiply_adds;
    snprintf(f->size, sizeof f->size,
             "%.1f %% fewer parameters, %.1f %% fewer bytes of tensors",
             percent_less(f->before.parameters, f->after.parameters),
             percent_less(f->before.bytes, f->after.bytes));
    if (!before || !after)
        snprintf(f->speed, sizeof f->speed,
                 "faster; by how much is not known of this architecture");
    else
        snprintf(f->speed, sizeof f->speed,
                 "%.1f %% fewer multiply-adds a token, in sequences of %llu: "
                 "about %.2f times as fast where they set the pace",
                 percent_less(before, after), (unsigned long long)f->length,
                 (double)before / (double)after);
}

hp_status hp_forecast_make(hp_forecast *out, const hp_rewrite *r,
                           const hp_plan *p, hp_error *err)
{
    const hp_model *m = r->model;
    size_t n = hp_model_n_heads(m);
    uint32_t most = hp_model_spec(m)->max_positions;
    unsigned char *mask = NULL;
    hp_cost changed = {0};
    hp_forecast f = {.length = most && most < MOST_LENGTH ? most : MOST_LENGTH,
                     .in_heads = hp_model_heads_parameters(m)};
    hp_status st = hp__new(&mask, n, 1, err);
    if (!st)
        st = hp__plan_mask(mask, p, m, err);
    if (st)
        goto done;
    f.before = hp_model_cost(m, NULL, f.length);
    f.removed = hp_model_cost(m, mask, f.length);
    f.in_pruned_heads = f.before.parameters - f.removed.parameters;
    f.after = f.before;
    count_changes(&changed, r);
    if (hp_rewrite_cuts(r)) {
        f.after.parameters -= changed.parameters;
        f.after.bytes -= changed.bytes;
        f.after.multiply_adds = f.removed.multiply_adds;
        say_gain(&f);
    } else {
        f.zeroed = changed.parameters;
        snprintf(f.size, sizeof f.size, "%s", hp_rewrite_size(r));
        snprintf(f.speed, sizeof f.speed, "%s", hp_rewrite_speed(r));
    }
    *out = f;
done:
    free(mask);
    return st;
}
