#ifndef HEADPRUNE_TESTS_FUZZ_TEXT_H
#define HEADPRUNE_TESTS_FUZZ_TEXT_H

#include "text/tokenizer.h"

enum { FUZZ_VOCAB = 1000 };

/*
 * Ids below the vocabulary, the same ones wherever the text is cut, the first
 * ones of them when fewer are wanted; text of them that is whole characters,
 * the same however many ids come at a time.
 */
void fuzz_text(hp_tokenizer *t, const char *text, size_t len);

#endif
