/* Reads plan/1, also out of a report/1. */
#include "document/document_parts.h"
#include "document/read_parts.h"
#include "headprune/document.h"
#include "model/info.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A plan on its way: its arrays, still writable. */
typedef struct draft {
    hp_plan *p;
    hp__arena *a;
    hp_head *heads;
    double *values;
    uint32_t *rank, *order;
    unsigned char *pruned;
    const hp__node *list;
} draft;

/* ---- the table ---- */

static hp_status read_block(draft *d, const hp__node *n, hp_error *err)
{
    const hp__node *ids;
    const char *name = NULL;
    hp_head h = {0};
    hp_status st = hp__node_get_u32(&h.block, n, "block", err);
    if (!st)
        st = hp__node_get_u32(&h.layer, n, "layer", err);
    if (!st)
        st = hp__node_get_string(&name, n, "name", err);
    if (!st)
        st = hp__node_get_array(&ids, n, "heads", err);
    if (!st)
        st = hp__arena_strdup(&h.name, d->a, name, err);
    if (st)
        return st;
    for (const hp__node *c = hp__node_first(ids); c; c = hp__node_next(c)) {
        const char *id = hp__node_string(c);
        if (!id || !hp__head_of_id(&h.head, id))
            return hp_fail(err, HP_FORMAT, "'%.80s' is no head's id",
                           id ? id : "(no string)");
        h.group = h.head;
        st = hp__arena_strdup(&h.id, d->a, id, err);
        if (st)
            return st;
        d->heads[d->p->n_heads++] = h;
    }
    return HP_OK;
}

static hp_status read_blocks(draft *d, const hp__node *blocks, hp_error *err)
{
    size_t i = 0;
    for (const hp__node *n = hp__node_first(blocks); n;
         n = hp__node_next(n), i++) {
        hp_status st = hp__within(err, read_block(d, n, err), "blocks", i);
        if (st)
            return st;
    }
    return HP_OK;
}

static int by_position(const void *a, const void *b)
{
    const hp_head *x = a, *y = b;
    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    return x->head < y->head ? -1 : x->head > y->head;
}

/* Without "blocks" the table holds the heads of the list only. */
static hp_status read_listed(draft *d, hp_error *err)
{
    for (const hp__node *n = hp__node_first(d->list); n; n = hp__node_next(n)) {
        size_t i = d->p->n_heads++;
        hp_status st = hp__within(
            err, hp__read_head(&d->heads[i], d->a, n, err), "list", i);
        if (st)
            return st;
    }
    if (d->p->n_heads)
        qsort(d->heads, d->p->n_heads, sizeof *d->heads, by_position);
    return HP_OK;
}

/* Arrays for as many heads as the document holds, whatever it claims. */
static hp_status alloc_arrays(draft *d, size_t n, hp_error *err)
{
    hp_status st = hp__arena_alloc(&d->heads, d->a, n, sizeof *d->heads, err);
    if (!st)
        st = hp__arena_alloc(&d->values, d->a, n, sizeof *d->values, err);
    if (!st)
        st = hp__arena_alloc(&d->rank, d->a, n, sizeof *d->rank, err);
    if (!st)
        st = hp__arena_alloc(&d->order, d->a, n, sizeof *d->order, err);
    if (!st)
        st = hp__arena_alloc(&d->pruned, d->a, n, 1, err);
    for (size_t i = 0; i < n && !st; i++) {
        d->values[i] = (double)NAN;
        d->rank[i] = HP__NO_RANK;
    }
    return st;
}

static hp_status count_blocks(size_t *out, const hp__node *blocks,
                              uint32_t heads, hp_error *err)
{
    *out = 0;
    if (hp__node_kind(blocks) != HP__ARRAY)
        return hp_fail(err, HP_FORMAT, "key 'blocks' is no array");
    for (const hp__node *n = hp__node_first(blocks); n; n = hp__node_next(n)) {
        const hp__node *ids = hp__node_find(n, "heads");
        *out += ids ? hp__node_count(ids) : 0;
    }
    if (*out != heads)
        return hp_fail(err, HP_FORMAT,
                       "%zu heads in 'blocks', but the model has %u", *out,
                       (unsigned)heads);
    return HP_OK;
}

