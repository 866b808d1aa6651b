#ifndef HEADPRUNE_TESTS_CASES_H
#define HEADPRUNE_TESTS_CASES_H

#include <stddef.h>
#include <stdint.h>

/* The cases.json of a folder of tests/golden/tokenizers: texts, which may hold
 * U+0000, and the ids that the Hugging Face library gives. */
typedef struct golden_case {
    char *text;
    size_t len;
    int32_t *ids, *with_special;
    size_t n, n_with_special;
} golden_case;

typedef struct golden_cases {
    golden_case *items;
    size_t n;
} golden_cases;

/* Fails the running test when the file cannot be read. */
void golden_cases_open(golden_cases *out, const char *path);
void golden_cases_free(golden_cases *c);

#endif
