/*
 * The input is a tokenizer.json, a line "===", and a text. A tokenizer that
 * opens must give ids below its vocabulary, the same ones wherever the text is
 * cut, and the first ones of them when fewer are wanted. The text is also read
 * as lines of token ids.
 */
#include "fuzz.h"
#include "fuzz_text.h"
#include "text/token_rows.h"
#include "text/tokenizer.h"

#include <string.h>

static void check_lines(const char *text, size_t len)
{
    hp__token_rows rows = {{0}, {0}, 0};
    hp__line_rules rules = {.max_length = 64, .vocab = FUZZ_VOCAB};
    hp_error err = {0};
    hp_status st = hp__token_rows_parse(&rows, NULL, text, len, &rules, &err);
    MUST(st == HP_OK || (st == HP_FORMAT && err.message[0]));
    MUST(st || (rows.n && rows.ends.len == rows.n * sizeof(size_t)));
    hp__token_rows_clear(&rows);
    hp__token_rows decoder = {{0}, {0}, 0};
    st = hp__token_rows_parse(&rows, &decoder, text, len, &rules, &err);
    MUST(st == HP_OK || (st == HP_FORMAT && err.message[0]));
    MUST(st || (rows.n && rows.n == decoder.n));
    hp__token_rows_clear(&rows);
    hp__token_rows_clear(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char bar[] = "\n===\n";
    hp_tokenizer *t = NULL;
    hp_error err = {0};
    char *json = malloc(size + 1);
    if (!json)
        return 0;
    if (size)
        memcpy(json, data, size);
    json[size] = '\0';
    char *end = strstr(json, bar);
    size_t len = end ? (size_t)(end - json) : size;
    const char *text = end ? end + sizeof bar - 1 : json + size;
    size_t text_len = size - (size_t)(text - json);
    json[len] = '\0';
    hp_status st = hp__tokenizer_parse(&t, json, len, FUZZ_VOCAB, &err);
    MUST(st == HP_OK ||
         (err.message[0] && !t && (st == HP_FORMAT || st == HP_UNSUPPORTED)));
    if (!st)
        fuzz_text(t, text, text_len);
    check_lines(text, text_len);
    hp_tokenizer_free(t);
    free(json);
    return 0;
}