static hp_status read_table(draft *d, const hp__node *root, hp_error *err)
{
    const hp__node *blocks = hp__node_find(root, "blocks");
    size_t n = 0;
    hp_status st = hp__node_get_array(&d->list, root, "list", err);
    if (st)
        return st;
    if (blocks)
        st = count_blocks(&n, blocks, d->p->model.heads, err);
    else
        n = hp__node_count(d->list);
    if (!st)
        st = alloc_arrays(d, n, err);
    if (!st)
        st = blocks ? read_blocks(d, blocks, err) : read_listed(d, err);
    return st ? st : hp__check_heads(d->heads, d->p->n_heads, err);
}

/* ---- the list ---- */

static hp_status place_head(draft *d, const hp__node *n, hp_error *err)
{
    hp_head h = {0};
    int has_method = *d->p->method != '\0';
    hp_status st = hp__read_head(&h, d->a, n, err);
    if (st)
        return st;
    const hp_head *at = d->p->n_heads ? bsearch(&h, d->heads, d->p->n_heads,
                                                sizeof h, by_position)
                                      : NULL;
    if (!at || strcmp(at->id, h.id) != 0 || at->layer != h.layer ||
        strcmp(at->name, h.name) != 0)
        return hp_fail(err, HP_FORMAT, "head '%.80s' is not in 'blocks'", h.id);
    size_t i = (size_t)(at - d->heads);
    if (d->pruned[i])
        return hp_fail(err, HP_FORMAT, "head '%.80s' is listed twice", h.id);
    d->pruned[i] = 1;
    d->order[d->p->n_pruned++] = (uint32_t)i;
    if (!has_method)
        return HP_OK;
    st = hp__node_get_double(&d->values[i], n, "score", err);
    return st ? st : hp__node_get_u32(&d->rank[i], n, "rank", err);
}

static hp_status read_list(draft *d, hp_error *err)
{
    for (const hp__node *n = hp__node_first(d->list); n; n = hp__node_next(n)) {
        size_t i = d->p->n_pruned;
        hp_status st = hp__within(err, place_head(d, n, err), "list", i);
        if (st)
            return st;
    }
    return HP_OK;
}

/* The numbers and the text say what the list says, or the document was edited
 * by halves. */
static hp_status check_against_list(const draft *d, const hp__node *root,
                                    hp_error *err)
{
    uint32_t total = 0, pruned = 0;
    const char *text = NULL;
    unsigned char *mask = NULL;
    hp_status st = hp__node_get_u32(&total, root, "total", err);
    if (!st)
        st = hp__node_get_u32(&pruned, root, "pruned", err);
    if (!st)
        st = hp__node_get_string(&text, root, "heads", err);
    if (st)
        return st;
    if (total != d->p->model.heads || pruned != d->p->n_pruned ||
        pruned > total)
        return hp_fail(err, HP_FORMAT,
                       "'pruned' and 'total' are %u of %u, but %zu of %u heads "
                       "are listed",
                       (unsigned)pruned, (unsigned)total, d->p->n_pruned,
                       (unsigned)d->p->model.heads);
    st = hp__new(&mask, d->p->n_heads, 1, err);
    if (!st && hp_heads_parse(mask, text, d->heads, d->p->n_heads, err))
        st = hp_fail(err, HP_FORMAT,
                     "'heads' names a head that is not listed, or is no list");
    if (!st && d->p->n_heads && memcmp(mask, d->pruned, d->p->n_heads) != 0)
        st = hp_fail(err, HP_FORMAT, "'heads' and 'list' name different heads");
    free(mask);
    return st;
}

/* ---- method and policy ---- */

static hp_status read_method(draft *d, const hp__node *root, hp_error *err)
{
    const hp__node *n = hp__node_find(root, "method");
    hp__told_method m = {.name = "", .unit = ""};
    hp_status st = HP_OK;
    if (!n || hp__node_kind(n) != HP__NULL)
        st = hp__read_method(&m, d->a, root, err);
    d->p->method = m.name;
    d->p->unit = m.unit;
    d->p->prunes_highest = m.prunes_highest;
    d->p->has_seed = m.has_seed;
    d->p->seed = m.seed;
    d->p->mix = m.mix;
    d->p->step = m.step;
    return st;
}

