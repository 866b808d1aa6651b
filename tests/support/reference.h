#ifndef HEADPRUNE_TESTS_REFERENCE_H
#define HEADPRUNE_TESTS_REFERENCE_H

#include "headprune/headprune.h"

/* What tests/golden says of one of its models; what goes wrong here fails the
 * running test. */

/* The numbers of KEY in NAME/expected.json, block by block; `room` of `out`. */
size_t reference_numbers(double *out, size_t room, const char *name,
                         const char *key);

typedef struct reference_data {
    int32_t ids[2][512]; /* of encoder or only stack; of decoder */
    size_t start[2][17];
    hp_sequences s, decoder;
} reference_data;
void reference_sequences(reference_data *d, const char *name);
/* mask [n]: the heads of masked.heads. */
void reference_mask(unsigned char *mask, const hp_model *m, const char *name);

/* The values of tensor FORMAT (of the block's name) in refit/NAME.safetensors,
 * freed by free(); NULL: there is none. */
double *reference_tensor(size_t *n, const char *name, const char *block,
                         const char *what);

#endif
