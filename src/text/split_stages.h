#ifndef HEADPRUNE_TEXT_SPLIT_STAGES_H
#define HEADPRUNE_TEXT_SPLIT_STAGES_H

#include "text/splitters.h"

/* What a row of splitters.c can put in hp__splitter.run. */
hp_status hp__stage_cut(const hp__splitter *p, hp__split *s, size_t stage,
                        const char *text, size_t len, hp_error *err);
hp_status hp__stage_prefix_space(const hp__splitter *p, hp__split *s,
                                 size_t stage, const char *text, size_t len,
                                 hp_error *err);
hp_status hp__stage_metaspace(const hp__splitter *p, hp__split *s, size_t stage,
                              const char *text, size_t len, hp_error *err);
hp_status hp__stage_words(const hp__splitter *p, hp__split *s, size_t stage,
                          const char *text, size_t len, hp_error *err);
hp_status hp__stage_bytes(const hp__splitter *p, hp__split *s, size_t stage,
                          const char *text, size_t len, hp_error *err);

#endif
