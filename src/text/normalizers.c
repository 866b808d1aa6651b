/*
 * Every step here works character by character or, for normal forms, between
 * combining characters, so that text may be cut before a space and normalised
 * in pieces.
 */
#include "text/normalizers.h"
#include "base/utf8.h"
#include "text/characters.h"
#include "text/unicode.h"

#include <string.h>

static hp_status fail_memory(hp_error *err)
{
    return hp_fail(err, HP_NOMEM, "out of memory (normalised text)");
}

/* No step below makes text more than twice as long, except normal forms. */
static char *room_for(hp__buffer *out, size_t len)
{
    if (len > (size_t)-1 / 4 || !hp__buffer_reserve(out, 2 * len + 8))
        return NULL;
    return out->data + out->len;
}

static void set_end(hp__buffer *out, const char *end)
{
    out->len = (size_t)(end - out->data);
    out->data[out->len] = '\0';
}

/* ---- steps ---- */

static hp_status clean(const hp__normalizer *n, hp__buffer *out, const char *s,
                       size_t len, hp_error *err)
{
    (void)n;
    char *to = room_for(out, len);
    if (!to)
        return fail_memory(err);
    for (size_t at = 0, next = 0; at < len; at = next) {
        uint32_t c = hp__utf8_next(s, &next);
        int kept = c == '\t' || c == '\n' || c == '\r';
        if (!kept && (c == 0xFFFD || hp__unicode_is_other(c)))
            continue;
        if (hp__unicode_is_space(c))
            *to++ = ' ';
        else
            while (at < next)
                *to++ = s[at++];
    }
    set_end(out, to);
    return HP_OK;
}

static hp_status space_cjk(const hp__normalizer *n, hp__buffer *out,
                           const char *s, size_t len, hp_error *err)
{
    (void)n;
    char *to = room_for(out, len);
    if (!to)
        return fail_memory(err);
    for (size_t at = 0, next = 0; at < len; at = next) {
        int cjk = hp__unicode_is_cjk(hp__utf8_next(s, &next));
        if (cjk)
            *to++ = ' ';
        while (at < next)
            *to++ = s[at++];
        if (cjk)
            *to++ = ' ';
    }
    set_end(out, to);
    return HP_OK;
}

static hp_status drop_marks(const hp__normalizer *n, hp__buffer *out,
                            const char *s, size_t len, hp_error *err)
{
    (void)n;
    char *to = room_for(out, len);
    if (!to)
        return fail_memory(err);
    for (size_t at = 0, next = 0; at < len; at = next)
        if (!hp__unicode_is_mark(hp__utf8_next(s, &next)))
            while (at < next)
                *to++ = s[at++];
    set_end(out, to);
    return HP_OK;
}

static hp_status lower(const hp__normalizer *n, hp__buffer *out, const char *s,
                       size_t len, hp_error *err)
{
    (void)n;
    char *to = room_for(out, len);
    if (!to)
        return fail_memory(err);
    for (size_t at = 0; at < len;) {
        uint32_t small[2];
        size_t count = hp__unicode_lower(small, hp__utf8_next(s, &at));
        for (size_t i = 0; i < count; i++)
            to += hp__utf8_write(to, small[i]);
    }
    set_end(out, to);
    return HP_OK;
}

static hp_status to_form(const hp__normalizer *n, hp__buffer *out,
                         const char *s, size_t len, hp_error *err)
{
    return hp__unicode_normalize(out, (hp__form)n->form, s, len, err);
}

/* ---- tokenizer.json ---- */

static hp_status add_step(hp__normalizers *out, hp__normalizer step,
                          hp_error *err)
{
    if (out->n == HP__NORMALIZERS_MOST)
        return hp_fail(err, HP_UNSUPPORTED,
                       "more than %d normalizers in a tokenizer",
                       HP__NORMALIZERS_MOST);
    out->items[out->n++] = step;
    return HP_OK;
}

