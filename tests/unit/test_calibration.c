/* Calibration windows, lines of token ids, and what is refused in both. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "headprune/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define GPT2 "tests/golden/tokenizers/gpt2"
#define BERT "tests/golden/tokenizers/bert-cased"

/* Ids of the BERT vocabulary. */
enum { CLS = 2, SEP = 3, FOUR = 30, GOING_ON_FOUR = 498 };

typedef struct setup {
    char *folder;
    hp_tokenizer *gpt2, *bert;
    hp_error err;
} setup;

static int start(void **state)
{
    setup *s = calloc(1, sizeof *s);
    if (!s)
        return -1;
    s->folder = fixture_folder();
    if (hp_tokenizer_open(&s->gpt2, GPT2, 1000, &s->err) ||
        hp_tokenizer_open(&s->bert, BERT, 1000, &s->err))
        fail_msg("%s", s->err.message);
    *state = s;
    return 0;
}

static int stop(void **state)
{
    setup *s = *state;
    hp_tokenizer_free(s->gpt2);
    hp_tokenizer_free(s->bert);
    fixture_remove(s->folder);
    free(s);
    return 0;
}

/* A file of that text in the folder; its path, freed by free(). */
static char *put(const setup *s, const char *name, const char *text)
{
    fixture_put_text(s->folder, name, text);
    return fixture_path(s->folder, name);
}

static hp_calibration *open_text(setup *s, const hp_tokenizer *t,
                                 const char *text, size_t length,
                                 size_t sequences)
{
    hp_calibration *c = NULL;
    char *path = put(s, "text.txt", text);
    hp_calibration_options o = {.data = (const char *const *)&path,
                                .n_data = 1,
                                .length = length,
                                .sequences = sequences,
                                .max_length = 100,
                                .vocab = 1000};
    if (hp_calibration_open(&c, t, &o, &s->err))
        fail_msg("%s: %s", s->err.file, s->err.message);
    free(path);
    return c;
}

static size_t length_of(const hp_calibration *c, size_t i)
{
    const hp_sequences *q = hp_calibration_sequences(c);
    assert_true(i < q->n);
    return q->start[i + 1] - q->start[i];
}

/* ---- windows ---- */

static void assert_windows(setup *s, const hp_tokenizer *t, const char *text,
                           size_t length, const char *want)
{
    char got[256] = "";
    hp_calibration *c = open_text(s, t, text, length, 0);
    const hp_sequences *q = hp_calibration_sequences(c);
    for (size_t i = 0; i < q->n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%zu",
                 i ? " " : "", length_of(c, i));
    assert_string_equal(got, want);
    assert_int_equal(q->start[0], 0);
    assert_int_equal(hp_calibration_info_get(c)->sequences, q->n);
    assert_int_equal(hp_calibration_info_get(c)->tokens, q->start[q->n]);
    hp_calibration_free(c);
}

/* GPT-2 takes "2" and the line end as a token each, BERT the "2" alone. */
static void a_last_window_shorter_than_half_is_dropped(void **state)
{
    assert_windows(*state, ((setup *)*state)->gpt2, "2\n2\n2\n2\n2\n2\n", 8,
                   "8 4");
    assert_windows(*state, ((setup *)*state)->gpt2, "2\n2\n2\n2\n2\n2", 8, "8");
    assert_windows(*state, ((setup *)*state)->gpt2, "2\n2\n2\n2\n2\n2", 7,
                   "7 4");
    assert_windows(*state, ((setup *)*state)->gpt2, "2\n2\n2\n2\n2", 7, "7");
}

static void the_only_window_stays_however_short(void **state)
{
    assert_windows(*state, ((setup *)*state)->gpt2, "2", 50, "1");
    assert_windows(*state, ((setup *)*state)->bert, "2", 50, "3");
}

