/*
 * The models that are measured, as data: what their tensors are called, which
 * sizes they have, and what config.json says of them.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sizes of a shape that a tensor's rows and columns are. */
typedef enum size_code {
    NONE, /* a vector has no columns */
    WIDTH,
    WIDTH_3, /* queries, keys and values side by side */
    INNER,
    VOCAB,
    POSITIONS,
    KEYS, /* of all key heads */
    TYPES
} size_code;

typedef struct entry {
    const char *name;
    size_code rows, columns;
    int norm;
} entry;

struct bench_family {
    const char *layer;                 /* the prefix of a layer's tensors */
    entry before[5], of[16], after[3]; /* up to the first without a name */
    int causal, gated;
    const char *config; /* takes layers, heads, key heads, width, inner, vocab
                           and positions, in this order */
};

const bench_family bench_gpt2 = {
    .layer = "transformer.h.%zu.",
    .causal = 1,
    .before = {{"transformer.wte.weight", VOCAB, WIDTH, 0},
               {"transformer.wpe.weight", POSITIONS, WIDTH, 0}},
    .of = {{"ln_1.weight", WIDTH, NONE, 1},
           {"ln_1.bias", WIDTH, NONE, 0},
           /* a buffer that the published file has */
           {"attn.bias", POSITIONS, POSITIONS, 0},
           {"attn.c_attn.weight", WIDTH, WIDTH_3, 0},
           {"attn.c_attn.bias", WIDTH_3, NONE, 0},
           {"attn.c_proj.weight", WIDTH, WIDTH, 0},
           {"attn.c_proj.bias", WIDTH, NONE, 0},
           {"ln_2.weight", WIDTH, NONE, 1},
           {"ln_2.bias", WIDTH, NONE, 0},
           {"mlp.c_fc.weight", WIDTH, INNER, 0},
           {"mlp.c_fc.bias", INNER, NONE, 0},
           {"mlp.c_proj.weight", INNER, WIDTH, 0},
           {"mlp.c_proj.bias", WIDTH, NONE, 0}},
    .after = {{"transformer.ln_f.weight", WIDTH, NONE, 1},
              {"transformer.ln_f.bias", WIDTH, NONE, 0}},
    .config = "{\"model_type\":\"gpt2\","
              "\"architectures\":[\"GPT2LMHeadModel\"],"
              "\"layer_norm_epsilon\":1e-5,"
              "\"activation_function\":\"gelu_new\","
              "\"n_layer\":%zu,\"n_head\":%zu,\"key_heads\":%zu,"
              "\"n_embd\":%zu,\"n_inner\":%zu,\"vocab_size\":%zu,"
              "\"n_positions\":%zu"};

const bench_family bench_bert = {
    .layer = "encoder.layer.%zu.",
    .before = {{"embeddings.word_embeddings.weight", VOCAB, WIDTH, 0},
               {"embeddings.position_embeddings.weight", POSITIONS, WIDTH, 0},
               {"embeddings.token_type_embeddings.weight", TYPES, WIDTH, 0},
               {"embeddings.LayerNorm.weight", WIDTH, NONE, 1},
               {"embeddings.LayerNorm.bias", WIDTH, NONE, 0}},
    .of = {{"attention.self.query.weight", WIDTH, WIDTH, 0},
           {"attention.self.query.bias", WIDTH, NONE, 0},
           {"attention.self.key.weight", WIDTH, WIDTH, 0},
           {"attention.self.key.bias", WIDTH, NONE, 0},
           {"attention.self.value.weight", WIDTH, WIDTH, 0},
           {"attention.self.value.bias", WIDTH, NONE, 0},
           {"attention.output.dense.weight", WIDTH, WIDTH, 0},
           {"attention.output.dense.bias", WIDTH, NONE, 0},
           {"attention.output.LayerNorm.weight", WIDTH, NONE, 1},
           {"attention.output.LayerNorm.bias", WIDTH, NONE, 0},
           {"intermediate.dense.weight", INNER, WIDTH, 0},
           {"intermediate.dense.bias", INNER, NONE, 0},
           {"output.dense.weight", WIDTH, INNER, 0},
           {"output.dense.bias", WIDTH, NONE, 0},
           {"output.LayerNorm.weight", WIDTH, NONE, 1},
           {"output.LayerNorm.bias", WIDTH, NONE, 0}},
    .config = "{\"model_type\":\"bert\",\"architectures\":[\"BertModel\"],"
              "\"hidden_act\":\"gelu\",\"type_vocab_size\":2,"
              "\"layer_norm_eps\":1e-12,"
              "\"num_hidden_layers\":%zu,\"num_attention_heads\":%zu,"
              "\"key_heads\":%zu,\"hidden_size\":%zu,"
              "\"intermediate_size\":%zu,\"vocab_size\":%zu,"
              "\"max_position_embeddings\":%zu"};

