#ifndef HEADPRUNE_TESTS_STATES_H
#define HEADPRUNE_TESTS_STATES_H

#include <stddef.h>

/* Hidden states of a checkpoint over a few fixed tokens, with the heads of a
 * list silent ("": none). What goes wrong fails the test. Freed by
 * states_free. */
typedef struct states {
    float *values; /* [n] */
    size_t n;
} states;

states states_of(const char *path, const char *heads);
void states_free(states *s);
/* Largest difference over the largest value of `a`. */
double states_differ(const states *a, const states *b);

#endif
