#ifndef HEADPRUNE_TESTS_BENCH_H
#define HEADPRUNE_TESTS_BENCH_H

#include "headprune/headprune.h"

#include <stddef.h>
#include <stdint.h>

/*
 * What the bench programs share. A program measures rows and prints each as a
 * line of JSON; run.py runs the programs and makes one table of them
 * (README.md). Whatever goes wrong ends the program with a message.
 */

#define BENCH_MOST 256 /* repetitions of a row */

/* ---- the command line, the same for every program ---- */

typedef struct bench {
    const char *program;   /* its own name */
    int repeat;            /* --repeat N: repetitions; 0: as the row likes */
    int tiny;              /* --tiny: shapes so small that nothing is measured,
                              to see that the program works */
    int list;              /* --list: names of the rows, nothing else */
    const char *only;      /* --only PATTERN: rows whose name holds it or that
                              it matches as a shell pattern; NULL: all */
    const char *models;    /* --models FOLDER: for models, kept and reused */
    const char *headprune; /* --headprune PROGRAM */
    const char *source;    /* --source FOLDER: the source tree */
    unsigned threads;      /* processors that this process may use */
} bench;

bench bench_begin(int argc, char **argv);
/* 1: measure this row. Under --list prints the name and gives 0. */
int bench_wanted(const bench *b, const char *row);
/* How often: --repeat, 1 when tiny, else `usual`. */
int bench_repeat(const bench *b, int usual);
_Noreturn void bench_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
/* bench_fail() with err's message unless st is HP_OK. */
void bench_check(hp_status st, const hp_error *err);
void *bench_alloc(size_t n, size_t size); /* zeroed; never NULL */

/* ---- clocks, the peak, memory ---- */

double bench_now(void); /* seconds by the clock */
double bench_cpu(void); /* processor time of all threads of this process, */
double bench_system_cpu(void); /* and what of it the system had for itself */
/* A line of /proc/self/status in MiB: "RssAnon", "VmHWM". */
double bench_memory(const char *key);

typedef enum bench_level {
    BENCH_WIDEST, /* the widest vectors of this processor */
    BENCH_AVX512,
    BENCH_AVX2,
    BENCH_PORTABLE
} bench_level;

/*
 * Multiply-adds a second, times two, that `threads` threads reach at once
 * with such vectors, in GFLOP/s: by the clock, and in the processor time that
 * they were given, which other programs cannot shorten. Takes about 60 ms.
 */
typedef struct bench_rate {
    double by_clock, by_cpu;
} bench_rate;
bench_rate bench_peak(const bench *b, bench_level level);
int bench_has(bench_level level);
const char *bench_level_name(bench_level level); /* "AVX-512" */

/* One repetition between two peaks. */
typedef struct bench_sample {
    double seconds, cpu;      /* by the clock; of all threads */
    double peak, peak_by_cpu; /* GFLOP/s, means of before and after */
    int steady;               /* the peaks agree within a tenth, and other
                                 programs had no tenth of the processors */
} bench_sample;
bench_sample bench_time(const bench *b, bench_level level,
                        void (*work)(void *payload), void *payload);
/* Percent of the peak that `flops` in this sample are: by the clock, and in
 * processor time. */
double bench_share(const bench_sample *s, double flops);
double bench_share_by_cpu(const bench *b, const bench_sample *s, double flops);

/* ---- rows ---- */

typedef struct bench_row {
    const char *name, *unit;
    const char *note; /* NULL: none */
    double bar;       /* 0: none */
    int lower;        /* 1: lower is better */
    double values[BENCH_MOST], dropped[BENCH_MOST];
    int n, n_dropped; /* of steady repetitions, and of others */
} bench_row;

void bench_add(bench_row *row, double value, int steady);
void bench_print(const bench_row *row);
/* A row that cannot be measured here. */
void bench_skip(const char *name, const char *why);
double bench_median(const double *values, int n); /* NaN without values */

/* ---- models and tokens ---- */

typedef enum bench_dtype { BENCH_F32, BENCH_F16, BENCH_BF16 } bench_dtype;
const char *bench_dtype_name(bench_dtype t);

/* How a kind of model calls its tensors: bench_families.c. */
typedef struct bench_family bench_family;
extern const bench_family bench_gpt2, bench_bert, bench_llama;

typedef struct bench_shape {
    const char *name;
    const bench_family *family;
    size_t layers, heads, kv_heads, width, inner, vocab, positions;
} bench_shape;
/* What programs measure; each is small under --tiny. */
bench_shape bench_gpt2_small(const bench *b);
bench_shape bench_minilm(const bench *b);
bench_shape bench_tinyllama(const bench *b);
bench_shape bench_llama_7b(const bench *b);

typedef struct bench_writing {
    bench_dtype dtype;
    size_t shards; /* 0 or 1: one file */
    int sparse;    /* 1: a file with a header and a hole, all weights 0 */
} bench_writing;
/* Writes the model with random weights into --models unless it is there
 * already. The path of its folder is the caller's to free. */
char *bench_model(const bench *b, const bench_shape *s, const bench_writing *w);

/* The order in which `visit` sees tensors is that of the file. */
typedef struct bench_tensor {
    const char *name;
    size_t rows, columns; /* columns 0: a vector */
    int norm;             /* weights of a norm: near 1 */
    size_t part;          /* 0: before the layers, i + 1: layer i, then after */
} bench_tensor;
void bench_each_tensor(const bench_shape *s,
                       void (*visit)(void *payload, const bench_tensor *t),
                       void *payload);
/* config.json of the shape, to be freed. */
char *bench_config(const bench_shape *s, bench_dtype dtype);

/* Random tokens. */
typedef struct bench_data {
    int32_t *ids;
    size_t *start;
    hp_sequences sequences;
} bench_data;
bench_data bench_tokens(size_t n, size_t length, size_t vocab);
void bench_tokens_free(bench_data *d);
/* One sequence a line, as --tokens reads them. */
void bench_write_tokens(const char *path, const bench_data *d);

/* Of the products that the entropy of all heads needs over n sequences: the
 * last layer gives neither values nor output, and no key after a query counts
 * where the model is causal. Two for each multiply-add. */
double bench_entropy_flops(const bench_shape *s, size_t n, size_t length);

/* A model with the backend; says on a line what computes. */
typedef struct bench_open {
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp_backend *backend;
} bench_open;
bench_open bench_open_model(const char *folder);
void bench_close_model(bench_open *o);

/* ---- programs ---- */

typedef struct bench_child {
    double seconds, cpu; /* from before it starts to after it ended */
    /* MiB at most. Linux counts what this process had before the child's
     * program took its place: keep the program that measures small. */
    double resident;
} bench_child;
/* Runs argv[0] with its output thrown away; anything but exit code 0 fails. */
bench_child bench_run(char *const argv[]);

#endif
