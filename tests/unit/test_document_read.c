/* Documents that are not what they should be: one edit each of a good one. */
#include "fixture.h"

#include "headprune/headprune.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOOL "\"tool\": {\"name\": \"headprune\", \"version\": \"9\"},"
#define MODEL                                                                  \
    "\"model\": {\"path\": \"m\", \"model_type\": \"gpt2\", "                  \
    "\"architecture\": \"\", \"layers\": 2, \"heads\": 3, \"head_dim\": 8, "   \
    "\"parameters\": 99, \"fingerprint\": \"sha256:0\"},"
#define METHOD                                                                 \
    "\"method\": {\"name\": \"random\", \"unit\": \"\", "                      \
    "\"prunes\": \"lowest\", \"seed\": 3},"
/* The members up to "head" of three heads, two in block 0. */
#define HEAD_00                                                                \
    "{\"id\": \"0:0\", \"block\": 0, \"name\": \"b0\", \"layer\": 0, "         \
    "\"head\": 0, "
#define HEAD_01                                                                \
    "{\"id\": \"0:1\", \"block\": 0, \"name\": \"b0\", \"layer\": 0, "         \
    "\"head\": 1, "
#define HEAD_10                                                                \
    "{\"id\": \"1:0\", \"block\": 1, \"name\": \"b1\", \"layer\": 1, "         \
    "\"head\": 0, "

static const char scores[] =
    "{\"schema\": \"headprune.scores/1\"," TOOL MODEL METHOD
    "\"calibration\": null, \"heads\": [" HEAD_00
    "\"score\": 5, \"rank\": 9}," HEAD_01 "\"score\": 4, \"rank\": 9}," HEAD_10
    "\"score\": 4, \"rank\": 9}]}";

static const char plan[] =
    "{\"schema\": \"headprune.plan/1\"," TOOL MODEL METHOD
    "\"policy\": {\"ratio\": 0.7, \"count\": null, \"scope\": \"global\", "
    "\"keep\": 0, \"protect\": \"0:0\"}, \"total\": 3, \"pruned\": 2, "
    "\"heads\": \"0:1 1:0\", \"list\": [" HEAD_10
    "\"score\": 4, \"rank\": 1}," HEAD_01 "\"score\": 3, \"rank\": 0}], "
    "\"blocks\": [{\"block\": 0, \"name\": \"b0\", \"layer\": 0, "
    "\"heads\": [\"0:0\", \"0:1\"]}, {\"block\": 1, \"name\": \"b1\", "
    "\"layer\": 1, \"heads\": [\"1:0\"]}]}";

/* `text` with the first `from` replaced by `to`. */
static char *edit(const char *text, const char *from, const char *to)
{
    const char *at = strstr(text, from);
    size_t room = strlen(text) + strlen(to) + 1;
    char *out = malloc(room);
    assert_non_null(out);
    if (!at)
        fail_msg("the document has no %s", from);
    else
        snprintf(out, room, "%.*s%s%s", (int)(at - text), text, to,
                 at + strlen(from));
    return out;
}

typedef struct edited {
    const char *from, *to, *message; /* message NULL: still fine */
} edited;

static void check_scores(const edited *e)
{
    hp_error err = {0};
    hp_scores *s = NULL;
    char *text = edit(scores, e->from, e->to);
    hp_status st = hp_document_parse_scores(&s, text, strlen(text), &err);
    if (!e->message) {
        assert_int_equal(st, HP_OK);
        hp_scores_free(s);
    } else if (st != HP_FORMAT || s || !strstr(err.message, e->message)) {
        fail_msg("%s -> %s: status %d, '%s'", e->from, e->to, (int)st,
                 err.message);
    }
    free(text);
}

static void check_plan(const edited *e)
{
    hp_error err = {0};
    hp_plan *p = NULL;
    char *text = edit(plan, e->from, e->to);
    hp_status st = hp_document_parse_plan(&p, text, strlen(text), &err);
    if (!e->message) {
        assert_int_equal(st, HP_OK);
        hp_plan_free(p);
    } else if (st != HP_FORMAT || p || !strstr(err.message, e->message)) {
        fail_msg("%s -> %s: status %d, '%s'", e->from, e->to, (int)st,
                 err.message);
    }
    free(text);
}

static void ranks_follow_from_the_scores(void **state)
{
    (void)state;
    hp_error err = {0};
    hp_scores *s = NULL;
    assert_int_equal(hp_document_parse_scores(&s, scores, strlen(scores), &err),
                     HP_OK);
    /* Lowest first; of equal scores the earlier head. */
    assert_int_equal(s->rank[0], 2);
    assert_int_equal(s->rank[1], 0);
    assert_int_equal(s->rank[2], 1);
    assert_true(s->has_seed && s->seed == 3);
    assert_int_equal(s->has_calibration, 0);
    hp_scores_free(s);
    char *text = edit(scores, "lowest", "highest");
    assert_int_equal(hp_document_parse_scores(&s, text, strlen(text), &err),
                     HP_OK);
    assert_int_equal(s->rank[0], 0);
    assert_int_equal(s->rank[1], 1);
    assert_int_equal(s->rank[2], 2);
    hp_scores_free(s);
    free(text);
}

