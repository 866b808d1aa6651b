/* tokenizer.json's "decoder". What is not known is refused only when text is
 * asked for: ids need no decoder. */
#include "text/decoding.h"
#include "text/characters.h"
#include "text/decode_steps.h"

#include <string.h>

/* ---- steps ---- */

static void add_step(hp__decoding *out, hp__decoder step)
{
    step.fused = out->fused;
    if (out->n < HP__DECODERS_MOST)
        out->items[out->n++] = step;
    else
        out->unknown = "Sequence of more than 8 decoders";
}

void hp__decoding_bytes(hp__decoding *out)
{
    add_step(out, (hp__decoder){.run = hp__decode_bytes});
}

void hp__decoding_words(hp__decoding *out, const char *prefix, int cleanup)
{
    add_step(out, (hp__decoder){.run = hp__decode_word,
                                .prefix = prefix,
                                .cleanup = cleanup});
}

static void add_metaspace(hp__decoding *out, const char *mark, int keep_first)
{
    out->mark = mark;
    add_step(out, (hp__decoder){.run = hp__decode_metaspace,
                                .from = mark,
                                .keep_first = keep_first});
}

void hp__decoding_metaspace(hp__decoding *out, int keep_first)
{
    add_metaspace(out, HP__WORD_MARK, keep_first);
}

static void add_replace(hp__decoding *out, const char *from, const char *to)
{
    if (strcmp(to, " ") == 0)
        out->mark = from;
    add_step(out,
             (hp__decoder){.run = hp__decode_replace, .from = from, .to = to});
}

static void add_fallback(hp__decoding *out)
{
    out->byte_fallback = 1;
    add_step(out, (hp__decoder){.run = hp__decode_fallback,
                                .end = hp__decode_fallback_end});
}

static void add_strip(hp__decoding *out, hp__decoder step)
{
    step.run = hp__decode_strip;
    add_step(out, step);
}

void hp__decoding_fallback(hp__decoding *out, int strip)
{
    add_replace(out, HP__WORD_MARK, " ");
    add_fallback(out);
    out->fused = 1;
    if (strip)
        add_strip(out, (hp__decoder){.from = " ", .start = 1});
}

/* ---- tokenizer.json ---- */

typedef struct reader {
    hp__decoding *out;
    hp__arena *arena;
    int bytes; /* ByteLevel came before: what comes is no text */
} reader;

static hp_status read_component(reader *r, const hp__node *node, hp_error *err);

static hp_status refuse(reader *r, const char *what, hp_error *err)
{
    return hp__arena_strdup(&r->out->unknown, r->arena, what, err);
}

static hp_status read_byte_level(reader *r, const hp__node *node, hp_error *err)
{
    (void)node;
    (void)err;
    r->bytes = 1;
    hp__decoding_bytes(r->out);
    return HP_OK;
}

static hp_status read_words(reader *r, const hp__node *node, hp_error *err)
{
    const char *prefix = "##";
    int cleanup = 1;
    hp_status st = hp__node_find_string(&prefix, node, "prefix", err);
    if (!st)
        st = hp__node_find_bool(&cleanup, node, "cleanup", err);
    if (!st)
        st = hp__arena_strdup(&prefix, r->arena, prefix, err);
    if (!st)
        hp__decoding_words(r->out, prefix, cleanup);
    return st;
}

static hp_status read_metaspace(reader *r, const hp__node *node, hp_error *err)
{
    const char *mark = HP__WORD_MARK, *scheme = "always";
    int prefix = 1;
    hp_status st = hp__node_find_string(&mark, node, "replacement", err);
    if (!st)
        st = hp__node_find_bool(&prefix, node, "add_prefix_space", err);
    if (!st)
        st = hp__node_find_string(&scheme, node, "prepend_scheme", err);
    if (!st && !*mark)
        st = hp_fail(err, HP_FORMAT,
                     "decoder Metaspace: 'replacement' is empty");
    if (!st)
        st = hp__arena_strdup(&mark, r->arena, mark, err);
    if (!st)
        add_metaspace(r->out, mark, !prefix || strcmp(scheme, "never") == 0);
    return st;
}

