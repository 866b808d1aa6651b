/* The table of output forms: one row and one file each. */
#include "prune/emit.h"

#include <string.h>

static const hp__form *const forms[] = {
    &hp__form_zero,
};

const hp_emit *hp_emit_at(size_t i)
{
    return i < sizeof forms / sizeof *forms ? &forms[i]->emit : NULL;
}

const hp_emit *hp_emit_find(const char *name)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (strcmp(forms[i]->emit.name, name) == 0)
            return &forms[i]->emit;
    return NULL;
}

const hp__form *hp__form_find(const hp_emit *emit)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (&forms[i]->emit == emit)
            return forms[i];
    return NULL;
}
