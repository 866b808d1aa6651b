/*
 * Tokenizers from the files that came before tokenizer.json: vocab.json with
 * merges.txt (GPT-2, RoBERTa), and vocab.txt (BERT). What these files leave
 * open stands in tokenizer_config.json.
 */
#include "base/utf8.h"
#include "io/file.h"
#include "text/characters.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#define FILE_MOST ((size_t)256 << 20)

/* ---- lines ---- */

typedef struct lines {
    char *data;
    size_t len, at;
    const char *text; /* the line, without LF or CR LF */
    size_t n, number;
} lines;

static hp_status open_lines(lines *out, const char *path, hp_error *err)
{
    *out = (lines){0};
    hp_status st = hp__file_slurp(&out->data, &out->len, path, FILE_MOST, err);
    if (!st)
        st = hp__text_check(out->data, out->len, err);
    return st;
}

static int next_line(lines *l)
{
    if (l->at == l->len)
        return 0;
    const char *text = l->data + l->at;
    const char *end = memchr(text, '\n', l->len - l->at);
    l->text = text;
    l->n = end ? (size_t)(end - text) : l->len - l->at;
    l->at += l->n + (end != NULL);
    if (l->n && text[l->n - 1] == '\r')
        l->n--;
    l->number++;
    return 1;
}

static size_t count_lines(lines l)
{
    size_t n = 0;
    while (next_line(&l))
        n++;
    return n;
}

/* "line 7: " in front of what went wrong. */
static hp_status fail_line(size_t number, hp_status st, const hp_error *why,
                           hp_error *err)
{
    return hp_fail(err, st, "line %zu: %s", number, why->message);
}

/* ---- vocab.json and merges.txt ---- */

static hp_status open_vocab(hp_tokenizer *t, const char *path, uint32_t vocab,
                            hp_error *err)
{
    char *text = NULL;
    size_t len = 0;
    hp__json_part object = {.object = NULL};
    hp_status st = hp__file_slurp(&text, &len, path, FILE_MOST, err);
    if (!st)
        st = hp__json_whole(&object, text, len, err);
    if (!st)
        st = hp__tokenizer_read_vocab(t, &object, 0, vocab, err);
    free(text);
    return st ? hp_fail_file(err, st, path) : HP_OK;
}

static hp_status read_merges(hp_tokenizer *t, lines *l, hp_error *err)
{
    hp_error why = {0};
    hp__merge_text merge = {0};
    hp_status st =
        hp__bpe_init(&t->subword, &t->arena, &t->vocab, count_lines(*l), err);
    while (!st && next_line(l)) {
        if (!l->n || (l->number == 1 && l->n >= 8 &&
                      memcmp(l->text, "#version", 8) == 0))
            continue;
        st = hp__merge_parse(&merge, l->text, l->n, &why);
        if (!st)
            st = hp__bpe_add(&t->subword, &merge, 1, &why);
        if (st)
            return fail_line(l->number, st, &why, err);
        merge.rank++;
    }
    return st;
}

static hp_status open_merges(hp_tokenizer *t, const char *folder, hp_error *err)
{
    const char *path = NULL;
    lines l = {0};
    hp_status st =
        hp__arena_printf(&path, &t->arena, err, "%smerges.txt", folder);
    if (!st)
        st = open_lines(&l, path, err);
    if (!st)
        st = read_merges(t, &l, err);
    free(l.data);
    return st ? hp_fail_file(err, st, path) : HP_OK;
}

/* Tokens that these vocabularies hold and that stand for no text. */
static hp_status add_specials(hp_tokenizer *t, const char *const *names,
                              hp_error *err)
{
    hp__added_token tokens[8];
    size_t n = 0;
    for (; *names; names++) {
        size_t len = strlen(*names);
        int32_t id = hp__vocab_find(&t->vocab, *names, len);
        if (id < 0)
            continue;
        tokens[n++] = (hp__added_token){
            .text = *names,
            .len = len,
            .id = id,
            .lstrip = strcmp(*names, "<mask>") == 0,
            .special = 1,
        };
    }
    return hp__tokenizer_index_added(t, tokens, n, err);
}

/* The files do not say how text is cut into words: GPT-2's way, unless the
 * class of the tokenizer is one that has another. */
static hp_status check_class(const hp__node *config, hp_error *err)
{
    static const char *const known[] = {
        "GPT2Tokenizer",        "GPT2TokenizerFast", "RobertaTokenizer",
        "RobertaTokenizerFast", "BartTokenizer",     "BartTokenizerFast",
    };
    const char *name = NULL;
    hp_status st =
        config ? hp__node_find_string(&name, config, "tokenizer_class", err)
               : HP_OK;
    if (st || !name)
        return st;
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(name, known[i]) == 0)
            return HP_OK;
    return hp_fail(err, HP_UNSUPPORTED,
                   "tokenizer class '%.80s' is known from a tokenizer.json "
                   "only",
                   name);
}

