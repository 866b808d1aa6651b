#include "cli/work.h"
#include "cli/term/progress_bar.h"
#include "cli/term/signals.h"

#include <string.h>

static const char *text_of(const cli *c, option_id id)
{
    return c->opt.value[id].text; /* NULL: not given */
}

static int is_stdin(const char *path)
{
    return path && !strcmp(path, "-");
}

hp_status work_check_stdin(const cli *c, const char *input, hp_error *err)
{
    size_t readers = (size_t)is_stdin(input);
    for (size_t i = 0; i < c->opt.n_data; i++)
        readers += (size_t)is_stdin(c->opt.data[i]);
    for (size_t i = 0; i < c->opt.n_eval_data; i++)
        readers += (size_t)is_stdin(c->opt.eval_data[i]);
    static const option_id others[] = {
        OPT_TOKENS,  OPT_EVAL_TOKENS, OPT_RESUME,   OPT_PLAN,        OPT_HEADS,
        OPT_PROTECT, OPT_CONFIG,      OPT_BASELINE, OPT_EXPECT_HEADS};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        readers += (size_t)is_stdin(text_of(c, others[i]));
    return readers > 1 ? hp_fail(err, HP_INVALID,
                                 "standard input ('-') can be read only once")
                       : HP_OK;
}

static hp_status check_config(const cli *c, const char *model, hp_error *err)
{
    if (!is_stdin(model) || text_of(c, OPT_CONFIG))
        return HP_OK;
    hp_status st = hp_fail(err, HP_INVALID,
                           "a model on standard input has no config.json "
                           "beside it");
    return hp_fail_hint(err, st, "give --config FILE");
}

hp_status work_open_checkpoint(work *w, cli *c, const char *path, hp_error *err)
{
    hp_status st = work_check_stdin(c, path, err);
    if (!st)
        st = check_config(c, path, err);
    if (!st)
        st = hp_checkpoint_open(&w->checkpoint, path, text_of(c, OPT_CONFIG),
                                err);
    if (!st)
        console_phase(&c->con, "checkpoint opened");
    return st;
}

hp_status work_open_model(work *w, cli *c, const char *path, hp_error *err)
{
    hp_status st = work_open_checkpoint(w, c, path, err);
    if (!st)
        st = work_bind_model(w, c, err);
    if (!st) {
        work_tell_model(c, w->model);
        console_phase(&c->con, "model bound");
    }
    return st;
}

const char *work_tokenizer_path(const work *w, const cli *c)
{
    const char *given = text_of(c, OPT_TOKENIZER);
    return given ? given : hp_checkpoint_folder(w->checkpoint);
}

/* Token ids are below it; a model that is known by its tensors alone may not
 * say. */
static uint32_t room_of(const hp_model *m)
{
    uint32_t vocab = hp_model_spec(m)->vocab;
    return vocab ? vocab : INT32_MAX;
}

hp_status work_open_tokenizer(work *w, cli *c, hp_error *err)
{
    if (w->tokenizer)
        return HP_OK;
    const char *path = work_tokenizer_path(w, c);
    if (!path)
        return hp_fail_hint(err,
                            hp_fail(err, HP_FORMAT,
                                    "a model on standard input has no "
                                    "tokenizer beside it"),
                            "give --tokenizer PATH, or token ids with "
                            "--tokens FILE");
    hp_status st =
        hp_tokenizer_open(&w->tokenizer, path, room_of(w->model), err);
    if (!st)
        console_phase(&c->con, "tokenizer opened");
    return st;
}

hp_calibration_options work_data_options(const work *w)
{
    const hp_spec *s = hp_model_spec(w->model);
    return (hp_calibration_options){.max_length = s->max_positions,
                                    .vocab = room_of(w->model),
                                    .pairs = s->n_encoder_layers > 0,
                                    .start_token = s->start_token};
}

/* `what` is "calibration" or the like. */
static void say_data(const work *w, const cli *c, const char *what)
{
    const hp_calibration_info *info = hp_calibration_info_get(w->calibration);
    int pairs = hp_calibration_sequences(w->calibration)->decoder != NULL;
    if (!strncmp(info->source, "embedded:", 9))
        console_say(&c->con, SAY_NOTE,
                    "%s: built-in sample (mixed English), %zu %sx %zu "
                    "tokens; --data FILE uses your own",
                    what, info->sequences, pairs ? "pairs of 2 " : "",
                    info->length);
    else
        console_say(&c->con, SAY_DETAIL, "%s: %s, %zu %s, %zu tokens", what,
                    info->source, info->sequences,
                    pairs ? "pairs" : "sequences", info->tokens);
    if (info->unknown > info->tokens / 10)
        console_say(&c->con, SAY_WARNING,
                    "warning: %.0f %% of the %s tokens are unknown "
                    "to the vocabulary; is this the model's kind of text?",
                    100 * (double)info->unknown / (double)info->tokens, what);
}

