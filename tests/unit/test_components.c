/*
 * Tokenizers of one component or two against what the tokenizers library makes
 * of them: ids of texts, texts of ids. Another list than the one of the tests
 * (tests/golden/components.py) can be named on the command line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "io/json_scan.h"
#include "text/tokenizer.h"

#include "io/file.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 1024, LONGEST = 512, VOCAB = 100000 };

static const char *list = "tests/golden/tokenizers/components.json";

/* ---- the list ---- */

typedef struct strings {
    hp__buffer items[MOST]; /* may hold NULs */
    size_t n;
} strings;

typedef struct sequences {
    int32_t items[MOST][LONGEST];
    size_t len[MOST];
    size_t n;
} sequences;

static int next(hp__scan *s)
{
    int more = 0;
    assert_int_equal(hp__scan_element(s, &more, NULL), HP_OK);
    return more;
}

static void read_string(hp__buffer *out, const hp__scan *s)
{
    assert_int_equal(s->token, 's');
    out->len = 0;
    hp__buffer_text(out, "");
    assert_true(hp__buffer_reserve(out, s->span.len));
    out->len = hp__scan_decode(out->data, s->span.len, s->span);
    out->data[out->len] = '\0';
}

static void read_strings(strings *out, hp__scan *s)
{
    out->n = 0;
    assert_int_equal(hp__scan_open(s, '[', NULL), HP_OK);
    while (next(s)) {
        assert_true(out->n < MOST);
        read_string(&out->items[out->n++], s);
    }
}

static void read_sequences(sequences *out, hp__scan *s)
{
    out->n = 0;
    assert_int_equal(hp__scan_open(s, '[', NULL), HP_OK);
    for (; next(s); out->n++) {
        size_t n = 0;
        assert_true(out->n < MOST);
        assert_int_equal(hp__scan_open(s, '[', NULL), HP_OK);
        while (next(s)) {
            assert_true(n < LONGEST);
            out->items[out->n][n++] = (int32_t)hp__scan_number(s);
        }
        out->len[out->n] = n;
    }
}

static void clear(strings *s)
{
    for (size_t i = 0; i < MOST; i++)
        hp__buffer_clear(&s->items[i]);
}

/* ---- rows ---- */

typedef struct row {
    hp__buffer tokenizer;
    sequences ids, decode;
    strings decoded;
} row;

static void read_row(row *r, hp__scan *s)
{
    int more = 0;
    assert_int_equal(hp__scan_open(s, '{', NULL), HP_OK);
    while (hp__scan_member(s, &more, NULL) == HP_OK && more) {
        if (hp__scan_is(s->key, "tokenizer"))
            read_string(&r->tokenizer, s);
        else if (hp__scan_is(s->key, "decoded"))
            read_strings(&r->decoded, s);
        else
            read_sequences(hp__scan_is(s->key, "ids") ? &r->ids : &r->decode,
                           s);
    }
    assert_int_equal(more, 0);
}

/* The precompiled_charsmap of the golden tokenizer that has one. */
static char *charsmap(void)
{
    static const char path[] =
        "tests/golden/tokenizers/t5-precompiled/tokenizer.json";
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(hp__file_slurp(&text, &len, path, (size_t)1 << 30, NULL),
                     HP_OK);
    const char *at = strstr(text, "\"precompiled_charsmap\"");
    assert_non_null(at);
    at = strchr(at, ':') + 1;
    at += strspn(at, " ");
    len = strcspn(at + 1, "\"") + 2;
    memmove(text, at, len);
    text[len] = '\0';
    return text;
}

/* "@2" stands for the pool's third. */
static hp_tokenizer *open_tokenizer(const char *text, const strings *pool)
{
    hp_tokenizer *t = NULL;
    hp_error err = {0};
    hp__buffer b = {0};
    for (const char *at; (at = strstr(text, "\"@")); text = at) {
        char *end = NULL;
        hp__buffer_add(&b, text, (size_t)(at - text));
        unsigned long i = strtoul(at + 2, &end, 10);
        assert_true(i < pool->n && *end == '"');
        const char *item = pool->items[i].data;
        char *map = strcmp(item, "charsmap") == 0 ? charsmap() : NULL;
        hp__buffer_text(&b, map ? map : item);
        free(map);
        at = end + 1;
    }
    hp__buffer_text(&b, text);
    if (hp__tokenizer_parse(&t, b.data, b.len, VOCAB, &err)) {
        print_message("%s\n", err.message);
        t = NULL;
    }
    hp__buffer_clear(&b);
    return t;
}

