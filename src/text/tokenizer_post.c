/* tokenizer.json's "post_processor": which ids go around a text. */
#include "base/buffer.h"
#include "text/tokenizer.h"

#include <string.h>

/* The other way round for the front: the newest stands furthest out. */
hp_status hp__tokenizer_surround(hp_tokenizer *t, const int32_t *before,
                                 size_t n_before, const int32_t *after,
                                 size_t n_after, hp_error *err)
{
    int32_t *front = NULL, *back = NULL;
    size_t size = sizeof *front;
    hp_status st =
        hp__arena_alloc(&front, &t->arena, n_before + t->n_before, size, err);
    if (!st)
        st = hp__arena_alloc(&back, &t->arena, t->n_after + n_after, size, err);
    if (st)
        return st;
    if (n_before)
        memcpy(front, before, n_before * size);
    if (t->n_before)
        memcpy(front + n_before, t->before, t->n_before * size);
    if (t->n_after)
        memcpy(back, t->after, t->n_after * size);
    if (n_after)
        memcpy(back + t->n_after, after, n_after * size);
    t->before = front;
    t->n_before += n_before;
    t->after = back;
    t->n_after += n_after;
    return HP_OK;
}

static hp_status check_id(int32_t *out, const hp_tokenizer *t,
                          const hp__node *node, const char *name, hp_error *err)
{
    double id =
        node && hp__node_kind(node) == HP__NUMBER ? hp__node_number(node) : -1;
    if (!(id >= 0) || id >= (double)t->vocab.limit || id > INT32_MAX ||
        id != (double)(int32_t)id)
        return hp_fail(err, HP_FORMAT,
                       "post-processor: '%s' has no id below %u", name,
                       (unsigned)t->vocab.limit);
    *out = (int32_t)id;
    return HP_OK;
}

/* The first element of a list; NULL: none, or no list. */
static const hp__node *first_of(const hp__node *object, const char *key)
{
    const hp__node *list = hp__node_find(object, key);
    return list && hp__node_kind(list) == HP__ARRAY ? hp__node_first(list)
                                                    : NULL;
}

/* ---- TemplateProcessing: "[CLS] $A [SEP]" ---- */

static hp_status add_special(hp__buffer *out, const hp_tokenizer *t,
                             const hp__node *specials, const char *name,
                             hp_error *err)
{
    const hp__node *ids = hp__node_find(hp__node_find(specials, name), "ids");
    if (!ids || hp__node_kind(ids) != HP__ARRAY)
        return hp_fail(err, HP_FORMAT,
                       "post-processor TemplateProcessing: no ids for '%s'",
                       name);
    hp_status st = HP_OK;
    for (const hp__node *c = hp__node_first(ids); c && !st;
         c = hp__node_next(c)) {
        int32_t id = 0;
        st = check_id(&id, t, c, name, err);
        hp__buffer_add(out, &id, sizeof id);
    }
    return st;
}

/* `sides` 0: what stands before the text, 1: behind; *seen counts $A. */
static hp_status read_part(hp__buffer sides[2], size_t *seen,
                           const hp_tokenizer *t, const hp__node *specials,
                           const hp__node *part, hp_error *err)
{
    const hp__node *sequence = hp__node_find(part, "Sequence");
    const char *which = hp__node_string(hp__node_find(sequence, "id"));
    if (which && strcmp(which, "A") == 0) {
        ++*seen;
        return HP_OK;
    }
    const char *name = hp__node_string(
        hp__node_find(hp__node_find(part, "SpecialToken"), "id"));
    if (!name)
        return hp_fail(err, HP_FORMAT,
                       "post-processor TemplateProcessing: a part of 'single' "
                       "is neither a special token nor $A");
    return add_special(&sides[*seen > 0], t, specials, name, err);
}

static hp_status read_template(hp_tokenizer *t, const hp__node *node,
                               hp_error *err)
{
    hp__buffer sides[2] = {{0}, {0}};
    size_t seen = 0;
    const hp__node *specials = hp__node_find(node, "special_tokens");
    hp_status st = HP_OK;
    for (const hp__node *c = first_of(node, "single"); c && !st;
         c = hp__node_next(c))
        st = read_part(sides, &seen, t, specials, c, err);
    if (!st && seen != 1)
        st = hp_fail(err, HP_FORMAT,
                     "post-processor TemplateProcessing: 'single' holds $A "
                     "%zu times",
                     seen);
    if (!st && (sides[0].failed || sides[1].failed))
        st = hp_fail(err, HP_NOMEM, "out of memory (post-processor)");
    if (!st)
        st = hp__tokenizer_surround(
            t, (void *)sides[0].data, sides[0].len / sizeof(int32_t),
            (void *)sides[1].data, sides[1].len / sizeof(int32_t), err);
    hp__buffer_clear(&sides[0]);
    hp__buffer_clear(&sides[1]);
    return st;
}

/* ---- the others ---- */

/* BertProcessing and RobertaProcessing: {"cls": [text, id], "sep": ...}. */
static hp_status read_cls_sep(hp_tokenizer *t, const hp__node *node,
                              hp_error *err)
{
    int32_t cls = 0, sep = 0;
    const hp__node *c = first_of(node, "cls");
    const hp__node *s = first_of(node, "sep");
    hp_status st = check_id(&cls, t, c ? hp__node_next(c) : NULL, "cls", err);
    if (!st)
        st = check_id(&sep, t, s ? hp__node_next(s) : NULL, "sep", err);
    return st ? st : hp__tokenizer_surround(t, &cls, 1, &sep, 1, err);
}

/* ByteLevel moves offsets only. */
static hp_status read_nothing(hp_tokenizer *t, const hp__node *node,
                              hp_error *err)
{
    (void)t;
    (void)node;
    (void)err;
    return HP_OK;
}

static hp_status read_sequence(hp_tokenizer *t, const hp__node *node,
                               hp_error *err)
{
    hp_status st = HP_OK;
    for (const hp__node *c = first_of(node, "processors"); c && !st;
         c = hp__node_next(c))
        st = hp__tokenizer_read_post(t, c, err);
    return st;
}

static const struct {
    const char *type;
    hp_status (*read)(hp_tokenizer *t, const hp__node *node, hp_error *err);
} kinds[] = {
    {"Sequence", read_sequence},           {"ByteLevel", read_nothing},
    {"BertProcessing", read_cls_sep},      {"RobertaProcessing", read_cls_sep},
    {"TemplateProcessing", read_template},
};

hp_status hp__tokenizer_read_post(hp_tokenizer *t, const hp__node *node,
                                  hp_error *err)
{
    const char *type = NULL;
    if (!node || hp__node_kind(node) == HP__NULL)
        return HP_OK;
    hp_status st = hp__node_get_string(&type, node, "type", err);
    if (st)
        return st;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (strcmp(type, kinds[i].type) == 0)
            return kinds[i].read(t, node, err);
    return hp_fail(err, HP_UNSUPPORTED, "post-processor '%s' is not supported",
                   type);
}
