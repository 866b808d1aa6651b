/* Which number says how good a model is: its kind of output decides. */
#include "headprune/eval.h"

hp_metric hp_metric_of(const hp_model *m)
{
    switch (hp_model_spec(m)->output) {
    case HP_OUTPUT_CAUSAL:
        return HP_METRIC_PERPLEXITY;
    case HP_OUTPUT_MASKED:
        return HP_METRIC_MASKED_LM_LOSS;
    case HP_OUTPUT_NONE:
        break;
    }
    return HP_METRIC_HIDDEN_COSINE;
}

const char *hp_metric_name(hp_metric metric)
{
    switch (metric) {
    case HP_METRIC_PERPLEXITY:
        return "perplexity";
    case HP_METRIC_MASKED_LM_LOSS:
        return "masked_lm_loss";
    case HP_METRIC_HIDDEN_COSINE:
        break;
    }
    return "hidden_cosine";
}

int hp_metric_rises(hp_metric metric)
{
    return metric == HP_METRIC_HIDDEN_COSINE;
}
