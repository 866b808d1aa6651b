#ifndef HEADPRUNE_TEXT_NORMAL_STEPS_H
#define HEADPRUNE_TEXT_NORMAL_STEPS_H

#include "text/normalizers.h"

/* What a row of normalizers.c can put in hp__normalizer.run. */
hp_status hp__normal_clean(const hp__normalizer *n, hp__buffer *out,
                           const char *s, size_t len, hp_error *err);
hp_status hp__normal_space_cjk(const hp__normalizer *n, hp__buffer *out,
                               const char *s, size_t len, hp_error *err);
hp_status hp__normal_drop_marks(const hp__normalizer *n, hp__buffer *out,
                                const char *s, size_t len, hp_error *err);
hp_status hp__normal_drop_combining(const hp__normalizer *n, hp__buffer *out,
                                    const char *s, size_t len, hp_error *err);
hp_status hp__normal_lower(const hp__normalizer *n, hp__buffer *out,
                           const char *s, size_t len, hp_error *err);
hp_status hp__normal_form(const hp__normalizer *n, hp__buffer *out,
                          const char *s, size_t len, hp_error *err);
hp_status hp__normal_prepend(const hp__normalizer *n, hp__buffer *out,
                             const char *s, size_t len, hp_error *err);
hp_status hp__normal_replace(const hp__normalizer *n, hp__buffer *out,
                             const char *s, size_t len, hp_error *err);
hp_status hp__normal_strip(const hp__normalizer *n, hp__buffer *out,
                           const char *s, size_t len, hp_error *err);
hp_status hp__normal_charsmap(const hp__normalizer *n, hp__buffer *out,
                              const char *s, size_t len, hp_error *err);

#endif
