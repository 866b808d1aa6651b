/* What an opened model tells. */
#include "headprune/model.h"
#include "model/graph.h"

#include <string.h>

const hp_checkpoint *hp_model_checkpoint(const hp_model *m)
{
    return m->checkpoint;
}

const hp_model_info *hp_model_info_get(const hp_model *m)
{
    return &m->info;
}

const hp_spec *hp_model_spec(const hp_model *m)
{
    return &m->spec;
}

size_t hp_model_n_heads(const hp_model *m)
{
    return m->n_heads;
}

const hp_head *hp_model_heads(const hp_model *m)
{
    return m->heads;
}

const unsigned char *hp_model_masked(const hp_model *m)
{
    return m->masked;
}

size_t hp_model_n_blocks(const hp_model *m)
{
    return m->n_blocks;
}

const hp_block *hp_model_block(const hp_model *m, size_t i)
{
    return &m->blocks[i];
}

const hp_detection *hp_model_detection(const hp_model *m)
{
    return m->detection;
}

const hp_tensor *hp_model_opaque(const hp_model *m)
{
    return m->opaque;
}

int hp_model_runs(const hp_model *m)
{
    return !m->detection;
}

size_t hp_model_n_notes(const hp_model *m)
{
    return m->n_notes;
}

const char *hp_model_note(const hp_model *m, size_t i)
{
    return m->notes[i];
}

const char *hp_model_tied(const hp_model *m)
{
    return m->tied;
}

const hp_tensor *hp_model_untied(const hp_model *m)
{
    return m->untied;
}

size_t hp_model_special(const hp_model *m, int32_t ids[HP_MAX_SPECIAL],
                        int32_t *mask)
{
    memcpy(ids, m->special, m->n_special * sizeof *ids);
    *mask = m->mask;
    return m->n_special;
}
