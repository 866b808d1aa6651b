/* The document headprune.inspect/1. */
#include "cli/inspect.h"

#include <inttypes.h>
#include <stdlib.h>

/* Ends of line and indents vanish in the ndjson form. */
static void line(const inspection *n, const char *indent)
{
    if (n->form == FORM_JSON)
        printf("\n%s", indent);
    else if (*indent)
        putchar(' ');
}

static void text_member(const char *name, const char *text)
{
    printf("\"%s\": ", name);
    if (text)
        print_json_text(stdout, text);
    else
        fputs("null", stdout);
}

/* "masked": the list of heads that the mask beside the weights silences. */
static void print_masked(const hp_model *m)
{
    char *list = NULL;
    const unsigned char *masked = hp_model_masked(m);
    if (masked && hp_heads_format(&list, masked, hp_model_heads(m),
                                  hp_model_n_heads(m), NULL))
        list = NULL;
    fputs(", ", stdout);
    text_member("masked", list);
    free(list);
}

static void print_model(const inspection *n)
{
    const hp_model *m = n->model;
    const hp_model_info *info = hp_model_info_get(m);
    const hp_spec *spec = hp_model_spec(m);
    print_json_pair(stdout, "path", info->path);
    print_json_pair(stdout, "model_type", info->model_type);
    print_json_pair(stdout, "architecture", info->architecture);
    printf("\"layers\": %u, \"heads\": %u, \"head_dim\": %u, "
           "\"parameters\": %" PRIu64 ", ",
           info->layers, info->heads, info->head_dim, info->parameters);
    text_member("fingerprint", info->fingerprint);
    printf(", \"width\": %u, \"vocabulary\": %u, \"positions\": %u, "
           "\"heads_per_block\": %u, \"key_value_heads\": %u, "
           "\"parameters_in_heads\": %" PRIu64
           ", \"parameters_per_head\": %" PRIu64,
           spec->width, spec->vocab, spec->max_positions, spec->n_heads,
           spec->n_kv_heads, hp_model_heads_parameters(m),
           hp_model_n_heads(m) ? hp_model_head_parameters(m, 0) : 0);
    print_masked(m);
}

static void print_blocks_json(const inspection *n)
{
    for (size_t i = 0; i < hp_model_n_blocks(n->model); i++) {
        const hp_block *b = hp_model_block(n->model, i);
        if (i)
            putchar(',');
        line(n, "    ");
        printf("{\"block\": %zu, ", i);
        print_json_pair(stdout, "name", b->name);
        printf("\"layer\": %u, \"heads\": %u, \"key_value_heads\": %u, "
               "\"head_dim\": %u}",
               b->layer, b->n_heads, b->n_kv_heads, b->head_dim);
    }
}

static void print_tensors(const inspection *n)
{
    const hp_checkpoint *c = n->checkpoint;
    for (size_t i = 0; i < hp_checkpoint_n_tensors(c); i++) {
        const hp_tensor *t = hp_checkpoint_tensor(c, i);
        if (i)
            putchar(',');
        line(n, "    ");
        putchar('{');
        print_json_pair(stdout, "name", t->name);
        print_json_pair(stdout, "dtype", t->dtype_name);
        fputs("\"shape\": [", stdout);
        for (unsigned d = 0; d < t->n_dims; d++)
            printf(d ? ", %" PRIu64 : "%" PRIu64, t->dims[d]);
        fputs("], ", stdout);
        print_json_pair(stdout, "file", hp_checkpoint_shard(c, t->shard)->name);
        printf("\"bytes\": %" PRIu64 "}", t->size);
    }
}

