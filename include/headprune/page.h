#ifndef HEADPRUNE_PAGE_H
#define HEADPRUNE_PAGE_H

#include "headprune/document.h"

/*
 * Documents made visible: figures (SVG), and one HTML page that holds them all
 * with their numbers as tables. The page needs no network, no other file and
 * no JavaScript. The same documents give the same bytes.
 */
#ifdef __cplusplus
extern "C" {
#endif

typedef struct hp_figure {
    const char *name; /* of its file, without ".svg": "heatmap-1" */
    const char *svg;  /* a whole SVG file */
    size_t len;
} hp_figure;

typedef struct hp_page hp_page;

/* Scores and the plan made of them are drawn as one when both are given.
 * HP_INVALID: no document. */
HP_CHECKED
hp_status hp_page_make(hp_page **out, const hp_document *const *docs, size_t n,
                       hp_error *err);
void hp_page_free(hp_page *p); /* NULL is fine */

/* Borrowed until hp_page_free. */
const char *hp_page_html(const hp_page *p, size_t *len);
size_t hp_page_n_figures(const hp_page *p);
const hp_figure *hp_page_figure(const hp_page *p, size_t i);

#ifdef __cplusplus
}
#endif

#endif
