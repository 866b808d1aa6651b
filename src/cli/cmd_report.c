/*
 * report FILE...: documents -> one HTML page, and figures as files. All files
 * are written under other names first; then all are moved into place.
 */
#include "cli/command.h"
#include "cli/output.h"
#include "cli/term/save.h"
#include "cli/term/signals.h"
#include "cli/term/text_new.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef struct paper {
    hp_document **docs; /* [n_docs] */
    size_t n_docs;
    hp_page *page;
    save_file *files; /* [figures + 1] */
    size_t n_files;
} paper;

static int same_file(const char *a, const char *b)
{
    struct stat x, y;
    return !stat(a, &x) && !stat(b, &y) && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

static hp_status check_words(const cli *c, hp_error *err)
{
    const char *out = c->opt.value[OPT_OUTPUT].text;
    size_t streams = 0;
    if (!out && !options_has(&c->opt, OPT_SVG))
        return hp_fail_hint(err, hp_fail(err, HP_INVALID, "where shall it go?"),
                            "give -o PAGE.html or --svg DIR");
    for (size_t i = 0; i < c->n_args; i++) {
        streams += !strcmp(c->args[i], "-");
        if (out && same_file(out, c->args[i]))
            return hp_fail_file(err,
                                hp_fail(err, HP_INVALID,
                                        "the page would replace a document "
                                        "that it is made of"),
                                out);
    }
    if (streams > 1)
        return hp_fail(err, HP_INVALID,
                       "standard input cannot be read more than once");
    if (!out || !strcmp(out, "-"))
        return HP_OK;
    return save_check(out, options_has(&c->opt, OPT_FORCE), err);
}

/* Who gives the folder of a pruned model means the report in it. */
static hp_status explain_folder(hp_status st, const char *path, hp_error *err)
{
    struct stat info;
    int folder = !stat(path, &info) && S_ISDIR(info.st_mode);
    return folder ? hp_fail_hint(err, st,
                                 "a pruned model's report is the "
                                 "headprune.json in its folder")
                  : st;
}

static hp_status read_documents(paper *p, const cli *c, hp_error *err)
{
    p->docs = calloc(c->n_args, sizeof(void *));
    if (!p->docs)
        return hp_fail(err, HP_NOMEM, "no memory for %zu documents", c->n_args);
    for (; p->n_docs < c->n_args; p->n_docs++) {
        hp_status st =
            hp_document_open(&p->docs[p->n_docs], c->args[p->n_docs], err);
        if (st)
            return explain_folder(st, c->args[p->n_docs], err);
    }
    return hp_page_make(&p->page, (const hp_document *const *)p->docs,
                        p->n_docs, err);
}

static hp_status make_folder(const char *path, hp_error *err)
{
    struct stat info;
    if (!mkdir(path, 0777) ||
        (errno == EEXIST && !stat(path, &info) && S_ISDIR(info.st_mode)))
        return HP_OK;
    return hp_fail_file(
        err, hp_fail(err, HP_IO, "cannot make a folder: %s", strerror(errno)),
        path);
}

static hp_status write_figures(paper *p, const cli *c, hp_error *err)
{
    const char *folder = c->opt.value[OPT_SVG].text;
    hp_status st = folder ? make_folder(folder, err) : HP_OK;
    for (size_t i = 0; folder && !st && i < hp_page_n_figures(p->page); i++) {
        const hp_figure *f = hp_page_figure(p->page, i);
        char *path = text_new("%s/%s.svg", folder, f->name);
        if (!path)
            return hp_fail(err, HP_NOMEM, "no memory for a name");
        st = save_check(path, options_has(&c->opt, OPT_FORCE), err);
        if (!st)
            st = save_begin(&p->files[p->n_files++], path, f->svg, f->len, err);
        free(path);
    }
    return st;
}

static hp_status write_page(paper *p, const cli *c, hp_error *err)
{
    const char *out = c->opt.value[OPT_OUTPUT].text;
    size_t len;
    const char *html = hp_page_html(p->page, &len);
    if (!out)
        return HP_OK;
    if (strcmp(out, "-") != 0)
        return save_begin(&p->files[p->n_files++], out, html, len, err);
    fwrite(html, 1, len, stdout); /* main flushes, and sees what fails */
    return HP_OK;
}

static hp_status write_all(paper *p, const cli *c, hp_error *err)
{
    p->files = calloc(hp_page_n_figures(p->page) + 1, sizeof *p->files);
    if (!p->files)
        return hp_fail(err, HP_NOMEM, "no memory for the names of files");
    signals_hold();
    hp_status st = write_figures(p, c, err);
    if (!st)
        st = write_page(p, c, err);
    if (!st && signals_pending())
        st = hp_fail(err, HP_CANCELLED, "cancelled");
    for (size_t i = 0; i < p->n_files && !st; i++)
        st = save_commit(&p->files[i], err);
    for (size_t i = 0; i < p->n_files; i++)
        save_discard(&p->files[i]);
    signals_release();
    return st;
}

static void tell(const paper *p, const cli *c)
{
    const char *out = c->opt.value[OPT_OUTPUT].text;
    const char *folder = c->opt.value[OPT_SVG].text;
    int page = out && strcmp(out, "-") != 0;
    if (c->con.level < 0) {
        if (page || (folder && !out))
            printf("%s\n", page ? out : folder);
        return;
    }
    size_t n = hp_page_n_figures(p->page);
    if (page)
        printf("%s: %zu figure%s of %zu document%s\n", out, n,
               n == 1 ? "" : "s", p->n_docs, p->n_docs == 1 ? "" : "s");
    for (size_t i = 0; folder && (page || !out) && i < n; i++)
        printf("%s/%s.svg\n", folder, hp_page_figure(p->page, i)->name);
}

hp_status cmd_report(cli *c, hp_error *err)
{
    paper p = {0};
    hp_status st;
    if ((st = check_words(c, err)) || (st = read_documents(&p, c, err)) ||
        (st = write_all(&p, c, err)))
        goto done;
    tell(&p, c);
done:
    hp_page_free(p.page);
    for (size_t i = 0; i < p.n_docs; i++)
        hp_document_free(p.docs[i]);
    free(p.docs);
    free(p.files);
    return st;
}
