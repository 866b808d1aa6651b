/*
 * inspect: what is in a checkpoint. A model that headprune does not run is an
 * error, but the container is shown all the same.
 */
#include "cli/inspect.h"
#include "cli/output.h"
#include "cli/print/print.h"
#include "cli/term/text_new.h"

#include <stdlib.h>
#include <string.h>

static uint64_t total_bytes(const hp_checkpoint *c)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < hp_checkpoint_n_shards(c); i++)
        bytes += hp_checkpoint_shard(c, i)->size;
    return bytes;
}

/* "tokenizer" row: whether text can be used, and if not, why. */
static void look_at_tokenizer(inspection *n, work *w, cli *c)
{
    hp_error why = {0};
    hp_status st = work_open_tokenizer(w, c, &why);
    n->has_tokenizer = st == HP_OK;
    memcpy(n->tokenizer_problem, why.message, sizeof why.message);
}

static void row(const inspection *n, const char *name, const char *value)
{
    if (n->form == FORM_HUMAN) {
        printf("%-14s%s\n", name, value);
        return;
    }
    print_cell(stdout, n->form, 0, name);
    print_cell(stdout, n->form, 1, value);
    print_row_end(stdout, n->form);
}

static void shape_text(char *out, size_t size, const hp_spec *s)
{
    uint32_t decoder = s->n_layers - s->n_encoder_layers;
    if (s->n_encoder_layers)
        snprintf(out, size,
                 "%u encoder and %u decoder layers, blocks of %u heads of %u, "
                 "width %u",
                 s->n_encoder_layers, decoder, s->n_heads, s->head_dim,
                 s->width);
    else if (s->n_kv_heads != s->n_heads)
        snprintf(out, size,
                 "%u layers x %u heads of %u, %u for keys and values, width %u",
                 s->n_layers, s->n_heads, s->head_dim, s->n_kv_heads, s->width);
    else
        snprintf(out, size, "%u layers x %u heads of %u, width %u", s->n_layers,
                 s->n_heads, s->head_dim, s->width);
}

/* How a model of no known architecture was understood. */
static void detection_rows(const inspection *n)
{
    static const char *const sure[] = {
        [HP_CERTAIN] = "certain",
        [HP_LIKELY] = ("likely: the names say how matrices are stored, their "
                       "shapes do not"),
        [HP_TOLD] = "as told on the command line"};
    static const char *const orders[] = {
        [HP_QKV_SPLIT] = "all queries, all keys, all values",
        [HP_QKV_HEADS] = "query, key and value head by head"};
    const hp_detection *d = hp_model_detection(n->model);
    char text[1024];
    int len = snprintf(text, sizeof text, "%s:", d->blocks);
    for (size_t i = 0; i < d->n_tensors; i++)
        len += snprintf(text + len, sizeof text - (size_t)len, "%s %s",
                        i ? "," : "", d->tensors[i]);
    row(n, "detected", text);
    const hp_spec *s = hp_model_spec(n->model);
    len = snprintf(text, sizeof text, "%u a block, from %s", s->n_heads,
                   d->heads_from ? d->heads_from : "--n-heads");
    if (s->n_kv_heads != s->n_heads)
        snprintf(text + len, sizeof text - (size_t)len,
                 "; %u of keys and values, from shapes", s->n_kv_heads);
    row(n, "heads", text);
    if (d->order) {
        snprintf(text, sizeof text, "%s, from %s", orders[d->order],
                 d->order_from);
        row(n, "order", text);
    }
    row(n, "sure", sure[d->certainty]);
    snprintf(text, sizeof text, "--as %s runs it, if it computes alike",
             d->runs_as ? d->runs_as : "");
    row(n, "runs",
        d->runs_as ? text : "no: its heads can be weighed and silenced");
}

/* Heads that the mask beside the weights silences. */
static void mask_row(const inspection *n)
{
    size_t heads = hp_model_n_heads(n->model), silent = 0;
    const unsigned char *masked = hp_model_masked(n->model);
    char *list = NULL, *text = NULL;
    if (!masked)
        return;
    for (size_t i = 0; i < heads; i++)
        silent += masked[i];
    if (!hp_heads_format(&list, masked, hp_model_heads(n->model), heads, NULL))
        text = text_new("%zu of %zu heads are silent: %s", silent, heads, list);
    row(n, "mask", text ? text : "out of memory");
    free(list);
    free(text);
}

