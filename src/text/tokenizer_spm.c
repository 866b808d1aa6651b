/*
 * A tokenizer from a SentencePiece model, made of the components that
 * transformers (convert_slow_tokenizer.py, 4.57) converts it to. What the model
 * leaves open stands in tokenizer_config.json.
 */
#include "base/utf8.h"
#include "text/characters.h"
#include "text/spm.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct maker maker;

typedef struct family {
    const char *class;
    const char *first_piece; /* tells it by the model; NULL: the class alone */
    uint32_t extra_ids;
    int fairseq; /* <s> <pad> </s> <unk> come first, <mask> last */
    hp_status (*make)(maker *k, hp_error *err);
} family;

struct maker {
    hp_tokenizer *t;
    hp__spm model;
    const hp__node *config; /* or NULL */
    const family *family;
    int prefix;         /* a mark goes in front of a text */
    int legacy;         /* and of what follows a special token */
    uint32_t extra_ids; /* <extra_id_N> behind the pieces */
    hp__buffer added;   /* hp__added_token */
};

/* ---- vocabulary ---- */

/* "<extra_id_99>" has the first of the ids, "<extra_id_0>" the last. */
static size_t extra_name(char out[24], const maker *k, uint32_t i)
{
    int n =
        snprintf(out, 24, "<extra_id_%u>", (unsigned)(k->extra_ids - 1 - i));
    return (size_t)n;
}

static hp_status add_pieces(maker *k, uint32_t limit, hp_error *err)
{
    const hp__spm *m = &k->model;
    hp_tokenizer *t = k->t;
    const hp__node *more =
        k->config ? hp__node_find(k->config, "added_tokens_decoder") : NULL;
    size_t n_more = more ? hp__node_count(more) : 0;
    hp_status st = hp__vocab_init(&t->vocab, &t->arena,
                                  m->n + k->extra_ids + n_more, limit, err);
    for (size_t i = 0; i < m->n && !st; i++)
        st = hp__vocab_add(&t->vocab, &t->arena, m->pieces[i].text,
                           m->pieces[i].len, (double)i, err);
    return st;
}

static hp_status add_extra(maker *k, hp_error *err)
{
    hp_status st = HP_OK;
    for (uint32_t i = 0; i < k->extra_ids && !st; i++) {
        char name[24];
        size_t len = extra_name(name, k, i);
        st = hp__vocab_add(&k->t->vocab, &k->t->arena, name, len,
                           (double)(k->model.n + i), err);
    }
    return st;
}

/* ---- models ---- */

static hp_status make_unigram(maker *k, hp_error *err)
{
    double *scores = NULL;
    hp_tokenizer *t = k->t;
    hp_status st = add_extra(k, err);
    if (!st)
        st = hp__arena_alloc(&scores, &t->arena, t->vocab.n, sizeof *scores,
                             err);
    for (size_t i = 0; i < k->model.n && !st; i++)
        scores[i] = (double)k->model.pieces[i].score;
    return st ? st
              : hp__unigram_init(&t->subword, &t->arena, &t->vocab, scores,
                                 k->model.unk, err);
}

static hp_status make_bpe(maker *k, hp_error *err)
{
    hp_tokenizer *t = k->t;
    hp_status st =
        hp__spm_merges(&t->subword, &t->arena, &t->vocab, &k->model, err);
    t->subword.unk = k->model.unk;
    t->subword.fuse_unk = 1;
    return st ? st : add_extra(k, err);
}

/* ---- what goes around ---- */

/* A token of the configuration: "<s>", or an object with "content". */
static hp_status find_name(const char **out, const maker *k, const char *key,
                           hp_error *err)
{
    const hp__node *node = k->config ? hp__node_find(k->config, key) : NULL;
    if (node && hp__node_kind(node) == HP__OBJECT)
        return hp__node_find_string(out, node, "content", err);
    return k->config ? hp__node_find_string(out, k->config, key, err) : HP_OK;
}

static hp_status find_token(int32_t *out, const maker *k, const char *key,
                            const char *name, hp_error *err)
{
    hp_status st = find_name(&name, k, key, err);
    if (st)
        return st;
    *out = hp__vocab_find(&k->t->vocab, name, strlen(name));
    char shown[HP__SHORT];
    return *out >= 0 ? HP_OK
                     : hp_fail(err, HP_FORMAT, "%s '%s' is no piece", key,
                               hp__shorten_text(shown, name));
}

static hp_status surround_ends(maker *k, hp_error *err)
{
    int bos = 1, eos = 0;
    int32_t first = -1, last = -1;
    hp_status st = HP_OK;
    if (k->config)
        st = hp__node_find_bool(&bos, k->config, "add_bos_token", err);
    if (!st && k->config)
        st = hp__node_find_bool(&eos, k->config, "add_eos_token", err);
    if (!st && bos)
        st = find_token(&first, k, "bos_token", "<s>", err);
    if (!st && eos)
        st = find_token(&last, k, "eos_token", "</s>", err);
    return st ? st
              : hp__tokenizer_surround(k->t, &first, (size_t)(bos != 0), &last,
                                       (size_t)(eos != 0), err);
}

