/* What METHOD and apply say: in full for people, the report for programs, the
 * path alone for -q. */
#include "cli/output.h"
#include "cli/print/print.h"
#include "cli/print/print_heatmap.h"
#include "cli/term/text_new.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The dtype that holds most bytes. */
static const char *main_dtype(const hp_checkpoint *c)
{
    dtype_count counts[MAX_DTYPES];
    size_t n = work_count_dtypes(counts, c), best = 0;
    for (size_t i = 1; i < n; i++)
        if (counts[i].bytes > counts[best].bytes)
            best = i;
    return n ? counts[best].name : "no tensors";
}

static void tell_model(FILE *out, const work *w)
{
    const hp_model_info *info = hp_model_info_get(w->model);
    uint64_t bytes = 0;
    for (size_t i = 0; i < hp_checkpoint_n_shards(w->checkpoint); i++)
        bytes += hp_checkpoint_shard(w->checkpoint, i)->size;
    char size[32];
    fprintf(out, "%s: %s", info->path, info->model_type);
    if (info->architecture[0])
        fprintf(out, " (%s)", info->architecture);
    fprintf(out, ", %u layers, %u heads, %s, %s\n", info->layers, info->heads,
            main_dtype(w->checkpoint), format_bytes(size, bytes));
}

static void tell_calibration(FILE *out, const work *w)
{
    if (!w->scores)
        return;
    if (!w->scores->has_calibration) {
        fprintf(out, "calibration: none, %s needs no data\n",
                w->scores->method);
        return;
    }
    const hp_calibration_info *info = &w->scores->calibration;
    const char *source = info->source;
    if (!strncmp(source, "embedded:", 9))
        source = "built-in sample (mixed English)";
    if (info->tokens == info->sequences * info->length)
        fprintf(out, "calibration: %s, %zu x %zu tokens", source,
                info->sequences, info->length);
    else
        fprintf(out,
                "calibration: %s, %zu tokens in %zu sequences of up to %zu",
                source, info->tokens, info->sequences, info->length);
    if (info->held_out)
        fprintf(out, "; %zu more held out", info->held_out);
    fputc('\n', out);
}

static uint64_t changed_bytes(const output *o)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < hp_rewrite_n_changes(o->rewrite); i++)
        bytes += hp_rewrite_change(o->rewrite, i)->bytes;
    return bytes;
}

/* Bytes of a shard as it will be, less what its header loses. */
static uint64_t shard_bytes(const output *o, const hp_checkpoint *c, size_t i)
{
    uint64_t bytes = hp_checkpoint_shard(c, i)->size;
    if (!hp_rewrite_cuts(o->rewrite))
        return bytes;
    for (size_t k = 0; k < hp_rewrite_n_changes(o->rewrite); k++)
        if (hp_rewrite_change(o->rewrite, k)->tensor->shard == i)
            bytes -= hp_rewrite_change(o->rewrite, k)->bytes;
    return bytes;
}

static void tell_count(FILE *out, const work *w)
{
    const hp_plan *p = w->plan;
    size_t n = hp_model_n_heads(w->model);
    fprintf(out, "%zu of %zu heads (%.1f %%", p->n_pruned, n,
            n ? 100.0 * (double)p->n_pruned / (double)n : 0.0);
    if (p->method[0] && !p->policy.has_count)
        fprintf(out, "; ratio %.15g", p->policy.ratio);
    if (p->policy.group != HP_GROUP_NONE)
        fprintf(out, "; group %s", hp_group_name(p->policy.group));
    fputc(')', out);
    if (p->method[0]) {
        fputs(" by ", out);
        print_method(out, p->method, p->unit, p->prunes_highest);
    }
}

/* What reads the output, where it is not what reads the input. */
static void tell_loads(FILE *out, const output *o)
{
    const char *const *in = hp_rewrite_loads_in(o->rewrite);
    const char *note = hp_rewrite_note(o->rewrite);
    for (size_t i = 0; in[i]; i++)
        fprintf(out, "%s %s\n", i ? "         " : "loads in:", in[i]);
    if (note)
        fprintf(out, "note: %s\n", note);
}

/* In place of the input: then nothing is said of loading. */
static int loads_like_input(const output *o)
{
    return o->options.emit->does && !hp_rewrite_cuts(o->rewrite);
}

static void tell_dry_run(FILE *out, const output *o, const work *w)
{
    char size[32];
    const hp_emit *emit = o->options.emit;
    tell_count(out, w);
    fputc('\n', out);
    if (emit->does)
        fprintf(out, "would %s %s %s\n", emit->does,
                format_bytes(size, changed_bytes(o)), emit->what);
    if (w->refit)
        print_refit(out, w->refit);
    if (!loads_like_input(o))
        tell_loads(out, o);
    if (!strcmp(o->path, "-")) {
        fputs("would write one stream to standard output\n", out);
        return;
    }
    fprintf(out, "would write %s:", o->path);
    for (size_t i = 0; i < hp_checkpoint_n_shards(w->checkpoint); i++) {
        const hp_shard *s = hp_checkpoint_shard(w->checkpoint, i);
        fprintf(out, " %s (%s)",
                strcmp(s->name, "-") != 0 ? s->name : "model.safetensors",
                format_bytes(size, shard_bytes(o, w->checkpoint, i)));
    }
    if (hp_checkpoint_index_name(w->checkpoint))
        fprintf(out, " %s", hp_checkpoint_index_name(w->checkpoint));
    fputs(text_ends_with(o->path, ".safetensors")
              ? ", and the report\n"
              : ", config.json and the other small files, and the report\n",
          out);
}

