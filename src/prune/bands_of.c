#include "prune/bands_of.h"
#include "plan/plan_mask.h"

#include <stdlib.h>
#include <string.h>

static int by_place(const hp_tensor *x, const hp_tensor *y)
{
    if (x->shard != y->shard)
        return x->shard < y->shard ? -1 : 1;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    return 0;
}

static int by_start(const void *a, const void *b)
{
    const hp__band_of *x = a, *y = b;
    int place = by_place(x->tensor, y->tensor);
    if (place)
        return place;
    if (x->start != y->start)
        return x->start < y->start ? -1 : 1;
    return x->head < y->head ? -1 : x->head > y->head;
}

/* The slice in the other model; a head has one of a tensor and role. */
static void find_twin(hp__band_of *b, const hp_slice *s, const hp_slice *others,
                      size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const hp_slice *o = &others[i];
        if (o->role != s->role || strcmp(o->tensor->name, s->tensor->name) != 0)
            continue;
        b->has_twin = o->axis == s->axis && o->count == s->count;
        b->twin = o->start;
    }
}

/* The slices of a head, and its column of a table of relative positions, which
 * the heads of several blocks may share. */
static size_t list_slices(hp_slice out[HP_MAX_SLICES + 1], const hp_model *m,
                          size_t head)
{
    const hp_block *b = hp_model_block(m, hp_model_heads(m)[head].block);
    size_t n = hp_model_slices(m, head, out);
    if (b->relative.table)
        out[n++] = (hp_slice){.tensor = b->relative.table,
                              .role = HP_ROLE_Q,
                              .axis = 1,
                              .start = head - b->first_head,
                              .count = 1,
                              .shared = 1};
    return n;
}

hp_status hp__bands_of_find(hp__bands_of *out, hp__arena *a,
                            const hp_diff_side *side, const hp_diff_side *other,
                            hp_error *err)
{
    hp__band_of *list;
    size_t n_heads = hp_model_n_heads(side->model), n = 0, at = 0;
    size_t n_others = hp_model_n_heads(other->model);
    hp_status st = hp__arena_alloc(&list, a, n_heads * (HP_MAX_SLICES + 1),
                                   sizeof *list, err);
    if (st)
        return st;
    for (size_t h = 0; h < n_heads; h++) {
        hp_slice slices[HP_MAX_SLICES + 1], twins[HP_MAX_SLICES + 1];
        size_t twin =
            hp__head_find(other->heads, n_others, side->heads[h].id, &at);
        size_t n_slices = list_slices(slices, side->model, h);
        size_t n_twins =
            twin == SIZE_MAX ? 0 : list_slices(twins, other->model, twin);
        for (size_t i = 0; i < n_slices; i++) {
            const hp_slice *s = &slices[i];
            list[n] = (hp__band_of){.tensor = s->tensor,
                                    .axis = s->axis,
                                    .start = s->start,
                                    .count = s->count,
                                    .head = h,
                                    .output = s->role == HP_ROLE_O};
            find_twin(&list[n++], s, twins, n_twins);
        }
    }
    qsort(list, n, sizeof *list, by_start);
    *out = (hp__bands_of){list, n};
    return HP_OK;
}

hp__bands_of hp__bands_of_tensor(const hp__bands_of *all, const hp_tensor *t)
{
    size_t from = 0, to = all->n;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (by_place(all->list[middle].tensor, t) < 0)
            from = middle + 1;
        else
            to = middle;
    }
    while (to < all->n && all->list[to].tensor == t)
        to++;
    return (hp__bands_of){all->list + from, to - from};
}

size_t hp__bands_of_same(const hp__band_of *first, const hp__bands_of *of)
{
    const hp__band_of *end = of->list + of->n;
    size_t n = 1;
    while (first + n < end && first[n].start == first->start)
        n++;
    return n;
}

uint64_t hp__bands_of_count(const hp__bands_of *of)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < of->n; i += hp__bands_of_same(&of->list[i], of))
        sum += of->list[i].count;
    return sum;
}
