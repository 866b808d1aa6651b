/*
 * The form "remove": the bands of pruned heads are cut out of query, key,
 * value and output projection. Key and value heads go with the last query head
 * that uses them. Blocks may keep different numbers of heads: config.json says
 * which, in the words of transformers 4 (pruned_heads) and for the modeling
 * file that is written beside it (auto_map, headprune_heads_kept).
 */
#include "prune/remove.h"
#include "base/buffer.h"
#include "io/json.h"
#include "model/graph.h"
#include "prune/changes.h"
#include "prune/config_patch.h"
#include "prune/modeling.h"

#include <stdlib.h>
#include <string.h>

#define MODULE "modeling_headprune"

static const char *const loads_both[] = {
    "headprune", "transformers 4 (4.48 or later) as it is",
    "transformers 4 (4.53 or later) and 5 with trust_remote_code=True", NULL};
static const char *const loads_code[] = {
    "headprune",
    "transformers 4 (4.53 or later) and 5 with trust_remote_code=True", NULL};
static const char *const loads_plain[] = {
    "headprune", "transformers 4 (4.48 or later) as it is",
    "not transformers 5: it refuses the shapes", NULL};
static const char *const loads_input[] = {
    "everything that loads the input: no head goes", NULL};

/* ---- whether ---- */

/* Remote code of somebody else reads the checkpoint: it would be pushed out. */
static hp_status check_auto_map(const hp_model *m, hp_error *err)
{
    size_t len = 0, own = strlen(MODULE ".");
    hp__json *json = NULL;
    const char *text = hp_checkpoint_config(hp_model_checkpoint(m), &len);
    hp_status st = hp__json_parse(&json, text, len, err);
    if (st)
        return st;
    const hp__node *map = hp__node_find(hp__json_root(json), "auto_map");
    for (const hp__node *n = map ? hp__node_first(map) : NULL; n && !st;
         n = hp__node_next(n)) {
        const char *value = hp__node_string(n);
        if (!value || strncmp(value, MODULE ".", own) != 0)
            st = hp_fail(err, HP_UNSUPPORTED,
                         "key 'auto_map' of config.json names other code: "
                         "'%.60s'",
                         value ? value : "(no text)");
    }
    hp__json_free(json);
    return st ? hp_fail_hint(err, st, "--emit zero keeps it") : st;
}

static hp_status fail_uniform(const hp_model *m, hp_error *err)
{
    hp_status st =
        hp_fail(err, HP_UNSUPPORTED,
                "--uniform: %s takes the width of a head from the number of "
                "heads, so config.json alone cannot say that there are fewer",
                hp_model_info_get(m)->model_type);
    return hp_fail_hint(err, st, "without --uniform a modeling file says it");
}

/* Scales by channel or block would have to be cut, too. */
static hp_status check_scales(const hp_model *m, hp_error *err)
{
    const hp_checkpoint *c = m->checkpoint;
    for (size_t i = 0; m->opaque && i < hp_checkpoint_n_tensors(c); i++) {
        const hp_tensor *t = hp_checkpoint_tensor(c, i);
        if (t->n_elements > 1 && strstr(t->name, "weight_scale"))
            return hp_fail_hint(
                err,
                hp_fail(err, HP_UNSUPPORTED,
                        "tensor '%s' scales weights of %s part by part: what "
                        "to cut of it is not known",
                        t->name, m->opaque->dtype_name),
                "--emit zero works for every model");
    }
    return HP_OK;
}

static hp_status check_rest(const hp_model *m, hp_error *err)
{
    hp_status st = check_scales(m, err);
    return st ? st : check_auto_map(m, err);
}

static hp_status check(const hp_model *m, const hp_rewrite_options *o,
                       hp_error *err)
{
    const hp__removal *r = m->removal;
    const char *type = hp_model_info_get(m)->model_type;
    if (!r)
        return hp_fail_hint(
            err,
            hp_fail(err, HP_UNSUPPORTED,
                    "nothing would load a %s checkpoint without some of its "
                    "heads",
                    type),
            "--emit zero works for every model");
    if (o->uniform)
        return r->heads_key ? check_rest(m, err) : fail_uniform(m, err);
    if (!r->classes)
        return hp_fail_hint(
            err,
            hp_fail(err, HP_UNSUPPORTED,
                    "nothing would load a %s checkpoint whose blocks keep "
                    "different numbers of heads",
                    type),
            "--uniform removes as many from each");
    if (o->no_remote_code && !r->pruned_heads)
        return hp_fail_hint(
            err,
            hp_fail(err, HP_UNSUPPORTED,
                    "transformers do not load a %s checkpoint whose blocks "
                    "keep different numbers of heads without code of ours",
                    type),
            r->heads_key ? "--uniform needs no code"
                         : "leave --no-remote-code out");
    return check_rest(m, err);
}

/* ---- config.json ---- */

/* Heads of layer `layer` that stay (`kept`) or are gone, as the original
 * counts: "0,2". Returns how many. */
static uint32_t list_heads(hp__buffer *b, const hp__order *o, uint32_t layer,
                           int kept)
{
    const hp_model *m = o->model;
    const hp_block *block = &m->blocks[layer];
    uint32_t n = 0, j = 0;
    for (uint32_t number = 0; number < m->spec.n_heads; number++) {
        while (j < block->n_heads &&
               m->heads[block->first_head + j].head < number)
            j++;
        int stays = j < block->n_heads &&
                    m->heads[block->first_head + j].head == number &&
                    !o->mask[block->first_head + j];
        if (stays != kept)
            continue;
        hp__buffer_printf(b, "%s%u", n++ ? ", " : "", (unsigned)number);
    }
    return n;
}