static void print_container(const inspection *n)
{
    const hp_checkpoint *c = n->checkpoint;
    dtype_count counts[MAX_DTYPES];
    size_t n_counts = work_count_dtypes(counts, c);
    fputs("\"dtypes\": [", stdout);
    for (size_t i = 0; i < n_counts; i++) {
        fputs(i ? ", {" : "{", stdout);
        print_json_pair(stdout, "dtype", counts[i].name);
        printf("\"tensors\": %zu, \"bytes\": %" PRIu64 "}", counts[i].tensors,
               counts[i].bytes);
    }
    fputs("],", stdout);
    line(n, "  ");
    fputs("\"files\": [", stdout);
    for (size_t i = 0; i < hp_checkpoint_n_shards(c); i++) {
        fputs(i ? ", {" : "{", stdout);
        print_json_pair(stdout, "file", hp_checkpoint_shard(c, i)->name);
        printf("\"bytes\": %" PRIu64 "}", hp_checkpoint_shard(c, i)->size);
    }
    fputs("],", stdout);
    line(n, "  ");
    text_member("index", hp_checkpoint_index_name(c));
    fputs(", ", stdout);
    text_member("fingerprint", hp_checkpoint_fingerprint(c));
}

static void print_detection(const hp_detection *d)
{
    static const char *const sure[] = {
        [HP_CERTAIN] = "certain", [HP_LIKELY] = "likely", [HP_TOLD] = "told"};
    static const char *const orders[] = {[HP_QKV_UNKNOWN] = NULL,
                                         [HP_QKV_SPLIT] = "split",
                                         [HP_QKV_HEADS] = "heads"};
    putchar('{');
    print_json_pair(stdout, "blocks", d->blocks);
    fputs("\"tensors\": [", stdout);
    for (size_t i = 0; i < d->n_tensors; i++) {
        if (i)
            fputs(", ", stdout);
        print_json_text(stdout, d->tensors[i]);
    }
    fputs("], ", stdout);
    text_member("heads_from", d->heads_from);
    fputs(", ", stdout);
    text_member("order", orders[d->order]);
    fputs(", ", stdout);
    text_member("order_from", d->order_from);
    fputs(", ", stdout);
    text_member("certainty", sure[d->certainty]);
    fputs(", ", stdout);
    text_member("runs_as", d->runs_as);
    putchar('}');
}

static void print_findings(const inspection *n)
{
    text_member("tied", n->model ? hp_model_tied(n->model) : NULL);
    putchar(',');
    line(n, "  ");
    fputs("\"tokenizer\": {\"found\": ", stdout);
    fputs(n->has_tokenizer ? "true, " : "false, ", stdout);
    text_member("problem",
                n->model && !n->has_tokenizer ? n->tokenizer_problem : NULL);
    fputs("},", stdout);
    line(n, "  ");
    fputs("\"detection\": ", stdout);
    if (n->model && hp_model_detection(n->model))
        print_detection(hp_model_detection(n->model));
    else
        fputs("null", stdout);
    putchar(',');
    line(n, "  ");
    fputs("\"problems\": [", stdout);
    size_t notes = n->model ? hp_model_n_notes(n->model) : 0;
    for (size_t i = 0; i < notes; i++) {
        if (i)
            fputs(", ", stdout);
        print_json_text(stdout, hp_model_note(n->model, i));
    }
    fputs("],", stdout);
}

void inspect_print_json(const inspection *n)
{
    putchar('{');
    line(n, "  ");
    printf("\"schema\": \"headprune.inspect/1\",");
    line(n, "  ");
    printf("\"tool\": {\"name\": \"headprune\", \"version\": \"%s\"},",
           hp_version());
    line(n, "  ");
    fputs("\"model\": ", stdout);
    if (n->model) {
        putchar('{');
        print_model(n);
        putchar('}');
    } else {
        fputs("null", stdout);
    }
    putchar(',');
    line(n, "  ");
    print_container(n);
    putchar(',');
    line(n, "  ");
    print_findings(n);
    line(n, "  ");
    fputs("\"blocks\": [", stdout);
    if (n->model)
        print_blocks_json(n);
    fputs("],", stdout);
    line(n, "  ");
    fputs("\"tensors\": [", stdout);
    print_tensors(n);
    putchar(']');
    line(n, "");
    fputs("}\n", stdout);
}
