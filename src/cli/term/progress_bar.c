#include "cli/term/progress_bar.h"
#include "cli/term/signals.h"

#include <unistd.h>

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void format_left(char out[32], double left)
{
    if (left < 60)
        snprintf(out, 32, "%.0f s left", left);
    else if (left < 3600)
        snprintf(out, 32, "%.0f min %02.0f s left", (double)(int)(left / 60),
                 (double)((int)left % 60));
    else
        snprintf(out, 32, "%.1f h left", left / 3600);
}

static void draw(progress_bar *b, uint64_t done, uint64_t total)
{
    enum { BAR = 24 };
    double now = seconds(), elapsed = now - b->started;
    b->drawn = now;
    double share = total ? (double)done / (double)total : 0;
    char cells[BAR + 1], speed[64] = "", left[32] = "";
    for (int i = 0; i < BAR; i++)
        cells[i] = i < (int)(share * BAR) ? '#' : '.';
    cells[BAR] = '\0';
    if (done && elapsed > 0) {
        double rate = (double)done / (double)b->per / elapsed;
        char amount[32];
        if (b->unit)
            snprintf(speed, sizeof speed, "  %.0f %s/s", rate, b->unit);
        else
            snprintf(speed, sizeof speed, "  %s/s",
                     format_bytes(amount, (uint64_t)rate));
        format_left(left, elapsed / share - elapsed);
    }
    char line[192];
    int len = snprintf(line, sizeof line, "%s [%s] %3.0f%%%s%s%s", b->what,
                       cells, 100 * share, speed, *left ? "  " : "", left);
    int width = (int)console_width(STDERR_FILENO) - 1;
    fprintf(stderr, "\r%.*s\033[K", len < width ? len : width, line);
    fflush(stderr);
}

static int step(void *payload, uint64_t done, uint64_t total)
{
    progress_bar *b = payload;
    if (b->shown && (seconds() - b->drawn > 0.1 || done == total))
        draw(b, done, total);
    return signals_pending();
}

void progress_start(progress_bar *b, const console *c, const char *what,
                    const char *unit, uint64_t per)
{
    *b = (progress_bar){.shown = c->progress,
                        .what = what,
                        .unit = unit,
                        .per = per ? per : 1,
                        .started = seconds()};
    if (b->shown)
        draw(b, 0, 0);
}

hp_progress progress_hook(progress_bar *b)
{
    return (hp_progress){.step = step, .payload = b};
}

void progress_end(progress_bar *b)
{
    if (b->shown) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    b->shown = 0;
}
