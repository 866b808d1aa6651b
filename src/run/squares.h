#ifndef HEADPRUNE_RUN_SQUARES_H
#define HEADPRUNE_RUN_SQUARES_H

#include "headprune/model.h"

/*
 * Sums of squares of every head's weights (biases excluded), in double:
 * squares[head][role], roles in the order of hp_role. With grouped keys and
 * values the group's sums stand at each of its heads. `threads` 0: all that
 * this process may use; the sums do not depend on it.
 */
HP_CHECKED
hp_status hp__run_squares(double (*squares)[4], const hp_model *m,
                          unsigned threads, hp_error *err);

#endif
