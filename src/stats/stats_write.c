/* Files of statistics, written. */
#include "base/arena.h"
#include "stats/stats_file.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const parts[HP__STATS_PARTS] = {"c", "sum", "stream",
                                                   "rows"};

static hp_status plan_tensors(hp__tensor_plan *out, hp__arena *a,
                              const hp__stats_block *b, hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t k = 0; k < HP__STATS_PARTS && !st; k++) {
        out[k] = (hp__tensor_plan){.n_dims = k ? 1 : 2, .dims = {1, b->n}};
        if (k < 2)
            out[k].dims[0] = b->n;
        st = hp__arena_printf(&out[k].name, a, err, "%s.%s", b->name, parts[k]);
    }
    return st;
}

static void number(char out[24], size_t n)
{
    (void)snprintf(out, 24, "%zu", n);
}

hp_status hp__stats_create(hp__tensor_file **out, const char *path,
                           const hp__stats_block *blocks, size_t n,
                           const hp__stats_about *about, hp_error *err)
{
    static const hp_calibration_info unknown = {.source = "", .sha256 = ""};
    const hp_calibration_info *info = about->info ? about->info : &unknown;
    char sequences[24], length[24], tokens[24];
    hp__arena a = {0};
    hp__tensor_plan *plans = NULL;
    number(sequences, info->sequences);
    number(length, info->length);
    number(tokens, info->tokens);
    const hp__tensor_note notes[] = {{"format", "pt"},
                                     {"schema", HP__STATS_SCHEMA},
                                     {"fingerprint", about->fingerprint},
                                     {"source", info->source},
                                     {"sha256", info->sha256},
                                     {"sequences", sequences},
                                     {"length", length},
                                     {"tokens", tokens}};
    *out = NULL;
    hp_status st =
        hp__arena_alloc(&plans, &a, n * HP__STATS_PARTS, sizeof *plans, err);
    for (size_t i = 0; i < n && !st; i++)
        st = plan_tensors(plans + i * HP__STATS_PARTS, &a, &blocks[i], err);
    const hp__tensor_list list = {.tensors = plans,
                                  .n = n * HP__STATS_PARTS,
                                  .notes = notes,
                                  .n_notes = sizeof notes / sizeof *notes,
                                  .doubles = 1};
    if (!st)
        st = hp__tensor_file_open(out, path, &list, err);
    hp__arena_clear(&a);
    return st;
}

hp_status hp__stats_put(hp__tensor_file *f, size_t i, const hp_moments *m,
                        hp_error *err)
{
    size_t at = i * HP__STATS_PARTS;
    double rows = (double)m->rows;
    hp_status st = hp__tensor_file_put(f, at, 0, m->c, m->n * m->n, err);
    if (!st)
        st = hp__tensor_file_put(f, at + 1, 0, m->sum, m->n, err);
    if (!st)
        st = hp__tensor_file_put(f, at + 2, 0, &m->stream, 1, err);
    return st ? st : hp__tensor_file_put(f, at + 3, 0, &rows, 1, err);
}

/* ---- of a pass ---- */

typedef struct saving {
    hp__tensor_file *file;
    size_t next; /* block */
} saving;

static hp_status save_block(void *payload, const hp_moments *m, hp_error *err)
{
    saving *s = payload;
    return hp__stats_put(s->file, s->next++, m, err);
}

hp_status hp_moments_save(const char *path, const hp_model *m,
                          const hp_sequences *s, const hp_run_options *o,
                          const hp_calibration_info *info, hp_error *err)
{
    saving saved = {0};
    hp__stats_block *blocks = NULL;
    size_t n = hp_model_n_blocks(m);
    const hp__stats_about about = {hp_model_info_get(m)->fingerprint, info};
    const hp_moments_visitor visitor = {save_block, &saved};
    hp_status st = hp__new(&blocks, n, sizeof *blocks, err);
    for (size_t i = 0; i < n && !st; i++) {
        const hp_block *b = hp_model_block(m, i);
        blocks[i] =
            (hp__stats_block){b->name, (size_t)b->n_heads * b->head_dim};
    }
    if (!st)
        st = hp__stats_create(&saved.file, path, blocks, n, &about, err);
    if (!st)
        st = hp_moments_sweep(m, s, o, &visitor, err);
    if (!st)
        st = hp__tensor_file_commit(saved.file, err);
    hp__tensor_file_free(saved.file);
    free(blocks);
    return st;
}
