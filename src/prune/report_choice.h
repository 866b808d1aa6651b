#ifndef HEADPRUNE_PRUNE_REPORT_CHOICE_H
#define HEADPRUNE_PRUNE_REPORT_CHOICE_H

#include "prune/document_parts.h"

/* "auto", and with a limit "curve". */
void hp__report_choice(hp__emitter *e, const hp_choice *c);

#endif
