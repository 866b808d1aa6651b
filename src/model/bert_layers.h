#ifndef HEADPRUNE_MODEL_BERT_LAYERS_H
#define HEADPRUNE_MODEL_BERT_LAYERS_H

#include "model/bind.h"

/* BERT's keys, embedding and layers, which its relatives share. */

HP_CHECKED
hp_status hp__bert_spec(hp_spec *out, const hp__node *config, hp_error *err);
/* Embedding, of rows `embedded` wide, and all layers, under the prefix. */
void hp__bert_bind(hp__binder *b, uint32_t embedded);
/* Endings of buffers. */
extern const char *const hp__bert_buffers[];
#define HP__BERT_TELLTALE "encoder.layer.0.attention.self.query.weight"

#endif
