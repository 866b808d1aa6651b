#ifndef HEADPRUNE_DRAW_PAGE_PARTS_H
#define HEADPRUNE_DRAW_PAGE_PARTS_H

#include "draw/figure.h"

/* Text of the page around its figures. */

/* What the page is about, as an element `tag`. */
void hp__put_heading(hp__buffer *b, const char *tag,
                     const hp_document *const *docs, size_t n);
/* The model that all documents are of that name one; NULL: they are of several,
 * or none does. */
const hp_model_info *hp__common_model(const hp_document *const *docs, size_t n);
void hp__put_model(hp__buffer *b, const hp_model_info *m);
/* The heading of a view's section, and what its figures are of; its model
 * unless the page tells it for all. */
HP_CHECKED
hp_status hp__put_facts(hp__buffer *b, const hp__view *v, int with_model,
                        hp_error *err);
void hp__put_sweep_facts(hp__buffer *b, const hp_document *d, int with_model);
void hp__put_attention_facts(hp__buffer *b, const hp_document *d);
void hp__put_redundancy_facts(hp__buffer *b, const hp_document *d);
/* How the rankings of a sweep's methods agree, as a table. */
void hp__put_sweep_agreements(hp__buffer *b, const hp_sweep *s);
/* Which files the page was made of, and their text for programs. */
void hp__put_footer(hp__buffer *b, const hp_document *const *docs, size_t n);
void hp__put_data(hp__buffer *b, const hp_document *const *docs, size_t n);

#endif
