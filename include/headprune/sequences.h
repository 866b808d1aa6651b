#ifndef HEADPRUNE_SEQUENCES_H
#define HEADPRUNE_SEQUENCES_H

#include <stddef.h>
#include <stdint.h>

/*
 * Token sequences, independent of each other: no padding anywhere. Sequence i
 * is ids[start[i]] .. ids[start[i + 1] - 1].
 */
typedef struct hp_sequences {
    const int32_t *ids;
    const size_t *start; /* [n + 1], start[0] = 0 */
    size_t n;
    /* Pairs, for models of an encoder and a decoder: sequence i is what the
     * encoder reads, decoder's sequence i what the decoder reads; else NULL. */
    const struct hp_sequences *decoder;
} hp_sequences;

/* Tokens of a vocabulary that stand for no text. */
typedef struct hp_special {
    const int32_t *ids; /* [n] */
    size_t n;
    int32_t mask; /* what masked models read in place of a token; -1: none */
} hp_special;

/* Where sequences came from, as documents say it. */
typedef struct hp_calibration_info {
    const char *source; /* a path, "standard input", "embedded:mixed" */
    const char *sha256; /* 64 hex digits over the (inflated) bytes read */
    size_t sequences, length, tokens; /* length: of the longest; tokens: of both
                                         sides of pairs */
    size_t held_out; /* sequences beside these, taken out to judge on */
    size_t unknown;  /* tokens that stand for what the vocabulary lacks */
} hp_calibration_info;

#endif
