/*
 * Writing a pruned checkpoint, a whole process on a warm cache, beside
 * fallocate, write and fsync of as many bytes from one buffer, in turn.
 */
#include "bench.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK ((size_t)512 << 10)

/* Every second head of each layer. */
static char *list_heads(const bench_shape *s)
{
    size_t room = s->layers * (s->heads * 6 + 8), len = 0;
    char *text = bench_alloc(room, 1);
    for (size_t i = 0; i < s->layers; i++)
        for (size_t h = 0; h < s->heads; h += 2)
            len += (size_t)snprintf(text + len, room - len,
                                    h ? ",%zu" : " %zu:%zu", h ? h : i, h);
    return text;
}

/* Seconds to write `n` bytes, not counting that the file is removed. */
static double write_plain(const char *path, uint64_t n)
{
    char *buffer = bench_alloc(CHUNK, 1);
    memset(buffer, 1, CHUNK);
    double begin = bench_now();
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int failed = fd < 0 || posix_fallocate(fd, 0, (off_t)n) != 0;
    while (n && !failed) {
        size_t part = n < CHUNK ? (size_t)n : CHUNK;
        failed = write(fd, buffer, part) != (ssize_t)part;
        n -= part;
    }
    failed = failed || fsync(fd) || close(fd);
    double took = bench_now() - begin;
    free(buffer);
    if (failed || unlink(path))
        bench_fail("cannot write %s", path);
    return took;
}

static void clear(const char *folder)
{
    static const char *const names[] = {"model.safetensors", "config.json",
                                        "headprune.json",
                                        "modeling_headprune.py"};
    char path[1024];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    if (rmdir(folder))
        bench_fail("something is left in %s", folder);
    sync();
}

static uint64_t size_of(const char *folder)
{
    char path[1024];
    struct stat s;
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (stat(path, &s))
        bench_fail("no %s", path);
    return (uint64_t)s.st_size;
}

static void measure(const bench *b, const char *name, const char *form)
{
    static bench_row ratio, took, memory;
    char names[2][96], out[512], plain[512];
    snprintf(names[0], sizeof names[0], "%s, whole process", name);
    snprintf(names[1], sizeof names[1], "%s, resident memory", name);
    ratio = (bench_row){.name = name,
                        .unit = "times as long",
                        .bar = 1.1,
                        .lower = 1,
                        .note = "as fallocate, write and fsync of as many "
                                "bytes, which neither reads nor hashes"};
    took = (bench_row){.name = names[0], .unit = "ms", .lower = 1};
    memory =
        (bench_row){.name = names[1], .unit = "MiB", .bar = 20, .lower = 1};
    bench_shape s = bench_gpt2_small(b);
    char *folder = bench_model(b, &s, &(bench_writing){BENCH_F32, 1, 0});
    snprintf(out, sizeof out, "%s/out", b->models);
    snprintf(plain, sizeof plain, "%s/plain", b->models);
    char *const args[] = {strdup(b->headprune),
                          strdup("-q"),
                          strdup("apply"),
                          folder,
                          strdup("--heads"),
                          list_heads(&s),
                          strdup("-o"),
                          strdup(out),
                          strdup("--emit"),
                          strdup(form),
                          NULL};
    for (int i = -1, n = bench_repeat(b, 9); i < n; i++) {
        bench_child c = bench_run(args);
        uint64_t bytes = size_of(out);
        clear(out);
        double other = write_plain(plain, bytes);
        sync();
        if (i < 0)
            continue; /* warms the cache */
        bench_add(&ratio, c.seconds / other, 1);
        bench_add(&took, 1e3 * c.seconds, 1);
        bench_add(&memory, c.resident, 1);
    }
    bench_print(&ratio);
    bench_print(&took);
    bench_print(&memory);
    for (size_t i = 0; i < sizeof args / sizeof *args; i++)
        free(args[i]);
}

int main(int argc, char **argv)
{
    static const char zero[] =
        "write gpt2-small F32, half its heads zeroed / plain write";
    static const char removed[] =
        "write gpt2-small F32, half its heads removed / plain write";
    bench b = bench_begin(argc, argv);
    if (!b.list && !(b.headprune && b.models))
        bench_fail("--headprune PROGRAM and --models FOLDER are needed");
    if (bench_wanted(&b, zero))
        measure(&b, zero, "zero");
    if (bench_wanted(&b, removed))
        measure(&b, removed, "remove");
    return 0;
}
