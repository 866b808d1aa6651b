/* NAME of contract and guide: what outputs are called by default. */
#include "cli/output.h"
#include "cli/term/text_new.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The last component of path[0 .. len), trailing slashes ignored. */
static const char *last_name(const char *path, size_t *len)
{
    while (*len && path[*len - 1] == '/')
        --*len;
    size_t start = *len;
    while (start && path[start - 1] != '/')
        start--;
    *len -= start;
    return path + start;
}

static int is_word(const char *name, size_t len, const char *word)
{
    return strlen(word) == len && !strncmp(name, word, len);
}

/* path[0 .. len) is a folder; "." and ".." have a name elsewhere. */
static char *folder_name(const char *path, size_t len)
{
    size_t n = len;
    const char *name = last_name(path, &n);
    if (n && !is_word(name, n, ".") && !is_word(name, n, ".."))
        return text_new("%.*s", (int)n, name);
    char *given = text_new("%.*s", (int)len, path);
    char *real = given ? realpath(given, NULL) : NULL;
    free(given);
    n = real ? strlen(real) : 0;
    name = real ? last_name(real, &n) : "";
    char *out = n ? text_new("%.*s", (int)n, name) : text_new("model");
    free(real);
    return out;
}

char *output_model_name(const char *path)
{
    struct stat info;
    if (!strcmp(path, "-"))
        return text_new("model");
    if (!stat(path, &info) && S_ISDIR(info.st_mode))
        return folder_name(path, strlen(path));
    size_t len = strlen(path);
    const char *name = last_name(path, &len);
    static const char *const ends[] = {".safetensors.index.json",
                                       ".safetensors"};
    for (size_t i = 0; i < 2; i++)
        if (text_ends_with(name, ends[i])) {
            len -= strlen(ends[i]);
            break;
        }
    size_t folder = (size_t)(name - path);
    if (is_word(name, len, "model") && folder && strcmp(path, "./") != 0 &&
        !(folder == 2 && path[0] == '.'))
        return folder_name(path, folder);
    return len ? text_new("%.*s", (int)len, name) : text_new("model");
}
