#ifndef HEADPRUNE_IO_ZIO_H
#define HEADPRUNE_IO_ZIO_H

#include "headprune/error.h"

#include <stddef.h>

/* The only user of zlib. */

/*
 * All bytes of a text file, inflated when it is gzip (several members too);
 * "-": standard input. NUL-terminated, freed by free(). HP_FORMAT: truncated
 * or damaged gzip data (gzread reports a cut trailer as a plain end), trailing
 * garbage, or more than `most` bytes after inflation.
 */
HP_CHECKED
hp_status hp__zio_slurp(char **out, size_t *len, const char *path, size_t most,
                        hp_error *err);
/* Inflates a zlib stream of memory whose inflated size is known. */
HP_CHECKED
hp_status hp__zio_inflate(char *out, size_t out_len, const unsigned char *in,
                          size_t in_len, hp_error *err);

#endif
