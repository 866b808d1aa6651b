/* Reading the mask that lies beside the weights. */
#include "model/mask.h"
#include "base/utf8.h"
#include "io/file.h"
#include "io/locate.h"

#include <string.h>

static hp_status read_values(hp_model *m, const hp_block *b,
                             const hp_checkpoint *c, const hp_tensor *t,
                             hp_error *err)
{
    char name[HP__SHORT];
    if (t->dtype != HP_DTYPE_F32 || t->n_dims != 1 || t->dims[0] != b->n_heads)
        return hp_fail(err, HP_FORMAT, "tensor '%s': expected F32 [%u]",
                       hp__shorten_text(name, t->name), (unsigned)b->n_heads);
    for (uint32_t h = 0; h < b->n_heads; h++) {
        float value = 0;
        hp_status st = hp_checkpoint_read(c, t, h * sizeof value, sizeof value,
                                          &value, err);
        if (st)
            return st;
        if (value != 0.0F && value != 1.0F)
            return hp_fail(
                err, HP_FORMAT, "tensor '%s': head %u has %g, expected 0 or 1",
                hp__shorten_text(name, t->name), (unsigned)h, (double)value);
        m->masked[b->first_head + h] = !(value > 0.0F);
    }
    return HP_OK;
}

static const hp_block *block_of(const hp_model *m, const char *tensor)
{
    size_t len = strlen(tensor), end = strlen(HP__MASK_END);
    if (len <= end || strcmp(tensor + len - end, HP__MASK_END) != 0)
        return NULL;
    for (size_t i = 0; i < m->n_blocks; i++)
        if (strlen(m->blocks[i].name) == len - end &&
            memcmp(m->blocks[i].name, tensor, len - end) == 0)
            return &m->blocks[i];
    return NULL;
}

static hp_status read_mask(hp_model *m, const hp_checkpoint *c, hp_error *err)
{
    char name[HP__SHORT];
    for (size_t i = 0; i < hp_checkpoint_n_tensors(c); i++) {
        const hp_tensor *t = hp_checkpoint_tensor(c, i);
        const hp_block *b = block_of(m, t->name);
        hp_status st =
            b ? read_values(m, b, c, t, err)
              : hp_fail(err, HP_FORMAT,
                        "tensor '%s' is the mask of no block of the model",
                        hp__shorten_text(name, t->name));
        if (st)
            return hp_fail_file(err, st, hp_checkpoint_path(c));
    }
    return HP_OK;
}

hp_status hp__model_read_mask(hp_model *m, hp_error *err)
{
    const char *path, *folder = hp_checkpoint_folder(m->checkpoint);
    hp_checkpoint *c = NULL;
    if (!folder || !hp__file_exists(folder, HP__MASK_NAME))
        return HP_OK;
    hp_status st = hp__join(&path, &m->arena, folder, HP__MASK_NAME, err);
    if (!st)
        st = hp_checkpoint_open(&c, path, NULL, err);
    if (!st)
        st = hp__arena_alloc(&m->masked, &m->arena, m->n_heads, 1, err);
    if (!st)
        st = read_mask(m, c, err);
    hp_checkpoint_free(c);
    return st;
}
