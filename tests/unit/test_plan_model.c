/* Plans and models: a plan of a list of heads, and which plans fit. */
#include "edit.h"
#include "fixture.h"
#include "headprune/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *folder, *other;
static hp_error err;

static int write_models(void **state)
{
    (void)state;
    fixture small = FIXTURE_GPT2;
    small.layers = 1;
    folder = fixture_folder();
    other = fixture_folder();
    fixture_write(folder, &FIXTURE_GPT2);
    fixture_write(other, &small);
    return 0;
}

static int remove_models(void **state)
{
    (void)state;
    fixture_remove(folder);
    fixture_remove(other);
    return 0;
}

static hp_plan *plan_list(const hp_model *m, const char *list)
{
    unsigned char mask[8] = {0};
    hp_plan *p = NULL;
    assert_int_equal(hp_heads_parse(mask, list, hp_model_heads(m),
                                    hp_model_n_heads(m), &err),
                     HP_OK);
    assert_int_equal(hp_plan_from_mask(&p, m, mask, &err), HP_OK);
    return p;
}

static void test_from_mask(void **state)
{
    (void)state;
    hp_model *m = open_model(folder);
    hp_plan *p = plan_list(m, "1:3 0:2");
    char *fingerprint =
        strdup(hp_checkpoint_fingerprint(hp_model_checkpoint(m)));
    close_model(m);
    assert_int_equal(p->n_heads, 8);
    assert_int_equal(p->n_pruned, 2);
    assert_int_equal(p->order[0], 2);
    assert_int_equal(p->order[1], 7);
    assert_int_equal(p->pruned[2] + p->pruned[7], 2);
    assert_string_equal(p->heads[7].id, "1:3");
    assert_string_equal(p->method, "");
    assert_null(p->values);
    assert_null(p->rank);
    assert_int_equal(p->policy.has_count, 1);
    assert_int_equal(p->policy.count, 2);
    assert_string_equal(p->model.fingerprint, fingerprint);
    free(fingerprint);
    hp_plan_free(p);
}

static void test_fits(void **state)
{
    (void)state;
    hp_model *big = open_model(folder), *small = open_model(other);
    hp_plan *p = plan_list(big, "0:1");
    assert_int_equal(hp_plan_fits(p, big, 0, &err), HP_OK);
    assert_int_equal(hp_plan_fits(p, small, 0, &err), HP_INVALID);
    assert_non_null(strstr(err.message, folder));
    assert_non_null(strstr(err.hint, "--any-model"));
    assert_int_equal(hp_plan_fits(p, small, 1, &err), HP_OK);
    hp_plan_free(p);
    p = plan_list(big, "0:1 1:2");
    assert_int_equal(hp_plan_fits(p, small, 1, &err), HP_INVALID);
    assert_non_null(strstr(err.message, "1:2"));
    hp_plan_free(p);
    close_model(big);
    close_model(small);
}

int main(void)
{
#define TEST(name, f)                                                          \
    {                                                                          \
        name, f, write_models, remove_models, NULL                             \
    }
    static const struct CMUnitTest tests[] = {
        TEST("a list of heads makes a plan of exactly these", test_from_mask),
        TEST("a plan fits its model, or any that has the heads", test_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
