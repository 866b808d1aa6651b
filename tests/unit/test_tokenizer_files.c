/* Tokenizer files: which are found, what their components do, and what is
 * refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "headprune/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VOCAB = 20 };

static char *folder;

static int start(void **state)
{
    (void)state;
    folder = fixture_folder();
    return 0;
}

static int stop(void **state)
{
    (void)state;
    fixture_remove(folder);
    return 0;
}

static void put(const char *name, const char *text)
{
    fixture_put_text(folder, name, text);
}

static void clear(void)
{
    static const char *const names[] = {
        "tokenizer.json",  "vocab.json",   "merges.txt",           "vocab.txt",
        "tokenizer.model", "spiece.model", "tokenizer_config.json"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char *path = fixture_path(folder, names[i]);
        fixture_unlink(path);
        free(path);
    }
}

static hp_tokenizer *open_tokenizer(const char *name)
{
    hp_tokenizer *t = NULL;
    hp_error err = {0};
    char *path = fixture_path(folder, name);
    if (hp_tokenizer_open(&t, path, VOCAB, &err))
        fail_msg("%s", err.message);
    free(path);
    return t;
}

/* Opening the folder fails like this, naming a file that ends in `file`. */
static void assert_refused(hp_status want, const char *file,
                           const char *fragment)
{
    hp_tokenizer *t = NULL;
    hp_error err = {0};
    hp_status st = hp_tokenizer_open(&t, folder, VOCAB, &err);
    if (st != want || !strstr(err.message, fragment) || !strstr(err.file, file))
        fail_msg("status %d, '%s: %s', expected %d with '%s: %s'", (int)st,
                 err.file, err.message, (int)want, file, fragment);
    assert_null(t);
}

static void encode(char got[256], const hp_tokenizer *t, const char *text,
                   int special)
{
    hp_ids out;
    size_t at = 0;
    hp_error err = {0};
    got[0] = '\0';
    if (hp_tokenizer_encode(&out, t, text, strlen(text), special, &err))
        fail_msg("%s", err.message);
    for (size_t i = 0; i < out.n && at < 240; i++)
        at += (size_t)snprintf(got + at, 256 - at, "%s%d", i ? " " : "",
                               (int)out.ids[i]);
    free(out.ids);
}

static void assert_folder_encodes(const char *name, const char *text,
                                  const char *want)
{
    char got[256];
    hp_tokenizer *t = open_tokenizer(name);
    encode(got, t, text, 1);
    assert_string_equal(got, want);
    hp_tokenizer_free(t);
}

/* ---- tokenizer.json ---- */

/* U+0120 is ByteLevel's space. */
#define VOCABULARY                                                             \
    "{\"a\":0,\"b\":1,\"c\":2,\"ab\":3,\"abc\":4,\"\\u0120\":5,\"\\u0120a\":"  \
    "6,"                                                                       \
    "\"?\":7,\"1\":8,\"2\":9,\"12\":10,\",\":11,\"B\":12,\"e\":13,\"a,\":14,"  \
    "\",a\":15}"
#define MERGES "[\"a b\",[\"ab\",\"c\"],[\"\\u0120\",\"a\"],\"1 2\"]"
#define BYTES  "{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define PLAIN_BYTES                                                            \
    "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"use_regex\":false}"

/* A tokenizer.json of which some parts are as given. */
typedef struct parts {
    const char *added, *normalizer, *splitter, *post, *merges, *more;
} parts;

static const char *or_else(const char *text, const char *otherwise)
{
    return text ? text : otherwise;
}

static void write_json(parts p)
{
    char text[4096];
    clear();
    snprintf(text, sizeof text,
             "{\"version\":\"1.0\",\"added_tokens\":%s,\"normalizer\":%s,"
             "\"pre_tokenizer\":%s,\"post_processor\":%s,\"model\":{"
             "\"vocab\":" VOCABULARY ",\"merges\":%s%s}}",
             or_else(p.added, "[]"), or_else(p.normalizer, "null"),
             or_else(p.splitter, BYTES), or_else(p.post, "null"),
             or_else(p.merges, MERGES), or_else(p.more, ",\"type\":\"BPE\""));
    put("tokenizer.json", text);
}

static void assert_ids(parts p, const char *text, const char *want)
{
    write_json(p);
    assert_folder_encodes("", text, want);
}

static void refuse(parts p, hp_status want, const char *fragment)
{
    write_json(p);
    assert_refused(want, "/tokenizer.json", fragment);
}

