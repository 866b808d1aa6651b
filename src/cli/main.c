/*
 * headprune: from a command line to an exit code.
 * 0 done; 1 the answer is no; 2 usage; 3 the input is not valid; 4 not
 * supported; 5 I/O or resources; 128 + n signal n.
 */
#include "cli/command.h"
#include "cli/term/signals.h"

#include <string.h>
#include <unistd.h>

static hp_status fail_unknown(const char *what, const char *word,
                              int commands_too, hp_error *err)
{
    size_t best = 0;
    const char *nearest = NULL;
    for (size_t i = 0; hp_method_at(i); i++)
        if (suggest_closer(&best, word, hp_method_at(i)->name))
            nearest = hp_method_at(i)->name;
    for (size_t i = 1; commands_too && command_at(i); i++)
        if (suggest_closer(&best, word, command_at(i)->name))
            nearest = command_at(i)->name;
    if (commands_too && suggest_closer(&best, word, "help"))
        nearest = "help";
    hp_status st = hp_fail(err, HP_INVALID, "unknown %s '%s'", what, word);
    if (nearest)
        return hp_fail_hint(err, st, "did you mean %s?", nearest);
    if (commands_too && !access(word, F_OK))
        return hp_fail_hint(err, st,
                            "a method or command comes first: "
                            "headprune METHOD MODEL");
    return hp_fail_hint(err, st,
                        commands_too ? "see headprune --help"
                                     : "see headprune methods");
}

static hp_status show_help(const char *word, hp_error *err)
{
    if (!word) {
        help_full(stdout);
        return HP_OK;
    }
    const command *cmd = command_find(word);
    if (!cmd && strcmp(word, "METHOD") != 0)
        return fail_unknown("command", word, 1, err);
    help_command(stdout, cmd ? cmd : command_at(0));
    return HP_OK;
}

static hp_status check_words(const command *cmd, const char *name, const cli *c,
                             hp_error *err)
{
    if (c->n_args == cmd->n_args || (cmd->n_args == SOME_ARGS && c->n_args))
        return HP_OK;
    hp_status st =
        c->n_args > cmd->n_args
            ? hp_fail(err, HP_INVALID, "'%s' has no use for '%s'", name,
                      c->args[cmd->n_args])
            : hp_fail(err, HP_INVALID, "'%s' needs %s", name, cmd->arguments);
    return hp_fail_hint(err, st, "see headprune help %s", name);
}

static hp_status run_command(cli *c, const char *name, hp_error *err)
{
    const command *cmd = command_find(name);
    if (!cmd)
        return fail_unknown("command", name, 1, err);
    hp_status st = options_check(&c->opt, cmd->takes, name, err);
    if (st || (st = check_words(cmd, name, c, err)))
        return st;
    if (c->opt.value[OPT_FORMAT].number == FORM_GITHUB &&
        cmd->takes != TAKES_CHECK)
        return hp_fail(err, HP_INVALID, "'%s' has no --format github", name);
    int scores = cmd->takes == TAKES_SCORE;
    const char *method = scores ? c->args[0] : name;
    c->method = hp_method_find(method);
    if (scores && !c->method)
        return fail_unknown("method", method, 0, err);
    return cmd->run(c, err);
}

static hp_status dispatch(cli *c, hp_error *err)
{
    const options *o = &c->opt;
    const char *name = o->n_words ? o->words[0] : NULL;
    c->args = o->words + (name != NULL);
    c->n_args = o->n_words - (name != NULL);
    if (options_has(o, OPT_VERSION)) {
        version_print(&c->con);
        return HP_OK;
    }
    if (name && !strcmp(name, "help")) {
        if (c->n_args > 1)
            return hp_fail(err, HP_INVALID, "'help' has no use for '%s'",
                           c->args[1]);
        return show_help(c->n_args ? c->args[0] : NULL, err);
    }
    if (options_has(o, OPT_HELP))
        return show_help(name, err);
    if (name)
        return run_command(c, name, err);
    if (options_has(o, OPT_GENERATE)) {
        generate_print(stdout, o->value[OPT_GENERATE].number);
        return HP_OK;
    }
    help_usage(stderr);
    return HP_INVALID;
}

/* 1 when the program had standard output to write to and nobody reads it. */
static int reader_left(const cli *c, hp_status st, hp_status flushed)
{
    const char *out = c->opt.value[OPT_OUTPUT].text;
    int streams = out && !strcmp(out, "-");
    return (flushed || (st == HP_IO && streams)) && console_reader_gone();
}

int main(int argc, char **argv)
{
    cli c = {0};
    hp_error err = {0};
    console_prepare();
    console_init(&c.con, NULL);
    c.con.json = options_want_json(argc, argv);
    static char name[] = "headprune"; /* a report holds no path of ours */
    if (argc > 0)
        argv[0] = name;
    c.command_line = (const char *const *)argv;
    c.n_command_line = argc > 0 ? (size_t)argc : 0;
    hp_status st = options_parse(&c.opt, argc, argv, &err);
    if (!st) {
        console_init(&c.con, &c.opt);
        st = dispatch(&c, &err);
    }
    hp_error flush_error = {0};
    hp_status flushed = console_flush(&flush_error);
    if (reader_left(&c, st, flushed))
        signals_die_of_pipe();
    if (st && err.message[0])
        console_error(&c.con, st, &err);
    else if (!st && flushed)
        console_error(&c.con, st = flushed, &flush_error);
    options_clear(&c.opt);
    return !st && c.answer_is_no ? 1 : console_exit_code(st);
}
