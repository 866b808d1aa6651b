/*
 * Files of statistics, read: several of them are one, whose sums are added in
 * the order of the files as a block is asked for.
 */
#include "base/arena.h"
#include "base/buffer.h"
#include "base/sha256.h"
#include "headprune/checkpoint.h"
#include "io/json.h"
#include "stats/stats_file.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_HEADER ((uint64_t)100000000)

struct hp_stats {
    hp__arena arena;
    hp_checkpoint **files; /* [n_files] */
    size_t n_files;
    hp__stats_block *blocks; /* [n_blocks] in no order */
    size_t n_blocks;
    const char *fingerprint;
    hp_calibration_info info;
};

/* ---- what a file says of itself ---- */

static hp_status read_header(hp__json **out, const hp_checkpoint *c,
                             hp_error *err)
{
    char *text = NULL;
    uint64_t len = hp_checkpoint_shard(c, 0)->data_offset - 8;
    *out = NULL;
    if (len > MOST_HEADER)
        return hp_fail(err, HP_FORMAT, "a header of %llu bytes",
                       (unsigned long long)len);
    hp_status st = hp__new(&text, (size_t)len + 1, 1, err);
    if (!st)
        st = hp_checkpoint_read_shard(c, 0, 8, len, text, err);
    if (!st)
        st = hp__json_parse(out, text, (size_t)len, err);
    free(text);
    return st;
}

static hp_status get_count(size_t *out, const hp__node *notes, const char *key,
                           hp_error *err)
{
    const char *text = NULL;
    char *end = NULL;
    hp_status st = hp__node_get_string(&text, notes, key, err);
    if (st)
        return st;
    unsigned long long n = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end)
        return hp_fail(err, HP_FORMAT, "key '%s' is '%.40s': not a number", key,
                       text);
    *out = (size_t)n;
    return HP_OK;
}

typedef struct notes {
    const char *schema, *fingerprint;
    hp_calibration_info info;
} notes;

static hp_status get_notes(notes *out, const hp__node *n, hp_error *err)
{
    hp_status st = hp__node_get_string(&out->schema, n, "schema", err);
    if (st || strcmp(out->schema, HP__STATS_SCHEMA) != 0)
        return hp_fail_hint(err,
                            hp_fail(err, HP_FORMAT,
                                    "not a file of statistics: its metadata "
                                    "do not say 'schema': '" HP__STATS_SCHEMA
                                    "'"),
                            "headprune stats MODEL -o FILE makes one");
    st = hp__node_get_string(&out->fingerprint, n, "fingerprint", err);
    if (!st)
        st = hp__node_get_string(&out->info.source, n, "source", err);
    if (!st)
        st = hp__node_get_string(&out->info.sha256, n, "sha256", err);
    if (!st)
        st = get_count(&out->info.sequences, n, "sequences", err);
    if (!st)
        st = get_count(&out->info.length, n, "length", err);
    return st ? st : get_count(&out->info.tokens, n, "tokens", err);
}

/* The data of several files are their data one after the other; their digest
 * is that of the digests. */
static hp_status join_info(hp_stats *s, const hp_calibration_info *next,
                           hp_error *err)
{
    hp_calibration_info *own = &s->info;
    hp__sha256 sha;
    char hex[65];
    if (!own->source) {
        *own = *next;
        hp_status st =
            hp__arena_strdup(&own->source, &s->arena, next->source, err);
        return st ? st
                  : hp__arena_strdup(&own->sha256, &s->arena, next->sha256,
                                     err);
    }
    hp__sha256_init(&sha);
    hp__sha256_add(&sha, own->sha256, strlen(own->sha256));
    hp__sha256_add(&sha, next->sha256, strlen(next->sha256));
    hp__sha256_hex(&sha, hex);
    own->sequences += next->sequences;
    own->tokens += next->tokens;
    own->length = next->length > own->length ? next->length : own->length;
    hp_status st = hp__arena_printf(&own->source, &s->arena, err, "%s, %s",
                                    own->source, next->source);
    return st ? st : hp__arena_strdup(&own->sha256, &s->arena, hex, err);
}

static hp_status take_notes(hp_stats *s, const hp_checkpoint *c, hp_error *err)
{
    hp__json *j = NULL;
    notes n = {0};
    hp_status st = read_header(&j, c, err);
    if (!st)
        st =
            get_notes(&n, hp__node_find(hp__json_root(j), "__metadata__"), err);
    if (!st && s->fingerprint && strcmp(s->fingerprint, n.fingerprint) != 0)
        st = hp_fail(err, HP_INVALID,
                     "its statistics are of another model (%.16s...) than "
                     "those of %s (%.16s...)",
                     n.fingerprint, hp_checkpoint_path(s->files[0]),
                     s->fingerprint);
    if (!st && !s->fingerprint)
        st = hp__arena_strdup(&s->fingerprint, &s->arena, n.fingerprint, err);
    if (!st)
        st = join_info(s, &n.info, err);
    hp__json_free(j);
    return st;
}

