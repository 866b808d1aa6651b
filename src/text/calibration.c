/*
 * Calibration data: texts become windows, lines of ids are taken as they are.
 * All of every file is read and checked, whatever part of it is used.
 */
#include "base/arena.h"
#include "base/checked.h"
#include "base/sha256.h"
#include "io/zio.h"
#include "text/sample.h"
#include "text/token_rows.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

enum { DEFAULT_WINDOWS = 32, DEFAULT_LENGTH = 512, HELD_EVERY = 4 };

struct hp_calibration {
    hp__arena arena;
    hp__token_rows rows, decoder_rows;
    hp__sha256 sum;
    hp_sequences sequences, decoder;
    hp_calibration_info info;
    size_t before, overlap; /* ids of a window that are not new text */
    int32_t unknown;        /* the token; -1: none */
    const size_t *context;
};

static const char *source_name(const char *path)
{
    return strcmp(path, "-") == 0 ? "standard input" : path;
}

/* ---- ids ---- */

static hp_status read_tokens(hp_calibration *c, const hp_calibration_options *o,
                             hp_error *err)
{
    char *text = NULL;
    size_t len = 0;
    hp__line_rules rules = {
        .most = o->sequences, .max_length = o->max_length, .vocab = o->vocab};
    hp_status st = hp__zio_slurp(&text, &len, o->tokens, HP__TEXT_MOST, err);
    if (st)
        return st;
    hp__sha256_add(&c->sum, text, len);
    st = hp__token_rows_parse(&c->rows, o->pairs ? &c->decoder_rows : NULL,
                              text, len, &rules, err);
    free(text);
    if (st)
        return hp_fail_file(err, st, source_name(o->tokens));
    return hp__arena_strdup(&c->info.source, &c->arena, source_name(o->tokens),
                            err);
}

/* ---- texts ---- */

static hp_status window_length(size_t *out, const hp_calibration_options *o,
                               size_t around, hp_error *err)
{
    size_t length = o->length, most = o->max_length ? o->max_length : SIZE_MAX;
    if (!length)
        length = most < DEFAULT_LENGTH ? most : (size_t)DEFAULT_LENGTH;
    if (length > most)
        return hp_fail(err, HP_INVALID,
                       "windows of %zu tokens are longer than the model's "
                       "maximum of %zu",
                       length, most);
    if (length <= around || (o->pairs && length < 2))
        return hp_fail(err, HP_INVALID,
                       "windows of %zu tokens leave no room beside %zu special "
                       "tokens",
                       length, around);
    *out = length;
    return HP_OK;
}

/* A stride is of whole windows, so the ids around a text count as context. */
static hp_status window_overlap(size_t *out, const hp_calibration_options *o,
                                size_t length, size_t around, hp_error *err)
{
    size_t body = length - around;
    if (o->stride > length)
        return hp_fail(err, HP_INVALID,
                       "a stride of %zu tokens is longer than windows of %zu",
                       o->stride, length);
    *out = o->stride && o->stride < body ? body - o->stride : 0;
    return HP_OK;
}

static hp_status add_text(hp__buffer *ids, hp_calibration *c,
                          const hp_tokenizer *t, const char *path, size_t want,
                          hp_error *err)
{
    char *text = NULL;
    size_t len = 0, have = ids->len / sizeof(int32_t);
    hp_status st = path ? hp__zio_slurp(&text, &len, path, HP__TEXT_MOST, err)
                        : hp__sample_read(&text, &len, err);
    if (st)
        return st;
    hp__sha256_add(&c->sum, text, len);
    st = hp__tokenizer_encode(ids, t, text, len, want > have ? want - have : 0,
                              err);
    free(text);
    if (!st)
        return HP_OK;
    return hp_fail_file(err, st, path ? source_name(path) : HP__SAMPLE_NAME);
}

static hp_status add_texts(hp__buffer *ids, hp_calibration *c,
                           const hp_tokenizer *t,
                           const hp_calibration_options *o, size_t want,
                           hp_error *err)
{
    if (!o->n_data) {
        c->info.source = HP__SAMPLE_NAME;
        return add_text(ids, c, t, NULL, want, err);
    }
    c->info.source = "";
    for (size_t i = 0; i < o->n_data; i++) {
        hp_status st = hp__arena_printf(&c->info.source, &c->arena, err,
                                        "%s%s%s", c->info.source, i ? "," : "",
                                        source_name(o->data[i]));
        if (!st)
            st = add_text(ids, c, t, o->data[i], want, err);
        if (st)
            return st;
    }
    return HP_OK;
}

