/* The choice of a report of auto, and the curve behind it. */
#include "document/read_parts.h"

#include <stdlib.h>
#include <string.h>

static hp_status read_limit(hp_choice *c, const hp__node *choice, hp_error *err)
{
    const hp__node *n = hp__node_find(choice, "max_loss_increase");
    if (!n || hp__node_kind(n) == HP__NULL)
        return HP_OK;
    c->has_limit = 1;
    hp_status st = hp__node_get_object(&n, choice, "max_loss_increase", err);
    if (!st)
        st = hp__node_get_double(&c->limit.value, n, "value", err);
    return st ? st : hp__node_find_bool(&c->limit.relative, n, "relative", err);
}

static hp_status read_point(hp_curve_point *p, const hp__node *n, hp_error *err)
{
    uint32_t pruned = 0;
    hp_status st = hp__node_get_double(&p->ratio, n, "ratio", err);
    if (!st)
        st = hp__node_get_u32(&pruned, n, "pruned", err);
    if (!st)
        st = hp__node_get_double(&p->loss, n, "loss", err);
    if (!st)
        st = hp__node_get_double(&p->delta, n, "delta", err);
    if (!st)
        st = hp__node_get_double(&p->delta_error, n, "stderr", err);
    p->n_pruned = pruned;
    return st;
}

static hp_status read_curve(hp_curve *out, const hp__node *root, hp_error *err)
{
    const hp__node *list = NULL;
    hp_status st = hp__node_get_array(&list, root, "curve", err);
    if (!st && hp__node_count(list) > HP_CURVE_MOST)
        return hp_fail(err, HP_FORMAT, "'curve' has %zu points, more than %d",
                       hp__node_count(list), HP_CURVE_MOST);
    for (const hp__node *n = st ? NULL : hp__node_first(list); n && !st;
         n = hp__node_next(n), out->n++) {
        hp_curve_point *p = &out->points[out->n];
        st = read_point(p, n, err);
        if (!st && (out->n ? p->n_pruned <= p[-1].n_pruned : p->n_pruned > 0))
            st = hp_fail(err, HP_FORMAT,
                         "key 'pruned' is %zu: not in order from 0 on",
                         p->n_pruned);
        st = hp__within(err, st, "curve", out->n);
    }
    return st;
}

hp_status hp__read_choice(hp_choice **out, const hp__node *root, hp_error *err)
{
    const hp__node *n = hp__node_find(root, "auto");
    const char *name = NULL;
    *out = NULL;
    if (!n || hp__node_kind(n) == HP__NULL)
        return HP_OK;
    hp_status st = hp__node_get_object(&n, root, "auto", err);
    if (!st)
        st = hp__node_get_string(&name, n, "method", err);
    if (!st)
        st = hp__new(out, 1, sizeof **out, err);
    if (st)
        return st;
    (*out)->method = hp_method_find(name);
    st = hp__node_find_bool(&(*out)->compensates, n, "compensates", err);
    if (!st)
        st = read_limit(*out, n, err);
    if (!st && (*out)->has_limit)
        st = read_curve(&(*out)->curve, root, err);
    return st;
}