/* ---- its tensors ---- */

static const hp_tensor *find_part(const hp_checkpoint *c, const char *block,
                                  const char *part)
{
    char name[512];
    int len = snprintf(name, sizeof name, "%s.%s", block, part);
    return len > 0 && (size_t)len < sizeof name ? hp_checkpoint_find(c, name)
                                                : NULL;
}

static int has_size(const hp_tensor *t, uint64_t n)
{
    return t && t->dtype == HP_DTYPE_F64 && t->n_elements == n;
}

static hp_status check_block(const hp_checkpoint *c, const hp__stats_block *b,
                             hp_error *err)
{
    if (has_size(find_part(c, b->name, "c"), (uint64_t)b->n * b->n) &&
        has_size(find_part(c, b->name, "sum"), b->n) &&
        has_size(find_part(c, b->name, "stream"), 1) &&
        has_size(find_part(c, b->name, "rows"), 1))
        return HP_OK;
    return hp_fail(err, HP_FORMAT,
                   "block '%s': its statistics are missing or not F64 [%zu, "
                   "%zu], [%zu], [1], [1]",
                   b->name, b->n, b->n, b->n);
}

/* The blocks of the first file; every other has the same. */
static hp_status list_blocks(hp_stats *s, const hp_checkpoint *c, hp_error *err)
{
    size_t n = hp_checkpoint_n_tensors(c);
    hp_status st =
        hp__arena_alloc(&s->blocks, &s->arena, n, sizeof *s->blocks, err);
    for (size_t i = 0; i < n && !st; i++) {
        const hp_tensor *t = hp_checkpoint_tensor(c, i);
        size_t len = strlen(t->name);
        char *name = NULL;
        if (len < 3 || strcmp(t->name + len - 2, ".c") != 0 || t->n_dims != 2 ||
            t->dims[0] != t->dims[1])
            continue;
        st = hp__arena_copy(&name, &s->arena, t->name, len - 2, err);
        s->blocks[s->n_blocks++] = (hp__stats_block){name, (size_t)t->dims[0]};
    }
    return st;
}

static hp_status add_file(hp_stats *s, const char *path, hp_error *err)
{
    hp_checkpoint **c = &s->files[s->n_files];
    hp_status st = hp_checkpoint_open(c, path, NULL, err);
    if (st)
        return st;
    s->n_files++;
    st = take_notes(s, *c, err);
    if (!st && s->n_files == 1)
        st = list_blocks(s, *c, err);
    for (size_t i = 0; i < s->n_blocks && !st; i++)
        st = check_block(*c, &s->blocks[i], err);
    return st ? hp_fail_file(err, st, path) : st;
}

hp_status hp_stats_open(hp_stats **out, const char *const *paths, size_t n,
                        hp_error *err)
{
    hp_stats *s = NULL;
    *out = NULL;
    hp_status st = hp__new(&s, 1, sizeof *s, err);
    if (!st)
        st = hp__new(&s->files, n, sizeof(void *), err);
    for (size_t i = 0; i < n && !st; i++)
        st = add_file(s, paths[i], err);
    if (st)
        hp_stats_free(s);
    else
        *out = s;
    return st;
}

void hp_stats_free(hp_stats *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_files; i++)
        hp_checkpoint_free(s->files[i]);
    free(s->files);
    hp__arena_clear(&s->arena);
    free(s);
}

const char *hp_stats_fingerprint(const hp_stats *s)
{
    return s->fingerprint;
}

const hp_calibration_info *hp_stats_calibration(const hp_stats *s)
{
    return &s->info;
}

/* ---- sums ---- */

/* Sums of one block, and room for those of a file. */
typedef struct sums {
    double *at, *one; /* [n n + n + 2] */
    size_t room;      /* n of the largest block */
} sums;

static hp_status sums_open(sums *u, const hp_stats *s, hp_error *err)
{
    *u = (sums){0};
    for (size_t i = 0; i < s->n_blocks; i++)
        u->room = s->blocks[i].n > u->room ? s->blocks[i].n : u->room;
    size_t n = u->room * u->room + u->room + 2;
    hp_status st = hp__new(&u->at, n, sizeof(double), err);
    return st ? st : hp__new(&u->one, n, sizeof(double), err);
}

static void sums_close(sums *u)
{
    free(u->at);
    free(u->one);
}

