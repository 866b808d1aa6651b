/*
 * The safetensors header: 8 bytes of length (little-endian), then JSON that
 * maps names to dtype, shape and range of bytes. The text is gone through
 * twice by the same code, first counting, then filling blocks of that size,
 * so memory stays within a small multiple of the header.
 */
#include "io/safetensors.h"
#include "base/checked.h"
#include "io/json_scan.h"

#include <stdlib.h>
#include <string.h>

#define PREFIX     8
#define HEADER_MAX 100000000

typedef unsigned long long ull;

static const struct dtype {
    const char *name;
    unsigned bits;
    hp_dtype dtype;
} dtypes[] = {
    {"F32", 32, HP_DTYPE_F32},          {"F16", 16, HP_DTYPE_F16},
    {"BF16", 16, HP_DTYPE_BF16},        {"F64", 64, HP_DTYPE_F64},
    {"I64", 64, HP_DTYPE_OTHER},        {"I32", 32, HP_DTYPE_OTHER},
    {"I16", 16, HP_DTYPE_OTHER},        {"I8", 8, HP_DTYPE_OTHER},
    {"U64", 64, HP_DTYPE_OTHER},        {"U32", 32, HP_DTYPE_OTHER},
    {"U16", 16, HP_DTYPE_OTHER},        {"U8", 8, HP_DTYPE_OTHER},
    {"BOOL", 8, HP_DTYPE_OTHER},        {"C64", 64, HP_DTYPE_OTHER},
    {"F8_E5M2", 8, HP_DTYPE_OTHER},     {"F8_E4M3", 8, HP_DTYPE_OTHER},
    {"F8_E8M0", 8, HP_DTYPE_OTHER},     {"F8_E4M3FNUZ", 8, HP_DTYPE_OTHER},
    {"F8_E5M2FNUZ", 8, HP_DTYPE_OTHER}, {"F6_E2M3", 6, HP_DTYPE_OTHER},
    {"F6_E3M2", 6, HP_DTYPE_OTHER},     {"F4", 4, HP_DTYPE_OTHER},
};

/* What a file is that was saved under the wrong name. */
static const struct kind {
    const char *start;
    size_t len;
    const char *what, *hint;
} kinds[] = {
    {"version https://git-lfs", 23,
     "a git-lfs pointer, not the weights themselves",
     "fetch the weights with 'git lfs pull'"},
    {"<!DOCTYPE", 9, "an HTML page", "download the file itself"},
    {"<!doctype", 9, "an HTML page", "download the file itself"},
    {"<html", 5, "an HTML page", "download the file itself"},
    {"PK\3\4", 4, "a zip file, as torch.save writes",
     "convert it to safetensors first"},
    {"\x80\2", 2, "a Python pickle", "convert it to safetensors first"},
    {"\x1f\x8b\x08", 3, "gzip data", "unpack it with 'gzip -d' first"},
    {"\x28\xb5\x2f\xfd", 4, "zstd data", "unpack it with 'zstd -d' first"},
    {"GGUF", 4, "a GGUF file", "start from the safetensors checkpoint"},
    {"\x89HDF", 4, "an HDF5 file", "convert it to safetensors first"},
};

static hp_status fail_length(uint64_t n, const char *start, uint64_t file_size,
                             hp_error *err)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const struct kind *k = &kinds[i];
        if (file_size < k->len || memcmp(start, k->start, k->len) != 0)
            continue;
        hp_status st =
            hp_fail(err, HP_FORMAT, "not a safetensors file: %s", k->what);
        return hp_fail_hint(err, st, "%s", k->hint);
    }
    if (n > HEADER_MAX)
        return hp_fail(err, HP_FORMAT,
                       "not a safetensors file: header length %llu is over "
                       "%d",
                       (ull)n, HEADER_MAX);
    return hp_fail(err, HP_FORMAT,
                   "truncated: a header of %llu bytes does not fit into a "
                   "file of %llu",
                   (ull)n, (ull)file_size);
}

