#ifndef HEADPRUNE_BASE_SHA256_H
#define HEADPRUNE_BASE_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* SHA-256 (FIPS 180-4). */
typedef struct hp__sha256 {
    uint32_t state[8];
    uint64_t bytes;
    unsigned char block[64];
    int x86; /* by the processor's own instructions */
} hp__sha256;

void hp__sha256_init(hp__sha256 *s);
void hp__sha256_add(hp__sha256 *s, const void *bytes, size_t len);
/* 64 hex digits and a NUL. */
void hp__sha256_hex(hp__sha256 *s, char out[65]);

/* sha256_x86.c: whole blocks, with the round constants `k`; only when usable.
 */
int hp__sha256_x86_usable(void);
void hp__sha256_x86(uint32_t state[8], const unsigned char *blocks,
                    size_t n_blocks, const uint32_t k[64]);

#endif
