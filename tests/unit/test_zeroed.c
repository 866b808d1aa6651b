/*
 * Reference data (tests/golden): after the heads of `masked` were pruned, every
 * output projection has the SHA-256 that numpy computed.
 */
#include "fixture.h"
#include "golden_folders.h"
#include "job.h"

#include "base/sha256.h"

#include <cjson/cJSON.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static cJSON *read_expected(const char *folder)
{
    char *path = fixture_path(folder, "expected.json");
    char *text = fixture_read(path, NULL);
    cJSON *json = cJSON_Parse(text);
    assert_non_null(json);
    free(text);
    free(path);
    return json;
}

/* "0:0 1:0 1:3" */
static void list_masked(char *out, size_t room, const char *in,
                        const cJSON *expected)
{
    const cJSON *masked = cJSON_GetObjectItem(expected, "masked"), *pair;
    size_t len = 0;
    job j;
    *out = '\0';
    job_open(&j, in, NULL, "");
    cJSON_ArrayForEach(pair, cJSON_GetObjectItem(masked, "heads"))
    {
        const hp_block *b = hp_model_block(
            j.model, (size_t)cJSON_GetArrayItem(pair, 0)->valuedouble);
        size_t head =
            b->first_head + (size_t)cJSON_GetArrayItem(pair, 1)->valuedouble;
        len += (size_t)snprintf(out + len, room - len, "%s ",
                                hp_model_heads(j.model)[head].id);
        assert_true(len < room);
    }
    assert_true(len > 0);
    job_close(&j);
}

static void hash_tensor(char out[65], const hp_checkpoint *c, const char *name)
{
    hp_error err = {0};
    hp__sha256 sha;
    const hp_tensor *t = hp_checkpoint_find(c, name);
    assert_non_null(t);
    void *bytes = malloc(t->size);
    assert_non_null(bytes);
    assert_int_equal(hp_checkpoint_read(c, t, 0, t->size, bytes, &err), HP_OK);
    hp__sha256_init(&sha);
    hp__sha256_add(&sha, bytes, t->size);
    hp__sha256_hex(&sha, out);
    free(bytes);
}

static void check_folder(const char *name, const char *scratch)
{
    char heads[512], hex[65];
    hp_error err = {0};
    hp_checkpoint *c = NULL;
    char *in = fixture_path("tests/golden", name);
    char *out = fixture_path(scratch, name);
    cJSON *expected = read_expected(in);
    list_masked(heads, sizeof heads, in, expected);
    job_prune(in, heads, out);
    assert_int_equal(hp_checkpoint_open(&c, out, NULL, &err), HP_OK);
    const cJSON *hashes = cJSON_GetObjectItem(expected, "zeroed_sha256"), *one;
    assert_true(cJSON_GetArraySize(hashes) > 1);
    cJSON_ArrayForEach(one, hashes)
    {
        hash_tensor(hex, c, one->string);
        if (strcmp(hex, one->valuestring) != 0)
            fail_msg("%s: %s is %s, not %s", name, one->string, hex,
                     one->valuestring);
    }
    hp_checkpoint_free(c);
    cJSON_Delete(expected);
    free(in);
    free(out);
}

static void output_projections_have_the_reference_bytes(void **state)
{
    (void)state;
    char *scratch = fixture_folder();
    for (size_t i = 0; i < N_GOLDEN_FOLDERS; i++)
        check_folder(golden_folders[i], scratch);
    fixture_remove(scratch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_projections_have_the_reference_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
