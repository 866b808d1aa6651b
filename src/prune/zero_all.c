/*
 * The form "zero-all": what "zero" does, and the bands of query, key and value
 * that no kept head uses are zero bytes too, biases included. The model
 * computes the same; the file compresses better, and nothing of a head can come
 * back.
 */
#include "prune/changes.h"

static const char *const loads_in[] = {
    "everything that loads the input: names, shapes, dtypes and file layout "
    "are the same",
    NULL};

static hp_status edit(hp__edition *out, hp__arena *a, const hp__order *o,
                      hp_error *err)
{
    out->loads_in = loads_in;
    out->size = "same on disk; compressed, the zeros take next to nothing";
    out->speed = "same: zeroed heads are computed like any others";
    return hp__changes_of_heads(out, a, o, HP__ALL_ROLES, err);
}

const hp__form hp__form_zero_all = {
    .emit = {.name = "zero-all",
             .summary = "their query, key and value weights and biases too, "
                        "where no kept head shares them",
             .does = "zero",
             .did = "zeroed",
             .what = "of their queries, keys, values and output projections",
             .outcome =
                 "every other byte is as it was.\nZeroing silences heads, it "
                 "removes nothing: size and speed stay the same."},
    .edit = edit};
