/* Opening a model: configuration, architecture, binding, and what is said of
 * the result. */
#include "headprune/model.h"
#include "model/arch.h"
#include "model/detect.h"
#include "model/mask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The prefix that the file's names have: decided by the telltale, else by any
 * tensor that has it. */
static void choose_prefix(hp__binder *b, const hp__arch *a)
{
    const hp_checkpoint *c = b->m->checkpoint;
    size_t len = strlen(a->prefix), n = hp_checkpoint_n_tensors(c);
    int prefixed = hp__arch_matches(a, c, 1);
    if (!prefixed && !hp__arch_matches(a, c, 0))
        for (size_t i = 0; i < n && !prefixed; i++)
            prefixed =
                strncmp(hp_checkpoint_tensor(c, i)->name, a->prefix, len) == 0;
    b->prefix = prefixed ? a->prefix : "";
    b->other = prefixed ? "" : a->prefix;
}

/* Every layer has tensors of its own, so their number bounds the layers before
 * anything is allocated for each. */
static hp_status alloc_layers(hp_model *m, hp_error *err)
{
    size_t n = hp_checkpoint_n_tensors(m->checkpoint);
    if (m->spec.n_layers > n)
        return hp_fail(err, HP_FORMAT,
                       "%u layers are asked for, the checkpoint holds %zu "
                       "tensors",
                       (unsigned)m->spec.n_layers, n);
    hp_status st = hp__arena_alloc(&m->layers, &m->arena, m->spec.n_layers,
                                   sizeof *m->layers, err);
    if (!st)
        st = hp__arena_alloc(&m->blocks, &m->arena,
                             (size_t)m->spec.n_layers * HP__MAX_BLOCKS,
                             sizeof *m->blocks, err);
    return st;
}

/* Ids count as the original model did: heads that are gone leave a gap. */
static hp_status name_heads(hp_model *m, const hp__pruned *gone, hp_error *err)
{
    hp_status st = hp__arena_alloc(&m->heads, &m->arena, m->n_heads,
                                   sizeof *m->heads, err);
    uint32_t shared = m->spec.n_heads / m->spec.n_kv_heads;
    size_t at = 0;
    for (size_t i = 0; i < m->n_blocks && !st; i++) {
        const hp_block *b = &m->blocks[i];
        uint32_t number = 0;
        for (uint32_t j = 0; j < b->n_heads && !st; j++, number++) {
            while (at < gone->n && gone->heads[at][0] == b->layer &&
                   gone->heads[at][1] == number) {
                at++;
                number++;
            }
            hp_head *h = &m->heads[b->first_head + j];
            *h = (hp_head){.name = b->name,
                           .block = (uint32_t)i,
                           .layer = b->layer,
                           .head = number,
                           .group = shared > 1 ? number / shared : number};
            st = hp__arena_printf(&h->id, &m->arena, err, "%s:%u", b->id,
                                  (unsigned)number);
        }
        while (at < gone->n && gone->heads[at][0] == b->layer)
            at++;
    }
    return st;
}

static int is_buffer(const hp__arch *a, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; a && a->buffers[i]; i++) {
        size_t end = strlen(a->buffers[i]);
        if (len >= end && strcmp(name + len - end, a->buffers[i]) == 0)
            return 1;
    }
    return 0;
}

static int compare_use(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const hp__use *)a)->tensor;
    uintptr_t y = (uintptr_t)((const hp__use *)b)->tensor;
    return (x > y) - (x < y);
}

/* At most 100 bytes of a name, and no part of a character. */
static int shown_length(const char *name)
{
    size_t len = strlen(name);
    if (len <= 100)
        return (int)len;
    for (len = 100; len > 0 && ((unsigned char)name[len] & 0xC0) == 0x80;)
        len--;
    return (int)len;
}

/* Counts parameters and the tensors that nothing was bound to; returns the name
 * of the first of these. `a` may be NULL. */
