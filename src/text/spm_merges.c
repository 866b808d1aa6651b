/*
 * A SentencePiece BPE model has scores and no merges: every way to put a piece
 * together out of two others is one, ranked by the piece's score, as
 * transformers does it (generate_merges).
 */
#include "text/spm.h"

#include <stdlib.h>
#include <string.h>

/* A piece out of two others. */
typedef struct join {
    float score;
    uint32_t left_chars, right_chars, piece;
    int32_t left, right;
} join;

/* Best score first; of equals the longest left part, then right part; else in
 * the order of ids. */
static int compare_joins(const void *a, const void *b)
{
    const join *x = a, *y = b;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (x->left_chars != y->left_chars)
        return x->left_chars > y->left_chars ? -1 : 1;
    if (x->right_chars != y->right_chars)
        return x->right_chars > y->right_chars ? -1 : 1;
    if (x->piece != y->piece)
        return x->piece < y->piece ? -1 : 1;
    if (x->left != y->left)
        return x->left < y->left ? -1 : 1;
    return (x->right > y->right) - (x->right < y->right);
}

static uint32_t count_characters(const char *text, size_t len)
{
    uint32_t n = 0;
    for (size_t i = 0; i < len; i++)
        n += ((unsigned char)text[i] & 0xC0) != 0x80;
    return n;
}

static void find_joins(hp__buffer *joins, const hp__vocab *v,
                       const hp__spm_piece *p, uint32_t id)
{
    for (size_t i = 1; i < p->len; i++) {
        if (((unsigned char)p->text[i] & 0xC0) == 0x80)
            continue;
        int32_t left = hp__vocab_find(v, p->text, i);
        int32_t right =
            left < 0 ? -1 : hp__vocab_find(v, p->text + i, p->len - i);
        if (right < 0)
            continue;
        join j = {p->score,
                  count_characters(p->text, i),
                  count_characters(p->text + i, p->len - i),
                  id,
                  left,
                  right};
        hp__buffer_add(joins, &j, sizeof j);
    }
}

static hp_status add_merges(hp__subword *out, const hp__spm *m,
                            const join *joins, size_t n, hp_error *err)
{
    const hp__spm_piece *pieces = m->pieces;
    hp_status st = HP_OK;
    for (size_t i = 0; i < n && !st; i++) {
        const hp__spm_piece *l = &pieces[joins[i].left];
        const hp__spm_piece *r = &pieces[joins[i].right];
        hp__merge_text merge = {l->text, r->text, l->len, r->len, (uint32_t)i};
        st = hp__bpe_add(out, &merge, 1, err);
    }
    return st;
}

hp_status hp__spm_merges(hp__subword *out, hp__arena *a, const hp__vocab *v,
                         const hp__spm *m, hp_error *err)
{
    hp__buffer joins = {0};
    for (size_t i = 0; i < m->n; i++)
        find_joins(&joins, v, &m->pieces[i], (uint32_t)i);
    size_t n = joins.len / sizeof(join);
    hp_status st = HP_OK;
    if (joins.failed)
        st = hp_fail(err, HP_NOMEM, "out of memory (merges)");
    if (!st && n)
        qsort(joins.data, n, sizeof(join), compare_joins);
    if (!st)
        st = hp__bpe_init(out, a, v, n, err);
    if (!st)
        st = add_merges(out, m, (void *)joins.data, n, err);
    hp__buffer_clear(&joins);
    return st;
}