hp_status hp__normalizers_bert(hp__normalizers *out, const hp__bert_cleaning *b,
                               hp_error *err)
{
    hp_status st = HP_OK;
    if (b->clean_text)
        st = add_step(out, (hp__normalizer){.run = clean}, err);
    if (!st && b->handle_chinese_chars)
        st = add_step(out, (hp__normalizer){.run = space_cjk}, err);
    if (!st && b->strip_accents)
        st = add_step(out, (hp__normalizer){.run = to_form, .form = HP__NFD},
                      err);
    if (!st && b->strip_accents)
        st = add_step(out, (hp__normalizer){.run = drop_marks}, err);
    if (!st && b->lowercase)
        st = add_step(out, (hp__normalizer){.run = lower}, err);
    return st;
}

static hp_status read_bert(hp__normalizers *out, const hp__node *node,
                           hp_error *err)
{
    hp__bert_cleaning b = {.clean_text = 1,
                           .handle_chinese_chars = 1,
                           .strip_accents = -1,
                           .lowercase = 1};
    hp_status st = hp__node_find_bool(&b.clean_text, node, "clean_text", err);
    if (!st)
        st = hp__node_find_bool(&b.handle_chinese_chars, node,
                                "handle_chinese_chars", err);
    if (!st)
        st = hp__node_find_bool(&b.strip_accents, node, "strip_accents", err);
    if (!st)
        st = hp__node_find_bool(&b.lowercase, node, "lowercase", err);
    if (b.strip_accents < 0) /* null: as lower-casing does */
        b.strip_accents = b.lowercase;
    return st ? st : hp__normalizers_bert(out, &b, err);
}

static hp_status read_lowercase(hp__normalizers *out, const hp__node *node,
                                hp_error *err)
{
    (void)node;
    return add_step(out, (hp__normalizer){.run = lower}, err);
}

static hp_status read_form(hp__normalizers *out, const hp__node *node,
                           hp_error *err)
{
    static const char *const names[] = {
        [HP__NFC] = "NFC",
        [HP__NFD] = "NFD",
        [HP__NFKC] = "NFKC",
        [HP__NFKD] = "NFKD",
    };
    const char *type = hp__node_string(hp__node_find(node, "type"));
    int form = 0;
    while (form < HP__NFKD && strcmp(type, names[form]) != 0)
        form++;
    return add_step(out, (hp__normalizer){.run = to_form, .form = form}, err);
}

static hp_status read_sequence(hp__normalizers *out, const hp__node *node,
                               hp_error *err)
{
    const hp__node *list = hp__node_find(node, "normalizers");
    if (!list || hp__node_kind(list) != HP__ARRAY)
        return hp_fail(err, HP_FORMAT,
                       "normalizer Sequence: 'normalizers' is not a list");
    hp_status st = HP_OK;
    for (const hp__node *c = hp__node_first(list); c && !st;
         c = hp__node_next(c))
        st = hp__normalizers_read(out, c, err);
    return st;
}

static const struct {
    const char *type;
    hp_status (*read)(hp__normalizers *out, const hp__node *node,
                      hp_error *err);
} kinds[] = {
    {"Sequence", read_sequence},
    {"BertNormalizer", read_bert},
    {"Lowercase", read_lowercase},
    {"NFC", read_form},
    {"NFD", read_form},
    {"NFKC", read_form},
    {"NFKD", read_form},
};

hp_status hp__normalizers_read(hp__normalizers *out, const hp__node *node,
                               hp_error *err)
{
    const char *type = NULL;
    if (!node || hp__node_kind(node) == HP__NULL)
        return HP_OK;
    hp_status st = hp__node_get_string(&type, node, "type", err);
    if (st)
        return st;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(type, kinds[i].type) == 0)
            return kinds[i].read(out, node, err);
    return hp_fail(err, HP_UNSUPPORTED, "normalizer '%s' is not supported",
                   type);
}

hp_status hp__normalizers_run(const hp__normalizers *n, hp__buffer *a,
                              hp__buffer *b, const char *s, size_t len,
                              hp_error *err)
{
    for (size_t i = 0; i < n->n; i++) {
        b->len = 0;
        hp_status st = n->items[i].run(&n->items[i], b, s, len, err);
        if (!st && b->failed)
            st = fail_memory(err);
        if (st)
            return st;
        hp__buffer swap = *a;
        *a = *b;
        *b = swap;
        s = a->data ? a->data : "";
        len = a->len;
    }
    return HP_OK;
}