static hp_status make_fallback(maker *k, hp_error *err)
{
    hp_tokenizer *t = k->t;
    hp__prepending first = k->prefix ? HP__PREPEND_FIRST : HP__PREPEND_NEVER;
    hp_status st = HP_OK;
    t->subword.byte_fallback = 1;
    hp__decoding_fallback(&t->decoding, k->prefix);
    if (k->legacy && k->prefix)
        st = hp__normalizers_prepend(&t->normalizers, HP__WORD_MARK, err);
    if (!st && k->legacy)
        st = hp__normalizers_replace(&t->normalizers, " ", HP__WORD_MARK, err);
    if (!st && !k->legacy)
        st = hp__splitters_metaspace(&t->splitters, HP__WORD_MARK, first, 0,
                                     err);
    return st ? st : surround_ends(k, err);
}

static hp_status make_metaspace(maker *k, hp_error *err)
{
    hp_tokenizer *t = k->t;
    int32_t first = -1, last = -1;
    hp__prepending scheme = !k->prefix  ? HP__PREPEND_NEVER
                            : k->legacy ? HP__PREPEND_ALWAYS
                                        : HP__PREPEND_FIRST;
    hp_status st = HP_OK;
    hp__decoding_metaspace(&t->decoding, !k->prefix);
    if (k->model.charsmap_len)
        st = hp__normalizers_charsmap(&t->normalizers, k->model.charsmap,
                                      k->model.charsmap_len, err);
    if (!st)
        st = hp__normalizers_strip(&t->normalizers, 0, 1, err);
    if (!st)
        st = hp__normalizers_replace_regex(&t->normalizers, " {2,}",
                                           HP__WORD_MARK, err);
    if (!st)
        st = hp__splitters_metaspace(&t->splitters, HP__WORD_MARK, scheme, 1,
                                     err);
    if (!st)
        st = find_token(&last, k, "eos_token", "</s>", err);
    if (!st && k->family->fairseq)
        st = find_token(&first, k, "bos_token", "<s>", err);
    return st ? st
              : hp__tokenizer_surround(t, &first, (size_t)k->family->fairseq,
                                       &last, 1, err);
}

/* ---- added tokens ---- */

static void add_token(maker *k, hp__added_token token)
{
    const hp__added_token *there = (const void *)k->added.data;
    for (size_t i = 0; i < k->added.len / sizeof *there; i++)
        if (there[i].id == token.id)
            return; /* the first counts */
    hp__buffer_add(&k->added, &token, sizeof token);
}

static void add_piece_tokens(maker *k)
{
    for (size_t i = 0; i < k->t->vocab.n; i++) {
        const hp__token *token = &k->t->vocab.tokens[i];
        int extra = i >= k->model.n;
        int type = extra ? HP__SPM_CONTROL : k->model.pieces[i].type;
        int special = type != HP__SPM_USER_DEFINED;
        int mask = k->family->fairseq && i + 1 == k->model.n;
        if (type >= HP__SPM_UNKNOWN && type <= HP__SPM_USER_DEFINED)
            add_token(k, (hp__added_token){.text = token->text,
                                           .len = token->len,
                                           .id = token->id,
                                           .lstrip = mask,
                                           .special = special});
    }
}

/* {"32000": {"content": ...}, ...} */
static hp_status add_config_tokens(maker *k, hp_error *err)
{
    const hp__node *list =
        k->config ? hp__node_find(k->config, "added_tokens_decoder") : NULL;
    hp_status st = HP_OK;
    if (!list || hp__node_kind(list) != HP__OBJECT)
        return HP_OK;
    for (const hp__node *c = hp__node_first(list); c && !st;
         c = hp__node_next(c)) {
        hp__added_token token = {.id = -1};
        char *end = NULL;
        double id = strtod(hp__node_key(c), &end);
        if (*end || end == hp__node_key(c))
            return hp_fail(err, HP_FORMAT,
                           "added_tokens_decoder: '%.40s' is no id",
                           hp__node_key(c));
        st = hp__added_token_read(&token, c, err);
        if (!st)
            st = hp__vocab_claim(&k->t->vocab, &k->t->arena, token.text,
                                 token.len, id, err);
        token.id = (int32_t)id;
        if (!st && token.len)
            add_token(k, token);
    }
    return st ? hp_fail_file(err, st, "tokenizer_config.json") : HP_OK;
}

static hp_status index_added(maker *k, hp_error *err)
{
    add_piece_tokens(k);
    hp_status st = add_config_tokens(k, err);
    if (!st && k->added.failed)
        st = hp_fail(err, HP_NOMEM, "out of memory (added tokens)");
    return st ? st
              : hp__tokenizer_index_added(
                    k->t, (void *)k->added.data,
                    k->added.len / sizeof(hp__added_token), err);
}

