/* Refitted tensors in the bytes of a file of weights. */
#include "prune/replace.h"

#include <string.h>

static void overlay(unsigned char *bytes, uint64_t at, size_t n,
                    const hp_replacement *p)
{
    const hp_tensor *t = p->tensor;
    uint64_t from = t->offset > at ? t->offset : at;
    uint64_t end = at + n, tensor_end = t->offset + t->size;
    uint64_t to = tensor_end < end ? tensor_end : end;
    if (from < to)
        memcpy(bytes + (from - at), p->bytes + (from - t->offset),
               (size_t)(to - from));
}

void hp__replace(unsigned char *bytes, const hp_refit *r, size_t shard,
                 uint64_t at, size_t n)
{
    for (size_t i = 0; r && i < r->n_blocks; i++)
        if (r->blocks[i].refitted && r->replacements[i].tensor->shard == shard)
            overlay(bytes, at, n, &r->replacements[i]);
}
