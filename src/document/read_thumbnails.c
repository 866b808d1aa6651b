/*
 * Reads a file of attention: a matrix of every head, made small. A matrix is
 * never in memory whole: a band of its rows is read, measured and pooled.
 */
#include "base/arena.h"
#include "base/checked.h"
#include "document/read_parts.h"
#include "headprune/checkpoint.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_CELLS = 24, MOST_HEADS = 1 << 16, BAND = 1 << 18 };

/* Sums of float32 shares may end a little above one. */
#define MOST_SHARE 1.001F

typedef struct owner {
    hp_thumbnails t; /* first: freeing it is freeing all */
    hp__arena arena;
} owner;

typedef struct reading {
    const hp_checkpoint *file;
    owner *own;
    const hp_tensor **tensors; /* [tensors] in the order of blocks */
    size_t n_rows;             /* of a band */
    float *band;               /* [n_rows, tokens] */
} reading;

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Numbers of any length, without their leading zeros. */
static int compare_numbers(const char **a, const char **b)
{
    *a += strspn(*a, "0");
    *b += strspn(*b, "0");
    size_t n = strspn(*a, "0123456789"), k = strspn(*b, "0123456789");
    int order = n != k ? (n > k) - (n < k) : strncmp(*a, *b, n);
    *a += n;
    *b += k;
    return order;
}

static int compare_names(const char *x, const char *y)
{
    const char *a = x, *b = y;
    while (*a && *b) {
        int order = 0;
        if (is_digit(*a) && is_digit(*b))
            order = compare_numbers(&a, &b);
        else
            order = (unsigned char)*a++ - (unsigned char)*b++;
        if (order)
            return order;
    }
    return *a || *b ? (*a != 0) - (*b != 0) : strcmp(x, y);
}

static int by_name(const void *a, const void *b)
{
    const hp_tensor *const *x = a, *const *y = b;
    return compare_names((*x)->name, (*y)->name);
}

/* ---- what the file must be ---- */

static hp_status check_tensor(const hp_tensor *t, uint64_t n_tokens,
                              hp_error *err)
{
    if (t->dtype == HP_DTYPE_F32 && t->n_dims == 3 && t->dims[0] &&
        t->dims[1] && t->dims[2] && t->dims[1] != t->dims[2])
        return hp_fail(err, HP_UNSUPPORTED,
                       "tensor '%s': attention of %llu tokens to %llu others "
                       "is not drawn; attention --layer --head prints it",
                       t->name, (unsigned long long)t->dims[1],
                       (unsigned long long)t->dims[2]);
    if (t->dtype != HP_DTYPE_F32 || t->n_dims != 3 || !t->dims[0] ||
        !t->dims[1] || t->dims[1] != t->dims[2])
        return hp_fail(err, HP_FORMAT,
                       "tensor '%s': no attention, which is F32 [heads, "
                       "tokens, tokens]",
                       t->name);
    if (t->dims[1] != n_tokens)
        return hp_fail(err, HP_FORMAT,
                       "tensor '%s': %llu tokens, but the first block has %llu",
                       t->name, (unsigned long long)t->dims[1],
                       (unsigned long long)n_tokens);
    return HP_OK;
}

static hp_status sort_tensors(reading *r, hp_error *err)
{
    size_t n = hp_checkpoint_n_tensors(r->file);
    uint64_t heads = 0;
    if (!n)
        return hp_fail(err, HP_FORMAT, "no attention: there is no tensor");
    hp_status st = hp__new(&r->tensors, n, sizeof(void *), err);
    for (size_t i = 0; i < n && !st; i++)
        r->tensors[i] = hp_checkpoint_tensor(r->file, i);
    if (st)
        return st;
    qsort(r->tensors, n, sizeof(void *), by_name);
    for (size_t i = 0; i < n; i++) {
        const hp_tensor *t = r->tensors[i], *first = r->tensors[0];
        st = check_tensor(t, first->n_dims == 3 ? first->dims[1] : 0, err);
        if (st)
            return st;
        if (!hp__add(&heads, heads, t->dims[0]) || heads > MOST_HEADS)
            return hp_fail(err, HP_FORMAT,
                           "tensor '%s': more than %d heads in all", t->name,
                           MOST_HEADS);
    }
    r->own->t.n_blocks = n;
    r->own->t.n_tokens = (size_t)r->tensors[0]->dims[1];
    return HP_OK;
}

/* ---- one head ---- */

static void measure_row(hp_thumbnail *h, const float *row, size_t query)
{
    h->first += (double)row[0];
    h->own += (double)row[query];
    if (query)
        h->previous += (double)row[query - 1];
}

