/* Editing JSON as text: what is not edited is copied byte by byte. */
#include "io/json_edit.h"

typedef struct walk {
    hp__scan scan;
    hp__buffer *out;
    const char *first; /* past the bracket */
    const char *lead;  /* white space before the first key: first .. lead */
    const char *end;   /* of the last member, kept or not */
    const char *key;   /* of the last member: its quote */
    const char *value;
    const char *before; /* end of the member before it; NULL: it is the first */
    int any, kept;      /* members so far; of them, in `out` */
} walk;

static void copy(hp__buffer *out, const char *from, const char *to)
{
    hp__buffer_add(out, from, (size_t)(to - from));
}

/* The text that stands between the member before and this one. */
static void put_gap(walk *w)
{
    if (w->kept)
        copy(w->out, w->before, w->key);
    else
        copy(w->out, w->first, w->lead);
    w->kept = 1;
}

static hp_status edit_member(walk *w, const hp__json_editor *e, hp_error *err)
{
    hp__scan *s = &w->scan;
    hp__fate fate = HP__KEEP;
    hp__buffer value = {0};
    w->before = w->any ? w->end : NULL;
    w->key = s->key.at - 1;
    w->value = s->token == 's' ? s->span.at - 1 : s->span.at;
    hp__member m = {.key = s->key, .token = s->token, .at = w->value};
    if (!w->any)
        w->lead = w->key;
    w->any = 1;
    hp_status st = hp__scan_skip(s, err);
    w->end = s->text + s->at;
    m.len = (size_t)(w->end - m.at);
    if (!st)
        st = e->member(&fate, &value, &m, e->payload, err);
    if (!st && value.failed)
        st = hp_fail(err, HP_NOMEM, "out of memory (%s)", e->name);
    if (!st && fate != HP__DROP) {
        put_gap(w);
        copy(w->out, w->key, fate == HP__REPLACE ? w->value : w->end);
        hp__buffer_add(w->out, value.data, value.len);
    }
    hp__buffer_clear(&value);
    return st;
}

/* White space as it stands before the last key of the text, or the only one. */
static void put_space(walk *w)
{
    const char *brace = w->scan.text + w->scan.at - 1, *comma = w->before;
    while (comma && *comma != ',')
        comma++;
    if (w->kept)
        hp__buffer_text(w->out, ",");
    if (w->kept && comma)
        copy(w->out, comma + 1, w->key);
    else if (w->any)
        copy(w->out, w->first, w->lead);
    else if (!w->kept)
        copy(w->out, w->first, brace);
}

/* A new member is set like the last one. */
static void add_member(walk *w, const hp__new_member *m)
{
    const char *colon = w->value;
    while (w->any && colon[-1] != '"')
        colon--;
    put_space(w);
    hp__buffer_printf(w->out, "\"%s\"", m->key);
    if (w->any)
        copy(w->out, colon, w->value);
    else
        hp__buffer_text(w->out, ": ");
    hp__buffer_text(w->out, m->value);
    w->kept = 1;
}

static hp_status edit(walk *w, const hp__json_editor *e, hp_error *err)
{
    hp__scan *s = &w->scan;
    const hp__new_member *add = NULL;
    size_t n = 0;
    int more = 1;
    hp_status st = hp__scan_next(s, err);
    if (!st)
        st = hp__scan_open(s, '{', err);
    w->first = w->end = s->text + s->at;
    copy(w->out, s->text, w->first);
    while (!st && !(st = hp__scan_member(s, &more, err)) && more)
        st = edit_member(w, e, err);
    if (!st && e->finish)
        st = e->finish(&add, &n, e->payload, err);
    for (size_t i = 0; i < n && !st; i++)
        add_member(w, &add[i]);
    if (!st) {
        copy(w->out, w->end, s->text + s->len);
        st = hp__scan_end(s, err);
    }
    return st;
}

hp_status hp__json_edit(hp__buffer *out, const char *text, size_t len,
                        const hp__json_editor *e, hp_error *err)
{
    walk w = {.scan = {.text = text, .len = len, .name = e->name}, .out = out};
    hp_status st = edit(&w, e, err);
    hp__scan_clear(&w.scan);
    if (!st && out->failed)
        st = hp_fail(err, HP_NOMEM, "out of memory (%s)", e->name);
    return st;
}
