/*
 * The page: sections of figures, each figure with its table. A figure is
 * written into the page and kept as a file of its own as soon as it is drawn.
 */
#include "headprune/page.h"

#include "base/arena.h"
#include "draw/figure.h"
#include "draw/page_parts.h"
#include "draw/page_style.h"

#include <stdlib.h>
#include <string.h>

struct hp_page {
    hp__arena arena; /* the figures */
    hp_figure *figures;
    size_t n;
    char *html;
    size_t len;
};

typedef struct draft {
    hp_page *page;
    hp__buffer html;
} draft;

static void clear_figure(hp__figure *f)
{
    hp__buffer_clear(&f->title);
    hp__buffer_clear(&f->caption);
    hp__buffer_clear(&f->body);
    hp__buffer_clear(&f->table);
}

static void join(hp__buffer *b, const hp__buffer *part)
{
    if (part->failed)
        b->failed = 1;
    else if (part->len)
        hp__buffer_add(b, part->data, part->len);
}

static void put_file(hp__buffer *b, const hp__figure *f)
{
    hp__buffer_printf(b,
                      "<svg xmlns=\"http://www.w3.org/2000/svg\" "
                      "width=\"%.0f\" height=\"%.0f\" "
                      "viewBox=\"0 0 %.1f %.1f\">\n<title>",
                      f->width, f->height, f->width, f->height);
    join(b, &f->title);
    hp__buffer_text(b, "</title>\n<style>");
    hp__buffer_text(b, hp__figure_style);
    hp__buffer_text(b, "svg{background:#fff}@media(prefers-color-scheme:dark){"
                       "svg{background:#14181d}}</style>\n");
    join(b, &f->body);
    hp__buffer_text(b, "</svg>\n");
}

static void put_figure(hp__buffer *b, const hp__figure *f)
{
    /* Shrunk far enough to read on a phone, then scrolled. */
    hp__buffer_printf(b, "<figure id=\"%s\"%s>\n<figcaption><b>", f->name,
                      f->width > 560 ? " class=\"wide\"" : "");
    join(b, &f->title);
    hp__buffer_text(b, "</b>");
    join(b, &f->caption);
    hp__buffer_printf(b,
                      "</figcaption>\n<div class=\"scroll\"><svg role=\"img\" "
                      "viewBox=\"0 0 %.1f %.1f\" "
                      "style=\"max-width:%.0fpx;min-width:%.0fpx\" "
                      "aria-label=\"",
                      f->width, f->height, f->width * 1.2,
                      f->width > 480 ? f->width * 0.8 : 0);
    join(b, &f->title);
    hp__buffer_text(b, "\">\n");
    join(b, &f->body);
    hp__buffer_text(b, "</svg></div>\n<details><summary>The numbers as a table"
                       "</summary><div class=\"scroll\">");
    join(b, &f->table);
    hp__buffer_text(b, "</div></details>\n</figure>\n");
}

/* Takes what was drawn into `f`, which is empty after it. `st`: how drawing
 * went. */
static hp_status add_figure(draft *d, hp__figure *f, const char *kind,
                            hp_status st, hp_error *err)
{
    hp_page *p = d->page;
    hp__buffer file = {0};
    char *svg = NULL;
    size_t number = 1, kind_len = strlen(kind);
    hp_figure *out = &p->figures[p->n];
    for (size_t i = 0; i < p->n; i++)
        number += !strncmp(p->figures[i].name, kind, kind_len);
    if (!st)
        st = hp__arena_printf(&out->name, &p->arena, err, "%s-%zu", kind,
                              number);
    if (st)
        goto done;
    f->name = out->name;
    put_figure(&d->html, f);
    put_file(&file, f);
    if (file.failed)
        st = hp__buffer_take(&svg, NULL, &file, err);
    else
        st = hp__arena_copy(&svg, &p->arena, file.data, file.len, err);
    if (st)
        goto done;
    out->svg = svg;
    out->len = file.len;
    p->n++;
done:
    hp__buffer_clear(&file);
    clear_figure(f);
    return st;
}

