/* Checkpoints of one file, several files and a stream; the rules IX01 to IX07
 * of docs/formats.md on what holds them together. */
#include "base/sha256.h"
#include "fixture.h"
#include "headprune/checkpoint.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a)   (sizeof(a) / sizeof *(a))
#define INDEX      "model.safetensors.index.json"
#define MAP(pairs) "{\"weight_map\":{" pairs "}}"
#define SHARD_1                                                                \
    "{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}"
#define SHARD_2                                                                \
    "{\"c\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,2]},"         \
    "\"b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}"

static char *folder; /* of the running test */

static int make_folder(void **state)
{
    (void)state;
    folder = fixture_folder();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    fixture_remove(folder);
    return 0;
}

static void put_shard(const char *name, const char *header, const char *data)
{
    char bytes[1024] = {0};
    size_t len = strlen(header), n = strlen(data);
    assert_true(8 + len + n < sizeof bytes);
    bytes[0] = (char)(len % 256);
    bytes[1] = (char)(len / 256);
    snprintf(bytes + 8, sizeof bytes - 8, "%s%s", header, data);
    fixture_put(folder, name, bytes, 8 + len + n);
}

/* Two shards and the index that belongs to them. */
static void put_two_shards(void)
{
    put_shard("one.safetensors", SHARD_1, "xy");
    put_shard("two.safetensors", SHARD_2, "CCb");
    fixture_put_text(folder, INDEX,
                     MAP("\"c\":\"two.safetensors\","
                         "\"a\":\"one.safetensors\","
                         "\"b\":\"two.safetensors\""));
}

static hp_checkpoint *opened(const char *path, const char *config)
{
    hp_checkpoint *c = NULL;
    hp_error err = {0};
    if (hp_checkpoint_open(&c, path, config, &err))
        fail_msg("%s: %s (%s)", path, err.message, err.file);
    return c;
}

/* Opening fails; the message has `fragment`, the error is about `file`. */
static void refused(hp_status status, const char *path, const char *fragment,
                    const char *file)
{
    hp_checkpoint *c = NULL;
    hp_error err = {0};
    hp_status st = hp_checkpoint_open(&c, path, NULL, &err);
    if (st != status || !strstr(err.message, fragment) ||
        !strstr(err.file, file))
        fail_msg("wanted %d: %s (%s)\n  gave %d: %s (%s)", status, fragment,
                 file, st, err.message, err.file);
    assert_null(c);
}

static void refused_index(const char *text, const char *fragment)
{
    fixture_put_text(folder, INDEX, text);
    refused(HP_FORMAT, folder, fragment, "/" INDEX);
}

static void a_folder_with_one_file_is_read(void **state)
{
    (void)state;
    put_shard("model.safetensors", SHARD_2, "CCb");
    fixture_put_text(folder, "config.json", "{\"n\": 1}\n");
    hp_checkpoint *c = opened(folder, NULL);
    assert_string_equal(hp_checkpoint_path(c), folder);
    assert_string_equal(hp_checkpoint_folder(c), folder);
    assert_null(hp_checkpoint_index_name(c));
    assert_int_equal(hp_checkpoint_n_shards(c), 1);
    const hp_shard *s = hp_checkpoint_shard(c, 0);
    assert_string_equal(s->name, "model.safetensors");
    assert_int_equal(s->data_offset, 8 + strlen(SHARD_2));
    assert_int_equal(s->size, s->data_offset + 3);
    size_t len = 0;
    assert_string_equal(hp_checkpoint_config(c, &len), "{\"n\": 1}\n");
    assert_int_equal(len, 9);
    assert_int_equal(hp_checkpoint_n_tensors(c), 2);
    assert_string_equal(hp_checkpoint_tensor(c, 0)->name, "c");
    assert_ptr_equal(hp_checkpoint_find(c, "b"), hp_checkpoint_tensor(c, 1));
    assert_null(hp_checkpoint_find(c, "a"));
    assert_null(hp_checkpoint_find(c, "bb"));
    assert_null(hp_checkpoint_find(c, ""));
    hp_checkpoint_free(c);
    hp_checkpoint_free(NULL);
}

