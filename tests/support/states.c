/* See states.h. */
#include "states.h"
#include "job.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TOKENS 14U

static void see(void *payload, const hp_seen *seen)
{
    states *s = payload;
    size_t width = s->n / TOKENS;
    /* Sequences of 9 and 5 tokens, one after the other. */
    size_t row = seen->position + (seen->sequence ? 9 : 0);
    memcpy(s->values + row * width, seen->hidden,
           seen->n_query * width * sizeof *s->values);
}

states states_of(const char *path, const char *heads)
{
    job j;
    states s = {0};
    hp_error err = {0};
    hp_backend *backend = NULL;
    int32_t ids[TOKENS];
    static const size_t start[] = {0, 9, TOKENS};
    const hp_sequences sequences = {.ids = ids, .start = start, .n = 2};
    job_open(&j, path, NULL, heads);
    for (size_t i = 0; i < TOKENS; i++)
        ids[i] = (int32_t)((i * i + 3 * i + 1) % hp_model_spec(j.model)->vocab);
    s.n = (size_t)TOKENS * hp_model_spec(j.model)->width;
    s.values = calloc(s.n, sizeof *s.values);
    assert_non_null(s.values);
    assert_int_equal(hp_backend_open(&backend, &err), HP_OK);
    const unsigned char *mask = j.plan->pruned;
    const hp_run_options o = {
        .backend = backend, .threads = 1, .masks = &mask, .n_variants = 1};
    const hp_observer observer = {
        .wants = HP_SEE_HIDDEN, .see = see, .payload = &s};
    if (hp_run_sweep(j.model, &sequences, &o, &observer, &err))
        fail_msg("%s: %s", err.file, err.message);
    hp_backend_free(backend);
    job_close(&j);
    return s;
}

void states_free(states *s)
{
    free(s->values);
    *s = (states){0};
}

double states_differ(const states *a, const states *b)
{
    double worst = 0, size = 0;
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        worst = fmax(worst, fabs((double)a->values[i] - (double)b->values[i]));
        size = fmax(size, fabs((double)a->values[i]));
    }
    assert_true(size > 0);
    return worst / size;
}