static hp_status read_parts(double *out, const hp_checkpoint *c,
                            const hp__stats_block *b, hp_error *err)
{
    static const char *const names[] = {"c", "sum", "stream", "rows"};
    hp_status st = HP_OK;
    for (size_t k = 0; k < HP__STATS_PARTS && !st; k++) {
        const hp_tensor *t = find_part(c, b->name, names[k]);
        st = hp_checkpoint_read(c, t, 0, t->size, out, err);
        for (size_t i = 0; i < t->n_elements && !st; i++)
            if (!isfinite(out[i]))
                st = hp_fail(err, HP_FORMAT,
                             "tensor '%s': element %zu is NaN "
                             "or infinite",
                             t->name, i);
        out += t->n_elements;
    }
    return st ? hp_fail_file(err, st, hp_checkpoint_path(c)) : st;
}

/* The moments of a block over all files; `block` is for the caller to fill. */
static hp_status add_up(hp_moments *out, sums *u, const hp_stats *s,
                        const hp__stats_block *b, hp_error *err)
{
    size_t n = b->n, all = n * n + n + 2;
    hp_status st = read_parts(u->at, s->files[0], b, err);
    for (size_t f = 1; f < s->n_files && !st; f++) {
        st = read_parts(u->one, s->files[f], b, err);
        for (size_t i = 0; i < all && !st; i++)
            u->at[i] += u->one[i];
    }
    double rows = u->at[all - 1];
    *out =
        (hp_moments){.n = n,
                     .c = u->at,
                     .sum = u->at + n * n,
                     .stream = u->at[all - 2],
                     .rows = rows >= 0 && rows < 0x1p53 ? (uint64_t)rows : 0};
    return st;
}

hp_status hp_stats_write(const hp_stats *s, const char *path, hp_error *err)
{
    sums u;
    hp__tensor_file *f = NULL;
    const hp__stats_about about = {s->fingerprint, &s->info};
    hp_status st = sums_open(&u, s, err);
    if (!st)
        st = hp__stats_create(&f, path, s->blocks, s->n_blocks, &about, err);
    for (size_t i = 0; i < s->n_blocks && !st; i++) {
        hp_moments m;
        st = add_up(&m, &u, s, &s->blocks[i], err);
        if (!st)
            st = hp__stats_put(f, i, &m, err);
    }
    if (!st)
        st = hp__tensor_file_commit(f, err);
    hp__tensor_file_free(f);
    sums_close(&u);
    return st;
}

/* ---- of a model ---- */

static const hp__stats_block *find_block(const hp_stats *s, const hp_block *b)
{
    for (size_t i = 0; i < s->n_blocks; i++)
        if (strcmp(s->blocks[i].name, b->name) == 0 &&
            s->blocks[i].n == (size_t)b->n_heads * b->head_dim)
            return &s->blocks[i];
    return NULL;
}

hp_status hp_stats_fits(const hp_stats *s, const hp_model *m, hp_error *err)
{
    const char *own = hp_model_info_get(m)->fingerprint;
    if (strcmp(s->fingerprint, own) != 0) {
        hp_status st = hp_fail(err, HP_INVALID,
                               "the statistics are of another model "
                               "(%.16s...) than this one (%.16s...)",
                               s->fingerprint, own);
        st = hp_fail_hint(err, st,
                          "headprune stats MODEL -o FILE takes those of a "
                          "model");
        return hp_fail_file(err, st, hp_checkpoint_path(s->files[0]));
    }
    for (size_t i = 0; i < hp_model_n_blocks(m); i++)
        if (!find_block(s, hp_model_block(m, i)))
            return hp_fail_file(err,
                                hp_fail(err, HP_FORMAT,
                                        "there are no statistics of block '%s'",
                                        hp_model_block(m, i)->name),
                                hp_checkpoint_path(s->files[0]));
    return HP_OK;
}

static hp_status show_all(const hp_stats *s, const hp_model *m,
                          const hp_moments_visitor *v, hp_error *err)
{
    sums u;
    hp_status st = sums_open(&u, s, err);
    for (size_t i = 0; i < hp_model_n_blocks(m) && !st; i++) {
        hp_moments moments;
        const hp_block *b = hp_model_block(m, i);
        st = add_up(&moments, &u, s, find_block(s, b), err);
        moments.block = b;
        if (!st)
            st = v->visit(v->payload, &moments, err);
    }
    sums_close(&u);
    return st;
}

hp_status hp_moments_take(const hp_model *m, const hp_moments_source *source,
                          const hp_moments_visitor *visitor, hp_error *err)
{
    if (!source->stats)
        return hp_moments_sweep(m, source->sequences, &source->run, visitor,
                                err);
    hp_status st = hp_stats_fits(source->stats, m, err);
    return st ? st : show_all(source->stats, m, visitor, err);
}
