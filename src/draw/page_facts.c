#include "draw/page_parts.h"

#include "headprune/version.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* NULL: a file of attention, which does not say. */
static const hp_model_info *model_of(const hp_document *d)
{
    if (d->thumbnails)
        return NULL;
    if (d->eval)
        return &d->eval->model;
    if (d->redundancy)
        return &d->redundancy->model;
    if (d->sweep)
        return &d->sweep->model;
    return d->plan ? &d->plan->model : &d->scores->model;
}

const hp_model_info *hp__common_model(const hp_document *const *docs, size_t n)
{
    const hp_model_info *first = NULL;
    for (size_t i = 0; i < n; i++) {
        const hp_model_info *m = model_of(docs[i]);
        if (m && first && strcmp(m->fingerprint, first->fingerprint) != 0)
            return NULL;
        first = first ? first : m;
    }
    return first;
}

/* The last name of a path. */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

void hp__put_heading(hp__buffer *b, const char *tag,
                     const hp_document *const *docs, size_t n)
{
    const hp_model_info *m = hp__common_model(docs, n);
    size_t known = 0;
    for (size_t i = 0; i < n; i++)
        known += model_of(docs[i]) != NULL;
    const char *name = known ? "several models" : "several files";
    if (m || n == 1)
        name = base_name(m ? m->path : docs[0]->path);
    hp__buffer_printf(b, "<%s>Attention heads of ", tag);
    hp__put_cut(b, name, 80);
    hp__buffer_printf(b, "</%s>\n", tag);
}

static void put_fact(hp__buffer *b, const char *name)
{
    hp__buffer_printf(b, "<dt>%s</dt><dd>", name);
}

static void end_fact(hp__buffer *b)
{
    hp__buffer_text(b, "</dd>\n");
}

static void put_text_fact(hp__buffer *b, const char *name, const char *text)
{
    put_fact(b, name);
    hp__put_text(b, text);
    end_fact(b);
}