static const char *survey_tensors(hp__binder *b, const hp__arch *a)
{
    const hp_checkpoint *c = b->m->checkpoint;
    const char *first = "";
    qsort(b->used, b->n_used, sizeof *b->used, compare_use);
    for (size_t i = 0; i < hp_checkpoint_n_tensors(c); i++) {
        const hp_tensor *t = hp_checkpoint_tensor(c, i);
        const hp__use use = {t};
        int bound = bsearch(&use, b->used, b->n_used, sizeof *b->used,
                            compare_use) != NULL;
        if (!bound && is_buffer(a, t->name))
            continue;
        if (t->dtype != HP_DTYPE_OTHER)
            b->m->info.parameters += t->n_elements;
        if (bound)
            continue;
        if (b->m->n_unused++ == 0)
            first = t->name;
    }
    return first;
}

static void note_unused(hp__binder *b, const char *first)
{
    int shown = shown_length(first);
    size_t n = b->m->n_unused;
    if (n == 1)
        hp__bind_note(b, "tensor '%.*s' is not part of the model", shown,
                      first);
    else if (n)
        hp__bind_note(b, "%zu tensors are not part of the model, e.g. '%.*s'",
                      n, shown, first);
}

static hp_status fill_info(hp_model *m, const char *type,
                           const hp__node *config, hp_error *err)
{
    hp_model_info *i = &m->info;
    i->path = hp_checkpoint_path(m->checkpoint);
    i->fingerprint = hp_checkpoint_fingerprint(m->checkpoint);
    i->layers = m->spec.n_layers;
    i->heads = (uint32_t)m->n_heads;
    i->head_dim = m->spec.head_dim;
    hp_status st = hp__arena_strdup(&i->model_type, &m->arena, type, err);
    if (!st)
        st = hp__arena_strdup(&i->architecture, &m->arena,
                              hp__config_class(config), err);
    return st;
}

/* Weights of another architecture: the missing tensor alone does not tell. */
static hp_status hint_other(const hp_model *m, const hp__arch *a, hp_status st,
                            hp_error *err)
{
    const hp__arch *other;
    if (hp__arch_matches(a, m->checkpoint, 0) ||
        hp__arch_matches(a, m->checkpoint, 1))
        return st;
    for (size_t i = 0; (other = hp__arch_at(i)); i++)
        if (hp__arch_matches(other, m->checkpoint, 0) ||
            hp__arch_matches(other, m->checkpoint, 1))
            return hp_fail_hint(err, st,
                                "this is read as model_type '%s', but the "
                                "tensors are those of '%s'",
                                a->model_type, other->model_type);
    return st;
}

/* Where config.json does not say itself what this is. */
static void note_type(hp__binder *b, const hp__arch *a, const char *type)
{
    if (!type)
        hp__bind_note(b,
                      "config.json names no model_type; the tensors are those "
                      "of '%s'",
                      a->model_type);
    else if (strcmp(type, a->model_type) != 0)
        hp__bind_note(b, "model_type '%.100s' is taken for '%s'", type,
                      a->model_type);
}

static hp_status bind_tensors(hp_model *m, const hp__arch *a, const char *type,
                              const hp__node *config, hp_error *err)
{
    hp__binder b = {0};
    hp_status st = alloc_layers(m, err);
    if (!st)
        st = hp__binder_init(&b, m, err);
    if (!st)
        st = hp__config_pruned(&b.pruned, &m->arena, config, &m->spec, err);
    if (st)
        return st;
    choose_prefix(&b, a);
    note_type(&b, a, type);
    if (!b.status)
        a->bind(&b, config);
    if (b.status)
        return hint_other(m, a, b.status, err);
    if (m->opaque)
        hp__bind_note(&b,
                      "tensor '%s' is %s: heads can be silenced and removed, "
                      "but nothing is computed with it",
                      m->opaque->name, m->opaque->dtype_name);
    note_unused(&b, survey_tensors(&b, a));
    return b.status ? b.status : name_heads(m, &b.pruned, err);
}

/* What the caller says of a model whose architecture knows it all. */
static hp_status check_told(const hp_model *m, const hp__arch *a,
                            const hp_model_options *o, hp_error *err)
{
    if (o->n_heads && o->n_heads != m->spec.n_heads)
        return hp_fail(err, HP_UNSUPPORTED,
                       "%u heads are told, but a block of this '%s' has %u",
                       (unsigned)o->n_heads, a->model_type,
                       (unsigned)m->spec.n_heads);
    if (o->qkv_order)
        return hp_fail(err, HP_INVALID,
                       "an order of queries, keys and values is told, but "
                       "that of '%s' is known",
                       a->model_type);
    return HP_OK;
}