static hp_status read_data(work *w, cli *c, const char *what, size_t most,
                           hp_error *err)
{
    const option_value *v = c->opt.value;
    if (c->opt.n_data && v[OPT_TOKENS].text)
        return hp_fail(err, HP_INVALID, "--data and --tokens together");
    hp_calibration_options o = work_data_options(w);
    o.data = c->opt.data;
    o.n_data = c->opt.n_data;
    o.tokens = v[OPT_TOKENS].text;
    o.sequences = most;
    o.stride = (size_t)v[OPT_STRIDE].number;
    o.length = (size_t)v[OPT_LENGTH].number;
    o.no_special = options_has(&c->opt, OPT_NO_SPECIAL);
    hp_status st = o.tokens ? HP_OK : work_open_tokenizer(w, c, err);
    if (!st)
        st = hp_calibration_open(&w->calibration, w->tokenizer, &o, err);
    if (st)
        return st;
    console_phase(&c->con, "data read");
    say_data(w, c, what);
    return HP_OK;
}

hp_status work_calibrate(work *w, cli *c, hp_error *err)
{
    size_t most = (size_t)c->opt.value[OPT_SEQUENCES].number;
    return read_data(w, c, "calibration", most, err);
}

hp_status work_read_windows(work *w, cli *c, hp_error *err)
{
    const option_value *most = &c->opt.value[OPT_SEQUENCES];
    return read_data(w, c, "evaluation",
                     most->given ? (size_t)most->number : SIZE_MAX, err);
}

hp_status work_open_backend(work *w, cli *c, hp_error *err)
{
    hp_status st = hp_backend_open(&w->backend, err);
    if (st)
        return st;
    console_phase(&c->con, "BLAS loaded and checked");
    unsigned threads = (unsigned)c->opt.value[OPT_THREADS].number;
    uint64_t budget = c->opt.value[OPT_BUDGET].number;
    console_say(&c->con, SAY_DETAIL,
                "BLAS core %s, kernels %s, %u threads, budget %.6g MiB",
                hp_backend_blas_core(w->backend),
                hp_backend_kernels(w->backend),
                threads ? threads : hp_backend_cpus(),
                budget ? (double)budget / (1 << 20) : 64.0);
    return HP_OK;
}

/* Ids may come without a tokenizer; then config.json has to do. */
hp_status work_find_special(hp_special *out, int32_t room[HP_MAX_SPECIAL],
                            work *w, cli *c, hp_error *err)
{
    const option_value *mask = &c->opt.value[OPT_MASK_ID];
    const char *path = work_tokenizer_path(w, c);
    int wanted = options_has(&c->opt, OPT_TOKENIZER);
    hp_status st = HP_OK;
    *out = (hp_special){.mask = -1};
    if (hp_metric_of(w->model) != HP_METRIC_MASKED_LM_LOSS)
        return HP_OK;
    if (!w->tokenizer && path)
        st = hp_tokenizer_open(&w->tokenizer, path,
                               hp_model_spec(w->model)->vocab,
                               wanted ? err : NULL);
    if (st && wanted)
        return st;
    if (w->tokenizer) {
        *out = *hp_tokenizer_special(w->tokenizer);
    } else {
        out->n = hp_model_special(w->model, room, &out->mask);
        out->ids = room;
    }
    if (mask->given)
        out->mask = (int32_t)mask->number;
    return HP_OK;
}

hp_run_options work_run_options(const work *w, const cli *c)
{
    const option_value *v = c->opt.value;
    return (hp_run_options){.backend = w->backend,
                            .budget = (size_t)v[OPT_BUDGET].number,
                            .threads = (unsigned)v[OPT_THREADS].number};
}

hp_status work_prepare_method(work *w, cli *c, const hp_method *method,
                              hp_error *err)
{
    const option_value *iterate = &c->opt.value[OPT_ITERATE];
    if (iterate->given && iterate->share <= 0)
        return hp_fail(err, HP_INVALID, "--iterate 0: no head would ever go");
    hp_status st = method->needs_loss ? work_check_runs(w, err) : HP_OK;
    if (!st)
        st = hp_method_fits(method, w->model, err);
    if (!st && (method->needs_loss || c->opt.value[OPT_MIX].text))
        st = work_find_special(&w->special, w->special_ids, w, c, err);
    return st;
}

/* How many heads the policy takes at most; 0: that is not known. Where heads go
 * together every place counts, the last ones too. */
