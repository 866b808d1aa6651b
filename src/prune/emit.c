/* The table of output forms: one row and one file each. */
#include "prune/emit.h"

#include <string.h>

static const hp__form *const forms[] = {&hp__form_zero,   &hp__form_zero_all,
                                        &hp__form_gate,   &hp__form_mask,
                                        &hp__form_remove, NULL};

const hp_emit *hp_emit_at(size_t i)
{
    for (size_t k = 0; forms[k]; k++)
        if (k == i)
            return &forms[k]->emit;
    return NULL;
}

const hp_emit *hp_emit_find(const char *name)
{
    for (size_t i = 0; forms[i]; i++)
        if (strcmp(forms[i]->emit.name, name) == 0)
            return &forms[i]->emit;
    return NULL;
}

const hp__form *hp__form_find(const hp_emit *emit)
{
    for (size_t i = 0; forms[i]; i++)
        if (&forms[i]->emit == emit)
            return forms[i];
    return NULL;
}