static hp_status read_replace(reader *r, const hp__node *node, hp_error *err)
{
    const hp__node *pattern = hp__node_find(node, "pattern");
    const char *from = hp__node_string(hp__node_find(pattern, "String"));
    const char *to = NULL;
    size_t end = 0;
    if (!from)
        return refuse(r, "Replace with a regular expression", err);
    /* Parts of a token may end inside a longer pattern. */
    if (!*from || (r->out->fused && (hp__utf8_next(from, &end), from[end])))
        return refuse(r, "Replace of such a pattern", err);
    hp_status st = hp__node_get_string(&to, node, "content", err);
    if (!st)
        st = hp__arena_strdup(&from, r->arena, from, err);
    if (!st)
        st = hp__arena_strdup(&to, r->arena, to, err);
    if (!st)
        add_replace(r->out, from, to);
    return st;
}

static hp_status read_strip(reader *r, const hp__node *node, hp_error *err)
{
    hp__decoder step = {.from = NULL};
    uint32_t start = 0, stop = 0;
    hp_status st = hp__node_get_string(&step.from, node, "content", err);
    if (!st)
        st = hp__node_find_u32(&start, node, "start", err);
    if (!st)
        st = hp__node_find_u32(&stop, node, "stop", err);
    if (!st && !*step.from)
        st = hp_fail(err, HP_FORMAT, "decoder Strip: 'content' is empty");
    if (!st)
        st = hp__arena_strdup(&step.from, r->arena, step.from, err);
    if (st)
        return st;
    if (stop && r->out->fused)
        return refuse(r, "Strip of the end behind Fuse", err);
    step.start = start;
    step.stop = stop;
    add_strip(r->out, step);
    return HP_OK;
}

static hp_status read_fallback(reader *r, const hp__node *node, hp_error *err)
{
    (void)node;
    if (r->out->fused)
        return refuse(r, "ByteFallback behind Fuse", err);
    add_fallback(r->out);
    return HP_OK;
}

static hp_status read_fuse(reader *r, const hp__node *node, hp_error *err)
{
    (void)node;
    (void)err;
    r->out->fused = 1;
    return HP_OK;
}

static hp_status read_sequence(reader *r, const hp__node *node, hp_error *err)
{
    const hp__node *list = hp__node_find(node, "decoders");
    if (!list || hp__node_kind(list) != HP__ARRAY)
        return hp_fail(err, HP_FORMAT,
                       "decoder Sequence: 'decoders' is not a list");
    hp_status st = HP_OK;
    for (const hp__node *c = hp__node_first(list); c && !st;
         c = hp__node_next(c))
        st = read_component(r, c, err);
    return st;
}

static const struct {
    const char *type;
    hp_status (*read)(reader *r, const hp__node *node, hp_error *err);
} kinds[] = {
    {"Sequence", read_sequence},     {"ByteLevel", read_byte_level},
    {"WordPiece", read_words},       {"Metaspace", read_metaspace},
    {"Replace", read_replace},       {"Strip", read_strip},
    {"ByteFallback", read_fallback}, {"Fuse", read_fuse},
};

static hp_status read_component(reader *r, const hp__node *node, hp_error *err)
{
    const char *type = NULL;
    hp_status st = hp__node_get_string(&type, node, "type", err);
    if (st)
        return st;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(type, kinds[i].type) != 0)
            continue;
        if (r->bytes && kinds[i].read != read_fuse)
            return refuse(r, "component behind ByteLevel", err);
        return kinds[i].read(r, node, err);
    }
    return refuse(r, type, err);
}

hp_status hp__decoding_read(hp__decoding *out, hp__arena *a,
                            const hp__node *node, hp_error *err)
{
    reader r = {.out = out, .arena = a};
    *out = (hp__decoding){.n = 0};
    if (!node || hp__node_kind(node) == HP__NULL) {
        hp__decoding_words(out, "", 0);
        return HP_OK;
    }
    return read_component(&r, node, err);
}
