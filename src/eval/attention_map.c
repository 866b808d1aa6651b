/*
 * Attention seen on one sequence. Of every head a few sums are kept; matrices
 * go to the file row by row, and one may stay in memory.
 */
#include "base/arena.h"
#include "base/checked.h"
#include "headprune/attention.h"
#include "io/emit_json.h"
#include "io/tensor_file.h"
#include "model/info.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NOT_WRITTEN SIZE_MAX

typedef struct owned_attention {
    hp_attention attention; /* first: its address is the handle */
    hp__arena arena;
} owned_attention;

typedef struct survey {
    hp_attention *a;
    hp_attention_head *values; /* [heads] sums, then means */
    double *received;          /* [heads, room] shares of keys */
    size_t room;               /* tokens of the longer side */
    float *matrix;             /* of the head wanted; NULL: none */
    hp__tensor_file *file;     /* NULL: none */
    size_t *tensor;            /* [blocks] its place in the file */
    hp_progress outer;
    int taken;        /* 1: a thread is the first that failed */
    hp_status failed; /* readable when not HP_OK */
    hp_error why;
} survey;

/* ---- what the sweep shows ---- */

static void add_row(hp_attention_head *v, double *received, const float *p,
                    size_t query)
{
    size_t n = v->keys->n;
    v->first += (double)p[0];
    for (size_t j = 0; j < n; j++)
        received[j] += (double)p[j];
    if (v->keys != v->queries)
        return;
    v->own += (double)p[query];
    if (query)
        v->previous += (double)p[query - 1];
    if (query + 1 < n)
        v->next += (double)p[query + 1];
}

/* The first failure is kept; progress then ends the sweep. */
static void write_rows(survey *s, const hp_seen *seen, size_t tensor)
{
    hp_error err = {0};
    size_t n = seen->n_key;
    size_t queries = s->values[seen->block->first_head].queries->n;
    uint64_t first = ((uint64_t)seen->head * queries + seen->position) * n;
    hp_status st = hp__tensor_file_put(s->file, tensor, first, seen->probs,
                                       seen->n_query * n, &err);
    if (!st || __atomic_exchange_n(&s->taken, 1, __ATOMIC_ACQ_REL))
        return;
    s->why = err;
    __atomic_store_n(&s->failed, st, __ATOMIC_RELEASE);
}

static void see_probs(survey *s, const hp_seen *seen, size_t head)
{
    size_t n = seen->n_key;
    for (size_t i = 0; i < seen->n_query; i++)
        add_row(&s->values[head], s->received + head * s->room,
                seen->probs + i * n, seen->position + i);
    if (s->matrix && head == s->a->head)
        memcpy(s->matrix + seen->position * n, seen->probs,
               seen->n_query * n * sizeof *s->matrix);
    size_t tensor = s->tensor[s->a->heads[head].block];
    if (s->file && tensor != NOT_WRITTEN)
        write_rows(s, seen, tensor);
}

static void see(void *payload, const hp_seen *seen)
{
    survey *s = payload;
    size_t head = seen->block->first_head + seen->head;
    if (seen->probs)
        see_probs(s, seen, head);
    for (size_t i = 0; seen->row_entropy && i < seen->n_query; i++)
        s->values[head].entropy += seen->row_entropy[i];
}

static int step(void *payload, uint64_t done, uint64_t total)
{
    survey *s = payload;
    if (__atomic_load_n(&s->failed, __ATOMIC_ACQUIRE))
        return 1;
    return s->outer.step ? s->outer.step(s->outer.payload, done, total) : 0;
}

/* ---- sums to means ---- */

static void finish(survey *s, const hp_model *m)
{
    for (size_t h = 0; h < s->a->n_heads; h++) {
        hp_attention_head *v = &s->values[h];
        const double *received = s->received + h * s->room;
        const hp_block *b = hp_model_block(m, s->a->heads[h].block);
        size_t n = v->queries->n;
        int near = n > 1 && !b->cross;
        v->entropy /= (double)n;
        v->first /= (double)n;
        v->own = b->cross ? (double)NAN : v->own / (double)n;
        v->previous = near ? v->previous / (double)(n - 1) : (double)NAN;
        v->next = near && !b->causal ? v->next / (double)(n - 1) : (double)NAN;
        for (uint32_t j = 1; j < v->keys->n; j++)
            if (received[j] > received[v->top])
                v->top = j;
        v->top_share = received[v->top] / (double)n;
    }
}

