/* Which steps the components of tokenizer.json's "normalizer" stand for. */
#include "text/normalizers.h"
#include "base/base64.h"
#include "text/characters.h"
#include "text/normal_steps.h"
#include "text/unicode.h"

#include <string.h>

static hp_status fail_memory(hp_error *err)
{
    return hp_fail(err, HP_NOMEM, "out of memory (normalised text)");
}

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
    out->loose |= b->clean_text || b->handle_chinese_chars;
    if (b->clean_text)
        st = add_step(
            out, (hp__normalizer){.run = hp__normal_clean, .drops = 1}, err);
    if (!st && b->handle_chinese_chars)
        st = add_step(out, (hp__normalizer){.run = hp__normal_space_cjk}, err);
    if (!st && b->strip_accents)
        st = add_step(out,
                      (hp__normalizer){.run = hp__normal_form, .form = HP__NFD},
                      err);
    if (!st && b->strip_accents)
        st = add_step(
            out, (hp__normalizer){.run = hp__normal_drop_marks, .drops = 1},
            err);
    if (!st && b->lowercase)
        st = add_step(out, (hp__normalizer){.run = hp__normal_lower}, err);
    return st;
}

hp_status hp__normalizers_prepend(hp__normalizers *out, const char *text,
                                  hp_error *err)
{
    hp__normalizer step = {.run = hp__normal_prepend, .only_at_start = 1};
    hp_status st = hp__arena_strdup(&step.content, out->arena, text, err);
    return st ? st : add_step(out, step, err);
}

/* Whether a text cut before a space can go through a replacement in pieces. */
static void note_replacement(hp__normalizers *out, const char *pattern,
                             const char *content)
{
    size_t end = 0;
    hp__utf8_next(pattern, &end);
    int plain = !pattern[end] && *content;
    for (const char *c = content; *c && plain; c++)
        plain = *c > ' ' && *c < 0x7F;
    if (strcmp(pattern, " ") == 0 && strcmp(content, HP__WORD_MARK) == 0)
        out->marks = 1;
    else
        out->whole |= !plain || *pattern == ' ';
}

hp_status hp__normalizers_replace(hp__normalizers *out, const char *pattern,
                                  const char *content, hp_error *err)
{
    hp__normalizer step = {.run = hp__normal_replace, .drops = !*content};
    if (!*pattern)
        return hp_fail(err, HP_UNSUPPORTED,
                       "normalizer Replace of an empty text is not supported");
    hp_status st = hp__arena_strdup(&step.pattern, out->arena, pattern, err);
    if (!st)
        st = hp__arena_strdup(&step.content, out->arena, content, err);
    note_replacement(out, pattern, content);
    return st ? st : add_step(out, step, err);
}

hp_status hp__normalizers_replace_regex(hp__normalizers *out,
                                        const char *pattern,
                                        const char *content, hp_error *err)
{
    hp__normalizer step = {.run = hp__normal_replace};
    hp_status st = hp__arena_strdup(&step.content, out->arena, content, err);
    if (!st)
        st = hp__regex_open(&step.regex, pattern, 0, err);
    if (!st && hp__regex_may_be_empty(step.regex))
        st = hp_fail(err, HP_UNSUPPORTED,
                     "normalizer Replace with a regular expression that may "
                     "match no text is not supported");
    out->whole = 1;
    if (!st)
        st = add_step(out, step, err);
    if (st)
        hp__regex_free(step.regex);
    return st;
}

hp_status hp__normalizers_strip(hp__normalizers *out, int left, int right,
                                hp_error *err)
{
    out->whole = 1;
    return add_step(out,
                    (hp__normalizer){.run = hp__normal_strip,
                                     .left = left,
                                     .right = right,
                                     .drops = left},
                    err);
}

hp_status hp__normalizers_charsmap(hp__normalizers *out, const char *bytes,
                                   size_t len, hp_error *err)
{
    hp__normalizer step = {.run = hp__normal_charsmap, .drops = 1};
    hp_status st = hp__charsmap_read(&step.map, out->arena, bytes, len, err);
    if (st)
        return st;
    out->loose = 1;
    out->whole |= !hp__charsmap_keeps_space(step.map);
    return add_step(out, step, err);
}