static void a_file_is_read_with_the_config_beside_it_or_given(void **state)
{
    (void)state;
    size_t len = 77;
    put_shard("weights.safetensors", SHARD_1, "xy");
    char *path = fixture_path(folder, "weights.safetensors");
    hp_checkpoint *c = opened(path, NULL);
    assert_null(hp_checkpoint_config(c, &len));
    assert_string_equal(hp_checkpoint_folder(c), folder);
    hp_checkpoint_free(c);
    c = opened(folder, NULL); /* the only one of the folder */
    assert_string_equal(hp_checkpoint_shard(c, 0)->name, "weights.safetensors");
    hp_checkpoint_free(c);
    fixture_put_text(folder, "other.json", "{}");
    char *config = fixture_path(folder, "other.json");
    c = opened(path, config);
    assert_string_equal(hp_checkpoint_config(c, &len), "{}");
    hp_checkpoint_free(c);
    fixture_unlink(config);
    hp_error err = {0};
    assert_int_equal(hp_checkpoint_open(&c, path, config, &err), HP_IO);
    assert_string_equal(err.message, "no such file");
    assert_string_equal(err.file, config);
    free(config);
    free(path);
}

static void the_fingerprint_is_of_headers_and_config(void **state)
{
    (void)state;
    hp__sha256 s;
    char digest[65], wanted[80];
    put_two_shards();
    fixture_put_text(folder, "config.json", "{}");
    hp__sha256_init(&s);
    static const char *const headers[] = {SHARD_1, SHARD_2};
    for (size_t i = 0; i < COUNT(headers); i++) {
        unsigned char length[8] = {(unsigned char)strlen(headers[i])};
        hp__sha256_add(&s, length, sizeof length);
        hp__sha256_add(&s, headers[i], strlen(headers[i]));
    }
    hp__sha256_add(&s, "{}", 2);
    hp__sha256_hex(&s, digest);
    snprintf(wanted, sizeof wanted, "sha256:%s", digest);
    hp_checkpoint *c = opened(folder, NULL);
    assert_string_equal(hp_checkpoint_fingerprint(c), wanted);
    hp_checkpoint_free(c);
    put_shard("one.safetensors", SHARD_1, "yx"); /* other data, same headers */
    c = opened(folder, NULL);
    assert_string_equal(hp_checkpoint_fingerprint(c), wanted);
    hp_checkpoint_free(c);
    fixture_put_text(folder, "config.json", "{} ");
    c = opened(folder, NULL);
    assert_string_not_equal(hp_checkpoint_fingerprint(c), wanted);
    hp_checkpoint_free(c);
}

static void shards_are_one_list_of_tensors(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        uint32_t shard;
    } wanted[] = {{"a", 0}, {"c", 1}, {"b", 1}};
    hp_error err = {0};
    char got[3] = "";
    put_two_shards();
    char *path = fixture_path(folder, INDEX);
    const char *const paths[] = {folder, path};
    for (size_t k = 0; k < COUNT(paths); k++) {
        hp_checkpoint *c = opened(paths[k], NULL);
        assert_string_equal(hp_checkpoint_index_name(c), INDEX);
        assert_int_equal(hp_checkpoint_n_shards(c), 2);
        assert_string_equal(hp_checkpoint_shard(c, 1)->name, "two.safetensors");
        assert_int_equal(hp_checkpoint_n_tensors(c), COUNT(wanted));
        for (size_t i = 0; i < COUNT(wanted); i++) {
            const hp_tensor *t = hp_checkpoint_tensor(c, i);
            assert_string_equal(t->name, wanted[i].name);
            assert_int_equal(t->shard, wanted[i].shard);
            assert_ptr_equal(hp_checkpoint_find(c, wanted[i].name), t);
        }
        const hp_tensor *b = hp_checkpoint_find(c, "b");
        assert_int_equal(hp_checkpoint_read(c, b, 0, 1, got, &err), HP_OK);
        assert_int_equal(got[0], 'b');
        hp_checkpoint_free(c);
    }
    free(path);
}