/* ---- the file ---- */

/* The tokens as the text of a JSON array. */
static hp_status write_tokens(char **out, const hp_attention_tokens *t,
                              hp_error *err)
{
    hp__buffer b = {0};
    hp__emitter e;
    hp__emit_start(&e, &b);
    hp__emit_array(&e, NULL, 1);
    for (size_t i = 0; i < t->n; i++)
        if (t->texts)
            hp__emit_string(&e, NULL, t->texts[i]);
        else
            hp__emit_int(&e, NULL, t->ids[i]);
    hp__emit_end(&e);
    hp_status st = hp__buffer_take(out, NULL, &b, err);
    if (!st)
        (*out)[strcspn(*out, "\n")] = '\0'; /* of a document's end */
    return st;
}

static hp_status open_tensors(survey *s, const hp_model *m, const char *path,
                              hp__tensor_plan *plans, hp_error *err)
{
    char *tokens = NULL, *decoder = NULL;
    hp__tensor_list list = {.tensors = plans};
    for (size_t i = 0; i < hp_model_n_blocks(m); i++) {
        const hp_block *b = hp_model_block(m, i);
        if (s->tensor[i] == NOT_WRITTEN)
            continue;
        s->tensor[i] = list.n;
        const hp_attention_head *v = &s->values[b->first_head];
        plans[list.n++] =
            (hp__tensor_plan){.name = b->name,
                              .n_dims = 3,
                              .dims = {b->n_heads, v->queries->n, v->keys->n}};
    }
    hp_status st = write_tokens(&tokens, &s->a->tokens, err);
    if (!st)
        st = write_tokens(&decoder, &s->a->decoder, err);
    const hp__tensor_note notes[] = {
        {"format", "pt"}, {"tokens", tokens}, {"decoder_tokens", decoder}};
    list.notes = notes;
    list.n_notes = s->a->decoder.n ? 3 : 2;
    if (!st)
        st = hp__tensor_file_open(&s->file, path, &list, err);
    free(tokens);
    free(decoder);
    return st;
}

static hp_status open_file(survey *s, const hp_model *m,
                           const hp_attention_options *o, hp_error *err)
{
    hp__tensor_plan *plans = NULL;
    size_t n = hp_model_n_blocks(m);
    hp_status st = hp__new(&s->tensor, n, sizeof *s->tensor, err);
    for (size_t i = 0; i < n && !st; i++)
        s->tensor[i] = o->blocks && !o->blocks[i] ? NOT_WRITTEN : 0;
    if (st || !o->out)
        return st;
    if (hp_checkpoint_has_file(hp_model_checkpoint(m), o->out))
        return hp_fail_file(
            err, hp_fail(err, HP_IO, "is a file of the model itself"), o->out);
    st = hp__new(&plans, n, sizeof *plans, err);
    if (!st)
        st = open_tensors(s, m, o->out, plans, err);
    free(plans);
    return st;
}

/* ---- the result ---- */

static hp_status copy_tokens(hp_attention_tokens *out, hp__arena *arena,
                             const hp_attention_tokens *t, hp_error *err)
{
    const char **texts = NULL;
    int32_t *ids = NULL;
    hp_status st = hp__arena_alloc(&ids, arena, t->n, sizeof *ids, err);
    if (st || !t->n)
        return st;
    memcpy(ids, t->ids, t->n * sizeof *ids);
    *out = (hp_attention_tokens){.n = t->n, .ids = ids};
    if (!t->texts)
        return HP_OK;
    st = hp__arena_alloc(&texts, arena, t->n, sizeof *texts, err);
    for (size_t i = 0; i < t->n && !st; i++)
        st = hp__arena_strdup(&texts[i], arena, t->texts[i], err);
    out->texts = texts;
    return st;
}

