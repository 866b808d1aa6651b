/* attention MODEL: what heads attend to on one text. */
#include "cli/output.h"
#include "cli/print/print_attention.h"
#include "cli/term/progress_bar.h"
#include "cli/term/save.h"
#include "cli/term/signals.h"
#include "cli/term/text_new.h"
#include "cli/work.h"

#include <stdlib.h>
#include <string.h>

#define MOST_ANSWER ((size_t)64)

/* Ids of one side, and their texts. */
typedef struct side {
    const int32_t *ids; /* [n] */
    size_t n;
    char **texts; /* [n] or NULL */
} side;

typedef struct look {
    work w;
    hp_ids given;                    /* of --text */
    int32_t answer[1 + MOST_ANSWER]; /* the start token, then what is made */
    side read, decoder;              /* decoder: n 0 where there is none */
    unsigned char *heads;            /* [heads] that are shown */
    unsigned char *blocks;           /* [blocks] that go to the file */
    int has_head;
    uint32_t head;
    hp_attention *attention;
} look;

/* ---- the request ---- */

static hp_status check_source(const cli *c, hp_error *err)
{
    size_t given = (size_t)options_has(&c->opt, OPT_TEXT) +
                   (size_t)options_has(&c->opt, OPT_TOKENS) +
                   (size_t)(c->opt.n_data > 0);
    if (given == 1)
        return HP_OK;
    return hp_fail_hint(
        err,
        hp_fail(err, HP_INVALID,
                given ? "more than one text to look at" : "no text to look at"),
        "give one of --text TEXT, --data FILE and --tokens "
        "FILE");
}

static hp_status check_output(const cli *c, hp_error *err)
{
    const char *out = c->opt.value[OPT_OUTPUT].text;
    if (!out)
        return HP_OK;
    if (!text_ends_with(out, ".safetensors"))
        return hp_fail(err, HP_INVALID,
                       "-o '%s' is not the name of a .safetensors file", out);
    return save_check(out, options_has(&c->opt, OPT_FORCE), err);
}

static hp_status new_bytes(unsigned char **out, size_t n, hp_error *err)
{
    *out = calloc(n ? n : 1, 1);
    return *out ? HP_OK : hp_fail(err, HP_NOMEM, "no memory for %zu marks", n);
}

/* The heads of --layer, all without it. */
static hp_status pick_layer(look *l, const cli *c, hp_error *err)
{
    const option_value *layer = &c->opt.value[OPT_LAYER];
    size_t n = hp_model_n_heads(l->w.model), picked = 0;
    const hp_head *heads = hp_model_heads(l->w.model);
    for (size_t i = 0; i < n; i++) {
        int take = !layer->given || heads[i].layer == layer->number;
        l->heads[i] = (unsigned char)take;
        l->blocks[heads[i].block] |= (unsigned char)take;
        picked += (size_t)take;
    }
    if (picked || !layer->given)
        return HP_OK;
    return hp_fail(err, HP_INVALID, "--layer %llu: the model has %u layers",
                   (unsigned long long)layer->number,
                   hp_model_info_get(l->w.model)->layers);
}

/* "3" in a layer, or "9:3". */
static hp_status mark_head(unsigned char *marked, const look *l, const cli *c,
                           hp_error *err)
{
    const char *text = c->opt.value[OPT_HEAD].text;
    const hp_head *heads = hp_model_heads(l->w.model);
    size_t n = hp_model_n_heads(l->w.model);
    if (strchr(text, ':'))
        return hp_heads_parse(marked, text, heads, n, err);
    if (!options_has(&c->opt, OPT_LAYER))
        return hp_fail_hint(err,
                            hp_fail(err, HP_INVALID,
                                    "--head '%s' does not say of which layer",
                                    text),
                            "give --layer L too, or --head L:%s", text);
    for (size_t i = 0; i < n; i++) {
        char number[16];
        snprintf(number, sizeof number, "%u", heads[i].head);
        marked[i] = l->heads[i] && !strcmp(number, text);
    }
    return HP_OK;
}

static hp_status pick_head(look *l, const cli *c, hp_error *err)
{
    size_t n = hp_model_n_heads(l->w.model), found = 0;
    unsigned char *marked = NULL;
    hp_status st = new_bytes(&marked, n, err);
    if (!st)
        st = mark_head(marked, l, c, err);
    for (size_t i = 0; i < n && !st; i++) {
        marked[i] &= l->heads[i];
        if (marked[i])
            l->head = (uint32_t)i;
        found += marked[i];
    }
    if (!st && found != 1)
        st = hp_fail(err, HP_INVALID,
                     found ? "--head '%s' is more than one head"
                           : "--head '%s' is no head of the model or of "
                             "--layer",
                     c->opt.value[OPT_HEAD].text);
    if (!st) {
        memcpy(l->heads, marked, n);
        l->has_head = 1;
    }
    free(marked);
    return st;
}

static hp_status pick(look *l, const cli *c, hp_error *err)
{
    hp_status st = new_bytes(&l->heads, hp_model_n_heads(l->w.model), err);
    if (!st)
        st = new_bytes(&l->blocks, hp_model_n_blocks(l->w.model), err);
    if (!st)
        st = pick_layer(l, c, err);
    return st || !options_has(&c->opt, OPT_HEAD) ? st : pick_head(l, c, err);
}

/* ---- the tokens ---- */

