/*
 * Opens a tokenizer and encodes a text, again and again:
 *
 *     bench_tokenizer TOKENIZER TEXT [REPEATS]
 *
 * prints, for every repetition, milliseconds to open and MB/s, by the clock and
 * in processor time, which other programs cannot shorten.
 */
#include "headprune/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

typedef struct moment {
    double clock, cpu;
} moment;

static moment now(void)
{
    return (moment){seconds(CLOCK_MONOTONIC),
                    seconds(CLOCK_PROCESS_CPUTIME_ID)};
}

static hp_status run(const char *path, const char *text, size_t len,
                     hp_error *err)
{
    hp_tokenizer *t = NULL;
    hp_ids ids;
    moment start = now();
    hp_status st = hp_tokenizer_open(&t, path, UINT32_MAX, err);
    moment open = now();
    if (st)
        return st;
    st = hp_tokenizer_encode(&ids, t, text, len, 0, err);
    moment end = now();
    hp_tokenizer_free(t);
    if (st)
        return st;
    double mb = (double)len / 1e6;
    printf("open %.2f %.2f encode %.3f %.3f ids %zu\n",
           1e3 * (open.clock - start.clock), 1e3 * (open.cpu - start.cpu),
           mb / (end.clock - open.clock), mb / (end.cpu - open.cpu), ids.n);
    free(ids.ids);
    return HP_OK;
}

int main(int argc, char **argv)
{
    char *text = NULL;
    size_t len = 0;
    hp_error err = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: bench_tokenizer TOKENIZER TEXT [REPEATS]\n");
        return 2;
    }
    long n = argc > 3 ? strtol(argv[3], NULL, 10) : 5;
    const char *path = argv[2];
    hp_status st = hp_text_read(&text, &len, &path, 1, &err);
    for (long i = 0; i < n && !st; i++)
        st = run(argv[1], text, len, &err);
    free(text);
    if (st)
        fprintf(stderr, "%s: %s\n", err.file, err.message);
    return st != HP_OK;
}
