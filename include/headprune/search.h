#ifndef HEADPRUNE_SEARCH_H
#define HEADPRUNE_SEARCH_H

#include "headprune/gate.h"

/*
 * How many heads may go before the loss has risen too far: bisection over the
 * order of one score, and the curve of what was seen on the way.
 */
#ifdef __cplusplus
extern "C" {
#endif

typedef struct hp_curve_point {
    double ratio; /* of all heads */
    size_t n_pruned;
    double loss;               /* nats */
    double delta, delta_error; /* loss - loss of the whole model, +- standard
                                  error, paired by token */
} hp_curve_point;

/* By n_pruned, the whole model first. Bisection sees few points. */
#define HP_CURVE_MOST 64
typedef struct hp_curve {
    size_t n;
    hp_curve_point points[HP_CURVE_MOST];
} hp_curve;

typedef struct hp_search {
    size_t n_steps; /* below 2^60 */
    hp_limit limit; /* of the rise of the loss */
    /* Measures step 1 .. n_steps, of which each takes the heads of those before
     * it and more; step 0 is the whole model. A failure ends the search. */
    hp_status (*measure)(void *payload, hp_curve_point *out, size_t step,
                         hp_error *err);
    void *payload;
} hp_search;

/*
 * `*best` is the last step within the limit, 0: none but the whole model is.
 * Where the loss falls as heads go, a later step may be within it too: of a
 * step that breaks the limit, those after it are not looked at. Step 0 is
 * measured first, no step twice.
 */
HP_CHECKED
hp_status hp_search_run(hp_curve *out, size_t *best, const hp_search *s,
                        hp_error *err);

/* What `auto` chose, and with a limit how far it went. */
typedef struct hp_choice {
    const hp_method *method;
    int compensates;
    int has_limit;
    hp_limit limit;
    hp_curve curve; /* with a limit */
} hp_choice;

#ifdef __cplusplus
}
#endif

#endif