static void words_outside_the_vocabulary_are_counted(void **state)
{
    setup *s = *state;
    hp_calibration *c =
        open_text(s, s->bert, "2 \xe4\xb8\x80 2 \xe4\xb8\x81", 20, 0);
    assert_int_equal(hp_calibration_info_get(c)->tokens, 6);
    assert_int_equal(hp_calibration_info_get(c)->unknown, 2);
    hp_calibration_free(c);
    c = open_text(s, s->gpt2, "2 2", 20, 0);
    assert_int_equal(hp_calibration_info_get(c)->unknown, 0);
    hp_calibration_free(c);
}

static void special_tokens_count_as_part_of_a_window(void **state)
{
    setup *s = *state;
    /* 6 tokens of text in a window of 8 */
    assert_windows(s, s->bert, "2 2 2 2 2 2 2 2", 8, "8 4");
    assert_windows(s, s->bert, "2 2 2 2 2 2 2", 8, "8");
    hp_calibration *c = open_text(s, s->bert, "2 3 2 3 2 3 2 3 2", 8, 0);
    const hp_sequences *q = hp_calibration_sequences(c);
    for (size_t i = 0; i < q->n; i++) {
        assert_int_equal(q->ids[q->start[i]], CLS);
        assert_int_equal(q->ids[q->start[i + 1] - 1], SEP);
    }
    assert_int_equal(length_of(c, 1), 5);
    hp_calibration_free(c);
}

static void windows_follow_the_text_without_gaps(void **state)
{
    setup *s = *state;
    const char *text = "Alice was beginning to get very tired of sitting by "
                       "her sister on the bank, and of having nothing to do.";
    hp_ids whole;
    assert_int_equal(
        hp_tokenizer_encode(&whole, s->gpt2, text, strlen(text), 0, &s->err),
        HP_OK);
    int32_t *ids = whole.ids;
    hp_calibration *c = open_text(s, s->gpt2, text, 10, 0);
    const hp_sequences *q = hp_calibration_sequences(c);
    assert_true(q->n >= 3);
    assert_memory_equal(q->ids, ids, q->start[q->n] * sizeof *ids);
    hp_calibration_free(c);
    /* Fewer windows are the first ones. */
    c = open_text(s, s->gpt2, text, 10, 2);
    q = hp_calibration_sequences(c);
    assert_int_equal(q->n, 2);
    assert_memory_equal(q->ids, ids, 20 * sizeof *ids);
    hp_calibration_free(c);
    free(ids);
}

/* ---- windows that overlap ---- */

typedef struct sliding {
    const hp_tokenizer *t;
    const char *text;
    size_t length, stride;
    const char *want; /* "length/context ..." */
} sliding;

static void assert_sliding(setup *s, const sliding *row)
{
    char got[256] = "";
    hp_calibration *c = NULL;
    char *path = put(s, "text.txt", row->text);
    hp_calibration_options o = {.data = (const char *const *)&path,
                                .n_data = 1,
                                .length = row->length,
                                .stride = row->stride,
                                .sequences = SIZE_MAX,
                                .max_length = 100,
                                .vocab = 1000};
    assert_int_equal(hp_calibration_open(&c, row->t, &o, &s->err), HP_OK);
    for (size_t i = 0; i < hp_calibration_sequences(c)->n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%zu/%zu",
                 i ? " " : "", length_of(c, i), hp_calibration_context(c)[i]);
    assert_string_equal(got, row->want);
    hp_calibration_free(c);
    free(path);
}

