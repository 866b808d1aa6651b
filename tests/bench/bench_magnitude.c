/*
 * `headprune score magnitude` beside reading the same bytes with pread, in
 * turn, each a whole process on a warm cache.
 *
 *     bench_magnitude --stream [FILE AT SIZE]...
 *
 * is the reading: all processors, pieces of 256 KiB, nothing done with them.
 */
#include "bench.h"

#include <fcntl.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIECE ((uint64_t)256 << 10)

/* ---- the reading ---- */

typedef struct piece {
    int fd;
    uint64_t at, n;
} piece;

static void cut(piece *list, size_t *n, int fd, const char *const at_size[2])
{
    uint64_t at = strtoull(at_size[0], NULL, 10);
    uint64_t end = at + strtoull(at_size[1], NULL, 10);
    for (; at < end; at += PIECE)
        list[(*n)++] = (piece){fd, at, end - at < PIECE ? end - at : PIECE};
}

static int stream(int argc, char **argv)
{
    size_t n = 0, most = 0;
    for (int i = 2; i + 2 < argc; i += 3)
        most += strtoull(argv[i + 2], NULL, 10) / PIECE + 1;
    piece *list = bench_alloc(most, sizeof *list);
    for (int i = 2; i + 2 < argc; i += 3) {
        int fd = open(argv[i], O_RDONLY | O_CLOEXEC);
        cut(list, &n, fd, (const char *const[2]){argv[i + 1], argv[i + 2]});
    }
    int failed = 0;
#pragma omp parallel reduction(| : failed)
    {
        char *buffer = malloc(PIECE);
#pragma omp for schedule(dynamic)
        for (size_t i = 0; i < n; i++)
            failed |= !buffer || pread(list[i].fd, buffer, list[i].n,
                                       (off_t)list[i].at) != (ssize_t)list[i].n;
        free(buffer);
    }
    free(list);
    return failed;
}

/* ---- its command line: the tensors of all heads, each once ---- */

typedef struct command {
    char *words[2048];
    size_t n;
    uint64_t bytes;
} command;

static char *number(uint64_t x)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)x);
    return strdup(text);
}

static void add(command *c, const hp_checkpoint *from, const hp_tensor *t)
{
    char *at = number(t->offset);
    const char *path = hp_checkpoint_shard(from, t->shard)->path;
    for (size_t i = 2; i < c->n; i += 3)
        if (!strcmp(c->words[i], path) && !strcmp(c->words[i + 1], at)) {
            free(at);
            return;
        }
    if (c->n + 4 > sizeof c->words / sizeof *c->words)
        bench_fail("more tensors than a command line is made for");
    c->words[c->n++] = strdup(path);
    c->words[c->n++] = at;
    c->words[c->n++] = number(t->size);
    c->bytes += t->size;
}

static void make_command(command *c, const char *program, const char *folder)
{
    hp_checkpoint *from;
    hp_model *m;
    hp_error err;
    bench_check(hp_checkpoint_open(&from, folder, NULL, &err), &err);
    bench_check(hp_model_open(&m, from, NULL, &err), &err);
    c->words[c->n++] = strdup(program);
    c->words[c->n++] = strdup("--stream");
    for (size_t i = 0; i < hp_model_n_blocks(m); i++) {
        const hp_block *b = hp_model_block(m, i);
        add(c, from, b->q.weight);
        add(c, from, b->k.weight);
        add(c, from, b->v.weight);
        add(c, from, b->o.weight);
    }
    hp_model_free(m);
    hp_checkpoint_free(from);
}

/* ---- rows ---- */

/* headprune on a model, and the reading of the same bytes. */
typedef struct job {
    command ours, pread;
} job;

static job *job_of(const bench *b, const char *folder)
{
    const char *const words[] = {b->headprune, "score", "magnitude", "--json",
                                 folder};
    job *j = bench_alloc(1, sizeof *j);
    memset(j, 0, sizeof *j);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        j->ours.words[j->ours.n++] = strdup(words[i]);
    make_command(&j->pread, b->program, folder);
    bench_run(j->ours.words); /* warms the cache */
    return j;
}

static void free_job(job *j)
{
    for (size_t i = 0; i < j->ours.n; i++)
        free(j->ours.words[i]);
    for (size_t i = 0; i < j->pread.n; i++)
        free(j->pread.words[i]);
    free(j);
}