static void reading_stays_inside_the_tensor(void **state)
{
    (void)state;
    hp_error err = {0};
    char got[8] = "";
    put_shard("model.safetensors", SHARD_2, "CCb");
    hp_checkpoint *c = opened(folder, NULL);
    const hp_tensor *t = hp_checkpoint_find(c, "c");
    assert_int_equal(hp_checkpoint_read(c, t, 1, 1, got, &err), HP_OK);
    assert_int_equal(got[0], 'C');
    assert_int_equal(hp_checkpoint_read(c, t, 2, 0, got, &err), HP_OK);
    assert_int_equal(hp_checkpoint_read(c, t, 1, 2, got, &err), HP_INVALID);
    assert_string_equal(err.message, "tensor 'c': bytes 1 and 2 more of 2");
    assert_int_equal(hp_checkpoint_read(c, t, UINT64_MAX, 2, got, &err),
                     HP_INVALID);
    assert_int_equal(hp_checkpoint_read_shard(c, 0, 8, 4, got, &err), HP_OK);
    assert_string_equal(got, "{\"c\"");
    assert_int_equal(hp_checkpoint_unchanged(c, &err), HP_OK);
    put_shard("model.safetensors", SHARD_1, "");
    assert_int_equal(hp_checkpoint_read(c, t, 0, 2, got, &err), HP_IO);
    assert_non_null(strstr(err.message, "became shorter"));
    assert_non_null(strstr(err.file, "/model.safetensors"));
    assert_int_equal(hp_checkpoint_unchanged(c, &err), HP_IO);
    assert_non_null(strstr(err.file, "/model.safetensors"));
    hp_checkpoint_free(c);
}

static void its_files_are_known_by_any_name(void **state)
{
    (void)state;
    put_two_shards();
    fixture_put_text(folder, "config.json", "{}");
    fixture_put_text(folder, "tokenizer.json", "{}");
    hp_checkpoint *c = opened(folder, NULL);
    static const struct {
        const char *name;
        int mine;
    } cases[] = {{"one.safetensors", 1},
                 {"./two.safetensors", 1},
                 {INDEX, 1},
                 {"config.json", 1},
                 {"tokenizer.json", 0},
                 {"absent", 0},
                 {"link", 1},
                 {"hard", 1}};
    char *link = fixture_path(folder, "link"),
         *hard = fixture_path(folder, "hard"),
         *two = fixture_path(folder, "two.safetensors");
    assert_int_equal(symlink("one.safetensors", link), 0);
    assert_int_equal(linkat(AT_FDCWD, two, AT_FDCWD, hard, 0), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        char *path = fixture_path(folder, cases[i].name);
        assert_int_equal(hp_checkpoint_has_file(c, path), cases[i].mine);
        free(path);
    }
    free(link);
    free(hard);
    free(two);
    hp_checkpoint_free(c);
}

static void a_cache_of_links_is_followed(void **state)
{
    (void)state;
    put_two_shards();
    char *blobs = fixture_path(folder, "blobs");
    char *from = fixture_path(folder, "two.safetensors");
    char *to = fixture_path(folder, "blobs/0123abcd");
    assert_int_equal(mkdir(blobs, 0700), 0);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(symlink("blobs/0123abcd", from), 0);
    hp_checkpoint_free(opened(folder, NULL));
    free(blobs);
    free(from);
    free(to);
}

static void a_stream_needs_no_folder(void **state)
{
    (void)state;
    hp_error err = {0};
    int ends[2], old = dup(STDIN_FILENO);
    char got[4] = "";
    put_shard("x.safetensors", SHARD_1, "xy");
    char *path = fixture_path(folder, "x.safetensors");
    size_t len;
    char *bytes = fixture_read(path, &len);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], bytes, len), len);
    close(ends[1]);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    hp_checkpoint *c = opened("-", "CMakePresets.json");
    hp_checkpoint *none = NULL;
    assert_int_equal(hp_checkpoint_open(&none, "-", NULL, &err), HP_FORMAT);
    assert_string_equal(err.message,
                        "0 bytes: too short for a safetensors file");
    assert_string_equal(err.file, "standard input");
    dup2(old, STDIN_FILENO);
    close(old);
    assert_null(hp_checkpoint_folder(c));
    assert_string_equal(hp_checkpoint_shard(c, 0)->name, "-");
    assert_null(hp_checkpoint_shard(c, 0)->path);
    assert_int_equal(
        hp_checkpoint_read(c, hp_checkpoint_find(c, "a"), 0, 2, got, &err),
        HP_OK);
    assert_string_equal(got, "xy");
    assert_non_null(hp_checkpoint_config(c, &len));
    hp_checkpoint_free(c);
    free(bytes);
    free(path);
}

static void what_is_not_there_is_said(void **state)
{
    (void)state;
    refused(HP_IO, "tests/absent", "no such file or folder", "tests/absent");
    refused(HP_IO, folder, "no other .safetensors file", folder);
    fixture_put_text(folder, "pytorch_model.bin", "x");
    hp_checkpoint *c = NULL;
    hp_error err = {0};
    assert_int_equal(hp_checkpoint_open(&c, folder, NULL, &err), HP_IO);
    assert_string_equal(err.hint, "convert the weights to safetensors");
    put_shard("one.safetensors", SHARD_1, "xy");
    put_shard("two.safetensors", SHARD_2, "CCb");
    refused(HP_FORMAT, folder, "2 safetensors files and no index: '", folder);
    put_shard("model.safetensors", SHARD_1, "xy");
    char *path = fixture_path(folder, "config.json");
    assert_int_equal(mkdir(path, 0700), 0);
    refused(HP_FORMAT, folder, "not a regular file", "/config.json");
    free(path);
}

