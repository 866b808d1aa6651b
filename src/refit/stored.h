#ifndef HEADPRUNE_REFIT_STORED_H
#define HEADPRUNE_REFIT_STORED_H

#include "headprune/checkpoint.h"

/* Numbers as they are stored, rounded to nearest, ties to even. A number
 * beyond the dtype's range becomes infinite. */

/* Bytes of a value; 0: values of that dtype are not written. */
size_t hp__encoded_size(hp_dtype dtype);
/* x as it is read again. */
double hp__rounded(double x, hp_dtype dtype);
/* Writes x, which fits the dtype. */
void hp__encode(unsigned char *out, double x, hp_dtype dtype);

#endif
