#ifndef HEADPRUNE_HEADPRUNE_H
#define HEADPRUNE_HEADPRUNE_H

/*
 * libheadprune in one include. The order is the data flow; each header needs
 * only those before it.
 */
#include "headprune/attention.h"
#include "headprune/backend.h"
#include "headprune/checkpoint.h"
#include "headprune/diff.h"
#include "headprune/document.h"
#include "headprune/error.h"
#include "headprune/eval.h"
#include "headprune/forecast.h"
#include "headprune/gate.h"
#include "headprune/generate.h"
#include "headprune/heads.h"
#include "headprune/model.h"
#include "headprune/page.h"
#include "headprune/plan.h"
#include "headprune/progress.h"
#include "headprune/redundancy.h"
#include "headprune/refit.h"
#include "headprune/rewrite.h"
#include "headprune/run.h"
#include "headprune/score.h"
#include "headprune/search.h"
#include "headprune/sequences.h"
#include "headprune/stats.h"
#include "headprune/sweep.h"
#include "headprune/text.h"
#include "headprune/version.h"

#endif
