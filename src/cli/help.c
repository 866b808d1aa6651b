/* Help texts, made from the tables of commands and options. */
#include "cli/command.h"

#include <string.h>

enum { WIDTH = 79 };

/* Words of `text` from column `at` on, broken before WIDTH and indented. */
static void put_wrapped(FILE *out, const char *text, size_t indent, size_t at)
{
    while (*text) {
        size_t len = strcspn(text, " ");
        if (at > indent && at + 1 + len > WIDTH) {
            fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", (int)len, text);
        at += len;
        text += len;
        text += strspn(text, " ");
    }
    fputc('\n', out);
}

static void put_option(FILE *out, const option_row *o)
{
    enum { INDENT = 24 };
    char left[64];
    char letter[8] = "   ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c,", o->letter);
    int len = snprintf(left, sizeof left, "  %s --%s%s%s", letter, o->name,
                       o->argument ? " " : "", o->argument ? o->argument : "");
    fprintf(out, "%-*s", INDENT - 1, left);
    if (len >= INDENT - 1)
        fprintf(out, "\n%*s", INDENT - 1, "");
    fputc(' ', out);
    char help[320];
    snprintf(help, sizeof help, "%s%s%s%s", o->help, o->choices ? " [" : "",
             o->choices ? o->choices : "", o->choices ? "]" : "");
    put_wrapped(out, help, INDENT, INDENT);
}

void help_usage(FILE *out)
{
    fputs("usage: headprune METHOD --ratio R [options] MODEL\n"
          "       headprune COMMAND [options] MODEL\n"
          "\n"
          "  headprune entropy --ratio 0.3 gpt2     prune 30 % of the heads\n"
          "  headprune inspect gpt2                 look at a checkpoint\n"
          "\n"
          "methods:",
          out);
    for (size_t i = 0; hp_method_at(i); i++)
        fprintf(out, " %s", hp_method_at(i)->name);
    fputs("\ncommands:", out);
    for (size_t i = 1; command_at(i); i++)
        fprintf(out, " %s", command_at(i)->name);
    fputs(" help\nmore: headprune --help\n", out);
}

static void put_synopsis(FILE *out, const command *cmd)
{
    fprintf(out, "headprune %s [options]%s%s\n", cmd->name,
            *cmd->arguments ? " " : "", cmd->arguments);
}

void help_full(FILE *out)
{
    fputs("headprune - prune attention heads of transformer checkpoints\n\n"
          "usage: headprune METHOD --ratio R [options] MODEL\n"
          "       headprune COMMAND [options] MODEL\n"
          "\nmethods (score, plan and apply in one go):\n",
          out);
    for (size_t i = 0; hp_method_at(i); i++) {
        fprintf(out, "  %-11s ", hp_method_at(i)->name);
        put_wrapped(out, hp_method_at(i)->summary, 14, 14);
    }
    fputs("\ncommands:\n", out);
    for (size_t i = 1; command_at(i); i++)
        fprintf(out, "  %-11s %s\n", command_at(i)->name,
                command_at(i)->summary);
    fputs("  help        help of a command: headprune help COMMAND\n"
          "\nMODEL is a folder (config.json and model.safetensors, or an "
          "index and shards), a\n.safetensors file, an index file, or - (a "
          "safetensors stream, with --config).\n"
          "\noptions (each command takes those it needs):\n",
          out);
    for (size_t i = 0; i < N_OPTIONS; i++)
        put_option(out, &option_rows[i]);
    fputs("\nHeads are written LAYER:HEAD,HEAD-HEAD and count from 0: "
          "'9:3 11:3,7-10'.\n"
          "\nexit codes: 0 done, 1 check failed, 2 usage, 3 the input is not "
          "valid, 4 not\nsupported, 5 I/O or resources, 128+n signal n.\n",
          out);
}

void help_command(FILE *out, const command *cmd)
{
    fputs("usage: ", out);
    put_synopsis(out, cmd);
    fputc('\n', out);
    put_wrapped(out, cmd->about, 0, 0);
    if (cmd->takes == TAKES_METHOD) {
        fputs("\nmethods:\n", out);
        for (size_t i = 0; hp_method_at(i); i++) {
            fprintf(out, "  %-11s ", hp_method_at(i)->name);
            put_wrapped(out, hp_method_at(i)->summary, 14, 14);
        }
    }
    fputs("\noptions:\n", out);
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (option_rows[i].takes & cmd->takes)
            put_option(out, &option_rows[i]);
    fputs("\nexamples:\n", out);
    for (const char *line = cmd->examples; *line;) {
        size_t len = strcspn(line, "\n");
        fprintf(out, "  %.*s\n", (int)len, line);
        line += len + (line[len] == '\n');
    }
}

void version_print(const console *c)
{
    printf("headprune %s\n", hp_version());
    if (c->level < 1)
        return;
    hp_error err = {0};
    hp_backend *b = NULL;
    printf("cpus: %u\n", hp_backend_cpus());
    if (hp_backend_open(&b, &err)) {
        printf("blas: %s\n", err.message);
        return;
    }
    printf("blas: %s\nblas core: %s\nkernels: %s\n", hp_backend_blas_config(b),
           hp_backend_blas_core(b), hp_backend_kernels(b));
    hp_backend_free(b);
}
