/*
 * generate: prompts -> texts. On a terminal every token is shown as it is
 * made; with --json a text is one line.
 */
#include "cli/prompts.h"
#include "cli/term/signals.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_TOKENS 64

/* One text while it is made. */
typedef struct text {
    const cli *c;
    hp_detokenizer *detokenizer; /* NULL: ids are shown */
    FILE *out;                   /* text, or what will be text in JSON */
    FILE *ids;                   /* NULL: ids are not shown */
    size_t made;
    int answers; /* the text is no continuation of the prompt */
    int live;    /* standard output is a terminal */
    int stopped; /* nobody reads on, or a signal came */
    hp_status status;
    hp_error error;
} text;

/* A model may say anything; a terminal shall not obey it. */
static size_t control_length(const char *s, size_t len)
{
    unsigned char c = (unsigned char)s[0];
    if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
        return 1;
    return c == 0xc2 && len > 1 && (unsigned char)s[1] < 0xa0 ? 2 : 0;
}

static void put_text(const text *t, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t n = t->live ? control_length(s + i, len - i) : 0;
        if (n)
            fputc('?', t->out);
        else
            fputc(s[i], t->out);
        i += n ? n : 1;
    }
}

static void put_id(const text *t, int32_t id)
{
    fprintf(t->ids, t->made ? ", %d" : "%d", (int)id);
}

/* Text that the detokenizer has ready. */
static void put_ready(text *t, const int32_t *ids, size_t n, int end)
{
    const char *ready = NULL;
    size_t len = 0;
    t->status =
        end ? hp_detokenizer_end(&ready, &len, t->detokenizer, &t->error)
            : hp_detokenizer_add(&ready, &len, t->detokenizer, ids, n,
                                 &t->error);
    if (!t->status)
        put_text(t, ready, len);
}

static int take_token(void *payload, int32_t id)
{
    text *t = payload;
    if (t->ids)
        put_id(t, id);
    if (t->detokenizer)
        put_ready(t, &id, 1, 0);
    t->made++;
    if (t->live)
        fflush(stdout);
    t->stopped = signals_pending() || ferror(stdout) || console_reader_gone();
    return t->stopped || t->status;
}

/* What stands before the new tokens. */
static void begin(text *t, const prompt *p)
{
    const char *ready = NULL;
    size_t len = 0;
    if (t->ids)
        fputc('[', t->ids);
    if (!t->detokenizer || t->answers)
        return;
    t->status = hp_detokenizer_add(&ready, &len, t->detokenizer, p->ids, p->n,
                                   &t->error);
    if (t->ids)
        return;
    int bold = t->c->con.colour_out;
    fputs(bold ? "\033[1m" : "", t->out);
    put_text(t, p->text, p->len);
    fputs(bold ? "\033[0m" : "", t->out);
    if (t->live)
        fflush(stdout);
}

static void end(text *t)
{
    if (t->detokenizer && !t->status)
        put_ready(t, NULL, 0, 1);
    if (t->ids)
        fputc(']', t->ids);
    fputc('\n', t->ids ? t->ids : t->out);
}

typedef struct generation {
    hp_generator *generator;
    int answers; /* an encoder reads the prompt, a decoder makes the text */
    hp_detokenizer *detokenizer;
    hp_generate_options options;
    int32_t *end; /* [options.n_end] */
} generation;

static hp_status make(text *t, const generation *g, const prompt *p,
                      hp_stop *stop, hp_error *err)
{
    hp_generate_options o = g->options;
    o.token = take_token;
    o.payload = t;
    begin(t, p);
    hp_status st = t->status;
    if (!st)
        st = hp_generate(stop, g->generator, p->ids, p->n, &o, err);
    if (!t->stopped)
        end(t);
    if (!t->status)
        return st;
    *err = t->error;
    return t->status;
}

/* Ids with --tokens, else the text after its prompt. */
static hp_status show_plain(const cli *c, const generation *g, const prompt *p,
                            hp_stop *stop, hp_error *err)
{
    text t = {.c = c,
              .detokenizer = g->detokenizer,
              .out = stdout,
              .ids = g->detokenizer ? NULL : stdout,
              .answers = g->answers,
              .live = isatty(STDOUT_FILENO)};
    return make(&t, g, p, stop, err);
}

/* {"text": "...", "ids": [...]} */
static hp_status show_json(const cli *c, const generation *g, const prompt *p,
                           hp_stop *stop, hp_error *err)
{
    char *words = NULL, *ids = NULL;
    size_t n_words = 0, n_ids = 0;
    text t = {.c = c, .detokenizer = g->detokenizer, .answers = g->answers};
    t.out = open_memstream(&words, &n_words);
    t.ids = open_memstream(&ids, &n_ids);
    hp_status st = t.out && t.ids
                       ? make(&t, g, p, stop, err)
                       : hp_fail(err, HP_NOMEM, "no memory for a text");
    int failed = t.out && fclose(t.out);
    failed += t.ids && fclose(t.ids);
    if (!st && failed)
        st = hp_fail(err, HP_NOMEM, "no memory for a text");
    if (!st) {
        fputs("{\"text\": ", stdout);
        print_json_bytes(stdout, words, n_words);
        printf(", \"ids\": %.*s}\n", (int)n_ids - 1, ids);
    }
    free(words);
    free(ids);
    return st;
}

