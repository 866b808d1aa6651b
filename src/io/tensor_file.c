/*
 * Writing safetensors: what the reference writer does (order, alignment,
 * padding), and what its readers refuse is not written.
 */
#include "io/tensor_file.h"
#include "base/arena.h"
#include "base/checked.h"
#include "io/emit_json.h"

#include <stdlib.h>
#include <string.h>

#define ALIGNMENT   8U
#define MOST_HEADER ((size_t)100000000)

struct hp__tensor_file {
    hp__output *output;
    uint64_t *offset; /* [tensors] in the file, as the caller counts them */
    size_t width;     /* bytes of a value */
};

typedef struct placed {
    const hp__tensor_plan *plan;
    size_t i;        /* as the caller counts them */
    uint64_t offset; /* from the start of the data */
    uint64_t size;
} placed;

static int by_name(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    return strcmp(x->plan->name, y->plan->name);
}

static size_t width_of(const hp__tensor_list *what)
{
    return what->doubles ? sizeof(double) : sizeof(float);
}

static hp_status measure(placed *p, size_t width, hp_error *err)
{
    p->size = width;
    for (unsigned i = 0; i < p->plan->n_dims; i++)
        if (!hp__mul(&p->size, p->size, p->plan->dims[i]))
            return hp_fail(err, HP_INVALID, "tensor '%s' is too large",
                           p->plan->name);
    return HP_OK;
}

/* Sorts the tensors and gives each its place; `*total`: bytes of all. */
static hp_status place(placed *list, uint64_t *total,
                       const hp__tensor_list *what, hp_error *err)
{
    *total = 0;
    for (size_t i = 0; i < what->n; i++)
        list[i] = (placed){.plan = &what->tensors[i], .i = i};
    qsort(list, what->n, sizeof *list, by_name);
    for (size_t i = 0; i < what->n; i++) {
        if (!strcmp(list[i].plan->name, "__metadata__") ||
            (i && !by_name(&list[i - 1], &list[i])))
            return hp_fail(err, HP_INVALID, "a second tensor '%s'",
                           list[i].plan->name);
        hp_status st = measure(&list[i], width_of(what), err);
        if (st)
            return st;
        list[i].offset = *total;
        if (!hp__add(total, *total, list[i].size) || *total > INT64_MAX / 2)
            return hp_fail(err, HP_INVALID, "the tensors are too large");
    }
    return HP_OK;
}

static void put_tensor(hp__emitter *e, const placed *p, int doubles)
{
    hp__emit_object(e, p->plan->name, 1);
    hp__emit_string(e, "dtype", doubles ? "F64" : "F32");
    hp__emit_array(e, "shape", 1);
    for (unsigned i = 0; i < p->plan->n_dims; i++)
        hp__emit_uint(e, NULL, p->plan->dims[i]);
    hp__emit_end(e);
    hp__emit_array(e, "data_offsets", 1);
    hp__emit_uint(e, NULL, p->offset);
    hp__emit_uint(e, NULL, p->offset + p->size);
    hp__emit_end(e);
    hp__emit_end(e);
}

static void put_header(hp__buffer *b, const placed *list,
                       const hp__tensor_list *what)
{
    hp__emitter e;
    static const char length[8] = {0};
    hp__buffer_add(b, length, sizeof length);
    hp__emit_start(&e, b);
    hp__emit_object(&e, NULL, 1);
    hp__emit_object(&e, "__metadata__", 1);
    for (size_t i = 0; i < what->n_notes; i++)
        hp__emit_string(&e, what->notes[i].key, what->notes[i].value);
    hp__emit_end(&e);
    for (size_t i = 0; i < what->n; i++)
        put_tensor(&e, &list[i], what->doubles);
    hp__emit_end(&e);
    if (b->len)
        b->len--; /* the line feed of a document */
    while (b->len % ALIGNMENT)
        hp__buffer_text(b, " ");
}

static hp_status write_header(hp__tensor_file *f, const hp__buffer *b,
                              hp_error *err)
{
    if (b->failed)
        return hp_fail(err, HP_NOMEM, "out of memory (header)");
    uint64_t len = b->len - 8;
    if (len > MOST_HEADER)
        return hp_fail(err, HP_INVALID,
                       "a header of %llu bytes, more than readers take",
                       (unsigned long long)len);
    for (unsigned i = 0; i < 8; i++)
        b->data[i] = (char)(len >> 8 * i & 255);
    return hp__output_write(f->output, b->data, b->len, err);
}

static hp_status fill(hp__tensor_file *f, placed *list,
                      const hp__tensor_list *what, hp_error *err)
{
    hp__buffer b = {0};
    uint64_t total;
    hp_status st = place(list, &total, what, err);
    if (!st) {
        put_header(&b, list, what);
        st = write_header(f, &b, err);
    }
    f->width = width_of(what);
    for (size_t i = 0; i < what->n && !st; i++)
        f->offset[list[i].i] = b.len + list[i].offset;
    if (!st)
        st = hp__output_reserve(f->output, b.len + total, err);
    hp__buffer_clear(&b);
    return st;
}

hp_status hp__tensor_file_open(hp__tensor_file **out, const char *path,
                               const hp__tensor_list *what, hp_error *err)
{
    hp__tensor_file *f = NULL;
    placed *list = NULL;
    *out = NULL;
    hp_status st = hp__new(&f, 1, sizeof *f, err);
    if (!st)
        st = hp__new(&list, what->n, sizeof *list, err);
    if (!st)
        st = hp__new(&f->offset, what->n, sizeof *f->offset, err);
    if (!st)
        st = hp__output_open(&f->output, path, err);
    if (!st)
        st = fill(f, list, what, err);
    free(list);
    if (st)
        hp__tensor_file_free(f);
    else
        *out = f;
    return st;
}

hp_status hp__tensor_file_put(hp__tensor_file *f, size_t i, uint64_t first,
                              const void *values, size_t n, hp_error *err)
{
    return hp__output_put(f->output, f->offset[i] + first * f->width, values,
                          n * f->width, err);
}

hp_status hp__tensor_file_commit(hp__tensor_file *f, hp_error *err)
{
    return hp__output_commit(f->output, err);
}

void hp__tensor_file_free(hp__tensor_file *f)
{
    if (!f)
        return;
    hp__output_abandon(f->output);
    free(f->offset);
    free(f);
}
