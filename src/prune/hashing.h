#ifndef HEADPRUNE_PRUNE_HASHING_H
#define HEADPRUNE_PRUNE_HASHING_H

#include "headprune/error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * SHA-256 of a file while it is read or written: a thread of its own hashes a
 * copy of the bytes, which takes longer than reading and writing them. It
 * sleeps when it has none. Where no thread can be had, and for small files,
 * bytes are hashed as they come.
 */
typedef struct hp__hashing hp__hashing;

/* `size`: bytes that will come, as far as they are known. */
HP_CHECKED
hp_status hp__hashing_open(hp__hashing **out, uint64_t size, hp_error *err);
void hp__hashing_add(hp__hashing *h, const void *bytes, size_t n);
/* Of all that was added; nothing is added after that. */
void hp__hashing_hex(hp__hashing *h, char out[65]);
void hp__hashing_free(hp__hashing *h); /* NULL is fine */

#endif