/* RoBERTa's vocabulary has <s> and </s>, which go around a text. */
static hp_status surround_roberta(hp_tokenizer *t, hp_error *err)
{
    int32_t first = hp__vocab_find(&t->vocab, "<s>", 3);
    int32_t last = hp__vocab_find(&t->vocab, "</s>", 4);
    if (first < 0 || last < 0)
        return HP_OK;
    return hp__tokenizer_surround(t, &first, 1, &last, 1, err);
}

hp_status hp__tokenizer_read_bpe(hp_tokenizer *t, const char *folder,
                                 const hp__node *config, uint32_t vocab,
                                 hp_error *err)
{
    static const char *const specials[] = {
        "<|endoftext|>", "<s>", "</s>", "<pad>", "<unk>", "<mask>", NULL};
    const char *path = NULL;
    int prefix = 0;
    hp_status st = check_class(config, err);
    if (!st && config)
        st = hp__node_find_bool(&prefix, config, "add_prefix_space", err);
    if (!st)
        st = hp__arena_printf(&path, &t->arena, err, "%svocab.json", folder);
    if (!st)
        st = open_vocab(t, path, vocab, err);
    if (st)
        return st;
    hp__decoding_bytes(&t->decoding);
    st = open_merges(t, folder, err);
    if (!st)
        st = hp__splitters_byte_level(&t->splitters, prefix, 1, err);
    if (!st)
        st = add_specials(t, specials, err);
    return st ? st : surround_roberta(t, err);
}

/* ---- vocab.txt ---- */

static hp_status read_tokens(hp_tokenizer *t, lines *l, uint32_t vocab,
                             hp_error *err)
{
    hp_error why = {0};
    hp_status st =
        hp__vocab_init(&t->vocab, &t->arena, count_lines(*l), vocab, err);
    while (!st && next_line(l)) {
        if (!l->n) /* counts, but is no token */
            continue;
        st = hp__vocab_add(&t->vocab, &t->arena, l->text, l->n,
                           (double)(l->number - 1), &why);
        if (st)
            return fail_line(l->number, st, &why, err);
    }
    return st;
}

static hp_status get_special(int32_t *out, const hp_tokenizer *t,
                             const char *name, hp_error *err)
{
    *out = hp__vocab_find(&t->vocab, name, strlen(name));
    if (*out >= 0)
        return HP_OK;
    return hp_fail(err, HP_FORMAT, "the vocabulary lacks the token '%s'", name);
}

static hp_status read_cleaning(hp_tokenizer *t, const hp__node *config,
                               hp_error *err)
{
    hp__bert_cleaning b = {1, 1, -1, 1};
    hp_status st = HP_OK;
    if (config)
        st = hp__node_find_bool(&b.lowercase, config, "do_lower_case", err);
    if (!st && config)
        st = hp__node_find_bool(&b.strip_accents, config, "strip_accents", err);
    if (!st && config)
        st = hp__node_find_bool(&b.handle_chinese_chars, config,
                                "tokenize_chinese_chars", err);
    if (st)
        return hp_fail_file(err, st, "tokenizer_config.json");
    if (b.strip_accents < 0)
        b.strip_accents = b.lowercase;
    return hp__normalizers_bert(&t->normalizers, &b, err);
}

hp_status hp__tokenizer_read_wordpiece(hp_tokenizer *t, const char *path,
                                       const hp__node *config, uint32_t vocab,
                                       hp_error *err)
{
    static const char *const specials[] = {"[PAD]", "[UNK]",  "[CLS]",
                                           "[SEP]", "[MASK]", NULL};
    lines l = {0};
    int32_t unk = -1, cls = -1, sep = -1;
    hp_status st = open_lines(&l, path, err);
    if (!st)
        st = read_tokens(t, &l, vocab, err);
    if (!st)
        st = get_special(&unk, t, "[UNK]", err);
    if (!st)
        st = get_special(&cls, t, "[CLS]", err);
    if (!st)
        st = get_special(&sep, t, "[SEP]", err);
    free(l.data);
    if (st)
        return hp_fail_file(err, st, path);
    hp__wordpiece_init(&t->subword, &t->vocab, "##", 100, unk);
    hp__decoding_words(&t->decoding, "##", 1);
    st = read_cleaning(t, config, err);
    if (!st)
        st = hp__splitters_bert(&t->splitters, err);
    if (!st)
        st = add_specials(t, specials, err);
    return st ? st : hp__tokenizer_surround(t, &cls, 1, &sep, 1, err);
}
