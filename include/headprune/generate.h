#ifndef HEADPRUNE_GENERATE_H
#define HEADPRUNE_GENERATE_H

#include "headprune/run.h"

/*
 * Text from a causal model, or from the decoder of an encoder-decoder, one
 * token at a time. The generator holds the
 * weights of all layers and of the output in single precision, for as long as
 * it lives (a model of 124 million parameters: 500 MB), and the keys and
 * values of the tokens so far, so that a token costs one row of the same
 * forward pass as a sweep. Not for several threads at once.
 */
#ifdef __cplusplus
extern "C" {
#endif

typedef struct hp_generator_options {
    const hp_backend *backend;   /* required */
    unsigned threads;            /* 0: all that this process may use */
    const unsigned char *masked; /* [heads of the model] or NULL; 1: the head's
                                    output is taken as zero; copied */
} hp_generator_options;

typedef struct hp_generator hp_generator;

/* Whether the model can generate at all, before any long work: HP_UNSUPPORTED
 * as hp_generator_open. */
HP_CHECKED
hp_status hp_generator_check(const hp_model *m, hp_error *err);

/*
 * Reads the weights. The model is borrowed until hp_generator_free.
 * HP_UNSUPPORTED: the model is not causal or has no output over the
 * vocabulary; errors of weights as hp_run_sweep.
 */
HP_CHECKED
hp_status hp_generator_open(hp_generator **out, const hp_model *m,
                            const hp_generator_options *o, hp_error *err);
void hp_generator_free(hp_generator *g); /* NULL is fine */

/* Masks other heads, or none (NULL), and forgets the tokens fed so far. The
 * mask is copied. */
void hp_generator_set_mask(hp_generator *g, const unsigned char *masked);
/* Takes other output projections, those of variant 0, in place of the model's
 * own, or its own again (NULL), and forgets the tokens fed so far. What `get`
 * gives is copied. After a failure it must be called again. Errors as `get`;
 * HP_NOMEM. */
HP_CHECKED
hp_status hp_generator_set_projections(hp_generator *g, const hp_projections *p,
                                       hp_error *err);

/* Tokens fed so far. */
size_t hp_generator_position(const hp_generator *g);
/* Forgets them, and what an encoder has read: the next token is a first one. */
void hp_generator_reset(hp_generator *g);
/*
 * Encoder-decoders: resets, and has the encoder read n >= 1 tokens, which the
 * decoder will see; to be called before the decoder's first token is fed.
 * HP_INVALID: an id is out of range, or the model has no encoder.
 */
HP_CHECKED
hp_status hp_generator_encode(hp_generator *g, const int32_t *ids, size_t n,
                              hp_error *err);
/*
 * Appends n >= 1 tokens. `*logits` [vocab] are those of the token that follows
 * the last one, borrowed until the next call. HP_INVALID: an id is out of
 * range, the model takes no more positions, or its encoder has read nothing;
 * nothing is appended then. After another failure the generator must be reset.
 */
HP_CHECKED
hp_status hp_generator_feed(const float **logits, hp_generator *g,
                            const int32_t *ids, size_t n, hp_error *err);

/*
 * How the next token is chosen (docs/methods.md, "Sampling"). Greedy: the
 * first of the highest logits. The same seed gives the same tokens for the
 * same logits.
 */
typedef struct hp_sampling {
    double temperature; /* > 0; 0: greedy */
    double top_p;       /* > 0: the likeliest tokens of this share; 1: all */
    uint32_t top_k;     /* the likeliest tokens, this many; 0: all */
    uint64_t seed;
} hp_sampling;

/* Why a text ended. */
typedef enum hp_stop {
    HP_STOP_COUNT,    /* max_tokens */
    HP_STOP_END,      /* an end token, which is the last one */
    HP_STOP_POSITIONS /* the model takes no more */
} hp_stop;

typedef struct hp_generate_options {
    hp_sampling sampling;
    size_t max_tokens;  /* new ones, at most */
    const int32_t *end; /* [n_end] ids that end a text */
    size_t n_end;
    /* Called with every new token; a return other than 0 ends the call with
     * HP_CANCELLED. */
    int (*token)(void *payload, int32_t id);
    void *payload;
} hp_generate_options;

/* Continues a prompt of n >= 1 tokens; resets the generator first. Of an
 * encoder-decoder the prompt is what the encoder reads, and the decoder begins
 * with the model's start token. HP_INVALID:
 * the prompt is empty, longer than the model's positions, or an id is out of
 * range, or the temperature or top_p is. `stop` may be NULL. */
HP_CHECKED
hp_status hp_generate(hp_stop *stop, hp_generator *g, const int32_t *prompt,
                      size_t n, const hp_generate_options *o, hp_error *err);

#ifdef __cplusplus
}
#endif

#endif
