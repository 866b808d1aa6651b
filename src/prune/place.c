/* Output paths: what may be written where, and the last step of writing. */
#define _XOPEN_SOURCE 700 /* realpath; NOLINT(cert-dcl51-cpp) */
#include "prune/place.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of the target's name in the hidden one: NAME_MAX is 255. */
#define NAME_SHOWN 200
#define TRIES      1000

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static int same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* ---- what stands there ---- */

static hp_status fail_exists(hp_error *err)
{
    hp_status st = hp_fail(err, HP_IO, "output exists");
    return hp_fail_hint(err, st, "-f replaces it");
}

/* What the entries of a folder say about replacing it. */
typedef struct contents {
    size_t n;
    int is_model;               /* something of headprune or a checkpoint */
    char input[NAME_MAX + 1];   /* an entry that the input is read from */
    char unknown[NAME_MAX + 1]; /* a folder in it, or no file at all */
} contents;

static void look_at(contents *c, const char *folder, const char *name,
                    const hp_checkpoint *input)
{
    char path[PATH_MAX];
    struct stat s;
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    int fits = len > 0 && (size_t)len < sizeof path;
    if (fits && lstat(path, &s) != 0)
        return; /* gone meanwhile */
    c->n++;
    if (!fits || !(S_ISLNK(s.st_mode) || S_ISREG(s.st_mode)))
        snprintf(c->unknown, sizeof c->unknown, "%s", name);
    if (fits && hp_checkpoint_has_file(input, path))
        snprintf(c->input, sizeof c->input, "%s", name);
    if (strcmp(name, "headprune.json") == 0 ||
        strcmp(name, "config.json") == 0 || ends_with(name, ".safetensors"))
        c->is_model = 1;
}

