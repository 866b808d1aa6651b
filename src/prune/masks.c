/*
 * The form "mask": the weights stay as they are, and a small file beside them
 * says which heads are silent.
 */
#include "io/emit_json.h"
#include "model/mask.h"
#include "prune/emit.h"

#include <string.h>

#define ALIGNMENT 8U

static const char *const loads_in[] = {
    "headprune",
    "transformers, as the unpruned model; transformers 4 takes the masks as "
    "head_mask=, some models only with attn_implementation=\"eager\", "
    "transformers 5 ignores them",
    NULL};

/* 8 bytes of length, the header, padding. */
static void put_header(hp__buffer *b, const hp_model *m)
{
    hp__emitter e;
    static const char length[8] = {0};
    uint64_t at = 0;
    hp__buffer_add(b, length, sizeof length);
    hp__emit_start(&e, b);
    hp__emit_object(&e, NULL, 1);
    hp__emit_object(&e, "__metadata__", 1);
    hp__emit_string(&e, "format", "pt");
    hp__emit_end(&e);
    for (size_t i = 0; i < hp_model_n_blocks(m); i++) {
        const hp_block *block = hp_model_block(m, i);
        hp__buffer name = {0};
        hp__buffer_printf(&name, "%s%s", block->name, HP__MASK_END);
        hp__emit_object(&e, name.data ? name.data : "", 1);
        b->failed |= name.failed;
        hp__buffer_clear(&name);
        hp__emit_string(&e, "dtype", "F32");
        hp__emit_array(&e, "shape", 1);
        hp__emit_uint(&e, NULL, block->n_heads);
        hp__emit_end(&e);
        hp__emit_array(&e, "data_offsets", 1);
        hp__emit_uint(&e, NULL, at);
        at += block->n_heads * sizeof(float);
        hp__emit_uint(&e, NULL, at);
        hp__emit_end(&e);
        hp__emit_end(&e);
    }
    hp__emit_end(&e);
    if (b->len)
        b->len--; /* the line feed of a document */
    while (b->len % ALIGNMENT && !b->failed)
        hp__buffer_text(b, " ");
    for (unsigned i = 0; i < 8 && !b->failed; i++)
        b->data[i] = (char)((b->len - 8) >> 8 * i & 255);
}

static hp_status edit(hp__edition *out, hp__arena *a, const hp__order *o,
                      hp_error *err)
{
    hp__buffer b = {0};
    hp__added *file;
    char *bytes = NULL;
    put_header(&b, o->model);
    for (size_t i = 0; i < hp_model_n_heads(o->model); i++) {
        const float value = o->mask[i] ? 0.0F : 1.0F;
        hp__buffer_add(&b, &value, sizeof value);
    }
    hp_status st = hp__arena_alloc(&file, a, 1, sizeof *file, err);
    if (!st && b.failed)
        st = hp_fail(err, HP_NOMEM, "out of memory (mask)");
    if (!st)
        st = hp__arena_copy(&bytes, a, b.data, b.len, err);
    if (!st) {
        *file = (hp__added){HP__MASK_NAME, bytes, b.len};
        out->added = file;
        out->n_added = 1;
    }
    hp__buffer_clear(&b);
    out->loads_in = loads_in;
    out->not_loadable = 1;
    out->size = "same: the weights are untouched";
    out->speed = "same: masked heads are computed like any others";
    return st;
}

const hp__form hp__form_mask = {
    .emit = {.name = "mask",
             .summary = "the weights stay; " HP__MASK_NAME " beside them says "
                        "which heads are silent",
             .outcome = "the weights are untouched; " HP__MASK_NAME
                        " says which heads are silent",
             .keeps_weights = 1},
    .folder_only = 1,
    .edit = edit};
