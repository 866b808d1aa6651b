/* How pieces come together in batches: as many as the budget holds, and so that
 * threads end together. */
#include "model/graph.h"
#include "run/prepare.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { WIDTH = 4, ROWS = 10, MOST_PIECES = 16 };

/* The sizes of batches of `pieces` pieces, of which `fit` fit in the budget. */
static void check(size_t pieces, size_t fit, size_t threads,
                  const size_t *sizes)
{
    hp__piece all[MOST_PIECES];
    hp_model model = {.spec = {.width = WIDTH}};
    const hp_observer observer = {.wants = HP_SEE_ENTROPY};
    hp__run r = {.model = &model,
                 .observer = &observer,
                 .n_pieces = pieces,
                 .n_stacks = 1,
                 .variants = {.n = 1},
                 .sizes = {.budget = fit * ROWS * WIDTH * sizeof(float),
                           .together = threads}};
    r.stacks[0].pieces = all;
    for (size_t i = 0; i < pieces; i++)
        all[i] = (hp__piece){.rows = ROWS};
    for (size_t first = 0; first < pieces; first += *sizes++)
        assert_int_equal(hp__batch_size(&r, first), *sizes);
}

static void as_many_as_fit(void **state)
{
    (void)state;
    check(8, 8, 2, (size_t[]){8});
    check(8, 20, 2, (size_t[]){8});
    check(7, 7, 2, (size_t[]){7});
    check(8, 7, 1, (size_t[]){7, 1});
}

static void every_thread_has_as_many(void **state)
{
    (void)state;
    check(8, 7, 2, (size_t[]){6, 2});
    check(9, 7, 2, (size_t[]){6, 3});
    check(16, 7, 4, (size_t[]){4, 4, 4, 4});
}

static void fewer_than_threads_stay(void **state)
{
    (void)state;
    check(5, 3, 4, (size_t[]){3, 2});
    check(3, 0, 2, (size_t[]){1, 1, 1});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_fit),
        cmocka_unit_test(every_thread_has_as_many),
        cmocka_unit_test(fewer_than_threads_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