/* `cells` [cells]: of the row of cells that the query falls into. 0: a value is
 * no share. */
static int pool_row(float *cells, size_t n_cells, const float *row, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        float *cell = &cells[j * n_cells / n];
        if (!(row[j] >= 0 && row[j] <= MOST_SHARE))
            return 0;
        *cell = row[j] > *cell ? row[j] : *cell;
    }
    return 1;
}

static hp_status pool_band(reading *r, hp_thumbnail *h, float *values,
                           size_t from, size_t rows)
{
    size_t n = r->own->t.n_tokens, cells = r->own->t.cells;
    for (size_t i = 0; i < rows; i++) {
        size_t query = from + i;
        const float *row = r->band + i * n;
        measure_row(h, row, query);
        if (!pool_row(values + query * cells / n * cells, cells, row, n))
            return HP_FORMAT;
    }
    return HP_OK;
}

static hp_status read_head(reading *r, hp_thumbnail *h, const hp_tensor *t,
                           size_t head, hp_error *err)
{
    size_t n = r->own->t.n_tokens, cells = r->own->t.cells, rows;
    uint64_t row_bytes = (uint64_t)n * sizeof(float);
    float *values = NULL;
    hp_status st = hp__arena_alloc(&values, &r->own->arena, cells * cells,
                                   sizeof *values, err);
    for (size_t from = 0; from < n && !st; from += rows) {
        rows = n - from < r->n_rows ? n - from : r->n_rows;
        st = hp_checkpoint_read(r->file, t, (head * n + from) * row_bytes,
                                rows * row_bytes, r->band, err);
        if (!st && pool_band(r, h, values, from, rows))
            st = hp_fail(err, HP_FORMAT,
                         "tensor '%s': head %zu: a value is no share of "
                         "attention (0 to 1)",
                         t->name, head);
    }
    h->values = values;
    h->first /= (double)n;
    h->own /= (double)n;
    h->previous = n > 1 ? h->previous / (double)(n - 1) : (double)NAN;
    return st;
}

static hp_status read_block(reading *r, hp_thumbnail_block *b,
                            const hp_tensor *t, hp_error *err)
{
    hp_thumbnail *heads = NULL;
    hp__arena *arena = &r->own->arena;
    b->n_heads = (size_t)t->dims[0];
    hp_status st = hp__arena_strdup(&b->name, arena, t->name, err);
    if (!st)
        st = hp__arena_alloc(&heads, arena, b->n_heads, sizeof *heads, err);
    for (size_t i = 0; i < b->n_heads && !st; i++)
        st = read_head(r, &heads[i], t, i, err);
    b->heads = heads;
    return st;
}

static hp_status read_blocks(reading *r, hp_error *err)
{
    hp_thumbnails *t = &r->own->t;
    hp_thumbnail_block *blocks = NULL;
    hp_status st = sort_tensors(r, err);
    if (st)
        return st;
    t->cells = t->n_tokens < MOST_CELLS ? t->n_tokens : MOST_CELLS;
    r->n_rows = t->n_tokens < BAND ? BAND / t->n_tokens : 1;
    r->n_rows = r->n_rows < t->n_tokens ? r->n_rows : t->n_tokens;
    st = hp__new(&r->band, r->n_rows * t->n_tokens, sizeof *r->band, err);
    if (!st)
        st = hp__arena_alloc(&blocks, &r->own->arena, t->n_blocks,
                             sizeof *blocks, err);
    for (size_t i = 0; i < t->n_blocks && !st; i++)
        st = read_block(r, &blocks[i], r->tensors[i], err);
    t->blocks = blocks;
    return st;
}

hp_status hp__read_thumbnails(hp_thumbnails **out, const char *path,
                              hp_error *err)
{
    reading r = {0};
    hp_checkpoint *file = NULL;
    *out = NULL;
    hp_status st = hp__new(&r.own, 1, sizeof *r.own, err);
    if (!st)
        st = hp_checkpoint_open(&file, path, NULL, err);
    r.file = file;
    if (!st)
        st = read_blocks(&r, err);
    hp_checkpoint_free(file);
    free(r.tensors);
    free(r.band);
    if (st)
        hp__thumbnails_free(r.own ? &r.own->t : NULL);
    else
        *out = &r.own->t;
    return st;
}

void hp__thumbnails_free(hp_thumbnails *t)
{
    owner *own = (owner *)t;
    if (own)
        hp__arena_clear(&own->arena);
    free(own);
}
