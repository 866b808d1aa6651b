/*
 * PCRE2 with UTF and UCP: without UCP, \s would not know a no-break space. A
 * pattern is compiled once and shared; whoever matches has a matcher.
 */
#include "text/regex.h"
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct hp__regex {
    pcre2_code *code;
};

struct hp__matcher {
    pcre2_match_data *data;
};

static hp_status fail_memory(hp_error *err)
{
    return hp_fail(err, HP_NOMEM, "out of memory (regular expression)");
}

static hp_status compile(pcre2_code **out, const char *pattern,
                         uint32_t options, hp_error *err)
{
    int code = 0;
    PCRE2_SIZE at = 0;
    *out = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                         options | PCRE2_UTF, &code, &at, NULL);
    if (*out) {
        /* Without a just-in-time compiler matching is slower, no more. */
        (void)pcre2_jit_compile(*out, PCRE2_JIT_COMPLETE);
        return HP_OK;
    }
    PCRE2_UCHAR why[128] = "";
    pcre2_get_error_message(code, why, sizeof why);
    return hp_fail(err, HP_FORMAT, "regular expression, at offset %zu: %s",
                   (size_t)at, (const char *)why);
}

hp_status hp__regex_open(hp__regex **out, const char *pattern, int literal,
                         hp_error *err)
{
    hp__buffer b = {0};
    char *text = NULL;
    hp__regex *r = NULL;
    *out = NULL;
    hp_status st = HP_OK;
    if (literal)
        hp__buffer_text(&b, pattern);
    else
        st = hp__regex_translate(&b, pattern, err);
    if (st)
        goto done;
    st = hp__buffer_take(&text, NULL, &b, err);
    if (!st)
        st = hp__new(&r, 1, sizeof *r, err);
    if (!st)
        st =
            compile(&r->code, text,
                    literal ? PCRE2_LITERAL : PCRE2_UCP | PCRE2_MULTILINE, err);
    if (!st) {
        *out = r;
        r = NULL;
    }
done:
    hp__buffer_clear(&b);
    free(text);
    hp__regex_free(r);
    return st;
}

void hp__regex_free(hp__regex *r)
{
    if (!r)
        return;
    pcre2_code_free(r->code);
    free(r);
}

int hp__regex_may_be_empty(const hp__regex *r)
{
    uint32_t may = 0;
    return pcre2_pattern_info(r->code, PCRE2_INFO_MATCHEMPTY, &may) || may;
}

hp_status hp__matcher_open(hp__matcher **out, hp_error *err)
{
    hp__matcher *m = NULL;
    *out = NULL;
    hp_status st = hp__new(&m, 1, sizeof *m, err);
    if (st)
        return st;
    m->data = pcre2_match_data_create(1, NULL);
    if (!m->data) {
        free(m);
        return fail_memory(err);
    }
    *out = m;
    return HP_OK;
}

void hp__matcher_free(hp__matcher *m)
{
    if (!m)
        return;
    pcre2_match_data_free(m->data);
    free(m);
}

static int match(const hp__regex *r, hp__matcher *m, const hp__subject *s)
{
    uint32_t options = PCRE2_NO_UTF_CHECK | PCRE2_NOTEMPTY;
    PCRE2_SPTR text = (PCRE2_SPTR)s->text;
    int code =
        pcre2_match(r->code, text, s->len, s->from, options, m->data, NULL);
    if (code == PCRE2_ERROR_JIT_STACKLIMIT)
        code = pcre2_match(r->code, text, s->len, s->from,
                           options | PCRE2_NO_JIT, m->data, NULL);
    return code;
}

hp_status hp__regex_find(size_t span[2], const hp__regex *r, hp__matcher *m,
                         const hp__subject *s, hp_error *err)
{
    int code = match(r, m, s);
    span[0] = span[1] = s->len;
    if (code == PCRE2_ERROR_NOMATCH)
        return HP_OK;
    if (code == PCRE2_ERROR_NOMEMORY)
        return fail_memory(err);
    if (code < 0) {
        PCRE2_UCHAR why[128] = "";
        pcre2_get_error_message(code, why, sizeof why);
        return hp_fail(err, HP_FORMAT,
                       "regular expression of the tokenizer: %s",
                       (const char *)why);
    }
    const PCRE2_SIZE *found = pcre2_get_ovector_pointer(m->data);
    /* A look-ahead can move the start behind the end. */
    if (found[0] < s->from || found[1] <= found[0] || found[1] > s->len)
        return hp_fail(err, HP_FORMAT,
                       "regular expression of the tokenizer: a match without "
                       "text");
    span[0] = found[0];
    span[1] = found[1];
    return HP_OK;
}
