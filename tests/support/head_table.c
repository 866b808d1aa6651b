/* See head_table.h. */
#include "head_table.h"

#include <stdio.h>

void head_table_add(head_table *t, const char *prefix, unsigned heads)
{
    uint32_t block = t->n ? t->heads[t->n - 1].block + 1 : 0;
    for (unsigned h = 0; h < heads && t->n < HEAD_TABLE_MOST; h++, t->n++) {
        (void)snprintf(t->text[t->n], sizeof t->text[0], "%s:%u", prefix, h);
        t->heads[t->n] = (hp_head){.id = t->text[t->n],
                                   .name = "block",
                                   .block = block,
                                   .layer = block,
                                   .head = h,
                                   .group = h};
    }
}

void head_table_make(head_table *t, unsigned layers, unsigned heads)
{
    t->n = 0;
    for (unsigned layer = 0; layer < layers; layer++) {
        char prefix[16];
        (void)snprintf(prefix, sizeof prefix, "%u", layer);
        head_table_add(t, prefix, heads);
    }
}
