#ifndef HEADPRUNE_CLI_SAMPLER_H
#define HEADPRUNE_CLI_SAMPLER_H

#include "cli/prompts.h"

/* Continues --prompt greedily with any heads silent, refitted or not. The
 * weights are read with the first text, once. */
typedef struct sampler {
    cli *c;
    work *w;
    prompts prompts;
    hp_generator *generator; /* NULL: no text yet */
    hp_detokenizer *detokenizer;
    int32_t *end; /* [options.n_end] */
    hp_generate_options options;
    hp_sweep_prompts told; /* n 0: there is no prompt */
} sampler;

/* HP_INVALID: --max-tokens without a prompt. */
HP_CHECKED
hp_status sampler_check(const cli *c, hp_error *err);
/* Reads the prompts; does nothing without any. `s` stays where it is until
 * sampler_clear, and the backend is there before the first text. */
HP_CHECKED
hp_status sampler_open(sampler *s, work *w, cli *c, hp_error *err);
void sampler_clear(sampler *s);

#endif