hp_status hp__safetensors_length(size_t *out, const char *start,
                                 uint64_t file_size, hp_error *err)
{
    uint64_t n = 0;
    if (file_size < PREFIX)
        return hp_fail(err, HP_FORMAT,
                       "%llu bytes: too short for a safetensors file",
                       (ull)file_size);
    for (unsigned i = 0; i < PREFIX; i++)
        n |= (uint64_t)(unsigned char)start[i] << (8 * i);
    if (n > HEADER_MAX || n > file_size - PREFIX)
        return fail_length(n, start, file_size, err);
    *out = (size_t)n;
    return HP_OK;
}

/* Where the parsed things go; all NULL in the counting pass. */
typedef struct sink {
    hp_tensor *tensors;
    uint64_t *dims;
    char *names;
    size_t n_tensors, n_dims, n_bytes;
} sink;

/* An entry while it is read. */
typedef struct entry {
    hp__span name;
    const struct dtype *type;
    uint64_t begin, end, n_elements;
    size_t first_dim, n_dims;
    int overflow, has_shape, has_range;
} entry;

static hp_status fail_entry(const entry *e, hp_error *err, const char *what)
{
    char name[HP__SHORT];
    hp_fail(err, HP_FORMAT, "tensor '%s': %s", hp__scan_shorten(name, e->name),
            what);
    return HP_FORMAT;
}

static hp_status read_dtype(entry *e, const hp__scan *s, hp_error *err)
{
    char name[HP__SHORT], dtype[HP__SHORT];
    if (e->type)
        return fail_entry(e, err, "dtype stands there twice");
    if (s->token != 's')
        return fail_entry(e, err, "dtype is not a string");
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
        if (hp__scan_is(s->span, dtypes[i].name)) {
            e->type = &dtypes[i];
            return HP_OK;
        }
    }
    return hp_fail(err, HP_FORMAT, "tensor '%s': unknown dtype '%s'",
                   hp__scan_shorten(name, e->name),
                   hp__scan_shorten(dtype, s->span));
}

/* A plain integer below 2^64: no sign, fraction or exponent. */
static hp_status read_integer(uint64_t *out, const entry *e, const hp__scan *s,
                              const char *field, hp_error *err)
{
    char name[HP__SHORT], text[HP__SHORT];
    if (hp__scan_u64(out, s))
        return HP_OK;
    hp__scan_shorten(name, e->name);
    if (s->token != 'n')
        return hp_fail(err, HP_FORMAT,
                       "tensor '%s': %s holds %s: not a whole number", name,
                       field, hp__scan_kind(s));
    return hp_fail(err, HP_FORMAT,
                   "tensor '%s': %s holds %s: not a whole number from 0 to "
                   "2^64 - 1",
                   name, field, hp__shorten(text, s->span.at, s->span.len));
}

static hp_status read_shape(entry *e, sink *to, hp__scan *s, hp_error *err)
{
    int more = 1;
    if (e->has_shape)
        return fail_entry(e, err, "shape stands there twice");
    if (s->token != '[')
        return fail_entry(e, err, "shape is not an array");
    hp_status st = hp__scan_open(s, '[', err);
    e->first_dim = to->n_dims;
    e->n_elements = 1;
    e->has_shape = 1;
    while (!st && !(st = hp__scan_element(s, &more, err)) && more) {
        uint64_t dim = 0;
        st = read_integer(&dim, e, s, "shape", err);
        if (to->dims)
            to->dims[to->n_dims] = dim;
        to->n_dims++;
        if (!hp__mul(&e->n_elements, e->n_elements, dim))
            e->overflow = 1;
    }
    e->n_dims = to->n_dims - e->first_dim;
    return st;
}