static hp_status read_share(hp_policy *out, const hp__node *policy,
                            hp_error *err)
{
    uint32_t count = UINT32_MAX;
    double ratio = -1;
    hp_status st = hp__node_find_u32(&count, policy, "count", err);
    if (!st)
        st = hp__node_find_double(&ratio, policy, "ratio", err);
    if (st)
        return st;
    out->has_count = count != UINT32_MAX;
    if (out->has_count)
        out->count = count;
    else if (ratio >= 0 && ratio <= 1)
        out->ratio = ratio;
    else
        return hp_fail(err, HP_FORMAT,
                       "policy: neither a count nor a ratio from 0 to 1");
    return HP_OK;
}

/* After the table. What was protected is known only where the table is whole.
 */
static hp_status read_policy(draft *d, const hp__node *root, hp_error *err)
{
    const hp__node *n = hp__node_find(root, "policy");
    const char *scope = NULL, *protect = NULL;
    uint32_t keep = 0;
    unsigned char *mask;
    hp_policy *out = &d->p->policy;
    hp_status st = read_share(out, n, err);
    if (!st)
        st = hp__node_get_string(&scope, n, "scope", err);
    if (!st)
        st = hp__node_get_u32(&keep, n, "keep", err);
    if (!st)
        st = hp__node_get_string(&protect, n, "protect", err);
    if (!st)
        st = hp__read_group(&out->group, n, err);
    if (st)
        return st;
    out->keep = keep;
    out->scope = strcmp(scope, "layer") == 0 ? HP_SCOPE_LAYER : HP_SCOPE_GLOBAL;
    if (out->scope == HP_SCOPE_GLOBAL && strcmp(scope, "global") != 0)
        return hp_fail(err, HP_FORMAT,
                       "key 'scope' is '%.40s': not 'global' or 'layer'",
                       scope);
    if (!*protect || d->p->n_heads != d->p->model.heads)
        return HP_OK;
    st = hp__arena_alloc(&mask, d->a, d->p->n_heads, 1, err);
    if (st)
        return st;
    if (hp_heads_parse(mask, protect, d->heads, d->p->n_heads, err))
        return hp_fail(err, HP_FORMAT,
                       "key 'protect' is no list of heads of the model");
    out->protect = mask;
    return HP_OK;
}

static hp_status read_all(draft *d, const hp__node *root, hp_error *err)
{
    hp_status st =
        hp__read_schema(root, HP__PLAN_SCHEMA, HP__REPORT_SCHEMA, err);
    if (!st)
        st = hp__read_model(&d->p->model, d->a, root, err);
    if (!st)
        st = read_method(d, root, err);
    if (!st)
        st = read_table(d, root, err);
    if (!st)
        st = read_list(d, err);
    if (!st)
        st = check_against_list(d, root, err);
    return st ? st : read_policy(d, root, err);
}

hp_status hp__read_plan(hp_plan **out, const hp__node *root, hp_error *err)
{
    draft d = {0};
    hp_status st = hp__plan_new(&d.p, &d.a, err);
    if (!st)
        st = read_all(&d, root, err);
    if (st) {
        hp_plan_free(d.p);
        return st;
    }
    int has_method = *d.p->method != '\0';
    d.p->heads = d.heads;
    d.p->pruned = d.pruned;
    d.p->order = d.order;
    d.p->values = has_method ? d.values : NULL;
    d.p->rank = has_method ? d.rank : NULL;
    *out = d.p;
    return HP_OK;
}

hp_status hp_document_parse_plan(hp_plan **out, const char *text, size_t len,
                                 hp_error *err)
{
    hp__json *j = NULL;
    *out = NULL;
    hp_status st = hp__json_parse(&j, text, len, err);
    if (!st)
        st = hp__read_plan(out, hp__json_root(j), err);
    hp__json_free(j);
    return st;
}

hp_status hp_document_read_plan(hp_plan **out, const char *path, hp_error *err)
{
    hp__json *j = NULL;
    *out = NULL;
    hp_status st = hp__json_open(&j, path, HP__DOCUMENT_MOST, err);
    if (!st)
        st = hp__read_plan(out, hp__json_root(j), err);
    hp__json_free(j);
    return st ? hp_fail_file(err, st,
                             strcmp(path, "-") == 0 ? "standard input" : path)
              : st;
}
