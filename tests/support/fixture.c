/*
 * Writes tiny GPT-2 and BERT checkpoints in the layout that transformers uses.
 * Nothing of the library is used here: what the tests read was not written by
 * the code under test.
 */
#include "fixture.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct tensor {
    char name[96];
    unsigned dims[2], n_dims;
    int near_one; /* a norm's weight */
} tensor;

typedef struct tensors {
    tensor list[256];
    size_t n;
} tensors;

__attribute__((format(printf, 4, 5))) static void
add(tensors *t, unsigned rows, unsigned columns, const char *fmt, ...)
{
    assert_true(t->n < sizeof t->list / sizeof *t->list);
    tensor *one = &t->list[t->n++];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(one->name, sizeof one->name, fmt, ap);
    va_end(ap);
    one->n_dims = columns ? 2 : 1;
    one->dims[0] = rows;
    one->dims[1] = columns ? columns : 1;
    one->near_one = 0;
}

static void add_norm(tensors *t, unsigned width, const char *name)
{
    add(t, width, 0, "%s.weight", name);
    t->list[t->n - 1].near_one = 1;
    add(t, width, 0, "%s.bias", name);
}

/* Sizes as stored; the bias has as many entries as there are outputs. */
static void add_linear(tensors *t, unsigned rows, unsigned columns,
                       unsigned outputs, const char *name)
{
    add(t, rows, columns, "%s.weight", name);
    add(t, outputs, 0, "%s.bias", name);
}

static void add_gpt2(tensors *t, const fixture *f)
{
    unsigned width = f->heads * f->head_dim;
    char at[64], name[96];
    add(t, f->vocab, width, "transformer.wte.weight");
    add(t, f->positions, width, "transformer.wpe.weight");
    for (unsigned i = 0; i < f->layers; i++) {
        snprintf(at, sizeof at, "transformer.h.%u", i);
        snprintf(name, sizeof name, "%s.ln_1", at);
        add_norm(t, width, name);
        snprintf(name, sizeof name, "%s.attn.c_attn", at);
        add_linear(t, width, 3 * width, 3 * width, name);
        snprintf(name, sizeof name, "%s.attn.c_proj", at);
        add_linear(t, width, width, width, name);
        snprintf(name, sizeof name, "%s.ln_2", at);
        add_norm(t, width, name);
        snprintf(name, sizeof name, "%s.mlp.c_fc", at);
        add_linear(t, width, 4 * width, 4 * width, name);
        snprintf(name, sizeof name, "%s.mlp.c_proj", at);
        add_linear(t, 4 * width, width, width, name);
    }
    add_norm(t, width, "transformer.ln_f");
}

static void add_bert_layer(tensors *t, unsigned width, const char *at)
{
    static const char *const maps[] = {
        "attention.self.query", "attention.self.key", "attention.self.value",
        "attention.output.dense"};
    char name[128];
    for (size_t k = 0; k < sizeof maps / sizeof *maps; k++) {
        snprintf(name, sizeof name, "%s.%s", at, maps[k]);
        add_linear(t, width, width, width, name);
    }
    snprintf(name, sizeof name, "%s.attention.output.LayerNorm", at);
    add_norm(t, width, name);
    snprintf(name, sizeof name, "%s.intermediate.dense", at);
    add_linear(t, 4 * width, width, 4 * width, name);
    snprintf(name, sizeof name, "%s.output.dense", at);
    add_linear(t, width, 4 * width, width, name);
    snprintf(name, sizeof name, "%s.output.LayerNorm", at);
    add_norm(t, width, name);
}

static void add_bert(tensors *t, const fixture *f)
{
    unsigned width = f->heads * f->head_dim;
    char at[64];
    add(t, f->vocab, width, "bert.embeddings.word_embeddings.weight");
    add(t, f->positions, width, "bert.embeddings.position_embeddings.weight");
    add(t, 2, width, "bert.embeddings.token_type_embeddings.weight");
    add_norm(t, width, "bert.embeddings.LayerNorm");
    for (unsigned i = 0; i < f->layers; i++) {
        snprintf(at, sizeof at, "bert.encoder.layer.%u", i);
        add_bert_layer(t, width, at);
    }
    add(t, f->vocab, 0, "cls.predictions.bias");
    add_linear(t, width, width, width, "cls.predictions.transform.dense");
    add_norm(t, width, "cls.predictions.transform.LayerNorm");
}

/* ---- values ---- */

static size_t dtype_size(const char *dtype)
{
    if (strcmp(dtype, "F64") == 0)
        return 8;
    return strcmp(dtype, "F32") == 0 ? 4 : 2;
}