static hp_status read_range(entry *e, hp__scan *s, hp_error *err)
{
    uint64_t value[2] = {0, 0};
    size_t n = 0;
    int more = 1;
    if (e->has_range)
        return fail_entry(e, err, "data_offsets stands there twice");
    if (s->token != '[')
        return fail_entry(e, err, "data_offsets is not an array");
    hp_status st = hp__scan_open(s, '[', err);
    while (!st && !(st = hp__scan_element(s, &more, err)) && more) {
        if (n == 2)
            return fail_entry(e, err, "data_offsets has more than 2 numbers");
        st = read_integer(&value[n++], e, s, "data_offsets", err);
    }
    if (!st && n < 2)
        st = fail_entry(e, err, "data_offsets has fewer than 2 numbers");
    e->begin = value[0];
    e->end = value[1];
    e->has_range = 1;
    return st;
}

static hp_status read_fields(entry *e, sink *to, hp__scan *s, hp_error *err)
{
    char name[HP__SHORT], field[HP__SHORT];
    int more = 1;
    if (s->token != '{')
        return fail_entry(e, err, "its entry is not an object");
    hp_status st = hp__scan_open(s, '{', err);
    while (!st && !(st = hp__scan_member(s, &more, err)) && more) {
        if (hp__scan_is(s->key, "dtype"))
            st = read_dtype(e, s, err);
        else if (hp__scan_is(s->key, "shape"))
            st = read_shape(e, to, s, err);
        else if (hp__scan_is(s->key, "data_offsets"))
            st = read_range(e, s, err);
        else
            st = hp_fail(err, HP_FORMAT, "tensor '%s': unknown field '%s'",
                         hp__scan_shorten(name, e->name),
                         hp__scan_shorten(field, s->key));
    }
    if (st)
        return st;
    const char *missing = !e->type        ? "dtype is missing"
                          : !e->has_shape ? "shape is missing"
                          : !e->has_range ? "data_offsets is missing"
                                          : NULL;
    return missing ? fail_entry(e, err, missing) : HP_OK;
}

/* The range against dtype and shape. */
static hp_status check_size(const entry *e, hp_error *err)
{
    char name[HP__SHORT];
    uint64_t bits;
    if (e->overflow || !hp__mul(&bits, e->n_elements, e->type->bits))
        return fail_entry(e, err, "its shape has more than 2^64 bits");
    hp__scan_shorten(name, e->name);
    if (e->begin > e->end)
        return hp_fail(err, HP_FORMAT,
                       "tensor '%s': data_offsets [%llu, %llu] are reversed",
                       name, (ull)e->begin, (ull)e->end);
    if (bits % 8)
        return hp_fail(err, HP_FORMAT,
                       "tensor '%s': %llu values of %s do not end on a whole "
                       "byte",
                       name, (ull)e->n_elements, e->type->name);
    if (e->end - e->begin != bits / 8)
        return hp_fail(err, HP_FORMAT,
                       "tensor '%s': %llu values of %s need %llu bytes, "
                       "data_offsets give %llu",
                       name, (ull)e->n_elements, e->type->name, (ull)(bits / 8),
                       (ull)(e->end - e->begin));
    return HP_OK;
}

static void take_entry(sink *to, const entry *e)
{
    if (to->tensors) {
        char *name = to->names + to->n_bytes;
        name[hp__scan_decode(name, e->name.len, e->name)] = '\0';
        to->tensors[to->n_tensors] = (hp_tensor){
            .name = name,
            .dtype_name = e->type->name,
            .dtype = e->type->dtype,
            .n_dims = (unsigned)e->n_dims,
            .dims = to->dims + e->first_dim,
            .n_elements = e->n_elements,
            .offset = e->begin,
            .size = e->end - e->begin,
        };
    }
    to->n_bytes += e->name.len + 1;
    to->n_tensors++;
}

/* null is what some writers have for no metadata. */
static hp_status read_metadata(hp__scan *s, hp_error *err)
{
    char name[HP__SHORT];
    int more = 1;
    if (s->token == 'z')
        return HP_OK;
    if (s->token != '{')
        return hp_fail(err, HP_FORMAT, "__metadata__ is %s: not an object",
                       hp__scan_kind(s));
    hp_status st = hp__scan_open(s, '{', err);
    while (!st && !(st = hp__scan_member(s, &more, err)) && more)
        if (s->token != 's')
            st = hp_fail(err, HP_FORMAT, "__metadata__: '%s' is not a string",
                         hp__scan_shorten(name, s->key));
    return st;
}

