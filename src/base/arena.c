/*
 * The only file that calls the allocator. An arena is a list of chunks; a
 * block comes from the newest chunk that has room, larger blocks get a chunk
 * of their own.
 */
#include "base/arena.h"
#include "base/checked.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES ((size_t)64 << 10)
#define ALIGNMENT   _Alignof(max_align_t)
#define LINE        ((size_t)64)

struct hp__chunk {
    struct hp__chunk *next;
    size_t used, size;
    max_align_t data[];
};

static hp_status fail_memory(hp_error *err, size_t n, size_t size)
{
    return hp_fail(err, HP_NOMEM, "out of memory (%zu x %zu bytes)", n, size);
}

static struct hp__chunk *chunk_with_room(hp__arena *a, size_t bytes)
{
    struct hp__chunk *c = a->chunks;
    if (c && c->size - c->used >= bytes)
        return c;
    size_t size = bytes > CHUNK_BYTES ? bytes : CHUNK_BYTES;
    size_t whole;
    if (!hp__add(&whole, size, sizeof *c))
        return NULL;
    c = calloc(1, whole);
    if (!c)
        return NULL;
    c->size = size;
    c->next = a->chunks;
    a->chunks = c;
    return c;
}

/* NULL: no memory. */
static void *take(hp__arena *a, size_t n, size_t size)
{
    size_t bytes;
    if (!hp__mul(&bytes, n, size) || !hp__add(&bytes, bytes, ALIGNMENT - 1))
        return NULL;
    bytes -= bytes % ALIGNMENT;
    struct hp__chunk *c = chunk_with_room(a, bytes);
    if (!c)
        return NULL;
    void *block = (char *)c->data + c->used;
    c->used += bytes;
    return block;
}

hp_status hp__arena_alloc(void *out, hp__arena *a, size_t n, size_t size,
                          hp_error *err)
{
    void *block = take(a, n, size);
    if (!block)
        return fail_memory(err, n, size);
    memcpy(out, &block, sizeof block);
    return HP_OK;
}

hp_status hp__arena_copy(char **out, hp__arena *a, const char *text, size_t len,
                         hp_error *err)
{
    size_t bytes;
    char *copy = hp__add(&bytes, len, 1) ? take(a, bytes, 1) : NULL;
    if (!copy)
        return fail_memory(err, len, 1);
    if (len)
        memcpy(copy, text, len);
    *out = copy;
    return HP_OK;
}

hp_status hp__arena_strdup(const char **out, hp__arena *a, const char *text,
                           hp_error *err)
{
    char *copy = NULL;
    hp_status st = hp__arena_copy(&copy, a, text, strlen(text), err);
    if (!st)
        *out = copy;
    return st;
}

hp_status hp__arena_printf(const char **out, hp__arena *a, hp_error *err,
                           const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int len = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *text = NULL;
    hp_status st = len < 0 ? hp_fail(err, HP_INVALID, "bad format '%s'", fmt)
                           : hp__arena_alloc(&text, a, (size_t)len + 1, 1, err);
    if (!st) {
        vsnprintf(text, (size_t)len + 1, fmt, again);
        *out = text;
    }
    va_end(again);
    return st;
}

void hp__arena_clear(hp__arena *a)
{
    while (a->chunks) {
        struct hp__chunk *next = a->chunks->next;
        free(a->chunks);
        a->chunks = next;
    }
}

/* Whole cache lines; NULL: no memory. */
static void *take_lines(size_t *bytes, size_t n, size_t size)
{
    if (!hp__mul(bytes, n, size) || !hp__add(bytes, *bytes, LINE - 1))
        return NULL;
    *bytes = *bytes < LINE ? LINE : *bytes - *bytes % LINE;
    return aligned_alloc(LINE, *bytes);
}

hp_status hp__new(void *out, size_t n, size_t size, hp_error *err)
{
    size_t bytes;
    void *block = take_lines(&bytes, n, size);
    if (!block)
        return fail_memory(err, n, size);
    memset(block, 0, bytes);
    memcpy(out, &block, sizeof block);
    return HP_OK;
}

hp_status hp__new_buffer(void *out, size_t n, size_t size, hp_error *err)
{
    size_t bytes;
    void *block = take_lines(&bytes, n, size);
    if (!block)
        return fail_memory(err, n, size);
    memcpy(out, &block, sizeof block);
    return HP_OK;
}
