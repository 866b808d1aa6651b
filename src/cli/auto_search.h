#ifndef HEADPRUNE_CLI_AUTO_SEARCH_H
#define HEADPRUNE_CLI_AUTO_SEARCH_H

#include "cli/work.h"

/*
 * --max-loss-increase of auto: calibrates and scores on a part of the data, and
 * leaves the largest plan that keeps the loss on the other part within the
 * limit, with its refit, and the curve in w->choice. HP_UNSUPPORTED: the model
 * has no loss, or the fewest heads are too many.
 */
HP_CHECKED
hp_status auto_search(work *w, cli *c, hp_error *err);

#endif