static void put_count(hp__buffer *b, uint64_t n)
{
    char digits[32];
    int len = 0;
    do {
        digits[len++] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    while (len--) {
        hp__buffer_add(b, &digits[len], 1);
        if (len && len % 3 == 0)
            hp__buffer_text(b, ",");
    }
}

void hp__put_model(hp__buffer *b, const hp_model_info *m)
{
    put_fact(b, "model");
    hp__put_text(b, m->path);
    hp__buffer_text(b, ": ");
    hp__put_text(b, *m->architecture ? m->architecture : m->model_type);
    end_fact(b);
    put_text_fact(b, "fingerprint", m->fingerprint);
    put_fact(b, "shape");
    hp__buffer_printf(b, "%u layers, %u heads of %u, ", (unsigned)m->layers,
                      (unsigned)m->heads, (unsigned)m->head_dim);
    put_count(b, m->parameters);
    hp__buffer_text(b, " parameters");
    end_fact(b);
}

static void put_group(hp__buffer *b, hp_group group)
{
    if (group != HP_GROUP_NONE)
        hp__buffer_printf(b, ", group %s", hp_group_name(group));
}

static void put_policy(hp__buffer *b, const hp_plan *p)
{
    if (!*p->method)
        return;
    put_fact(b, "policy");
    if (p->policy.has_count)
        hp__buffer_printf(b, "count %zu", p->policy.count);
    else
        hp__buffer_printf(b, "ratio %.15g", p->policy.ratio);
    hp__buffer_printf(b, ", scope %s, keep %zu",
                      p->policy.scope == HP_SCOPE_LAYER ? "layer" : "global",
                      p->policy.keep);
    put_group(b, p->policy.group);
    end_fact(b);
}

/* A list that would fill the screen is folded. */
static void put_heads(hp__buffer *b, const char *list, size_t n)
{
    int folded = strlen(list) > 600;
    put_fact(b, "pruned heads");
    if (folded)
        hp__buffer_printf(b, "<details><summary>%zu heads</summary>", n);
    hp__put_text(b, *list ? list : "none");
    if (folded)
        hp__buffer_text(b, "</details>");
    end_fact(b);
}

static hp_status put_plan(hp__buffer *b, const hp_plan *p, hp_error *err)
{
    char *list = NULL;
    hp_status st = hp_heads_format(&list, p->pruned, p->heads, p->n_heads, err);
    if (st)
        return st;
    put_policy(b, p);
    put_heads(b, list, p->n_pruned);
    free(list);
    return HP_OK;
}

static void put_calibration(hp__buffer *b, const hp_calibration_info *c)
{
    put_fact(b, "calibration");
    hp__put_text(b, c->source);
    hp__buffer_printf(b, ", %zu sequences, ", c->sequences);
    put_count(b, c->tokens);
    hp__buffer_text(b, " tokens");
    end_fact(b);
}

static void put_section_name(hp__buffer *b, const hp__view *v)
{
    const hp_plan *p = v->plan;
    const hp_scores *s = v->scores;
    hp__buffer_text(b, "<h2>");
    hp__put_method(b, v->method, "", p ? p->has_seed : s->has_seed,
                   p ? p->seed : s->seed);
    if (p)
        hp__buffer_printf(b, ": %zu of %u heads pruned", hp__view_pruned(v),
                          (unsigned)p->model.heads);
    else
        hp__buffer_text(b, ": scores");
    hp__buffer_text(b, "</h2>\n");
}

/* Of a method that mixes others, and of scores that were taken again. */
static void put_parameters(hp__buffer *b, const hp__view *v)
{
    const char *mix = v->plan ? v->plan->mix : v->scores->mix;
    double step = v->plan ? v->plan->step : v->scores->step;
    if (mix) {
        hp__buffer_text(b, " of ");
        hp__put_cut(b, mix, 200);
    }
    if (step > 0)
        hp__buffer_printf(b, ", again whenever %.3g %% of the heads had gone",
                          100 * step);
}

hp_status hp__put_facts(hp__buffer *b, const hp__view *v, int with_model,
                        hp_error *err)
{
    put_section_name(b, v);
    hp__buffer_text(b, "<dl>\n");
    if (with_model)
        hp__put_model(b, v->model);
    if (*v->method) {
        put_fact(b, "score");
        hp__put_method(b, v->method, v->unit, 0, 0);
        put_parameters(b, v);
        hp__buffer_text(b, v->prunes_highest ? ", highest go first"
                                             : ", lowest go first");
        end_fact(b);
    }
    if (v->scores && v->scores->has_calibration)
        put_calibration(b, &v->scores->calibration);
    hp_status st = v->plan ? put_plan(b, v->plan, err) : HP_OK;
    put_fact(b, "from");
    hp__put_text(b, v->plan ? v->plan_path : v->scores_path);
    if (v->plan && v->scores && strcmp(v->plan_path, v->scores_path) != 0) {
        hp__buffer_text(b, ", ");
        hp__put_text(b, v->scores_path);
    }
    end_fact(b);
    hp__buffer_text(b, "</dl>\n");
    return st;
}

static void put_evaluation(hp__buffer *b, const hp_eval *e)
{
    put_fact(b, "evaluated on");
    hp__put_text(b, *e->source ? e->source : "unknown data");
    hp__buffer_text(b, ", ");
    put_count(b, e->tokens);
    hp__buffer_printf(b, " tokens in %zu windows", e->windows);
    end_fact(b);
    put_fact(b, "nothing pruned");
    hp__buffer_printf(b, "%s ", hp_metric_name(e->metric));
    hp__put_number(b, e->value);
    hp__put_error(b, e->value_error);
    end_fact(b);
}

void hp__put_sweep_facts(hp__buffer *b, const hp_document *d, int with_model)
{
    const hp_sweep *s = d->sweep;
    hp__buffer_text(b, "<h2>Sweep: what pruning costs</h2>\n<dl>\n");
    if (with_model)
        hp__put_model(b, &s->model);
    put_evaluation(b, &s->baseline);
    if (s->has_calibration)
        put_calibration(b, &s->calibration);
    put_fact(b, "policy");
    hp__buffer_printf(b, "scope %s, keep %zu",
                      s->scope == HP_SCOPE_LAYER ? "layer" : "global", s->keep);
    put_group(b, s->group);
    end_fact(b);
    put_fact(b, "points");
    hp__buffer_printf(b, "%zu of %zu", s->n_points, s->n_planned);
    end_fact(b);
    put_text_fact(b, "from", d->path);
    hp__buffer_text(b, "</dl>\n");
}

void hp__put_attention_facts(hp__buffer *b, const hp_document *d)
{
    hp__buffer_printf(b, "<h2>Attention of all heads on %zu token%s</h2>\n",
                      d->thumbnails->n_tokens,
                      d->thumbnails->n_tokens == 1 ? "" : "s");
    hp__buffer_text(b, "<dl>\n");
    put_text_fact(b, "from", d->path);
    hp__buffer_text(b, "</dl>\n");
}

void hp__put_redundancy_facts(hp__buffer *b, const hp_document *d)
{
    hp__buffer_text(b, "<h2>Redundancy</h2>\n<dl>\n");
    if (d->redundancy->has_calibration)
        put_calibration(b, &d->redundancy->calibration);
    put_text_fact(b, "from", d->path);
    hp__buffer_text(b, "</dl>\n");
}

void hp__put_sweep_agreements(hp__buffer *b, const hp_sweep *s)
{
    static const char *const columns[] = {"method", "and",
                                          "Spearman's \xCF\x81"};
    if (!s->n_agreements)
        return;
    hp__buffer_text(b, "<div class=\"scroll\">");
    hp__table_start(b, "How far the methods' rankings of all heads agree",
                    columns, 3, 4);
    for (size_t i = 0; i < s->n_agreements; i++) {
        hp__table_row(b);
        hp__table_text(b, s->agreements[i].first);
        hp__table_text(b, s->agreements[i].second);
        hp__table_number(b, s->agreements[i].spearman);
        hp__buffer_text(b, "</tr>");
    }
    hp__table_end(b);
    hp__buffer_text(b, "</div>\n");
}

void hp__put_footer(hp__buffer *b, const hp_document *const *docs, size_t n)
{
    hp__buffer_printf(b, "<footer>Made by headprune %s from", hp_version());
    for (size_t i = 0; i < n; i++) {
        hp__buffer_text(b, i ? ", " : " ");
        hp__put_text(b, docs[i]->path);
    }
    hp__buffer_text(b, ". Ranks and heads count from 0; rank 0 is pruned first."
                       "</footer>\n");
}

/* In JSON '<' stands in texts only, where it may be written as an escape;
 * without it nothing can end the element. */
static void put_json(hp__buffer *b, const char *text, size_t len)
{
    while (len) {
        const char *less = memchr(text, '<', len);
        size_t piece = less ? (size_t)(less - text) : len;
        hp__buffer_add(b, text, piece);
        if (less)
            hp__buffer_text(b, "\\u003c");
        piece += less != NULL;
        text += piece;
        len -= piece;
    }
}

void hp__put_data(hp__buffer *b, const hp_document *const *docs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!docs[i]->text)
            continue;
        hp__buffer_text(b, "<script type=\"application/json\" data-file=\"");
        hp__put_text(b, docs[i]->path);
        hp__buffer_text(b, "\">\n");
        put_json(b, docs[i]->text, docs[i]->len);
        hp__buffer_text(b, "</script>\n");
    }
}
