/*
 * A model larger than the memory allowed: headprune scores it with the address
 * space limited to a share of its file, and must give the same scores, byte by
 * byte, as without a limit.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define NAME "entropy tinyllama BF16 2x128, address space limited"

/* The output is empty when the program fails. */
static const char script[] =
    "limit=$1 out=$2; shift 2; [ $limit = 0 ] || ulimit -v $limit; "
    "\"$@\" >\"$out\" || : >\"$out\"";

typedef struct job {
    const bench *b;
    char *folder, tokens[512], out[512], limited[512];
} job;

/* Limited to `bytes`; 0, as tiny models have it: not. */
static bench_child score(job *j, size_t bytes, char *out)
{
    char limit[24];
    snprintf(limit, sizeof limit, "%zu", bytes / 1024);
    char *texts[] = {strdup("/bin/sh"),       strdup("-c"),
                     strdup(script),          strdup("sh"),
                     strdup(j->b->headprune), strdup("-q"),
                     strdup("score"),         strdup("entropy"),
                     strdup("--json"),        strdup("--tokens")};
    char *const args[] = {texts[0], texts[1], texts[2],  texts[3],  limit,
                          out,      texts[4], texts[5],  texts[6],  texts[7],
                          texts[8], texts[9], j->tokens, j->folder, NULL};
    bench_child c = bench_run(args);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        free(texts[i]);
    return c;
}

static size_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) ? 0 : (size_t)st.st_size;
}

static int same(const char *a, const char *b)
{
    int x = 0, y = 0;
    FILE *f = fopen(a, "rb"), *g = fopen(b, "rb");
    if (!f || !g)
        bench_fail("%s or %s cannot be read", a, b);
    while (x == y && x != EOF) {
        x = getc(f);
        y = getc(g);
    }
    fclose(f);
    fclose(g);
    return x == y && size_of(a) > 0;
}

static void measure(job *j)
{
    static const size_t percents[] = {25, 50, 100};
    static bench_row row = {.name = NAME,
                            .unit = "% of the file",
                            .bar = 25,
                            .lower = 1,
                            .note = "the smallest of 25, 50 and 100 with which "
                                    "the scores are the same"};
    static bench_row memory = {.name = NAME ", resident memory", .unit = "MiB"};
    char file[600];
    snprintf(file, sizeof file, "%s/model.safetensors", j->folder);
    memory.lower = 1;
    score(j, 0, j->out);
    for (size_t i = 0; i < sizeof percents / sizeof *percents; i++) {
        size_t limit = j->b->tiny ? 0 : size_of(file) / 100 * percents[i];
        bench_child c = score(j, limit, j->limited);
        if (!same(j->out, j->limited))
            continue;
        bench_add(&row, (double)percents[i], 1);
        bench_add(&memory, c.resident, 1);
        bench_print(&row);
        bench_print(&memory);
        return;
    }
    bench_fail("%s: no scores, or others, even with 100 %% of the file", NAME);
}

int main(int argc, char **argv)
{
    bench b = bench_begin(argc, argv);
    if (!bench_wanted(&b, NAME))
        return 0;
    if (!b.headprune)
        bench_fail("--headprune PROGRAM is needed");
    bench_shape shape = bench_tinyllama(&b);
    job j = {.b = &b,
             .folder =
                 bench_model(&b, &shape, &(bench_writing){BENCH_BF16, 1, 0})};
    bench_data data = bench_tokens(2, b.tiny ? 16 : 128, shape.vocab);
    snprintf(j.tokens, sizeof j.tokens, "%s/limit.ids", b.models);
    snprintf(j.out, sizeof j.out, "%s/limit.json", b.models);
    snprintf(j.limited, sizeof j.limited, "%s/limited.json", b.models);
    bench_write_tokens(j.tokens, &data);
    measure(&j);
    remove(j.tokens);
    remove(j.out);
    remove(j.limited);
    bench_tokens_free(&data);
    free(j.folder);
    return 0;
}