/* Ten tokens: "2" and the line end by turns; BERT's are of the text alone. */
static void a_stride_slides_the_window(void **state)
{
    setup *s = *state;
    const char *ten = "2\n2\n2\n2\n2\n";
    const sliding rows[] = {
        {s->gpt2, ten, 4, 0, "4/1 4/1 2/1"},
        {s->gpt2, ten, 4, 4, "4/1 4/1 2/1"},
        {s->gpt2, ten, 4, 2, "4/1 4/2 4/2 4/2"},
        {s->gpt2, ten, 4, 1, "4/1 4/3 4/3 4/3 4/3 4/3 4/3"},
        {s->gpt2, ten, 4, 3, "4/1 4/1 4/1"},
        {s->gpt2, ten, 8, 4, "8/1 6/4"},
        {s->gpt2, ten, 20, 5, "10/1"},
        {s->bert, "2 2 2 2 2 2", 6, 2, "6/1 6/3"},
        {s->bert, "2 2 2 2 2 2", 6, 6, "6/1 4/1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_sliding(s, &rows[i]);
}

static void overlapping_windows_hold_the_text_again(void **state)
{
    setup *s = *state;
    hp_calibration *c = NULL;
    char *path = put(s, "text.txt", "2 3 4 2 3");
    hp_calibration_options o = {.data = (const char *const *)&path,
                                .n_data = 1,
                                .length = 6,
                                .stride = 2,
                                .max_length = 100,
                                .vocab = 1000};
    assert_int_equal(hp_calibration_open(&c, s->bert, &o, &s->err), HP_OK);
    const hp_sequences *q = hp_calibration_sequences(c);
    assert_int_equal(q->n, 2);
    assert_memory_equal(q->ids + 3, q->ids + q->start[1] + 1,
                        2 * sizeof *q->ids);
    assert_int_equal(q->ids[3], FOUR);
    hp_calibration_free(c);
    free(path);
}

static void a_stride_that_cannot_be_is_refused(void **state)
{
    setup *s = *state;
    hp_calibration *c = NULL;
    char *path = put(s, "text.txt", "2 3");
    hp_calibration_options o = {.data = (const char *const *)&path,
                                .n_data = 1,
                                .length = 8,
                                .stride = 9,
                                .max_length = 100,
                                .vocab = 1000};
    assert_int_equal(hp_calibration_open(&c, s->bert, &o, &s->err), HP_INVALID);
    assert_string_equal(s->err.message,
                        "a stride of 9 tokens is longer than windows of 8");
    o.tokens = path;
    assert_int_equal(hp_calibration_open(&c, NULL, &o, &s->err), HP_INVALID);
    assert_non_null(strstr(s->err.message, "a stride is of text"));
    free(path);
}

static void texts_are_joined_as_ids_in_order(void **state)
{
    setup *s = *state;
    hp_calibration *c = NULL;
    char *paths[2] = {put(s, "a.txt", "2 3"), put(s, "b.txt", "4")};
    hp_calibration_options o = {.data = (const char *const *)paths,
                                .n_data = 2,
                                .max_length = 100,
                                .vocab = 1000};
    assert_int_equal(hp_calibration_open(&c, s->bert, &o, &s->err), HP_OK);
    assert_int_equal(length_of(c, 0), 5);
    assert_int_equal(hp_calibration_sequences(c)->ids[3], FOUR);
    const hp_calibration_info *info = hp_calibration_info_get(c);
    char both[1024];
    snprintf(both, sizeof both, "%s,%s", paths[0], paths[1]);
    assert_string_equal(info->source, both);
    /* SHA-256 of "2 34" */
    assert_string_equal(
        info->sha256,
        "8cda208accb5b0a01f42e9086a6ef942f71825fc0b20dcd02f9e958c206e6869");
    hp_calibration_free(c);
    /* Not the same as one text "2 34". */
    c = open_text(s, s->bert, "2 34", 0, 0);
    assert_string_equal(
        hp_calibration_info_get(c)->sha256,
        "8cda208accb5b0a01f42e9086a6ef942f71825fc0b20dcd02f9e958c206e6869");
    assert_int_equal(length_of(c, 0), 5);
    assert_int_equal(hp_calibration_sequences(c)->ids[3], GOING_ON_FOUR);
    hp_calibration_free(c);
    free(paths[0]);
    free(paths[1]);
}

static void the_embedded_sample_is_the_default(void **state)
{
    setup *s = *state;
    hp_calibration *c = NULL;
    hp_calibration_options o = {.max_length = 256, .vocab = 1000};
    assert_int_equal(hp_calibration_open(&c, s->gpt2, &o, &s->err), HP_OK);
    const hp_calibration_info *info = hp_calibration_info_get(c);
    assert_string_equal(info->source, "embedded:mixed");
    assert_string_equal(
        info->sha256,
        "1f89e0a1e522ae79b3885c2aca3a3f4083ccb0a4a49fe2008a91df8113ad32ca");
    assert_int_equal(info->sequences, 32);
    assert_int_equal(info->length, 256);
    assert_int_equal(info->tokens, 32 * 256);
    hp_calibration_free(c);
}

static void the_embedded_sample_is_the_file_in_the_sources(void **state)
{
    setup *s = *state;
    hp_calibration *c = NULL;
    const char *path = "src/text/mixed.txt";
    hp_calibration_options o = {
        .data = &path, .n_data = 1, .max_length = 256, .vocab = 1000};
    assert_int_equal(hp_calibration_open(&c, s->gpt2, &o, &s->err), HP_OK);
    assert_string_equal(
        hp_calibration_info_get(c)->sha256,
        "1f89e0a1e522ae79b3885c2aca3a3f4083ccb0a4a49fe2008a91df8113ad32ca");
    hp_calibration_free(c);
}

/* What a default run on a small vocabulary reads, as text. */
static void the_first_windows_of_the_sample_hold_all_kinds_of_text(void **state)
{
    setup *s = *state;
    static const char *const parts[] = {
        "the Fish-Footman", /* the first of twelve novels, and the last */
        "cavorting around on their horses",
        "the harbour authority said",
        "long read_line(FILE *in",
        "JONAS: Which one?",
        "- 300 g brown lentils",
        "Subject: Re: Re: invoice",
        "| Jan   |     142.6 |",
        "The common swift (Apus apus)",
        "#!/usr/bin/env python3",
        "WARNING: Switch the unit off",
        "Q: I deleted a file",
        "Minutes of the residents' meeting",
        "Dear Grandad,",
        "2024-03-18T06:00:01Z INFO",
        "what we call multitasking",
        "\"order\": \"A-20931\"",
        "Why the sky is blue",
    };
    hp_tokenizer *t = NULL;
    hp_detokenizer *d = NULL;
    hp_calibration *c = NULL;
    hp_calibration_options o = {.max_length = 256, .vocab = 4096};
    const char *text = NULL;
    size_t len = 0;
    if (hp_tokenizer_open(&t, "models/gpt2-novels", 4096, &s->err) ||
        hp_calibration_open(&c, t, &o, &s->err) ||
        hp_detokenizer_open(&d, t, &s->err))
        fail_msg("%s", s->err.message);
    const hp_sequences *q = hp_calibration_sequences(c);
    assert_int_equal(q->start[q->n], 32 * 256);
    assert_int_equal(
        hp_detokenizer_add(&text, &len, d, q->ids, q->start[q->n], &s->err),
        HP_OK);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
        if (!strstr(text, parts[i]))
            fail_msg("no \"%s\"", parts[i]);
    hp_detokenizer_free(d);
    hp_calibration_free(c);
    hp_tokenizer_free(t);
}

static void a_window_has_512_tokens_unless_the_model_takes_fewer(void **state)
{
    setup *s = *state;
    static const struct {
        size_t max_length, want;
    } rows[] = {{1024, 512}, {512, 512}, {100, 100}, {0, 512}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        hp_calibration *c = NULL;
        hp_calibration_options o = {
            .max_length = rows[i].max_length, .sequences = 2, .vocab = 1000};
        assert_int_equal(hp_calibration_open(&c, s->bert, &o, &s->err), HP_OK);
        assert_int_equal(hp_calibration_info_get(c)->length, rows[i].want);
        hp_calibration_free(c);
    }
}

/* ---- what is refused ---- */

static void assert_refused(setup *s, const hp_tokenizer *t,
                           const hp_calibration_options *o, hp_status want,
                           const char *fragment)
{
    hp_calibration *c = NULL;
    s->err = (hp_error){0};
    hp_status st = hp_calibration_open(&c, t, o, &s->err);
    if (st != want || !strstr(s->err.message, fragment))
        fail_msg("status %d, '%s', expected %d with '%s'", (int)st,
                 s->err.message, (int)want, fragment);
    assert_null(c);
}

static void refuse_text(setup *s, const hp_tokenizer *t, const char *bytes,
                        size_t len, const char *fragment)
{
    fixture_put(s->folder, "bad.txt", bytes, len);
    char *path = fixture_path(s->folder, "bad.txt");
    hp_calibration_options o = {.data = (const char *const *)&path,
                                .n_data = 1,
                                .max_length = 100,
                                .vocab = 1000};
    assert_refused(s, t, &o, HP_FORMAT, fragment);
    assert_string_equal(s->err.file, path);
    free(path);
}

static void text_without_tokens_is_refused(void **state)
{
    setup *s = *state;
    refuse_text(s, s->gpt2, "", 0, "calibration text yields no token");
    refuse_text(s, s->bert, " \n\t\n", 4, "calibration text yields no token");
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    setup *s = *state;
    refuse_text(s, s->gpt2, "abc\xff", 4, "byte 0xFF at offset 3");
    refuse_text(s, s->bert, "ab\xed\xa0\x80", 5, "byte 0xED at offset 2");
    refuse_text(s, s->bert, "a\xc0\x80", 3, "byte 0xC0 at offset 1");
    refuse_text(s, s->bert, "\xe2\x82", 2, "byte 0xE2 at offset 0");
}

static void a_later_text_is_checked_though_no_more_is_needed(void **state)
{
    setup *s = *state;
    char *paths[2] = {put(s, "a.txt", "2 3 4 5 6 7"),
                      put(s, "b.txt", "ab\xff")};
    hp_calibration_options o = {.data = (const char *const *)paths,
                                .n_data = 2,
                                .length = 3,
                                .sequences = 1,
                                .max_length = 100,
                                .vocab = 1000};
    assert_refused(s, s->gpt2, &o, HP_FORMAT, "byte 0xFF at offset 2");
    assert_string_equal(s->err.file, paths[1]);
    free(paths[0]);
    free(paths[1]);
}

static void damaged_gzip_data_is_refused(void **state)
{
    setup *s = *state;
    char *path = fixture_path(s->folder, "text.gz");
    gzFile z = gzopen(path, "wb");
    assert_non_null(z);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(gzputs(z, "2 3 4 5 "), 8);
    assert_int_equal(gzclose(z), Z_OK);
    hp_calibration *c = NULL;
    hp_calibration_options o = {.data = (const char *const *)&path,
                                .n_data = 1,
                                .length = 3,
                                .sequences = 1,
                                .max_length = 100,
                                .vocab = 1000};
    assert_int_equal(hp_calibration_open(&c, s->gpt2, &o, &s->err), HP_OK);
    assert_int_equal(hp_calibration_info_get(c)->tokens, 3);
    hp_calibration_free(c);
    size_t len = 0;
    char *bytes = fixture_read(path, &len);
    /* The first three tokens are there in all of these. */
    fixture_put(s->folder, "text.gz", bytes, len - 4);
    assert_refused(s, s->gpt2, &o, HP_FORMAT, "gzip data ends too early");
    bytes[len - 6]++;
    fixture_put(s->folder, "text.gz", bytes, len);
    assert_refused(s, s->gpt2, &o, HP_FORMAT, "gzip data is damaged");
    free(bytes);
    free(path);
}

static void a_length_that_does_not_fit_is_refused(void **state)
{
    setup *s = *state;
    hp_calibration_options o = {.length = 129, .max_length = 128};
    assert_refused(s, s->gpt2, &o, HP_INVALID,
                   "windows of 129 tokens are longer than the model's maximum "
                   "of 128");
    o.length = 2;
    assert_refused(s, s->bert, &o, HP_INVALID,
                   "windows of 2 tokens leave no room beside 2 special tokens");
    o.length = 0;
    o.max_length = 2;
    assert_refused(s, s->bert, &o, HP_INVALID, "leave no room");
}

static void absent_data_is_an_io_error(void **state)
{
    setup *s = *state;
    const char *path = "no/such/file";
    hp_calibration_options o = {.data = &path, .n_data = 1, .max_length = 128};
    assert_refused(s, s->gpt2, &o, HP_IO, "");
    assert_string_equal(s->err.file, path);
}

static void text_needs_a_tokenizer(void **state)
{
    hp_calibration_options o = {.max_length = 128};
    assert_refused(*state, NULL, &o, HP_INVALID, "without a tokenizer");
}

/* ---- lines of ids ---- */

static void lines_of_ids_are_used_as_they_are(void **state)
{
    setup *s = *state;
    char *path =
        put(s, "x.ids", "[1, 2, 3]\n\n4 5\r\n6,7 , 8\n \t\n[9]\n[ 10 ,11 ]");
    static const int32_t want[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};
    static const size_t start_of[] = {0, 3, 5, 8, 9, 11};
    hp_calibration *c = NULL;
    hp_calibration_options o = {.tokens = path, .max_length = 3, .vocab = 12};
    if (hp_calibration_open(&c, NULL, &o, &s->err))
        fail_msg("%s", s->err.message);
    const hp_sequences *q = hp_calibration_sequences(c);
    assert_int_equal(q->n, 5);
    assert_memory_equal(q->start, start_of, sizeof start_of);
    assert_memory_equal(q->ids, want, sizeof want);
    assert_int_equal(hp_calibration_info_get(c)->length, 3);
    assert_string_equal(hp_calibration_info_get(c)->source, path);
    hp_calibration_free(c);
    o.sequences = 2;
    assert_int_equal(hp_calibration_open(&c, NULL, &o, &s->err), HP_OK);
    assert_int_equal(hp_calibration_sequences(c)->n, 2);
    assert_int_equal(hp_calibration_info_get(c)->tokens, 5);
    hp_calibration_free(c);
    free(path);
}

static void bad_lines_of_ids_are_refused_by_number(void **state)
{
    static const struct {
        const char *text, *fragment;
    } rows[] = {
        {"", "no sequence of token ids"},
        {"\n \n", "no sequence of token ids"},
        {"1 2\n1 2 3 4 5\n",
         "line 2: 5 tokens are more than the model's maximum of 4"},
        {"1\n\n12\n", "line 3: token id 12 is not below the model's "
                      "vocabulary of 12"},
        {"99999999999999999999999", "token id 99999999999999999999999 is not"},
        {"4294967297", "token id 4294967297 is not"},
        {"1 -5\n", "line 1, column 3: a token id is negative, found '-5'"},
        {"1 x2\n", "line 1, column 3: a token id was expected, found 'x2'"},
        {"1.5\n", "a token id was expected, found '1.5'"},
        {"1e3\n", "a token id was expected, found '1e3'"},
        {"[1, 2", "line 1, column 6: ',' or ']' was expected"},
        {"[1 2]", "',' or ']' was expected, found '2'"},
        {"[1] 2", "the line should end here, found '2'"},
        {"[]", "line 1, column 2: a token id was expected"},
        {"[1,]", "a token id was expected"},
        {"1,,2", "a token id was expected"},
        {"1,", "a token id was expected"},
        {"[[1], [2]]", "line 1: a pair of sequences where one is read"},
        {"1]", "a token id was expected"},
    };
    setup *s = *state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char *path = put(s, "bad.ids", rows[i].text);
        hp_calibration_options o = {
            .tokens = path, .max_length = 4, .vocab = 12};
        assert_refused(s, NULL, &o, HP_FORMAT, rows[i].fragment);
        assert_string_equal(s->err.file, path);
        free(path);
    }
}

static void lines_past_the_wanted_ones_are_checked(void **state)
{
    setup *s = *state;
    char *path = put(s, "x.ids", "1\n2\nx\n");
    hp_calibration_options o = {
        .tokens = path, .max_length = 4, .vocab = 12, .sequences = 1};
    assert_refused(s, NULL, &o, HP_FORMAT, "line 3, column 1");
    free(path);
}

/* ---- parts ---- */

static void assert_first_ids(const hp_calibration *c, const char *want)
{
    char got[128] = "";
    const hp_sequences *q = hp_calibration_sequences(c);
    for (size_t i = 0; i < q->n; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d/%zu",
                 i ? " " : "", (int)q->ids[q->start[i]],
                 q->start[i + 1] - q->start[i]);
    assert_string_equal(got, want);
}

static void every_fourth_sequence_is_held_out(void **state)
{
    static const struct {
        const char *lines, *rest, *held;
        size_t tokens, length; /* of the rest */
    } rows[] = {
        {"0\n1\n2 2\n3 3 3\n4\n5\n6\n7\n8\n", "0/1 1/1 2/2 4/1 5/1 6/1 8/1",
         "3/3 7/1", 8, 2},
        {"0\n1\n2\n3\n", "0/1 1/1 2/1", "3/1", 3, 1},
        {"0\n1\n2\n", "0/1 1/1", "2/1", 2, 1},
        {"0\n1 1\n", "0/1", "1/2", 1, 1},
    };
    setup *s = *state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char *path = put(s, "x.ids", rows[i].lines);
        hp_calibration_options o = {.tokens = path, .vocab = 10};
        hp_calibration *c = NULL, *rest = NULL, *held = NULL;
        assert_int_equal(hp_calibration_open(&c, NULL, &o, &s->err), HP_OK);
        assert_int_equal(hp_calibration_split(&rest, &held, c, &s->err), HP_OK);
        const hp_calibration_info *all = hp_calibration_info_get(c);
        const hp_calibration_info *is = hp_calibration_info_get(rest);
        assert_string_equal(is->sha256, all->sha256);
        assert_string_equal(is->source, path);
        hp_calibration_free(c); /* the parts stand by themselves */
        assert_first_ids(rest, rows[i].rest);
        assert_first_ids(held, rows[i].held);
        assert_int_equal(is->sequences, hp_calibration_sequences(rest)->n);
        assert_int_equal(is->held_out, hp_calibration_sequences(held)->n);
        assert_int_equal(is->tokens, rows[i].tokens);
        assert_int_equal(is->length, rows[i].length);
        assert_int_equal(hp_calibration_info_get(held)->held_out, 0);
        hp_calibration_free(rest);
        hp_calibration_free(held);
        free(path);
    }
}

