#ifndef HEADPRUNE_BASE_ARENA_H
#define HEADPRUNE_BASE_ARENA_H

#include "headprune/error.h"

#include <stddef.h>

/*
 * Memory of one lifetime: every handle owns one arena, freed whole. Blocks are
 * zeroed, aligned for any type, and live until hp__arena_clear.
 */
typedef struct hp__arena {
    struct hp__chunk *chunks;
} hp__arena;

/* All return HP_NOMEM with a message that names the bytes asked for. */
HP_CHECKED
hp_status hp__arena_alloc(void *out, hp__arena *a, size_t n, size_t size,
                          hp_error *err);
HP_CHECKED
hp_status hp__arena_copy(char **out, hp__arena *a, const char *text, size_t len,
                         hp_error *err);
HP_CHECKED
hp_status hp__arena_strdup(const char **out, hp__arena *a, const char *text,
                           hp_error *err);
HP_CHECKED
hp_status hp__arena_printf(const char **out, hp__arena *a, hp_error *err,
                           const char *fmt, ...) HP_PRINTF(4, 5);
void hp__arena_clear(hp__arena *a);

/*
 * Working memory: `n` x `size` zeroed bytes aligned to 64, freed by free().
 * `out` is the address of a pointer. These and the arena are the only places
 * of the library that allocate.
 */
HP_CHECKED
hp_status hp__new(void *out, size_t n, size_t size, hp_error *err);
/* The same without zeros, for buffers that are filled before they are read:
 * the system gives the memory to whoever writes to it first. */
HP_CHECKED
hp_status hp__new_buffer(void *out, size_t n, size_t size, hp_error *err);

#endif
