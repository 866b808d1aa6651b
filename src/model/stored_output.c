/* Output projections that are stored although config.json ties them. */
#include "base/arena.h"
#include "model/bind.h"

#include <stdlib.h>
#include <string.h>

#define COMPARED ((uint64_t)16) /* rows, evenly over the vocabulary */

/* Whether rows differ that two tensors of one shape and dtype should share. */
static hp_status compare(int *differ, const hp_checkpoint *c,
                         const hp_tensor *x, const hp_tensor *y, hp_error *err)
{
    uint64_t rows = x->dims[0], row = x->size / rows;
    unsigned char *room = NULL;
    hp_status st = hp__new(&room, (size_t)row, 2, err);
    for (uint64_t i = 0; i < COMPARED && !st && !*differ; i++) {
        uint64_t at = i * (rows - 1) / (COMPARED - 1) * row;
        st = hp_checkpoint_read(c, x, at, row, room, err);
        if (!st)
            st = hp_checkpoint_read(c, y, at, row, room + row, err);
        *differ = !st && memcmp(room, room + row, (size_t)row) != 0;
    }
    free(room);
    return st;
}

static void check_copy(hp__binder *b, const hp_tensor *stored)
{
    const hp_tensor *token = b->m->embedding.token;
    int differ = 0;
    if (b->status || !stored || !token || !token->dims[0] ||
        stored->dtype != token->dtype || stored->dims[0] != token->dims[0] ||
        stored->size != token->size)
        return;
    b->status = compare(&differ, b->m->checkpoint, stored, token, b->err);
    if (!differ)
        return;
    b->m->untied = stored;
    hp__bind_note(b,
                  "config.json ties '%s' to '%s', but they differ: the first "
                  "is used, as by transformers 5; transformers 4 takes the "
                  "second for both",
                  stored->name, token->name);
}

const hp_tensor *hp__bind_stored_output(hp__binder *b, const char *name,
                                        int tied)
{
    const hp_spec *s = &b->m->spec;
    if (!hp__bind_find(b, name))
        return NULL;
    const hp_tensor *stored = hp__bind_tensor(b, name, s->vocab, s->width);
    if (tied)
        check_copy(b, stored);
    return stored;
}
