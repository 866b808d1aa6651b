/* Plans: which heads go under which policy, and what is refused. */
#include "head_table.h"
#include "headprune/plan.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LAYERS ((size_t)4)
#define HEADS  ((size_t)6)
#define N      (LAYERS * HEADS)

static head_table table;
static uint32_t ranks[N];
static double values[N];
static hp_scores scores;
static hp_error err;

/* Head i has rank (i * 7 + 3) mod 24: a permutation without pattern. */
static int make_scores(void **state)
{
    (void)state;
    head_table_make(&table, LAYERS, HEADS);
    for (uint32_t i = 0; i < N; i++) {
        ranks[i] = (i * 7 + 3) % N;
        values[i] = ranks[i] / 10.0;
    }
    scores = (hp_scores){.model = {.path = "models/x",
                                   .model_type = "gpt2",
                                   .architecture = "",
                                   .fingerprint = "sha256:00",
                                   .layers = LAYERS,
                                   .heads = N},
                         .method = "magnitude",
                         .unit = "weight",
                         .n_heads = N,
                         .heads = table.heads,
                         .values = values,
                         .rank = ranks};
    return 0;
}

static hp_plan *make(const hp_policy *policy)
{
    hp_plan *p = NULL;
    if (hp_plan_make(&p, &scores, policy, &err))
        fail_msg("%s", err.message);
    return p;
}

static size_t pruned_of_block(const hp_plan *p, uint32_t block)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_heads; i++)
        n += p->heads[i].block == block && p->pruned[i];
    return n;
}

/* What every plan promises, whatever the policy. */
static void assert_consistent(const hp_plan *p)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_heads; i++) {
        n += p->pruned[i];
        assert_false(p->pruned[i] && p->policy.protect && p->policy.protect[i]);
    }
    assert_int_equal(n, p->n_pruned);
    for (size_t i = 0; i < p->n_pruned; i++) {
        assert_int_equal(p->pruned[p->order[i]], 1);
        if (i)
            assert_true(p->rank[p->order[i - 1]] < p->rank[p->order[i]]);
    }
    for (uint32_t b = 0; b < LAYERS; b++)
        assert_true(HEADS - pruned_of_block(p, b) >= p->policy.keep ||
                    pruned_of_block(p, b) == 0);
}

