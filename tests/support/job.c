/* From a path to a pruned checkpoint, the way a program goes. */
#include "job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void must(hp_status st, const hp_error *err)
{
    if (st)
        fail_msg("%s: %s", err->file, err->message);
}

void job_open(job *j, const char *path, const char *config, const char *heads)
{
    hp_error err = {0};
    *j = (job){0};
    must(hp_checkpoint_open(&j->checkpoint, path, config, &err), &err);
    must(hp_model_open(&j->model, j->checkpoint, NULL, &err), &err);
    size_t n = hp_model_n_heads(j->model);
    unsigned char *mask = calloc(n, 1);
    assert_non_null(mask);
    must(hp_heads_parse(mask, heads, hp_model_heads(j->model), n, &err), &err);
    must(hp_plan_from_mask(&j->plan, j->model, mask, &err), &err);
    free(mask);
}

void job_close(job *j)
{
    hp_plan_free(j->plan);
    hp_model_free(j->model);
    hp_checkpoint_free(j->checkpoint);
    *j = (job){0};
}

hp_rewrite_options job_options(const char *out, int replace)
{
    return (hp_rewrite_options){
        .out = out, .emit = hp_emit_find("zero"), .replace = replace};
}

hp_status job_run(const job *j, const hp_rewrite_options *o, hp_error *err)
{
    hp_rewrite *r = NULL;
    hp_status st = hp_rewrite_begin(&r, j->model, j->plan, o, err);
    if (!st)
        st = hp_rewrite_commit(r, err);
    hp_rewrite_free(r);
    return st;
}

void job_emit(const char *path, const char *heads, const char *out,
              const char *emit)
{
    job j;
    hp_error err = {0};
    hp_rewrite_options o = job_options(out, 0);
    o.emit = hp_emit_find(emit);
    assert_non_null(o.emit);
    job_open(&j, path, NULL, heads);
    must(job_run(&j, &o, &err), &err);
    job_close(&j);
}

hp_status job_refused(const char *path, const char *heads, const char *out,
                      const char *emit, hp_error *err)
{
    job j;
    hp_rewrite_options o = job_options(out, 0);
    o.emit = hp_emit_find(emit);
    assert_non_null(o.emit);
    job_open(&j, path, NULL, heads);
    hp_status st = job_run(&j, &o, err);
    job_close(&j);
    assert_int_not_equal(st, HP_OK);
    assert_int_not_equal(access(out, F_OK), 0);
    return st;
}

void job_prune(const char *path, const char *heads, const char *out)
{
    job_emit(path, heads, out, "zero");
}
