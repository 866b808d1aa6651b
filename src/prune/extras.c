/*
 * Which files of the input's folder go along: tokenizer, generation settings,
 * model card, licence. Not weights in any format (they would be the unpruned
 * ones), not their indexes, nothing hidden, nothing large, no folders.
 */
#include "prune/rewriting.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LARGEST ((uint64_t)64 << 20)

static const char *const weights[] = {
    ".safetensors", ".index.json", ".bin",  ".pt",     ".pth",    ".ckpt",
    ".h5",          ".msgpack",    ".gguf", ".ggml",   ".onnx",   ".onnx_data",
    ".ot",          ".npz",        ".npy",  ".tflite", ".mlmodel"};

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* 1: the form puts a file of that name there, or wants none. */
static int is_added(const hp_rewrite *r, const char *name)
{
    if (r->edition.left_out && strcmp(r->edition.left_out, name) == 0)
        return 1;
    for (size_t i = 0; i < r->edition.n_added; i++)
        if (strcmp(r->edition.added[i].name, name) == 0)
            return 1;
    return 0;
}

static int goes_along(const hp_rewrite *r, const char *name)
{
    /* config.json is written from what was used; the report is this run's. */
    if (name[0] == '.' || strcmp(name, "config.json") == 0 ||
        strcmp(name, "headprune.json") == 0 || is_added(r, name))
        return 0;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        if (ends_with(name, weights[i]))
            return 0;
    return 1;
}

static int by_name(const void *a, const void *b)
{
    const hp__extra *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static hp_status push(hp_rewrite *r, size_t *room, const char *name,
                      uint64_t size, hp_error *err)
{
    hp_status st = HP_OK;
    if (r->n_extras == *room) {
        hp__extra *more;
        st = hp__arena_alloc(&more, &r->arena, 2 * *room + 16, sizeof *more,
                             err);
        if (st)
            return st;
        if (r->n_extras)
            memcpy(more, r->extras, r->n_extras * sizeof *more);
        *room = 2 * *room + 16;
        r->extras = more;
    }
    hp__extra *one = &r->extras[r->n_extras];
    st = hp__arena_strdup(&one->name, &r->arena, name, err);
    one->size = size;
    r->n_extras += !st;
    return st;
}

/* Follows symbolic links: in a download cache every file is one. */
static int is_small(const char *folder, const char *name, uint64_t *size)
{
    char path[PATH_MAX];
    struct stat s;
    int len = snprintf(path, sizeof path, "%s/%s", folder, name);
    if (len < 0 || (size_t)len >= sizeof path || stat(path, &s) != 0)
        return 0;
    *size = (uint64_t)s.st_size;
    return S_ISREG(s.st_mode) && *size <= LARGEST;
}

hp_status hp__extras_find(hp_rewrite *r, hp_error *err)
{
    const char *folder = hp_checkpoint_folder(r->checkpoint);
    /* Without a config.json it is a folder of other things, downloads say. */
    if (!folder || !hp__file_exists(folder, "config.json"))
        return HP_OK;
    DIR *d = opendir(folder);
    if (!d)
        return hp_fail_file(err, hp__fail_errno(err, errno, "read the folder"),
                            folder);
    hp_status st = HP_OK;
    size_t room = 0;
    uint64_t size;
    for (struct dirent *e; !st && (e = readdir(d));)
        if (goes_along(r, e->d_name) && is_small(folder, e->d_name, &size))
            st = push(r, &room, e->d_name, size, err);
    closedir(d);
    if (r->n_extras)
        qsort(r->extras, r->n_extras, sizeof *r->extras, by_name);
    return st;
}