/* Odd multiples of 1/256 below 1/4, or multiples of 1/128 around 1: at most 8
 * significant bits, so that the upper half of the F32 bits is the BF16. */
static float next_value(uint32_t *state, int near_one)
{
    *state = *state * 1664525u + 1013904223u;
    int k = (int)(*state >> 26) - 32; /* -32 .. 31 */
    return near_one ? 1.0f + (float)k / 128.0f : (float)(2 * k + 1) / 256.0f;
}

static void store(unsigned char *out, float value, const char *dtype)
{
    double wide = (double)value;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (strcmp(dtype, "F64") == 0) {
        memcpy(out, &wide, 8);
    } else if (strcmp(dtype, "F32") == 0) {
        memcpy(out, &bits, 4);
    } else if (strcmp(dtype, "BF16") == 0) {
        uint16_t half = (uint16_t)(bits >> 16);
        memcpy(out, &half, 2);
    } else {
        /* All values are normal in F16 too, so only the bias changes. */
        uint32_t exponent = ((bits >> 23) & 0xff) - 127 + 15;
        uint16_t half = (uint16_t)((bits >> 16 & 0x8000) | exponent << 10 |
                                   (bits >> 13 & 0x3ff));
        memcpy(out, &half, 2);
    }
}

/* ---- files ---- */

typedef struct growing {
    char *bytes;
    size_t len, room;
} growing;

static void extend(growing *t, const void *bytes, size_t len)
{
    if (t->len + len + 1 > t->room) {
        t->room = 2 * (t->len + len + 1);
        t->bytes = realloc(t->bytes, t->room);
        assert_non_null(t->bytes);
    }
    if (len)
        memcpy(t->bytes + t->len, bytes, len);
    t->len += len;
    t->bytes[t->len] = '\0';
}

__attribute__((format(printf, 2, 3))) static void say(growing *t,
                                                      const char *fmt, ...)
{
    char line[512];
    va_list ap;
    va_start(ap, fmt);
    int len = vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    assert_in_range(len, 0, sizeof line - 1);
    extend(t, line, (size_t)len);
}

char *fixture_path(const char *folder, const char *name)
{
    size_t room = strlen(folder) + strlen(name) + 2;
    char *path = malloc(room);
    assert_non_null(path);
    snprintf(path, room, "%s/%s", folder, name);
    return path;
}

void fixture_put(const char *folder, const char *name, const void *bytes,
                 size_t len)
{
    char *path = fixture_path(folder, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, len, f) != len || fclose(f) != 0)
        fail_msg("cannot write %s", path);
    free(path);
}

void fixture_put_text(const char *folder, const char *name, const char *text)
{
    fixture_put(folder, name, text, strlen(text));
}

/* One safetensors file of tensors [from, to). */
static size_t write_shard(const char *folder, const char *name,
                          const tensors *t, size_t from, size_t to,
                          const char *dtype)
{
    growing out = {0}, header = {0};
    size_t offset = 0, size = dtype_size(dtype);
    say(&header, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = from; i < to; i++) {
        const tensor *one = &t->list[i];
        size_t bytes = (size_t)one->dims[0] * one->dims[1] * size;
        say(&header, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%u", one->name,
            dtype, one->dims[0]);
        if (one->n_dims == 2)
            say(&header, ",%u", one->dims[1]);
        say(&header, "],\"data_offsets\":[%zu,%zu]}", offset, offset + bytes);
        offset += bytes;
    }
    say(&header, "}");
    while (header.len % 8)
        say(&header, " ");
    uint64_t length = header.len;
    extend(&out, &length, sizeof length);
    extend(&out, header.bytes, header.len);
    for (size_t i = from; i < to; i++) {
        uint32_t state = (uint32_t)i * 2654435761u + 1;
        const tensor *one = &t->list[i];
        for (size_t k = (size_t)one->dims[0] * one->dims[1]; k; k--) {
            unsigned char element[8];
            store(element, next_value(&state, one->near_one), dtype);
            extend(&out, element, size);
        }
    }
    fixture_put(folder, name, out.bytes, out.len);
    free(out.bytes);
    free(header.bytes);
    return offset;
}

