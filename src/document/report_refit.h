#ifndef HEADPRUNE_DOCUMENT_REPORT_REFIT_H
#define HEADPRUNE_DOCUMENT_REPORT_REFIT_H

#include "document/document_parts.h"

/* "compensation", when there was a refit. */
void hp__report_refit(hp__emitter *e, const hp_report *report);

#endif
