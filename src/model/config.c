/* What all architectures read from config.json in the same way. */
#include "model/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Wide enough for any model, and four times it still fits 32 bits. */
#define MAX_WIDTH ((uint32_t)1 << 24)

static hp_status get_ranged(uint32_t *out, const hp__node *config,
                            const char *key, uint32_t most, hp_error *err)
{
    uint32_t value = 0;
    hp_status st = hp__node_get_u32(&value, config, key, err);
    if (st)
        return st;
    if (value < 1 || value > most)
        return hp_fail(err, HP_FORMAT, "key '%s' is %u, expected 1 to %u", key,
                       (unsigned)value, (unsigned)most);
    *out = value;
    return HP_OK;
}

hp_status hp__config_size(uint32_t *out, const hp__node *config,
                          const char *key, hp_error *err)
{
    return get_ranged(out, config, key, INT32_MAX, err);
}

hp_status hp__config_width(uint32_t *out, const hp__node *config,
                           const char *key, hp_error *err)
{
    return get_ranged(out, config, key, MAX_WIDTH, err);
}

hp_status hp__config_heads(hp_spec *out, const hp__node *config,
                           const char *width_key, const char *heads_key,
                           hp_error *err)
{
    uint32_t width = 1, heads = 1;
    hp_status st = get_ranged(&width, config, width_key, MAX_WIDTH, err);
    if (!st)
        st = get_ranged(&heads, config, heads_key, MAX_WIDTH, err);
    if (st)
        return st;
    if (width % heads)
        return hp_fail(err, HP_FORMAT,
                       "key '%s': %u is not divisible by '%s' %u", width_key,
                       (unsigned)width, heads_key, (unsigned)heads);
    out->width = width;
    out->n_heads = out->n_kv_heads = heads;
    out->head_dim = width / heads;
    return HP_OK;
}

/* Absent or null: `*out` stays as it is. */
static hp_status find_ranged(uint32_t *out, const hp__node *config,
                             const char *key, hp_error *err)
{
    const hp__node *node = hp__node_find(config, key);
    if (!node || hp__node_kind(node) == HP__NULL)
        return HP_OK;
    return get_ranged(out, config, key, MAX_WIDTH, err);
}

hp_status hp__config_grouped_heads(hp_spec *out, const hp__node *config,
                                   hp_error *err)
{
    static const char heads[] = "num_attention_heads";
    uint32_t dim = 0;
    hp_status st = find_ranged(&dim, config, "head_dim", err);
    if (!st && !dim)
        st = hp__config_heads(out, config, "hidden_size", heads, err);
    if (!st && dim) {
        st = get_ranged(&out->width, config, "hidden_size", MAX_WIDTH, err);
        if (!st)
            st = get_ranged(&out->n_heads, config, heads, MAX_WIDTH, err);
        out->head_dim = dim;
        out->n_kv_heads = out->n_heads;
    }
    if (!st)
        st = find_ranged(&out->n_kv_heads, config, "num_key_value_heads", err);
    if (!st && out->n_heads % out->n_kv_heads)
        return hp_fail(err, HP_FORMAT,
                       "key '%s': %u is not divisible by 'num_key_value_heads' "
                       "%u",
                       heads, (unsigned)out->n_heads,
                       (unsigned)out->n_kv_heads);
    return st;
}

hp_status hp__config_eps(float *out, const hp__node *config, const char *key,
                         double fallback, hp_error *err)
{
    double value = fallback;
    hp_status st = hp__node_find_double(&value, config, key, err);
    if (st)
        return st;
    if (!(isfinite(value) && (float)value > 0 && isfinite((float)value)))
        return hp_fail(err, HP_FORMAT,
                       "key '%s' is %g, expected a finite number above 0", key,
                       value);
    *out = (float)value;
    return HP_OK;
}

static const struct {
    const char *name;
    hp_activation activation;
} activations[] = {
    {"gelu_new", HP_ACTIVATION_GELU_TANH},
    {"gelu", HP_ACTIVATION_GELU},
    {"relu", HP_ACTIVATION_RELU},
    {"silu", HP_ACTIVATION_SILU},
    {"swish", HP_ACTIVATION_SILU},
    {"gelu_pytorch_tanh", HP_ACTIVATION_GELU_TANH},
    {"gelu_fast", HP_ACTIVATION_GELU_TANH},
    {"gelu_accurate", HP_ACTIVATION_GELU_TANH},
    {"gelu_python", HP_ACTIVATION_GELU},
};

#define N_ACTIVATIONS (sizeof activations / sizeof *activations)

hp_status hp__config_activation(hp_activation *out, const hp__node *config,
                                const char *key, const char *fallback,
                                hp_error *err)
{
    const char *name = fallback;
    hp_status st = hp__node_find_string(&name, config, key, err);
    return st ? st : hp__config_activation_named(out, key, name, err);
}

hp_status hp__config_activation_named(hp_activation *out, const char *key,
                                      const char *name, hp_error *err)
{
    for (size_t i = 0; i < N_ACTIVATIONS; i++)
        if (strcmp(activations[i].name, name) == 0) {
            *out = activations[i].activation;
            return HP_OK;
        }
    char known[200] = "";
    size_t len = 0;
    for (size_t i = 0; i < N_ACTIVATIONS && len < sizeof known; i++) {
        int n = snprintf(known + len, sizeof known - len, "%s%s", i ? ", " : "",
                         activations[i].name);
        len += n > 0 ? (size_t)n : 0;
    }
    return hp_fail(err, HP_UNSUPPORTED,
                   "key '%s': activation '%s' is not supported; supported: %s",
                   key, name, known);
}

hp_status hp__config_refuse(const hp__node *config, const char *key,
                            const char *what, hp_error *err)
{
    int set = 0;
    hp_status st = hp__node_find_bool(&set, config, key, err);
    if (st)
        return st;
    if (set)
        return hp_fail(err, HP_UNSUPPORTED, "key '%s' is true: %s", key, what);
    return HP_OK;
}

const char *hp__config_class(const hp__node *config)
{
    const hp__node *list = hp__node_find(config, "architectures");
    if (!list || hp__node_kind(list) != HP__ARRAY)
        return "";
    const hp__node *first = hp__node_first(list);
    const char *name = first ? hp__node_string(first) : NULL;
    return name ? name : "";
}

/* ---- special tokens ---- */

/* A number, or a list of them. */
static size_t add_ids(int32_t *ids, size_t n, const hp__node *node)
{
    const hp__node *one = node;
    if (hp__node_kind(node) == HP__ARRAY)
        one = hp__node_first(node);
    for (; one && n < HP_MAX_SPECIAL; one = hp__node_next(one)) {
        double id =
            hp__node_kind(one) == HP__NUMBER ? hp__node_number(one) : -1.0;
        if (id >= 0.0 && id <= INT32_MAX && floor(id) >= id)
            ids[n++] = (int32_t)id;
        if (one == node)
            break;
    }
    return n;
}

size_t hp__config_special(int32_t ids[HP_MAX_SPECIAL], int32_t *mask,
                          const hp__node *config)
{
    static const char *const keys[] = {
        "mask_token_id", "pad_token_id", "unk_token_id", "cls_token_id",
        "sep_token_id",  "bos_token_id", "eos_token_id"};
    size_t n = 0;
    *mask = -1;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const hp__node *node = hp__node_find(config, keys[i]);
        n = node ? add_ids(ids, n, node) : n;
        if (!i && n)
            *mask = ids[0];
    }
    return n;
}
