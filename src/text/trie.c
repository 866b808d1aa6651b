/* Sorted, tokens that begin alike lie together: the tree is made level by
 * level out of ranges of them. */
#include "text/trie.h"

#include <stdlib.h>
#include <string.h>

typedef struct range {
    size_t from, to, depth; /* tokens that have `depth` bytes in common */
} range;

typedef struct entry {
    const char *text;
    size_t len;
    int32_t id;
} entry;

typedef struct builder {
    entry *tokens; /* [n] sorted */
    size_t n;
    hp__trie_node *nodes;
    range *ranges; /* of every node */
    size_t n_nodes;
} builder;

static int compare(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    size_t least = x->len < y->len ? x->len : y->len;
    int order = least ? memcmp(x->text, y->text, least) : 0;
    return order ? order : (x->len > y->len) - (x->len < y->len);
}

static size_t count_nodes(const builder *b)
{
    size_t n = 1;
    for (size_t i = 0; i < b->n; i++) {
        size_t same = 0;
        if (i)
            while (same < b->tokens[i - 1].len && same < b->tokens[i].len &&
                   b->tokens[i - 1].text[same] == b->tokens[i].text[same])
                same++;
        n += b->tokens[i].len - same;
    }
    return n;
}

/* The children of a node, behind all nodes there are. */
static void add_children(builder *b, size_t parent)
{
    range r = b->ranges[parent];
    if (r.from < r.to && b->tokens[r.from].len == r.depth)
        b->nodes[parent].id = b->tokens[r.from++].id;
    b->nodes[parent].children = (uint32_t)b->n_nodes;
    while (r.from < r.to) {
        char byte = b->tokens[r.from].text[r.depth];
        size_t end = r.from + 1;
        while (end < r.to && b->tokens[end].text[r.depth] == byte)
            end++;
        b->nodes[b->n_nodes] =
            (hp__trie_node){.byte = (unsigned char)byte, .id = -1};
        b->ranges[b->n_nodes++] = (range){r.from, end, r.depth + 1};
        b->nodes[parent].n_children++;
        r.from = end;
    }
}

static hp_status build(builder *b, hp__arena *a, hp_error *err)
{
    if (b->n)
        qsort(b->tokens, b->n, sizeof *b->tokens, compare);
    size_t n = count_nodes(b);
    if (n >= UINT32_MAX)
        return hp_fail(err, HP_FORMAT, "vocabulary of %zu bytes is too large",
                       n);
    hp_status st = hp__arena_alloc(&b->nodes, a, n, sizeof *b->nodes, err);
    if (!st)
        st = hp__new(&b->ranges, n, sizeof *b->ranges, err);
    if (st)
        return st;
    b->nodes[0].id = -1;
    b->ranges[0] = (range){0, b->n, 0};
    b->n_nodes = 1;
    for (size_t i = 0; i < b->n_nodes; i++)
        add_children(b, i);
    return HP_OK;
}

hp_status hp__trie_build(hp__trie *out, hp__arena *a, const hp__vocab *v,
                         hp_error *err)
{
    builder b = {.n = v->n};
    hp_status st = hp__new(&b.tokens, v->n, sizeof *b.tokens, err);
    for (size_t i = 0; i < v->n && !st; i++)
        b.tokens[i] =
            (entry){v->tokens[i].text, v->tokens[i].len, v->tokens[i].id};
    if (!st)
        st = build(&b, a, err);
    free(b.tokens);
    free(b.ranges);
    out->nodes = b.nodes;
    return st;
}
