/* Sum of the Frobenius norms of a head's query, key, value and output weights,
 * biases left out. */
#include "base/arena.h"
#include "run/squares.h"
#include "score/scorer.h"

#include <math.h>
#include <stdlib.h>

static const hp_tensor *tensor_of(const hp_block *b, hp_role role)
{
    const hp_linear *const maps[] = {[HP_ROLE_Q] = &b->q,
                                     [HP_ROLE_K] = &b->k,
                                     [HP_ROLE_V] = &b->v,
                                     [HP_ROLE_O] = &b->o};
    return maps[role]->weight;
}

/* Squares of 32 bits or less cannot leave the range of double. */
static hp_status fail_not_finite(const hp_tensor *t, hp_error *err)
{
    return hp_fail(err, HP_FORMAT, "tensor '%s' holds NaN%s", t->name,
                   t->dtype == HP_DTYPE_F64
                       ? ", infinity, or numbers whose squares leave the "
                         "range of double precision"
                       : " or infinity");
}

static hp_status weigh(double *values, const hp_model *m,
                       const hp_score_options *o, hp_error *err)
{
    size_t n = hp_model_n_heads(m);
    double(*squares)[4] = NULL;
    hp_status st = hp__new(&squares, n, sizeof *squares, err);
    if (!st)
        st = hp__run_squares(squares, m, o->run.threads, err);
    for (size_t h = 0; h < n && !st; h++) {
        const hp_block *b = hp_model_block(m, hp_model_heads(m)[h].block);
        values[h] = 0;
        for (hp_role r = HP_ROLE_Q; r <= HP_ROLE_O && !st; r++) {
            if (!isfinite(squares[h][r]))
                st = fail_not_finite(tensor_of(b, r), err);
            values[h] += sqrt(squares[h][r]);
        }
    }
    free(squares);
    return st;
}

const hp__scorer hp__scorer_magnitude = {
    .method = {.name = "magnitude",
               .unit = "weight",
               .summary = "norms of the head's query, key, value and output "
                          "weights; needs no data"},
    .weigh = weigh};
