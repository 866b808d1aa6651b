#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cases.h"
#include "io/file.h"
#include "io/json_scan.h"

#include <stdlib.h>

static void read_ids(int32_t **out, size_t *n, hp__scan *s)
{
    int more = 0;
    size_t room = 0;
    uint64_t id = 0;
    assert_int_equal(hp__scan_open(s, '[', NULL), HP_OK);
    while (hp__scan_element(s, &more, NULL) == HP_OK && more) {
        if (*n == room) {
            room = room ? 2 * room : 64;
            *out = realloc(*out, room * sizeof **out);
            assert_non_null(*out);
        }
        assert_true(hp__scan_u64(&id, s));
        (*out)[(*n)++] = (int32_t)id;
        assert_int_equal(hp__scan_skip(s, NULL), HP_OK);
    }
    assert_int_equal(more, 0);
}

static void read_case(golden_case *c, hp__scan *s)
{
    int more = 0;
    assert_int_equal(hp__scan_open(s, '{', NULL), HP_OK);
    while (hp__scan_member(s, &more, NULL) == HP_OK && more) {
        if (hp__scan_is(s->key, "ids")) {
            read_ids(&c->ids, &c->n, s);
        } else if (hp__scan_is(s->key, "ids_with_special")) {
            read_ids(&c->with_special, &c->n_with_special, s);
        } else {
            assert_int_equal(s->token, 's');
            c->text = malloc(s->span.len + 1);
            assert_non_null(c->text);
            c->len = hp__scan_decode(c->text, s->span.len, s->span);
            c->text[c->len] = '\0';
            assert_int_equal(hp__scan_skip(s, NULL), HP_OK);
        }
    }
    assert_int_equal(more, 0);
    assert_non_null(c->text);
}

void golden_cases_open(golden_cases *out, const char *path)
{
    char *text = NULL;
    hp__scan s = {.name = "cases"};
    int more = 0;
    size_t room = 1024;
    assert_int_equal(hp__file_slurp(&text, &s.len, path, (size_t)1 << 30, NULL),
                     HP_OK);
    s.text = text;
    *out = (golden_cases){calloc(room, sizeof *out->items), 0};
    assert_non_null(out->items);
    assert_int_equal(hp__scan_next(&s, NULL), HP_OK);
    assert_int_equal(hp__scan_open(&s, '[', NULL), HP_OK);
    while (hp__scan_element(&s, &more, NULL) == HP_OK && more) {
        assert_true(out->n < room);
        read_case(&out->items[out->n++], &s);
    }
    assert_int_equal(more, 0);
    hp__scan_clear(&s);
    free(text);
}

void golden_cases_free(golden_cases *c)
{
    for (size_t i = 0; i < c->n; i++) {
        free(c->items[i].text);
        free(c->items[i].ids);
        free(c->items[i].with_special);
    }
    free(c->items);
}
