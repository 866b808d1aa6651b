#ifndef HEADPRUNE_RUN_GENERATOR_H
#define HEADPRUNE_RUN_GENERATOR_H

#include "headprune/generate.h"
#include "run/logits.h"

/* The inside of a generator: weights of all layers and of the output, and what
 * is kept of the tokens so far. */
#define HP__GENERATOR_ROWS                                                     \
    ((size_t)256) /* tokens that go through at a time                          \
                   */

struct hp_generator {
    hp__run run; /* of the only stack, or of the decoder */
    hp_run_options options;
    hp_observer observer;      /* sees nothing */
    size_t start[2];           /* of the tokens of a call */
    unsigned char *masked;     /* [heads] */
    const unsigned char *mask; /* the same; NULL: nothing is masked */
    hp__layer_weights *layers; /* [n_layers] */
    const float **own; /* [blocks] weights of the model's output projections */
    float **given;     /* [blocks] others in their place; NULL: none yet */
    hp__norm norm, encoder_norm;
    hp__map vocabulary;
    hp__decoder decoder;
    hp__cache cache;
    size_t keys;         /* that scores in the scratch have room for */
    int32_t *candidates; /* [vocab] */
};

/* Room for `n` tokens of the only stack or the decoder. */
HP_CHECKED
hp_status hp__generator_room(hp_generator *g, size_t n, hp_error *err);
/* Room for keys and values of `n` tokens of the encoder. */
HP_CHECKED
hp_status hp__generator_encoder_room(hp_generator *g, size_t n, hp_error *err);

#endif