const bench_family bench_llama = {
    .layer = "model.layers.%zu.",
    .causal = 1,
    .gated = 1,
    .before = {{"model.embed_tokens.weight", VOCAB, WIDTH, 0}},
    .of = {{"input_layernorm.weight", WIDTH, NONE, 1},
           {"self_attn.q_proj.weight", WIDTH, WIDTH, 0},
           {"self_attn.k_proj.weight", KEYS, WIDTH, 0},
           {"self_attn.v_proj.weight", KEYS, WIDTH, 0},
           {"self_attn.o_proj.weight", WIDTH, WIDTH, 0},
           {"post_attention_layernorm.weight", WIDTH, NONE, 1},
           {"mlp.gate_proj.weight", INNER, WIDTH, 0},
           {"mlp.up_proj.weight", INNER, WIDTH, 0},
           {"mlp.down_proj.weight", WIDTH, INNER, 0}},
    .after = {{"model.norm.weight", WIDTH, NONE, 1},
              {"lm_head.weight", VOCAB, WIDTH, 0}},
    .config = "{\"model_type\":\"llama\","
              "\"architectures\":[\"LlamaForCausalLM\"],"
              "\"hidden_act\":\"silu\",\"rms_norm_eps\":1e-5,"
              "\"rope_theta\":10000.0,\"tie_word_embeddings\":false,"
              "\"num_hidden_layers\":%zu,\"num_attention_heads\":%zu,"
              "\"num_key_value_heads\":%zu,\"hidden_size\":%zu,"
              "\"intermediate_size\":%zu,\"vocab_size\":%zu,"
              "\"max_position_embeddings\":%zu"};

/* ---- shapes ---- */

bench_shape bench_gpt2_small(const bench *b)
{
    if (b->tiny)
        return (bench_shape){"tiny-gpt2", &bench_gpt2, 2,  4,  4,
                             64,          256,         97, 128};
    return (bench_shape){"gpt2-small", &bench_gpt2, 12,    12,  12,
                         768,          3072,        50257, 1024};
}

bench_shape bench_minilm(const bench *b)
{
    if (b->tiny)
        return (bench_shape){"tiny-bert", &bench_bert, 2,  4,  4,
                             64,          128,         97, 128};
    return (bench_shape){"minilm", &bench_bert, 6,     12, 12,
                         384,      1536,        30522, 512};
}

bench_shape bench_tinyllama(const bench *b)
{
    if (b->tiny)
        return (bench_shape){"tiny-llama", &bench_llama, 2,  8,  2,
                             64,           96,           97, 128};
    return (bench_shape){"tinyllama", &bench_llama, 22,    32,  4,
                         2048,        5632,         32000, 2048};
}

bench_shape bench_llama_7b(const bench *b)
{
    if (b->tiny)
        return (bench_shape){
            "tiny-llama-7b", &bench_llama, 3, 4, 4, 64, 96, 97, 128};
    return (bench_shape){"llama-7b", &bench_llama, 32,    32,  32,
                         4096,       11008,        32000, 4096};
}

/* ---- what follows from them ---- */

static size_t keys(const bench_shape *s)
{
    return s->width / s->heads * s->kv_heads;
}

static size_t size_of(const bench_shape *s, size_code code)
{
    const size_t sizes[] = {
        [NONE] = 0,
        [WIDTH] = s->width,
        [WIDTH_3] = 3 * s->width,
        [INNER] = s->inner,
        [VOCAB] = s->vocab,
        [TYPES] = 2,
        [KEYS] = keys(s),
        [POSITIONS] = s->positions,
    };
    return sizes[code];
}

typedef struct walk {
    const bench_shape *s;
    void (*visit)(void *payload, const bench_tensor *t);
    void *payload;
    size_t part;
} walk;

static void each_entry(walk *w, const entry *e, size_t n, const char *prefix)
{
    char name[128];
    for (size_t i = 0; i < n && e[i].name; i++) {
        snprintf(name, sizeof name, "%s%s", prefix, e[i].name);
        bench_tensor t = {name, size_of(w->s, e[i].rows),
                          size_of(w->s, e[i].columns), e[i].norm, w->part};
        w->visit(w->payload, &t);
    }
    w->part++;
}

void bench_each_tensor(const bench_shape *s,
                       void (*visit)(void *payload, const bench_tensor *t),
                       void *payload)
{
    const bench_family *f = s->family;
    walk w = {s, visit, payload, 0};
    each_entry(&w, f->before, sizeof f->before / sizeof *f->before, "");
    for (size_t i = 0; i < s->layers; i++) {
        char prefix[64], *mark = strstr(f->layer, "%zu");
        snprintf(prefix, sizeof prefix, "%.*s%zu%s", (int)(mark - f->layer),
                 f->layer, i, mark + 3);
        each_entry(&w, f->of, sizeof f->of / sizeof *f->of, prefix);
    }
    each_entry(&w, f->after, sizeof f->after / sizeof *f->after, "");
}

char *bench_config(const bench_shape *s, bench_dtype dtype)
{
    static const char *const torch_names[] = {"float32", "float16", "bfloat16"};
    const size_t sizes[] = {s->layers, s->heads, s->kv_heads, s->width,
                            s->inner,  s->vocab, s->positions};
    char *text = bench_alloc(1024, 1);
    size_t len = 0, next = 0;
    for (const char *p = s->family->config; *p; p++)
        if (!strncmp(p, "%zu", 3)) {
            len +=
                (size_t)snprintf(text + len, 1024 - len, "%zu", sizes[next++]);
            p += 2;
        } else
            text[len++] = *p;
    snprintf(text + len, 1024 - len, ",\"torch_dtype\":\"%s\"}\n",
             torch_names[dtype]);
    return text;
}

double bench_entropy_flops(const bench_shape *s, size_t n, size_t length)
{
    double d = (double)s->width, t = (double)length,
           last = (double)s->layers - 1;
    double maps = 2 * d * d + 2 * d * (double)keys(s) +
                  (s->family->gated ? 3 : 2) * d * (double)s->inner;
    double of_last = d * d + d * (double)keys(s);
    double pairs = s->family->causal ? t * (t + 1) / 2 : t * t;
    double tokens = (double)n * t;
    return 2.0 * (tokens * (last * maps + of_last) +
                  (double)n * pairs * d * (2 * last + 1));
}
