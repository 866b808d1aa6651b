#ifndef HEADPRUNE_DOCUMENT_REPORT_CHOICE_H
#define HEADPRUNE_DOCUMENT_REPORT_CHOICE_H

#include "document/document_parts.h"

/* "auto", and with a limit "curve". */
void hp__report_choice(hp__emitter *e, const hp_choice *c);

#endif
