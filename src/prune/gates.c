/*
 * The form "gate": for checkpoints that carry one number per head beside the
 * block, which the model multiplies the head's output with. The numbers of
 * pruned heads become 0, nothing else changes.
 */
#include "prune/changes.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {"gate", "gates", "head_mask",
                                    "pruning_mask"};
#define N_NAMES (sizeof names / sizeof *names)

static const char *const loads_in[] = {"whatever read the gates before", NULL};

/* The axis along which the heads stand; UINT_MAX where there is none. */
static unsigned head_axis(const hp_tensor *t, uint64_t n_heads)
{
    unsigned axis = 0;
    if (t->n_elements != n_heads || t->size % n_heads || t->size < n_heads)
        return t->n_dims;
    while (axis < t->n_dims && t->dims[axis] != n_heads)
        axis++;
    return axis;
}

static int is_name(const char *text)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (strcmp(text, names[i]) == 0)
            return 1;
    return 0;
}

/* "BLOCK....gate", or the same beside the block: "h.0.gate" of "h.0.attn". */
static int is_beside(const char *tensor, const char *block)
{
    const char *last = strrchr(tensor, '.'), *dot = strrchr(block, '.');
    size_t len = strlen(block), parent = dot ? (size_t)(dot - block) : 0;
    if (!last || !is_name(last + 1))
        return 0;
    if (strncmp(tensor, block, len) == 0 && tensor[len] == '.')
        return 1;
    return parent && (size_t)(last - tensor) == parent &&
           strncmp(tensor, block, parent) == 0;
}

static const hp_tensor *find_gate(const hp_model *m, const hp_block *b)
{
    const hp_checkpoint *c = hp_model_checkpoint(m);
    for (size_t i = 0; b->n_heads && i < hp_checkpoint_n_tensors(c); i++) {
        const hp_tensor *t = hp_checkpoint_tensor(c, i);
        if (is_beside(t->name, b->name) && head_axis(t, b->n_heads) < t->n_dims)
            return t;
    }
    return NULL;
}

static hp_status fail_none(const char *what, hp_error *err)
{
    hp_status st = hp_fail(err, HP_UNSUPPORTED,
                           "%s has no gate: no tensor named gate, gates, "
                           "head_mask or pruning_mask with one number per head "
                           "beside it",
                           what);
    return hp_fail_hint(err, st, "--emit zero works for every model");
}

static hp_status check(const hp_model *m, const hp_rewrite_options *o,
                       hp_error *err)
{
    (void)o;
    for (size_t i = 0; i < hp_model_n_blocks(m); i++)
        if (find_gate(m, hp_model_block(m, i)))
            return HP_OK;
    return fail_none("the model", err);
}

static hp_status collect(hp_slice *out, size_t *n, const hp__order *o,
                         hp_error *err)
{
    for (size_t i = 0; i < hp_model_n_blocks(o->model); i++) {
        const hp_block *b = hp_model_block(o->model, i);
        const hp_tensor *gate = find_gate(o->model, b);
        for (uint32_t h = 0; h < b->n_heads; h++) {
            if (!o->mask[b->first_head + h])
                continue;
            if (!gate)
                return fail_none(b->name, err);
            out[(*n)++] = (hp_slice){.tensor = gate,
                                     .axis = head_axis(gate, b->n_heads),
                                     .start = h,
                                     .count = 1};
        }
    }
    return HP_OK;
}

static hp_status edit(hp__edition *out, hp__arena *a, const hp__order *o,
                      hp_error *err)
{
    hp_slice *slices = NULL;
    size_t n = 0;
    out->loads_in = loads_in;
    out->size = "same: a gate of 0 is stored like any other";
    out->speed = "same, unless the model skips heads whose gate is 0";
    hp_status st =
        hp__new(&slices, hp_model_n_heads(o->model), sizeof *slices, err);
    if (!st)
        st = collect(slices, &n, o, err);
    if (!st)
        st = hp__changes_of_slices(out, a, slices, n, err);
    free(slices);
    return st;
}

const hp__form hp__form_gate = {
    .emit = {.name = "gate",
             .summary =
                 "the numbers per head that the checkpoint carries become "
                 "0; for models that have such gates",
             .does = "zero",
             .did = "zeroed",
             .what = "of gates",
             .outcome =
                 "every other byte is as it was.\nZeroing silences heads, it "
                 "removes nothing: size and speed stay the same.",
             .keeps_weights = 1},
    .check = check,
    .edit = edit};