static void parts_keep_pairs_and_contexts(void **state)
{
    setup *s = *state;
    hp_calibration *c = NULL, *rest = NULL, *held = NULL;
    char *path = put(s, "x.ids", "[[1], [2, 3]]\n[[4, 5], [6]]\n");
    hp_calibration_options o = {.tokens = path, .vocab = 10, .pairs = 1};
    assert_int_equal(hp_calibration_open(&c, NULL, &o, &s->err), HP_OK);
    assert_int_equal(hp_calibration_split(&rest, &held, c, &s->err), HP_OK);
    assert_first_ids(rest, "1/1");
    assert_first_ids(held, "4/2");
    assert_int_equal(hp_calibration_sequences(rest)->decoder->ids[1], 3);
    assert_int_equal(hp_calibration_sequences(held)->decoder->ids[0], 6);
    assert_int_equal(hp_calibration_info_get(rest)->tokens, 3);
    hp_calibration_free(c);
    hp_calibration_free(rest);
    hp_calibration_free(held);
    free(path);

    path = put(s, "text.txt", "2\n2\n2\n2\n2\n2\n2\n2\n");
    o = (hp_calibration_options){.data = (const char *const *)&path,
                                 .n_data = 1,
                                 .length = 4,
                                 .stride = 2,
                                 .vocab = 1000};
    assert_int_equal(hp_calibration_open(&c, s->gpt2, &o, &s->err), HP_OK);
    assert_int_equal(hp_calibration_split(&rest, &held, c, &s->err), HP_OK);
    assert_int_equal(hp_calibration_context(rest)[0], 1);
    assert_int_equal(hp_calibration_context(rest)[1], 2);
    assert_int_equal(hp_calibration_context(held)[0], 2);
    hp_calibration_free(c);
    hp_calibration_free(rest);
    hp_calibration_free(held);
    free(path);
}

