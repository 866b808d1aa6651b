/*
 * Measures the two main costs on GPT-2 small shapes with random weights, which
 * it makes itself: entropy over 32 x 512 tokens, as a share of what the
 * processor can do at best, and `headprune score magnitude` as a whole process.
 *
 *     bench_sweep [--headprune PROGRAM] [--model FOLDER] [--repeat N]
 */
#include "bench.h"
#include "headprune/headprune.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SEQUENCES 32U
#define LENGTH    512U
#define TOKENS    ((size_t)SEQUENCES * LENGTH)
#define MOST_RUNS 64

typedef struct job {
    const char *program, *model;
    int repeat;
    char folder[256];
} job;

static void fail(const char *what)
{
    fprintf(stderr, "bench_sweep: %s\n", what);
    exit(1);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, ascending);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2.0;
}

/* A line of /proc/self/status in MiB. */
static double memory(const char *key)
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

/* ---- magnitude, as a process ---- */

static double time_program(const job *j)
{
    double start = bench_now();
    pid_t child = fork();
    if (!child) {
        char *const args[] = {strdup(j->program),  strdup("score"),
                              strdup("magnitude"), strdup("--json"),
                              strdup(j->model),    NULL};
        if (!freopen("/dev/null", "w", stdout))
            _exit(126);
        execv(j->program, args);
        _exit(127);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status)
        fail("'score magnitude' failed");
    return (bench_now() - start) * 1e3;
}

static void measure_magnitude(const job *j)
{
    double ms[21];
    struct rusage used;
    time_program(j); /* warms the cache */
    for (int i = 0; i < 21; i++)
        ms[i] = time_program(j);
    getrusage(RUSAGE_CHILDREN, &used);
    double middle = median(ms, 21);
    printf("magnitude, whole process: median %.1f ms (%.1f to %.1f), "
           "resident %.1f MiB\n",
           middle, ms[0], ms[20], (double)used.ru_maxrss / 1024.0);
}

/* ---- entropy ---- */

typedef struct seen_sum {
    double slots[BENCH_LAYERS * BENCH_HEADS * SEQUENCES];
    double most_anonymous;
} seen_sum;

static void see(void *payload, const hp_seen *seen)
{
    seen_sum *s = payload;
    size_t head = seen->block->first_head + seen->head;
    double *slot = &s->slots[head * SEQUENCES + seen->sequence];
    *slot = 0.0;
    for (uint32_t i = 0; i < seen->n_query; i++)
        *slot += seen->row_entropy[i];
}

static int step(void *payload, uint64_t done, uint64_t total)
{
    seen_sum *s = payload;
    double now = memory("RssAnon");
    if (now > s->most_anonymous)
        s->most_anonymous = now;
    return done > total;
}

/* Of the products that the entropy of all heads needs: the last block gives
 * neither values nor output, and no key after a query counts. */
static double flops_needed(void)
{
    const double d = BENCH_WIDTH, layers = BENCH_LAYERS;
    double linear = (double)TOKENS * ((layers - 1) * 24.0 * d * d + 4 * d * d);
    double pairs = SEQUENCES * (LENGTH * (LENGTH + 1.0) / 2.0);
    return linear + pairs * 2.0 * d * (2.0 * (layers - 1) + 1.0);
}

void bench_tokens(int32_t *ids, size_t *start, size_t n, size_t length)
{
    uint32_t x = 1U;
    for (size_t i = 0; i < n * length; i++) {
        x = x * 1664525U + 1013904223U;
        ids[i] = (int32_t)((x >> 8) % BENCH_VOCAB);
    }
    for (size_t i = 0; i <= n; i++)
        start[i] = i * length;
}

static double time_sweep(const hp_model *m, const hp_backend *b, seen_sum *sum)
{
    static int32_t ids[TOKENS];
    static size_t start[SEQUENCES + 1];
    bench_tokens(ids, start, SEQUENCES, LENGTH);
    hp_sequences s = {ids, start, SEQUENCES, NULL};
    hp_observer observer = {
        .wants = HP_SEE_ENTROPY, .see = see, .payload = sum};
    hp_run_options o = {.backend = b, .progress = {step, sum}};
    hp_error err;
    double begin = bench_now();
    if (hp_run_sweep(m, &s, &o, &observer, &err))
        fail(err.message);
    return bench_now() - begin;
}

typedef struct figures {
    double tokens[MOST_RUNS], share[MOST_RUNS]; /* of steady repetitions */
    double by_cpu[MOST_RUNS];                   /* of all */
    int n, n_all;
} figures;

/* A repetition counts when the processor was the same before and after, and
 * no other program had more than a twentieth of it. */