static void test_ratio_counts(void **state)
{
    (void)state;
    static const struct {
        double ratio;
        size_t n;
    } cases[] = {{0, 0},         {0.3, 7},        {0.5, 12},
                 {1, 24},        {1.0 / 24, 1},   {0.04, 0},
                 {0.999999, 23}, {7.0 / 24.0, 7}, {0.1, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hp_plan *p = make(&(hp_policy){.ratio = cases[i].ratio});
        assert_int_equal(p->n_pruned, cases[i].n);
        assert_consistent(p);
        /* The lowest ranks go, and nothing else. */
        for (size_t j = 0; j < N; j++)
            assert_int_equal(p->pruned[j], ranks[j] < cases[i].n);
        hp_plan_free(p);
    }
}

static void test_binary_fractions(void **state)
{
    (void)state;
    /* 0.29 * 100 and 0.57 * 100 are a little below in binary. */
    head_table_make(&table, 10, 10);
    static uint32_t hundred[100];
    static double zero[100];
    for (uint32_t i = 0; i < 100; i++)
        hundred[i] = i;
    scores.n_heads = 100;
    scores.heads = table.heads;
    scores.rank = hundred;
    scores.values = zero;
    for (size_t percent = 0; percent <= 100; percent++) {
        hp_plan *p = make(&(hp_policy){.ratio = (double)percent / 100});
        assert_int_equal(p->n_pruned, percent);
        hp_plan_free(p);
    }
}

static void test_bad_ratio(void **state)
{
    (void)state;
    static const struct {
        double ratio;
        const char *message;
    } cases[] = {{1.3, "ratio 1.3 is outside 0..1"},
                 {-0.1, "ratio -0.1 is outside"},
                 {(double)NAN, "nan is outside"},
                 {(double)INFINITY, "inf is outside"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static hp_plan not_null;
        hp_plan *p = &not_null;
        hp_policy policy = {.ratio = cases[i].ratio};
        assert_int_equal(hp_plan_make(&p, &scores, &policy, &err), HP_INVALID);
        assert_null(p);
        assert_non_null(strstr(err.message, cases[i].message));
    }
}

static void test_count(void **state)
{
    (void)state;
    hp_plan *p =
        make(&(hp_policy){.has_count = 1, .count = 5, .ratio = (double)NAN});
    assert_int_equal(p->n_pruned, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(ranks[p->order[i]], i);
    hp_plan_free(p);
}

static void test_layer_scope(void **state)
{
    (void)state;
    hp_plan *p = make(&(hp_policy){.ratio = 0.5, .scope = HP_SCOPE_LAYER});
    assert_consistent(p);
    for (uint32_t b = 0; b < LAYERS; b++) {
        assert_int_equal(pruned_of_block(p, b), 3);
        /* No head of the block that stays goes before one that went. */
        for (size_t i = b * HEADS; i < (b + 1) * HEADS; i++)
            for (size_t j = b * HEADS; j < (b + 1) * HEADS; j++)
                assert_false(p->pruned[i] && !p->pruned[j] &&
                             ranks[j] < ranks[i]);
    }
    hp_plan_free(p);
    p = make(&(hp_policy){.has_count = 1, .count = 2, .scope = HP_SCOPE_LAYER});
    assert_int_equal(p->n_pruned, 8);
    hp_plan_free(p);
}

static void test_keep(void **state)
{
    (void)state;
    /* Layer 0 first: without keep, a quarter would empty it. */
    for (uint32_t i = 0; i < N; i++)
        ranks[i] = i;
    for (size_t keep = 0; keep <= HEADS; keep++) {
        size_t most = LAYERS * (HEADS - keep);
        for (size_t n = 0; n <= most; n++) {
            hp_plan *p =
                make(&(hp_policy){.has_count = 1, .count = n, .keep = keep});
            assert_int_equal(p->n_pruned, n);
            assert_consistent(p);
            hp_plan_free(p);
        }
    }
    hp_plan *p = make(&(hp_policy){.has_count = 1, .count = 6, .keep = 4});
    assert_int_equal(pruned_of_block(p, 0), 2);
    assert_int_equal(pruned_of_block(p, 1), 2);
    assert_int_equal(pruned_of_block(p, 2), 2);
    hp_plan_free(p);
}

static void test_protect(void **state)
{
    (void)state;
    unsigned char protect[N] = {0};
    for (size_t i = 0; i < N; i++)
        protect[i] = ranks[i] % 2 == 0;
    hp_plan *p = make(&(hp_policy){.ratio = 0.25, .protect = protect});
    memset(protect, 0, sizeof protect); /* the plan has its own copy */
    assert_int_equal(p->n_pruned, 6);
    assert_consistent(p);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(ranks[p->order[i]], 2 * i + 1);
    hp_plan_free(p);
}

static void test_too_many(void **state)
{
    (void)state;
    static unsigned char protect[N];
    memset(protect, 1, HEADS);
    protect[HEADS] = 1;
    static const struct {
        hp_policy policy;
        const char *message;
    } cases[] = {
        {{.has_count = 1, .count = 25}, "25 heads are to be pruned, only 24"},
        {{.has_count = 1, .count = 21, .keep = 1},
         "21 heads are to be pruned, only 20 of 24 may be"},
        {{.ratio = 1, .keep = 7}, "only 0 of 24 may be"},
        {{.has_count = 1, .count = 7, .scope = HP_SCOPE_LAYER},
         "block 0: 7 heads are to be pruned, only 6 of 6"},
        {{.ratio = 0.5, .keep = 4, .scope = HP_SCOPE_LAYER},
         "block 0: 3 heads are to be pruned, only 2 of 6"},
        {{.has_count = 1, .count = 18, .protect = protect},
         "only 17 of 24 may be (7 protected, every block keeps 0)"},
        {{.has_count = 1, .count = 16, .keep = 1, .protect = protect},
         "only 15 of 24 may be (7 protected, every block keeps 1)"},
        {{.ratio = 0.5, .scope = HP_SCOPE_LAYER, .protect = protect},
         "block 0: 3 heads are to be pruned, only 0 of 6"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hp_plan *p = NULL;
        assert_int_equal(hp_plan_make(&p, &scores, &cases[i].policy, &err),
                         HP_INVALID);
        assert_null(p);
        if (!strstr(err.message, cases[i].message))
            fail_msg("message is \"%s\"", err.message);
    }
}

/* ---- heads that go together ---- */

/* Groups of `size` heads that share keys and values, in every block. */
static void share(uint32_t size)
{
    for (size_t i = 0; i < N; i++)
        table.heads[i].group = table.heads[i].head / size;
}

static double sum_of(size_t first, size_t n)
{
    double sum = 0;
    for (size_t i = first; i < first + n; i++)
        sum += values[i];
    return sum;
}

/* A plan's groups have lower sums than those that stay. */
static void assert_groups(const hp_plan *p, size_t size)
{
    double highest = -1, lowest = 1e9;
    for (size_t i = 0; i < N; i += size) {
        double sum = sum_of(i, size);
        for (size_t k = 1; k < size; k++)
            assert_int_equal(p->pruned[i], p->pruned[i + k]);
        if (p->pruned[i])
            highest = fmax(highest, sum);
        else
            lowest = fmin(lowest, sum);
    }
    assert_true(highest <= lowest + 1e-9);
}

static void test_whole_groups(void **state)
{
    (void)state;
    for (uint32_t size = 2; size <= 6; size += size < 3 ? 1 : 3) {
        share(size);
        for (size_t n = 0; n <= N; n++) {
            double ratio = (double)n / (double)N;
            hp_plan *p =
                make(&(hp_policy){.ratio = ratio, .group = HP_GROUP_KV});
            assert_int_equal(p->n_pruned, n / size * size);
            assert_groups(p, size);
            hp_plan_free(p);
        }
    }
}

static void test_highest_groups(void **state)
{
    (void)state;
    share(3);
    scores.prunes_highest = 1;
    for (uint32_t i = 0; i < N; i++)
        ranks[i] = (uint32_t)N - 1 - ranks[i];
    hp_plan *p =
        make(&(hp_policy){.has_count = 1, .count = 3, .group = HP_GROUP_KV});
    size_t first = p->order[0];
    for (size_t i = 0; i < N; i += 3)
        assert_true(p->pruned[i] || sum_of(i, 3) <= sum_of(first / 3 * 3, 3));
    assert_int_equal(p->n_pruned, 3);
    assert_true(values[p->order[0]] > values[p->order[1]]);
    hp_plan_free(p);
}

static size_t pruned_of_group(const hp_plan *p, uint32_t block, uint32_t group)
{
    size_t n = 0;
    for (size_t i = 0; i < p->n_heads; i++)
        n += p->heads[i].block == block && p->heads[i].group == group &&
             p->pruned[i];
    return n;
}

static void test_even_groups(void **state)
{
    (void)state;
    share(3);
    for (size_t n = 0; n <= N; n++) {
        double ratio = (double)n / (double)N;
        hp_plan *p = make(&(hp_policy){.ratio = ratio, .group = HP_GROUP_EVEN});
        assert_int_equal(p->n_pruned, n / 2 * 2);
        for (uint32_t b = 0; b < LAYERS; b++)
            assert_int_equal(pruned_of_group(p, b, 0),
                             pruned_of_group(p, b, 1));
        /* Within a group the lowest go. */
        for (size_t i = 0; i < N; i++)
            for (size_t j = i / 3 * 3; j < i / 3 * 3 + 3; j++)
                assert_false(p->pruned[i] && !p->pruned[j] &&
                             ranks[j] < ranks[i]);
        hp_plan_free(p);
    }
}

/* The pair of lowest heads with the lowest sum goes first. */
static void test_first_of_even(void **state)
{
    (void)state;
    double least = 1e9;
    size_t block = 0;
    share(3);
    for (size_t i = 0; i < HEADS; i++)
        values[i] += 5;
    for (size_t b = 0; b < LAYERS; b++) {
        double sum = 0;
        for (size_t i = b * HEADS; i < (b + 1) * HEADS; i += 3)
            sum += fmin(values[i], fmin(values[i + 1], values[i + 2]));
        block = sum < least ? b : block;
        least = fmin(least, sum);
    }
    hp_plan *p =
        make(&(hp_policy){.has_count = 1, .count = 2, .group = HP_GROUP_EVEN});
    assert_int_equal(pruned_of_block(p, (uint32_t)block), 2);
    assert_true(block != 0);
    hp_plan_free(p);
}

/* What goes at a ratio goes at a higher one. */
static void test_groups_are_nested(void **state)
{
    (void)state;
    static const hp_group groups[] = {HP_GROUP_KV, HP_GROUP_EVEN};
    share(3);
    for (size_t i = 0; i < table.n; i++) /* and one block of another size */
        if (table.heads[i].block == 2)
            table.heads[i].group = 0;
    for (size_t g = 0; g < 2; g++)
        for (int layer = 0; layer < 2; layer++) {
            unsigned char before[N] = {0};
            for (size_t n = 0; n <= N; n++) {
                hp_policy policy = {.ratio = (double)n / (double)N,
                                    .scope = layer ? HP_SCOPE_LAYER
                                                   : HP_SCOPE_GLOBAL,
                                    .group = groups[g]};
                hp_plan *p = make(&policy);
                for (size_t i = 0; i < N; i++)
                    assert_true(p->pruned[i] >= before[i]);
                memcpy(before, p->pruned, N);
                hp_plan_free(p);
            }
        }
}

static void test_groups_held_back(void **state)
{
    (void)state;
    static unsigned char protect[N];
    share(3);
    memset(protect, 0, sizeof protect);
    protect[1] = protect[2] = protect[7] = 1;
    hp_plan *p = make(&(hp_policy){
        .has_count = 1, .count = 18, .protect = protect, .group = HP_GROUP_KV});
    for (size_t i = 0; i < N; i++)
        assert_int_equal(p->pruned[i], i >= 3 && (i < 6 || i >= 9));
    hp_plan_free(p);
    /* Two of 0's first group are held: one of each group may go. */
    p = make(&(hp_policy){.has_count = 1,
                          .count = 18,
                          .protect = protect,
                          .group = HP_GROUP_EVEN});
    assert_int_equal(pruned_of_group(p, 0, 0), 1);
    assert_int_equal(p->pruned[0], 1);
    assert_int_equal(pruned_of_group(p, 0, 1), 1);
    assert_int_equal(pruned_of_group(p, 1, 0), 2);
    assert_int_equal(pruned_of_group(p, 3, 1), 3);
    hp_plan_free(p);
    p = make(&(hp_policy){.ratio = 0.5,
                          .keep = 3,
                          .scope = HP_SCOPE_LAYER,
                          .group = HP_GROUP_KV});
    for (uint32_t b = 0; b < LAYERS; b++)
        assert_int_equal(pruned_of_block(p, b), 3);
    hp_plan_free(p);
}

static void test_groups_refused(void **state)
{
    (void)state;
    static const struct {
        hp_policy policy;
        const char *message;
    } cases[] = {
        {{.has_count = 1, .count = 4, .group = HP_GROUP_KV},
         "4 heads are to be pruned, but they go with all that share their "
         "keys and values: 3 or 6 can"},
        {{.has_count = 1, .count = 5, .group = HP_GROUP_EVEN},
         "5 heads are to be pruned, but they go as many from every group: 4 "
         "or 6 can"},
        {{.has_count = 1,
          .count = 2,
          .scope = HP_SCOPE_LAYER,
          .group = HP_GROUP_KV},
         "block 0: 2 heads are to be pruned, but they go with all that share "
         "their keys and values: 0 or 3 can"},
        {{.ratio = 1, .keep = 1, .group = HP_GROUP_KV},
         "24 heads are to be pruned, only 12 of 24 may be (0 protected, every "
         "block keeps 1, heads that go together stay together)"},
    };
    share(3);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hp_plan *p = NULL;
        assert_int_equal(hp_plan_make(&p, &scores, &cases[i].policy, &err),
                         HP_INVALID);
        assert_null(p);
        if (!strstr(err.message, cases[i].message))
            fail_msg("message is \"%s\"", err.message);
    }
}

/* Without shared keys and values groups change nothing: ranks decide, even
 * where scores would say otherwise. */
static void test_nothing_shared(void **state)
{
    (void)state;
    values[0] = 99;
    for (size_t n = 0; n <= N; n++) {
        hp_policy policy = {.has_count = 1, .count = n};
        hp_plan *none = make(&policy);
        for (int g = HP_GROUP_KV; g <= HP_GROUP_EVEN; g++) {
            policy.group = (hp_group)g;
            hp_plan *p = make(&policy);
            assert_memory_equal(p->pruned, none->pruned, N);
            assert_memory_equal(p->order, none->order, n * sizeof *p->order);
            hp_plan_free(p);
        }
        hp_plan_free(none);
    }
}

static void test_impossible_scores(void **state)
{
    (void)state;
    hp_plan *p = NULL;
    ranks[3] = ranks[4];
    hp_policy policy = {.ratio = 0.5};
    assert_int_equal(hp_plan_make(&p, &scores, &policy, &err), HP_INVALID);
    assert_non_null(strstr(err.message, "rank"));
    ranks[3] = UINT32_MAX;
    assert_int_equal(hp_plan_make(&p, &scores, &policy, &err), HP_INVALID);
    table.heads[5].block = 4000000000U;
    assert_int_equal(hp_plan_make(&p, &scores, &policy, &err), HP_INVALID);
    assert_non_null(strstr(err.message, "head 0:5: block 4000000000"));
    assert_null(p);
}

static void test_self_contained(void **state)
{
    (void)state;
    hp_plan *p = make(&(hp_policy){.ratio = 0.5});
    memset(&table, 0, sizeof table);
    memset(values, 0, sizeof values);
    memset(ranks, 0, sizeof ranks);
    assert_string_equal(p->heads[7].id, "1:1");
    assert_int_equal(p->rank[7], (7 * 7 + 3) % N);
    assert_true(p->values[1] > 0.9);
    assert_string_equal(p->method, "magnitude");
    assert_string_equal(p->model.path, "models/x");
    hp_plan_free(p);
}

static void test_no_heads(void **state)
{
    (void)state;
    scores.n_heads = 0;
    hp_plan *p = make(&(hp_policy){.ratio = 1});
    assert_int_equal(p->n_pruned, 0);
    hp_plan_free(p);
    hp_plan_free(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        {"a ratio takes floor(R * heads) of the lowest ranks",
         test_ratio_counts, make_scores, NULL, NULL},
        {"a percentage of 100 heads takes exactly as many",
         test_binary_fractions, make_scores, NULL, NULL},
        {"a ratio outside 0..1 is refused", test_bad_ratio, make_scores, NULL,
         NULL},
        {"a count takes the place of the ratio", test_count, make_scores, NULL,
         NULL},
        {"scope layer takes the share of every block", test_layer_scope,
         make_scores, NULL, NULL},
        {"every block keeps as many heads as keep says", test_keep, make_scores,
         NULL, NULL},
        {"protected heads never go", test_protect, make_scores, NULL, NULL},
        {"asking for more than may go is refused with the numbers",
         test_too_many, make_scores, NULL, NULL},
        {"whole groups go by the sum of their scores", test_whole_groups,
         make_scores, NULL, NULL},
        {"of groups, too, the highest go where a method says so",
         test_highest_groups, make_scores, NULL, NULL},
        {"every group of a block loses as many heads", test_even_groups,
         make_scores, NULL, NULL},
        {"one of every group goes where the sum is lowest", test_first_of_even,
         make_scores, NULL, NULL},
        {"a higher ratio takes more groups, and the same ones",
         test_groups_are_nested, make_scores, NULL, NULL},
        {"a head that stays keeps its group", test_groups_held_back,
         make_scores, NULL, NULL},
        {"what groups do not make up is refused with the numbers",
         test_groups_refused, make_scores, NULL, NULL},
        {"groups change nothing where nothing is shared", test_nothing_shared,
         make_scores, NULL, NULL},
        {"scores whose ranks or blocks make no sense are refused",
         test_impossible_scores, make_scores, NULL, NULL},
        {"a plan outlives its scores", test_self_contained, make_scores, NULL,
         NULL},
        {"a plan of no heads is empty", test_no_heads, make_scores, NULL, NULL},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
