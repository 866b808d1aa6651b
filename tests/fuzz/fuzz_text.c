/* What a tokenizer that opened must do with a text. */
#include "fuzz_text.h"
#include "fuzz.h"
#include "text/characters.h"

#include <string.h>

static void check_few(const hp_tokenizer *t, const char *text, size_t len,
                      const int32_t *ids, size_t n)
{
    hp__buffer some = {0};
    size_t most = n / 2;
    MUST(hp__tokenizer_encode(&some, t, text, len, most, NULL) == HP_OK);
    MUST(some.len >= most * sizeof *ids && some.len <= n * sizeof *ids);
    MUST(!some.len || memcmp(some.data, ids, some.len) == 0);
    hp__buffer_clear(&some);
}

static void check_cuts(hp_tokenizer *t, const char *text, size_t len,
                       const int32_t *ids, size_t n)
{
    for (size_t chunk = 1; t->chunk && chunk < len; chunk = 3 * chunk + 1) {
        hp_ids again;
        t->chunk = chunk;
        MUST(hp_tokenizer_encode(&again, t, text, len, 1, NULL) == HP_OK);
        MUST(again.n == n &&
             (!n || memcmp(ids, again.ids, n * sizeof *ids) == 0));
        free(again.ids);
    }
}

/* Whole characters only, the same however many ids come at a time. */
static size_t decode(char *out, hp_detokenizer *d, const int32_t *ids, size_t n,
                     size_t step)
{
    const char *text = NULL;
    size_t len = 0, all = 0;
    for (size_t i = 0; i < n + step; i += step) {
        size_t some = i < n && n - i < step ? n - i : step;
        hp_status st =
            i < n ? hp_detokenizer_add(&text, &len, d, ids + i, some, NULL)
                  : hp_detokenizer_end(&text, &len, d, NULL);
        MUST(st == HP_OK && hp__utf8_check(text, len) == len);
        if (out)
            memcpy(out + all, text, len);
        all += len;
    }
    return all;
}

static void check_decoding(const hp_tokenizer *t, const int32_t *ids, size_t n)
{
    hp_detokenizer *d = NULL;
    hp_status st = hp_detokenizer_open(&d, t, NULL);
    MUST(st == HP_OK || st == HP_UNSUPPORTED);
    if (st || !n)
        goto done;
    size_t len = decode(NULL, d, ids, n, n);
    char *one = malloc(len + 1), *other = malloc(len + 1);
    if (one && other) {
        decode(one, d, ids, n, n);
        MUST(decode(NULL, d, ids, n, 1) == len);
        decode(other, d, ids, n, 1);
        MUST(memcmp(one, other, len) == 0);
    }
    free(one);
    free(other);
done:
    hp_detokenizer_free(d);
}

void fuzz_text(hp_tokenizer *t, const char *text, size_t len)
{
    hp_ids whole;
    hp_error err = {0};
    hp_status st = hp_tokenizer_encode(&whole, t, text, len, 1, &err);
    MUST(st == HP_OK || (st == HP_FORMAT && err.message[0] && !whole.ids));
    if (st)
        return;
    int32_t *ids = whole.ids;
    size_t n = whole.n;
    for (size_t i = 0; i < n; i++)
        MUST(ids[i] >= 0 && ids[i] < FUZZ_VOCAB);
    check_cuts(t, text, len, ids, n);
    check_decoding(t, ids, n);
    MUST(n >= t->n_before + t->n_after);
    if (n)
        check_few(t, text, len, ids + t->n_before,
                  n - t->n_before - t->n_after);
    free(ids);
}
