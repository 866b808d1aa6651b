/* One token for people to look at: no decoding of a text, which knows more
 * (spaces between words, continuing pieces). */
#include "text/characters.h"
#include "text/tokenizer.h"

#include <string.h>

static int is_added(const hp__added *a, int32_t id)
{
    for (size_t i = 0; i < a->n; i++)
        if (a->tokens[i].id == id)
            return 1;
    return 0;
}

/* Characters that stand for bytes; others stay as they are. */
static void add_bytes(hp__buffer *out, const hp__token *token)
{
    for (size_t at = 0; at < token->len;) {
        size_t from = at;
        int byte = hp__byte_of_character(hp__utf8_next(token->text, &at));
        char c = (char)byte;
        if (byte < 0)
            hp__buffer_add(out, token->text + from, at - from);
        else
            hp__buffer_add(out, &c, 1);
    }
}

/* Marks as the spaces they stand for, and a byte as it is. */
static void add_text(hp__buffer *out, const hp__decoding *how,
                     const hp__token *token)
{
    size_t n = how->mark ? strlen(how->mark) : 0;
    int byte =
        how->byte_fallback ? hp__byte_token(token->text, token->len) : -1;
    char c = (char)byte;
    if (byte >= 0) {
        hp__buffer_add(out, &c, 1);
        return;
    }
    for (size_t at = 0; at < token->len;) {
        int mark = n && token->len - at >= n &&
                   memcmp(token->text + at, how->mark, n) == 0;
        hp__buffer_add(out, mark ? " " : token->text + at, 1);
        at += mark ? n : 1;
    }
}

hp_status hp_tokenizer_token(char **out, const hp_tokenizer *t, int32_t id,
                             hp_error *err)
{
    hp__buffer b = {0};
    const hp__token *token = hp__vocab_find_id(&t->vocab, id);
    *out = NULL;
    hp__buffer_text(&b, "");
    if (!token)
        return hp__buffer_take(out, NULL, &b, err);
    if (is_added(&t->raw, id) || is_added(&t->normal, id))
        hp__buffer_add(&b, token->text, token->len);
    else if (t->splitters.bytes)
        add_bytes(&b, token);
    else
        add_text(&b, &t->decoding, token);
    return hp__buffer_take(out, NULL, &b, err);
}
