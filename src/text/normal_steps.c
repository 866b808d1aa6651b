/* The steps of normalizers.c at work. */
#include "text/normal_steps.h"
#include "base/utf8.h"
#include "text/characters.h"
#include "text/unicode.h"

#include <string.h>

static hp_status fail_memory(hp_error *err)
{
    return hp_fail(err, HP_NOMEM, "out of memory (normalised text)");
}

/* The steps of characters make text at most twice as long. */
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

hp_status hp__normal_clean(const hp__normalizer *n, hp__buffer *out,
                           const char *s, size_t len, hp_error *err)
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

hp_status hp__normal_space_cjk(const hp__normalizer *n, hp__buffer *out,
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

/* All characters but those that `goes` picks. */
static hp_status drop(hp__buffer *out, const char *s, size_t len,
                      int (*goes)(uint32_t c), hp_error *err)
{
    char *to = room_for(out, len);
    if (!to)
        return fail_memory(err);
    for (size_t at = 0, next = 0; at < len; at = next)
        if (!goes(hp__utf8_next(s, &next)))
            while (at < next)
                *to++ = s[at++];
    set_end(out, to);
    return HP_OK;
}

hp_status hp__normal_drop_marks(const hp__normalizer *n, hp__buffer *out,
                                const char *s, size_t len, hp_error *err)
{
    (void)n;
    return drop(out, s, len, hp__unicode_is_mark, err);
}

hp_status hp__normal_drop_combining(const hp__normalizer *n, hp__buffer *out,
                                    const char *s, size_t len, hp_error *err)
{
    (void)n;
    return drop(out, s, len, hp__unicode_is_combining, err);
}

hp_status hp__normal_lower(const hp__normalizer *n, hp__buffer *out,
                           const char *s, size_t len, hp_error *err)
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

hp_status hp__normal_form(const hp__normalizer *n, hp__buffer *out,
                          const char *s, size_t len, hp_error *err)
{
    return hp__unicode_normalize(out, (hp__form)n->form, s, len, err);
}

/* ---- texts ---- */

hp_status hp__normal_prepend(const hp__normalizer *n, hp__buffer *out,
                             const char *s, size_t len, hp_error *err)
{
    (void)err;
    if (len)
        hp__buffer_text(out, n->content);
    hp__buffer_add(out, s, len);
    return HP_OK;
}

hp_status hp__normal_strip(const hp__normalizer *n, hp__buffer *out,
                           const char *s, size_t len, hp_error *err)
{
    (void)err;
    size_t from = 0;
    for (size_t at = 0; n->left && at < len; from = at)
        if (!hp__unicode_is_space(hp__utf8_next(s, &at)))
            break;
    while (n->right && len > from &&
           hp__unicode_is_space(hp__utf8_before(s, len)))
        do
            len--;
        while (((unsigned char)s[len] & 0xC0) == 0x80);
    hp__buffer_add(out, s + from, len - from);
    return HP_OK;
}

static hp_status replace_matches(const hp__normalizer *n, hp__buffer *out,
                                 hp__matcher *m, hp__subject s, hp_error *err)
{
    while (s.from < s.len) {
        size_t found[2];
        hp_status st = hp__regex_find(found, n->regex, m, &s, err);
        if (st)
            return st;
        hp__buffer_add(out, s.text + s.from, found[0] - s.from);
        if (found[0] < found[1])
            hp__buffer_text(out, n->content);
        s.from = found[1];
    }
    return HP_OK;
}

static void replace_text(const hp__normalizer *n, hp__buffer *out,
                         const char *s, size_t len)
{
    size_t size = strlen(n->pattern), done = 0;
    for (size_t at = 0; len - at >= size;) {
        const char *first = memchr(s + at, n->pattern[0], len - at - size + 1);
        if (!first)
            break;
        at = (size_t)(first - s);
        if (memcmp(first, n->pattern, size) != 0) {
            at++;
            continue;
        }
        hp__buffer_add(out, s + done, at - done);
        hp__buffer_text(out, n->content);
        done = at += size;
    }
    hp__buffer_add(out, s + done, len - done);
}

hp_status hp__normal_replace(const hp__normalizer *n, hp__buffer *out,
                             const char *s, size_t len, hp_error *err)
{
    hp__matcher *m = NULL;
    if (!n->regex) {
        replace_text(n, out, s, len);
        return HP_OK;
    }
    hp_status st = hp__matcher_open(&m, err);
    if (!st)
        st = replace_matches(n, out, m, (hp__subject){s, len, 0}, err);
    hp__matcher_free(m);
    return st;
}

hp_status hp__normal_charsmap(const hp__normalizer *n, hp__buffer *out,
                              const char *s, size_t len, hp_error *err)
{
    (void)err;
    hp__charsmap_run(n->map, out, s, len);
    return HP_OK;
}
