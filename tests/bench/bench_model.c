/* GPT-2 small with random weights, in the layout of transformers. */
#include "bench.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 65536U

typedef struct writer {
    char *header;
    size_t len, room;
    uint64_t at; /* of the next tensor's data */
    FILE *out;
    uint32_t seed;
    int failed;
} writer;

typedef void each(writer *w, const char *name, size_t rows, size_t columns);

__attribute__((format(printf, 2, 3))) static void add_text(writer *w,
                                                           const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(w->header + w->len, w->room - w->len, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= w->room - w->len)
        w->failed = 1;
    else
        w->len += (size_t)n;
}

static void describe(writer *w, const char *name, size_t rows, size_t columns)
{
    uint64_t end = w->at + (uint64_t)rows * (columns ? columns : 1) * 4;
    add_text(w, "%s\"%s\":{\"dtype\":\"F32\",\"shape\":[%zu", w->at ? "," : "",
             name, rows);
    if (columns)
        add_text(w, ",%zu", columns);
    add_text(w, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)w->at,
             (unsigned long long)end);
    w->at = end;
}

/* Norm weights near 1; the rest uniform with GPT-2's deviation of 0.02. */
static void write_values(writer *w, const char *name, size_t rows,
                         size_t columns)
{
    float chunk[CHUNK];
    int norm = strstr(name, "ln_") && strstr(name, "weight");
    size_t n = rows * (columns ? columns : 1);
    while (n && !w->failed) {
        size_t part = n < CHUNK ? n : CHUNK;
        for (size_t i = 0; i < part; i++) {
            w->seed ^= w->seed << 13;
            w->seed ^= w->seed >> 17;
            w->seed ^= w->seed << 5;
            chunk[i] = (float)(int32_t)w->seed / 2147483648.0F * 0.035F +
                       (norm ? 1.0F : 0.0F);
        }
        w->failed = fwrite(chunk, sizeof *chunk, part, w->out) != part;
        n -= part;
    }
}

static void one(writer *w, each *f, unsigned layer, const char *name,
                const size_t size[2])
{
    char full[96];
    snprintf(full, sizeof full, "transformer.h.%u.%s", layer, name);
    f(w, full, size[0], size[1]);
}

static void each_tensor(writer *w, each *f)
{
    static const struct {
        const char *name;
        size_t size[2];
    } of_layer[] = {
        {"ln_1.weight", {BENCH_WIDTH, 0}},
        {"ln_1.bias", {BENCH_WIDTH, 0}},
        {"attn.bias", {BENCH_POSITIONS, BENCH_POSITIONS}}, /* a buffer */
        {"attn.c_attn.weight", {BENCH_WIDTH, (size_t)3 * BENCH_WIDTH}},
        {"attn.c_attn.bias", {(size_t)3 * BENCH_WIDTH, 0}},
        {"attn.c_proj.weight", {BENCH_WIDTH, BENCH_WIDTH}},
        {"attn.c_proj.bias", {BENCH_WIDTH, 0}},
        {"ln_2.weight", {BENCH_WIDTH, 0}},
        {"ln_2.bias", {BENCH_WIDTH, 0}},
        {"mlp.c_fc.weight", {BENCH_WIDTH, (size_t)4 * BENCH_WIDTH}},
        {"mlp.c_fc.bias", {(size_t)4 * BENCH_WIDTH, 0}},
        {"mlp.c_proj.weight", {(size_t)4 * BENCH_WIDTH, BENCH_WIDTH}},
        {"mlp.c_proj.bias", {BENCH_WIDTH, 0}},
    };
    f(w, "transformer.wte.weight", BENCH_VOCAB, BENCH_WIDTH);
    f(w, "transformer.wpe.weight", BENCH_POSITIONS, BENCH_WIDTH);
    for (unsigned i = 0; i < BENCH_LAYERS; i++)
        for (size_t t = 0; t < sizeof of_layer / sizeof *of_layer; t++)
            one(w, f, i, of_layer[t].name, of_layer[t].size);
    f(w, "transformer.ln_f.weight", BENCH_WIDTH, 0);
    f(w, "transformer.ln_f.bias", BENCH_WIDTH, 0);
}

static FILE *create(const char *folder, const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return fopen(path, "wb");
}

static int write_config(const char *folder)
{
    FILE *f = create(folder, "config.json");
    if (!f)
        return 0;
    fprintf(f,
            "{\"model_type\":\"gpt2\",\"architectures\":[\"GPT2LMHeadModel\"],"
            "\"n_layer\":%d,\"n_head\":%d,\"n_embd\":%d,\"vocab_size\":%d,"
            "\"n_positions\":%d,\"layer_norm_epsilon\":1e-5,"
            "\"activation_function\":\"gelu_new\"}\n",
            BENCH_LAYERS, BENCH_HEADS, BENCH_WIDTH, BENCH_VOCAB,
            BENCH_POSITIONS);
    return fclose(f) == 0;
}

int bench_write_model(const char *folder)
{
    char header[32768];
    writer w = {.header = header, .room = sizeof header, .seed = 2463534242U};
    w.out = create(folder, "model.safetensors");
    if (!w.out)
        return 0;
    add_text(&w, "{");
    each_tensor(&w, describe);
    add_text(&w, "}");
    uint64_t bytes = w.len; /* little-endian machines only, as the format */
    w.failed |= fwrite(&bytes, sizeof bytes, 1, w.out) != 1;
    w.failed |= fwrite(header, 1, w.len, w.out) != w.len;
    each_tensor(&w, write_values);
    w.failed |= fclose(w.out) != 0;
    return !w.failed && write_config(folder);
}
