#ifndef HEADPRUNE_MODEL_CONFIG_H
#define HEADPRUNE_MODEL_CONFIG_H

#include "base/arena.h"
#include "headprune/model.h"
#include "io/json.h"

/*
 * Checked values of config.json, for the architectures' spec functions. Every
 * message names the key, the value and what was expected. There are no
 * fallbacks for sizes: a default that does not fit the tensors helps nobody.
 */

/* A required integer in 1 .. 2^31 - 1. */
HP_CHECKED
hp_status hp__config_size(uint32_t *out, const hp__node *config,
                          const char *key, hp_error *err);

/* The same in 1 .. 2^24: a width, or a number of heads. */
HP_CHECKED
hp_status hp__config_width(uint32_t *out, const hp__node *config,
                           const char *key, hp_error *err);

/* Width (at most 2^24), heads and head_dim; the heads must divide the width. */
HP_CHECKED
hp_status hp__config_heads(hp_spec *out, const hp__node *config,
                           const char *width_key, const char *heads_key,
                           hp_error *err);

/*
 * The same of models that share keys and values between heads and may say
 * head_dim: hidden_size, num_attention_heads, num_key_value_heads (absent: as
 * many), head_dim (absent: width / heads).
 */
HP_CHECKED
hp_status hp__config_grouped_heads(hp_spec *out, const hp__node *config,
                                   hp_error *err);

/*
 * Rotary positions: rope_theta with rope_scaling, or rope_parameters, which
 * holds both. HP_UNSUPPORTED names a kind of scaling that is not known.
 */
HP_CHECKED
hp_status hp__config_rope(hp_rope *out, const hp__node *config, hp_error *err);

/* A finite number above 0 that single precision can hold; absent: fallback. */
HP_CHECKED
hp_status hp__config_eps(float *out, const hp__node *config, const char *key,
                         double fallback, hp_error *err);

/* HP_UNSUPPORTED lists the names that are known; absent: fallback. */
HP_CHECKED
hp_status hp__config_activation(hp_activation *out, const hp__node *config,
                                const char *key, const char *fallback,
                                hp_error *err);

/* The same of a name that `key` holds a part of. */
HP_CHECKED
hp_status hp__config_activation_named(hp_activation *out, const char *key,
                                      const char *name, hp_error *err);

/* HP_UNSUPPORTED when the key is true: `what` says what it would need. */
HP_CHECKED
hp_status hp__config_refuse(const hp__node *config, const char *key,
                            const char *what, hp_error *err);

/* Ids under the keys of special tokens, as many as there is room for; what is
 * no id is passed over. *mask is -1 without a mask token. */
size_t hp__config_special(int32_t ids[HP_MAX_SPECIAL], int32_t *mask,
                          const hp__node *config);

/* The first of `architectures`; "" when there is none. */
const char *hp__config_class(const hp__node *config);

/* Heads that config.json says are already gone, in (layer, head) order. */
typedef struct hp__pruned {
    const uint32_t (*heads)[2]; /* [n] of layer, head */
    size_t n;
} hp__pruned;

/* Of `pruned_heads` and `headprune_heads_kept`. HP_FORMAT: they are not lists
 * of heads in range, or do not say the same. */
HP_CHECKED
hp_status hp__config_pruned(hp__pruned *out, hp__arena *a,
                            const hp__node *config, const hp_spec *spec,
                            hp_error *err);

#endif
