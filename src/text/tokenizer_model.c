/* The "model" of a tokenizer.json: vocabulary, merges, scores. */
#include "base/utf8.h"
#include "text/tokenizer.h"

#include <math.h>
#include <string.h>

/* ---- tokens ---- */

static hp_status read_token(hp_tokenizer *t, hp__scan *s, hp__buffer *scratch,
                            hp_error *err)
{
    const char *text = NULL;
    char name[HP__SHORT];
    size_t len = 0;
    if (s->token != 'n')
        return hp_fail(err, HP_FORMAT, "token '%s': id is no number",
                       hp__scan_shorten(name, s->key));
    hp_status st = hp__scan_string(&text, &len, scratch, s->key, err);
    return st ? st
              : hp__vocab_add(&t->vocab, &t->arena, text, len,
                              hp__scan_number(s), err);
}

hp_status hp__tokenizer_read_vocab(hp_tokenizer *t, const hp__json_part *part,
                                   size_t more, uint32_t limit, hp_error *err)
{
    hp__scan s = {.text = ""};
    hp__buffer scratch = {0};
    int another = 1;
    if (part->kind != '{')
        return hp_fail(err, HP_FORMAT,
                       "vocabulary is not an object of tokens and ids");
    if (!part->count)
        return hp_fail(err, HP_FORMAT, "vocabulary is empty");
    hp_status st =
        hp__vocab_init(&t->vocab, &t->arena, part->count + more, limit, err);
    if (!st)
        st = hp__json_part_open(&s, part, err);
    while (!st) {
        st = hp__scan_member(&s, &another, err);
        if (st || !another)
            break;
        st = read_token(t, &s, &scratch, err);
    }
    hp__scan_clear(&s);
    hp__buffer_clear(&scratch);
    return st;
}

static hp_status find_unk(int32_t *out, const hp_tokenizer *t,
                          const hp__node *model, hp_error *err)
{
    const char *text = NULL;
    char name[HP__SHORT];
    *out = -1;
    hp_status st = hp__node_find_string(&text, model, "unk_token", err);
    if (st || !text)
        return st;
    *out = hp__vocab_find(&t->vocab, text, strlen(text));
    if (*out >= 0)
        return HP_OK;
    return hp_fail(err, HP_FORMAT,
                   "the unknown token '%s' is not in the vocabulary",
                   hp__shorten_text(name, text));
}

/* ---- BPE ---- */

static hp_status fail_merge(const hp__merge_text *merge, hp_error *err)
{
    return hp_fail(err, HP_FORMAT, "merge %u is not a pair of tokens",
                   (unsigned)merge->rank);
}

/* Up to HP__MERGES_MOST of them, whose texts stay where they are. */
typedef struct merges {
    hp_tokenizer *t;
    hp__scan scan;
    hp__merge_text items[HP__MERGES_MOST];
    size_t n;
    uint32_t rank;
} merges;

/* A string with escapes is not what stands in the text. */
static hp_status keep_string(const char **out, size_t *len, merges *m,
                             hp__span string, hp_error *err)
{
    hp__buffer scratch = {0};
    char *copy = NULL;
    hp_status st = hp__scan_string(out, len, &scratch, string, err);
    if (!st && *out == scratch.data) {
        st = hp__arena_copy(&copy, &m->t->arena, *out, *len, err);
        *out = copy;
    }
    hp__buffer_clear(&scratch);
    return st;
}

/* ["left", "right"] */
static hp_status read_pair(hp__merge_text *out, merges *m, hp_error *err)
{
    hp__span text[2] = {{"", 0, 0}, {"", 0, 0}};
    size_t n = 0;
    int more = 1;
    hp_status st = hp__scan_open(&m->scan, '[', err);
    while (!st) {
        st = hp__scan_element(&m->scan, &more, err);
        if (st || !more)
            break;
        if (m->scan.token != 's' || n == 2)
            return fail_merge(out, err);
        text[n++] = m->scan.span;
    }
    if (!st && n != 2)
        st = fail_merge(out, err);
    if (!st)
        st = keep_string(&out->left, &out->left_len, m, text[0], err);
    if (!st)
        st = keep_string(&out->right, &out->right_len, m, text[1], err);
    return st;
}