/* What config.json has to say. */
typedef struct words {
    hp__buffer gone, kept, map;
    uint32_t n_gone, n_emptied, emptied; /* heads; layers, the first of them */
} words;

static void put_layers(words *w, const hp__order *o)
{
    hp__buffer_text(&w->gone, "{");
    hp__buffer_text(&w->kept, "[");
    for (uint32_t i = 0; i < o->model->spec.n_layers; i++) {
        hp__buffer layer = {0};
        uint32_t n = list_heads(&layer, o, i, 0);
        if (n)
            hp__buffer_printf(&w->gone, "%s\"%u\": [%s]", w->n_gone ? ", " : "",
                              (unsigned)i, layer.data);
        w->n_gone += n;
        w->gone.failed |= layer.failed;
        hp__buffer_clear(&layer);
        hp__buffer_text(&w->kept, i ? ", [" : "[");
        if (!list_heads(&w->kept, o, i, 1) && !w->n_emptied++)
            w->emptied = i;
        hp__buffer_text(&w->kept, "]");
    }
    hp__buffer_text(&w->gone, "}");
    hp__buffer_text(&w->kept, "]");
}

static void put_map(words *w, const hp__removal *r)
{
    hp__buffer_text(&w->map, "{");
    for (const hp__auto_class *c = r->classes; c->auto_name; c++)
        hp__buffer_printf(&w->map, "%s\"%s\": \"" MODULE ".Headprune%s\"",
                          c == r->classes ? "" : ", ", c->auto_name, c->stock);
    hp__buffer_text(&w->map, "}");
}

static hp_status fail_emptied(const hp__order *o, uint32_t layer, hp_error *err)
{
    hp_status st =
        hp_fail(err, HP_UNSUPPORTED,
                "layer %u would keep no head, which transformers 4 cannot "
                "load with pruned_heads alone",
                (unsigned)layer);
    (void)o;
    return hp_fail_hint(err, st,
                        "--keep 1, --round nearest, or no --no-remote-code");
}

static hp_status patch(hp__edition *out, hp__arena *a, const hp__order *o,
                       const words *w, hp_error *err)
{
    int code = !o->options->no_remote_code;
    int plain = o->model->removal->pruned_heads && !w->n_emptied;
    const hp__config_value values[] = {
        {"pruned_heads", plain ? w->gone.data : NULL},
        {"auto_map", code ? w->map.data : NULL},
        {"headprune_heads_kept", code ? w->kept.data : NULL}};
    hp__text config = {NULL, 0}, text = {NULL, 0};
    text.bytes = hp_checkpoint_config(hp_model_checkpoint(o->model), &text.len);
    if (w->gone.failed || w->kept.failed || w->map.failed)
        return hp_fail(err, HP_NOMEM, "out of memory (config.json)");
    hp_status st = hp__config_patch(&config, a, text, values, 3, err);
    out->config = config.bytes;
    out->config_len = config.len;
    out->loads_in = !code ? loads_plain : plain ? loads_both : loads_code;
    if (!code)
        out->left_out = HP__MODELING_NAME;
    if (!st && code)
        st = hp__modeling_add(out, a, err);
    return st;
}

/* The auto class that stands for the class that config.json names. */
static void name_loader(hp__edition *out, const hp_model *m)
{
    const hp__auto_class *c = m->removal->classes;
    out->loader = c->auto_name;
    for (; c->auto_name; c++)
        if (strcmp(c->stock, m->info.architecture) == 0)
            out->loader = c->auto_name;
    out->loader_arguments = ", trust_remote_code=True";
}

static hp_status ragged(hp__edition *out, hp__arena *a, const hp__order *o,
                        words *w, hp_error *err)
{
    int code = !o->options->no_remote_code;
    put_layers(w, o);
    put_map(w, o->model->removal);
    out->loads_in = loads_input;
    if (!w->n_gone)
        return HP_OK;
    if (w->n_emptied && !code)
        return fail_emptied(o, w->emptied, err);
    if (code)
        name_loader(out, o->model);
    hp_status st = patch(out, a, o, w, err);
    if (!st && w->n_emptied && o->model->removal->pruned_heads)
        st = hp__arena_printf(&out->note, a, err,
                              "layer %u keeps no head: without pruned_heads, "
                              "which transformers 4 could not load then, the "
                              "folder needs trust_remote_code=True there too",
                              (unsigned)w->emptied);
    return st;
}

static hp_status edit(hp__edition *out, hp__arena *a, const hp__order *o,
                      hp_error *err)
{
    words w = {{0}, {0}, {0}, 0, 0, 0};
    out->cut = 1;
    out->size = "smaller by what was removed";
    out->speed = "faster by the multiply-adds that are gone";
    hp_status st =
        hp__changes_of_heads(out, a, o, HP__ALL_ROLES | HP__OF_SHAPE, err);
    if (st)
        return st;
    if (o->options->uniform)
        return hp__uniform_edit(out, a, o, err);
    st = ragged(out, a, o, &w, err);
    hp__buffer_clear(&w.gone);
    hp__buffer_clear(&w.kept);
    hp__buffer_clear(&w.map);
    return st;
}

static int keeps_one(const hp_rewrite_options *o)
{
    return o->uniform || o->no_remote_code;
}

const hp__form hp__form_remove = {
    .emit = {.name = "remove",
             .summary = "they are cut out of the weights: smaller and faster, "
                        "and not everything loads it",
             .does = "remove",
             .did = "removed",
             .what = "of queries, keys, values and output projections",
             .outcome = "of the rest only config.json is changed."},
    .keeps_one = keeps_one,
    .folder_only = 1,
    .check = check,
    .edit = edit};