typedef struct rows {
    bench_row took, share, rate, per_byte, memory;
    char names[4][96];
} rows;

static void name_rows(rows *r, const char *name, const char *note)
{
    static const char *const more[] = {", of the rate of pread", ", rate",
                                       ", resident memory", ", time per byte"};
    memset(r, 0, sizeof *r);
    for (size_t i = 0; i < 4; i++)
        snprintf(r->names[i], sizeof r->names[i], "%s%s", name, more[i]);
    r->took = (bench_row){.name = name, .unit = "ms", .lower = 1, .note = note};
    r->share = (bench_row){.name = r->names[0], .unit = "%", .bar = 85};
    r->rate = (bench_row){.name = r->names[1], .unit = "GB/s"};
    r->memory =
        (bench_row){.name = r->names[2], .unit = "MiB", .bar = 20, .lower = 1};
    r->per_byte = (bench_row){.name = r->names[3],
                              .unit = "of gpt2-small F32",
                              .lower = 1,
                              .note = "both in turn"};
}

/* `other` NULL: no time per byte beside it. */
static void measure(const bench *b, rows *r, job *j, const job *other,
                    int usual)
{
    double bytes = (double)j->pread.bytes;
    for (int i = bench_repeat(b, usual); i-- > 0;) {
        bench_child ours = bench_run(j->ours.words);
        bench_child theirs = bench_run(j->pread.words);
        bench_add(&r->took, 1e3 * ours.seconds, 1);
        bench_add(&r->share, 100.0 * theirs.seconds / ours.seconds, 1);
        bench_add(&r->rate, 1e-9 * bytes / ours.seconds, 1);
        bench_add(&r->memory, ours.resident, 1);
        if (!other)
            continue;
        double seconds = bench_run(other->ours.words).seconds;
        bench_add(&r->per_byte,
                  ours.seconds / bytes / (seconds / (double)other->pread.bytes),
                  1);
    }
    bench_print(&r->took);
    bench_print(&r->share);
    bench_print(&r->rate);
    if (other)
        bench_print(&r->per_byte);
    bench_print(&r->memory);
}

/* A model of 16-bit values beside GPT-2's F32. */
static void measure_beside(const bench *b, rows *r, char *folder, int usual)
{
    bench_shape small = bench_gpt2_small(b);
    char *beside = bench_model(b, &small, &(bench_writing){BENCH_F32, 1, 0});
    job *j = job_of(b, folder), *other = job_of(b, beside);
    measure(b, r, j, other, usual);
    free_job(j);
    free_job(other);
    free(folder);
    free(beside);
}

int main(int argc, char **argv)
{
    static rows r;
    static const char small[] = "magnitude gpt2-small F32";
    static const char middle[] = "magnitude tinyllama BF16";
    static const char large[] = "magnitude llama-7b BF16 in 3 files, sparse";
    if (argc > 1 && !strcmp(argv[1], "--stream"))
        return stream(argc, argv);
    bench b = bench_begin(argc, argv);
    if (!b.list && !b.headprune)
        bench_fail("--headprune PROGRAM is needed");
    if (bench_wanted(&b, small)) {
        bench_shape s = bench_gpt2_small(&b);
        char *folder = bench_model(&b, &s, &(bench_writing){BENCH_F32, 1, 0});
        job *j = job_of(&b, folder);
        name_rows(&r, small, "whole process, warm cache");
        measure(&b, &r, j, NULL, 101);
        free_job(j);
        free(folder);
    }
    if (bench_wanted(&b, middle)) {
        bench_shape s = bench_tinyllama(&b);
        name_rows(&r, middle, "whole process, warm cache");
        measure_beside(&b, &r,
                       bench_model(&b, &s, &(bench_writing){BENCH_BF16, 1, 0}),
                       41);
    }
    if (bench_wanted(&b, large)) {
        bench_shape s = bench_llama_7b(&b);
        name_rows(&r, large,
                  "files of 13.5 GB with headers and holes: zeros, from the "
                  "cache");
        measure_beside(
            &b, &r, bench_model(&b, &s, &(bench_writing){BENCH_BF16, 3, 1}), 7);
    }
    return 0;
}
