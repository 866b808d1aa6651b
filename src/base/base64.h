#ifndef HEADPRUNE_BASE_BASE64_H
#define HEADPRUNE_BASE_BASE64_H

#include "base/buffer.h"

/* Appends the bytes that `text` stands for (RFC 4648, padded). HP_FORMAT names
 * `what` it is. */
HP_CHECKED
hp_status hp__base64_decode(hp__buffer *out, const char *text, const char *what,
                            hp_error *err);

#endif