static hp_status read_merge(hp__merge_text *out, merges *m, hp_error *err)
{
    const char *text = NULL;
    size_t len = 0;
    if (m->scan.token == '[')
        return read_pair(out, m, err);
    if (m->scan.token != 's')
        return fail_merge(out, err);
    hp_status st = keep_string(&text, &len, m, m->scan.span, err);
    return st ? st : hp__merge_parse(out, text, len, err);
}

/* The next ones; *more 0: there are none. */
static hp_status read_some(merges *m, int *more, hp_error *err)
{
    hp_status st = HP_OK;
    for (m->n = 0; m->n < HP__MERGES_MOST && !st; m->n++) {
        hp__merge_text *merge = &m->items[m->n];
        st = hp__scan_element(&m->scan, more, err);
        if (st || !*more)
            break;
        merge->rank = m->rank++;
        st = read_merge(merge, m, err);
    }
    return st ? st : hp__bpe_add(&m->t->subword, m->items, m->n, err);
}

static hp_status read_merges(hp_tokenizer *t, const hp__json_part *list,
                             hp_error *err)
{
    merges m = {.t = t};
    int more = 1;
    if (list->kind != '[')
        return hp_fail(err, HP_FORMAT, "model BPE: 'merges' is not a list");
    hp_status st =
        hp__bpe_init(&t->subword, &t->arena, &t->vocab, list->count, err);
    if (!st)
        st = hp__json_part_open(&m.scan, list, err);
    while (!st && more)
        st = read_some(&m, &more, err);
    hp__scan_clear(&m.scan);
    return st;
}

/* What would give other ids and is not there. */
static hp_status check_bpe(const hp__node *model, hp_error *err)
{
    static const char *const keys[] = {"continuing_subword_prefix",
                                       "end_of_word_suffix"};
    double dropout = 0;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *text = "";
        hp_status st = hp__node_find_string(&text, model, keys[i], err);
        if (st)
            return st;
        if (*text)
            return hp_fail(err, HP_UNSUPPORTED,
                           "model BPE with %s '%.40s' is not supported",
                           keys[i], text);
    }
    hp_status st = hp__node_find_double(&dropout, model, "dropout", err);
    if (!st && dropout > 0)
        st = hp_fail(err, HP_UNSUPPORTED,
                     "model BPE with dropout %g is not supported", dropout);
    return st;
}

static hp_status read_bpe(hp_tokenizer *t, const hp__node *model,
                          const hp__tokenizer_parts *parts, hp_error *err)
{
    hp_status st = check_bpe(model, err);
    if (!st)
        st = read_merges(t, &parts->items[1], err);
    hp__subword *m = &t->subword;
    if (!st)
        st = find_unk(&m->unk, t, model, err);
    if (!st)
        st = hp__node_find_bool(&m->fuse_unk, model, "fuse_unk", err);
    if (!st)
        st = hp__node_find_bool(&m->ignore_merges, model, "ignore_merges", err);
    if (!st)
        st = hp__node_find_bool(&m->byte_fallback, model, "byte_fallback", err);
    return st;
}

/* ---- words ---- */

static hp_status read_wordpiece(hp_tokenizer *t, const hp__node *model,
                                const hp__tokenizer_parts *parts, hp_error *err)
{
    (void)parts;
    const char *prefix = "##";
    uint32_t most = 100;
    int32_t unk = -1;
    hp_status st =
        hp__node_find_string(&prefix, model, "continuing_subword_prefix", err);
    if (!st)
        st = hp__node_find_u32(&most, model, "max_input_chars_per_word", err);
    if (!st)
        st = find_unk(&unk, t, model, err);
    if (!st && unk < 0)
        st = hp_fail(err, HP_FORMAT, "model WordPiece: no 'unk_token'");
    if (!st)
        st = hp__arena_strdup(&prefix, &t->arena, prefix, err);
    if (!st)
        hp__wordpiece_init(&t->subword, &t->vocab, prefix, most, unk);
    return st;
}

static hp_status read_wordlevel(hp_tokenizer *t, const hp__node *model,
                                const hp__tokenizer_parts *parts, hp_error *err)
{
    (void)parts;
    int32_t unk = -1;
    hp_status st = find_unk(&unk, t, model, err);
    if (!st)
        hp__wordlevel_init(&t->subword, &t->vocab, unk);
    return st;
}

/* ---- Unigram ---- */

