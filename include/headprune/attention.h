#ifndef HEADPRUNE_ATTENTION_H
#define HEADPRUNE_ATTENTION_H

#include "headprune/run.h"

/*
 * What heads attend to on one sequence: numbers of every head, the matrix of
 * one, and the matrices of all as a safetensors file.
 */
#ifdef __cplusplus
extern "C" {
#endif

typedef struct hp_attention_tokens {
    size_t n;
    const int32_t *ids;       /* [n] */
    const char *const *texts; /* [n] or NULL: not known */
} hp_attention_tokens;

/* Of one head, means over the queries that have such a key. */
typedef struct hp_attention_head {
    const hp_attention_tokens *queries, *keys;
    double entropy;       /* nats */
    double first;         /* share paid to the first token; */
    double previous, own; /* to the one before the query, to the query itself:
                             NaN where keys are of another text */
    double next;          /* NaN too where nobody sees what comes next */
    uint32_t top;         /* position that gets most from all queries */
    double top_share;     /* its share, mean over all queries */
} hp_attention_head;

/* Self-contained. */
typedef struct hp_attention {
    hp_model_info model;
    hp_attention_tokens tokens;  /* of an encoder-decoder what the encoder, */
    hp_attention_tokens decoder; /* and what the decoder reads; else n is 0 */
    size_t n_heads;
    const hp_head *heads;            /* [n_heads] */
    const hp_attention_head *values; /* [n_heads] */
    uint32_t head;                   /* whose matrix it is */
    const float *matrix; /* [queries, keys] or NULL: rows sum to 1, and are
                            exactly 0 where a query cannot see */
} hp_attention;

typedef struct hp_attention_options {
    hp_run_options run;
    const char *const *texts;    /* [tokens] or NULL; copied */
    hp_attention_tokens decoder; /* encoder-decoders: what it reads; copied */
    int has_head;                /* the matrix of `head` is wanted */
    uint32_t head;
    const char *out;             /* X.safetensors; NULL: none */
    const unsigned char *blocks; /* [blocks] 1: is written; NULL: all are */
} hp_attention_options;

/*
 * Runs the model over one sequence of `n` tokens. The file gets a tensor
 * [heads, queries, keys] of F32 for every block, under the block's name, and in
 * `__metadata__` "format" and "tokens": the texts as a JSON array (ids where
 * there are none); "decoder_tokens" too where there is a decoder. Its matrices
 * go to disk as they are computed; it appears whole or not at all, in place of
 * what was there. Errors as hp_run_sweep; HP_IO: the file cannot be written.
 */
HP_CHECKED
hp_status hp_attention_run(hp_attention **out, const hp_model *m,
                           const int32_t *ids, size_t n,
                           const hp_attention_options *o, hp_error *err);
void hp_attention_free(hp_attention *a); /* NULL is fine */

#ifdef __cplusplus
}
#endif

#endif
