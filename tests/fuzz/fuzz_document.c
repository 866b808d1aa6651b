/* The input is a document: what is accepted prints as a document that is
 * accepted again, and then prints the same. */
#include "fuzz.h"
#include "headprune/document.h"

#include <string.h>

static void check_scores(const char *text, size_t len)
{
    hp_error err = {0};
    hp_scores *s = NULL, *again = NULL;
    char *once = NULL, *twice = NULL;
    if (hp_document_parse_scores(&s, text, len, &err)) {
        MUST(!s && err.message[0]);
        return;
    }
    MUST(!hp_document_scores(&once, s, &err));
    MUST(!hp_document_parse_scores(&again, once, strlen(once), &err));
    MUST(!hp_document_scores(&twice, again, &err));
    MUST(strcmp(once, twice) == 0);
    hp_scores_free(s);
    hp_scores_free(again);
    free(once);
    free(twice);
}

static void check_plan(const char *text, size_t len)
{
    hp_error err = {0};
    hp_plan *p = NULL, *again = NULL;
    char *once = NULL, *twice = NULL;
    if (hp_document_parse_plan(&p, text, len, &err)) {
        MUST(!p && err.message[0]);
        return;
    }
    MUST(p->n_pruned <= p->n_heads && p->n_heads <= p->model.heads);
    MUST(!hp_document_plan(&once, p, &err));
    MUST(!hp_document_parse_plan(&again, once, strlen(once), &err));
    MUST(!hp_document_plan(&twice, again, &err));
    MUST(strcmp(once, twice) == 0);
    hp_plan_free(p);
    hp_plan_free(again);
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    MUST(text);
    if (size)
        memcpy(text, data, size);
    text[size] = '\0';
    check_scores(text, size);
    check_plan(text, size);
    free(text);
    return 0;
}
