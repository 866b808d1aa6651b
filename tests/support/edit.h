#ifndef HEADPRUNE_TESTS_EDIT_H
#define HEADPRUNE_TESTS_EDIT_H

#include "headprune/model.h"

/*
 * Checkpoints with something wrong: text of config.json or of the safetensors
 * header is replaced after fixture_write. A text that is not there fails the
 * test.
 */

/* config.json and model.safetensors of the folder `from` into FOLDER. */
void edit_copy(const char *folder, const char *from);
/* Every `from` in FOLDER/config.json becomes `to`. */
void edit_config(const char *folder, const char *from, const char *to);
/* The same in the header of FOLDER/model.safetensors; its length is put right,
 * the data stays. */
void edit_header(const char *folder, const char *from, const char *to);

/* Multiplies the F32 values of a slice of FOLDER/model.safetensors. */
void edit_scale(const char *folder, const hp_slice *s, float factor);
/* One F32 value of a tensor, and all values of all tensors. */
void edit_value(const char *folder, const char *tensor, size_t index,
                float value);
void edit_fill(const char *folder, float value);

/* Adds a tensor of F32 to FOLDER/model.safetensors; its shape is `dims`, text:
 * "1,4". */
void edit_add(const char *folder, const char *name, const char *dims,
              const float *values, size_t n);

/* Opens a checkpoint and its model, or fails the test; both closed by
 * close_model. */
hp_model *open_model(const char *path);
hp_model *open_model_with(const char *path, const hp_model_options *o);
void close_model(hp_model *m);

/* The status and error of opening the model of a valid checkpoint; a model
 * that opens is closed. */
hp_status try_model(const char *path, hp_error *err);
hp_status try_model_with(const char *path, const hp_model_options *o,
                         hp_error *err);

#endif