static void print_ids(const char *what, const int32_t *ids, size_t n)
{
    print_message("  %s", what);
    for (size_t i = 0; i < n; i++)
        print_message(" %d", (int)ids[i]);
    print_message("\n");
}

static int encodes(const hp_tokenizer *t, const hp__buffer *text,
                   const int32_t *ids, size_t n)
{
    hp_ids got;
    hp_error err = {0};
    if (hp_tokenizer_encode(&got, t, text->data, text->len, 0, &err)) {
        print_message("%s\n", err.message);
        return 0;
    }
    int same = got.n == n && (!n || !memcmp(got.ids, ids, n * sizeof *ids));
    if (!same) {
        print_ids("ids", got.ids, got.n);
        print_ids("expected", ids, n);
    }
    free(got.ids);
    return same;
}

static int decodes(hp_detokenizer *d, const int32_t *ids, size_t n,
                   const hp__buffer *want)
{
    hp__buffer all = {0};
    const char *some = NULL;
    size_t got = 0;
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(hp_detokenizer_add(&some, &got, d, ids + i, 1, NULL),
                         HP_OK);
        hp__buffer_add(&all, some, got);
    }
    assert_int_equal(hp_detokenizer_end(&some, &got, d, NULL), HP_OK);
    hp__buffer_add(&all, some, got);
    int same = all.len == want->len && !memcmp(all.data, want->data, all.len);
    if (!same)
        print_message("'%s' is not '%s'\n", all.data, want->data);
    hp__buffer_clear(&all);
    return same;
}

static size_t count_wrong(const row *r, const strings *texts,
                          const strings *pool)
{
    const char *json = r->tokenizer.data ? r->tokenizer.data : "";
    hp_tokenizer *t = open_tokenizer(json, pool);
    hp_detokenizer *d = NULL;
    size_t wrong = !t;
    if (!t || hp_detokenizer_open(&d, t, NULL))
        goto done;
    /* In pieces of a word, where the tokenizer allows any. */
    t->chunk = t->chunk ? 1 : 0;
    assert_int_equal(r->ids.n, texts->n);
    for (size_t i = 0; i < texts->n; i++)
        if (!encodes(t, &texts->items[i], r->ids.items[i], r->ids.len[i])) {
            print_message("ids of text %zu differ: '%s'\n", i,
                          texts->items[i].data);
            wrong++;
        }
    for (size_t i = 0; i < r->decode.n; i++)
        wrong += !decodes(d, r->decode.items[i], r->decode.len[i],
                          &r->decoded.items[i]);
    if (wrong)
        print_message("-- %zu in %s\n", wrong, json);
done:
    hp_detokenizer_free(d);
    hp_tokenizer_free(t);
    return wrong;
}

static void check_rows(hp__scan *s, const strings *texts, const strings *pool)
{
    size_t n = 0, wrong = 0;
    assert_int_equal(hp__scan_open(s, '[', NULL), HP_OK);
    static row r;
    for (; next(s); n++) {
        read_row(&r, s);
        wrong += count_wrong(&r, texts, pool);
        if (n)
            continue;
        r.ids.len[2]--; /* a wrong expectation must be seen */
        r.decoded.items[2].len--;
        print_message("the next two are to be seen:\n");
        assert_int_equal(count_wrong(&r, texts, pool), 2);
    }
    hp__buffer_clear(&r.tokenizer);
    clear(&r.decoded);
    print_message("%zu tokenizers, %zu texts each\n", n, texts->n);
    assert_true(n >= 90);
    assert_int_equal(wrong, 0);
}

static void ids_and_texts_are_the_librarys(void **state)
{
    (void)state;
    char *text = NULL;
    static strings texts, pool;
    hp__scan s = {.name = "components"};
    int more = 0;
    assert_int_equal(hp__file_slurp(&text, &s.len, list, (size_t)1 << 30, NULL),
                     HP_OK);
    s.text = text;
    assert_int_equal(hp__scan_next(&s, NULL), HP_OK);
    assert_int_equal(hp__scan_open(&s, '{', NULL), HP_OK);
    while (hp__scan_member(&s, &more, NULL) == HP_OK && more) {
        if (hp__scan_is(s.key, "texts"))
            read_strings(&texts, &s);
        else if (hp__scan_is(s.key, "pool"))
            read_strings(&pool, &s);
        else
            check_rows(&s, &texts, &pool);
    }
    hp__scan_clear(&s);
    clear(&texts);
    clear(&pool);
    free(text);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_texts_are_the_librarys),
    };
    if (argc > 1)
        list = argv[1];
    return cmocka_run_group_tests_name("components", tests, NULL, NULL);
}
