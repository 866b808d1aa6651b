#include "score/loss_sweep.h"
#include "base/arena.h"
#include "base/checked.h"
#include "model/graph.h"

#include <stdlib.h>

hp_status hp__loss_targets(hp__targets *out, const hp_model *m,
                           const hp_score_options *o, hp_error *err)
{
    const hp__target_rule rule = {
        .sequences = o->sequences, .special = o->special, .labels = o->labels};
    return hp__targets_open(out, m->spec.output, &rule, err);
}

/* ---- the sweep ---- */

static hp_status list_labels(int32_t **out, size_t *predicting,
                             const hp__targets *t, hp_error *err)
{
    const hp_sequences *s = hp__targets_rows(t);
    size_t tokens = s->start[s->n];
    hp_status st = hp__new(out, tokens, sizeof **out, err);
    if (st)
        return st;
    for (size_t i = 0; i < tokens; i++)
        (*out)[i] = -1;
    for (size_t i = 0; i < t->n; i++)
        (*out)[t->rows[i]] = t->labels[i];
    *predicting = 0;
    for (size_t i = 0; i < s->n; i++)
        *predicting += t->first[i + 1] > t->first[i];
    return HP_OK;
}

hp_status hp__loss_sweep_run(size_t *predicting, const hp__loss_sweep *s,
                             hp_error *err)
{
    hp__targets targets = {0};
    int32_t *labels = NULL;
    hp_run_options o = s->options->run;
    const hp_observer observer = {
        .wants = HP_SEE_GRADIENT, .gradients = s->see, .payload = s->payload};
    hp_status st = hp__loss_targets(&targets, s->model, s->options, err);
    if (!st)
        st = list_labels(&labels, predicting, &targets, err);
    o.labels = labels;
    if (!st)
        st = hp_run_sweep(s->model, &targets.windows, &o, &observer, err);
    free(labels);
    hp__targets_close(&targets);
    return st;
}

/* ---- gates ---- */

typedef struct gates {
    double *at; /* [sequences, heads of the model] */
    size_t n_heads;
    unsigned threads;
} gates;

static double gate_of(const hp_seen_gradients *seen, size_t row, size_t rows,
                      size_t head)
{
    size_t dim = seen->block->head_dim;
    double sum = 0;
    for (size_t r = row; r < row + rows; r++) {
        const float *z = seen->z + r * seen->n + head * dim;
        const float *g = seen->z_gradient + r * seen->n + head * dim;
        for (size_t i = 0; i < dim; i++)
            sum += (double)z[i] * (double)g[i];
    }
    return sum;
}

static hp_status see(void *payload, const hp_seen_gradients *seen,
                     hp_error *err)
{
    const gates *g = payload;
    const size_t *start = seen->start;
    (void)err;
#pragma omp parallel for collapse(2) num_threads(g->threads) schedule(static)
    for (size_t i = 0; i < seen->n_sequences; i++)
        for (size_t h = 0; h < seen->block->n_heads; h++) {
            size_t at = (seen->first_sequence + i) * g->n_heads +
                        seen->block->first_head + h;
            g->at[at] =
                gate_of(seen, start[i] - start[0], start[i + 1] - start[i], h);
        }
    return HP_OK;
}

static double applied(double (*f)(double), double x)
{
    return f ? f(x) : x;
}

hp_status hp__gate_scores(double *values, const hp_model *m,
                          const hp_score_options *o, const hp__gate_mean *mean,
                          hp_error *err)
{
    gates g = {.n_heads = hp_model_n_heads(m),
               .threads = o->run.threads ? o->run.threads : hp_backend_cpus()};
    const hp__loss_sweep sweep = {m, o, see, &g};
    size_t n, predicting = 0;
    if (!hp__mul(&n, o->sequences->n, g.n_heads))
        return hp_fail(err, HP_NOMEM, "out of memory (%zu sequences)",
                       o->sequences->n);
    hp_status st = hp__new(&g.at, n, sizeof *g.at, err);
    if (!st)
        st = hp__loss_sweep_run(&predicting, &sweep, err);
    for (size_t h = 0; h < g.n_heads && !st; h++) {
        double sum = 0;
        for (size_t i = 0; i < o->sequences->n; i++)
            sum += applied(mean->of_each, g.at[i * g.n_heads + h]);
        values[h] = applied(mean->of_mean, sum / (double)predicting);
    }
    free(g.at);
    return st;
}
