/* Rotary positions in config.json, as transformers 4 and 5 write them. */
#include "model/config.h"

#include <math.h>
#include <string.h>

static hp_status check_number(double value, double least, const char *key,
                              hp_error *err)
{
    if (isfinite(value) && value > least)
        return HP_OK;
    return hp_fail(err, HP_FORMAT,
                   "key '%s' is %g, expected a finite number above %g", key,
                   value, least);
}

static hp_status get_number(double *out, const hp__node *node, const char *key,
                            double least, hp_error *err)
{
    hp_status st = hp__node_get_double(out, node, key, err);
    return st ? st : check_number(*out, least, key, err);
}

/* The object of one of two keys, NULL for neither. */
static hp_status find_object(const hp__node **out, const char **name,
                             const hp__node *config, hp_error *err)
{
    static const char *const keys[] = {"rope_scaling", "rope_parameters"};
    *out = NULL;
    for (size_t i = 0; i < 2; i++) {
        const hp__node *node = hp__node_find(config, keys[i]);
        if (!node || hp__node_kind(node) == HP__NULL)
            continue;
        if (hp__node_kind(node) != HP__OBJECT)
            return hp_fail(err, HP_FORMAT, "key '%s' is not an object",
                           keys[i]);
        if (*out)
            return hp_fail(err, HP_FORMAT,
                           "keys '%s' and '%s' both say how positions turn",
                           keys[0], keys[1]);
        *out = node;
        *name = keys[i];
    }
    return HP_OK;
}

/* Objects inside are kinds of layers with positions of their own. */
static hp_status check_flat(const hp__node *object, const char *name,
                            hp_error *err)
{
    const hp__node *n = hp__node_first(object);
    for (; n; n = hp__node_next(n))
        if (hp__node_kind(n) == HP__OBJECT)
            return hp_fail(err, HP_UNSUPPORTED,
                           "key '%s': rotary positions of their own for '%s' "
                           "are not supported",
                           name, hp__node_key(n));
    return HP_OK;
}

static hp_status refuse_partial(const hp__node *node, hp_error *err)
{
    double part = 1;
    hp_status st =
        hp__node_find_double(&part, node, "partial_rotary_factor", err);
    if (!st && (part < 1 || part > 1))
        return hp_fail(err, HP_UNSUPPORTED,
                       "key 'partial_rotary_factor' is %g: heads of which "
                       "only a part turns are not supported",
                       part);
    return st;
}

static hp_status read_llama3(hp_rope *out, const hp__node *n, hp_error *err)
{
    hp_status st = get_number(&out->factor, n, "factor", 0, err);
    if (!st)
        st = get_number(&out->low_turns, n, "low_freq_factor", 0, err);
    if (!st)
        st = get_number(&out->high_turns, n, "high_freq_factor", out->low_turns,
                        err);
    if (!st)
        st = hp__config_size(&out->original_positions, n,
                             "original_max_position_embeddings", err);
    return st;
}

/* Without a type the newer key means the usual positions, the older nothing. */
static hp_status read_scaling(hp_rope *out, const hp__node *node,
                              const char *name, hp_error *err)
{
    const char *type = strcmp(name, "rope_parameters") == 0 ? "default" : NULL;
    hp_status st = hp__node_find_string(&type, node, "type", err);
    if (!st)
        st = hp__node_find_string(&type, node, "rope_type", err);
    if (st)
        return st;
    if (!type)
        return hp_fail(err, HP_FORMAT, "key '%s' holds no 'rope_type'", name);
    if (strcmp(type, "default") == 0)
        return HP_OK;
    if (strcmp(type, "linear") == 0) {
        out->scaling = HP_ROPE_LINEAR;
        return get_number(&out->factor, node, "factor", 0, err);
    }
    if (strcmp(type, "llama3") == 0) {
        out->scaling = HP_ROPE_BANDED;
        return read_llama3(out, node, err);
    }
    return hp_fail(err, HP_UNSUPPORTED,
                   "key '%s': rotary positions of type '%s' are not "
                   "supported; supported: default, linear, llama3",
                   name, type);
}

hp_status hp__config_rope(hp_rope *out, const hp__node *config, hp_error *err)
{
    const hp__node *object = NULL;
    const char *name = NULL;
    hp_rope rope = {.theta = 10000, .factor = 1};
    hp_status st = find_object(&object, &name, config, err);
    if (!st)
        st = hp__node_find_double(&rope.theta, config, "rope_theta", err);
    if (!st)
        st = refuse_partial(config, err);
    if (!st && object) {
        st = check_flat(object, name, err);
        if (!st)
            st = hp__node_find_double(&rope.theta, object, "rope_theta", err);
        if (!st)
            st = refuse_partial(object, err);
        if (!st)
            st = read_scaling(&rope, object, name, err);
    }
    if (!st)
        st = check_number(rope.theta, 0, "rope_theta", err);
    if (!st)
        *out = rope;
    return st;
}
