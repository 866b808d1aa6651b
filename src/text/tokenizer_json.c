/* A tokenizer from tokenizer.json, component by component. */
#include "base/utf8.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

/* ---- tokens ---- */

hp_status hp__tokenizer_read_vocab(hp_tokenizer *t, const hp__node *object,
                                   size_t more, uint32_t limit, hp_error *err)
{
    if (!object || hp__node_kind(object) != HP__OBJECT)
        return hp_fail(err, HP_FORMAT,
                       "vocabulary is not an object of tokens and ids");
    size_t n = hp__node_count(object);
    if (!n)
        return hp_fail(err, HP_FORMAT, "vocabulary is empty");
    hp_status st = hp__vocab_init(&t->vocab, &t->arena, n + more, limit, err);
    for (const hp__node *c = hp__node_first(object); c && !st;
         c = hp__node_next(c)) {
        const char *text = hp__node_key(c);
        char name[HP__SHORT];
        if (hp__node_kind(c) != HP__NUMBER)
            return hp_fail(err, HP_FORMAT, "token '%s': id is no number",
                           hp__shorten_text(name, text));
        st = hp__vocab_add(&t->vocab, &t->arena, text, strlen(text),
                           hp__node_number(c), err);
    }
    return st;
}

static hp_status read_added_token(hp__added_token *out, double *id,
                                  const hp__node *node, hp_error *err)
{
    const char *text = NULL;
    hp_status st = hp__node_get_string(&text, node, "content", err);
    if (!st)
        st = hp__node_get_double(id, node, "id", err);
    if (!st)
        st = hp__node_find_bool(&out->single_word, node, "single_word", err);
    if (!st)
        st = hp__node_find_bool(&out->lstrip, node, "lstrip", err);
    if (!st)
        st = hp__node_find_bool(&out->rstrip, node, "rstrip", err);
    if (!st)
        st = hp__node_find_bool(&out->normalized, node, "normalized", err);
    if (!st)
        st = hp__node_find_bool(&out->special, node, "special", err);
    if (st)
        return st;
    out->text = text;
    out->len = strlen(text);
    return HP_OK;
}

static hp_status read_added(hp_tokenizer *t, const hp__node *list, size_t n,
                            hp_error *err)
{
    hp__added_token *tokens = NULL;
    size_t kept = 0;
    hp_status st = hp__new(&tokens, n, sizeof *tokens, err);
    const hp__node *c = n ? hp__node_first(list) : NULL;
    for (; c && !st; c = hp__node_next(c)) {
        double id = -1;
        hp__added_token token = {0};
        st = read_added_token(&token, &id, c, err);
        if (!st)
            st = hp__vocab_claim(&t->vocab, &t->arena, token.text, token.len,
                                 id, err);
        if (st || !token.len)
            continue;
        token.id = (int32_t)id;
        tokens[kept++] = token;
    }
    if (!st)
        st = hp__tokenizer_index_added(t, tokens, kept, err);
    free(tokens);
    return st;
}

/* Where a cut in front of a space could come between a token's two halves, or
 * between a token and the white space it takes. */
static int crosses_space(const hp__added_token *t)
{
    return t->lstrip || t->rstrip || memchr(t->text, ' ', t->len) != NULL;
}

static hp_status normalized_text(hp__added_token *token, const hp_tokenizer *t,
                                 hp__buffer *a, hp_error *err)
{
    hp__buffer spare = {0};
    hp_status st = HP_OK;
    if (t->normalizers.n) {
        st = hp__normalizers_run(&t->normalizers, a, &spare, token->text,
                                 token->len, err);
        token->text = a->data;
        token->len = a->len;
    }
    hp__buffer_clear(&spare);
    return st;
}

static hp_status place_added(hp__added_token **next, hp_tokenizer *t,
                             hp__added_token token, hp_error *err)
{
    hp__buffer b = {0};
    char *copy = NULL;
    hp_status st = HP_OK;
    if (token.normalized)
        st = normalized_text(&token, t, &b, err);
    if (!st && token.len) {
        st = hp__arena_copy(&copy, &t->arena, token.text, token.len, err);
        token.text = copy;
        if (!st) {
            *(*next)++ = token;
            t->splitters.whole |= token.normalized && crosses_space(&token);
        }
    }
    hp__buffer_clear(&b);
    return st;
}