static void other_schemas_are_named(void **state)
{
    (void)state;
    static const edited edits[] = {
        {"scores/1", "scores/2",
         "schema 'headprune.scores/2' where 'headprune.scores/1' is needed"},
        {"scores/1", "plan/1", "where 'headprune.scores/1' is needed"},
        {"\"schema\"", "\"scheme\"", "key 'schema' is missing"},
        {"\"headprune.scores/1\"", "1", "key 'schema' is missing or no string"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        check_scores(&edits[i]);
    static const edited of_plan[] = {
        {"plan/1", "plan/2", "schema 'headprune.plan/2'"},
        {"plan/1", "scores/1", "where 'headprune.plan/1' is needed"},
        {"plan/1", "report/1", NULL},
    };
    for (size_t i = 0; i < sizeof of_plan / sizeof *of_plan; i++)
        check_plan(&of_plan[i]);
}

static void scores_with_a_fault_are_refused(void **state)
{
    (void)state;
    static const edited edits[] = {
        {"\"score\": 5", "\"score\": null", "heads[0]: key 'score'"},
        {"\"score\": 5", "\"score\": \"5\"", "heads[0]: key 'score'"},
        {"\"score\": 5", "\"score\": 1e999", ""},
        {"\"head\": 1", "\"head\": 1.5", "heads[1]: key 'head'"},
        {"\"head\": 1", "\"head\": -1", "heads[1]: key 'head'"},
        {"\"block\": 0", "\"block\": \"0\"", "heads[0]: key 'block'"},
        {"\"id\": \"0:1\"", "\"id\": \"0:0\"", "cannot have the id '0:0'"},
        {"\"id\": \"0:1\"", "\"id\": \"0:01\"", "cannot have the id"},
        {"\"id\": \"0:1\"", "\"id\": \"7:1\"", "cannot have the id"},
        {"\"id\": \"0:1\"", "\"id\": \":1\"", "cannot have the id"},
        {"\"id\": \"0:1\"", "\"id\": 1", "key 'id'"},
        {"\"id\": \"0:0\"", "\"id\": \"0 1:0\"", "cannot have the id"},
        {"\"id\": \"1:0\"", "\"id\": \"0:0\"", "two heads have the id '0:0'"},
        {"\"block\": 1", "\"block\": 0", "cannot have the id '1:0'"},
        {"\"heads\": 3", "\"heads\": 4", "3 heads are listed"},
        {"\"heads\": [", "\"heads\": 3, \"more\": [", "key 'heads'"},
        {"\"lowest\"", "\"low\"", "not 'highest' or 'lowest'"},
        {"\"random\"", "\"\"", "key 'name' of the method is empty"},
        {"\"seed\": 3", "\"seed\": -3", "key 'seed'"},
        {"\"seed\": 3", "\"seed\": \"x\"", "key 'seed'"},
        {"\"seed\": 3", "\"seed\": \"18446744073709551616\"", "key 'seed'"},
        {"\"calibration\": null", "\"calibration\": 1", "key 'source'"},
        {"\"calibration\": null,", "", "key 'calibration' is missing"},
        {"\"parameters\": 99", "\"parameters\": 0.5", "key 'parameters'"},
        {"\"model\": {", "\"model\": 1, \"x\": {", "key 'model'"},
        {"\"fingerprint\": \"sha256:0\"", "\"f\": 0", "key 'fingerprint'"},
        {"]}", "]} x", ""},
        {"]}", "]", ""},
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        check_scores(&edits[i]);
}

static void keys_that_are_not_known_are_passed_over(void **state)
{
    (void)state;
    static const edited edits[] = {
        {"\"calibration\"", "\"new\": [{}], \"calibration\"", NULL},
        {"\"score\": 5", "\"old_score\": null, \"score\": 5", NULL},
        {"\"rank\": 9", "\"note\": \"no rank\"", NULL},
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        check_scores(&edits[i]);
}

static void plans_with_a_fault_are_refused(void **state)
{
    (void)state;
    static const edited edits[] = {
        {"\"total\": 3", "\"total\": 4", "2 of 4"},
        {"\"pruned\": 2", "\"pruned\": 1", "1 of 3"},
        {"\"heads\": \"0:1 1:0\"", "\"heads\": \"0:0 1:0\"",
         "'heads' and 'list' name different heads"},
        {"\"heads\": \"0:1 1:0\"", "\"heads\": \"0:1 2:0\"",
         "'heads' names a head that is not listed"},
        {"\"heads\": \"0:1 1:0\"", "\"heads\": 3", "key 'heads'"},
        {"\"id\": \"1:0\"", "\"id\": \"1:1\"", "list[0]: head '1:1' is not"},
        {"\"block\": 1", "\"block\": 2", "list[0]: head '1:0' is not"},
        {"\"layer\": 1", "\"layer\": 2", "list[0]: head '1:0' is not"},
        {"\"score\": 4", "\"score\": null", "list[0]: key 'score'"},
        {"\"rank\": 0", "\"rank\": null", "list[1]: key 'rank'"},
        {"\"ratio\": 0.7", "\"ratio\": 1.5", "policy: neither"},
        {"\"ratio\": 0.7", "\"ratio\": null", "policy: neither"},
        {"\"ratio\": 0.7", "\"ratio\": \"1\"", "key 'ratio'"},
        {"\"scope\": \"global\"", "\"scope\": \"model\"", "'model'"},
        {"\"keep\": 0", "\"keep\": null", "key 'keep'"},
        {"\"keep\": 0", "\"keep\": 0, \"group\": \"pair\"",
         "key 'group' is 'pair': not 'none', 'kv' or 'even'"},
        {"\"keep\": 0", "\"keep\": 0, \"group\": 1", "key 'group'"},
        {"\"protect\": \"0:0\"", "\"protect\": \"4:0\"", "key 'protect'"},
        {"\"policy\": {", "\"policy\": null, \"x\": {", "policy"},
        {"\"method\": {", "\"method\": 1, \"x\": {", "key 'method'"},
        {"[\"1:0\"]", "[\"1:0\", \"1:1\"]", "4 heads in 'blocks'"},
        {"\"heads\": 3", "\"heads\": 4000000000",
         "3 heads in 'blocks', but the model has 4000000000"},
        {"[\"1:0\"]", "[]", "2 heads in 'blocks', but the model has 3"},
        {"[\"1:0\"]", "[\"1:x\"]", "blocks[1]: '1:x' is no head's id"},
        {"[\"1:0\"]", "[1]", "blocks[1]: '(no string)'"},
        {"\"blocks\": [", "\"blocks\": 1, \"x\": [", "key 'blocks'"},
        {"\"list\": [", "\"list\": 1, \"x\": [", "key 'list'"},
    };
    for (size_t i = 0; i < sizeof edits / sizeof *edits; i++)
        check_plan(&edits[i]);
}

static void a_head_listed_twice_is_refused(void **state)
{
    (void)state;
    static const edited e = {
        "\"id\": \"0:1\", \"block\": 0, \"name\": \"b0\", \"layer\": 0, "
        "\"head\": 1",
        "\"id\": \"1:0\", \"block\": 1, \"name\": \"b1\", \"layer\": 1, "
        "\"head\": 0",
        "list[1]: head '1:0' is listed twice"};
    check_plan(&e);
}

static void a_plan_without_method_needs_no_scores(void **state)
{
    (void)state;
    hp_error err = {0};
    hp_plan *p = NULL;
    char *a = edit(plan, METHOD, "\"method\": null,");
    char *b =
        edit(a, "\"score\": 4, \"rank\": 1", "\"score\": null, \"rank\": null");
    assert_int_equal(hp_document_parse_plan(&p, b, strlen(b), &err), HP_OK);
    assert_string_equal(p->method, "");
    assert_null(p->values);
    assert_null(p->rank);
    assert_int_equal(p->n_pruned, 2);
    hp_plan_free(p);
    free(a);
    free(b);
}

static void files_are_named_in_messages(void **state)
{
    (void)state;
    hp_error err = {0};
    hp_scores *s = NULL;
    hp_plan *p = NULL;
    char *folder = fixture_folder();
    char *path = fixture_path(folder, "s.json");
    assert_int_equal(hp_document_read_scores(&s, path, &err), HP_IO);
    assert_string_equal(err.file, path);
    fixture_put_text(folder, "s.json", plan);
    assert_int_equal(hp_document_read_scores(&s, path, &err), HP_FORMAT);
    assert_string_equal(err.file, path);
    assert_non_null(strstr(err.message, "headprune.plan/1"));
    assert_int_equal(hp_document_read_plan(&p, path, &err), HP_OK);
    hp_plan_free(p);
    fixture_put_text(folder, "s.json", scores);
    assert_int_equal(hp_document_read_scores(&s, path, &err), HP_OK);
    hp_scores_free(s);
    assert_int_equal(hp_document_read_plan(&p, path, &err), HP_FORMAT);
    assert_string_equal(err.file, path);
    free(path);
    fixture_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_follow_from_the_scores),
        cmocka_unit_test(other_schemas_are_named),
        cmocka_unit_test(scores_with_a_fault_are_refused),
        cmocka_unit_test(keys_that_are_not_known_are_passed_over),
        cmocka_unit_test(plans_with_a_fault_are_refused),
        cmocka_unit_test(a_head_listed_twice_is_refused),
        cmocka_unit_test(a_plan_without_method_needs_no_scores),
        cmocka_unit_test(files_are_named_in_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
