#ifndef HEADPRUNE_CLI_TERM_SIGNALS_H
#define HEADPRUNE_CLI_TERM_SIGNALS_H

/*
 * Interrupts. While the library works (signals_hold to signals_release),
 * SIGINT, SIGTERM and SIGHUP only raise a flag; the work stops at its next
 * step and removes what it began to write. signals_release then lets the
 * signal do what it always does, so that the shell sees 128 + n.
 */
void signals_hold(void);
int signals_pending(void);
void signals_release(void);
/* Ends the program as SIGPIPE does. */
_Noreturn void signals_die_of_pipe(void);

#endif
