#ifndef HEADPRUNE_MODEL_BIND_H
#define HEADPRUNE_MODEL_BIND_H

#include "model/config.h"
#include "model/graph.h"

/* A tensor that was bound. */
typedef struct hp__use {
    const hp_tensor *tensor;
} hp__use;

/*
 * From tensor names to weight references. An architecture walks its names
 * once; each call finds a tensor, checks its shape and dtype, and remembers
 * it. Errors are sticky: after the first one every call returns empty
 * references, so that a binding reads as a list of names.
 */
typedef struct hp__binder {
    hp_model *m;
    const char *prefix, *other; /* of names in this file; the one it has not */
    char scope[192];            /* names that follow begin so */
    int outside;                /* the scope has no prefix */
    hp__pruned pruned;
    size_t at_pruned;      /* those of the layers before */
    uint32_t layer_pruned; /* of the layer being bound */
    hp__use *used;         /* [n_used] in order of binding */
    size_t n_used, room;
    hp_status status;
    hp_error *err;
} hp__binder;

/* How a stored matrix is seen. */
typedef enum hp__layout {
    HP__OUT_IN, /* Linear: [out, in] */
    HP__IN_OUT  /* GPT-2's Conv1D: [in, out] */
} hp__layout;

/* Names that follow begin with the prefix (or not) and this text. */
void hp__bind_scope(hp__binder *b, const char *fmt, ...) HP_PRINTF(2, 3);
void hp__bind_outside(hp__binder *b, const char *text);

/* NULL when the file has no such tensor: not an error. It is not bound. */
const hp_tensor *hp__bind_find(hp__binder *b, const char *name);
/* The tensor of that name, [rows, cols], or [rows] when cols is 0. */
const hp_tensor *hp__bind_tensor(hp__binder *b, const char *name, uint64_t rows,
                                 uint64_t cols);
/* NAME.weight and NAME.bias, or .gamma and .beta as TensorFlow names them. */
hp_norm_weights hp__bind_norm(hp__binder *b, const char *name, uint64_t width);
/* NAME.weight alone: a norm by the root of the mean square has no bias. */
hp_norm_weights hp__bind_rms(hp__binder *b, const char *name, uint64_t width);
/* NAME.weight and NAME.bias. Of a block without heads: without inputs the bias
 * alone, without outputs nothing, and neither may be in the file. */
hp_linear hp__bind_linear(hp__binder *b, const char *name, hp__layout layout,
                          uint64_t n_in, uint64_t n_out);
/* NAME.weight alone: a map without a bias. */
hp_linear hp__bind_matrix(hp__binder *b, const char *name, hp__layout layout,
                          uint64_t n_in, uint64_t n_out);
/* Outputs first .. first + count of a map, one head every `stride`. */
hp_linear hp__linear_part(hp_linear whole, uint64_t first, uint64_t count,
                          uint64_t stride);

/*
 * The next attention block of a layer, with what the spec says of every block
 * filled in: heads that config.json says are gone are not counted. `name` is
 * relative to the scope.
 */
hp_block *hp__bind_block(hp__binder *b, uint32_t layer, const char *name);
/* What ids of the block's heads begin with, in place of the layer's number. */
void hp__bind_id(hp__binder *b, hp_block *block, const char *fmt, ...)
    HP_PRINTF(3, 4);

/*
 * The vocabulary projection of a causal model: lm_head.weight where it is
 * stored, else the token table where config.json (without the key
 * tie_word_embeddings: `tied`) and the class say so. Neither: the model has no
 * output.
 */
void hp__bind_causal_output(hp__binder *b, const hp__node *config, int tied);

/* [vocab, width] where it is stored, NULL where it is not. When config.json
 * ties it (`tied`) to a token table that differs, that is noted: the stored one
 * counts, as in transformers 5. */
const hp_tensor *hp__bind_stored_output(hp__binder *b, const char *name,
                                        int tied);

/* A line for `inspect`. */
void hp__bind_note(hp__binder *b, const char *fmt, ...) HP_PRINTF(2, 3);
/* "OUTPUT = name of the token table". */
void hp__bind_tied(hp__binder *b, const char *output);

/* "gpt2, bert, ...": all that run. Returns `out`. */
char *hp__types_text(char *out, size_t size);

HP_CHECKED
hp_status hp__binder_init(hp__binder *b, hp_model *m, hp_error *err);

#endif
