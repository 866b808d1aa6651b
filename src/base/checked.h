#ifndef HEADPRUNE_BASE_CHECKED_H
#define HEADPRUNE_BASE_CHECKED_H

/* Size arithmetic on what a file says. 1: *out holds the result; 0: it would
 * not fit the type of *out. Operands of any integer types. */
#define hp__add(out, a, b) (!__builtin_add_overflow((a), (b), (out)))
#define hp__mul(out, a, b) (!__builtin_mul_overflow((a), (b), (out)))

#endif
