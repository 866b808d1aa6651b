/* Starting: nothing to do, and looking at a large checkpoint in shards. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

static void measure(const bench *b, const bench_row *start, char *const args[])
{
    static bench_row row;
    row = *start;
    bench_run(args); /* warms the cache */
    for (int i = bench_repeat(b, 41); i-- > 0;)
        bench_add(&row, 1e3 * bench_run(args).seconds, 1);
    bench_print(&row);
}

int main(int argc, char **argv)
{
    static const bench_row version = {.name = "start --version",
                                      .unit = "ms",
                                      .bar = 5,
                                      .lower = 1,
                                      .note = "whole process"};
    static const bench_row inspect = {.name = "start inspect llama-7b BF16 in "
                                              "3 files, sparse",
                                      .unit = "ms",
                                      .bar = 20,
                                      .lower = 1,
                                      .note = "whole process, warm cache"};
    bench b = bench_begin(argc, argv);
    if (!b.list && !b.headprune)
        bench_fail("--headprune PROGRAM is needed");
    char *program = b.list ? NULL : strdup(b.headprune);
    char version_word[] = "--version", inspect_word[] = "inspect";
    if (bench_wanted(&b, version.name))
        measure(&b, &version, (char *const[]){program, version_word, NULL});
    if (bench_wanted(&b, inspect.name)) {
        bench_shape s = bench_llama_7b(&b);
        char *folder = bench_model(&b, &s, &(bench_writing){BENCH_BF16, 3, 1});
        measure(&b, &inspect,
                (char *const[]){program, inspect_word, folder, NULL});
        free(folder);
    }
    free(program);
    return 0;
}
