#ifndef HEADPRUNE_RUN_QUERY_BAND_H
#define HEADPRUNE_RUN_QUERY_BAND_H

#include "run/engine.h"

/*
 * One head over one sequence, as forward and backward pass walk over it: band
 * after band of query rows, each with the keys that its rows can see.
 */
typedef struct hp__head {
    const float *q;      /* [tokens, dim], ld apart */
    const float *k, *v;  /* [keys, dim], ld_keys apart */
    hp__strips k_strips; /* of k turned around, [dim, keys], */
    hp__strips v_strips; /* and of v [keys, dim] */
    float *z;            /* [tokens, dim], ld_z apart: may be q */
    size_t ld, ld_keys, ld_z, tokens, keys, dim;
    hp__relative relative; /* of this head alone */
    size_t past;           /* keys before that of the first query */
    size_t window;         /* keys that a query sees at most */
    int causal, masked;
} hp__head;

/* Query rows first .. first + rows, keys low .. high. */
typedef struct hp__query_band {
    size_t first, rows, low, high;
} hp__query_band;

hp__head hp__head_of(const hp__run *r, const hp__heads *heads, size_t sequence,
                     uint32_t number);
/* The band that begins with query `first`. */
hp__query_band hp__query_band_at(const hp__head *h, size_t first);
/* Floats from one row of a band's scores to the next. */
size_t hp__band_stride(const hp__query_band *b);
/* scores [rows, keys of the band] = q . k */
void hp__band_scores(const hp__run *r, const hp__head *h,
                     const hp__query_band *b, float *scores);
/* Scores become e^.. where a query sees the key, and 0 elsewhere; times
 * inverse[row] they are probabilities. */
void hp__band_soften(const hp__run *r, const hp__head *h,
                     const hp__query_band *b, const hp_block *block,
                     const hp__scratch *s, float *inverse);

#endif