static hp_status add_view(draft *d, const hp__view *v, int with_model,
                          hp_error *err)
{
    hp__figure f = {0};
    hp__buffer_text(&d->html, "<section>\n");
    hp_status st = hp__put_facts(&d->html, v, with_model, err);
    hp__buffer_text(&d->html, "<div class=\"figures\">\n");
    if (!st) {
        hp__draw_heatmap(&f, v);
        st = add_figure(d, &f, "heatmap", HP_OK, err);
    }
    if (!st && v->plan) {
        hp__draw_kept(&f, v);
        st = add_figure(d, &f, "kept", HP_OK, err);
    }
    if (!st && v->choice && v->choice->has_limit) {
        hp__draw_limit(&f, v->choice, hp__view_pruned(v));
        st = add_figure(d, &f, "limit", HP_OK, err);
    }
    if (!st && v->scores) {
        hp__draw_histogram(&f, v);
        st = add_figure(d, &f, "histogram", HP_OK, err);
    }
    hp__buffer_text(&d->html, "</div>\n</section>\n");
    return st;
}

/* Scores that an earlier document holds too. */
static int is_repeated(const hp_document *const *docs, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (docs[k]->scores &&
            hp__scores_equal(docs[k]->scores, docs[i]->scores))
            return 1;
    return 0;
}

/* Different scores of the same heads of the same model. */
static int comparable(const hp_scores *a, const hp_scores *b)
{
    if (strcmp(a->model.fingerprint, b->model.fingerprint) != 0 ||
        a->n_heads != b->n_heads || !a->n_heads)
        return 0;
    for (size_t i = 0; i < a->n_heads; i++)
        if (strcmp(a->heads[i].id, b->heads[i].id) != 0)
            return 0;
    return 1;
}

static hp_status add_agreements(draft *d, const hp_document *const *docs,
                                size_t n, hp_error *err)
{
    size_t before = d->page->n;
    hp_status st = HP_OK;
    for (size_t i = 0; i < n && !st; i++)
        for (size_t k = i + 1; k < n && !st; k++) {
            const hp_scores *a = docs[i]->scores, *b = docs[k]->scores;
            hp__figure f = {0};
            if (!a || !b || !comparable(a, b) || is_repeated(docs, i) ||
                is_repeated(docs, k))
                continue;
            if (d->page->n == before)
                hp__buffer_text(&d->html,
                                "<section>\n<h2>Agreement of methods</h2>\n"
                                "<div class=\"figures\">\n");
            st = hp__draw_agreement(&f, a, b, err);
            st = add_figure(d, &f, "agreement", st, err);
        }
    if (d->page->n > before)
        hp__buffer_text(&d->html, "</div>\n</section>\n");
    return st;
}

static hp_status add_sweeps(draft *d, const hp_document *const *docs, size_t n,
                            hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t i = 0; i < n && !st; i++) {
        hp__figure f = {0};
        if (!docs[i]->sweep)
            continue;
        hp__buffer_text(&d->html, "<section>\n");
        hp__put_sweep_facts(&d->html, docs[i], !hp__common_model(docs, n));
        hp__buffer_text(&d->html, "<div class=\"figures\">\n");
        st = hp__draw_curves(&f, docs[i]->sweep, err);
        st = add_figure(d, &f, "sweep", st, err);
        hp__put_sweep_agreements(&d->html, docs[i]->sweep);
        hp__buffer_text(&d->html, "</div>\n</section>\n");
    }
    return st;
}

static hp_status add_evaluations(draft *d, const hp_document *const *docs,
                                 size_t n, hp_error *err)
{
    static const hp_metric metrics[] = {HP_METRIC_PERPLEXITY,
                                        HP_METRIC_MASKED_LM_LOSS,
                                        HP_METRIC_HIDDEN_COSINE};
    hp_status st = HP_OK;
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics && !st; i++) {
        hp__figure f = {0};
        if (!hp__draw_evaluations(&f, docs, n, metrics[i]))
            continue;
        hp__buffer_text(&d->html, "<section>\n<h2>Evaluation</h2>\n"
                                  "<div class=\"figures\">\n");
        st = add_figure(d, &f, "evaluation", HP_OK, err);
        hp__buffer_text(&d->html, "</div>\n</section>\n");
    }
    return st;
}

static hp_status add_attention(draft *d, const hp_document *const *docs,
                               size_t n, hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t i = 0; i < n && !st; i++) {
        hp__figure f = {0};
        if (!docs[i]->thumbnails)
            continue;
        hp__buffer_text(&d->html, "<section>\n");
        hp__put_attention_facts(&d->html, docs[i]);
        hp__buffer_text(&d->html, "<div class=\"figures\">\n");
        hp__draw_thumbnails(&f, docs[i]->thumbnails);
        st = add_figure(d, &f, "attention", HP_OK, err);
        hp__buffer_text(&d->html, "</div>\n</section>\n");
    }
    return st;
}

