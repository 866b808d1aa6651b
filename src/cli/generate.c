/* The man page and the shell completions, made from the tables. */
#include "cli/command.h"

#include <string.h>

/* roff: a hyphen is a minus, a leading dot or quote is text, \ is \e. */
static void put_roff(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '-')
            fputs("\\-", out);
        else if (*text == '\\')
            fputs("\\e", out);
        else
            fputc(*text, out);
    }
}

static void man_option(FILE *out, const option_row *o)
{
    fputs(".TP\n.B ", out);
    if (o->letter)
        fprintf(out, "\\-%c, ", o->letter);
    fputs("\\-\\-", out);
    put_roff(out, o->name);
    if (o->argument)
        fprintf(out, " \\fI%s\\fR", o->argument);
    fputc('\n', out);
    put_roff(out, o->help);
    if (o->choices) {
        fputs(" (", out);
        put_roff(out, o->choices);
        fputc(')', out);
    }
    fputc('\n', out);
}

static void man_commands(FILE *out)
{
    fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; command_at(i); i++) {
        const command *cmd = command_at(i);
        fprintf(out, ".SS \"%s %s\"\n", cmd->name, cmd->arguments);
        put_roff(out, cmd->about);
        fputs("\n.PP\n.nf\n", out);
        for (const char *line = cmd->examples; *line;) {
            char text[320];
            size_t len = strcspn(line, "\n");
            snprintf(text, sizeof text, "%.*s", (int)len, line);
            fputs("  ", out);
            put_roff(out, text);
            fputc('\n', out);
            line += len + (line[len] == '\n');
        }
        fputs(".fi\n.PP\nOptions:", out);
        for (size_t j = 0; j < N_OPTIONS; j++)
            if (option_rows[j].takes & cmd->takes) {
                fputs(" \\-\\-", out);
                put_roff(out, option_rows[j].name);
            }
        fputc('\n', out);
    }
}

static void man_exit(FILE *out)
{
    static const char *const codes[][2] = {
        {"0", "done"},
        {"2", "usage: an unknown option, a ratio of 1.3"},
        {"3", "the input is not valid: a truncated header, NaN weights"},
        {"4", "valid but not supported; the message names what"},
        {"5", "I/O or resources: a missing file, an existing output, a full "
              "disk"},
        {"128+n", "signal n; no temporary file stays"}};
    fputs(".SH EXIT STATUS\n", out);
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        fprintf(out, ".TP\n.B %s\n%s\n", codes[i][0], codes[i][1]);
}

static void man_page(FILE *out)
{
    fprintf(out, ".TH HEADPRUNE 1 \"\" \"headprune %s\" \"User Commands\"\n",
            hp_version());
    fputs(".SH NAME\nheadprune \\- prune attention heads of transformer "
          "checkpoints\n.SH SYNOPSIS\n.B headprune\n.I METHOD\n\\-\\-ratio R "
          "[options]\n.I MODEL\n.br\n.B headprune\n.I COMMAND\n[options]\n.I "
          "MODEL\n.SH DESCRIPTION\nheadprune scores the attention heads of a "
          "transformer checkpoint (safetensors) and writes a new checkpoint "
          "in which the least useful ones are silent. MODEL is a folder "
          "(config.json and model.safetensors, or an index and shards), a "
          ".safetensors file, an index file, or \\- (a safetensors stream on "
          "standard input, with \\-\\-config). It is never changed.\n"
          ".PP\nHeads are written LAYER:HEAD,HEAD\\-HEAD, separated by "
          "spaces, and count from 0.\n.SH METHODS\n",
          out);
    for (size_t i = 0; hp_method_at(i); i++) {
        fprintf(out, ".TP\n.B %s\n", hp_method_at(i)->name);
        put_roff(out, hp_method_at(i)->summary);
        fputc('\n', out);
    }
    man_commands(out);
    fputs(".SH OPTIONS\n", out);
    for (size_t i = 0; i < N_OPTIONS; i++)
        man_option(out, &option_rows[i]);
    man_exit(out);
    fputs(".SH ENVIRONMENT\n.TP\n.B NO_COLOR, CLICOLOR_FORCE, TERM, "
          "COLUMNS\nas everywhere\n.TP\n.B OPENBLAS_CORETYPE\nthe core that "
          "OpenBLAS shall use; otherwise headprune chooses\n.TP\n.B "
          "SOURCE_DATE_EPOCH\nthe only time stamp a document ever holds\n"
          ".TP\n.B TMPDIR\nwhere a stream on standard input is kept while it "
          "is worked on\n",
          out);
}

static void put_words(FILE *out)
{
    for (size_t i = 0; hp_method_at(i); i++)
        fprintf(out, "%s ", hp_method_at(i)->name);
    for (size_t i = 1; command_at(i); i++)
        fprintf(out, "%s ", command_at(i)->name);
    fputs("help", out);
}

