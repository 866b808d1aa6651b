/* The input is a document: what is accepted prints as a document that is
 * accepted again, and then prints the same. Of scores plans can be made, which
 * take of a group all heads or none where groups go whole. */
#include "fuzz.h"
#include "headprune/document.h"

#include <string.h>

static void check_whole(const hp_plan *p)
{
    for (size_t i = 0; i + 1 < p->n_heads; i++)
        MUST(p->heads[i].block != p->heads[i + 1].block ||
             p->heads[i].group != p->heads[i + 1].group ||
             p->pruned[i] == p->pruned[i + 1]);
}

static void make_plans(const hp_scores *s)
{
    for (int i = 0; i < 6; i++) {
        hp_plan *p = NULL;
        hp_error err = {0};
        const hp_policy policy = {.ratio = 0.6,
                                  .scope = (hp_scope)(i / 3),
                                  .group = (hp_group)(i % 3)};
        if (hp_plan_make(&p, s, &policy, &err)) {
            /* A small group has no more to give. */
            MUST(policy.group == HP_GROUP_EVEN);
            continue;
        }
        MUST((double)p->n_pruned <= 0.6 * (double)p->n_heads + 1e-6);
        if (policy.group == HP_GROUP_KV)
            check_whole(p);
        hp_plan_free(p);
    }
}

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
    make_plans(s);
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
