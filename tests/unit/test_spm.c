/* SentencePiece models that are not whole, or ask for what is not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "text/spm.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

enum { VOCAB = 200 };

#define MARK "\xE2\x96\x81"

/* ---- writing ---- */

static void put_varint(hp__buffer *b, uint64_t value)
{
    do {
        char byte = (char)((value & 0x7F) | (value > 0x7F ? 0x80 : 0));
        hp__buffer_add(b, &byte, 1);
        value >>= 7;
    } while (value);
}

static void put_number(hp__buffer *b, unsigned field, uint64_t value)
{
    put_varint(b, field << 3);
    put_varint(b, value);
}

static void put_bytes(hp__buffer *b, unsigned field, const void *bytes,
                      size_t len)
{
    put_varint(b, field << 3 | 2);
    put_varint(b, len);
    hp__buffer_add(b, bytes, len);
}

static void put_piece(hp__buffer *b, const char *text, float score, int type)
{
    hp__buffer piece = {0};
    put_bytes(&piece, 1, text, strlen(text));
    put_varint(&piece, 2 << 3 | 5);
    hp__buffer_add(&piece, &score, sizeof score);
    put_number(&piece, 3, (uint64_t)type);
    put_bytes(b, 1, piece.data, piece.len);
    hp__buffer_clear(&piece);
}

static void put_trainer(hp__buffer *b, uint64_t kind, uint64_t unk)
{
    hp__buffer trainer = {0};
    put_number(&trainer, 3, kind);
    put_number(&trainer, 40, unk);
    put_bytes(b, 2, trainer.data, trainer.len);
    hp__buffer_clear(&trainer);
}

/* <unk> <s> </s> and bytes of BPE; `kind` and `unk` as given. */
static hp__buffer model(uint64_t kind, uint64_t unk)
{
    static const char mark_a[] = MARK "a";
    static const char *const normal[] = {MARK, "a",    "b",
                                         "ab", mark_a, "<0x0A>"};
    hp__buffer b = {0};
    put_piece(&b, "<unk>", 0, HP__SPM_UNKNOWN);
    put_piece(&b, "<s>", 0, HP__SPM_CONTROL);
    put_piece(&b, "</s>", 0, HP__SPM_CONTROL);
    for (size_t i = 0; i < sizeof normal / sizeof *normal; i++)
        put_piece(&b, normal[i], -(float)i, 1);
    put_piece(&b, "<tool>", 0, HP__SPM_USER_DEFINED);
    put_trainer(&b, kind, unk);
    return b;
}

/* ---- checking ---- */

static void assert_ids(const hp_tokenizer *t, const char *text,
                       const int32_t *want, size_t n)
{
    hp_ids got;
    assert_int_equal(hp_tokenizer_encode(&got, t, text, strlen(text), 1, NULL),
                     HP_OK);
    assert_int_equal(got.n, n);
    assert_memory_equal(got.ids, want, n * sizeof *want);
    free(got.ids);
}

/* Opening fails like this; the buffer is used up. */
static void refuse(hp__buffer b, hp_status want, const char *fragment)
{
    hp_tokenizer *t = NULL;
    hp_error err = {0};
    hp_status st =
        hp__tokenizer_parse_spm(&t, b.data ? b.data : "", b.len, VOCAB, &err);
    if (st != want || !strstr(err.message, fragment))
        fail_msg("status %d, '%s', expected %d with '%s'", (int)st, err.message,
                 (int)want, fragment);
    assert_null(t);
    hp__buffer_clear(&b);
}

static void a_bpe_model_needs_no_configuration(void **state)
{
    (void)state;
    static const int32_t ids[] = {1, 7, 4, 0, 6, 8, 9, 3, 5};
    hp__buffer b = model(HP__SPM_BPE, 0);
    hp_tokenizer *t = NULL;
    assert_int_equal(hp__tokenizer_parse_spm(&t, b.data, b.len, VOCAB, NULL),
                     HP_OK);
    hp__buffer_clear(&b); /* nothing of it is borrowed */
    /* Best score first: "ab" before the mark with "a". */
    assert_ids(t, "aazab\n<tool>b", ids, 9);
    hp_tokenizer_free(t);
}

