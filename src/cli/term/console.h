#ifndef HEADPRUNE_CLI_TERM_CONSOLE_H
#define HEADPRUNE_CLI_TERM_CONSOLE_H

#include "cli/term/options.h"

#include <stdio.h>
#include <time.h>

/*
 * What reaches the terminal. Standard output carries one thing (a table, a
 * document, bytes or a path); notes, warnings, progress and errors go to
 * standard error, as much of them as -q and -v ask for.
 */
typedef struct console {
    int level; /* -2, -1: -qq, -q; 0; 1: -v */
    int json;  /* errors as JSON */
    int colour_out, colour_err;
    int progress;
    struct timespec mark; /* the last console_phase */
} console;

/* fd 0, 1 and 2 are open after this, so that no output file becomes one of
 * them; writes to broken pipes and past file limits fail instead of killing. */
void console_prepare(void);
/* Before the command line is understood `o` is NULL. */
void console_init(console *c, const options *o);

/* What -qq, -q and -v hide or show. */
typedef enum console_level {
    SAY_WARNING = -1,
    SAY_NOTE = 0,
    SAY_DETAIL = 1
} console_level;
void console_say(const console *c, console_level level, const char *fmt, ...)
    HP_PRINTF(3, 4);
/* -v: what was done since the last phase, and how long it took. */
void console_phase(console *c, const char *what);

/* The exit code of a status. */
int console_exit_code(hp_status st);
/* Prints the one line (or object) of an error. */
void console_error(const console *c, hp_status st, const hp_error *err);

/* HP_IO when not all that was printed to standard output arrived there. */
HP_CHECKED
hp_status console_flush(hp_error *err);
/* 1 when nobody reads standard output any more (head has seen enough). */
int console_reader_gone(void);

/* Columns of the terminal, 80 when unknown. */
unsigned console_width(int fd);

/* "1,234,567"; `out` has room for 32. Returns out. */
const char *format_count(char out[32], uint64_t n);
/* "14.0 MB". */
const char *format_bytes(char out[32], uint64_t n);
/* Bytes of the UTF-8 sequence at `c`, 0 when it is none. */
size_t text_sequence_length(const unsigned char *c);
/* A JSON string with its quotes; bytes that are not UTF-8 become U+FFFD.
 * `text` ends with a NUL byte, and of print_json_bytes may hold others. */
void print_json_bytes(FILE *out, const char *text, size_t len);
void print_json_text(FILE *out, const char *text);
/* "name": "text", */
void print_json_pair(FILE *out, const char *name, const char *text);

#endif
