/*
 * tokens: text -> token ids. Without --lines or -0 the calibration windows,
 * as METHOD would cut them; the output is what --tokens reads.
 */
#include "cli/work.h"

#include <stdlib.h>
#include <string.h>

static void print_ids(const int32_t *ids, size_t n)
{
    putchar('[');
    for (size_t i = 0; i < n; i++)
        printf(i ? ", %d" : "%d", ids[i]);
    putchar(']');
}

static void print_sequence(const hp_sequences *s, size_t i)
{
    print_ids(s->ids + s->start[i], s->start[i + 1] - s->start[i]);
}

static void print_pair(const hp_sequences *s, size_t i)
{
    putchar('[');
    print_sequence(s, i);
    fputs(", ", stdout);
    print_sequence(s->decoder, i);
    putchar(']');
}

static hp_status print_windows(work *w, cli *c, hp_error *err)
{
    hp_status st = work_calibrate(w, c, err);
    if (st)
        return st;
    const hp_sequences *s = hp_calibration_sequences(w->calibration);
    for (size_t i = 0; i < s->n; i++) {
        (s->decoder ? print_pair : print_sequence)(s, i);
        putchar('\n');
    }
    return HP_OK;
}

/* One array for every piece of `text` that `end` ends; the last needs none. */
static hp_status print_texts(const work *w, const cli *c, const char *text,
                             size_t len, hp_error *err)
{
    char end = options_has(&c->opt, OPT_NULL) ? '\0' : '\n';
    int special = !options_has(&c->opt, OPT_NO_SPECIAL);
    while (len) {
        const char *stop = memchr(text, end, len);
        size_t piece = stop ? (size_t)(stop - text) : len;
        hp_ids got;
        hp_status st =
            hp_tokenizer_encode(&got, w->tokenizer, text, piece, special, err);
        if (st)
            return st;
        print_ids(got.ids, got.n);
        putchar('\n');
        free(got.ids);
        piece += stop != NULL;
        text += piece;
        len -= piece;
    }
    return HP_OK;
}

hp_status cmd_tokens(cli *c, hp_error *err)
{
    work w = {0};
    char *text = NULL;
    size_t len = 0;
    int lines = options_has(&c->opt, OPT_LINES);
    int zero = options_has(&c->opt, OPT_NULL);
    hp_status st;
    if (lines && zero)
        return hp_fail(err, HP_INVALID, "--lines and -0 together");
    if ((lines || zero) && !c->opt.n_data)
        return hp_fail_hint(err, hp_fail(err, HP_INVALID, "no text to encode"),
                            "give --data FILE; - is standard input");
    if ((st = work_open_model(&w, c, c->args[0], err)))
        goto done;
    if (!lines && !zero) {
        st = print_windows(&w, c, err);
        goto done;
    }
    if ((st = work_open_tokenizer(&w, c, err)) ||
        (st = hp_text_read(&text, &len, c->opt.data, c->opt.n_data, err)))
        goto done;
    st = print_texts(&w, c, text, len, err);
done:
    free(text);
    work_clear(&w);
    return st;
}
