#include "text/spm.h"
#include "base/utf8.h"
#include "io/protobuf.h"
#include "text/characters.h"

#include <math.h>
#include <string.h>

/* Field numbers of the schema. */
enum {
    MODEL_PIECES = 1,
    MODEL_TRAINER = 2,
    MODEL_NORMALIZER = 3,
    PIECE_TEXT = 1,
    PIECE_SCORE = 2,
    PIECE_TYPE = 3,
    TRAINER_KIND = 3,
    TRAINER_UNK_ID = 40,
    NORMALIZER_CHARSMAP = 2
};

static hp_status read_piece_field(hp__spm_piece *out, const hp__field *f,
                                  const hp__proto *p, hp_error *err)
{
    hp_status st = HP_OK;
    switch (f->number) {
    case PIECE_TEXT:
        st = hp__field_is(f, HP__BYTES, p, err);
        out->text = f->data;
        out->len = f->len;
        break;
    case PIECE_SCORE:
        st = hp__field_is(f, HP__FIXED32, p, err);
        out->score = hp__field_float(f);
        break;
    case PIECE_TYPE:
        st = hp__field_is(f, HP__VARINT, p, err);
        out->type = (int)(f->value & 0xFF);
        break;
    default:
        break;
    }
    return st;
}

static hp_status read_piece(hp__spm_piece *out, const hp__field *message,
                            size_t id, hp_error *err)
{
    hp__proto p = {message->data, message->len, "sentencepiece"};
    hp__field f;
    int more = 0;
    hp_status st;
    *out = (hp__spm_piece){.text = "", .type = 1};
    while (!(st = hp__proto_next(&f, &p, &more, err)) && more) {
        st = read_piece_field(out, &f, &p, err);
        if (st)
            break;
    }
    if (!st && hp__utf8_check(out->text, out->len) < out->len)
        st = hp_fail(err, HP_FORMAT, "piece %zu is not valid UTF-8", id);
    if (!st && !isfinite(out->score))
        st =
            hp_fail(err, HP_FORMAT, "the score of piece %zu is not finite", id);
    return st;
}

static hp_status read_trainer(hp__spm *out, const hp__field *message,
                              hp_error *err)
{
    hp__proto p = {message->data, message->len, "trainer_spec"};
    hp__field f;
    int more = 0;
    hp_status st;
    while (!(st = hp__proto_next(&f, &p, &more, err)) && more) {
        if (f.number != TRAINER_KIND && f.number != TRAINER_UNK_ID)
            continue;
        st = hp__field_is(&f, HP__VARINT, &p, err);
        if (st)
            break;
        int32_t value = f.value > INT32_MAX ? -1 : (int32_t)f.value;
        if (f.number == TRAINER_KIND)
            out->kind = (hp__spm_kind)value;
        else
            out->unk = value;
    }
    return st;
}

static hp_status read_normalizer(hp__spm *out, const hp__field *message,
                                 hp_error *err)
{
    hp__proto p = {message->data, message->len, "normalizer_spec"};
    hp__field f;
    int more = 0;
    hp_status st;
    while (!(st = hp__proto_next(&f, &p, &more, err)) && more) {
        if (f.number != NORMALIZER_CHARSMAP)
            continue;
        st = hp__field_is(&f, HP__BYTES, &p, err);
        if (st)
            break;
        out->charsmap = f.data;
        out->charsmap_len = f.len;
    }
    return st;
}

static hp_status read_part(hp__spm *out, const hp__field *f, const hp__proto *p,
                           hp_error *err)
{
    if (f->number > MODEL_NORMALIZER)
        return HP_OK;
    hp_status st = hp__field_is(f, HP__BYTES, p, err);
    if (st)
        return st;
    if (f->number == MODEL_TRAINER)
        return read_trainer(out, f, err);
    if (f->number == MODEL_NORMALIZER)
        return read_normalizer(out, f, err);
    st = read_piece(&out->pieces[out->n], f, out->n, err);
    out->n++;
    return st;
}

static hp_status count_pieces(size_t *n, hp__proto p, hp_error *err)
{
    hp__field f;
    int more = 0;
    hp_status st;
    *n = 0;
    while (!(st = hp__proto_next(&f, &p, &more, err)) && more)
        *n += f.number == MODEL_PIECES;
    return st;
}

static hp_status check(const hp__spm *m, hp_error *err)
{
    if (!m->n)
        return hp_fail(err, HP_FORMAT, "sentencepiece model without pieces");
    if (m->kind != HP__SPM_UNIGRAM && m->kind != HP__SPM_BPE)
        return hp_fail(err, HP_UNSUPPORTED,
                       "sentencepiece model_type %d is not supported: unigram "
                       "(1) and BPE (2) are",
                       (int)m->kind);
    if (m->unk < 0 || (size_t)m->unk >= m->n)
        return hp_fail(err, HP_FORMAT, "unk_id %d, but there are %zu pieces",
                       (int)m->unk, m->n);
    return HP_OK;
}

hp_status hp__spm_read(hp__spm *out, hp__arena *a, const char *bytes,
                       size_t len, hp_error *err)
{
    hp__proto p = {bytes, len, "sentencepiece model"};
    hp__field f;
    size_t n = 0;
    int more = 0;
    *out = (hp__spm){.kind = HP__SPM_UNIGRAM};
    hp_status st = count_pieces(&n, p, err);
    if (!st)
        st = hp__arena_alloc(&out->pieces, a, n, sizeof *out->pieces, err);
    while (!st) {
        st = hp__proto_next(&f, &p, &more, err);
        if (st || !more)
            break;
        st = read_part(out, &f, &p, err);
    }
    return st ? st : check(out, err);
}
