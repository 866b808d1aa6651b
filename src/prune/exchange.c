/* Two names change places in one step: not in POSIX, but in every Linux. */
#define _GNU_SOURCE /* renameat2; NOLINT(cert-dcl51-cpp) */
#include "prune/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

int hp__exchange(const char *one, const char *other)
{
#ifdef RENAME_EXCHANGE
    return renameat2(AT_FDCWD, one, AT_FDCWD, other, RENAME_EXCHANGE);
#else
    (void)one;
    (void)other;
    errno = ENOSYS;
    return -1;
#endif
}

int hp__exchange_by_moves(const char *one, const char *other, const char *aside)
{
    if (rename(other, aside) != 0)
        return -1;
    if (rename(one, other) == 0)
        return rename(aside, one);
    int number = errno;
    if (rename(aside, other) == 0)
        errno = number;
    return -1;
}
