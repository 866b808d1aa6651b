/* restore PRUNED --undo FILE: the original again, byte for byte. */
#include "cli/output.h"
#include "cli/print/print.h"
#include "cli/term/progress_bar.h"
#include "cli/term/signals.h"
#include "cli/term/text_new.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct restoration {
    hp_checkpoint *pruned;
    char *path; /* folder, X.safetensors or "-" */
    hp_restore_options options;
    hp_rewrite *rewrite;
} restoration;

static hp_status prepare(restoration *r, const cli *c, hp_error *err)
{
    const option_value *v = c->opt.value;
    const char *given = v[OPT_OUTPUT].text;
    if (!v[OPT_UNDO].given)
        return hp_fail_hint(
            err, hp_fail(err, HP_INVALID, "which file undoes the pruning?"),
            "give --undo FILE, which apply or METHOD wrote with --undo");
    char *name = given ? NULL : output_model_name(c->args[0]);
    if (given)
        r->path = text_new("%s", given);
    else if (name)
        r->path = text_new("%s%s-restored", *name == '-' ? "./" : "", name);
    free(name);
    if (!r->path)
        return hp_fail(err, HP_NOMEM, "no memory for a name");
    r->options =
        (hp_restore_options){.undo = v[OPT_UNDO].text,
                             .out = r->path,
                             .replace = options_has(&c->opt, OPT_FORCE)};
    if (!strcmp(r->path, "-") && isatty(STDOUT_FILENO) && !r->options.replace)
        return hp_fail_hint(
            err,
            hp_fail(err, HP_INVALID,
                    "a checkpoint is not written to a terminal"),
            "-f does it all the same");
    return HP_OK;
}

static hp_status restore(restoration *r, cli *c, hp_error *err)
{
    progress_bar bar;
    signals_hold();
    progress_start(&bar, &c->con, "restoring", NULL, 1);
    r->options.progress = progress_hook(&bar);
    hp_status st = hp_restore_begin(&r->rewrite, r->pruned, &r->options, err);
    progress_end(&bar);
    if (!st)
        st = signals_pending() ? hp_fail(err, HP_CANCELLED, "cancelled")
                               : hp_rewrite_commit(r->rewrite, err);
    signals_release();
    if (!st)
        console_phase(&c->con, "restored");
    return st;
}

static void print_json(FILE *out, const restoration *r)
{
    fprintf(out,
            "{\n  \"schema\": \"headprune.restore/1\",\n  "
            "\"tool\": {\"name\": \"headprune\", \"version\": \"%s\"},\n  ",
            hp_version());
    fputs("\"path\": ", out);
    print_json_text(out, r->path);
    fputs(",\n  \"output\": [", out);
    for (size_t i = 0; i < hp_rewrite_n_written(r->rewrite); i++) {
        const hp_written *w = hp_rewrite_written(r->rewrite, i);
        fprintf(out, "%s\n    {", i ? "," : "");
        print_json_pair(out, "file", w->file);
        fprintf(out, "\"bytes\": %" PRIu64 ", \"sha256\": \"%s\"}", w->bytes,
                w->sha256);
    }
    fputs("\n  ]\n}\n", out);
}

static void print_rows(FILE *out, const restoration *r, output_form form)
{
    static const char *const names[] = {"file", "bytes", "sha256"};
    print_table_head(out, form, names, 3);
    for (size_t i = 0; i < hp_rewrite_n_written(r->rewrite); i++) {
        const hp_written *w = hp_rewrite_written(r->rewrite, i);
        char bytes[32];
        snprintf(bytes, sizeof bytes, "%" PRIu64, w->bytes);
        print_cell(out, form, 0, w->file);
        print_cell(out, form, 1, bytes);
        print_cell(out, form, 2, w->sha256);
        print_row_end(out, form);
    }
}

static void print_human(FILE *out, const restoration *r, const cli *c)
{
    uint64_t bytes = 0;
    char size[32];
    size_t n = hp_rewrite_n_written(r->rewrite);
    for (size_t i = 0; i < n; i++)
        bytes += hp_rewrite_written(r->rewrite, i)->bytes;
    fprintf(out, "%zu file%s, %s -> %s\n", n, n == 1 ? "" : "s",
            format_bytes(size, bytes),
            strcmp(r->path, "-") != 0 ? r->path : "standard output");
    fprintf(out, "every file has the SHA-256 that it had before %s was made\n",
            c->args[0]);
}

static void tell(const restoration *r, const cli *c)
{
    output_form form = cli_form(c);
    FILE *out = !strcmp(r->path, "-") ? stderr : stdout;
    if (form == FORM_JSON || form == FORM_NDJSON)
        print_json(out, r);
    else if (form != FORM_HUMAN)
        print_rows(out, r, form);
    else if (c->con.level >= 0)
        print_human(out, r, c);
    else if (out == stdout)
        printf("%s\n", r->path);
}

hp_status cmd_restore(cli *c, hp_error *err)
{
    restoration r = {0};
    hp_status st;
    if ((st = prepare(&r, c, err)) ||
        (st = hp_checkpoint_open(&r.pruned, c->args[0], NULL, err)) ||
        (st = restore(&r, c, err)))
        goto done;
    tell(&r, c);
done:
    hp_rewrite_free(r.rewrite);
    hp_checkpoint_free(r.pruned);
    free(r.path);
    return st;
}