static hp_status get_matrix(survey *s, hp__arena *arena,
                            const hp_attention_options *o, hp_error *err)
{
    size_t cells;
    if (!o->has_head)
        return HP_OK;
    if (o->head >= s->a->n_heads)
        return hp_fail(err, HP_INVALID, "the model has no head %u", o->head);
    const hp_attention_head *v = &s->values[o->head];
    if (!hp__mul(&cells, v->queries->n, v->keys->n))
        return hp_fail(err, HP_NOMEM, "out of memory (%zu x %zu)",
                       v->queries->n, v->keys->n);
    s->a->head = o->head;
    hp_status st =
        hp__arena_alloc(&s->matrix, arena, cells, sizeof *s->matrix, err);
    s->a->matrix = s->matrix;
    return st;
}

static hp_status get_memory(survey *s, hp__arena *arena, const hp_model *m,
                            const hp_attention_tokens *tokens,
                            const hp_attention_options *o, hp_error *err)
{
    hp_attention *a = s->a;
    size_t cells;
    a->n_heads = hp_model_n_heads(m);
    hp_status st = hp__info_copy(&a->model, arena, hp_model_info_get(m), err);
    if (!st)
        st = hp__heads_copy(&a->heads, arena, hp_model_heads(m), a->n_heads,
                            err);
    if (!st)
        st = copy_tokens(&a->tokens, arena, tokens, err);
    if (!st)
        st = copy_tokens(&a->decoder, arena, &o->decoder, err);
    if (!st)
        st = hp__arena_alloc(&s->values, arena, a->n_heads, sizeof *s->values,
                             err);
    if (st)
        return st;
    a->values = s->values;
    for (size_t h = 0; h < a->n_heads; h++) {
        const hp_block *b = hp_model_block(m, a->heads[h].block);
        s->values[h].queries = b->decoder ? &a->decoder : &a->tokens;
        s->values[h].keys = b->cross ? &a->tokens : s->values[h].queries;
    }
    s->room = tokens->n > o->decoder.n ? tokens->n : o->decoder.n;
    if (!hp__mul(&cells, a->n_heads, s->room))
        return hp_fail(err, HP_NOMEM, "out of memory (%zu tokens)", s->room);
    if (!st)
        st = hp__new(&s->received, cells, sizeof *s->received, err);
    return st ? st : get_matrix(s, arena, o, err);
}

static hp_status run(survey *s, const hp_model *m, const hp_sequences *q,
                     const hp_attention_options *o, hp_error *err)
{
    hp_run_options run = o->run;
    hp_observer observer = {
        .wants = HP_SEE_PROBS | HP_SEE_ENTROPY, .see = see, .payload = s};
    s->outer = run.progress;
    run.progress = (hp_progress){step, s};
    hp_status st = hp_run_sweep(m, q, &run, &observer, err);
    if (s->failed) {
        if (err)
            *err = s->why;
        return s->failed;
    }
    if (!st)
        finish(s, m);
    return st || !s->file ? st : hp__tensor_file_commit(s->file, err);
}

hp_status hp_attention_run(hp_attention **out, const hp_model *m,
                           const int32_t *ids, size_t n,
                           const hp_attention_options *o, hp_error *err)
{
    owned_attention *own = NULL;
    const size_t start[2] = {0, n}, decoder_start[2] = {0, o->decoder.n};
    const hp_sequences decoder = {
        .ids = o->decoder.ids, .start = decoder_start, .n = 1};
    const hp_sequences q = {.ids = ids,
                            .start = start,
                            .n = 1,
                            .decoder = o->decoder.n ? &decoder : NULL};
    const hp_attention_tokens tokens = {n, ids, o->texts};
    uint32_t most = hp_model_spec(m)->max_positions;
    *out = NULL;
    /* Before disk is taken for matrices that nobody will compute. */
    if (most && n > most)
        return hp_fail(err, HP_INVALID,
                       "%zu tokens, but the model takes at most %u", n, most);
    hp_status st = hp__new(&own, 1, sizeof *own, err);
    if (st)
        return st;
    survey s = {.a = &own->attention};
    st = get_memory(&s, &own->arena, m, &tokens, o, err);
    if (!st)
        st = open_file(&s, m, o, err);
    if (!st)
        st = run(&s, m, &q, o, err);
    hp__tensor_file_free(s.file);
    free(s.tensor);
    free(s.received);
    if (st)
        hp_attention_free(s.a);
    else
        *out = s.a;
    return st;
}

void hp_attention_free(hp_attention *a)
{
    owned_attention *own = (owned_attention *)a;
    if (own)
        hp__arena_clear(&own->arena);
    free(own);
}
