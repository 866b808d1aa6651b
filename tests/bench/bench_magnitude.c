/* `headprune score magnitude`, a whole process on a warm cache. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    static bench_row took = {.name = "magnitude gpt2-small F32",
                             .unit = "ms",
                             .lower = 1,
                             .note = "whole process, warm cache"};
    static bench_row memory = {.name =
                                   "magnitude gpt2-small F32, resident memory",
                               .unit = "MiB",
                               .bar = 20,
                               .lower = 1};
    bench b = bench_begin(argc, argv);
    if (!bench_wanted(&b, took.name))
        return 0;
    if (!b.headprune)
        bench_fail("--headprune PROGRAM is needed");
    bench_shape shape = bench_gpt2_small(&b);
    char *folder = bench_model(&b, &shape, &(bench_writing){BENCH_F32, 1, 0});
    char *const args[] = {
        strdup(b.headprune), strdup("score"), strdup("magnitude"),
        strdup("--json"),    folder,          NULL};
    bench_run(args); /* warms the cache */
    for (int i = bench_repeat(&b, 21); i-- > 0;) {
        bench_child c = bench_run(args);
        bench_add(&took, 1e3 * c.seconds, 1);
        bench_add(&memory, c.resident, 1);
    }
    bench_print(&took);
    bench_print(&memory);
    for (size_t i = 0; args[i]; i++)
        free(args[i]);
    return 0;
}