static void repeat(figures *f, const hp_model *m, const hp_backend *b,
                   seen_sum *sum)
{
    unsigned threads = hp_backend_cpus();
    bench_rate before = bench_peak(threads);
    double cpu = bench_cpu(), took = time_sweep(m, b, sum);
    cpu = (bench_cpu() - cpu) / threads;
    bench_rate after = bench_peak(threads);
    double peak = (before.by_clock + after.by_clock) / 2.0;
    double peak_by_cpu = (before.by_cpu + after.by_cpu) / 2.0;
    double gflops = flops_needed() / took * 1e-9;
    double by_cpu = 100.0 * flops_needed() / cpu * 1e-9 / peak_by_cpu;
    int steady = before.by_clock < after.by_clock * 1.1 &&
                 after.by_clock < before.by_clock * 1.1 && cpu > 0.95 * took;
    printf("entropy: %.0f tokens/s, %.0f GFLOP/s, %.1f %% of %.0f (%.0f "
           "before, %.0f after); %.1f %% in its processor time%s\n",
           (double)TOKENS / took, gflops, 100.0 * gflops / peak, peak,
           before.by_clock, after.by_clock, by_cpu,
           steady ? "" : "; not steady");
    f->by_cpu[f->n_all++] = by_cpu;
    if (steady) {
        f->tokens[f->n] = (double)TOKENS / took;
        f->share[f->n++] = 100.0 * gflops / peak;
    }
}

static void measure_entropy(const job *j)
{
    static seen_sum sum;
    hp_checkpoint *c;
    hp_model *m;
    hp_backend *b;
    hp_error err;
    figures f = {.n_all = 0};
    if (hp_checkpoint_open(&c, j->model, NULL, &err) ||
        hp_model_open(&m, c, NULL, &err) || hp_backend_open(&b, &err))
        fail(err.message);
    printf("core %s, kernels %s, %u threads, peak by %s\n",
           hp_backend_blas_core(b), hp_backend_kernels(b), hp_backend_cpus(),
           bench_peak_unit());
    for (int i = 0; i < j->repeat; i++)
        repeat(&f, m, b, &sum);
    if (f.n)
        printf("entropy, median of %d steady: %.0f tokens/s, %.1f %% of the "
               "peak\n",
               f.n, median(f.tokens, f.n), median(f.share, f.n));
    printf("entropy, median of %d: %.1f %% of the peak in its processor "
           "time\n",
           f.n_all, median(f.by_cpu, f.n_all));
    printf("anonymous memory at most %.1f MiB, resident at most %.1f MiB\n",
           sum.most_anonymous, memory("VmHWM"));
    double total = 0.0;
    for (size_t i = 0; i < sizeof sum.slots / sizeof *sum.slots; i++)
        total += sum.slots[i];
    printf("mean entropy %.9f nat\n",
           total / (double)(TOKENS * BENCH_LAYERS * BENCH_HEADS));
    if (bench_scores(m, b, &err) || bench_points(m, b, &err))
        fail(err.message);
    hp_backend_free(b);
    hp_model_free(m);
    hp_checkpoint_free(c);
}

/* ---- the model ---- */

static void make_model(job *j)
{
    const char *root = getenv("TMPDIR");
    snprintf(j->folder, sizeof j->folder, "%s/headprune-bench-XXXXXX",
             root ? root : "/tmp");
    if (!mkdtemp(j->folder) || !bench_write_model(j->folder))
        fail("cannot write the model");
    j->model = j->folder;
}

static void remove_model(const job *j)
{
    char path[512];
    snprintf(path, sizeof path, "%s/model.safetensors", j->folder);
    unlink(path);
    snprintf(path, sizeof path, "%s/config.json", j->folder);
    unlink(path);
    rmdir(j->folder);
}

int main(int argc, char **argv)
{
    job j = {.repeat = 5};
    for (int i = 1; i + 1 < argc; i += 2) {
        if (!strcmp(argv[i], "--headprune"))
            j.program = argv[i + 1];
        else if (!strcmp(argv[i], "--model"))
            j.model = argv[i + 1];
        else if (!strcmp(argv[i], "--repeat"))
            j.repeat = (int)strtol(argv[i + 1], NULL, 10);
    }
    if (j.repeat < 1 || j.repeat > MOST_RUNS)
        fail("--repeat takes 1 to 64");
    setvbuf(stdout, NULL, _IOLBF, 0);
    int own = !j.model;
    if (own)
        make_model(&j);
    if (j.program)
        measure_magnitude(&j);
    measure_entropy(&j);
    if (own)
        remove_model(&j);
    return 0;
}
