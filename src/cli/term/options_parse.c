/*
 * The parser. Options may stand anywhere; there are no abbreviations; an option
 * that may not repeat is refused the second time, so that nobody wonders which
 * one counts.
 */
#include "cli/term/options.h"

#include <stdlib.h>
#include <string.h>

static hp_status unknown_option(const char *word, hp_error *err)
{
    size_t best = 0;
    const char *nearest = NULL;
    for (size_t i = 0; i < N_OPTIONS; i++)
        if (suggest_closer(&best, word + 2, option_rows[i].name))
            nearest = option_rows[i].name;
    hp_status st = hp_fail(err, HP_INVALID, "unknown option '%s'", word);
    if (nearest)
        hp_fail_hint(err, st, "did you mean --%s?", nearest);
    return st;
}

static hp_status take_value(options *o, option_id id, const char *text,
                            hp_error *err)
{
    const option_row *row = &option_rows[id];
    option_value *v = &o->value[id];
    if (v->given && row->type != OPTION_COUNT && row->type != OPTION_LIST &&
        row->type != OPTION_FLAG)
        return hp_fail(err, HP_INVALID, "--%s is given twice", row->name);
    v->given++;
    if (row->type == OPTION_FLAG || row->type == OPTION_COUNT)
        return HP_OK;
    hp_status st = option_value_parse(v, row, text, err);
    if (st || row->type != OPTION_LIST)
        return st;
    if (id == OPT_EVAL_DATA)
        o->eval_data[o->n_eval_data++] = text;
    else if (id == OPT_PROMPT)
        o->prompts[o->n_prompts++] = text;
    else
        o->data[o->n_data++] = text;
    return HP_OK;
}

/* --name, --name=value, --name value; *i moves past a value. */
static hp_status take_long(options *o, char **argv, int *i, hp_error *err)
{
    const char *word = argv[*i] + 2;
    size_t len = strcspn(word, "=");
    const option_row *row = option_rows;
    size_t id = 0;
    for (; id < N_OPTIONS; id++, row++)
        if (strlen(row->name) == len && !strncmp(row->name, word, len))
            break;
    if (id == N_OPTIONS)
        return unknown_option(argv[*i], err);
    const char *text = word[len] ? word + len + 1 : NULL;
    if (!row->argument && text)
        return hp_fail(err, HP_INVALID, "--%s takes no value", row->name);
    if (row->argument && !text) {
        text = argv[*i + 1];
        if (!text)
            return hp_fail(err, HP_INVALID, "--%s needs a value: --%s %s",
                           row->name, row->name, row->argument);
        ++*i;
    }
    return take_value(o, (option_id)id, text, err);
}

/* -f, -qv, -oPATH, -o PATH */
static hp_status take_letters(options *o, char **argv, int *i, hp_error *err)
{
    for (const char *c = argv[*i] + 1; *c; c++) {
        size_t id = 0;
        while (id < N_OPTIONS && option_rows[id].letter != *c)
            id++;
        if (id == N_OPTIONS)
            return hp_fail(err, HP_INVALID, "unknown option '-%c' in '%s'", *c,
                           argv[*i]);
        const option_row *row = &option_rows[id];
        if (!row->argument) {
            hp_status st = take_value(o, (option_id)id, NULL, err);
            if (st)
                return st;
            continue;
        }
        const char *text = c[1] ? c + 1 : argv[*i + 1];
        if (!text)
            return hp_fail(err, HP_INVALID, "-%c needs a value: -%c %s", *c, *c,
                           row->argument);
        if (!c[1])
            ++*i;
        return take_value(o, (option_id)id, text, err);
    }
    return HP_OK;
}

hp_status options_parse(options *o, int argc, char **argv, hp_error *err)
{
    memset(o, 0, sizeof *o);
    size_t room = argc > 0 ? (size_t)argc : 1;
    o->words = calloc(4 * room, sizeof *o->words);
    if (!o->words)
        return hp_fail(err, HP_NOMEM, "no memory for the command line");
    o->data = o->words + room;
    o->eval_data = o->data + room;
    o->prompts = o->eval_data + room;
    hp_status st = HP_OK;
    int only_words = 0;
    for (int i = 1; i < argc && !st; i++) {
        const char *word = argv[i];
        if (only_words || word[0] != '-' || !word[1])
            o->words[o->n_words++] = word;
        else if (!strcmp(word, "--"))
            only_words = 1;
        else if (word[1] == '-')
            st = take_long(o, argv, &i, err);
        else
            st = take_letters(o, argv, &i, err);
    }
    if (!st && options_has(o, OPT_JSON) && options_has(o, OPT_FORMAT) &&
        strcmp(o->value[OPT_FORMAT].text, "json") != 0)
        st = hp_fail(err, HP_INVALID, "--json and --format %s together",
                     o->value[OPT_FORMAT].text);
    return st;
}

void options_clear(options *o)
{
    free(o->words);
    o->words = NULL;
}

int options_want_json(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (!strcmp(argv[i], "--json") || !strcmp(argv[i], "--format=json") ||
            (!strcmp(argv[i], "--format") && i + 1 < argc &&
             !strcmp(argv[i + 1], "json")))
            return 1;
    return 0;
}

hp_status options_check(const options *o, unsigned takes, const char *command,
                        hp_error *err)
{
    for (size_t i = 0; i < N_OPTIONS; i++) {
        if (!o->value[i].given || (option_rows[i].takes & takes))
            continue;
        hp_status st = hp_fail(err, HP_INVALID, "'%s' takes no option --%s",
                               command, option_rows[i].name);
        return hp_fail_hint(err, st, "see headprune help %s", command);
    }
    return HP_OK;
}
