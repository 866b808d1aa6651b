/* The command line that all programs share, and how they fail. */
#include "bench.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bench_fail(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

void bench_check(hp_status st, const hp_error *err)
{
    if (st)
        bench_fail("%s%s%s", err->file, *err->file ? ": " : "", err->message);
}

void *bench_alloc(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    if (!p)
        bench_fail("out of memory");
    return p;
}

static int count(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);
    if (*end || n < 1 || n > BENCH_MOST)
        bench_fail("--repeat takes 1 to %d, not '%s'", BENCH_MOST, text);
    return (int)n;
}

static void take(bench *b, const char *option, const char *value)
{
    if (!strcmp(option, "--repeat"))
        b->repeat = count(value);
    else if (!strcmp(option, "--only"))
        b->only = value;
    else if (!strcmp(option, "--models"))
        b->models = value;
    else if (!strcmp(option, "--headprune"))
        b->headprune = value;
    else if (!strcmp(option, "--source"))
        b->source = value;
    else
        bench_fail("unknown option '%s'", option);
}

bench bench_begin(int argc, char **argv)
{
    bench b = {.program = argv[0], .threads = hp_backend_cpus()};
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], "--tiny"))
            b.tiny = 1;
        else if (!strcmp(argv[i], "--list"))
            b.list = 1;
        else if (i + 1 < argc) {
            take(&b, argv[i], argv[i + 1]);
            i++;
        } else
            bench_fail("option '%s' is unknown or has no value", argv[i]);
    return b;
}

int bench_wanted(const bench *b, const char *row)
{
    if (b->only && !strstr(row, b->only) && fnmatch(b->only, row, 0) != 0)
        return 0;
    if (b->list)
        puts(row);
    return !b->list;
}

int bench_repeat(const bench *b, int usual)
{
    if (b->repeat)
        return b->repeat;
    return b->tiny ? 1 : usual;
}
