#ifndef HEADPRUNE_MODEL_REMOVAL_H
#define HEADPRUNE_MODEL_REMOVAL_H

/* An auto class of transformers, and the stock class it stands for. */
typedef struct hp__auto_class {
    const char *auto_name, *stock;
} hp__auto_class;

/*
 * How heads can be removed from an architecture's checkpoints so that
 * something loads the result. What loads what was found by loading it
 * (tests/interop).
 */
typedef struct hp__removal {
    /* Transformers 4 reads the key pruned_heads of config.json. */
    int pruned_heads;
    /* For the auto_map of config.json, ends with {NULL, NULL}; NULL: blocks
     * that keep different numbers of heads load nowhere. */
    const hp__auto_class *classes;
    /* Keys of config.json with which all blocks keep equally many heads; NULL:
     * the stock classes take the width of a head from their number.
     * `kv_heads_key` and `head_dim_key` may be NULL. */
    const char *heads_key, *kv_heads_key, *head_dim_key;
    /* Transformers 5 wants the width to be a multiple of the heads. */
    int width_of_heads;
} hp__removal;

#endif
