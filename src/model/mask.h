#ifndef HEADPRUNE_MODEL_MASK_H
#define HEADPRUNE_MODEL_MASK_H

#include "model/graph.h"

/*
 * The mask beside the weights: a safetensors file with one F32 tensor
 * BLOCK.head_mask [heads of the block] for every block, 1: the head works, 0:
 * it is silent.
 */
#define HP__MASK_NAME "headprune.masks.safetensors"
#define HP__MASK_END  ".head_mask"

/* Reads it where the model's folder has one. HP_FORMAT: tensors or values are
 * not those of this model. */
HP_CHECKED
hp_status hp__model_read_mask(hp_model *m, hp_error *err);

#endif