static hp_status cut_texts(hp_calibration *c, const hp_calibration_options *o,
                           const hp__buffer *ids, const hp__window_rules *rules,
                           hp_error *err)
{
    const int32_t *at = (const void *)ids->data;
    size_t n = ids->len / sizeof *at;
    if (n < (o->pairs ? 2U : 1U)) {
        hp_status st = hp_fail(err, HP_FORMAT,
                               n ? "calibration text of one token cannot be "
                                   "cut into a pair"
                                 : "calibration text yields no token");
        return hp_fail_file(err, st, c->info.source);
    }
    if (o->pairs)
        hp__token_rows_pair(&c->rows, &c->decoder_rows, at, n, rules,
                            o->no_special ? NULL : &o->start_token);
    else
        hp__token_rows_cut(&c->rows, at, n, rules);
    return HP_OK;
}

static hp_status read_texts(hp_calibration *c, const hp_tokenizer *t,
                            const hp_calibration_options *o, hp_error *err)
{
    hp__buffer ids = {0};
    size_t want;
    hp__window_rules rules = {.most =
                                  o->sequences ? o->sequences : DEFAULT_WINDOWS,
                              .before = t->before,
                              .after = t->after,
                              .n_before = t->n_before,
                              .n_after = t->n_after};
    size_t around = rules.n_before + rules.n_after;
    hp_status st = window_length(&rules.length, o, around, err);
    if (!st)
        st = window_overlap(&rules.overlap, o, rules.length, around, err);
    if (st)
        return st;
    rules.second = o->pairs ? rules.length - 1 : 0;
    if (!hp__mul(&want, rules.most, rules.length - around + rules.second))
        want = SIZE_MAX;
    if (o->no_special) {
        rules.length -= around;
        rules.n_before = rules.n_after = 0;
    }
    c->before = o->pairs ? 0 : rules.n_before;
    c->overlap = rules.overlap;
    st = add_texts(&ids, c, t, o, want, err);
    if (!st)
        st = cut_texts(c, o, &ids, &rules, err);
    hp__buffer_clear(&ids);
    return st;
}

/* ---- both ---- */

static size_t count_ids(const hp_sequences *s, int32_t wanted)
{
    size_t count = s->decoder ? count_ids(s->decoder, wanted) : 0;
    for (size_t i = 0; i < s->start[s->n]; i++)
        count += s->ids[i] == wanted;
    return count;
}

static hp_status fill_context(hp_calibration *c, hp_error *err)
{
    size_t *context = NULL;
    hp_status st =
        hp__arena_alloc(&context, &c->arena, c->rows.n, sizeof *context, err);
    for (size_t i = 0; i < c->rows.n && !st; i++) {
        size_t known = c->before + (i ? c->overlap : 0);
        context[i] = known ? known : 1;
    }
    c->context = context;
    return st;
}

/* What was gathered, as sequences; they count in the description. */
static hp_status fill_sequences(hp_sequences *out, hp_calibration *c,
                                const hp__token_rows *r, hp_error *err)
{
    size_t *start = NULL;
    if (r->ids.failed || r->ends.failed)
        return hp_fail(err, HP_NOMEM, "out of memory (calibration data)");
    hp_status st =
        hp__arena_alloc(&start, &c->arena, r->n + 1, sizeof *start, err);
    if (st)
        return st;
    if (r->n)
        memcpy(start + 1, r->ends.data, r->n * sizeof *start);
    *out =
        (hp_sequences){.ids = (void *)r->ids.data, .start = start, .n = r->n};
    c->info.tokens += start[r->n];
    for (size_t i = 0; i < r->n; i++)
        if (start[i + 1] - start[i] > c->info.length)
            c->info.length = start[i + 1] - start[i];
    return HP_OK;
}

static hp_status gather(hp_calibration *c, int pairs, hp_error *err)
{
    hp_status st = fill_sequences(&c->sequences, c, &c->rows, err);
    if (!st && pairs)
        st = fill_sequences(&c->decoder, c, &c->decoder_rows, err);
    if (st)
        return st;
    c->sequences.decoder = pairs ? &c->decoder : NULL;
    c->info.sequences = c->rows.n;
    if (c->unknown >= 0)
        c->info.unknown = count_ids(&c->sequences, c->unknown);
    return HP_OK;
}