static void one_sequence_cannot_be_split(void **state)
{
    setup *s = *state;
    hp_calibration *c = NULL, *rest = NULL, *held = NULL;
    char *path = put(s, "x.ids", "1 2 3\n");
    hp_calibration_options o = {.tokens = path, .vocab = 10};
    assert_int_equal(hp_calibration_open(&c, NULL, &o, &s->err), HP_OK);
    assert_int_equal(hp_calibration_split(&rest, &held, c, &s->err),
                     HP_INVALID);
    assert_null(rest);
    assert_null(held);
    hp_calibration_free(c);
    free(path);
}

/* ---- bytes ---- */

static void text_read_joins_files(void **state)
{
    setup *s = *state;
    char *paths[2] = {put(s, "a.txt", "one\n"), put(s, "b.txt", "two")};
    char *text = NULL;
    size_t len = 0;
    assert_int_equal(
        hp_text_read(&text, &len, (const char *const *)paths, 2, &s->err),
        HP_OK);
    assert_int_equal(len, 7);
    assert_string_equal(text, "one\ntwo");
    free(text);
    free(paths[1]);
    paths[1] = strdup("no/such/file");
    assert_int_equal(
        hp_text_read(&text, &len, (const char *const *)paths, 2, &s->err),
        HP_IO);
    assert_null(text);
    free(paths[0]);
    free(paths[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_last_window_shorter_than_half_is_dropped),
        cmocka_unit_test(the_only_window_stays_however_short),
        cmocka_unit_test(words_outside_the_vocabulary_are_counted),
        cmocka_unit_test(special_tokens_count_as_part_of_a_window),
        cmocka_unit_test(windows_follow_the_text_without_gaps),
        cmocka_unit_test(a_stride_slides_the_window),
        cmocka_unit_test(overlapping_windows_hold_the_text_again),
        cmocka_unit_test(a_stride_that_cannot_be_is_refused),
        cmocka_unit_test(texts_are_joined_as_ids_in_order),
        cmocka_unit_test(the_embedded_sample_is_the_default),
        cmocka_unit_test(the_embedded_sample_is_the_file_in_the_sources),
        cmocka_unit_test(
            the_first_windows_of_the_sample_hold_all_kinds_of_text),
        cmocka_unit_test(a_window_has_512_tokens_unless_the_model_takes_fewer),
        cmocka_unit_test(text_without_tokens_is_refused),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(a_later_text_is_checked_though_no_more_is_needed),
        cmocka_unit_test(damaged_gzip_data_is_refused),
        cmocka_unit_test(a_length_that_does_not_fit_is_refused),
        cmocka_unit_test(absent_data_is_an_io_error),
        cmocka_unit_test(text_needs_a_tokenizer),
        cmocka_unit_test(lines_of_ids_are_used_as_they_are),
        cmocka_unit_test(bad_lines_of_ids_are_refused_by_number),
        cmocka_unit_test(lines_past_the_wanted_ones_are_checked),
        cmocka_unit_test(every_fourth_sequence_is_held_out),
        cmocka_unit_test(parts_keep_pairs_and_contexts),
        cmocka_unit_test(one_sequence_cannot_be_split),
        cmocka_unit_test(text_read_joins_files),
    };
    return cmocka_run_group_tests_name("calibration", tests, start, stop);
}
