#ifndef HEADPRUNE_TEXT_DECODE_STEPS_H
#define HEADPRUNE_TEXT_DECODE_STEPS_H

#include "text/decoding.h"

/* What a row of decoding.c can put in hp__decoder.run and .end. */
void hp__decode_bytes(const hp__decoder *p, hp__decode *d, size_t step,
                      const char *text, size_t len);
void hp__decode_word(const hp__decoder *p, hp__decode *d, size_t step,
                     const char *text, size_t len);
void hp__decode_replace(const hp__decoder *p, hp__decode *d, size_t step,
                        const char *text, size_t len);
void hp__decode_metaspace(const hp__decoder *p, hp__decode *d, size_t step,
                          const char *text, size_t len);
void hp__decode_strip(const hp__decoder *p, hp__decode *d, size_t step,
                      const char *text, size_t len);
void hp__decode_fallback(const hp__decoder *p, hp__decode *d, size_t step,
                         const char *text, size_t len);
void hp__decode_fallback_end(const hp__decoder *p, hp__decode *d, size_t step);

#endif
