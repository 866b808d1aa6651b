/* The input is a SentencePiece model, a line "===", and a text. */
#include "fuzz.h"
#include "fuzz_text.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char bar[] = "\n===\n";
    hp_tokenizer *t = NULL;
    hp_error err = {0};
    const char *bytes = (const char *)data, *text = bytes + size;
    size_t len = size, n = sizeof bar - 1;
    for (size_t at = 0; at + n <= size; at++)
        if (memcmp(bytes + at, bar, n) == 0) {
            len = at;
            text = bytes + at + n;
            break;
        }
    /* In a block of its size: a sanitizer sees a read past the end. */
    char *model = malloc(len ? len : 1);
    if (!model)
        return 0;
    if (len)
        memcpy(model, bytes, len);
    hp_status st = hp__tokenizer_parse_spm(&t, model, len, FUZZ_VOCAB, &err);
    MUST(st == HP_OK ||
         (err.message[0] && !t && (st == HP_FORMAT || st == HP_UNSUPPORTED)));
    free(model);
    if (!st)
        fuzz_text(t, text, (size_t)(bytes + size - text));
    hp_tokenizer_free(t);
    return 0;
}