static void cut_models_are_refused(void **state)
{
    (void)state;
    hp__buffer whole = model(HP__SPM_BPE, 0);
    size_t opened = 0;
    for (size_t n = 0; n < whole.len; n++) {
        hp_tokenizer *t = NULL;
        hp_error err = {0};
        char *cut = malloc(n + 1); /* a sanitizer sees a read past it */
        assert_non_null(cut);
        memcpy(cut, whole.data, n);
        hp_status st = hp__tokenizer_parse_spm(&t, cut, n, VOCAB, &err);
        free(cut);
        opened += st == HP_OK;
        assert_true(st == HP_OK || (st == HP_FORMAT && err.message[0]) ||
                    (st == HP_UNSUPPORTED && err.message[0]));
        hp_tokenizer_free(t);
    }
    assert_int_equal(opened, 0);
    hp__buffer_clear(&whole);
}

static void wrong_models_are_named(void **state)
{
    (void)state;
    hp__buffer b = {0};
    refuse(b, HP_FORMAT, "sentencepiece model without pieces");
    refuse(model(3, 0), HP_UNSUPPORTED, "model_type 3 is not supported");
    refuse(model(HP__SPM_UNIGRAM, 0), HP_UNSUPPORTED,
           "whose tokenizer it is cannot be told");
    refuse(model(HP__SPM_BPE, 10), HP_FORMAT,
           "unk_id 10, but there are 10 pieces");
    b = model(HP__SPM_BPE, 0);
    put_piece(&b, "ab", 0, 1);
    refuse(b, HP_FORMAT, "token 'ab' is there twice, first with id 6");
    b = model(HP__SPM_BPE, 0);
    put_piece(&b, "\xc3", 0, 1);
    refuse(b, HP_FORMAT, "piece 10 is not valid UTF-8");
    b = model(HP__SPM_BPE, 0);
    put_piece(&b, "x", 1e38f * 10, 1);
    refuse(b, HP_FORMAT, "the score of piece 10 is not finite");
    b = model(HP__SPM_BPE, 0);
    put_number(&b, 1, 3);
    refuse(b, HP_FORMAT, "sentencepiece model: field 1 has wire type 0");
    b = model(HP__SPM_BPE, 0);
    put_varint(&b, 9 << 3 | 3);
    refuse(b, HP_FORMAT, "field 9 has wire type 3");
    b = model(HP__SPM_BPE, 0);
    put_varint(&b, 5);
    refuse(b, HP_FORMAT, "field number 0");
    b = model(HP__SPM_BPE, 0);
    hp__buffer_add(&b, "\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 11);
    refuse(b, HP_FORMAT, "number of more than 64 bits");
    b = (hp__buffer){0};
    put_piece(&b, "<pad>", 0, HP__SPM_CONTROL);
    put_piece(&b, "</s>", 0, HP__SPM_CONTROL);
    put_piece(&b, "<unk>", 0, HP__SPM_UNKNOWN);
    put_trainer(&b, HP__SPM_UNIGRAM, 2);
    put_bytes(&b, 3, "\x12\x03\x01\x02\x03", 5);
    refuse(b, HP_FORMAT, "precompiled_charsmap: 3 bytes cannot hold a trie");
}

static void more_pieces_than_rows_are_refused(void **state)
{
    (void)state;
    hp__buffer b = model(HP__SPM_BPE, 0);
    hp_tokenizer *t = NULL;
    hp_error err = {0};
    assert_int_equal(hp__tokenizer_parse_spm(&t, b.data, b.len, 9, &err),
                     HP_FORMAT);
    assert_non_null(strstr(err.message, "token '<tool>': id 9 is not below"));
    hp__buffer_clear(&b);
}

/* Fields that no one knows may come; the last of a field counts. */
static void unknown_fields_are_passed_over(void **state)
{
    (void)state;
    static const int32_t ids[] = {1, 7};
    hp__buffer b = {0}, known = model(3, 0);
    hp_tokenizer *t = NULL;
    put_number(&b, 700, UINT64_MAX);
    put_bytes(&b, 4, "\xff\xff", 2);
    put_varint(&b, 12 << 3 | 1);
    hp__buffer_add(&b, "12345678", 8);
    hp__buffer_add(&b, known.data, known.len);
    put_trainer(&b, HP__SPM_BPE, 0);
    assert_int_equal(hp__tokenizer_parse_spm(&t, b.data, b.len, VOCAB, NULL),
                     HP_OK);
    assert_ids(t, "a", ids, 2);
    hp_tokenizer_free(t);
    hp__buffer_clear(&b);
    hp__buffer_clear(&known);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bpe_model_needs_no_configuration),
        cmocka_unit_test(cut_models_are_refused),
        cmocka_unit_test(wrong_models_are_named),
        cmocka_unit_test(more_pieces_than_rows_are_refused),
        cmocka_unit_test(unknown_fields_are_passed_over),
    };
    return cmocka_run_group_tests_name("sentencepiece models", tests, NULL,
                                       NULL);
}
