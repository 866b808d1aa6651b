/* From the path of a checkpoint to its files. */
#include "io/locate.h"
#include "base/buffer.h"
#include "base/utf8.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define INDEX_NAME "model.safetensors.index.json"
/* Lies beside weights and is none. */
#define MASK_NAME "headprune.masks.safetensors"

hp_status hp__join(const char **out, hp__arena *a, const char *folder,
                   const char *name, hp_error *err)
{
    if (strcmp(folder, ".") == 0)
        return hp__arena_strdup(out, a, name, err);
    size_t len = strlen(folder);
    return hp__arena_printf(out, a, err, "%s%s%s", folder,
                            len && folder[len - 1] == '/' ? "" : "/", name);
}

static int ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);
    return n > m && strcmp(name + n - m, end) == 0;
}

/* What a folder without the usual names holds. */
typedef struct listing {
    const char *one; /* a .safetensors file */
    size_t n;
    hp__buffer names;
    int other_weights; /* .bin and the like */
} listing;

static hp_status list_name(listing *l, hp__arena *a, const char *name,
                           hp_error *err)
{
    static const char *const others[] = {".bin", ".pt",   ".pth",    ".ckpt",
                                         ".h5",  ".gguf", ".msgpack"};
    char shown[HP__SHORT];
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (ends_in(name, others[i]))
            l->other_weights = 1;
    if (name[0] == '.' || !ends_in(name, ".safetensors") ||
        strcmp(name, MASK_NAME) == 0)
        return HP_OK;
    if (l->n++ < 4)
        hp__buffer_printf(&l->names, "%s'%s'", l->n > 1 ? ", " : "",
                          hp__shorten_text(shown, name));
    return hp__arena_strdup(&l->one, a, name, err);
}

static hp_status list_folder(listing *l, hp__arena *a, const char *path,
                             hp_error *err)
{
    hp_status st = HP_OK;
    const struct dirent *entry;
    DIR *d = opendir(path);
    if (!d)
        return hp__fail_errno(err, errno, "open");
    while (!st && (entry = readdir(d)))
        st = list_name(l, a, entry->d_name, err);
    closedir(d);
    return st;
}

static hp_status fail_listing(const listing *l, hp_error *err)
{
    hp_status st = HP_IO;
    if (l->n)
        return hp_fail_hint(err,
                            hp_fail(err, HP_FORMAT,
                                    "%zu safetensors files and no index: %s%s",
                                    l->n, l->names.data ? l->names.data : "",
                                    l->n > 4 ? ", ..." : ""),
                            "name the one to use");
    st = hp_fail(err, st, "no %s, no %s and no other .safetensors file",
                 HP__MODEL_NAME, INDEX_NAME);
    if (l->other_weights)
        return hp_fail_hint(err, st, "convert the weights to safetensors");
    return st;
}

static hp_status look_into_folder(hp__place *p, hp__arena *a, hp_error *err)
{
    listing l = {0};
    int has_index = hp__file_exists(p->folder, INDEX_NAME);
    p->name = has_index ? INDEX_NAME : HP__MODEL_NAME;
    p->kind = has_index ? HP__PLACE_INDEX : HP__PLACE_FILE;
    if (hp__file_exists(p->folder, HP__MODEL_NAME)) {
        if (has_index)
            p->kind = HP__PLACE_BOTH;
        return HP_OK;
    }
    if (has_index)
        return HP_OK;
    hp_status st = list_folder(&l, a, p->folder, err);
    if (!st && l.n != 1)
        st = fail_listing(&l, err);
    p->name = l.one;
    hp__buffer_clear(&l.names);
    return st;
}

static hp_status split(hp__place *p, hp__arena *a, const char *path,
                       hp_error *err)
{
    const char *slash = strrchr(path, '/');
    p->name = slash ? slash + 1 : path;
    p->kind = ends_in(p->name, ".json") ? HP__PLACE_INDEX : HP__PLACE_FILE;
    if (!slash)
        return hp__arena_strdup(&p->folder, a, ".", err);
    return hp__arena_printf(&p->folder, a, err, "%.*s",
                            slash == path ? 1 : (int)(slash - path), path);
}

hp_status hp__locate(hp__place *out, hp__arena *a, const char *path,
                     hp_error *err)
{
    hp__place p = {0};
    struct stat s;
    if (strcmp(path, "-") == 0) {
        *out = (hp__place){HP__PLACE_STREAM, NULL, "-"};
        return HP_OK;
    }
    hp_status st = HP_OK;
    if (stat(path, &s)) {
        st = errno == ENOENT ? hp_fail(err, HP_IO, "no such file or folder")
                             : hp__fail_errno(err, errno, "open");
    } else if (S_ISDIR(s.st_mode)) {
        p.folder = path;
        st = look_into_folder(&p, a, err);
    } else {
        st = split(&p, a, path, err);
    }
    if (st)
        return hp_fail_file(err, st, path);
    *out = p;
    return HP_OK;
}
