#ifndef HEADPRUNE_DRAW_COLOUR_H
#define HEADPRUNE_DRAW_COLOUR_H

/* The colour of a share from 0 to 1 on the ramp viridis, as an attribute,
 * fill="#440154": even in lightness, and readable without colour vision. */
const char *hp__colour_fill(char out[16], double share);

#endif
