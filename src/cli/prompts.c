/* Gathers the prompts of generate and makes ids of them, all before the first
 * one is continued: what is wrong is said at once. */
#include "cli/prompts.h"

#include <stdlib.h>
#include <string.h>

hp_status prompts_check(const cli *c, hp_error *err)
{
    int given = (c->opt.n_prompts > 0) + (c->opt.n_data > 0) +
                options_has(&c->opt, OPT_TOKENS);
    if (given == 1)
        return HP_OK;
    hp_status st = hp_fail(err, HP_INVALID,
                           given ? "--prompt, --data and --tokens: only one of "
                                   "them can be given"
                                 : "there is no prompt");
    return given ? st
                 : hp_fail_hint(err, st,
                                "give --prompt TEXT, --data FILE with one a "
                                "line, or ids with --tokens FILE");
}

static hp_status add(prompts *p, prompt one, hp_error *err)
{
    if (p->n == p->room) {
        size_t room = p->room ? 2 * p->room : 16;
        prompt *grown = realloc(p->items, room * sizeof *grown);
        if (!grown)
            return hp_fail(err, HP_NOMEM, "no memory for %zu prompts", room);
        p->items = grown;
        p->room = room;
    }
    p->items[p->n++] = one;
    return HP_OK;
}

static hp_status add_text(prompts *p, const work *w, const cli *c,
                          const char *text, size_t len, hp_error *err)
{
    hp_ids ids = {NULL, 0};
    prompt one = {.text = text, .len = len};
    uint32_t most = hp_model_spec(w->model)->max_positions;
    hp_status st =
        hp_tokenizer_encode(&ids, w->tokenizer, text, len,
                            !options_has(&c->opt, OPT_NO_SPECIAL), err);
    if (st)
        return st;
    one.ids = one.owned = ids.ids;
    one.n = ids.n;
    st = most && ids.n > most
             ? hp_fail(err, HP_INVALID,
                       "a prompt of %zu tokens: the model takes at most %u",
                       ids.n, (unsigned)most)
             : add(p, one, err);
    if (st)
        free(ids.ids);
    return st;
}

/* One prompt a line; blank lines are passed over. */
static hp_status add_lines(prompts *p, const work *w, const cli *c,
                           const char *text, size_t len, hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t at = 0, number = 1; at < len && !st; number++) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t line = end ? (size_t)(end - text) - at : len - at, n = line;
        hp_error why = {0};
        if (n && text[at + n - 1] == '\r')
            n--;
        if (n)
            st = add_text(p, w, c, text + at, n, &why);
        if (st) {
            hp_fail(err, st, "line %zu: %s", number, why.message);
            hp_fail_hint(err, st, "%s", why.hint);
        }
        at += line + 1;
    }
    return st;
}

static hp_status read_files(prompts *p, const work *w, const cli *c,
                            hp_error *err)
{
    size_t n = c->opt.n_data;
    p->files = calloc(n, sizeof *p->files);
    if (!p->files)
        return hp_fail(err, HP_NOMEM, "no memory for %zu files", n);
    for (size_t i = 0; i < n; i++) {
        const char *path = c->opt.data[i];
        size_t len = 0, before = p->n;
        hp_status st = hp_text_read(&p->files[i], &len, &path, 1, err);
        p->n_files = i + 1;
        if (!st)
            st = add_lines(p, w, c, p->files[i], len, err);
        if (!st && p->n == before)
            st =
                hp_fail(err, HP_FORMAT, "holds no prompt: every line is blank");
        if (st)
            return hp_fail_file(
                err, st, strcmp(path, "-") != 0 ? path : "standard input");
    }
    return HP_OK;
}

static hp_status read_ids(prompts *p, work *w, const cli *c, hp_error *err)
{
    const hp_spec *spec = hp_model_spec(w->model);
    hp_calibration_options o = {.tokens = c->opt.value[OPT_TOKENS].text,
                                .max_length = spec->max_positions,
                                .vocab = spec->vocab};
    hp_status st = hp_calibration_open(&w->calibration, NULL, &o, err);
    if (st)
        return st;
    const hp_sequences *s = hp_calibration_sequences(w->calibration);
    for (size_t i = 0; i < s->n && !st; i++)
        st = add(p,
                 (prompt){.ids = s->ids + s->start[i],
                          .n = s->start[i + 1] - s->start[i]},
                 err);
    return st;
}

hp_status prompts_read_given(prompts *p, work *w, cli *c, hp_error *err)
{
    hp_status st = work_open_tokenizer(w, c, err);
    for (size_t i = 0; i < c->opt.n_prompts && !st; i++) {
        const char *text = c->opt.prompts[i];
        st = add_text(p, w, c, text, strlen(text), err);
    }
    return st;
}

hp_status prompts_read(prompts *p, work *w, cli *c, hp_error *err)
{
    if (options_has(&c->opt, OPT_TOKENS))
        return read_ids(p, w, c, err);
    if (!c->opt.n_data)
        return prompts_read_given(p, w, c, err);
    hp_status st = work_open_tokenizer(w, c, err);
    return st ? st : read_files(p, w, c, err);
}

void prompts_clear(prompts *p)
{
    for (size_t i = 0; i < p->n; i++)
        free(p->items[i].owned);
    for (size_t i = 0; i < p->n_files; i++)
        free(p->files[i]);
    free(p->items);
    free(p->files);
}
