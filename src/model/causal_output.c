/* Where the logits of a causal model come from. */
#include "model/bind.h"

#include <string.h>

/* Classes that end in a vocabulary projection, tied when none is stored. */
static int class_has_output(const char *name)
{
    return name[0] == '\0' || strstr(name, "LMHead") ||
           strstr(name, "DoubleHeads") || strstr(name, "CausalLM");
}

void hp__bind_causal_output(hp__binder *b, const hp__node *config, int tied)
{
    hp_model *m = b->m;
    hp__output_head *out = &m->output;
    int expected = class_has_output(hp__config_class(config));
    if (!b->status)
        b->status =
            hp__node_find_bool(&tied, config, "tie_word_embeddings", b->err);
    hp__bind_outside(b, "lm_head.");
    out->scale = 1;
    out->decoder = (hp_linear){.count = m->spec.vocab, .n_in = m->spec.width};
    out->decoder.weight = hp__bind_stored_output(b, "weight", tied);
    if (!out->decoder.weight && tied && expected) {
        out->decoder.weight = m->embedding.token;
        hp__bind_tied(b, "lm_head.weight");
    } else if (!out->decoder.weight && expected) {
        hp__bind_note(b, "there is no output over the vocabulary: it is not "
                         "tied, and tensor 'lm_head.weight' is missing");
    }
    if (out->decoder.weight)
        m->spec.output = HP_OUTPUT_CAUSAL;
}