static int takes_file(const option_row *o)
{
    return o->argument &&
           (!strcmp(o->argument, "FILE") || !strcmp(o->argument, "PATH"));
}

static void put_choices(FILE *out, const char *choices)
{
    for (; *choices; choices++)
        fputc(*choices == '|' ? ' ' : *choices, out);
}

static void complete_bash(FILE *out)
{
    fputs("_headprune() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]}\n"
          "    local prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    COMPREPLY=()\n"
          "    case $prev in\n",
          out);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const option_row *o = &option_rows[i];
        if (!o->argument)
            continue;
        fprintf(out, "    --%s", o->name);
        if (o->letter)
            fprintf(out, "|-%c", o->letter);
        fputs(") ", out);
        if (o->choices) {
            fputs("mapfile -t COMPREPLY < <(compgen -W '", out);
            put_choices(out, o->choices);
            fputs("' -- \"$cur\");", out);
        } else if (takes_file(o)) {
            fputs("mapfile -t COMPREPLY < <(compgen -f -- \"$cur\");", out);
        }
        fputs(" return ;;\n", out);
    }
    fputs("    esac\n"
          "    if [[ $cur == -* ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          out);
    for (size_t i = 0; i < N_OPTIONS; i++)
        fprintf(out, "%s--%s", i ? " " : "", option_rows[i].name);
    fputs("' -- \"$cur\")\n"
          "    elif [[ $COMP_CWORD -eq 1 || $prev == help ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          out);
    put_words(out);
    fputs("' -- \"$cur\")\n"
          "    elif [[ $prev == score ]]; then\n"
          "        mapfile -t COMPREPLY < <(compgen -W '",
          out);
    for (size_t i = 0; hp_method_at(i); i++)
        fprintf(out, "%s%s", i ? " " : "", hp_method_at(i)->name);
    fputs("' -- \"$cur\")\n"
          "    else\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
          "    fi\n"
          "}\n"
          "complete -o filenames -F _headprune headprune\n",
          out);
}

/* In '...': a quote ends it, a bracket or colon would end a zsh field. */
static void put_zsh(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else if (*text == '[' || *text == ']' || *text == ':')
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
}

static void complete_zsh(FILE *out)
{
    fputs("#compdef headprune\n_arguments -s \\\n", out);
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const option_row *o = &option_rows[i];
        const char *many =
            o->type == OPTION_LIST || o->type == OPTION_COUNT ? "*" : "";
        for (int form = o->letter ? 0 : 1; form < 2; form++) {
            fprintf(out, "  '%s", many);
            if (form)
                fprintf(out, "--%s%s[", o->name, o->argument ? "=" : "");
            else
                fprintf(out, "-%c%s[", o->letter, o->argument ? "+" : "");
            put_zsh(out, o->help);
            fputc(']', out);
            if (o->argument)
                fprintf(out, ":%s:", o->argument);
            if (o->choices) {
                fputc('(', out);
                put_choices(out, o->choices);
                fputc(')', out);
            } else if (takes_file(o)) {
                fputs("_files", out);
            }
            fputs("' \\\n", out);
        }
    }
    fputs("  '1:command:(", out);
    put_words(out);
    fputs(")' \\\n  '*:file:_files'\n", out);
}

static void put_fish(FILE *out, const char *text)
{
    fputc('\'', out);
    for (; *text; text++) {
        if (*text == '\'' || *text == '\\')
            fputc('\\', out);
        fputc(*text, out);
    }
    fputc('\'', out);
}

static void complete_fish(FILE *out)
{
    for (size_t i = 0; hp_method_at(i); i++) {
        fprintf(out, "complete -c headprune -n __fish_use_subcommand -a %s -d ",
                hp_method_at(i)->name);
        put_fish(out, hp_method_at(i)->summary);
        fputc('\n', out);
    }
    for (size_t i = 1; command_at(i); i++) {
        fprintf(out, "complete -c headprune -n __fish_use_subcommand -a %s -d ",
                command_at(i)->name);
        put_fish(out, command_at(i)->summary);
        fputc('\n', out);
    }
    for (size_t i = 0; i < N_OPTIONS; i++) {
        const option_row *o = &option_rows[i];
        fprintf(out, "complete -c headprune -l %s", o->name);
        if (o->letter)
            fprintf(out, " -s %c", o->letter);
        if (o->argument)
            fputs(takes_file(o) ? " -r" : " -x", out);
        if (o->choices) {
            fputs(" -a '", out);
            put_choices(out, o->choices);
            fputc('\'', out);
        }
        fputs(" -d ", out);
        put_fish(out, o->help);
        fputc('\n', out);
    }
}

void generate_print(FILE *out, uint64_t what)
{
    static void (*const makers[])(FILE *) = {man_page, complete_bash,
                                             complete_zsh, complete_fish};
    makers[what](out);
}