static hp_status add_redundancy(draft *d, const hp_document *const *docs,
                                size_t n, hp_error *err)
{
    hp_status st = HP_OK;
    for (size_t i = 0; i < n && !st; i++) {
        hp__figure f = {0};
        if (!docs[i]->redundancy)
            continue;
        hp__buffer_text(&d->html, "<section>\n");
        hp__put_redundancy_facts(&d->html, docs[i]);
        hp__buffer_text(&d->html, "<div class=\"figures\">\n");
        hp__draw_supplied(&f, docs[i]->redundancy);
        st = add_figure(d, &f, "redundancy", HP_OK, err);
        hp__buffer_text(&d->html, "</div>\n</section>\n");
    }
    return st;
}

static void put_head(hp__buffer *b, const hp_document *const *docs, size_t n)
{
    const hp_model_info *common = hp__common_model(docs, n);
    hp__buffer_text(
        b, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n"
           "<meta charset=\"utf-8\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
           "'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
           "img-src data:\">\n"
           "<meta name=\"viewport\" content=\"width=device-width, "
           "initial-scale=1\">\n<link rel=\"icon\" href=\"data:,\">\n");
    hp__put_heading(b, "title", docs, n);
    hp__buffer_text(b, "<style>\n");
    hp__buffer_text(b, hp__page_style);
    hp__buffer_text(b, hp__figure_style);
    hp__buffer_text(b, "</style>\n</head>\n<body>\n");
    hp__put_heading(b, "h1", docs, n);
    if (common) {
        hp__buffer_text(b, "<dl>\n");
        hp__put_model(b, common);
        hp__buffer_text(b, "</dl>\n");
    }
}

static hp_status fill(draft *d, const hp_document *const *docs, size_t n,
                      hp_error *err)
{
    hp__view *views = NULL;
    size_t n_views;
    hp_status st = hp__views_new(&views, &n_views, docs, n, err);
    put_head(&d->html, docs, n);
    if (!st)
        st = add_sweeps(d, docs, n, err);
    if (!st)
        st = add_evaluations(d, docs, n, err);
    for (size_t i = 0; i < n_views && !st; i++)
        st = add_view(d, &views[i], !hp__common_model(docs, n), err);
    if (!st)
        st = add_agreements(d, docs, n, err);
    if (!st)
        st = add_redundancy(d, docs, n, err);
    if (!st)
        st = add_attention(d, docs, n, err);
    free(views);
    hp__put_footer(&d->html, docs, n);
    hp__put_data(&d->html, docs, n);
    hp__buffer_text(&d->html, "<script>\n");
    hp__buffer_text(&d->html, hp__page_script);
    hp__buffer_text(&d->html, "</script>\n</body>\n</html>\n");
    return st;
}

hp_status hp_page_make(hp_page **out, const hp_document *const *docs, size_t n,
                       hp_error *err)
{
    draft d = {0};
    *out = NULL;
    if (!n)
        return hp_fail(err, HP_INVALID, "no document to draw");
    hp_status st = hp__new(&d.page, 1, sizeof *d.page, err);
    if (st)
        return st;
    /* Four a document at most, and one a pair. */
    st = hp__arena_alloc(&d.page->figures, &d.page->arena, 4 * n + n * n,
                         sizeof *d.page->figures, err);
    if (!st)
        st = fill(&d, docs, n, err);
    if (!st)
        st = hp__buffer_take(&d.page->html, &d.page->len, &d.html, err);
    hp__buffer_clear(&d.html);
    if (st)
        hp_page_free(d.page);
    else
        *out = d.page;
    return st;
}

void hp_page_free(hp_page *p)
{
    if (!p)
        return;
    free(p->html);
    hp__arena_clear(&p->arena);
    free(p);
}

const char *hp_page_html(const hp_page *p, size_t *len)
{
    *len = p->len;
    return p->html;
}

size_t hp_page_n_figures(const hp_page *p)
{
    return p->n;
}

const hp_figure *hp_page_figure(const hp_page *p, size_t i)
{
    return &p->figures[i];
}
