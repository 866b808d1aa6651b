/* Clocks, memory, and repetitions between two peaks. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_now(void)
{
    return seconds(CLOCK_MONOTONIC);
}

double bench_cpu(void)
{
    return seconds(CLOCK_PROCESS_CPUTIME_ID);
}

double bench_system_cpu(void)
{
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    return (double)use.ru_stime.tv_sec + 1e-6 * (double)use.ru_stime.tv_usec;
}

double bench_memory(const char *key)
{
    char line[256];
    double kib = 0.0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (!strncmp(line, key, strlen(key)))
            kib = strtod(line + strlen(key) + 1, NULL);
    if (f)
        fclose(f);
    return kib / 1024.0;
}

static int close_to(double a, double b)
{
    return a < b * 1.1 && b < a * 1.1;
}

bench_sample bench_time(const bench *b, bench_level level,
                        void (*work)(void *payload), void *payload)
{
    bench_sample s = {0};
    bench_rate before = bench_peak(b, level);
    double clock = bench_now(), cpu = bench_cpu();
    work(payload);
    s.seconds = bench_now() - clock;
    s.cpu = bench_cpu() - cpu;
    bench_rate after = bench_peak(b, level);
    s.peak = (before.by_clock + after.by_clock) / 2.0;
    s.peak_by_cpu = (before.by_cpu + after.by_cpu) / 2.0;
    s.steady = close_to(before.by_clock, after.by_clock) &&
               s.cpu / b->threads > 0.9 * s.seconds;
    return s;
}

double bench_share(const bench_sample *s, double flops)
{
    return 100e-9 * flops / s->seconds / s->peak;
}

double bench_share_by_cpu(const bench *b, const bench_sample *s, double flops)
{
    return 100e-9 * flops / (s->cpu / b->threads) / s->peak_by_cpu;
}
