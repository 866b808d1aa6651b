#ifndef HEADPRUNE_SCORE_BANDS_H
#define HEADPRUNE_SCORE_BANDS_H

#include "headprune/model.h"

/*
 * Sums of squares over the parts of a block's tensors that its heads own. A
 * tensor that several maps share is one source, read once; it is cut into
 * pieces of whole rows, each with sums of its own.
 */

/* Heads (or groups of them) side by side along one axis of a tensor. */
typedef struct hp__band_set {
    unsigned axis;
    uint64_t first, stride, width; /* unit u: first + u * stride .. + width */
    uint64_t units;
    size_t sums; /* of unit 0, among the source's */
} hp__band_set;

typedef struct hp__source {
    const hp_tensor *tensor;
    hp__band_set sets[4];
    size_t n_sets, n_sums;
    uint64_t row_bytes, piece_rows, n_pieces;
    double *partial; /* [n_pieces, n_sums] */
} hp__source;

typedef struct hp__bands {
    const hp_block *block;
    hp__source sources[4];
    size_t n_sources, n_sums, n_partial;
    size_t role_sums[4]; /* HP_ROLE_*: of unit 0, among the block's */
    uint64_t n_pieces, piece_bytes;
} hp__bands;

void hp__bands_init(hp__bands *out, const hp_block *b);
/* Where the sums of the pieces lie: [n_partial], set by hp__source_add. */
void hp__bands_place(hp__bands *b, double *partial);
/* Reads a piece into `bytes` [piece_bytes] and adds it to its sums. HP_FORMAT
 * names the tensor that holds NaN or infinity. */
HP_CHECKED
hp_status hp__source_add(const hp__source *s, uint64_t piece,
                         const hp_checkpoint *c, unsigned char *bytes,
                         hp_error *err);
/* The sums of all pieces, added in order: totals [n_sums]. */
void hp__bands_total(double *totals, const hp__bands *b);

#endif
