/* tokenizer.json's "decoder". What is not known is refused only when text is
 * asked for: ids need no decoder. */
#include "text/decoding.h"

#include <string.h>

static hp_status read_words(hp__decoding *out, hp__arena *a,
                            const hp__node *node, hp_error *err)
{
    hp_status st = hp__node_find_string(&out->prefix, node, "prefix", err);
    out->cleanup = 1;
    if (!st)
        st = hp__node_find_bool(&out->cleanup, node, "cleanup", err);
    return st ? st : hp__arena_strdup(&out->prefix, a, out->prefix, err);
}

hp_status hp__decoding_read(hp__decoding *out, hp__arena *a,
                            const hp__node *node, hp_error *err)
{
    const char *type = NULL;
    *out = (hp__decoding){.prefix = ""};
    if (!node || hp__node_kind(node) == HP__NULL)
        return HP_OK;
    hp_status st = hp__node_get_string(&type, node, "type", err);
    if (st)
        return st;
    out->bytes = strcmp(type, "ByteLevel") == 0;
    if (out->bytes)
        return HP_OK;
    out->prefix = "##";
    if (strcmp(type, "WordPiece") == 0)
        return read_words(out, a, node, err);
    return hp__arena_strdup(&out->unknown, a, type, err);
}