/* ["token", score], whose id is its place. */
static hp_status read_scored(hp_tokenizer *t, double *scores, hp__scan *s,
                             hp__buffer *scratch, hp_error *err)
{
    const char *text = NULL;
    size_t len = 0, id = t->vocab.n;
    int more = 1;
    if (s->token != '[')
        goto bad;
    hp_status st = hp__scan_open(s, '[', err);
    if (!st)
        st = hp__scan_element(s, &more, err);
    if (!st && (!more || s->token != 's'))
        goto bad;
    if (!st)
        st = hp__scan_string(&text, &len, scratch, s->span, err);
    if (!st)
        st = hp__vocab_add(&t->vocab, &t->arena, text, len, (double)id, err);
    if (!st)
        st = hp__scan_element(s, &more, err);
    if (st)
        return st;
    if (!more || s->token != 'n')
        goto bad;
    scores[id] = hp__scan_number(s);
    st = hp__scan_element(s, &more, err);
    if (st || (!more && isfinite(scores[id])))
        return st;
bad:
    return hp_fail(err, HP_FORMAT,
                   "model Unigram: element %zu of 'vocab' is not a token with "
                   "its score",
                   id);
}

static hp_status read_scores(double **scores, hp_tokenizer *t,
                             const hp__json_part *list, size_t more,
                             hp_error *err)
{
    hp__scan s = {.text = ""};
    hp__buffer scratch = {0};
    int another = 1;
    if (list->kind != '[' || !list->count)
        return hp_fail(err, HP_FORMAT,
                       "model Unigram: 'vocab' is not a list of tokens");
    hp_status st = hp__vocab_init(&t->vocab, &t->arena, list->count + more,
                                  t->vocab.limit, err);
    if (!st)
        st = hp__arena_alloc(scores, &t->arena, list->count, sizeof **scores,
                             err);
    if (!st)
        st = hp__json_part_open(&s, list, err);
    while (!st) {
        st = hp__scan_element(&s, &another, err);
        if (st || !another)
            break;
        st = read_scored(t, *scores, &s, &scratch, err);
    }
    hp__scan_clear(&s);
    hp__buffer_clear(&scratch);
    return st;
}

static hp_status read_unigram(hp_tokenizer *t, const hp__node *model,
                              const hp__tokenizer_parts *parts, size_t n_added,
                              hp_error *err)
{
    double *scores = NULL;
    uint32_t unk = UINT32_MAX;
    hp_status st = read_scores(&scores, t, &parts->items[0], n_added, err);
    if (!st)
        st = hp__node_find_u32(&unk, model, "unk_id", err);
    if (!st && unk != UINT32_MAX && unk >= t->vocab.n)
        st = hp_fail(err, HP_FORMAT,
                     "model Unigram: unk_id %u, but there are %zu tokens",
                     (unsigned)unk, t->vocab.n);
    if (!st)
        st = hp__unigram_init(&t->subword, &t->arena, &t->vocab, scores,
                              unk == UINT32_MAX ? -1 : (int32_t)unk, err);
    if (!st)
        st = hp__node_find_bool(&t->subword.byte_fallback, model,
                                "byte_fallback", err);
    return st;
}

/* ---- kinds ---- */

static const struct {
    const char *type;
    const char *mark; /* the key that tells it where "type" is absent */
    hp_status (*read)(hp_tokenizer *t, const hp__node *model,
                      const hp__tokenizer_parts *parts, hp_error *err);
} kinds[] = {
    {"BPE", "merges", read_bpe},
    {"WordPiece", "max_input_chars_per_word", read_wordpiece},
    {"Unigram", "unk_id", NULL},
    {"WordLevel", "unk_token", read_wordlevel},
};

hp_status hp__tokenizer_read_model(hp_tokenizer *t, const hp__node *model,
                                   const hp__tokenizer_parts *parts,
                                   size_t n_added, hp_error *err)
{
    const char *type = NULL;
    hp_status st = hp__node_find_string(&type, model, "type", err);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !st; i++) {
        if (type ? strcmp(type, kinds[i].type) != 0
                 : !hp__node_find(model, kinds[i].mark))
            continue;
        if (!kinds[i].read)
            return read_unigram(t, model, parts, n_added, err);
        st = hp__tokenizer_read_vocab(t, &parts->items[0], n_added,
                                      t->vocab.limit, err);
        return st ? st : kinds[i].read(t, model, parts, err);
    }
    if (!st && type)
        st = hp_fail(err, HP_UNSUPPORTED,
                     "tokenizer model '%s' is not supported", type);
    return st ? st
              : hp_fail(err, HP_FORMAT,
                        "tokenizer model is of no type that can be told");
}