/* ---- families ---- */

static const family families[] = {
    {"LlamaTokenizer", "<unk>", 0, 0, make_fallback},
    {"T5Tokenizer", "<pad>", 100, 0, make_metaspace},
    {"XLMRobertaTokenizer", NULL, 0, 1, make_metaspace},
};

/* "LlamaTokenizerFast" is the same. */
static int is_class(const char *name, const char *class)
{
    size_t n = strlen(class);
    return strncmp(name, class, n) == 0 &&
           (!name[n] || strcmp(name + n, "Fast") == 0);
}

/* Without a class: BPE that begins with <unk> is LLaMA's, Unigram that begins
 * with <pad> is T5's. */
static int is_like(const hp__spm *m, const family *f)
{
    const hp__spm_piece *p = &m->pieces[0];
    hp__spm_kind kind =
        f->make == make_fallback ? HP__SPM_BPE : HP__SPM_UNIGRAM;
    return f->first_piece && m->kind == kind &&
           p->len == strlen(f->first_piece) &&
           memcmp(p->text, f->first_piece, p->len) == 0;
}

static hp_status find_family(maker *k, hp_error *err)
{
    const char *class = NULL;
    hp_status st = HP_OK;
    if (k->config)
        st = hp__node_find_string(&class, k->config, "tokenizer_class", err);
    for (size_t i = 0; i < sizeof families / sizeof families[0] && !st; i++)
        if (class ? is_class(class, families[i].class)
                  : is_like(&k->model, &families[i])) {
            k->family = &families[i];
            return HP_OK;
        }
    if (st || class)
        return st ? st
                  : hp_fail(err, HP_UNSUPPORTED,
                            "tokenizer class '%.80s' is known from a "
                            "tokenizer.json only",
                            class);
    return hp_fail(err, HP_UNSUPPORTED,
                   "whose tokenizer it is cannot be told: no tokenizer_class "
                   "in a tokenizer_config.json, and the pieces are neither "
                   "those of LLaMA nor of T5");
}

/* fairseq numbers the pieces anew. */
static hp_status reorder(maker *k, hp_error *err)
{
    static const hp__spm_piece first[] = {
        {"<s>", 3, 0, HP__SPM_CONTROL},
        {"<pad>", 5, 0, HP__SPM_CONTROL},
        {"</s>", 4, 0, HP__SPM_CONTROL},
        {"<unk>", 5, 0, HP__SPM_UNKNOWN},
    };
    static const hp__spm_piece last = {"<mask>", 6, 0, HP__SPM_CONTROL};
    hp__spm *m = &k->model;
    hp__spm_piece *pieces = NULL;
    size_t n = m->n < 3 ? 0 : m->n - 3, n_first = sizeof first / sizeof *first;
    hp_status st = hp__arena_alloc(&pieces, &k->t->arena, n + n_first + 1,
                                   sizeof *pieces, err);
    if (st)
        return st;
    memcpy(pieces, first, sizeof first);
    if (n)
        memcpy(pieces + n_first, m->pieces + 3, n * sizeof *pieces);
    pieces[n_first + n] = last;
    m->pieces = pieces;
    m->n = n_first + n + 1;
    m->unk = 3;
    return HP_OK;
}

static hp_status read_config(maker *k, hp_error *err)
{
    hp_status st = find_family(k, err);
    if (st)
        return st;
    k->prefix = k->legacy = 1;
    k->extra_ids = k->family->extra_ids;
    if (!k->config)
        return HP_OK;
    st = hp__node_find_bool(&k->prefix, k->config, "add_prefix_space", err);
    if (!st)
        st = hp__node_find_bool(&k->legacy, k->config, "legacy", err);
    if (!st && k->extra_ids)
        st = hp__node_find_u32(&k->extra_ids, k->config, "extra_ids", err);
    if (!st && k->extra_ids > 100000)
        st = hp_fail(err, HP_FORMAT, "extra_ids %u are too many",
                     (unsigned)k->extra_ids);
    return st ? hp_fail_file(err, st, "tokenizer_config.json") : HP_OK;
}

static hp_status make(maker *k, uint32_t vocab, hp_error *err)
{
    hp_status st = read_config(k, err);
    if (!st && k->family->fairseq)
        st = reorder(k, err);
    if (!st)
        st = add_pieces(k, vocab, err);
    if (!st)
        st = k->model.kind == HP__SPM_BPE ? make_bpe(k, err)
                                          : make_unigram(k, err);
    if (!st)
        st = k->family->make(k, err);
    return st ? st : index_added(k, err);
}

hp_status hp__tokenizer_read_spm(hp_tokenizer *t, const char *bytes, size_t len,
                                 const hp__node *config, uint32_t vocab,
                                 hp_error *err)
{
    maker k = {.t = t, .config = config};
    hp_status st = hp__spm_read(&k.model, &t->arena, bytes, len, err);
    if (!st)
        st = make(&k, vocab, err);
    hp__buffer_clear(&k.added);
    return st;
}
