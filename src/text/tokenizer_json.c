/* A tokenizer from tokenizer.json, component by component. */
#include "base/utf8.h"
#include "text/characters.h"
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

/* ---- added tokens ---- */

hp_status hp__added_token_read(hp__added_token *out, const hp__node *node,
                               hp_error *err)
{
    const char *text = NULL;
    hp_status st = hp__node_get_string(&text, node, "content", err);
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

/* Tokens that the vocabulary lacks get the ids that follow those there are: an
 * id past them was given in another vocabulary. */
static hp_status check_follows(const hp_tokenizer *t,
                               const hp__added_token *last, hp_error *err)
{
    if (last->id < 0 || (size_t)last->id < t->vocab.n)
        return HP_OK;
    return hp_fail(err, HP_FORMAT,
                   "added token '%s' has id %d, but there are %zu tokens: this "
                   "is not its vocabulary",
                   last->text, (int)last->id, t->vocab.n);
}

static hp_status read_added(hp_tokenizer *t, const hp__node *list, size_t n,
                            hp_error *err)
{
    hp__added_token *tokens = NULL, last = {.id = -1};
    size_t kept = 0;
    hp_status st = hp__new(&tokens, n, sizeof *tokens, err);
    const hp__node *c = n ? hp__node_first(list) : NULL;
    for (; c && !st; c = hp__node_next(c)) {
        double id = -1;
        hp__added_token token = {0};
        st = hp__added_token_read(&token, c, err);
        if (!st)
            st = hp__node_get_double(&id, c, "id", err);
        int known =
            !st && hp__vocab_find(&t->vocab, token.text, token.len) >= 0;
        if (!st)
            st = hp__vocab_claim(&t->vocab, &t->arena, token.text, token.len,
                                 id, err);
        if (st || !token.len)
            continue;
        token.id = (int32_t)id;
        if (!known && token.id > last.id)
            last = token;
        tokens[kept++] = token;
    }
    if (!st)
        st = check_follows(t, &last, err);
    if (!st)
        st = hp__tokenizer_index_added(t, tokens, kept, err);
    free(tokens);
    return st;
}

/* Where a cut in front of a space could come between a token's two halves, or
 * between a token and the white space it takes. */
static int crosses_space(const hp__added_token *t)
{
    return t->lstrip || t->rstrip || memchr(t->text, ' ', t->len) ||
           strstr(t->text + 1, HP__WORD_MARK);
}

static hp_status normalized_text(hp__added_token *token, const hp_tokenizer *t,
                                 hp__buffer *a, hp_error *err)
{
    hp__buffer spare = {0};
    hp__piece piece = {.text = token->text, .len = token->len};
    hp_status st = HP_OK;
    if (t->normalizers.n) {
        st = hp__normalizers_run(&t->normalizers, a, &spare, &piece, err);
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

/* ---- the whole ---- */

static hp_status read_parts(hp_tokenizer *t, const hp__node *root,
                            const hp__tokenizer_parts *parts, hp_error *err)
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
    hp_status st = hp__tokenizer_read_model(t, model, parts, n, err);
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

hp_status hp__tokenizer_read_json(hp_tokenizer *t, const char *text, size_t len,
                                  uint32_t vocab, hp_error *err)
{
    hp__json *json = NULL;
    hp__tokenizer_parts parts = {{{.object = "model", .key = "vocab"},
                                  {.object = "model", .key = "merges"}}};
    t->vocab.limit = vocab;
    hp_status st = hp__json_parse_parts(&json, parts.items, 2, text, len, err);
    if (!st)
        st = read_parts(t, hp__json_root(json), &parts, err);
    hp__json_free(json);
    return st;
}
