#ifndef HEADPRUNE_RUN_LAYER_H
#define HEADPRUNE_RUN_LAYER_H

#include "model/graph.h"
#include "nn/machine.h"
#include "run/relative.h"
#include "run/weights.h"

/*
 * The weights of one layer in memory, ready for products. The same memory
 * serves one layer after the other.
 */

/* y = x W + b. Outside strips the weight keeps the orientation of the file. */
typedef struct hp__map {
    const float *weight; /* NULL: absent; the bias may be there */
    const float *bias;   /* [n_out]; NULL: none */
    size_t n_in, n_out, ld;
    int rows_are_outputs; /* in the file */
    hp__form form;
    size_t step; /* from one strip to the next */
} hp__map;

typedef struct hp__attention {
    const hp_block *block;
    hp__norm norm;
    hp__norm q_norm, k_norm; /* kind HP_NORM_NONE: none */
    hp__map qkv[3]; /* [n_qkv]: one where the file has them side by side */
    size_t n_qkv;
    int has_values; /* 1: outputs of heads can be computed */
    hp__map o;      /* weight NULL: they go nowhere; a block without heads has
                       its bias alone */
    int has_output; /* 0: the layer is computed to the softmax only */
    hp__relative relative;
    size_t width; /* of a row of queries, keys and values side by side; of a
                     cross block the queries alone */
    size_t encoded_width; /* cross: of a row of keys and values */
} hp__attention;

typedef struct hp__layer_weights {
    hp__attention attention[HP__MAX_BLOCKS];
    size_t n_blocks;
    int has_mlp;
    hp__norm mlp_norm;
    hp__map up, gate, down;
} hp__layer_weights;

/* How much of a layer is needed. */
typedef enum hp__extent {
    HP__WHOLE_LAYER,
    HP__TO_OUTPUT, /* of its last block: no output projection, no MLP */
    HP__TO_SOFTMAX /* nor values */
} hp__extent;

/* Floats that the weights of the largest layer take. */
HP_CHECKED
hp_status hp__layer_room(size_t *floats, const hp_model *m, hp_error *err);
/* Reads layer i into `room`. */
HP_CHECKED
hp_status hp__layer_load(hp__layer_weights *out, float *room,
                         const hp__reader *r, uint32_t i, hp__extent extent,
                         hp_error *err);

/* What a map or a norm takes (in floats, rounded up so that the next one lies
 * well), and reading them to *at, which moves on. */
HP_CHECKED
hp_status hp__map_room(size_t *floats, const hp_linear *l, hp_error *err);
HP_CHECKED
hp_status hp__map_load(hp__map *out, float **at, const hp__reader *r,
                       const hp_linear *l, hp_error *err);
HP_CHECKED
hp_status hp__norm_load(hp__norm *out, float **at, const hp__reader *r,
                        const hp_norm_weights *w, hp_error *err);
size_t hp__norm_room(const hp_norm_weights *w);
/* The map's outputs from `first` on, at most n. */
hp_linear hp__linear_outputs(const hp_linear *l, uint64_t first, uint64_t n);
/* C [x.rows, n_out] = x W (+ C), without the bias; rows of C ldc apart. */
void hp__map_multiply(float *c, size_t ldc, const hp_backend *backend,
                      const hp__map *map, const hp__matrix *x, int add);
/* The weights of one output, [n_in]; the map is not of HP__STRIPS_BACK. */
void hp__map_output(float *out, const hp__map *map, size_t output);
/* A whole weight from the orientation of the file to the form of the map. */
void hp__map_cut(float *out, const hp__map *map, const float *stored);

/* Checks the values of all weights that a whole forward pass would compute
 * with but this one (`last`: the extent of the last layer; `output`: whether
 * logits are computed) leaves out. */
HP_CHECKED
hp_status hp__check_rest(const hp__reader *r, hp__extent last, int output,
                         hp_error *err);

#endif