static hp_status encode_text(look *l, cli *c, hp_error *err)
{
    const char *text = c->opt.value[OPT_TEXT].text;
    hp_status st = work_open_tokenizer(&l->w, c, err);
    if (!st)
        st = hp_tokenizer_encode(&l->given, l->w.tokenizer, text, strlen(text),
                                 !options_has(&c->opt, OPT_NO_SPECIAL), err);
    l->read.ids = l->given.ids;
    l->read.n = l->given.n;
    if (!st && !l->read.n)
        st = hp_fail(err, HP_INVALID, "--text has no tokens");
    return st;
}

static side first_of(const hp_sequences *s)
{
    return (side){.ids = s->ids, .n = s->start[1]};
}

/* The first window or line. */
static hp_status read_ids(look *l, cli *c, hp_error *err)
{
    c->opt.value[OPT_SEQUENCES].number = 1;
    hp_status st = work_calibrate(&l->w, c, err);
    if (st)
        return st;
    const hp_sequences *s = hp_calibration_sequences(l->w.calibration);
    l->read = first_of(s);
    if (s->decoder)
        l->decoder = first_of(s->decoder);
    return HP_OK;
}

static int keep_token(void *payload, int32_t id)
{
    look *l = payload;
    l->answer[l->decoder.n++] = id;
    return signals_pending();
}

/* What the decoder makes of a text is what it reads. */
static hp_status make_answer(look *l, const cli *c, hp_error *err)
{
    int32_t *end = NULL;
    hp_generator *g = NULL;
    hp_generator_options o = {.backend = l->w.backend,
                              .threads =
                                  (unsigned)c->opt.value[OPT_THREADS].number};
    hp_generate_options how = {.sampling = {.top_p = 1.0},
                               .max_tokens = MOST_ANSWER,
                               .token = keep_token,
                               .payload = l};
    hp_status st = hp_model_end_tokens(&end, &how.n_end, l->w.model, err);
    how.end = end;
    if (!st)
        st = hp_generator_open(&g, l->w.model, &o, err);
    l->answer[0] = hp_model_spec(l->w.model)->start_token;
    l->decoder = (side){.ids = l->answer, .n = 1};
    signals_hold();
    if (!st)
        st = hp_generate(NULL, g, l->read.ids, l->read.n, &how, err);
    signals_release();
    hp_generator_free(g);
    free(end);
    return st;
}

/* Ids need no tokenizer; where there is one, they get their texts. */
static hp_status name_tokens(side *s, const hp_tokenizer *t, hp_error *err)
{
    s->texts = calloc(s->n ? s->n : 1, sizeof *s->texts);
    if (!s->texts)
        return hp_fail(err, HP_NOMEM, "no memory for %zu tokens", s->n);
    hp_status st = HP_OK;
    for (size_t i = 0; i < s->n && !st; i++)
        st = hp_tokenizer_token(&s->texts[i], t, s->ids[i], err);
    return st;
}

static hp_status find_texts(look *l, cli *c, hp_error *err)
{
    hp_error ignored = {0};
    if (!l->w.tokenizer && work_open_tokenizer(&l->w, c, &ignored)) {
        console_say(&c->con, SAY_DETAIL, "tokens have no text: %s",
                    ignored.message);
        return HP_OK;
    }
    hp_status st = name_tokens(&l->read, l->w.tokenizer, err);
    return st ? st : name_tokens(&l->decoder, l->w.tokenizer, err);
}

/* ---- the run ---- */

static hp_status run(look *l, cli *c, hp_error *err)
{
    const side *d = &l->decoder;
    hp_attention_options o = {
        .texts = (const char *const *)l->read.texts,
        .decoder = {d->n, d->ids, (const char *const *)d->texts},
        .has_head = l->has_head,
        .head = l->head,
        .out = c->opt.value[OPT_OUTPUT].text,
        .blocks = l->blocks};
    progress_bar bar;
    progress_start(&bar, &c->con, "computing", "tokens",
                   hp_model_spec(l->w.model)->n_layers);
    o.run = work_run_options(&l->w, c);
    o.run.progress = progress_hook(&bar);
    signals_hold();
    hp_status st = hp_attention_run(&l->attention, l->w.model, l->read.ids,
                                    l->read.n, &o, err);
    progress_end(&bar);
    signals_release();
    if (!st)
        console_phase(&c->con, "attention computed");
    return st;
}

static void free_texts(side *s)
{
    for (size_t i = 0; s->texts && i < s->n; i++)
        free(s->texts[i]);
    free(s->texts);
}

static void clear(look *l)
{
    hp_attention_free(l->attention);
    free_texts(&l->read);
    free_texts(&l->decoder);
    free(l->heads);
    free(l->blocks);
    free(l->given.ids);
    work_clear(&l->w);
}

hp_status cmd_attention(cli *c, hp_error *err)
{
    look l = {0};
    int text = options_has(&c->opt, OPT_TEXT);
    hp_status st = check_source(c, err);
    if (st || (st = check_output(c, err)))
        return st;
    if ((st = work_open_running(&l.w, c, c->args[0], err)) ||
        (st = pick(&l, c, err)) ||
        (st = text ? encode_text(&l, c, err) : read_ids(&l, c, err)) ||
        (st = work_open_backend(&l.w, c, err)))
        goto done;
    if (text && hp_model_spec(l.w.model)->n_encoder_layers)
        st = make_answer(&l, c, err);
    if (st || (st = find_texts(&l, c, err)) || (st = run(&l, c, err)))
        goto done;
    st = print_attention(c, l.attention, l.heads, err);
    if (!st && c->opt.value[OPT_OUTPUT].text)
        console_say(&c->con, SAY_NOTE, "attention: %s",
                    c->opt.value[OPT_OUTPUT].text);
done:
    clear(&l);
    return st;
}
