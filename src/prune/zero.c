/*
 * The form "zero": the pruned heads' bands of the output projection become
 * zero bytes, everything else stays. Nothing of a head reaches the rest of the
 * model then, which makes this exact ablation.
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
    out->size = "same: zeroed weights are stored like any others";
    out->speed = "same: zeroed heads are computed like any others";
    return hp__changes_of_heads(out, a, o, HP__OUTPUT_ONLY, err);
}

const hp__form hp__form_zero = {
    .emit = {.name = "zero",
             .summary = "pruned heads' slices of the output projection become "
                        "zero",
             .does = "zero",
             .did = "zeroed",
             .what = "of the output projections",
             .outcome =
                 "every other byte is as it was.\nZeroing silences heads, it "
                 "removes nothing: size and speed stay the same."},
    .edit = edit};
