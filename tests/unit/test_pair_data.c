/*
 * Data of models with an encoder and a decoder: windows in pairs against what
 * another program cut, and lines that are no pairs.
 */
#include "fixture.h"
#include "headprune/text.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define START 7

typedef struct setup {
    char *folder;
    hp_tokenizer *t5;
    hp_calibration *c;
    hp_error err;
} setup;

static int start(void **state)
{
    setup *s = calloc(1, sizeof *s);
    if (!s)
        return -1;
    s->folder = fixture_folder();
    if (hp_tokenizer_open(&s->t5, "tests/golden/tokenizers/t5", 912, &s->err))
        fail_msg("%s", s->err.message);
    *state = s;
    return 0;
}

static int stop(void **state)
{
    setup *s = *state;
    hp_tokenizer_free(s->t5);
    hp_calibration_free(s->c);
    fixture_remove(s->folder);
    free(s);
    return 0;
}

static const hp_sequences *cut(setup *s, const hp_calibration_options *like)
{
    hp_calibration_options o = *like;
    o.pairs = 1;
    o.vocab = 912;
    hp_calibration_free(s->c);
    s->c = NULL;
    if (hp_calibration_open(&s->c, s->t5, &o, &s->err))
        fail_msg("%s", s->err.message);
    return hp_calibration_sequences(s->c);
}

static void assert_ids(const hp_sequences *s, size_t i, const int32_t *want,
                       size_t n)
{
    assert_int_equal(s->start[i + 1] - s->start[i], n);
    assert_memory_equal(s->ids + s->start[i], want, n * sizeof *want);
}

static void assert_list(const hp_sequences *s, size_t i, const cJSON *list)
{
    int32_t want[64];
    size_t n = 0;
    const cJSON *id;
    cJSON_ArrayForEach(id, cJSON_GetArrayItem(list, (int)i))
    {
        assert_true(n < 64);
        want[n++] = (int32_t)id->valuedouble;
    }
    assert_ids(s, i, want, n);
}

/* ---- windows ---- */

static void pairs_of_a_text_follow_each_other(void **state)
{
    setup *s = *state;
    char *text = fixture_read("tests/golden/t5-text/expected.json", NULL);
    cJSON *want = cJSON_Parse(text);
    const char *path = "models/text/the-time-machine.txt";
    const hp_sequences *q =
        cut(s, &(hp_calibration_options){
                   .data = &path, .n_data = 1, .length = 24, .sequences = 3});
    assert_int_equal(q->n, 3);
    assert_int_equal(q->decoder->n, 3);
    assert_null(q->decoder->decoder);
    for (size_t i = 0; i < 3; i++) {
        assert_list(q, i, cJSON_GetObjectItem(want, "sequences"));
        assert_list(q->decoder, i,
                    cJSON_GetObjectItem(want, "decoder_sequences"));
        assert_int_equal(hp_calibration_context(s->c)[i], 1);
    }
    const hp_calibration_info *info = hp_calibration_info_get(s->c);
    assert_int_equal(info->sequences, 3);
    assert_int_equal(info->length, 24);
    assert_int_equal(info->tokens, 6 * 24);
    cJSON_Delete(want);
    free(text);
}

/* n times the same word of one id, and its path in the folder. */
static char *put_words(const setup *s, size_t n)
{
    char text[256] = "";
    for (size_t i = 0, len = 0; i < n && len < sizeof text; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s",
                                i ? " the" : "the");
    fixture_put_text(s->folder, "x.txt", text);
    return fixture_path(s->folder, "x.txt");
}

