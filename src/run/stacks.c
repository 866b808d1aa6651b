/*
 * Which layers a sweep goes through with which tokens, and how these are cut:
 * into pieces that depend on the sequences alone, and batches of as many
 * pieces as the budget holds. Of an encoder and a decoder both stacks are cut
 * at the same sequences: what the encoder makes of a batch stays in memory
 * while the decoder reads it.
 */
#include "base/arena.h"
#include "base/checked.h"
#include "run/prepare.h"

#include <stdlib.h>

void hp__run_enter(hp__run *r, size_t i)
{
    const hp__stack *k = &r->stacks[i];
    r->stack = k;
    r->sequences = &k->sequences;
    r->pieces = k->pieces;
    r->hidden = k->hidden;
    r->sizes.batch_rows = k->batch_rows;
}

/* As the model has it, unless the caller has chosen. */
static void list_stacks(hp__run *r)
{
    const hp_spec *s = &r->model->spec;
    const hp_sequences *q = r->sequences;
    if (r->n_stacks)
        return;
    r->stacks[0] = (hp__stack){.sequences = *q, .end_layer = s->n_layers};
    r->n_stacks = 1;
    if (!q->decoder)
        return;
    r->stacks[0].end_layer = s->n_encoder_layers;
    r->stacks[1] = (hp__stack){.sequences = *q->decoder,
                               .first_layer = s->n_encoder_layers,
                               .end_layer = s->n_layers};
    r->n_stacks = 2;
}

/* ---- pieces ---- */

static int fits(const hp_sequences *s, size_t first, size_t end)
{
    return s->start[end] - s->start[first] <= HP__PIECE_ROWS;
}

/* Whole sequences, one after the other, up to HP__PIECE_ROWS rows of each
 * stack; a longer one is a piece of its own. */
size_t hp__piece_end(const hp_sequences *s, size_t first)
{
    size_t end = first + 1;
    while (end < s->n && fits(s, first, end + 1) &&
           (!s->decoder || fits(s->decoder, first, end + 1)))
        end++;
    return end;
}

static void grow(size_t *most, size_t n)
{
    *most = n > *most ? n : *most;
}

static void cut(hp__run *r, hp__stack *k)
{
    const hp_sequences *all = &r->stacks[0].sequences;
    const size_t *start = k->sequences.start;
    r->n_pieces = 0;
    for (size_t s = 0, end; s < all->n; s = end) {
        hp__piece *p = &k->pieces[r->n_pieces++];
        end = hp__piece_end(all, s);
        *p = (hp__piece){
            .first = s, .n = end - s, .rows = start[end] - start[s]};
        grow(&r->sizes.piece_rows, p->rows);
        for (; s < end; s++)
            grow(&r->sizes.length, start[s + 1] - start[s]);
    }
}

hp_status hp__stacks_open(hp__run *r, hp_error *err)
{
    hp_status st = HP_OK;
    list_stacks(r);
    for (size_t i = 0; i < r->n_stacks && !st; i++) {
        hp__stack *k = &r->stacks[i];
        st = hp__new(&k->pieces, k->sequences.n, sizeof *k->pieces, err);
        if (!st)
            cut(r, k);
    }
    if (!st)
        hp__run_enter(r, 0);
    return st;
}

/* ---- batches ---- */

size_t hp__batch_size(const hp__run *r, size_t first)
{
    size_t row = r->model->spec.width + r->sizes.outputs;
    if (r->observer->wants & HP_SEE_GRADIENT) /* each has one */
        row *= 2;
    size_t most = r->sizes.budget / sizeof(float) / row, rows = 0;
    most /= r->variants.n;
    size_t i = first;
    for (; i < r->n_pieces; i++) {
        size_t own = 0;
        for (size_t k = 0; k < r->n_stacks; k++)
            own += r->stacks[k].pieces[i].rows;
        if (i > first && rows + own > most)
            break;
        rows += own;
    }
    size_t n = i - first, together = r->sizes.together;
    int rounded = i < r->n_pieces && together && n > together;
    return rounded ? n - n % together : n;
}

static void lay_out_batches(const hp__run *r, hp__stack *k)
{
    for (size_t i = 0; i < r->n_pieces;) {
        size_t n = hp__batch_size(r, i), rows = 0;
        for (size_t end = i + n; i < end; i++) {
            k->pieces[i].row = rows;
            rows += k->pieces[i].rows;
        }
        grow(&k->batch_rows, rows);
    }
}

hp_status hp__stacks_alloc(hp__run *r, hp_error *err)
{
    hp_status st = HP_OK;
    size_t rows, most = 0;
    for (size_t i = 0; i < r->n_stacks && !st; i++) {
        hp__stack *k = &r->stacks[i];
        lay_out_batches(r, k);
        if (!hp__mul(&rows, k->batch_rows, r->variants.n))
            return hp_fail(err, HP_NOMEM, "out of memory (%zu variants)",
                           r->variants.n);
        st = hp__new(&k->hidden, rows, r->model->spec.width * sizeof(float),
                     err);
        grow(&most, rows);
    }
    if (!st && r->sizes.outputs)
        st = hp__new(&r->outputs, most, r->sizes.outputs * sizeof(float), err);
    if (!st)
        hp__run_enter(r, 0);
    return st;
}

void hp__stacks_close(hp__run *r)
{
    for (size_t i = 0; i < r->n_stacks; i++) {
        free(r->stacks[i].pieces);
        free(r->stacks[i].hidden);
    }
    free(r->outputs);
}

/* ---- work ---- */

static uint64_t stack_work(const hp_sequences *s, const hp__variants *v,
                           uint32_t first, uint32_t end)
{
    uint64_t layers = v ? hp__variants_layers(v, first, end) : end - first;
    return layers * s->start[s->n];
}

uint64_t hp__sweep_work(const hp_model *m, const hp_sequences *s,
                        const hp__variants *v)
{
    uint32_t all = m->spec.n_layers, encoder = m->spec.n_encoder_layers;
    if (!s->decoder)
        return stack_work(s, v, 0, all);
    return stack_work(s, v, 0, encoder) +
           stack_work(s->decoder, v, encoder, all);
}