/* ---- tokenizer.json ---- */

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
    return add_step(out, (hp__normalizer){.run = hp__normal_lower}, err);
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
    return add_step(out, (hp__normalizer){.run = hp__normal_form, .form = form},
                    err);
}

static hp_status read_strip_accents(hp__normalizers *out, const hp__node *node,
                                    hp_error *err)
{
    (void)node;
    return add_step(
        out, (hp__normalizer){.run = hp__normal_drop_combining, .drops = 1},
        err);
}

static hp_status read_strip(hp__normalizers *out, const hp__node *node,
                            hp_error *err)
{
    int left = 1, right = 1;
    hp_status st = hp__node_find_bool(&left, node, "strip_left", err);
    if (!st)
        st = hp__node_find_bool(&right, node, "strip_right", err);
    return st ? st : hp__normalizers_strip(out, left, right, err);
}

static hp_status read_prepend(hp__normalizers *out, const hp__node *node,
                              hp_error *err)
{
    const char *text = NULL;
    hp_status st = hp__node_get_string(&text, node, "prepend", err);
    return st ? st : hp__normalizers_prepend(out, text, err);
}

static hp_status read_replace(hp__normalizers *out, const hp__node *node,
                              hp_error *err)
{
    const hp__node *pattern = hp__node_find(node, "pattern");
    const char *regex = hp__node_string(hp__node_find(pattern, "Regex"));
    const char *text = hp__node_string(hp__node_find(pattern, "String"));
    const char *content = NULL;
    if (!regex == !text)
        return hp_fail(err, HP_FORMAT,
                       "normalizer Replace: 'pattern' is neither {\"Regex\": "
                       "...} nor {\"String\": ...}");
    hp_status st = hp__node_get_string(&content, node, "content", err);
    if (st)
        return st;
    return regex ? hp__normalizers_replace_regex(out, regex, content, err)
                 : hp__normalizers_replace(out, text, content, err);
}

static hp_status read_precompiled(hp__normalizers *out, const hp__node *node,
                                  hp_error *err)
{
    const char *text = NULL;
    hp__buffer bytes = {0};
    hp_status st =
        hp__node_get_string(&text, node, "precompiled_charsmap", err);
    if (!st)
        st = hp__base64_decode(&bytes, text, "precompiled_charsmap", err);
    if (!st)
        st = hp__normalizers_charsmap(out, bytes.data, bytes.len, err);
    hp__buffer_clear(&bytes);
    return st;
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
    {"Precompiled", read_precompiled},
    {"Prepend", read_prepend},
    {"Replace", read_replace},
    {"Strip", read_strip},
    {"StripAccents", read_strip_accents},
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

void hp__normalizers_clear(hp__normalizers *n)
{
    for (size_t i = 0; i < n->n; i++)
        hp__regex_free(n->items[i].regex);
    n->n = 0;
}

/* Whether the first character alone comes to nothing. */
static int drops_start(const hp__normalizer *step, hp__buffer *scratch,
                       const hp__buffer *text)
{
    size_t end = 0;
    if (!step->drops || !text->len)
        return 0;
    hp__utf8_next(text->data, &end);
    scratch->len = 0;
    return step->run(step, scratch, text->data, end, NULL) == HP_OK &&
           !scratch->len;
}

hp_status hp__normalizers_run(const hp__normalizers *n, hp__buffer *a,
                              hp__buffer *b, hp__piece *piece, hp_error *err)
{
    a->len = 0;
    hp__buffer_add(a, piece->text, piece->len);
    for (size_t i = 0; i < n->n; i++) {
        const hp__normalizer *step = &n->items[i];
        if (piece->inside && step->only_at_start)
            continue;
        piece->moved |= drops_start(step, b, a);
        b->len = 0;
        hp_status st = step->run(step, b, a->data ? a->data : "", a->len, err);
        if (st)
            return st;
        hp__buffer swap = *a;
        *a = *b;
        *b = swap;
    }
    return a->failed || b->failed ? fail_memory(err) : HP_OK;
}