static void tell_next(FILE *out, const output *o, const work *w, const cli *c,
                      int folder)
{
    const char *arguments, *loader = hp_rewrite_loader(o->rewrite, &arguments);
    if (!folder) {
        fputs("next: use it in place of the original; headprune eval says "
              "what it cost\n",
              out);
        return;
    }
    if (!hp_model_runs(w->model)) {
        fprintf(out,
                "next: see what it cost where the model runs; "
                "%s.from_pretrained(\"%s\"%s) loads it\n",
                loader ? loader : "AutoModel", o->path, arguments);
        return;
    }
    fprintf(out,
            "next: headprune eval %s --against %s --data FILE says what "
            "it cost",
            o->path, c->args[0]);
    if (loader)
        fprintf(out, ";\n%s.from_pretrained(\"%s\"%s) loads it", loader,
                o->path, arguments);
    fputc('\n', out);
}

static void tell_done(FILE *out, const output *o, const work *w, const cli *c,
                      const hp_forecast *forecast)
{
    const hp_emit *emit = o->options.emit;
    int stream = !strcmp(o->path, "-");
    int folder = !stream && !text_ends_with(o->path, ".safetensors");
    char size[32];
    tell_count(out, w);
    fprintf(out, " -> %s%s\n", stream ? "standard output" : o->path,
            folder && !text_ends_with(o->path, "/") ? "/" : "");
    if (emit->does)
        fprintf(out, "%s: %s %s; ", emit->did,
                format_bytes(size, changed_bytes(o)), emit->what);
    fprintf(out, "%s\n", emit->outcome);
    if (hp_rewrite_cuts(o->rewrite))
        print_forecast(out, forecast, 0);
    if (w->refit)
        print_refit(out, w->refit);
    if (!loads_like_input(o))
        tell_loads(out, o);
    if (c->opt.value[OPT_REPORT].text)
        fprintf(out, "report: %s\n", c->opt.value[OPT_REPORT].text);
    else if (folder)
        fprintf(out, "report: %s%sheadprune.json\n", o->path,
                text_ends_with(o->path, "/") ? "" : "/");
    if (o->options.undo)
        fprintf(out, "undo: headprune restore %s --undo %s -o DIR\n", o->path,
                o->options.undo);
    tell_next(out, o, w, c, folder);
}

/* On a terminal: all scores, what goes crossed out. */
static void tell_heatmap(FILE *out, const work *w, const cli *c,
                         const unsigned char *mask)
{
    if (!w->scores || out != stdout || !isatty(STDOUT_FILENO))
        return;
    heat h = heat_of(c, w->scores);
    putchar('\n');
    print_heatmap(&h, w->scores, mask);
}

static hp_status tell_human(FILE *out, const output *o, const work *w,
                            const cli *c, hp_error *err)
{
    unsigned char *mask = NULL;
    hp_forecast forecast;
    hp_status st = work_plan_mask(&mask, w, err);
    if (!st)
        st = hp_forecast_make(&forecast, o->rewrite, w->plan, err);
    if (!st) {
        tell_model(out, w);
        print_choice(out, &w->choice);
        tell_calibration(out, w);
        tell_heatmap(out, w, c, mask);
        print_blocks(out, hp_model_heads(w->model), hp_model_n_heads(w->model),
                     mask);
        if (o->options.dry_run) {
            tell_dry_run(out, o, w);
            print_forecast(out, &forecast, 1);
        } else {
            tell_done(out, o, w, c, &forecast);
        }
    }
    free(mask);
    return st;
}

/* The plan, with the forecast of a dry run. */
static hp_status tell_json(FILE *out, const output *o, const work *w,
                           hp_error *err)
{
    hp_forecast forecast;
    char *text = NULL;
    if (o->report) {
        fputs(o->report, out);
        return HP_OK;
    }
    hp_status st = hp_forecast_make(&forecast, o->rewrite, w->plan, err);
    if (!st)
        st = hp_document_forecast(&text, w->plan, &forecast, err);
    if (!st)
        fputs(text, out);
    free(text);
    return st;
}

hp_status output_tell(const output *o, const work *w, const cli *c,
                      hp_error *err)
{
    int stream = !strcmp(o->path, "-");
    FILE *out = stream ? stderr : stdout;
    if (cli_form(c) == FORM_JSON)
        return tell_json(out, o, w, err);
    if (cli_form(c) != FORM_HUMAN)
        return print_plan(out, c, w->plan, err);
    if (c->con.level >= 0)
        return tell_human(out, o, w, c, err);
    if (!stream)
        printf("%s\n", o->path);
    return HP_OK;
}
