#include "cli/term/signals.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const int held[] = {SIGINT, SIGTERM, SIGHUP};
enum { N_HELD = sizeof held / sizeof *held };

static volatile sig_atomic_t pending;
static struct sigaction former[N_HELD];

static void remember(int signal_number)
{
    pending = signal_number;
}

void signals_hold(void)
{
    struct sigaction action = {.sa_handler = remember, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < N_HELD; i++) {
        sigaction(held[i], NULL, &former[i]);
        /* What nohup or a shell's & had ignored stays ignored. */
        if (former[i].sa_handler != SIG_IGN)
            sigaction(held[i], &action, NULL);
    }
}

int signals_pending(void)
{
    return pending != 0;
}

void signals_release(void)
{
    for (size_t i = 0; i < N_HELD; i++)
        sigaction(held[i], &former[i], NULL);
    if (pending)
        raise(pending);
}

_Noreturn void signals_die_of_pipe(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigemptyset(&action.sa_mask);
    sigaction(SIGPIPE, &action, NULL);
    raise(SIGPIPE);
    _exit(128 + SIGPIPE); /* when it is blocked */
}
