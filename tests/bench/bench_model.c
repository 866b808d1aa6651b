/*
 * Checkpoints with random weights in any shape: safetensors, whole, in shards,
 * or as a hole in a file.
 */
#include "bench.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHUNK  65536U
#define HEADER ((size_t)1 << 20)

typedef struct writer {
    const bench_shape *s;
    const bench_writing *w;
    const char *folder;
    size_t shards, shard; /* which is written; all at once: shards == 1 */
    char *header;
    size_t len;
    uint64_t at; /* of the next tensor's data in this shard */
    uint32_t seed;
    FILE *out, *index;
    int listed; /* tensors in the index */
} writer;

const char *bench_dtype_name(bench_dtype t)
{
    static const char *const names[] = {"F32", "F16", "BF16"};
    return names[t];
}

static size_t width_of(bench_dtype t)
{
    return t == BENCH_F32 ? 4 : 2;
}

static size_t count_of(const bench_tensor *t)
{
    return t->rows * (t->columns ? t->columns : 1);
}

static size_t shard_of(const writer *w, const bench_tensor *t)
{
    return t->part * w->shards / (w->s->layers + 2);
}

static void name_shard(const writer *w, char *out, size_t room)
{
    if (w->shards == 1)
        snprintf(out, room, "model.safetensors");
    else
        snprintf(out, room, "model-%05zu-of-%05zu.safetensors", w->shard + 1,
                 w->shards);
}

static FILE *create(const char *folder, const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    if (!f)
        bench_fail("%s: %s", path, strerror(errno));
    return f;
}

static void finish(FILE *f, const char *folder)
{
    int failed = ferror(f);
    if (fclose(f) || failed)
        bench_fail("%s: %s", folder, strerror(errno));
}

/* ---- the header ---- */

static void describe(void *payload, const bench_tensor *t)
{
    writer *w = payload;
    char columns[32] = "";
    if (shard_of(w, t) != w->shard)
        return;
    uint64_t end = w->at + count_of(t) * width_of(w->w->dtype);
    if (t->columns)
        snprintf(columns, sizeof columns, ",%zu", t->columns);
    w->len += (size_t)snprintf(
        w->header + w->len, HEADER - w->len,
        "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[%zu%s],\"data_offsets\":[%llu,"
        "%llu]}",
        w->at ? "," : "", t->name, bench_dtype_name(w->w->dtype), t->rows,
        columns, (unsigned long long)w->at, (unsigned long long)end);
    if (w->len + 512 > HEADER)
        bench_fail("%s: the header is too long", w->s->name);
    w->at = end;
    if (w->index) {
        char shard[64];
        name_shard(w, shard, sizeof shard);
        fprintf(w->index, "%s\"%s\":\"%s\"", w->listed++ ? "," : "", t->name,
                shard);
    }
}

/* ---- the weights ---- */

/* Norm weights near 1; the rest uniform with a deviation of 0.02. */
static float value(writer *w, int norm)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 17;
    w->seed ^= w->seed << 5;
    return (float)(int32_t)w->seed / 2147483648.0F * 0.035F +
           (norm ? 1.0F : 0.0F);
}

/* The upper bits; for F16 what is below its normal numbers becomes 0. */
static uint16_t narrow(float x, bench_dtype dtype)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (dtype == BENCH_BF16)
        return (uint16_t)(bits >> 16);
    uint32_t exponent = bits >> 23 & 0xff, sign = bits >> 16 & 0x8000;
    if (exponent <= 112)
        return (uint16_t)sign;
    return (uint16_t)(sign | (exponent - 112) << 10 | (bits >> 13 & 0x3ff));
}

static void fill(void *payload, const bench_tensor *t)
{
    writer *w = payload;
    static union {
        float wide[CHUNK];
        uint16_t narrow[CHUNK];
    } chunk;
    bench_dtype dtype = w->w->dtype;
    if (shard_of(w, t) != w->shard)
        return;
    for (size_t n = count_of(t); n;) {
        size_t part = n < CHUNK ? n : CHUNK;
        for (size_t i = 0; i < part; i++)
            if (dtype == BENCH_F32)
                chunk.wide[i] = value(w, t->norm);
            else
                chunk.narrow[i] = narrow(value(w, t->norm), dtype);
        fwrite(&chunk, width_of(dtype), part, w->out);
        n -= part;
    }
}

/* ---- files ---- */

static void write_shard(writer *w)
{
    char name[64];
    name_shard(w, name, sizeof name);
    w->out = create(w->folder, name);
    w->at = 0;
    w->len = 1;
    w->header[0] = '{';
    bench_each_tensor(w->s, describe, w);
    w->header[w->len++] = '}';
    while (w->len % 8)
        w->header[w->len++] = ' ';
    uint64_t bytes = w->len; /* little-endian machines only, as the format */
    fwrite(&bytes, sizeof bytes, 1, w->out);
    fwrite(w->header, 1, w->len, w->out);
    if (!w->w->sparse)
        bench_each_tensor(w->s, fill, w);
    else if (fflush(w->out) ||
             ftruncate(fileno(w->out), (off_t)(8 + w->len + w->at)))
        bench_fail("%s/%s: %s", w->folder, name, strerror(errno));
    finish(w->out, w->folder);
}

static void write_shards(writer *w)
{
    if (w->shards > 1) {
        w->index = create(w->folder, "model.safetensors.index.json");
        fputs("{\"metadata\":{},\"weight_map\":{", w->index);
    }
    for (w->shard = 0; w->shard < w->shards; w->shard++)
        write_shard(w);
    if (w->index) {
        fputs("}}\n", w->index);
        finish(w->index, w->folder);
    }
}

char *bench_model(const bench *b, const bench_shape *s, const bench_writing *w)
{
    char config[1024];
    if (!b->models)
        bench_fail("--models FOLDER is needed: it takes the model %s", s->name);
    char *folder = bench_alloc(512, 1);
    snprintf(folder, 512, "%s/%s-%s%s%s", b->models, s->name,
             bench_dtype_name(w->dtype), w->shards > 1 ? "-sharded" : "",
             w->sparse ? "-sparse" : "");
    snprintf(config, sizeof config, "%s/config.json", folder);
    if (!access(config, R_OK))
        return folder; /* config.json is written last */
    if ((mkdir(b->models, 0777) && errno != EEXIST) ||
        (mkdir(folder, 0777) && errno != EEXIST))
        bench_fail("%s: %s", folder, strerror(errno));
    writer out = {.s = s,
                  .w = w,
                  .folder = folder,
                  .shards = w->shards > 1 ? w->shards : 1,
                  .header = bench_alloc(HEADER, 1),
                  .seed = 2463534242U};
    write_shards(&out);
    free(out.header);
    char *text = bench_config(s, w->dtype);
    FILE *f = create(folder, "config.json");
    fputs(text, f);
    finish(f, folder);
    free(text);
    return folder;
}
