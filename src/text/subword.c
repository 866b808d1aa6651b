/* What the models share, and the one that has nothing else. */
#include "text/subword.h"

#include <stdio.h>

void hp__word_clear(hp__word *w)
{
    hp__buffer_clear(&w->ids);
    hp__buffer_clear(&w->symbols);
    hp__buffer_clear(&w->queue);
    hp__buffer_clear(&w->piece);
}

void hp__subword_bytes(hp__subword *m)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        char name[8];
        int n = snprintf(name, sizeof name, "<0x%02X>", byte);
        m->bytes[byte] = hp__vocab_find(m->vocab, name, (size_t)n);
    }
}

static hp_status encode(const hp__subword *m, hp__word *w, hp_error *err)
{
    (void)err;
    int32_t id = hp__vocab_find(m->vocab, w->text, w->len);
    w->ids.len = 0;
    id = id < 0 ? m->unk : id;
    if (id < 0)
        w->bad_len = w->len;
    else
        hp__buffer_add(&w->ids, &id, sizeof id);
    return HP_OK;
}

void hp__wordlevel_init(hp__subword *m, const hp__vocab *v, int32_t unk)
{
    *m = (hp__subword){.encode = encode, .vocab = v, .unk = unk};
}