static hp_status list_contents(contents *out, const char *folder,
                               const hp_checkpoint *input, hp_error *err)
{
    *out = (contents){0};
    DIR *d = opendir(folder);
    if (!d)
        return hp__fail_errno(err, errno, "read the folder");
    for (struct dirent *e; (errno = 0, e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            look_at(out, folder, e->d_name, input);
    hp_status st =
        errno ? hp__fail_errno(err, errno, "read the folder") : HP_OK;
    closedir(d);
    return st;
}

/* Whether the folder that stands at the target may give way. */
static hp_status check_contents(const hp__place *p, const hp_checkpoint *input,
                                hp_error *err)
{
    contents c;
    hp_status st = list_contents(&c, p->target, input, err);
    if (st || !c.n)
        return st;
    if (c.input[0]) {
        st = hp_fail(err, HP_IO, "is the input's folder ('%s' is read)",
                     c.input);
        return hp_fail_hint(err, st,
                            "the input is never overwritten; "
                            "give another output with -o");
    }
    if (!p->replace)
        return fail_exists(err);
    if (c.unknown[0])
        st = hp_fail(err, HP_IO, "not replaced: '%s' in it is no plain file",
                     c.unknown);
    else if (!c.is_model)
        st = hp_fail(err, HP_IO,
                     "not replaced: no config.json, headprune.json or "
                     ".safetensors file in it, so it is no model folder");
    return st ? hp_fail_hint(err, st,
                             "remove it yourself, or give another "
                             "output with -o")
              : st;
}

/* ---- finding the place ---- */

static hp_status check_parent(const hp__place *p, hp_error *err)
{
    struct stat s;
    if (stat(p->parent, &s) != 0)
        return errno == ENOENT
                   ? hp_fail(err, HP_IO, "no such folder: '%s'", p->parent)
                   : hp__fail_errno(err, errno, "look into its folder");
    if (!S_ISDIR(s.st_mode))
        return hp_fail(err, HP_IO, "'%s' is not a folder", p->parent);
    if (faccessat(AT_FDCWD, p->parent, W_OK | X_OK, AT_EACCESS) != 0)
        return hp__fail_errno(err, errno, "write in its folder");
    return HP_OK;
}

/* Cuts a path into the folder and the name in it. */
static hp_status split(hp__place *p, hp__arena *a, const char *path,
                       hp_error *err)
{
    char *copy;
    size_t len = strlen(path);
    while (len > 1 && path[len - 1] == '/')
        len--;
    hp_status st = hp__arena_copy(&copy, a, path, len, err);
    if (st)
        return st;
    char *slash = strrchr(copy, '/');
    p->target = path;
    p->name = slash ? slash + 1 : copy;
    if (!slash)
        return hp__arena_strdup(&p->parent, a, ".", err);
    if (slash == copy)
        return hp__arena_strdup(&p->parent, a, "/", err);
    /* The name keeps standing behind the cut. */
    *slash = '\0';
    p->parent = copy;
    return HP_OK;
}

static hp_status find_file(hp__place *p, hp__arena *a, const hp_checkpoint *c,
                           hp_error *err)
{
    struct stat s;
    hp_status st = split(p, a, p->path, err);
    if (!st)
        st = check_parent(p, err);
    if (!st && strcmp(p->name, "model.safetensors") == 0 &&
        hp__file_exists(p->parent, "model.safetensors.index.json"))
        st = hp_fail(err, HP_IO,
                     "an index stands beside it: loaders would read one of "
                     "two models");
    if (st)
        return st;
    if (lstat(p->path, &s) != 0)
        return errno == ENOENT ? HP_OK : hp__fail_errno(err, errno, "create");
    if (hp_checkpoint_has_file(c, p->path)) {
        st = hp_fail(err, HP_IO, "is the input itself");
        return hp_fail_hint(err, st,
                            "the input is never overwritten; "
                            "give another output with -o");
    }
    if (S_ISLNK(s.st_mode) && stat(p->path, &s) != 0)
        return p->replace ? HP_OK : fail_exists(err);
    if (S_ISDIR(s.st_mode))
        return hp_fail(err, HP_IO,
                       "is a folder, but an output that ends in "
                       ".safetensors is one file");
    if (!S_ISREG(s.st_mode))
        return hp_fail(err, HP_IO, "not a regular file");
    return p->replace ? HP_OK : fail_exists(err);
}

/* A folder that stands there: the real one, through all links. */
static hp_status resolve(hp__place *p, hp__arena *a, const struct stat *s,
                         hp_error *err)
{
    struct stat other;
    char *real = realpath(p->path, NULL);
    if (!real)
        return hp__fail_errno(err, errno, "resolve the path");
    const char *copy = NULL;
    hp_status st = hp__arena_strdup(&copy, a, real, err);
    free(real);
    if (!st)
        st = split(p, a, copy, err);
    if (st)
        return st;
    if (stat(".", &other) == 0 && same_file(&other, s))
        st = hp_fail(err, HP_IO, "is the working folder");
    else if (!*p->name ||
             (stat(p->parent, &other) == 0 && other.st_dev != s->st_dev))
        st = hp_fail(err, HP_IO, "is a mount point and cannot be replaced");
    return st ? hp_fail_hint(err, st, "give a folder in it") : st;
}

static hp_status find_folder(hp__place *p, hp__arena *a, const hp_checkpoint *c,
                             hp_error *err)
{
    struct stat s;
    hp_status st = HP_OK;
    if (stat(p->path, &s) != 0) {
        int number = errno;
        if (lstat(p->path, &s) == 0)
            return hp_fail(err, HP_IO, "a symbolic link that leads nowhere");
        if (number != ENOENT && number != ENOTDIR)
            return hp__fail_errno(err, number, "create");
        st = split(p, a, p->path, err);
        return st ? st : check_parent(p, err);
    }
    if (!S_ISDIR(s.st_mode)) {
        st = hp_fail(err, HP_IO, "exists and is not a folder");
        return hp_fail_hint(err, st,
                            "the output is a folder, a file that "
                            "ends in .safetensors, or -");
    }
    st = resolve(p, a, &s, err);
    if (!st)
        st = check_parent(p, err);
    return st ? st : check_contents(p, c, err);
}

hp_status hp__place_find(hp__place *out, hp__arena *a, const hp_checkpoint *c,
                         const char *path, int replace, hp_error *err)
{
    hp_status st;
    *out = (hp__place){HP__PLACE_STREAM, replace, path, NULL, NULL, NULL, NULL};
    if (!*path)
        return hp_fail(err, HP_INVALID, "the output has an empty name");
    if (strcmp(path, "-") == 0)
        return HP_OK;
    if (ends_with(path, ".safetensors")) {
        out->kind = HP__PLACE_FILE;
        st = find_file(out, a, c, err);
    } else {
        out->kind = HP__PLACE_FOLDER;
        st = find_folder(out, a, c, err);
    }
    return st ? hp_fail_file(err, st, path) : st;
}

/* ---- the hidden folder ---- */

hp_status hp__place_open(hp__place *p, hp__arena *a, hp_error *err)
{
    struct stat s;
    for (unsigned i = 0; i < TRIES; i++) {
        const char *temp;
        hp_status st =
            hp__arena_printf(&temp, a, err, "%s/.%.*s.headprune-%ld-%u",
                             p->parent, NAME_SHOWN, p->name, (long)getpid(), i);
        if (st)
            return st;
        if (mkdir(temp, 0777) == 0) {
            p->temp = temp;
            /* A folder that is replaced lends its mode. */
            if (stat(p->target, &s) == 0 && chmod(temp, s.st_mode & 0777) != 0)
                break;
            return HP_OK;
        }
        if (errno != EEXIST)
            break;
    }
    return hp_fail_file(err, hp__fail_errno(err, errno, "make a folder"),
                        p->path);
}

/* Files only: nothing that headprune did not put there. */
static int remove_folder(const char *folder)
{
    DIR *d = opendir(folder);
    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    return rmdir(folder);
}

static int cannot_exchange(int number)
{
    return number == ENOSYS || number == EINVAL || number == EOPNOTSUPP;
}

/* What stands at the target gives way. */
static hp_status change_places(hp__place *p, hp_error *err)
{
    char aside[PATH_MAX];
    if (hp__exchange(p->temp, p->target) == 0)
        return HP_OK;
    snprintf(aside, sizeof aside, "%s-old", p->temp);
    if (cannot_exchange(errno) &&
        hp__exchange_by_moves(p->temp, p->target, aside) == 0)
        return HP_OK;
    return hp__fail_errno(err, errno, "move the output into place");
}

static hp_status move_in(hp__place *p, const hp_checkpoint *c, hp_error *err)
{
    /* Enough where nothing stands there, or an empty folder. */
    if (rename(p->temp, p->target) == 0) {
        p->temp = NULL;
        return HP_OK;
    }
    if (errno != ENOTEMPTY && errno != EEXIST)
        return hp__fail_errno(err, errno, "move the output into place");
    /* It may have come, or changed, since the first look. */
    hp_status st = check_contents(p, c, err);
    return st ? st : change_places(p, err);
}

hp_status hp__place_commit(hp__place *p, const hp_checkpoint *c, hp_error *err)
{
    hp_status st = hp__folder_sync(p->temp, err);
    if (!st)
        st = move_in(p, c, err);
    if (st)
        return hp_fail_file(err, st, p->path);
    st = hp__folder_sync(p->parent, err);
    if (p->temp && remove_folder(p->temp) != 0 && !st)
        st = hp_fail(err, HP_IO,
                     "the output is in place, but the old one is left in "
                     "'%s'",
                     p->temp);
    p->temp = NULL;
    return st ? hp_fail_file(err, st, p->path) : st;
}

void hp__place_abandon(hp__place *p)
{
    if (p->temp)
        remove_folder(p->temp);
    p->temp = NULL;
}