static void model_rows(const inspection *n)
{
    const hp_model *m = n->model;
    const hp_model_info *info = hp_model_info_get(m);
    const hp_spec *spec = hp_model_spec(m);
    uint64_t in_heads = hp_model_heads_parameters(m);
    char text[256], a[32], b[32];
    snprintf(text, sizeof text, "%s%s%s%s", info->model_type,
             info->architecture[0] ? " (" : "", info->architecture,
             info->architecture[0] ? ")" : "");
    row(n, "architecture", text);
    shape_text(text, sizeof text, spec);
    row(n, "shape", text);
    if (!hp_model_runs(m))
        snprintf(text, sizeof text, "vocabulary %u", spec->vocab);
    else if (spec->max_positions)
        snprintf(text, sizeof text, "%u positions, vocabulary %u",
                 spec->max_positions, spec->vocab);
    else
        snprintf(text, sizeof text, "any length, vocabulary %u", spec->vocab);
    if (hp_model_runs(m) || spec->vocab)
        row(n, "input", text);
    snprintf(text, sizeof text, "%s in all, %s in %u heads (%.1f %%)",
             format_count(a, info->parameters), format_count(b, in_heads),
             info->heads,
             info->parameters
                 ? 100.0 * (double)in_heads / (double)info->parameters
                 : 0.0);
    row(n, "parameters", text);
    if (hp_model_n_heads(m))
        row(n, "one head", format_count(a, hp_model_head_parameters(m, 0)));
    mask_row(n);
    if (hp_model_runs(m))
        row(n, "tied", hp_model_tied(m) ? hp_model_tied(m) : "nothing");
    else
        detection_rows(n);
    row(n, "tokenizer", n->has_tokenizer ? "found" : n->tokenizer_problem);
}

static void container_rows(const inspection *n)
{
    const hp_checkpoint *c = n->checkpoint;
    dtype_count counts[MAX_DTYPES];
    size_t n_counts = work_count_dtypes(counts, c);
    char text[512], a[32], b[32];
    for (size_t i = 0; i < n_counts; i++) {
        snprintf(text, sizeof text, "%s: %s tensors, %s", counts[i].name,
                 format_count(a, counts[i].tensors),
                 format_bytes(b, counts[i].bytes));
        row(n, "dtype", text);
    }
    for (size_t i = 0; i < hp_checkpoint_n_shards(c); i++) {
        const hp_shard *s = hp_checkpoint_shard(c, i);
        snprintf(text, sizeof text, "%s, %s", s->name,
                 format_bytes(a, s->size));
        row(n, "file", text);
    }
    if (hp_checkpoint_index_name(c))
        row(n, "index", hp_checkpoint_index_name(c));
    row(n, "bytes", format_count(a, total_bytes(c)));
    row(n, "fingerprint", hp_checkpoint_fingerprint(c));
}

static void print_rows(const inspection *n)
{
    static const char *const names[] = {"what", "value"};
    if (n->form == FORM_HUMAN)
        printf("%s\n", hp_checkpoint_path(n->checkpoint));
    else
        print_table_head(stdout, n->form, names, 2);
    if (n->model)
        model_rows(n);
    container_rows(n);
    size_t notes = n->model ? hp_model_n_notes(n->model) : 0;
    for (size_t i = 0; i < notes; i++)
        row(n, "problem", hp_model_note(n->model, i));
    if (n->model && !notes)
        row(n, "problems", "none");
}

hp_status cmd_inspect(cli *c, hp_error *err)
{
    work w = {0};
    hp_status st = work_open_checkpoint(&w, c, c->args[0], err);
    if (st)
        goto done;
    inspection n = {.form = cli_form(c), .checkpoint = w.checkpoint};
    st = work_bind_model(&w, c, err);
    n.model = w.model;
    if (w.model)
        look_at_tokenizer(&n, &w, c);
    if (n.form == FORM_JSON || n.form == FORM_NDJSON)
        inspect_print_json(&n);
    else
        print_rows(&n);
done:
    work_clear(&w);
    return st;
}
