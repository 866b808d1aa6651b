/* Where the states of batches lie that another batch is computed before. */
#include "run/batch_states.h"
#include "run/prepare.h"

static size_t tokens_of(const hp__run *r, size_t stack)
{
    const hp_sequences *s = &r->stacks[stack].sequences;
    return s->start[s->n];
}

hp_status hp__states_open(hp__states *out, const hp__run *r, size_t n,
                          size_t width, hp_error *err)
{
    uint64_t bytes = 0;
    out->width = width;
    for (size_t i = 0; i < n; i++) {
        size_t tokens = tokens_of(r, i % r->n_stacks);
        out->begin[i] = bytes;
        bytes += (uint64_t)tokens * r->variants.n * width * sizeof(float);
    }
    out->many = hp__batch_size(r, 0) < r->n_pieces;
    return out->many ? hp__room_open(&out->room, bytes, 0, err) : HP_OK;
}

void hp__states_close(hp__states *s)
{
    hp__room_close(&s->room);
}

/* Rows of one variant: `n` bytes from byte `from` of the room on, and in memory
 * from row `row` on. */
typedef struct span {
    uint64_t from;
    size_t row, n;
} span;

static span span_of(const hp__run *r, const hp__states *s, size_t i,
                    const hp__batch *b, size_t variant)
{
    const hp__stack *k = &r->stacks[i % r->n_stacks];
    const hp__piece *first = &k->pieces[b->pieces - r->pieces];
    const hp__piece *last = first + b->n - 1;
    const size_t *start = k->sequences.start;
    size_t row = s->width * sizeof(float);
    size_t tokens = variant * tokens_of(r, i % r->n_stacks);
    return (span){
        .from = s->begin[i] + (uint64_t)(tokens + start[first->first]) * row,
        .row = variant * k->batch_rows,
        .n = (start[last->first + last->n] - start[first->first]) * row};
}

hp_status hp__states_put(const hp__run *r, const hp__states *s, size_t i,
                         const float *rows, const hp__batch *b, hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t v = 0; v < r->variants.n && s->many && !st; v++) {
        span p = span_of(r, s, i, b, v);
        st = hp__room_put(&s->room, p.from, rows + p.row * s->width, p.n, err);
    }
    return st;
}

hp_status hp__states_get(const hp__run *r, const hp__states *s, size_t i,
                         float *rows, const hp__batch *b, hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t v = 0; v < r->variants.n && s->many && !st; v++) {
        span p = span_of(r, s, i, b, v);
        st = hp__room_get(&s->room, p.from, rows + p.row * s->width, p.n, err);
    }
    return st;
}

static size_t stack_of(const hp__run *r)
{
    return (size_t)(r->stack - r->stacks);
}

hp_status hp__hidden_get(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t i = 0; i <= stack_of(r) && !st; i++)
        st = hp__states_get(r, r->states, i, r->stacks[i].hidden, b, err);
    return st;
}

hp_status hp__hidden_put(const hp__run *r, const hp__batch *b, hp_error *err)
{
    return hp__states_put(r, r->states, stack_of(r), r->hidden, b, err);
}

hp_status hp__embed_batch(hp__run *r, const hp__batch *b, hp_error *err)
{
    hp_status st = hp__each_share(r, hp__embed_share, b->pieces, b->n, err);
    return st ? st : hp__hidden_put(r, b, err);
}

hp_status hp__each_batch(hp__run *r,
                         hp_status (*work)(hp__run *, const hp__batch *,
                                           hp_error *),
                         hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t i = 0; i < r->n_pieces && !st;) {
        const hp__batch b = {r->pieces + i, hp__batch_size(r, i)};
        st = work(r, &b, err);
        i += b.n;
    }
    return st;
}
