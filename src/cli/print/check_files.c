/*
 * What a check leaves for others: JUnit XML, which every CI system reads, and
 * Markdown that is appended to a page of the job.
 */
#include "cli/print/print_check.h"
#include "cli/term/save.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

hp_status check_files_prepare(const cli *c, hp_error *err)
{
    static const option_id files[] = {OPT_JUNIT, OPT_SUMMARY};
    for (size_t i = 0; i < 2; i++) {
        const char *path = c->opt.value[files[i]].text;
        hp_status st = path ? save_check(path, 1, err) : HP_OK;
        if (st)
            return st;
    }
    return HP_OK;
}

/* XML 1.0 has no form for most control characters. */
static void put_xml(FILE *out, const char *text)
{
    while (*text) {
        const unsigned char *u = (const unsigned char *)text;
        size_t n = text_sequence_length(u);
        if (*u == '<')
            fputs("&lt;", out);
        else if (*u == '>')
            fputs("&gt;", out);
        else if (*u == '&')
            fputs("&amp;", out);
        else if (*u == '"')
            fputs("&quot;", out);
        else if (n && *u >= 0x20 && *u != 0x7f)
            fwrite(text, 1, n, out);
        else
            fputc('?', out);
        text += n ? n : 1;
    }
}

static void put_case(FILE *out, const hp_finding *f)
{
    fprintf(out, "    <testcase classname=\"headprune.check\" name=\"%s\"",
            hp_rule_name(f->rule));
    if (f->holds) {
        fputs(">\n      <system-out>", out);
        put_xml(out, f->message);
        fputs("</system-out>\n    </testcase>\n", out);
        return;
    }
    fputs(">\n      <failure message=\"", out);
    put_xml(out, f->message);
    fputs("\"/>\n    </testcase>\n", out);
}

static void put_junit(FILE *out, const hp_check *check)
{
    size_t broken = 0;
    for (size_t i = 0; i < check->n_findings; i++)
        broken += !check->findings[i].holds;
    fprintf(out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
            "<testsuites tests=\"%zu\" failures=\"%zu\">\n"
            "  <testsuite name=\"headprune check ",
            check->n_findings, broken);
    put_xml(out, check->model->path);
    fprintf(out, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\">\n",
            check->n_findings, broken);
    for (size_t i = 0; i < check->n_findings; i++)
        put_case(out, &check->findings[i]);
    fputs("  </testsuite>\n</testsuites>\n", out);
}

static hp_status fail_write(const char *path, hp_error *err)
{
    hp_status st = hp_fail(err, HP_IO, "cannot write: %s", strerror(errno));
    return hp_fail_file(err, st, path);
}

static hp_status write_junit(const char *path, const hp_check *check,
                             hp_error *err)
{
    save_file file = {0};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return hp_fail(err, HP_NOMEM, "no memory for the JUnit file");
    put_junit(out, check);
    hp_status st = HP_OK;
    if (fclose(out))
        st = hp_fail(err, HP_NOMEM, "no memory for the JUnit file");
    if (!st)
        st = save_begin(&file, path, text, len, err);
    if (!st)
        st = save_commit(&file, err);
    save_discard(&file);
    free(text);
    return st;
}

static hp_status append_summary(const char *path, const hp_check *check,
                                hp_error *err)
{
    FILE *out = fopen(path, "ab");
    if (!out)
        return fail_write(path, err);
    fprintf(out, "### headprune check: %s\n\n",
            hp_check_passes(check) ? "passed" : "failed");
    fputs("Model: ", out);
    fputs(check->model->path, out);
    fprintf(out, ", baseline: %s (%s)\n\n", check->baseline, check->schema);
    print_check_rows(out, check, FORM_MD);
    fputc('\n', out);
    int bad = ferror(out);
    return fclose(out) || bad ? fail_write(path, err) : HP_OK;
}

hp_status check_files_write(const cli *c, const hp_check *check, hp_error *err)
{
    const char *junit = c->opt.value[OPT_JUNIT].text;
    const char *summary = c->opt.value[OPT_SUMMARY].text;
    hp_status st = junit ? write_junit(junit, check, err) : HP_OK;
    return st || !summary ? st : append_summary(summary, check, err);
}