static size_t heads_that_go(const work *w, const cli *c)
{
    const option_value *v = c->opt.value;
    double heads = (double)hp_model_n_heads(w->model);
    double share = v[OPT_RATIO].given ? v[OPT_RATIO].share : w->most;
    if (v[OPT_SCOPE].number || v[OPT_KEEP].given || v[OPT_PROTECT].given ||
        v[OPT_GROUP].number)
        return 0;
    return v[OPT_COUNT].given ? (size_t)v[OPT_COUNT].number
                              : (size_t)(share * heads + 1e-9);
}

hp_status work_score_with(hp_scores **out, const work *w, cli *c,
                          const hp_method *method, uint64_t seed, hp_error *err)
{
    hp_score_options o = {.run = work_run_options(w, c), .seed = seed};
    o.relative = (hp_energy_share)c->opt.value[OPT_RELATIVE].number;
    o.normalize = (hp_normalize)c->opt.value[OPT_NORMALIZE].number;
    o.mix = c->opt.value[OPT_MIX].text;
    o.iterate = c->opt.value[OPT_ITERATE].share;
    o.iterate_to = heads_that_go(w, c);
    o.iterate_refit = options_has(&c->opt, OPT_COMPENSATE);
    o.refit_sequential = options_has(&c->opt, OPT_SEQUENTIAL);
    o.refit_damping = c->opt.value[OPT_DAMP].share;
    if (!method->needs_data && method != c->method) /* of a sweep */
        o.iterate = 0;
    o.special = w->special;
    if (w->stats && method->takes_stats) {
        o.stats = w->stats;
        o.calibration = hp_stats_calibration(w->stats);
    } else if (w->calibration && method->needs_data) {
        o.sequences = hp_calibration_sequences(w->calibration);
        o.calibration = hp_calibration_info_get(w->calibration);
    }
    progress_bar bar;
    uint64_t layers = hp_model_spec(w->model)->n_layers;
    progress_start(&bar, &c->con, "scoring", "tokens",
                   method->needs_backward ? 2 * layers : layers);
    o.run.progress = progress_hook(&bar);
    signals_hold();
    hp_status st = hp_score(out, w->model, method, &o, err);
    progress_end(&bar);
    signals_release();
    if (!st)
        console_phase(&c->con, "scored");
    return st;
}

/* HP_INVALID: --stats with a method that is not made of statistics. */
static hp_status refuse_stats(const cli *c, const hp_method *m, hp_error *err)
{
    if (!options_has(&c->opt, OPT_STATS) ||
        options_has(&c->opt, OPT_COMPENSATE))
        return HP_OK;
    hp_status st =
        hp_fail(err, HP_INVALID,
                "--stats: method '%s' is not made of statistics", m->name);
    return hp_fail_hint(err, st, "give it text with --data FILE");
}

hp_status work_score(work *w, cli *c, hp_error *err)
{
    const option_value *v = c->opt.value;
    hp_status st = work_prepare_method(w, c, c->method, err);
    if (st)
        return st;
    if (c->method->takes_stats) {
        st = work_open_moments(w, c, err);
        if (st)
            return st;
    } else if (c->method->needs_data) {
        st = refuse_stats(c, c->method, err);
        if (!st)
            st = work_check_runs(w, err);
        if (!st && !w->calibration)
            st = work_calibrate(w, c, err);
        if (st || (st = work_open_backend(w, c, err)))
            return st;
    } else if (c->opt.n_data || v[OPT_TOKENS].given) {
        console_say(&c->con, SAY_NOTE, "%s needs no data: none is read",
                    c->method->name);
    }
    return work_score_with(&w->scores, w, c, c->method, v[OPT_SEED].number,
                           err);
}

size_t work_count_dtypes(dtype_count out[MAX_DTYPES], const hp_checkpoint *c)
{
    size_t n = 0;
    for (size_t i = 0; i < hp_checkpoint_n_tensors(c); i++) {
        const hp_tensor *t = hp_checkpoint_tensor(c, i);
        size_t at = 0;
        while (at < n && strcmp(out[at].name, t->dtype_name) != 0)
            at++;
        if (at == MAX_DTYPES)
            continue;
        if (at == n)
            out[n++] = (dtype_count){.name = t->dtype_name};
        out[at].tensors++;
        out[at].bytes += t->size;
    }
    return n;
}

void work_clear(work *w)
{
    hp_refit_free(w->refit);
    hp_plan_free(w->plan);
    hp_scores_free(w->scores);
    hp_backend_free(w->backend);
    hp_stats_free(w->stats);
    hp_calibration_free(w->calibration);
    hp_tokenizer_free(w->tokenizer);
    hp_model_free(w->model);
    hp_checkpoint_free(w->checkpoint);
    *w = (work){0};
}