static void a_bad_file_is_named(void **state)
{
    (void)state;
    put_shard("model.safetensors", SHARD_1, "x");
    refused(HP_FORMAT, folder, "truncated: tensor 'a'", "/model.safetensors");
    fixture_put_text(folder, "model.safetensors", "");
    refused(HP_FORMAT, folder, "0 bytes", "/model.safetensors");
    fixture_put_text(folder, "model.safetensors",
                     "version https://git-lfs.github.com/spec/v1\n");
    refused(HP_FORMAT, folder, "a git-lfs pointer", "/model.safetensors");
}

static void one_file_and_shards_in_a_folder_contradict(void **state)
{
    (void)state;
    put_two_shards();
    put_shard("model.safetensors", SHARD_1, "xy");
    refused(HP_FORMAT, folder,
            "model.safetensors and an index of 2 files in one folder", folder);
    /* An index of that one file is left by some writers. */
    fixture_put_text(folder, INDEX, MAP("\"a\":\"model.safetensors\""));
    hp_checkpoint *c = opened(folder, NULL);
    assert_int_equal(hp_checkpoint_n_shards(c), 1);
    assert_null(hp_checkpoint_index_name(c));
    hp_checkpoint_free(c);
    refused_index(MAP("\"b\":\"model.safetensors\""), "does not hold it");
}

static void ix01_the_index_has_a_map_of_strings(void **state)
{
    (void)state;
    put_two_shards();
    refused_index("", "index: line 1, column 1: expected an object");
    refused_index("[]", "expected an object, found an array");
    refused_index("{}", "key 'weight_map' is missing");
    refused_index("{\"metadata\":{\"weight_map\":{}}}", "is missing");
    refused_index("{\"Weight_map\":{\"a\":\"one.safetensors\"}}", "is missing");
    refused_index(MAP(""), "weight_map is empty");
    refused_index("{\"weight_map\":[]}", "weight_map is an array: not an");
    refused_index(MAP("\"a\":1"), "the file of tensor 'a' is a number");
    refused_index(MAP("\"a\":null"), "the file of tensor 'a' is null");
    refused_index(MAP("\"a\":\"x\",\"a\":\"x\""), "duplicate key 'a'");
    refused_index("{\"weight_map\":{\"a\":\"x\"},\"weight_map\":{}}",
                  "duplicate key 'weight_map'");
    refused_index(MAP("\"a\\u0000\":\"x\""), "tensor name 'a?' has a NUL");
    refused_index(MAP("\"a\":\"x\"") "}", "expected nothing more");
    refused_index("{\"x\":[1,],\"weight_map\":{}}", "expected a value");
    refused_index("{\"x\":\"\xff\"}", "not valid UTF-8");
}

static void ix02_a_shard_is_a_plain_name(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",         ".",     "..",         "../one.safetensors",
        "/etc/x",   "a/b",   "./x",        "x/",
        "a\\u0000", "a\\nb", "\\u001b[2J", "\\u007f",
    };
    put_two_shards();
    for (size_t i = 0; i < COUNT(names); i++) {
        char text[200];
        snprintf(text, sizeof text,
                 MAP("\"a\":\"one.safetensors\",\"b\":\"%s\""), names[i]);
        refused_index(text, "of tensor 'b' is not a plain file name");
    }
}

static void ix03_a_shard_is_a_regular_file(void **state)
{
    (void)state;
    char text[6000], name[5000];
    put_two_shards();
    refused_index(MAP("\"a\":\"one.safetensors\",\"b\":\"three\""),
                  "file 'three' of weight_map is missing");
    char *pipe_path = fixture_path(folder, "pipe");
    assert_int_equal(mkfifo(pipe_path, 0600), 0);
    refused_index(MAP("\"a\":\"pipe\""), "file 'pipe' of weight_map is not a "
                                         "regular file");
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, MAP("\"a\":\"%s\""), name);
    refused_index(text, "nnn...' of weight_map: its name of 4999 bytes is too "
                        "long");
    free(pipe_path);
}

