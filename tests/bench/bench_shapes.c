/*
 * Entropy of all heads in other shapes: lengths of sequences, types of weights
 * and architectures. What is compared is measured in turn, and shares of the
 * peak are compared, so that the products of attention, of which longer
 * sequences need more, do not count against them.
 */
#include "bench.h"

#include <stdlib.h>

typedef struct arm {
    bench_shape shape;
    bench_dtype dtype;
    size_t n, length; /* sequences of so many tokens */
    bench_open open;
    bench_data data;
    double flops, anonymous; /* MiB at most */
} arm;

static void open_arm(const bench *b, arm *a)
{
    if (b->tiny) {
        a->n = 2;
        a->length = 16;
    }
    char *folder = bench_model(b, &a->shape, &(bench_writing){a->dtype, 1, 0});
    a->open = bench_open_model(folder);
    a->data = bench_tokens(a->n, a->length, a->shape.vocab);
    a->flops = bench_entropy_flops(&a->shape, a->n, a->length);
    free(folder);
}

static void close_arm(arm *a)
{
    bench_tokens_free(&a->data);
    bench_close_model(&a->open);
}

static void ignore(void *payload, const hp_seen *seen)
{
    (void)payload;
    (void)seen;
}

static int step(void *payload, uint64_t done, uint64_t total)
{
    arm *a = payload;
    double now = bench_memory("RssAnon");
    if (now > a->anonymous)
        a->anonymous = now;
    return done > total;
}

static void sweep(void *payload)
{
    arm *a = payload;
    const hp_observer observer = {.wants = HP_SEE_ENTROPY, .see = ignore};
    const hp_run_options o = {.backend = a->open.backend,
                              .progress = {step, a}};
    hp_error err;
    bench_check(
        hp_run_sweep(a->open.model, &a->data.sequences, &o, &observer, &err),
        &err);
}

/* `a` as a share of what `base` reaches, the mean of before and after it. */
static void compare(const bench *b, const char *name, arm base, arm a)
{
    static bench_row row;
    row = (bench_row){.name = name,
                      .unit = "of the other",
                      .bar = 0.95,
                      .note = "shares of the peak, in turn"};
    if (!bench_wanted(b, name))
        return;
    open_arm(b, &base);
    open_arm(b, &a);
    bench_sample before = bench_time(b, BENCH_WIDEST, sweep, &base);
    for (int i = bench_repeat(b, 3); i-- > 0;) {
        bench_sample s = bench_time(b, BENCH_WIDEST, sweep, &a);
        bench_sample after = bench_time(b, BENCH_WIDEST, sweep, &base);
        double other = (bench_share(&before, base.flops) +
                        bench_share(&after, base.flops)) /
                       2.0;
        bench_add(&row, bench_share(&s, a.flops) / other,
                  before.steady && s.steady && after.steady);
        before = after;
    }
    bench_print(&row);
    close_arm(&a);
    close_arm(&base);
}

static void alone(const bench *b, const char *const names[3], arm a,
                  double most)
{
    static bench_row share, speed, memory;
    share = (bench_row){.name = names[0], .unit = "% of peak", .bar = 75};
    speed = (bench_row){.name = names[1], .unit = "tokens/s"};
    memory =
        (bench_row){.name = names[2], .unit = "MiB", .bar = most, .lower = 1};
    if (!bench_wanted(b, names[0]))
        return;
    open_arm(b, &a);
    for (int i = 0; i < bench_repeat(b, 3); i++) {
        bench_sample s = bench_time(b, BENCH_WIDEST, sweep, &a);
        if (!i)
            bench_add(&memory, a.anonymous, 1);
        bench_add(&share, bench_share(&s, a.flops), s.steady);
        bench_add(&speed, (double)(a.n * a.length) / s.seconds, s.steady);
    }
    bench_print(&share);
    bench_print(&speed);
    bench_print(&memory);
    close_arm(&a);
}

int main(int argc, char **argv)
{
    static const char *const minilm[] = {
        "entropy minilm F32 128x128", "entropy minilm F32 128x128, speed",
        "entropy minilm F32 128x128, anonymous memory"};
    static const char *const tinyllama[] = {
        "entropy tinyllama BF16 8x512", "entropy tinyllama BF16 8x512, speed",
        "entropy tinyllama BF16 8x512, anonymous memory"};
    bench b = bench_begin(argc, argv);
    bench_shape gpt2 = bench_gpt2_small(&b);
    const arm usual = {.shape = gpt2, .n = 16, .length = 512};
    arm other = usual;
    other.n = 64;
    other.length = 128;
    compare(&b, "entropy gpt2-small F32 64x128 / 16x512", usual, other);
    other.n = 8;
    other.length = 1024;
    compare(&b, "entropy gpt2-small F32 8x1024 / 16x512", usual, other);
    other = usual;
    other.dtype = BENCH_F16;
    compare(&b, "entropy gpt2-small F16 / F32 16x512", usual, other);
    other.dtype = BENCH_BF16;
    compare(&b, "entropy gpt2-small BF16 / F32 16x512", usual, other);
    alone(&b, minilm, (arm){.shape = bench_minilm(&b), .n = 128, .length = 128},
          100);
    /* One layer in F32, 168 MiB, and the budget of 64. */
    alone(&b, tinyllama,
          (arm){.shape = bench_tinyllama(&b),
                .dtype = BENCH_BF16,
                .n = 8,
                .length = 512},
          232);
    return 0;
}