static int is_mask(const hp__added_token *t)
{
    static const char *const names[] = {"[MASK]", "<mask>"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (t->len == strlen(names[i]) && !memcmp(t->text, names[i], t->len))
            return 1;
    return 0;
}

static hp_status note_special(hp_tokenizer *t, const hp__added_token *tokens,
                              size_t n, hp_error *err)
{
    int32_t *ids = NULL;
    hp_status st = hp__arena_alloc(&ids, &t->arena, n, sizeof *ids, err);
    t->special = (hp_special){.ids = ids, .mask = -1};
    for (size_t i = 0; i < n && !st; i++) {
        if (tokens[i].special)
            ids[t->special.n++] = tokens[i].id;
        if (is_mask(&tokens[i]))
            t->special.mask = tokens[i].id;
    }
    return st;
}

hp_status hp__tokenizer_index_added(hp_tokenizer *t,
                                    const hp__added_token *tokens, size_t n,
                                    hp_error *err)
{
    hp__added_token *raw = NULL, *normal = NULL;
    hp_status st = hp__arena_alloc(&raw, &t->arena, n, sizeof *raw, err);
    if (!st)
        st = hp__arena_alloc(&normal, &t->arena, n, sizeof *normal, err);
    hp__added_token *raw_end = raw, *normal_end = normal;
    for (size_t i = 0; i < n && !st; i++)
        st = place_added(tokens[i].normalized ? &normal_end : &raw_end, t,
                         tokens[i], err);
    if (st)
        return st;
    hp__added_index(&t->raw, raw, (size_t)(raw_end - raw));
    hp__added_index(&t->normal, normal, (size_t)(normal_end - normal));
    return note_special(t, tokens, n, err);
}

/* ---- models ---- */

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

static hp_status read_merge(hp__merge_text *out, const hp__node *node,
                            hp_error *err)
{
    const char *text = hp__node_string(node);
    if (text)
        return hp__merge_parse(out, text, strlen(text), err);
    const hp__node *left = NULL;
    if (hp__node_kind(node) == HP__ARRAY && hp__node_count(node) == 2)
        left = hp__node_first(node);
    const hp__node *right = left ? hp__node_next(left) : NULL;
    if (!left || !hp__node_string(left) || !hp__node_string(right))
        return hp_fail(err, HP_FORMAT, "merge %u is not a pair of tokens",
                       (unsigned)out->rank);
    out->left = hp__node_string(left);
    out->left_len = strlen(out->left);
    out->right = hp__node_string(right);
    out->right_len = strlen(out->right);
    return HP_OK;
}

static hp_status read_merges(hp_tokenizer *t, const hp__node *list,
                             hp_error *err)
{
    if (!list || hp__node_kind(list) != HP__ARRAY)
        return hp_fail(err, HP_FORMAT, "model BPE: 'merges' is not a list");
    hp__merge_text merge = {0};
    hp_status st = hp__bpe_init(&t->subword, &t->arena, &t->vocab,
                                hp__node_count(list), err);
    for (const hp__node *c = hp__node_first(list); c && !st;
         c = hp__node_next(c), merge.rank++) {
        st = read_merge(&merge, c, err);
        if (!st)
            st = hp__bpe_add(&t->subword, &merge, err);
    }
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

static hp_status read_bpe(hp_tokenizer *t, const hp__node *model, hp_error *err)
{
    hp_status st = check_bpe(model, err);
    if (!st)
        st = read_merges(t, hp__node_find(model, "merges"), err);
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

static hp_status read_wordpiece(hp_tokenizer *t, const hp__node *model,
                                hp_error *err)
{
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

static const struct {
    const char *type;
    const char *mark; /* the key that tells it where "type" is absent */
    hp_status (*read)(hp_tokenizer *t, const hp__node *model, hp_error *err);
} kinds[] = {
    {"BPE", "merges", read_bpe},
    {"WordPiece", "max_input_chars_per_word", read_wordpiece},
};

static hp_status read_model(hp_tokenizer *t, const hp__node *model,
                            size_t n_added, hp_error *err)
{
    const char *type = NULL;
    hp_status st = hp__node_find_string(&type, model, "type", err);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && !st; i++) {
        if (type ? strcmp(type, kinds[i].type) != 0
                 : !hp__node_find(model, kinds[i].mark))
            continue;
        st = hp__tokenizer_read_vocab(t, hp__node_find(model, "vocab"), n_added,
                                      t->vocab.limit, err);
        return st ? st : kinds[i].read(t, model, err);
    }
    if (!st && type)
        st = hp_fail(err, HP_UNSUPPORTED,
                     "tokenizer model '%s' is not supported", type);
    return st ? st
              : hp_fail(err, HP_FORMAT,
                        "tokenizer model is of no type that can be told");
}

hp_status hp__tokenizer_read_json(hp_tokenizer *t, const hp__node *root,
                                  uint32_t vocab, hp_error *err)
{
    const hp__node *model = hp__node_find(root, "model");
    const hp__node *added = hp__node_find(root, "added_tokens");
    if (!model || hp__node_kind(model) != HP__OBJECT)
        return hp_fail(err, HP_FORMAT, "key 'model' is missing");
    if (added && hp__node_kind(added) == HP__NULL)
        added = NULL;
    if (added && hp__node_kind(added) != HP__ARRAY)
        return hp_fail(err, HP_FORMAT, "key 'added_tokens' is not a list");
    size_t n = added ? hp__node_count(added) : 0;
    t->vocab.limit = vocab;
    hp_status st = read_model(t, model, n, err);
    if (!st)
        st = hp__normalizers_read(&t->normalizers,
                                  hp__node_find(root, "normalizer"), err);
    if (!st)
        st = hp__splitters_read(&t->splitters,
                                hp__node_find(root, "pre_tokenizer"), err);
    if (!st)
        st = read_added(t, added, n, err);
    if (!st)
        st = hp__tokenizer_read_post(t, hp__node_find(root, "post_processor"),
                                     err);
    if (!st)
        st = hp__decoding_read(&t->decoding, &t->arena,
                               hp__node_find(root, "decoder"), err);
    return st;
}
