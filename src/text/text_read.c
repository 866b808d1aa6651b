/* Bytes of texts: files, standard input and the embedded sample. */
#include "base/arena.h"
#include "base/buffer.h"
#include "headprune/text.h"
#include "io/zio.h"
#include "text/sample.h"

#include <stdlib.h>

hp_status hp__sample_read(char **out, size_t *len, hp_error *err)
{
    char *text = NULL;
    hp_status st = hp__new(&text, hp__mixed_len + 1, 1, err);
    if (!st)
        st = hp__zio_inflate(text, hp__mixed_len, hp__mixed, hp__mixed_size,
                             err);
    if (st) {
        free(text);
        return st;
    }
    *out = text;
    *len = hp__mixed_len;
    return HP_OK;
}

hp_status hp_text_read(char **out, size_t *len, const char *const *paths,
                       size_t n_paths, hp_error *err)
{
    hp__buffer b = {0};
    hp_status st = HP_OK;
    *out = NULL;
    *len = 0;
    for (size_t i = 0; i < n_paths && !st; i++) {
        char *text = NULL;
        size_t n = 0;
        st = hp__zio_slurp(&text, &n, paths[i], HP__TEXT_MOST, err);
        if (!st)
            hp__buffer_add(&b, text, n);
        free(text);
    }
    if (!st)
        st = hp__buffer_take(out, len, &b, err);
    hp__buffer_clear(&b);
    return st;
}