static hp_status read_entry(sink *to, hp__scan *s, hp_error *err)
{
    entry e = {.name = s->key};
    if (hp__scan_is(s->key, "__metadata__"))
        return read_metadata(s, err);
    if (e.name.nul)
        return fail_entry(&e, err, "its name has a NUL character");
    hp_status st = read_fields(&e, to, s, err);
    if (!st)
        st = check_size(&e, err);
    if (!st)
        take_entry(to, &e);
    return st;
}

static hp_status read_header(sink *to, hp__scan *s, hp_error *err)
{
    int more = 1;
    hp_status st = hp__scan_next(s, err);
    if (!st)
        st = hp__scan_open(s, '{', err);
    while (!st && !(st = hp__scan_member(s, &more, err)) && more)
        st = read_entry(to, s, err);
    return st ? st : hp__scan_end(s, err);
}

static hp_status reserve(sink *to, hp__arena *a, hp_error *err)
{
    hp_status st =
        hp__arena_alloc(&to->tensors, a, to->n_tensors, sizeof(hp_tensor), err);
    if (!st)
        st = hp__arena_alloc(&to->dims, a, to->n_dims, sizeof(uint64_t), err);
    if (!st)
        st = hp__arena_alloc(&to->names, a, to->n_bytes, 1, err);
    to->n_tensors = to->n_dims = to->n_bytes = 0;
    return st;
}

/* By place; what is empty comes before what starts at the same byte. */
static int compare_places(const void *a, const void *b)
{
    const hp_tensor *x = a, *y = b;
    if (x->offset != y->offset)
        return x->offset < y->offset ? -1 : 1;
    if (x->size != y->size)
        return x->size < y->size ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* Back to back from the first byte of data to the last. */
static hp_status check_layout(const hp_tensor *t, size_t n, uint64_t data_size,
                              hp_error *err)
{
    char name[HP__SHORT];
    uint64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (t[i].offset != at)
            return hp_fail(err, HP_FORMAT,
                           "tensor '%s': its bytes start at %llu, the tensor "
                           "before ends at %llu (%s)",
                           hp__shorten_text(name, t[i].name), (ull)t[i].offset,
                           (ull)at, t[i].offset < at ? "overlap" : "hole");
        at += t[i].size;
        if (at > data_size)
            return hp_fail(err, HP_FORMAT,
                           "truncated: tensor '%s' ends at %llu of %llu bytes "
                           "of data",
                           hp__shorten_text(name, t[i].name), (ull)at,
                           (ull)data_size);
    }
    if (at != data_size)
        return hp_fail(err, HP_FORMAT,
                       "the last tensor ends at %llu of %llu bytes of data",
                       (ull)at, (ull)data_size);
    return HP_OK;
}

hp_status hp__safetensors_tensors(hp__tensors *out, hp__arena *a,
                                  const char *header, size_t len,
                                  uint64_t file_size, hp_error *err)
{
    sink to = {0};
    hp__scan s = {.text = header, .len = len, .name = "header"};
    hp_status st = read_header(&to, &s, err);
    hp__scan_clear(&s);
    if (!st)
        st = reserve(&to, a, err);
    if (st)
        return st;
    s = (hp__scan){.text = header, .len = len, .name = "header", .trusted = 1};
    st = read_header(&to, &s, err);
    if (st)
        return st;
    qsort(to.tensors, to.n_tensors, sizeof *to.tensors, compare_places);
    st = check_layout(to.tensors, to.n_tensors, file_size - PREFIX - len, err);
    if (st)
        return st;
    for (size_t i = 0; i < to.n_tensors; i++)
        to.tensors[i].offset += PREFIX + len;
    *out = (hp__tensors){to.tensors, to.n_tensors};
    return HP_OK;
}
