/*
 * A ring of slots, one producer, one consumer. Bytes are copied into it because
 * a buffer that one processor reads into and another has just read costs more
 * than the copy: each of its cache lines must first be taken away again.
 */
#include "prune/hashing.h"
#include "base/arena.h"
#include "base/sha256.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS      8U
#define SLOT_BYTES ((size_t)512 << 10)
/* Below, starting a thread is not worth it. */
#define LEAST_SIZE ((uint64_t)1 << 20)

struct hp__hashing {
    hp__sha256 sha;
    unsigned char *ring; /* [SLOTS, SLOT_BYTES]; NULL: there is no thread */
    size_t used[SLOTS];  /* bytes in a slot */
    size_t given, taken; /* slots so far */
    int ended;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

static unsigned char *slot(const hp__hashing *h, size_t i)
{
    return h->ring + i % SLOTS * SLOT_BYTES;
}

static void *hash_all(void *payload)
{
    hp__hashing *h = payload;
    pthread_mutex_lock(&h->lock);
    for (;;) {
        while (h->taken == h->given && !h->ended)
            pthread_cond_wait(&h->changed, &h->lock);
        if (h->taken == h->given)
            break;
        pthread_mutex_unlock(&h->lock);
        hp__sha256_add(&h->sha, slot(h, h->taken), h->used[h->taken % SLOTS]);
        pthread_mutex_lock(&h->lock);
        h->taken++;
        pthread_cond_signal(&h->changed);
    }
    pthread_mutex_unlock(&h->lock);
    return NULL;
}

/* Without a thread, when the system gives none. */
static void start(hp__hashing *h)
{
    pthread_mutex_init(&h->lock, NULL);
    pthread_cond_init(&h->changed, NULL);
    if (pthread_create(&h->thread, NULL, hash_all, h) == 0)
        return;
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
    free(h->ring);
    h->ring = NULL;
}

static void stop(hp__hashing *h)
{
    if (!h->ring)
        return;
    pthread_mutex_lock(&h->lock);
    h->ended = 1;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
    pthread_join(h->thread, NULL);
    pthread_cond_destroy(&h->changed);
    pthread_mutex_destroy(&h->lock);
    free(h->ring);
    h->ring = NULL;
}

hp_status hp__hashing_open(hp__hashing **out, uint64_t size, hp_error *err)
{
    hp__hashing *h = NULL;
    *out = NULL;
    hp_status st = hp__new(&h, 1, sizeof *h, err);
    if (!st && size >= LEAST_SIZE)
        st = hp__new_buffer(&h->ring, SLOTS, SLOT_BYTES, err);
    if (st) {
        free(h);
        return st;
    }
    hp__sha256_init(&h->sha);
    if (h->ring)
        start(h);
    *out = h;
    return HP_OK;
}

static void wait_for_room(hp__hashing *h)
{
    pthread_mutex_lock(&h->lock);
    while (h->given - h->taken == SLOTS)
        pthread_cond_wait(&h->changed, &h->lock);
    pthread_mutex_unlock(&h->lock);
}

static void give(hp__hashing *h, size_t n)
{
    pthread_mutex_lock(&h->lock);
    h->used[h->given++ % SLOTS] = n;
    pthread_cond_signal(&h->changed);
    pthread_mutex_unlock(&h->lock);
}

void hp__hashing_add(hp__hashing *h, const void *bytes, size_t n)
{
    const unsigned char *from = bytes;
    if (!h->ring) {
        hp__sha256_add(&h->sha, bytes, n);
        return;
    }
    while (n) {
        size_t part = n < SLOT_BYTES ? n : SLOT_BYTES;
        wait_for_room(h);
        memcpy(slot(h, h->given), from, part);
        give(h, part);
        from += part;
        n -= part;
    }
}

void hp__hashing_hex(hp__hashing *h, char out[65])
{
    stop(h);
    hp__sha256_hex(&h->sha, out);
}

void hp__hashing_free(hp__hashing *h)
{
    if (!h)
        return;
    stop(h);
    free(h);
}
