/* Heads of one table in another, by id. */
#include "plan/plan_mask.h"

#include <string.h>

size_t hp__head_find(const hp_head *heads, size_t n, const char *id, size_t *at)
{
    for (size_t tried = 0; tried < n; tried++) {
        size_t i = *at;
        *at = i + 1 < n ? i + 1 : 0;
        if (strcmp(heads[i].id, id) == 0)
            return i;
    }
    return SIZE_MAX;
}

hp_status hp__plan_mask(unsigned char *mask, const hp_plan *p,
                        const hp_model *m, hp_error *err)
{
    size_t n = hp_model_n_heads(m), at = 0;
    memset(mask, 0, n);
    for (size_t i = 0; i < p->n_heads; i++) {
        if (!p->pruned[i])
            continue;
        size_t head = hp__head_find(hp_model_heads(m), n, p->heads[i].id, &at);
        if (head == SIZE_MAX)
            return hp_fail(err, HP_INVALID,
                           "the plan prunes head %s, which the model does not "
                           "have",
                           p->heads[i].id);
        mask[head] = 1;
    }
    return HP_OK;
}