static hp_status read_known(hp_model *m, const hp__arch *a, const char *type,
                            const hp__node *config, const hp_model_options *o,
                            hp_error *err)
{
    hp_status st = a->spec(&m->spec, config, err);
    if (!st)
        st = check_told(m, a, o, err);
    if (!st)
        st = bind_tensors(m, a, type, config, err);
    return st ? st : fill_info(m, type ? type : a->model_type, config, err);
}

/* ---- models of no known architecture ---- */

static int fits(const hp__arch *a, const hp_checkpoint *c,
                const hp__node *config)
{
    static const hp_model_options none = {0};
    hp_model *m = NULL;
    if (hp__new(&m, 1, sizeof *m, NULL))
        return 0;
    m->checkpoint = c;
    int yes = read_known(m, a, NULL, config, &none, NULL) == HP_OK &&
              m->n_unused == 0;
    hp_model_free(m);
    return yes;
}

/* The architecture that has just these tensors and reads config.json; NULL:
 * none. */
static const char *find_alike(const hp_checkpoint *c, const hp__node *config)
{
    const hp__arch *a;
    for (size_t i = 0; (a = hp__arch_at(i)); i++)
        if ((hp__arch_matches(a, c, 0) || hp__arch_matches(a, c, 1)) &&
            fits(a, c, config))
            return a->model_type;
    return NULL;
}

static hp_status read_unknown(hp_model *m, const char *type,
                              const hp__node *config, const hp_model_options *o,
                              hp_error *err)
{
    hp__binder b = {0};
    hp_status st = hp__binder_init(&b, m, err);
    if (st)
        return st;
    hp__detect(&b, type, find_alike(m->checkpoint, config), config, o);
    if (!b.status)
        (void)survey_tensors(&b, NULL);
    if (!b.status)
        b.status = name_heads(m, &b.pruned, err);
    return b.status ? b.status
                    : fill_info(m, type ? type : "unknown", config, err);
}

static hp_status read_model(hp_model *m, const hp__node *config,
                            const hp_model_options *o, hp_error *err)
{
    if (hp__node_kind(config) != HP__OBJECT)
        return hp_fail(err, HP_FORMAT, "not a JSON object");
    const hp__arch *a = NULL;
    const char *type = NULL;
    hp_status st = hp__arch_get(&a, &type, config, m->checkpoint, o->as, err);
    if (!st)
        st = a ? read_known(m, a, type, config, o, err)
               : read_unknown(m, type, config, o, err);
    m->removal = st || !a ? NULL : a->removal;
    if (!st)
        st = hp__model_read_mask(m, err);
    m->n_special = hp__config_special(m->special, &m->mask, config);
    return st;
}

static hp_status fail_no_config(const hp_checkpoint *c, hp_error *err)
{
    hp_status st = hp_fail(err, HP_FORMAT, "no config.json beside the tensors");
    st = hp_fail_hint(err, st, "give it with --config FILE");
    return hp_fail_file(err, st, hp_checkpoint_path(c));
}

hp_status hp_model_open(hp_model **out, const hp_checkpoint *c,
                        const hp_model_options *o, hp_error *err)
{
    static const hp_model_options none = {0};
    *out = NULL;
    size_t len = 0;
    const char *text = hp_checkpoint_config(c, &len);
    if (!text)
        return fail_no_config(c, err);
    hp_model *m = NULL;
    hp__json *json = NULL;
    hp_status st = hp__json_parse(&json, text, len, err);
    if (!st)
        st = hp__new(&m, 1, sizeof *m, err);
    if (!st) {
        m->checkpoint = c;
        st = read_model(m, hp__json_root(json), o ? o : &none, err);
    }
    hp__json_free(json);
    if (!st) {
        *out = m;
        return HP_OK;
    }
    hp_model_free(m);
    /* What is about a tensor has named the checkpoint by now. */
    return st == HP_NOMEM || st == HP_INVALID
               ? st
               : hp_fail_file(err, st, "config.json");
}

void hp_model_free(hp_model *m)
{
    if (m)
        hp__arena_clear(&m->arena);
    free(m);
}