static void ix04_a_shard_is_a_valid_file(void **state)
{
    (void)state;
    put_two_shards();
    fixture_put_text(folder, "config.json", "{\"model_type\": \"gpt2\"}");
    fixture_put_text(folder, INDEX,
                     MAP("\"a\":\"one.safetensors\",\"b\":\"config.json\""));
    refused(HP_FORMAT, folder, "not a safetensors file", "/config.json");
}

static void ix05_a_shard_holds_what_the_map_says(void **state)
{
    (void)state;
    put_two_shards();
    refused_index(MAP("\"a\":\"one.safetensors\",\"b\":\"two.safetensors\","
                      "\"c\":\"two.safetensors\",\"d\":\"two.safetensors\""),
                  "tensor 'd' in 'two.safetensors', which does not hold it");
    refused_index(MAP("\"a\":\"one.safetensors\",\"b\":\"one.safetensors\","
                      "\"c\":\"two.safetensors\""),
                  "tensor 'b' in 'one.safetensors', which does not hold it");
}

static void ix06_a_tensor_is_in_one_shard(void **state)
{
    (void)state;
    put_two_shards();
    put_shard("three.safetensors", SHARD_1, "xy");
    fixture_put_text(folder, INDEX,
                     MAP("\"a\":\"one.safetensors\",\"b\":\"two.safetensors\","
                         "\"c\":\"two.safetensors\","
                         "\"d\":\"three.safetensors\""));
    refused(HP_FORMAT, folder,
            "tensor 'a' is in two files: 'one.safetensors' and "
            "'three.safetensors'",
            "");
}

static void ix07_every_tensor_is_in_the_map(void **state)
{
    (void)state;
    put_two_shards();
    refused_index(MAP("\"a\":\"one.safetensors\",\"b\":\"two.safetensors\""),
                  "tensor 'c' of file 'two.safetensors' is not in weight_map");
}

static void what_else_an_index_says_does_not_matter(void **state)
{
    (void)state;
    put_two_shards();
    fixture_put_text(folder, INDEX,
                     "{\"metadata\":{\"total_size\":\"wrong\"},\"x\":[{},null],"
                     "\"weight_map\":{\"a\":\"one.safetensors\","
                     "\"b\":\"two.safetensors\",\"c\":\"two.safetensors\"}}\n");
    hp_checkpoint_free(opened(folder, NULL));
}

static void too_few_descriptors_are_an_io_error(void **state)
{
    (void)state;
    struct rlimit old, few;
    hp_checkpoint *c = NULL;
    hp_error err = {0};
    put_two_shards();
    int next = dup(STDIN_FILENO); /* the lowest free descriptor */
    assert_true(next >= 0);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few = old;
    few.rlim_cur = (rlim_t)next + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    hp_status st = hp_checkpoint_open(&c, folder, NULL, &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
    assert_int_equal(st, HP_IO);
    assert_non_null(strstr(err.message, "Too many open files"));
    assert_non_null(strstr(err.file, "/two.safetensors"));
}

/* Each test has a folder of its own. */
#define FOLDER_TEST(f)                                                         \
    cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FOLDER_TEST(a_folder_with_one_file_is_read),
        FOLDER_TEST(a_file_is_read_with_the_config_beside_it_or_given),
        FOLDER_TEST(the_fingerprint_is_of_headers_and_config),
        FOLDER_TEST(shards_are_one_list_of_tensors),
        FOLDER_TEST(reading_stays_inside_the_tensor),
        FOLDER_TEST(its_files_are_known_by_any_name),
        FOLDER_TEST(a_cache_of_links_is_followed),
        FOLDER_TEST(a_stream_needs_no_folder),
        FOLDER_TEST(what_is_not_there_is_said),
        FOLDER_TEST(a_bad_file_is_named),
        FOLDER_TEST(one_file_and_shards_in_a_folder_contradict),
        FOLDER_TEST(ix01_the_index_has_a_map_of_strings),
        FOLDER_TEST(ix02_a_shard_is_a_plain_name),
        FOLDER_TEST(ix03_a_shard_is_a_regular_file),
        FOLDER_TEST(ix04_a_shard_is_a_valid_file),
        FOLDER_TEST(ix05_a_shard_holds_what_the_map_says),
        FOLDER_TEST(ix06_a_tensor_is_in_one_shard),
        FOLDER_TEST(ix07_every_tensor_is_in_the_map),
        FOLDER_TEST(what_else_an_index_says_does_not_matter),
        FOLDER_TEST(too_few_descriptors_are_an_io_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
