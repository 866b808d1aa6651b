#ifndef HEADPRUNE_TEXT_TRIE_H
#define HEADPRUNE_TEXT_TRIE_H

#include "base/arena.h"
#include "text/vocab.h"

/*
 * All tokens of a vocabulary as a tree of bytes: finds every token that begins
 * a text in one pass. The children of a node lie together, sorted by byte.
 */
typedef struct hp__trie_node {
    uint32_t children; /* index of the first */
    uint16_t n_children;
    uint8_t byte;
    int32_t id; /* of the token that ends here; -1: none does */
} hp__trie_node;

typedef struct hp__trie {
    const hp__trie_node *nodes; /* [0] is the root */
} hp__trie;

HP_CHECKED
hp_status hp__trie_build(hp__trie *out, hp__arena *a, const hp__vocab *v,
                         hp_error *err);

/* NULL: no token goes on like that. */
static inline const hp__trie_node *
hp__trie_next(const hp__trie *t, const hp__trie_node *node, char c)
{
    const hp__trie_node *at = t->nodes + node->children;
    size_t n = node->n_children;
    while (n > 1) {
        size_t half = n / 2;
        if (at[half].byte <= (unsigned char)c)
            at += half;
        n -= half;
    }
    return n && at->byte == (unsigned char)c ? at : NULL;
}

#endif
