#ifndef HEADPRUNE_IO_TENSOR_FILE_H
#define HEADPRUNE_IO_TENSOR_FILE_H

#include "io/file.h"

/*
 * A new safetensors file of F32 or F64 tensors. The header is known at the
 * start: tensors in name order, without gaps, the data aligned to 8 bytes.
 * Their values are put into place in any order and never held in memory.
 */
typedef struct hp__tensor_plan {
    const char *name;
    unsigned n_dims;
    uint64_t dims[3];
} hp__tensor_plan;

/* One pair of `__metadata__`. */
typedef struct hp__tensor_note {
    const char *key, *value;
} hp__tensor_note;

typedef struct hp__tensor_list {
    const hp__tensor_plan *tensors; /* [n] */
    size_t n;
    const hp__tensor_note *notes; /* [n_notes] */
    size_t n_notes;
    int doubles; /* 1: all are F64 */
} hp__tensor_list;

typedef struct hp__tensor_file hp__tensor_file;

/* HP_INVALID: a name twice, or a header that no reader takes. */
HP_CHECKED
hp_status hp__tensor_file_open(hp__tensor_file **out, const char *path,
                               const hp__tensor_list *what, hp_error *err);
/* Values first .. first + n of tensor i (as counted in `tensors`), floats or
 * doubles as planned. Safe from
 * several threads; an error is for the caller to remember. */
HP_CHECKED
hp_status hp__tensor_file_put(hp__tensor_file *f, size_t i, uint64_t first,
                              const void *values, size_t n, hp_error *err);
/* What was put is on disk, and the file in its place. */
HP_CHECKED
hp_status hp__tensor_file_commit(hp__tensor_file *f, hp_error *err);
/* Removes what was not committed; frees. NULL is fine. */
void hp__tensor_file_free(hp__tensor_file *f);

#endif
