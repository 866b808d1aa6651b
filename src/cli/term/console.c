/*
 * Standard error and the rules of colour: a stream is coloured when it is a
 * terminal; NO_COLOR, CLICOLOR_FORCE, TERM=dumb and --color change that.
 */
#include "cli/term/console.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* The mode is the opposite of what the stream is for: using a stream that was
 * closed stays the error that it would have been. */
static void fill_descriptor(int fd, int mode)
{
    if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
        return;
    int opened = open("/dev/null", mode);
    if (opened >= 0 && opened != fd) {
        dup2(opened, fd);
        close(opened);
    }
}

void console_prepare(void)
{
    fill_descriptor(STDIN_FILENO, O_WRONLY);
    fill_descriptor(STDOUT_FILENO, O_RDONLY);
    fill_descriptor(STDERR_FILENO, O_RDONLY);
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL);
}

static int variable_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

static int is_dumb(void)
{
    const char *term = getenv("TERM");
    return term && !strcmp(term, "dumb");
}

static int wants_colour(const options *o, int fd)
{
    enum { AUTO, ALWAYS, NEVER };
    if (o && options_has(o, OPT_COLOR) && o->value[OPT_COLOR].number != AUTO)
        return o->value[OPT_COLOR].number == ALWAYS;
    if (variable_set("NO_COLOR"))
        return 0;
    const char *force = getenv("CLICOLOR_FORCE");
    if (force && *force && strcmp(force, "0") != 0)
        return 1;
    return isatty(fd) && !is_dumb();
}

void console_init(console *c, const options *o)
{
    memset(c, 0, sizeof *c);
    c->colour_out = wants_colour(o, STDOUT_FILENO);
    c->colour_err = wants_colour(o, STDERR_FILENO);
    clock_gettime(CLOCK_MONOTONIC, &c->mark);
    if (!o)
        return;
    c->level = (int)(o->value[OPT_VERBOSE].given > 0);
    if (o->value[OPT_QUIET].given)
        c->level = o->value[OPT_QUIET].given > 1 ? -2 : -1;
    c->json = options_has(o, OPT_JSON) ||
              (options_has(o, OPT_FORMAT) &&
               !strcmp(o->value[OPT_FORMAT].text, "json"));
    c->progress = c->level >= 0 && isatty(STDERR_FILENO) && !is_dumb();
    if (options_has(o, OPT_PROGRESS) && o->value[OPT_PROGRESS].number)
        c->progress = o->value[OPT_PROGRESS].number == 1;
}

void console_say(const console *c, console_level level, const char *fmt, ...)
{
    if (c->level < (int)level)
        return;
    va_list ap;
    va_start(ap, fmt);
    fputs("headprune: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
}

void console_phase(console *c, const char *what)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    double ms = 1e3 * (double)(now.tv_sec - c->mark.tv_sec) +
                1e-6 * (double)(now.tv_nsec - c->mark.tv_nsec);
    c->mark = now;
    console_say(c, SAY_DETAIL, "%s: %.1f ms", what, ms);
}

int console_exit_code(hp_status st)
{
    switch (st) {
    case HP_OK:
        return 0;
    case HP_INVALID:
        return 2;
    case HP_FORMAT:
        return 3;
    case HP_UNSUPPORTED:
        return 4;
    case HP_IO:
    case HP_NOMEM:
    case HP_CANCELLED: /* the signal itself ends the program */
        break;
    }
    return 5;
}

static void print_json_member(const char *name, const char *text)
{
    fprintf(stderr, ",\"%s\":", name);
    if (*text)
        print_json_text(stderr, text);
    else
        fputs("null", stderr);
}

void console_error(const console *c, hp_status st, const hp_error *err)
{
    if (c->json) {
        fprintf(stderr, "{\"error\":{\"exit\":%d", console_exit_code(st));
        print_json_member("file", err->file);
        print_json_member("message", err->message);
        print_json_member("hint", err->hint);
        fputs("}}\n", stderr);
        return;
    }
    fputs(c->colour_err ? "\033[1;31mheadprune:\033[0m " : "headprune: ",
          stderr);
    if (err->file[0])
        fprintf(stderr, "%s: ", err->file);
    fputs(err->message, stderr);
    if (err->hint[0])
        fprintf(stderr, " (%s)", err->hint);
    fputc('\n', stderr);
}

hp_status console_flush(hp_error *err)
{
    int failed = ferror(stdout);
    errno = 0;
    if (!fflush(stdout) && !failed)
        return HP_OK;
    return hp_fail_file(err,
                        hp_fail(err, HP_IO, "cannot write: %s",
                                errno ? strerror(errno) : "earlier error"),
                        "standard output");
}

int console_reader_gone(void)
{
    struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
    return poll(&p, 1, 0) > 0 && (p.revents & POLLERR);
}

unsigned console_width(int fd)
{
    const char *columns = getenv("COLUMNS");
    unsigned long n = columns ? strtoul(columns, NULL, 10) : 0;
    struct winsize w;
    if (!n && !ioctl(fd, TIOCGWINSZ, &w))
        n = w.ws_col;
    return n > 0 && n < 10000 ? (unsigned)n : 80;
}