/* How many ids of the text each side got, windows of 9: 8 and 8. */
static void a_short_rest_is_dropped_unless_it_is_alone(void **state)
{
    setup *s = *state;
    static const struct {
        size_t words, pairs, encoder, decoder; /* of the last pair */
    } rows[] = {
        {2, 1, 1, 1},  {3, 1, 2, 1},  {8, 1, 4, 4},  {11, 1, 6, 5},
        {12, 1, 8, 4}, {16, 1, 8, 8}, {17, 1, 8, 8}, {27, 1, 8, 8},
        {28, 2, 8, 4}, {32, 2, 8, 8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *path = put_words(s, rows[i].words);
        const hp_sequences *q =
            cut(s, &(hp_calibration_options){.data = (const char *const *)&path,
                                             .n_data = 1,
                                             .length = 9,
                                             .start_token = START});
        size_t last = rows[i].pairs - 1;
        const hp_sequences *d = q->decoder;
        assert_int_equal(q->n, rows[i].pairs);
        assert_int_equal(q->start[q->n] - q->start[last], rows[i].encoder + 1);
        assert_int_equal(d->start[d->n] - d->start[last], rows[i].decoder + 1);
        assert_int_equal(d->ids[d->start[last]], START);
        assert_int_equal(q->ids[q->start[q->n] - 1], 1); /* </s> */
        free(path);
    }
}

static void without_special_tokens_the_windows_are_the_same(void **state)
{
    setup *s = *state;
    char *path = put_words(s, 30);
    const hp_sequences *q =
        cut(s, &(hp_calibration_options){.data = (const char *const *)&path,
                                         .n_data = 1,
                                         .length = 9,
                                         .no_special = 1,
                                         .start_token = START});
    assert_int_equal(q->n, 2);
    assert_int_equal(q->start[1], 8);
    assert_int_equal(q->decoder->start[1], 8);
    assert_int_equal(q->decoder->start[2], 8 + 6);
    assert_int_equal(q->decoder->ids[0], q->ids[0]);
    free(path);
}

/* ---- lines ---- */

static void lines_are_pairs(void **state)
{
    setup *s = *state;
    fixture_put_text(s->folder, "x.ids",
                     "[[1, 2, 3], [0, 4]]\n\n [ [5] ,[0,6 , 7 ] ] \r\n");
    char *path = fixture_path(s->folder, "x.ids");
    const hp_sequences *q = cut(s, &(hp_calibration_options){.tokens = path});
    assert_int_equal(q->n, 2);
    assert_int_equal(q->decoder->n, 2);
    assert_ids(q, 0, (const int32_t[]){1, 2, 3}, 3);
    assert_ids(q, 1, (const int32_t[]){5}, 1);
    assert_ids(q->decoder, 0, (const int32_t[]){0, 4}, 2);
    assert_ids(q->decoder, 1, (const int32_t[]){0, 6, 7}, 3);
    assert_int_equal(hp_calibration_info_get(s->c)->tokens, 9);
    q = cut(s, &(hp_calibration_options){.tokens = path, .sequences = 1});
    assert_int_equal(q->n, 1);
    assert_int_equal(q->decoder->n, 1);
    free(path);
}

static void lines_that_are_no_pairs_are_refused_by_number(void **state)
{
    setup *s = *state;
    static const char wanted[] =
        "a pair, [[encoder ids], [decoder ids]], was expected";
    static const struct {
        const char *line, *where, *what;
    } rows[] = {
        {"1 2", "line 2, column 1", wanted},
        {"[1, 2]", "line 2, column 2", wanted},
        {"[[1, 2]]", "line 2, column 8", wanted},
        {"[[1], 2]", "line 2, column 7", wanted},
        {"[[1] [2]]", "line 2, column 6", wanted},
        {"[[], [2]]", "line 2, column 3", "a token id was expected"},
        {"[[1], []]", "line 2, column 8", "a token id was expected"},
        {"[[1 2], [3]]", "line 2, column 5", "',' or ']' was expected"},
        {"[[1], [2], [3]]", "line 2, column 10", "should end with ']'"},
        {"[[1], [2]", "line 2, column 10", "should end with ']'"},
        {"[[1], [2", "line 2, column 9", "',' or ']' was expected"},
        {"[[1], [2]] 3", "line 2, column 12", "the line should end here"},
        {"[[1], [912]]", "line 2", "token id 912 is not below the model's"},
        {"[[1], [-2]]", "line 2, column 8", "a token id is negative"},
        {"[[1], [2, 3, 4, 5, 6]]", "line 2", "5 tokens are more than"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[64];
        snprintf(text, sizeof text, "[[1], [2]]\n%s\n", rows[i].line);
        fixture_put_text(s->folder, "x.ids", text);
        char *path = fixture_path(s->folder, "x.ids");
        hp_calibration_options o = {
            .tokens = path, .pairs = 1, .vocab = 912, .max_length = 4};
        hp_calibration_free(s->c);
        assert_int_equal(hp_calibration_open(&s->c, NULL, &o, &s->err),
                         HP_FORMAT);
        if (!strstr(s->err.message, rows[i].where) ||
            !strstr(s->err.message, rows[i].what))
            fail_msg("%s: %s", rows[i].line, s->err.message);
        assert_string_equal(s->err.file, path);
        free(path);
    }
}

static void what_cannot_be_cut_into_pairs_is_refused(void **state)
{
    setup *s = *state;
    char *path = put_words(s, 1);
    hp_calibration_options o = {.data = (const char *const *)&path,
                                .n_data = 1,
                                .pairs = 1,
                                .vocab = 912,
                                .length = 9};
    assert_int_equal(hp_calibration_open(&s->c, s->t5, &o, &s->err), HP_FORMAT);
    assert_non_null(strstr(s->err.message, "one token"));
    o.stride = 4;
    assert_int_equal(hp_calibration_open(&s->c, s->t5, &o, &s->err),
                     HP_INVALID);
    assert_non_null(strstr(s->err.message, "stride"));
    o.stride = 0;
    o.length = 1;
    assert_int_equal(hp_calibration_open(&s->c, s->t5, &o, &s->err),
                     HP_INVALID);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pairs_of_a_text_follow_each_other),
        cmocka_unit_test(a_short_rest_is_dropped_unless_it_is_alone),
        cmocka_unit_test(without_special_tokens_the_windows_are_the_same),
        cmocka_unit_test(lines_are_pairs),
        cmocka_unit_test(lines_that_are_no_pairs_are_refused_by_number),
        cmocka_unit_test(what_cannot_be_cut_into_pairs_is_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