static void write_shards(const char *folder, const tensors *t, const fixture *f)
{
    growing index = {0}, map = {0};
    char name[64];
    size_t total = 0;
    for (unsigned s = 0; s < f->shards; s++) {
        size_t from = t->n * s / f->shards, to = t->n * (s + 1) / f->shards;
        snprintf(name, sizeof name, "model-%05u-of-%05u.safetensors", s + 1,
                 f->shards);
        total += write_shard(folder, name, t, from, to, f->dtype);
        for (size_t i = from; i < to; i++)
            say(&map, "%s\n    \"%s\": \"%s\"", i ? "," : "", t->list[i].name,
                name);
    }
    say(&index, "{\n  \"metadata\": {\"total_size\": %zu},\n", total);
    say(&index, "  \"weight_map\": {");
    extend(&index, map.bytes ? map.bytes : "", map.len);
    say(&index, "\n  }\n}\n");
    fixture_put(folder, "model.safetensors.index.json", index.bytes, index.len);
    free(index.bytes);
    free(map.bytes);
}

static void write_config(const char *folder, const fixture *f)
{
    unsigned width = f->heads * f->head_dim;
    growing c = {0};
    if (strcmp(f->model_type, "gpt2") == 0)
        say(&c,
            "{\n  \"architectures\": [\"GPT2LMHeadModel\"],\n"
            "  \"model_type\": \"gpt2\",\n  \"n_layer\": %u,\n"
            "  \"n_head\": %u,\n  \"n_embd\": %u,\n  \"vocab_size\": %u,\n"
            "  \"n_positions\": %u,\n  \"n_inner\": null,\n"
            "  \"activation_function\": \"gelu_new\",\n"
            "  \"layer_norm_epsilon\": 1e-05\n}\n",
            f->layers, f->heads, width, f->vocab, f->positions);
    else
        say(&c,
            "{\n  \"architectures\": [\"BertForMaskedLM\"],\n"
            "  \"model_type\": \"bert\",\n  \"num_hidden_layers\": %u,\n"
            "  \"num_attention_heads\": %u,\n  \"hidden_size\": %u,\n"
            "  \"intermediate_size\": %u,\n  \"vocab_size\": %u,\n"
            "  \"max_position_embeddings\": %u,\n  \"type_vocab_size\": 2,\n"
            "  \"hidden_act\": \"gelu\",\n  \"layer_norm_eps\": 1e-12\n}\n",
            f->layers, f->heads, width, 4 * width, f->vocab, f->positions);
    fixture_put(folder, "config.json", c.bytes, c.len);
    free(c.bytes);
}

void fixture_write(const char *folder, const fixture *f)
{
    tensors *t = calloc(1, sizeof *t);
    assert_non_null(t);
    if (mkdir(folder, 0777) != 0)
        assert_int_equal(errno, EEXIST);
    if (strcmp(f->model_type, "gpt2") == 0)
        add_gpt2(t, f);
    else
        add_bert(t, f);
    if (f->shards > 1)
        write_shards(folder, t, f);
    else
        write_shard(folder, "model.safetensors", t, 0, t->n, f->dtype);
    write_config(folder, f);
    free(t);
}

char *fixture_folder(void)
{
    const char *at = getenv("TMPDIR");
    char *path = fixture_path(at && *at ? at : "/tmp", "headprune-test-XXXXXX");
    if (!mkdtemp(path))
        fail_msg("cannot make a folder like %s", path);
    return path;
}

void fixture_unlink(const char *path)
{
    struct stat s;
    if (lstat(path, &s) != 0)
        return;
    DIR *d = S_ISDIR(s.st_mode) ? opendir(path) : NULL;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        char *inner = fixture_path(path, e->d_name);
        fixture_unlink(inner);
        free(inner);
    }
    if (d)
        closedir(d);
    if (remove(path) != 0)
        fail_msg("cannot remove %s", path);
}

void fixture_remove(char *folder)
{
    if (folder)
        fixture_unlink(folder);
    free(folder);
}

char *fixture_read(const char *path, size_t *len)
{
    growing t = {0};
    char piece[4096];
    FILE *f = fopen(path, "rb");
    if (!f)
        fail_msg("cannot read %s", path);
    extend(&t, "", 0);
    for (size_t n; (n = fread(piece, 1, sizeof piece, f)) > 0;)
        extend(&t, piece, n);
    fclose(f);
    if (len)
        *len = t.len;
    return t.bytes;
}

int fixture_same(const char *path, const char *other)
{
    size_t n, m;
    char *a = fixture_read(path, &n), *b = fixture_read(other, &m);
    int same = n == m && memcmp(a, b, n) == 0;
    free(a);
    free(b);
    return same;
}

size_t fixture_count(const char *folder)
{
    size_t n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n - 2;
}

void fixture_copy(const char *folder, const char *from)
{
    static const char *const names[] = {"config.json", "model.safetensors"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t len = 0;
        char *path = fixture_path(from, names[i]);
        char *bytes = fixture_read(path, &len);
        fixture_put(folder, names[i], bytes, len);
        free(bytes);
        free(path);
    }
}