static hp_status finish(hp_calibration *c, int pairs, hp_error *err)
{
    char *hex = NULL;
    hp_status st = gather(c, pairs, err);
    if (!st)
        st = hp__arena_alloc(&hex, &c->arena, 65, 1, err);
    if (!st)
        st = fill_context(c, err);
    if (st)
        return st;
    hp__sha256_hex(&c->sum, hex);
    c->info.sha256 = hex;
    return HP_OK;
}

hp_status hp_calibration_open(hp_calibration **out, const hp_tokenizer *t,
                              const hp_calibration_options *o, hp_error *err)
{
    hp_calibration *c = NULL;
    *out = NULL;
    if (!t && !o->tokens)
        return hp_fail(err, HP_INVALID, "calibration text without a tokenizer");
    if (o->tokens && o->stride)
        return hp_fail(err, HP_INVALID,
                       "a stride is of text, and lines of token ids are used "
                       "as they are");
    if (o->pairs && o->stride)
        return hp_fail(err, HP_INVALID,
                       "a stride is of windows that are read alone, not of an "
                       "encoder's and a decoder's");
    hp_status st = hp__new(&c, 1, sizeof *c, err);
    if (st)
        return st;
    hp__sha256_init(&c->sum);
    st = o->tokens ? read_tokens(c, o, err) : read_texts(c, t, o, err);
    c->unknown = o->tokens ? -1 : t->subword.unk;
    if (!st)
        st = finish(c, o->pairs, err);
    if (st) {
        hp_calibration_free(c);
        return st;
    }
    *out = c;
    return HP_OK;
}

/* ---- parts ---- */

static int is_held(size_t i, size_t n)
{
    return n < HELD_EVERY ? i == n - 1 : i % HELD_EVERY == HELD_EVERY - 1;
}

static void take_rows(hp__token_rows *out, const hp_sequences *s, int held)
{
    for (size_t i = 0; i < s->n; i++) {
        if (is_held(i, s->n) != held)
            continue;
        hp__token_rows_add(out, s->ids + s->start[i],
                           s->start[i + 1] - s->start[i]);
        hp__token_rows_end(out);
    }
}

/* What a window knows of the one before it in the text stays as it is. */
static hp_status take_context(hp_calibration *part, const hp_calibration *c,
                              int held, hp_error *err)
{
    size_t *context = NULL, n = 0;
    hp_status st = hp__arena_alloc(&context, &part->arena, part->rows.n,
                                   sizeof *context, err);
    for (size_t i = 0; i < c->rows.n && !st; i++)
        if (is_held(i, c->rows.n) == held)
            context[n++] = c->context[i];
    part->context = context;
    return st;
}

static hp_status take_part(hp_calibration **out, const hp_calibration *c,
                           int held, hp_error *err)
{
    hp_status st = hp__new(out, 1, sizeof **out, err);
    if (st)
        return st;
    hp_calibration *part = *out;
    part->unknown = c->unknown;
    take_rows(&part->rows, &c->sequences, held);
    if (c->sequences.decoder)
        take_rows(&part->decoder_rows, c->sequences.decoder, held);
    st =
        hp__arena_strdup(&part->info.source, &part->arena, c->info.source, err);
    if (!st)
        st = hp__arena_strdup(&part->info.sha256, &part->arena, c->info.sha256,
                              err);
    if (!st)
        st = gather(part, c->sequences.decoder != NULL, err);
    return st ? st : take_context(part, c, held, err);
}

hp_status hp_calibration_split(hp_calibration **rest, hp_calibration **held,
                               const hp_calibration *c, hp_error *err)
{
    *rest = *held = NULL;
    if (c->rows.n < 2)
        return hp_fail(err, HP_INVALID,
                       "one sequence cannot be both calibrated and judged on");
    hp_status st = take_part(rest, c, 0, err);
    if (!st)
        st = take_part(held, c, 1, err);
    if (st) {
        hp_calibration_free(*rest);
        hp_calibration_free(*held);
        *rest = *held = NULL;
        return st;
    }
    (*rest)->info.held_out = (*held)->rows.n;
    return HP_OK;
}

void hp_calibration_free(hp_calibration *c)
{
    if (!c)
        return;
    hp__token_rows_clear(&c->rows);
    hp__token_rows_clear(&c->decoder_rows);
    hp__arena_clear(&c->arena);
    free(c);
}

const hp_sequences *hp_calibration_sequences(const hp_calibration *c)
{
    return &c->sequences;
}

const size_t *hp_calibration_context(const hp_calibration *c)
{
    return c->context;
}

const hp_calibration_info *hp_calibration_info_get(const hp_calibration *c)
{
    return &c->info;
}
