#ifndef HEADPRUNE_DRAW_PAGE_STYLE_H
#define HEADPRUNE_DRAW_PAGE_STYLE_H

/* The style of figures, in a page and in files of their own; of the page; and
 * the page's script. */
extern const char hp__figure_style[];
extern const char hp__page_style[];
extern const char hp__page_script[];

#endif