static void say_stop(const cli *c, const work *w, size_t i, hp_stop stop)
{
    if (stop == HP_STOP_POSITIONS)
        console_say(&c->con, SAY_NOTE,
                    "prompt %zu ends early: the model takes no more than %u "
                    "tokens",
                    i + 1, hp_model_spec(w->model)->max_positions);
}

static hp_status show_all(const cli *c, const work *w, const generation *g,
                          const prompts *p, hp_error *err)
{
    int json = cli_form(c) == FORM_JSON && g->detokenizer;
    hp_status st = HP_OK;
    for (size_t i = 0; i < p->n && !st; i++) {
        hp_stop stop = HP_STOP_COUNT;
        if (i && g->detokenizer && !json)
            putchar('\n');
        st = json ? show_json(c, g, &p->items[i], &stop, err)
                  : show_plain(c, g, &p->items[i], &stop, err);
        fflush(stdout);
        if (!st)
            say_stop(c, w, i, stop);
    }
    /* What could not be written is told from standard output itself. */
    return st == HP_CANCELLED && !signals_pending() ? HP_OK : st;
}

/* ---- from options ---- */

static hp_sampling sampling_of(const cli *c)
{
    const option_value *v = c->opt.value;
    int draws = v[OPT_TOP_K].given || v[OPT_TOP_P].given;
    return (hp_sampling){.temperature = v[OPT_TEMPERATURE].given
                                            ? v[OPT_TEMPERATURE].share
                                        : draws ? 1.0
                                                : 0.0,
                         .top_k = (uint32_t)v[OPT_TOP_K].number,
                         .top_p = v[OPT_TOP_P].given ? v[OPT_TOP_P].share : 1.0,
                         .seed = v[OPT_SEED].number};
}

static hp_status check_options(const cli *c, hp_error *err)
{
    const option_value *v = c->opt.value;
    if (v[OPT_PLAN].given && v[OPT_HEADS].given)
        return hp_fail(err, HP_INVALID, "--plan and --heads together");
    if (v[OPT_TOP_P].given && !(v[OPT_TOP_P].share > 0))
        return hp_fail(err, HP_INVALID, "--top-p %s: must be above 0",
                       v[OPT_TOP_P].text);
    return prompts_check(c, err);
}

static hp_status open_generation(generation *g, work *w, cli *c, hp_error *err)
{
    const option_value *v = c->opt.value;
    hp_status st = HP_OK;
    g->answers = hp_model_spec(w->model)->n_encoder_layers > 0;
    g->options = (hp_generate_options){
        .sampling = sampling_of(c),
        .max_tokens = v[OPT_MAX_TOKENS].given ? (size_t)v[OPT_MAX_TOKENS].number
                                              : DEFAULT_TOKENS};
    if (!options_has(&c->opt, OPT_IGNORE_EOS))
        st = hp_model_end_tokens(&g->end, &g->options.n_end, w->model, err);
    g->options.end = g->end;
    if (!st && w->tokenizer)
        st = hp_detokenizer_open(&g->detokenizer, w->tokenizer, err);
    if (!st && (v[OPT_PLAN].given || v[OPT_HEADS].given))
        st = work_read_plan(w, c, err);
    if (!st)
        st = work_open_backend(w, c, err);
    if (st)
        return st;
    hp_generator_options o = {.backend = w->backend,
                              .threads = (unsigned)v[OPT_THREADS].number,
                              .masked = w->plan ? w->plan->pruned : NULL};
    st = hp_generator_open(&g->generator, w->model, &o, err);
    if (!st)
        console_phase(&c->con, "weights read");
    return st;
}

hp_status cmd_generate(cli *c, hp_error *err)
{
    work w = {0};
    prompts p = {0};
    generation g = {0};
    hp_status st;
    if ((st = check_options(c, err)) ||
        (st = work_open_running(&w, c, c->args[0], err)) ||
        (st = hp_generator_check(w.model, err)) ||
        (st = prompts_read(&p, &w, c, err)) ||
        (st = open_generation(&g, &w, c, err)))
        goto done;
    signals_hold();
    st = show_all(c, &w, &g, &p, err);
    signals_release();
    console_phase(&c->con, "generated");
done:
    hp_generator_free(g.generator);
    hp_detokenizer_free(g.detokenizer);
    free(g.end);
    prompts_clear(&p);
    work_clear(&w);
    return st;
}
