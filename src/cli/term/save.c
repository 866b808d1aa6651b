#include "cli/term/save.h"
#include "cli/term/text_new.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static hp_status fail(hp_error *err, const char *path, const char *what)
{
    hp_status st = hp_fail(err, HP_IO, "cannot %s: %s", what, strerror(errno));
    return hp_fail_file(err, st, path);
}

hp_status save_check(const char *path, int replace, hp_error *err)
{
    struct stat info;
    if (!stat(path, &info)) {
        if (S_ISDIR(info.st_mode)) {
            errno = EISDIR;
            return fail(err, path, "write");
        }
        if (replace || !S_ISREG(info.st_mode))
            return HP_OK;
        hp_status st = hp_fail(err, HP_IO, "exists already");
        hp_fail_file(err, st, path);
        return hp_fail_hint(err, st, "-f replaces it");
    }
    const char *slash = strrchr(path, '/');
    char *folder =
        slash ? text_new("%.*s", (int)(slash - path + 1), path) : text_new(".");
    int there = folder && !access(folder, W_OK | X_OK);
    free(folder);
    return there ? HP_OK : fail(err, path, "write");
}

static int write_bytes(int fd, const char *bytes, size_t len)
{
    while (len) {
        ssize_t n = write(fd, bytes, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return 0;
        bytes += n;
        len -= (size_t)n;
    }
    return 1;
}

static hp_status write_device(const char *path, const char *bytes, size_t len,
                              hp_error *err)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return fail(err, path, "open");
    int ok = write_bytes(fd, bytes, len);
    int saved = errno;
    if (close(fd) && ok) {
        ok = 0;
        saved = errno;
    }
    errno = saved;
    return ok ? HP_OK : fail(err, path, "write");
}

hp_status save_begin(save_file *f, const char *path, const char *bytes,
                     size_t len, hp_error *err)
{
    struct stat info;
    if (!stat(path, &info) && !S_ISREG(info.st_mode))
        return write_device(path, bytes, len, err);
    f->path = text_new("%s", path);
    char *name = text_new("%s.tmp%ld", path, (long)getpid());
    if (!f->path || !name) {
        free(name);
        return hp_fail(err, HP_NOMEM, "no memory for a name");
    }
    int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        free(name);
        return fail(err, path, "create");
    }
    f->temporary = name;
    int ok = write_bytes(fd, bytes, len) && !fsync(fd);
    int saved = errno;
    if (close(fd) && ok) {
        ok = 0;
        saved = errno;
    }
    errno = saved;
    return ok ? HP_OK : fail(err, path, "write");
}

hp_status save_commit(save_file *f, hp_error *err)
{
    if (!f->temporary)
        return HP_OK;
    if (rename(f->temporary, f->path))
        return fail(err, f->path, "rename to");
    free(f->temporary);
    f->temporary = NULL;
    return HP_OK;
}

void save_discard(save_file *f)
{
    if (f->temporary)
        unlink(f->temporary);
    free(f->temporary);
    free(f->path);
    *f = (save_file){0};
}
