/* The table of architectures, and which of its rows a checkpoint is. */
#include "model/arch.h"

#include <stdio.h>
#include <string.h>

/* Where model_type is absent the first row whose telltale is there decides. */
static const hp__arch *const table[] = {
    &hp__arch_gpt2,      &hp__arch_bert,
    &hp__arch_roberta,   &hp__arch_xlm_roberta,
    &hp__arch_camembert, &hp__arch_distilbert,
    &hp__arch_qwen3,     &hp__arch_qwen2,
    &hp__arch_llama,     &hp__arch_mistral,
    &hp__arch_t5,        &hp__arch_mt5,
    &hp__arch_umt5,      &hp__arch_opt,
    &hp__arch_electra,   NULL,
};

const hp__arch *hp__arch_at(size_t i)
{
    size_t n = 0;
    while (n < i && table[n])
        n++;
    return table[n];
}

const char *hp_model_type_name(size_t i)
{
    const hp__arch *a = hp__arch_at(i);
    return a ? a->model_type : NULL;
}

int hp__arch_matches(const hp__arch *a, const hp_checkpoint *c, int prefixed)
{
    char name[128];
    (void)snprintf(name, sizeof name, "%s%s", prefixed ? a->prefix : "",
                   a->telltale);
    return hp_checkpoint_find(c, name) != NULL;
}

char *hp__types_text(char *out, size_t size)
{
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; table[i] && len < size; i++) {
        int n = snprintf(out + len, size - len, "%s%s", i ? ", " : "",
                         table[i]->model_type);
        len += n > 0 ? (size_t)n : 0;
    }
    return out;
}

/* The same names of two architectures that read config.json differently tell
 * nothing. */
static hp_status choose(const hp__arch **out, const hp_checkpoint *c,
                        int prefixed, hp_error *err)
{
    for (size_t i = 0; table[i]; i++) {
        if (!hp__arch_matches(table[i], c, prefixed))
            continue;
        if (!*out)
            *out = table[i];
        if (table[i]->spec == (*out)->spec ||
            strcmp(table[i]->telltale, (*out)->telltale) != 0)
            continue;
        hp_status st = hp_fail(err, HP_UNSUPPORTED,
                               "key 'model_type' is missing and the tensors "
                               "could be those of '%s' or '%s'",
                               (*out)->model_type, table[i]->model_type);
        return hp_fail_hint(err, st, "say which with --as TYPE");
    }
    return HP_OK;
}

static hp_status get_by_tensors(const hp__arch **out, const hp_checkpoint *c,
                                hp_error *err)
{
    *out = NULL;
    hp_status st = choose(out, c, 1, err);
    if (!st && !*out)
        st = choose(out, c, 0, err);
    return st;
}

static const hp__arch *find_row(const char *model_type)
{
    size_t i = 0;
    while (table[i] && strcmp(table[i]->model_type, model_type) != 0)
        i++;
    return table[i];
}

static hp_status fail_as(const char *as, hp_error *err)
{
    char known[256];
    return hp_fail(err, HP_INVALID,
                   "there is no model_type '%s' to take a model for; "
                   "supported: %s",
                   as, hp__types_text(known, sizeof known));
}

hp_status hp__arch_get(const hp__arch **out, const char **type,
                       const hp__node *config, const hp_checkpoint *c,
                       const char *as, hp_error *err)
{
    *type = NULL;
    hp_status st = hp__node_find_string(type, config, "model_type", err);
    if (st)
        return st;
    if (!as && !*type)
        return get_by_tensors(out, c, err);
    *out = find_row(as ? as : *type);
    return as && !*out ? fail_as(as, err) : HP_OK;
}