static void merges_are_strings_or_pairs(void **state)
{
    (void)state;
    assert_ids((parts){0}, "abcab a", "4 3 6");
    assert_ids((parts){.merges = "[]"}, "abc a", "0 1 2 5 0");
    assert_ids((parts){.more = ""}, "abcab a", "4 3 6");
}

static void merges_can_be_ignored_for_whole_words(void **state)
{
    (void)state;
    parts p = {.merges = "[]", .more = ",\"ignore_merges\":true"};
    assert_ids(p, "abc", "4");
    assert_ids(p, "abca", "0 1 2 0");
}

static void unknown_characters_take_the_unknown_token(void **state)
{
    (void)state;
    parts p = {.more = ",\"unk_token\":\"?\""};
    assert_ids(p, "azza", "0 7 7 0");
    p.more = ",\"unk_token\":\"?\",\"fuse_unk\":true";
    assert_ids(p, "azza", "0 7 0");
}

static void merges_that_name_no_token_are_refused(void **state)
{
    static const struct {
        const char *merges, *fragment;
    } rows[] = {
        {"[\"a x\"]", "merge needs 'x', which is no token"},
        {"[[\"b\",\"c\"]]", "merge needs 'bc', which is no token"},
        {"[\"a\"]", "merge 'a' is not two tokens"},
        {"[\"a b c\"]", "merge 'a b c' is not two tokens"},
        {"[\" a\"]", "is not two tokens"},
        {"[\"a \"]", "is not two tokens"},
        {"[\"a b\",[\"a\"]]", "merge 1 is not a pair"},
        {"[[\"a\",3]]", "merge 0 is not a pair"},
        {"[3]", "merge 0 is not a pair"},
        {"{}", "'merges' is not a list"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse((parts){.merges = rows[i].merges}, HP_FORMAT, rows[i].fragment);
}

#define ADDED                                                                  \
    "[{\"id\":16,\"content\":\"<x>\"},{\"id\":17,\"content\":\"<x>y\"},"       \
    "{\"id\":18,\"content\":\"<l>\",\"lstrip\":true},"                         \
    "{\"id\":19,\"content\":\"<r>\",\"rstrip\":true}]"

static void added_tokens_are_cut_out_first(void **state)
{
    (void)state;
    parts p = {.added = ADDED};
    assert_ids(p, "a<x>b", "0 16 1");
    assert_ids(p, "<x>y<x><x>", "17 16 16");
    assert_ids(p, "b  <l>  a", "1 18 5 6");
    assert_ids(p, "b  <r>  a", "1 5 5 19 0");
    assert_ids(p, "<r>  <l>", "19 18");
}

static void added_tokens_can_ask_to_stand_alone(void **state)
{
    (void)state;
    parts p = {.added = "[{\"id\":16,\"content\":\"ca\","
                        "\"single_word\":true}]"};
    assert_ids(p, "ca", "16");
    assert_ids(p, "ca?ca ca", "16 7 16 5 16");
    assert_ids(p, "cab", "2 3");
    assert_ids(p, "bca", "1 2 0");
    assert_ids(p, "caca", "2 0 2 0");
}

static void added_tokens_can_be_looked_for_in_normalised_text(void **state)
{
    (void)state;
    parts p = {.normalizer = "{\"type\":\"Lowercase\"}",
               .added = "[{\"id\":16,\"content\":\"E\",\"normalized\":true}]"};
    assert_ids(p, "aebE", "0 16 1 16");
    p.added = "[{\"id\":16,\"content\":\"E\",\"normalized\":false}]";
    assert_ids(p, "aebE", "0 13 1 16");
}

static void added_tokens_that_contradict_are_refused(void **state)
{
    static const struct {
        const char *added, *fragment;
    } rows[] = {
        {"{}", "key 'added_tokens' is not a list"},
        {"[{\"id\":3,\"content\":\"zz\"}]",
         "tokens 'ab' and 'zz' have the same id 3"},
        {"[{\"id\":16,\"content\":\"ab\"}]",
         "token 'ab' is there twice, first with id 3"},
        {"[{\"id\":20,\"content\":\"z\"}]",
         "token 'z': id 20 is not below the 20 rows of the model's embedding"},
        {"[{\"id\":-1,\"content\":\"z\"}]", "token 'z': id -1 is negative"},
        {"[{\"id\":1.5,\"content\":\"z\"}]", "token 'z': id 1.5 is no integer"},
        {"[{\"content\":\"z\"}]", "key 'id' is missing"},
        {"[{\"id\":16}]", "key 'content' is missing"},
        {"[3]", "'content'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse((parts){.added = rows[i].added}, HP_FORMAT, rows[i].fragment);
    assert_ids((parts){.added = "[{\"id\":3,\"content\":\"ab\"}]"}, "ab", "3");
}

static void normalizers_follow_each_other(void **state)
{
    (void)state;
    parts p = {.normalizer = "{\"type\":\"Sequence\",\"normalizers\":["
                             "{\"type\":\"NFKC\"},{\"type\":\"Lowercase\"}]}"};
    assert_ids(p, "\xef\xbc\xa1" /* full-width A */ "B", "3");
    p.normalizer = "{\"type\":\"BertNormalizer\",\"lowercase\":true}";
    assert_ids(p, "\xc3\x81\tB\x01", "0 5 1");
    p.normalizer = "{\"type\":\"BertNormalizer\",\"lowercase\":false,"
                   "\"strip_accents\":true}";
    assert_ids(p,
               "e\xcc\x81"
               "B",
               "13 12");
}

static void splitters_cut_words(void **state)
{
    static const struct {
        const char *splitter, *text, *ids;
    } rows[] = {
        {"{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\","
         "\"individual_digits\":true}," BYTES "]}",
         "a12", "0 8 9"},
        {"{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"}"
         "," BYTES "]}",
         "a12", "0 10"},
        {PLAIN_BYTES, "b a", "1 6"},
        {"{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
         "\"WhitespaceSplit\"}," PLAIN_BYTES "]}",
         "b a", "1 0"},
        {"{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
         "\"Punctuation\"}," PLAIN_BYTES "]}",
         "a,a", "0 11 0"},
        {"{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", "a", "6"},
        {"{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", " a", "6"},
        {"{\"type\":\"ByteLevel\",\"add_prefix_space\":true}", "<x>a<x>",
         "16 6 16"},
        {"{\"type\":\"BertPreTokenizer\"}", "a\tb?ab", "0 1 7 3"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_ids((parts){.splitter = rows[i].splitter, .added = ADDED},
                   rows[i].text, rows[i].ids);
}

static void split_has_five_behaviors(void **state)
{
    static const struct {
        const char *split, *text, *ids;
    } rows[] = {
        {"{\"String\":\",\"},\"behavior\":\"Isolated\"", "a,a", "0 11 0"},
        {"{\"String\":\",\"},\"behavior\":\"Removed\"", "a,a", "0 0"},
        {"{\"String\":\",\"},\"behavior\":\"MergedWithPrevious\"", "a,,a",
         "14 11 0"},
        {"{\"String\":\",\"},\"behavior\":\"MergedWithNext\"", "a,,a",
         "0 11 15"},
        {"{\"Regex\":\"[12]\"},\"behavior\":\"Contiguous\"", "a12a", "0 10 0"},
        {"{\"Regex\":\"[12]\"},\"behavior\":\"Isolated\"", "a12a", "0 8 9 0"},
        {"{\"Regex\":\"[ab]+\"},\"behavior\":\"Removed\"", "ab,ab", "11"},
        {"{\"Regex\":\"[ab]+\"},\"behavior\":\"Removed\",\"invert\":true",
         "ab,ab", "3 3"},
        {"{\"String\":\"a.\"},\"behavior\":\"Removed\"", "ab", "3"},
    };
    char splitter[512];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(splitter, sizeof splitter,
                 "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":"
                 "\"Split\",\"pattern\":%s}," PLAIN_BYTES "]}",
                 rows[i].split);
        assert_ids((parts){.splitter = splitter,
                           .merges = "[\"a ,\",\", a\",\"1 2\",\"a b\"]"},
                   rows[i].text, rows[i].ids);
    }
}

static void post_processors_put_ids_around_a_text(void **state)
{
    static const char template[] =
        "{\"type\":\"TemplateProcessing\",\"single\":["
        "{\"SpecialToken\":{\"id\":\"x\",\"type_id\":0}},"
        "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
        "{\"SpecialToken\":{\"id\":\"y\",\"type_id\":0}}],"
        "\"special_tokens\":{\"x\":{\"ids\":[16,17]},\"y\":{\"ids\":[18]}}}";
    static const char bert[] = "{\"type\":\"BertProcessing\",\"cls\":[\"c\",8],"
                               "\"sep\":[\"s\",9]}";
    char text[1024];
    (void)state;
    assert_ids((parts){.post = template}, "a", "16 17 0 18");
    assert_ids((parts){.post = template}, "", "16 17 18");
    assert_ids((parts){.post = bert}, "a", "8 0 9");
    snprintf(text, sizeof text,
             "{\"type\":\"Sequence\",\"processors\":[%s,"
             "{\"type\":\"ByteLevel\"},%s]}",
             bert, template);
    assert_ids((parts){.post = text}, "a", "16 17 8 0 9 18");
}

static void components_that_are_not_known_are_named(void **state)
{
    static const struct {
        parts p;
        hp_status want;
        const char *fragment;
    } rows[] = {
        {{.normalizer = "{\"type\":\"Nonesuch\"}"},
         HP_UNSUPPORTED,
         "normalizer 'Nonesuch' is not supported"},
        {{.normalizer = "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":"
                        "\"Nonesuch\"}]}"},
         HP_UNSUPPORTED,
         "normalizer 'Nonesuch' is not supported"},
        {{.normalizer = "{}"}, HP_FORMAT, "key 'type' is missing"},
        {{.normalizer = "{\"type\":\"BertNormalizer\",\"lowercase\":3}"},
         HP_FORMAT,
         "'lowercase'"},
        {{.splitter = "{\"type\":\"UnicodeScripts\"}"},
         HP_UNSUPPORTED,
         "pre-tokenizer 'UnicodeScripts' is not supported"},
        {{.splitter = "{\"type\":\"Nonesuch\"}"},
         HP_UNSUPPORTED,
         "pre-tokenizer 'Nonesuch' is not supported"},
        {{.splitter = "{\"type\":\"Sequence\"}"},
         HP_FORMAT,
         "'pretokenizers' is not a list"},
        {{.splitter = "{\"type\":\"Punctuation\",\"behavior\":\"Odd\"}"},
         HP_UNSUPPORTED,
         "behavior 'Odd' is not supported"},
        {{.splitter = "{\"type\":\"Split\",\"pattern\":3}"},
         HP_FORMAT,
         "pre-tokenizer Split: 'pattern' is neither"},
        {{.splitter = "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"(\"}}"},
         HP_FORMAT,
         "regular expression, at offset 1: "},
        {{.splitter = "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\w\"}}"},
         HP_UNSUPPORTED,
         "regular expression with '\\w' is not supported"},
        {{.post = "{\"type\":\"Nonesuch\"}"},
         HP_UNSUPPORTED,
         "post-processor 'Nonesuch' is not supported"},
        {{.post = "{\"type\":\"TemplateProcessing\",\"single\":[]}"},
         HP_FORMAT,
         "'single' holds $A 0 times"},
        {{.post = "{\"type\":\"TemplateProcessing\",\"single\":[{\"Special"
                  "Token\":{\"id\":\"q\"}}],\"special_tokens\":{}}"},
         HP_FORMAT,
         "no ids for 'q'"},
        {{.post = "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":"
                  "{\"id\":\"B\"}}]}"},
         HP_FORMAT,
         "is neither a special token nor $A"},
        {{.post = "{\"type\":\"RobertaProcessing\",\"cls\":[\"c\",20],"
                  "\"sep\":[\"s\",9]}"},
         HP_FORMAT,
         "post-processor: 'cls' has no id below 20"},
        {{.more = ",\"type\":\"Nonesuch\""},
         HP_UNSUPPORTED,
         "tokenizer model 'Nonesuch' is not supported"},
        {{.more = ",\"unk_token\":\"zz\""},
         HP_FORMAT,
         "the unknown token 'zz' is not in the vocabulary"},
        {{.more = ",\"dropout\":0.5"}, HP_UNSUPPORTED, "dropout 0.5"},
        {{.more = ",\"end_of_word_suffix\":\"</w>\""},
         HP_UNSUPPORTED,
         "end_of_word_suffix '</w>'"},
        {{.more = ",\"type\":\"WordPiece\""}, HP_FORMAT, "no 'unk_token'"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse(rows[i].p, rows[i].want, rows[i].fragment);
}

static void tokenizer_json_needs_a_model(void **state)
{
    static const struct {
        const char *text, *fragment;
    } rows[] = {
        {"{}", "key 'model' is missing"},
        {"[]", "key 'model' is missing"},
        {"{\"model\":{}}", "no type that can be told"},
        {"{\"model\":{\"type\":\"BPE\"}}", "vocabulary is not an object"},
        {"{\"model\":{\"type\":\"BPE\",\"vocab\":{}}}", "vocabulary is empty"},
        {"{", "JSON: line 1"},
        {"", "JSON: line 1"},
    };
    (void)state;
    clear();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put("tokenizer.json", rows[i].text);
        assert_refused(HP_FORMAT, "/tokenizer.json", rows[i].fragment);
    }
}

static void assert_text_refused(const hp_tokenizer *t, const char *text,
                                const char *fragment)
{
    hp_ids out;
    hp_error err = {0};
    assert_int_equal(hp_tokenizer_encode(&out, t, text, strlen(text), 0, &err),
                     HP_FORMAT);
    if (!strstr(err.message, fragment))
        fail_msg("'%s', expected '%s'", err.message, fragment);
    assert_null(out.ids);
    assert_int_equal(out.n, 0);
}

static void odd_settings_of_components_are_refused(void **state)
{
    static const struct {
        parts p;
        hp_status want;
        const char *fragment;
    } rows[] = {
        {{.normalizer = "{\"type\":\"Precompiled\",\"precompiled_charsmap\":"
                        "\"AAA\"}"},
         HP_FORMAT,
         "precompiled_charsmap: 3 characters are no whole number"},
        {{.normalizer = "{\"type\":\"Precompiled\",\"precompiled_charsmap\":"
                        "\"BQAAAAAAAAAAAAAA\"}"},
         HP_FORMAT,
         "12 bytes cannot hold a trie of 5 bytes"},
        {{.normalizer = "{\"type\":\"Precompiled\",\"precompiled_charsmap\":"
                        "\"AAAAAMMA\"}"},
         HP_FORMAT,
         "replacements are not valid UTF-8 at byte 0 of 2"},
        {{.normalizer = "{\"type\":\"Precompiled\",\"precompiled_charsmap\":"
                        "\"BAAAAAEAAIDDqQA=\"}"},
         HP_FORMAT,
         "unit 0 points into a character"},
        {{.normalizer = "{\"type\":\"Replace\",\"pattern\":\"a\"}"},
         HP_FORMAT,
         "normalizer Replace: 'pattern' is neither"},
        {{.normalizer = "{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"a*\"},"
                        "\"content\":\"\"}"},
         HP_UNSUPPORTED,
         "may match no text"},
        {{.normalizer = "{\"type\":\"Replace\",\"pattern\":{\"String\":\"\"},"
                        "\"content\":\"\"}"},
         HP_UNSUPPORTED,
         "Replace of an empty text"},
        {{.normalizer = "{\"type\":\"Prepend\"}"},
         HP_FORMAT,
         "key 'prepend' is missing"},
        {{.splitter = "{\"type\":\"Metaspace\",\"replacement\":\"ab\"}"},
         HP_FORMAT,
         "Metaspace: 'replacement' is not one character"},
        {{.splitter = "{\"type\":\"Metaspace\",\"replacement\":\"_\","
                      "\"prepend_scheme\":\"odd\"}"},
         HP_UNSUPPORTED,
         "prepend_scheme 'odd' is not supported"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        refuse(rows[i].p, rows[i].want, rows[i].fragment);
}

static void bad_scores_are_refused(void **state)
{
    static const struct {
        const char *model, *fragment;
    } rows[] = {
        {"\"vocab\":[]", "'vocab' is not a list of tokens"},
        {"\"vocab\":{\"a\":1}", "'vocab' is not a list of tokens"},
        {"\"vocab\":[[\"a\",-1],[\"b\"]]", "element 1 of 'vocab' is not"},
        {"\"vocab\":[[\"a\",-1],\"b\"]", "element 1 of 'vocab' is not"},
        {"\"vocab\":[[\"a\",\"b\"]]", "element 0 of 'vocab' is not"},
        {"\"vocab\":[[\"a\",1,2]]", "element 0 of 'vocab' is not"},
        {"\"vocab\":[[\"a\",1e999]]", "element 0 of 'vocab' is not"},
        {"\"vocab\":[[\"a\",1],[\"a\",2]]", "token 'a' is there twice"},
        {"\"unk_id\":1,\"vocab\":[[\"a\",1]]", "unk_id 1, but there are 1"},
        {"\"unk_id\":-1,\"vocab\":[[\"a\",1]]", "'unk_id'"},
    };
    char text[256];
    (void)state;
    clear();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(text, sizeof text, "{\"model\":{\"type\":\"Unigram\",%s}}",
                 rows[i].model);
        put("tokenizer.json", text);
        assert_refused(HP_FORMAT, "/tokenizer.json", rows[i].fragment);
    }
}

static void characters_without_a_token_are_named(void **state)
{
    (void)state;
    write_json((parts){.added = ADDED});
    hp_tokenizer *t = open_tokenizer("");
    assert_text_refused(t, "az", "character U+007A 'z' at byte 1 cannot be");
    assert_text_refused(t, "<x>ab\xc3\xa9",
                        "character U+00E9 '\xc3\xa9' at byte 5 cannot be");
    assert_text_refused(t, "a\n", "character U+000A at byte 1 cannot be");
    assert_text_refused(t, "a\xff", "byte 0xFF at offset 1");
    hp_tokenizer_free(t);
    write_json((parts){.normalizer = "{\"type\":\"Lowercase\"}"});
    t = open_tokenizer("");
    assert_text_refused(t, "aZ", "behind byte 0 is normalised to cannot be");
    hp_tokenizer_free(t);
    write_json((parts){.splitter = "null"});
    t = open_tokenizer("");
    assert_text_refused(t, "a\xe4\xb8\x96",
                        "character U+4E16 '\xe4\xb8\x96' at byte 1 cannot be");
    hp_tokenizer_free(t);
}

/* ---- vocab.json and merges.txt ---- */

#define MERGES_TXT "#version: 0.2\na b\nab c\n\xc4\xa0 a\n"

static void vocab_and_merges_make_a_tokenizer(void **state)
{
    (void)state;
    clear();
    put("vocab.json", VOCABULARY);
    put("merges.txt", MERGES_TXT);
    assert_folder_encodes("", "abc a", "4 6");
    assert_folder_encodes("vocab.json", "abc a", "4 6");
    assert_folder_encodes("merges.txt", "abc a", "4 6");
    put("merges.txt", "#version: 0.2\r\na b\r\nab c\r\n\r\n\xc4\xa0 a");
    assert_folder_encodes("", "abc a", "4 6");
    put("tokenizer_config.json", "{\"add_prefix_space\":true}");
    assert_folder_encodes("", "a", "6");
    put("tokenizer_config.json", "{\"tokenizer_class\":\"GPT2Tokenizer\"}");
    assert_folder_encodes("", "a", "0");
    put("tokenizer_config.json", "{\"tokenizer_class\":\"Qwen2Tokenizer\"}");
    assert_refused(HP_UNSUPPORTED, "", "tokenizer class 'Qwen2Tokenizer'");
}

static void robertas_vocabulary_brings_its_special_tokens(void **state)
{
    (void)state;
    clear();
    put("vocab.json", "{\"<s>\":0,\"</s>\":1,\"<mask>\":2,\"a\":3,"
                      "\"\\u0120\":4}");
    put("merges.txt", "");
    assert_folder_encodes("", "a <mask> a", "0 3 2 4 3 1");
}

static void bad_vocabularies_are_refused(void **state)
{
    static const struct {
        const char *text, *fragment;
    } rows[] = {
        {"", "JSON: line 1"},
        {"[\"a\"]", "vocabulary is not an object"},
        {"{}", "vocabulary is empty"},
        {"{\"a\":4294967296}", "token 'a': id 4294967296 is not below the 20"},
        {"{\"a\":20}", "token 'a': id 20 is not below the 20"},
        {"{\"a\":\"0\"}", "token 'a': id is no number"},
        {"{\"a\":null}", "token 'a': id is no number"},
        {"{\"a\":-1}", "token 'a': id -1 is negative"},
        {"{\"a\":0.5}", "token 'a': id 0.5 is no integer"},
        {"{\"a\":0,\"b\":0}", "tokens 'a' and 'b' have the same id 0"},
        {"{\"a\":0,\"a\":1}", "token 'a' is there twice, first with id 0"},
    };
    (void)state;
    clear();
    put("merges.txt", "");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put("vocab.json", rows[i].text);
        assert_refused(HP_FORMAT, "/vocab.json", rows[i].fragment);
    }
}

static void bad_merges_are_refused_by_line(void **state)
{
    static const struct {
        const char *text, *fragment;
    } rows[] = {
        {"#version: 0.2\na b\nab\n", "line 3: merge 'ab' is not two tokens"},
        {"a b c\n", "line 1: merge 'a b c' is not two tokens"},
        {"a b\n\nb x\n", "line 3: merge needs 'x', which is no token"},
        {"a b\nb c\n", "line 2: merge needs 'bc', which is no token"},
        {"a b\n\xff c\n", "byte 0xFF at offset 4"},
    };
    (void)state;
    clear();
    put("vocab.json", VOCABULARY);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put("merges.txt", rows[i].text);
        assert_refused(HP_FORMAT, "/merges.txt", rows[i].fragment);
    }
}

static void missing_files_come_with_a_hint(void **state)
{
    hp_tokenizer *t = NULL;
    hp_error err = {0};
    (void)state;
    clear();
    assert_refused(HP_FORMAT, folder, "no tokenizer: neither tokenizer.json");
    put("vocab.json", VOCABULARY);
    assert_int_equal(hp_tokenizer_open(&t, folder, VOCAB, &err), HP_FORMAT);
    assert_string_equal(err.message, "vocab.json without merges.txt");
    assert_string_equal(err.file, folder);
    assert_string_equal(err.hint, "give token ids with --tokens FILE, or the "
                                  "tokenizer with --tokenizer FILE");
    assert_int_equal(hp_tokenizer_open(&t, "no/such.json", VOCAB, &err), HP_IO);
    assert_null(t);
}

/* ---- vocab.txt ---- */

static void vocab_txt_makes_a_tokenizer(void **state)
{
    (void)state;
    clear();
    put("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n##b\nA\n\xe4\xb8\x96\n");
    assert_folder_encodes("", "Ab [MASK]", "1 4 5 3 2");
    assert_folder_encodes("vocab.txt",
                          "\xe4\xb8\x96"
                          "a",
                          "1 7 4 2");
    put("vocab.txt", "[UNK]\r\n[CLS]\r\n[SEP]\r\n\r\na\r\n##b");
    assert_folder_encodes("", "ab b", "1 4 5 0 2");
}

static void tokenizer_config_says_how_vocab_txt_cleans(void **state)
{
    static const struct {
        const char *config, *ids;
    } rows[] = {
        {"{}", "1 4 0 2"},
        {"{\"do_lower_case\":false}", "1 0 7 2"},
        {"{\"do_lower_case\":true,\"strip_accents\":false}", "1 5 0 2"},
        {"{\"do_lower_case\":false,\"strip_accents\":true}", "1 6 7 2"},
        {"{\"tokenize_chinese_chars\":true}", "1 4 0 2"},
    };
    (void)state;
    clear();
    /* The text is A with an acute accent, and B. */
    put("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n[PAD]\na\n\xc3\xa1\nA\nB\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put("tokenizer_config.json", rows[i].config);
        assert_folder_encodes("", "\xc3\x81 B", rows[i].ids);
    }
    put("tokenizer_config.json", "{\"do_lower_case\":\"yes\"}");
    assert_refused(HP_FORMAT, "tokenizer_config.json", "'do_lower_case'");
}

static void bad_vocab_txt_is_refused(void **state)
{
    static const struct {
        const char *text, *fragment;
    } rows[] = {
        {"[CLS]\n[SEP]\na\n", "the vocabulary lacks the token '[UNK]'"},
        {"[UNK]\n[SEP]\na\n", "the vocabulary lacks the token '[CLS]'"},
        {"[UNK]\n[CLS]\na\n", "the vocabulary lacks the token '[SEP]'"},
        {"", "the vocabulary lacks the token '[UNK]'"},
        {"[UNK]\n[CLS]\n[SEP]\na\nb\na\n",
         "line 6: token 'a' is there twice, first with id 3"},
        {"[UNK]\n\xc0\x80\n", "byte 0xC0 at offset 6"},
        {"0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n17\n18\n"
         "19\n20\n",
         "line 21: token '20': id 20 is not below the 20 rows"},
    };
    (void)state;
    clear();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        put("vocab.txt", rows[i].text);
        assert_refused(HP_FORMAT, "/vocab.txt", rows[i].fragment);
    }
}

static void tokenizer_json_comes_before_the_older_files(void **state)
{
    (void)state;
    write_json((parts){.merges = "[]"});
    put("vocab.json", VOCABULARY);
    put("merges.txt", MERGES_TXT);
    put("vocab.txt", "[UNK]\n[CLS]\n[SEP]\n");
    assert_folder_encodes("", "ab", "0 1");
    char *path = fixture_path(folder, "tokenizer.json");
    fixture_unlink(path);
    free(path);
    assert_folder_encodes("", "ab", "3");
}

/* "mask: special ids", in the order of the file. */
static void assert_special(const char *path, const char *want)
{
    char got[256] = "";
    hp_tokenizer *t = NULL;
    hp_error err = {0};
    if (hp_tokenizer_open(&t, path, 100000, &err))
        fail_msg("%s", err.message);
    const hp_special *special = hp_tokenizer_special(t);
    snprintf(got, sizeof got, "%d:", (int)special->mask);
    for (size_t i = 0; i < special->n && strlen(got) < 200; i++)
        snprintf(got + strlen(got), sizeof got - strlen(got), " %d",
                 (int)special->ids[i]);
    assert_string_equal(got, want);
    hp_tokenizer_free(t);
}

static void pointers_of_git_lfs_are_named(void **state)
{
    (void)state;
    static const char *const names[] = {"spiece.model", "tokenizer.model",
                                        "tokenizer.json"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        clear();
        put(names[i], "version https://git-lfs.github.com/spec/v1\n");
        assert_refused(HP_FORMAT, names[i], "a git-lfs pointer, not the tok");
    }
}

#define LLAMA "{\"tokenizer_class\":\"LlamaTokenizer\""

/* Nothing but its name tells which settings a class has. */
static void other_classes_of_sentencepiece_are_refused(void **state)
{
    (void)state;
    static const char piece[] = "\n\7\n\5<unk>\x12\2\x18\2";
    clear();
    put("tokenizer.model", piece);
    put("tokenizer_config.json", "{\"tokenizer_class\":\"OddTokenizer\"}");
    assert_refused(HP_UNSUPPORTED, "/tokenizer.model",
                   "tokenizer class 'OddTokenizer' is known from a "
                   "tokenizer.json only");
    put("tokenizer_config.json", LLAMA ",\"legacy\":2}");
    assert_refused(HP_FORMAT, "tokenizer_config.json", "key 'legacy' is 2");
    put("tokenizer_config.json", LLAMA "}");
    assert_refused(HP_FORMAT, "/tokenizer.model",
                   "bos_token '<s>' is no piece");
    put("tokenizer_config.json",
        LLAMA ",\"add_bos_token\":false,\"added_tokens_decoder\":{\"x\":{"
              "\"content\":\"y\"}}}");
    assert_refused(HP_FORMAT, "tokenizer.model", "'x' is no id");
}

static void special_tokens_and_the_mask_are_known(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"models/reaction-bert/vocab.txt", "14: 0 11 12 13 14"},
        {"tests/golden/tokenizers/bert-cased/vocab.txt", "4: 0 1 2 3 4"},
        {"tests/golden/tokenizers/bert-cased", "4: 0 1 2 3 4"},
        {"tests/golden/tokenizers/roberta", "900: 0 1 2 3 900"},
        {"tests/golden/tokenizers/roberta/vocab.json", "-1: 0 2 1 3"},
        {"tests/golden/tokenizers/gpt2", "-1: 900"},
        {"tests/golden/tokenizers/llama3", "-1: 920 921 922"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_special(rows[i][0], rows[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(merges_are_strings_or_pairs),
        cmocka_unit_test(merges_can_be_ignored_for_whole_words),
        cmocka_unit_test(unknown_characters_take_the_unknown_token),
        cmocka_unit_test(merges_that_name_no_token_are_refused),
        cmocka_unit_test(added_tokens_are_cut_out_first),
        cmocka_unit_test(added_tokens_can_ask_to_stand_alone),
        cmocka_unit_test(added_tokens_can_be_looked_for_in_normalised_text),
        cmocka_unit_test(added_tokens_that_contradict_are_refused),
        cmocka_unit_test(normalizers_follow_each_other),
        cmocka_unit_test(splitters_cut_words),
        cmocka_unit_test(split_has_five_behaviors),
        cmocka_unit_test(post_processors_put_ids_around_a_text),
        cmocka_unit_test(components_that_are_not_known_are_named),
        cmocka_unit_test(tokenizer_json_needs_a_model),
        cmocka_unit_test(odd_settings_of_components_are_refused),
        cmocka_unit_test(bad_scores_are_refused),
        cmocka_unit_test(characters_without_a_token_are_named),
        cmocka_unit_test(vocab_and_merges_make_a_tokenizer),
        cmocka_unit_test(robertas_vocabulary_brings_its_special_tokens),
        cmocka_unit_test(bad_vocabularies_are_refused),
        cmocka_unit_test(bad_merges_are_refused_by_line),
        cmocka_unit_test(missing_files_come_with_a_hint),
        cmocka_unit_test(vocab_txt_makes_a_tokenizer),
        cmocka_unit_test(tokenizer_config_says_how_vocab_txt_cleans),
        cmocka_unit_test(bad_vocab_txt_is_refused),
        cmocka_unit_test(tokenizer_json_comes_before_the_older_files),
        cmocka_unit_test(pointers_of_git_lfs_are_named),
        cmocka_unit_test(other_classes_of_sentencepiece_are_refused),
        cmocka_unit_test(special_tokens_and_the_mask_are_known),
    };
    return cmocka_run_group_tests_name("tokenizer files", tests, start, stop);
}
