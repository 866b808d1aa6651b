/* Lists of heads as people write them: "9:3 11:3,7-10 0:*". What stands before
 * the last colon is matched as text against the ids of the table, so that the
 * same code reads "dec.0.cross:3". */
#include "headprune/heads.h"
#include "base/buffer.h"

#include <stdio.h>
#include <string.h>

static const char white[] = " \t\r\n\v\f";

/* Heads first .. end - 1 of the table are one block's. */
typedef struct range {
    size_t first, end;
} range;

static size_t prefix_length(const char *id)
{
    const char *colon = strrchr(id, ':');
    return colon ? (size_t)(colon - id) : 0;
}

static range find_block(const hp_head *heads, size_t n, const char *prefix,
                        size_t len)
{
    range r = {0, 0};
    while (r.first < n && !(prefix_length(heads[r.first].id) == len &&
                            memcmp(heads[r.first].id, prefix, len) == 0))
        r.first++;
    r.end = r.first;
    while (r.end < n && heads[r.end].block == heads[r.first].block)
        r.end++;
    return r;
}

/* "0-11", or "0,2,5-7" for a block some of whose heads are gone. */
static void describe_block(char *out, size_t size, const hp_head *heads,
                           range r)
{
    size_t len = 0;
    for (size_t i = r.first; i < r.end && len + 24 < size;) {
        size_t j = i;
        while (j + 1 < r.end && heads[j + 1].head == heads[j].head + 1)
            j++;
        len += (size_t)snprintf(out + len, size - len, "%s%u", len ? "," : "",
                                (unsigned)heads[i].head);
        if (j > i)
            len += (size_t)snprintf(out + len, size - len, "-%u",
                                    (unsigned)heads[j].head);
        i = j + 1;
    }
}

typedef struct word {
    const char *text;
    int len;
} word;

#define MAX_WORD 4096

/* How much of a word a message repeats. */
static int shown(int len)
{
    return len < 60 ? len : 60;
}

static hp_status fail_word(word w, const char *why, hp_error *err)
{
    return hp_fail(err, HP_INVALID, "head list: '%.*s': %s", shown(w.len),
                   w.text, why);
}

static hp_status fail_absent(word w, const hp_head *heads, range r,
                             hp_error *err)
{
    char there[160] = "none";
    describe_block(there, sizeof there, heads, r);
    int len = (int)prefix_length(heads[r.first].id);
    return hp_fail(err, HP_INVALID,
                   "head list: '%.*s': block %.*s has heads %s", shown(w.len),
                   w.text, len, heads[r.first].id, there);
}

static hp_status fail_no_block(word w, int prefix, const hp_head *heads,
                               size_t n, hp_error *err)
{
    if (n == 0)
        return fail_word(w, "the model has no heads", err);
    const char *first = heads[0].id, *last = heads[n - 1].id;
    return hp_fail(err, HP_INVALID,
                   "head list: '%.*s': there is no block %.*s, blocks are "
                   "%.*s to %.*s",
                   shown(w.len), w.text, shown(prefix), w.text,
                   (int)prefix_length(first), first, (int)prefix_length(last),
                   last);
}

/* A number of at most 9 digits at *p, which moves past it. */
static int parse_number(uint32_t *out, const char **p, const char *end)
{
    const char *start = *p;
    *out = 0;
    while (*p < end && **p >= '0' && **p <= '9' && *p - start < 9)
        *out = *out * 10 + (uint32_t)(*(*p)++ - '0');
    return *p > start;
}

static int set_head(unsigned char *mask, uint32_t number, const hp_head *heads,
                    range r)
{
    for (size_t i = r.first; i < r.end; i++)
        if (heads[i].head == number) {
            if (mask)
                mask[i] = 1;
            return 1;
        }
    return 0;
}

/* One of "3" and "7-10". */
static hp_status parse_item(unsigned char *mask, const char **p, word w,
                            const hp_head *heads, range r, hp_error *err)
{
    const char *end = w.text + w.len;
    uint32_t from, to;
    if (!parse_number(&from, p, end))
        return fail_word(w,
                         "expected LAYER:HEADS, as in 9:3 or 11:3,7-10 or "
                         "0:*",
                         err);
    to = from;
    if (*p < end && **p == '-') {
        ++*p;
        if (!parse_number(&to, p, end))
            return fail_word(w, "expected a number after '-'", err);
    }
    if (to < from)
        return fail_word(w, "a range runs from low to high", err);
    for (uint32_t h = from; h <= to; h++)
        if (!set_head(mask, h, heads, r))
            return fail_absent(w, heads, r, err);
    return HP_OK;
}

static hp_status parse_word(unsigned char *mask, word w, const hp_head *heads,
                            size_t n, hp_error *err)
{
    const char *end = w.text + w.len, *p = end;
    while (p > w.text && p[-1] != ':')
        p--;
    if (p == w.text)
        return fail_word(w, "expected LAYER:HEADS, as in 9:3", err);
    size_t prefix = (size_t)(p - w.text) - 1;
    range r = find_block(heads, n, w.text, prefix);
    if (r.first == n)
        return fail_no_block(w, (int)prefix, heads, n, err);
    if (end - p == 1 && *p == '*') {
        if (mask)
            memset(mask + r.first, 1, r.end - r.first);
        return HP_OK;
    }
    for (;;) {
        hp_status st = parse_item(mask, &p, w, heads, r, err);
        if (st || p == end)
            return st;
        if (*p++ != ',')
            return fail_word(w, "expected a comma between heads", err);
    }
}

static hp_status parse_all(unsigned char *mask, const char *text,
                           const hp_head *heads, size_t n, hp_error *err)
{
    for (;;) {
        text += strspn(text, white);
        size_t len = strcspn(text, white);
        if (len == 0)
            return HP_OK;
        word w = {text, (int)(len < MAX_WORD ? len : MAX_WORD)};
        if (len > MAX_WORD)
            return fail_word(w, "longer than 4096 characters", err);
        hp_status st = parse_word(mask, w, heads, n, err);
        if (st)
            return st;
        text += len;
    }
}

hp_status hp_heads_parse(unsigned char *mask, const char *text,
                         const hp_head *heads, size_t n_heads, hp_error *err)
{
    /* First without a mask: a bad list changes nothing. */
    hp_status st = parse_all(NULL, text, heads, n_heads, err);
    if (!st)
        st = parse_all(mask, text, heads, n_heads, err);
    return st;
}

int hp_heads_shared(const hp_head *heads, size_t n_heads)
{
    for (size_t i = 0; i < n_heads; i++)
        if (heads[i].group != heads[i].head)
            return 1;
    return 0;
}

hp_status hp_heads_format(char **out, const unsigned char *mask,
                          const hp_head *heads, size_t n_heads, hp_error *err)
{
    hp__buffer b = {0};
    const hp_head *last = NULL;
    *out = NULL;
    hp__buffer_text(&b, "");
    for (size_t i = 0; i < n_heads; i++) {
        if (!mask[i])
            continue;
        if (last && last->block == heads[i].block)
            hp__buffer_printf(&b, ",%u", (unsigned)heads[i].head);
        else
            hp__buffer_printf(&b, "%s%s", last ? " " : "", heads[i].id);
        last = &heads[i];
    }
    return hp__buffer_take(out, NULL, &b, err);
}
