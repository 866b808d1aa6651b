#ifndef HEADPRUNE_RUN_WEIGHTS_H
#define HEADPRUNE_RUN_WEIGHTS_H

#include "headprune/model.h"
#include "nn/kernels.h"

/* How a matrix W lies in memory: as in the file; in strips, for products x W;
 * in strips of W turned around, for gradients. */
typedef enum hp__form { HP__AS_STORED, HP__STRIPS, HP__STRIPS_BACK } hp__form;

/*
 * Reading weights: stored values in, single precision out, in the orientation
 * of the file. Tensors are read in chunks, by several threads, and every value
 * is checked to be finite.
 */
typedef struct hp__reader {
    const hp_model *model;
    const hp__kernels *kernels;
    unsigned threads;
    hp__form form;      /* of the weights of maps */
    unsigned char *raw; /* [threads][HP__RAW_BYTES] */
} hp__reader;

#define HP__CHUNK     ((size_t)32768)       /* values read at a time */
#define HP__RAW_BYTES (HP__CHUNK * (8 + 4)) /* as stored, and as floats */

/* A part of a tensor that is seen as rows of `width` values. */
typedef struct hp__band {
    const hp_tensor *tensor;
    uint64_t width;
    uint64_t row, rows, col, cols;
} hp__band;

HP_CHECKED
hp_status hp__reader_open(hp__reader *out, const hp_model *m,
                          const hp__kernels *kernels, unsigned threads,
                          hp_error *err);
void hp__reader_close(hp__reader *r);

/* All of a tensor. */
hp__band hp__band_all(const hp_tensor *t);
/* Outputs first .. first + count (counted from the map's own first one) of a
 * map's weight, and of its bias. */
hp__band hp__band_outputs(const hp_linear *l, uint64_t first, uint64_t count);
hp__band hp__band_bias(const hp_linear *l, uint64_t first, uint64_t count);

/*
 * The band as floats [rows, cols]; `out` NULL: only checks it. HP_FORMAT names
 * the tensor when a value is NaN, infinite, or beyond single precision. From
 * inside a parallel region a reader of one thread is used.
 */
HP_CHECKED
hp_status hp__read_band(float *out, const hp__reader *r, const hp__band *band,
                        hp_error *err);
/* The band in strips `step` apart; `turned`: its rows are the columns. Errors
 * likewise. */
HP_CHECKED
hp_status hp__read_strips(float *out, size_t step, const hp__reader *r,
                          const hp__band *band, int turned, hp_error *err);

#endif
