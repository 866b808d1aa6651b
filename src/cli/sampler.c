/* Prompts -> texts that are kept, for one mask after the other. */
#include "cli/sampler.h"
#include "cli/term/signals.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_TOKENS 32

/* One text while it is made. */
typedef struct text {
    hp_detokenizer *detokenizer;
    FILE *out;
    hp_status status;
    hp_error error;
} text;

/* A sample ends with its first NUL, so there is none. */
static void put_ready(const text *t, const char *ready, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (ready[i])
            fputc(ready[i], t->out);
        else
            fputs("\xef\xbf\xbd", t->out);
}

static int take_token(void *payload, int32_t id)
{
    text *t = payload;
    const char *ready = NULL;
    size_t len = 0;
    t->status =
        hp_detokenizer_add(&ready, &len, t->detokenizer, &id, 1, &t->error);
    if (!t->status)
        put_ready(t, ready, len);
    return t->status || signals_pending();
}

static hp_status make(text *t, const sampler *s, const prompt *p, hp_error *err)
{
    const char *ready = NULL;
    size_t len = 0;
    hp_generate_options o = s->options;
    o.token = take_token;
    o.payload = t;
    hp_status st = HP_OK;
    /* What an encoder reads is nothing that the text goes on with. */
    if (!hp_model_spec(s->w->model)->n_encoder_layers)
        st =
            hp_detokenizer_add(&ready, &len, t->detokenizer, p->ids, p->n, err);
    if (!st)
        st = hp_generate(NULL, s->generator, p->ids, p->n, &o, err);
    if (t->status) {
        *err = t->error;
        return t->status;
    }
    if (!st)
        st = hp_detokenizer_end(&ready, &len, t->detokenizer, err);
    if (!st)
        put_ready(t, ready, len);
    return st;
}

static hp_status read_weights(sampler *s, hp_error *err)
{
    const option_value *v = s->c->opt.value;
    hp_generator_options o = {.backend = s->w->backend,
                              .threads = (unsigned)v[OPT_THREADS].number};
    return s->generator
               ? HP_OK
               : hp_generator_open(&s->generator, s->w->model, &o, err);
}

/* The model as it is pruned. */
static hp_status prune(sampler *s, const unsigned char *masked,
                       const hp_refit *refit, hp_error *err)
{
    hp_refitted one = {&refit, 1};
    const hp_projections projections = hp_refit_projections(&one);
    hp_status st = read_weights(s, err);
    if (st)
        return st;
    hp_generator_set_mask(s->generator, masked);
    return hp_generator_set_projections(s->generator,
                                        refit ? &projections : NULL, err);
}

static hp_status sample(char **out, void *payload, size_t i,
                        const unsigned char *masked, const hp_refit *refit,
                        hp_error *err)
{
    sampler *s = payload;
    size_t len = 0;
    *out = NULL;
    hp_status st = prune(s, masked, refit, err);
    if (st)
        return st;
    text t = {.detokenizer = s->detokenizer, .out = open_memstream(out, &len)};
    if (!t.out)
        return hp_fail(err, HP_NOMEM, "no memory for a text");
    st = make(&t, s, &s->prompts.items[i], err);
    if (fclose(t.out) && !st)
        st = hp_fail(err, HP_NOMEM, "no memory for a text");
    if (st) {
        free(*out);
        *out = NULL;
    }
    return st;
}

hp_status sampler_check(const cli *c, hp_error *err)
{
    if (c->opt.n_prompts || !c->opt.value[OPT_MAX_TOKENS].given)
        return HP_OK;
    return hp_fail(err, HP_INVALID, "--max-tokens without --prompt");
}

hp_status sampler_open(sampler *s, work *w, cli *c, hp_error *err)
{
    const option_value *most = &c->opt.value[OPT_MAX_TOKENS];
    if (!c->opt.n_prompts)
        return HP_OK;
    s->c = c;
    s->w = w;
    s->options.max_tokens =
        most->given ? (size_t)most->number : (size_t)DEFAULT_TOKENS;
    hp_status st = hp_generator_check(w->model, err);
    if (st)
        return hp_fail_file(err, st, c->args[0]);
    st = prompts_read_given(&s->prompts, w, c, err);
    if (!st)
        st = hp_model_end_tokens(&s->end, &s->options.n_end, w->model, err);
    s->options.end = s->end;
    if (!st)
        st = hp_detokenizer_open(&s->detokenizer, w->tokenizer, err);
    s->told = (hp_sweep_prompts){.prompts = (const char *const *)c->opt.prompts,
                                 .n = c->opt.n_prompts,
                                 .max_tokens = s->options.max_tokens,
                                 .sample = sample,
                                 .payload = s};
    return st;
}

void sampler_clear(sampler *s)
{
    hp_generator_free(s->generator);
    hp_detokenizer_free(s->detokenizer);
    free(s->end);
    prompts_clear(&s->prompts);
    *s = (sampler){0};
}
