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

hp_status hp_tokenizer_token(char **out, const hp_tokenizer *t, int32_t id,
                             hp_error *err)
{
    hp__buffer b = {0};
    const hp__token *token = hp__vocab_find_id(&t->vocab, id);
    *out = NULL;
    hp__buffer_text(&b, "");
    if (token && t->splitters.bytes && !is_added(&t->raw, id) &&
        !is_added(&t->normal, id))
        add_bytes(&b, token);
    else if (token)
        hp__buffer_add(&b, token->text, token->len);
    return hp__buffer_take(out, NULL, &b, err);
}
