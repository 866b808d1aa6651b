/* The bytes of one file of weights, streamed through one buffer. */
#include "prune/changes.h"
#include "prune/cut.h"
#include "prune/replace.h"
#include "prune/rewriting.h"

#include <string.h>

/* Zeroes what changes in the `n` bytes of r->chunk, which begin at `at`. */
static void zero(hp_rewrite *r, size_t shard, uint64_t at, size_t n)
{
    hp__stretch part;
    hp__stretches all =
        hp__stretches_of(&r->edition, (uint32_t)shard, at, at + n);
    while (hp__stretches_next(&all, &part))
        memset(r->chunk + (part.at - at), 0, (size_t)part.len);
}

/* Closes up the chunk over the bytes that are cut; returns how many stay. */
static size_t cut(hp_rewrite *r, size_t shard, uint64_t at, size_t n)
{
    hp__stretch part;
    size_t kept = 0, from = 0;
    hp__stretches all =
        hp__stretches_of(&r->edition, (uint32_t)shard, at, at + n);
    while (hp__stretches_next(&all, &part)) {
        size_t until = (size_t)(part.at - at);
        memmove(r->chunk + kept, r->chunk + from, until - from);
        kept += until - from;
        from = until + (size_t)part.len;
    }
    memmove(r->chunk + kept, r->chunk + from, n - from);
    return kept + n - from;
}

/* A header of its own where bands are cut out of the data. */
static hp_status make_header(hp__text *out, hp_rewrite *r, size_t i,
                             hp_error *err)
{
    hp_status st = hp__cut_header(out, &r->arena, r->checkpoint, (uint32_t)i,
                                  &r->edition, err);
    if (!st && r->undo)
        st = hp__undo_header(r->undo, r, i, err);
    return st;
}

hp_status hp__shard_write(hp_rewrite *r, size_t i, const char *name,
                          hp_error *err)
{
    hp__sink s = {0};
    const hp_shard *shard = hp_checkpoint_shard(r->checkpoint, i);
    uint64_t less = hp__changes_cut(&r->edition, (uint32_t)i),
             at = less ? shard->data_offset : 0;
    hp__text header = {NULL, 0};
    hp_status st = HP_OK;
    if (less)
        st = make_header(&header, r, i, err);
    if (!st)
        st = hp__sink_open(&s, r, name, header.len + shard->size - at - less,
                           err);
    if (!st && less)
        st = hp__sink_write(&s, r, header.bytes, header.len, err);
    while (at < shard->size && !st) {
        size_t n = shard->size - at < HP__WRITE_CHUNK
                       ? (size_t)(shard->size - at)
                       : HP__WRITE_CHUNK;
        st = hp_checkpoint_read_shard(r->checkpoint, i, at, n, r->chunk, err);
        if (!st && r->undo)
            st = hp__undo_see(r->undo, r, i, at, n, err);
        if (st)
            break;
        hp__replace(r->chunk, r->refit, i, at, n);
        at += n;
        if (less)
            n = cut(r, i, at - n, n);
        else
            zero(r, i, at - n, n);
        st = hp__sink_write(&s, r, r->chunk, n, err);
    }
    return hp__sink_close(&s, r, st, err);
}
