/* The pieces of a block's tensors, and which heads each of them feeds. */
#include "score/bands.h"
#include "nn/kernels.h"

#include <math.h>
#include <string.h>

/* Fits a core's second-level cache: what was read is still there to be
 * summed. */
#define PIECE_BYTES ((uint64_t)256 << 10)

static size_t find_source(hp__bands *b, const hp_tensor *t)
{
    size_t i = 0;
    while (i < b->n_sources && b->sources[i].tensor != t)
        i++;
    if (i < b->n_sources)
        return i;
    hp__source *s = &b->sources[b->n_sources++];
    uint64_t rows = t->dims[0];
    s->tensor = t;
    s->row_bytes = t->size / rows;
    s->piece_rows = PIECE_BYTES / s->row_bytes;
    if (s->piece_rows == 0)
        s->piece_rows = 1;
    if (s->piece_rows > rows)
        s->piece_rows = rows;
    s->n_pieces = (rows + s->piece_rows - 1) / s->piece_rows;
    return i;
}

/* Where the sums of a role begin is known once all sources are. */
typedef struct place {
    size_t source, set;
} place;

static place add_set(hp__bands *b, const hp_tensor *t, hp__band_set set)
{
    size_t i = find_source(b, t);
    hp__source *s = &b->sources[i];
    place at = {i, s->n_sets};
    set.sums = s->n_sums;
    s->n_sums += set.units;
    s->sets[s->n_sets++] = set;
    return at;
}

static place add_outputs(hp__bands *b, const hp_linear *l, uint64_t units)
{
    hp__band_set set = {.axis = l->out_axis,
                        .first = l->first,
                        .stride = l->head_stride,
                        .width = b->block->head_dim,
                        .units = units};
    return add_set(b, l->weight, set);
}

void hp__bands_init(hp__bands *out, const hp_block *b)
{
    *out = (hp__bands){.block = b};
    if (!b->n_heads)
        return;
    hp__band_set inputs = {.axis = 1 - b->o.out_axis,
                           .stride = b->head_dim,
                           .width = b->head_dim,
                           .units = b->n_heads};
    place places[4];
    places[HP_ROLE_Q] = add_outputs(out, &b->q, b->n_heads);
    places[HP_ROLE_K] = add_outputs(out, &b->k, b->n_kv_heads);
    places[HP_ROLE_V] = add_outputs(out, &b->v, b->n_kv_heads);
    places[HP_ROLE_O] = add_set(out, b->o.weight, inputs);
    size_t first_sum[4] = {0};
    for (size_t i = 0; i < out->n_sources; i++) {
        const hp__source *s = &out->sources[i];
        uint64_t bytes = s->piece_rows * s->row_bytes;
        first_sum[i] = out->n_sums;
        out->n_sums += s->n_sums;
        out->n_pieces += s->n_pieces;
        out->n_partial += s->n_sums * s->n_pieces;
        if (bytes > out->piece_bytes)
            out->piece_bytes = bytes;
    }
    for (size_t r = 0; r < 4; r++)
        out->role_sums[r] =
            first_sum[places[r].source] +
            out->sources[places[r].source].sets[places[r].set].sums;
}

void hp__bands_place(hp__bands *b, double *partial)
{
    for (size_t i = 0; i < b->n_sources; i++) {
        b->sources[i].partial = partial;
        partial += b->sources[i].n_sums * b->sources[i].n_pieces;
    }
}

/* A piece in memory: rows first_row .. first_row + rows of a source. */
typedef struct piece {
    const hp__source *source;
    uint64_t first_row, rows;
    const unsigned char *bytes;
} piece;

/* Units that own columns: a part of every row. */
static void add_columns(double *sums, const piece *p, const hp__band_set *set,
                        const hp__kernels *k)
{
    const hp_tensor *t = p->source->tensor;
    uint64_t size = t->size / t->n_elements;
    for (uint64_t u = 0; u < set->units; u++) {
        hp__raw_rows band = {.at = p->bytes +
                                   (set->first + u * set->stride) * size,
                             .rows = p->rows,
                             .step = p->source->row_bytes,
                             .n = set->width};
        sums[u] += k->squares(&band, t->dtype);
    }
}

/* Units that own rows: the part of them that lies in this piece. */
static void add_rows(double *sums, const piece *p, const hp__band_set *set,
                     const hp__kernels *k)
{
    const hp_tensor *t = p->source->tensor;
    uint64_t columns = t->n_elements / t->dims[0];
    uint64_t end = p->first_row + p->rows;
    for (uint64_t u = 0; u < set->units; u++) {
        uint64_t from = set->first + u * set->stride;
        uint64_t to = from + set->width;
        from = from > p->first_row ? from : p->first_row;
        to = to < end ? to : end;
        if (from >= to)
            continue;
        hp__raw_rows band = {.at = p->bytes +
                                   (from - p->first_row) * p->source->row_bytes,
                             .rows = 1,
                             .n = (to - from) * columns};
        sums[u] += k->squares(&band, t->dtype);
    }
}

/* Squares of 32 bits or less cannot leave the range of double. */
static hp_status fail_not_finite(const piece *p, hp_error *err)
{
    const hp_tensor *t = p->source->tensor;
    int overflow = t->dtype == HP_DTYPE_F64;
    uint64_t n = p->rows * p->source->row_bytes;
    for (uint64_t i = 0; overflow && i < n; i += sizeof(double)) {
        double value = 0;
        memcpy(&value, p->bytes + i, sizeof value);
        overflow = isfinite(value);
    }
    if (overflow)
        return hp_fail(err, HP_FORMAT,
                       "tensor '%s': the squares of its values leave the "
                       "range of double precision",
                       t->name);
    return hp_fail(err, HP_FORMAT, "tensor '%s' holds NaN or infinity",
                   t->name);
}

hp_status hp__source_add(const hp__source *s, uint64_t index,
                         const hp_checkpoint *c, unsigned char *bytes,
                         hp_error *err)
{
    const hp__kernels *k = hp__kernels_at(0);
    double *sums = s->partial + index * s->n_sums;
    piece p = {.source = s,
               .first_row = index * s->piece_rows,
               .rows = s->piece_rows,
               .bytes = bytes};
    if (p.rows > s->tensor->dims[0] - p.first_row)
        p.rows = s->tensor->dims[0] - p.first_row;
    hp_status st = hp_checkpoint_read(c, s->tensor, p.first_row * s->row_bytes,
                                      p.rows * s->row_bytes, bytes, err);
    if (st)
        return st;
    memset(sums, 0, s->n_sums * sizeof *sums);
    for (size_t i = 0; i < s->n_sets; i++) {
        const hp__band_set *set = &s->sets[i];
        (set->axis ? add_columns : add_rows)(sums + set->sums, &p, set, k);
    }
    for (size_t i = 0; i < s->n_sums; i++)
        if (!isfinite(sums[i]))
            return fail_not_finite(&p, err);
    return HP_OK;
}

void hp__bands_total(double *totals, const hp__bands *b)
{
    memset(totals, 0, b->n_sums * sizeof *totals);
    for (size_t i = 0; i < b->n_sources; i++) {
        const hp__source *s = &b->sources[i];
        const double *sums = s->partial;
        for (uint64_t n = s->n_pieces; n; n--, sums += s->n_sums)
            for (size_t j = 0; j < s->n_sums; j++)
                totals[j] += sums[j];
        totals += s->n_sums;
    }
}
