/* Which files make the tokenizer of a path. */
#include "text/tokenizer.h"
#include "io/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define JSON_MOST ((size_t)256 << 20)
#define CHUNK     ((size_t)64 << 10)

static hp_status open_json(hp_tokenizer *t, const char *path, uint32_t vocab,
                           hp_error *err)
{
    hp__json *json = NULL;
    hp_status st = hp__json_open(&json, path, JSON_MOST, err);
    if (!st)
        st = hp__tokenizer_read_json(t, hp__json_root(json), vocab, err);
    hp__json_free(json);
    return st ? hp_fail_file(err, st, path) : HP_OK;
}

/* tokenizer_config.json, which may be absent (*out NULL). */
static hp_status open_config(hp__json **out, hp_tokenizer *t,
                             const char *folder, hp_error *err)
{
    const char *path = NULL;
    *out = NULL;
    if (!hp__file_exists(*folder ? folder : ".", "tokenizer_config.json"))
        return HP_OK;
    hp_status st = hp__arena_printf(&path, &t->arena, err,
                                    "%stokenizer_config.json", folder);
    return st ? st : hp__json_open(out, path, JSON_MOST, err);
}

static hp_status fail_none(const char *what, hp_error *err)
{
    hp_status st = hp_fail(err, HP_FORMAT, "%s", what);
    return hp_fail_hint(err, st,
                        "give token ids with --tokens FILE, or the tokenizer "
                        "with --tokenizer FILE");
}

/* `folder` ends in '/', or is "". */
static hp_status open_folder(hp_tokenizer *t, const char *folder,
                             uint32_t vocab, hp_error *err)
{
    const char *path = NULL, *look = *folder ? folder : ".";
    hp__json *config = NULL;
    hp_status st = HP_OK;
    if (hp__file_exists(look, "tokenizer.json")) {
        st =
            hp__arena_printf(&path, &t->arena, err, "%stokenizer.json", folder);
        return st ? st : open_json(t, path, vocab, err);
    }
    int bpe = hp__file_exists(look, "vocab.json");
    if (!bpe && !hp__file_exists(look, "vocab.txt"))
        return fail_none("no tokenizer: neither tokenizer.json nor vocab.json "
                         "with merges.txt nor vocab.txt",
                         err);
    if (bpe && !hp__file_exists(look, "merges.txt"))
        return fail_none("vocab.json without merges.txt", err);
    st = open_config(&config, t, folder, err);
    const hp__node *root = config ? hp__json_root(config) : NULL;
    if (!st && bpe)
        st = hp__tokenizer_read_bpe(t, folder, root, vocab, err);
    else if (!st)
        st = hp__arena_printf(&path, &t->arena, err, "%svocab.txt", folder);
    if (!st && !bpe)
        st = hp__tokenizer_read_wordpiece(t, path, root, vocab, err);
    hp__json_free(config);
    return st;
}

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* vocab.json and merges.txt mean both of them; another .txt is a vocab.txt. */
static hp_status open_file(hp_tokenizer *t, const char *path, uint32_t vocab,
                           hp_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *folder = NULL;
    hp__json *config = NULL;
    int bpe =
        strcmp(name, "vocab.json") == 0 || strcmp(name, "merges.txt") == 0;
    if (!bpe && !ends_with(name, ".txt"))
        return open_json(t, path, vocab, err);
    hp_status st =
        hp__arena_copy(&folder, &t->arena, path, (size_t)(name - path), err);
    if (!st)
        st = open_config(&config, t, folder, err);
    const hp__node *root = config ? hp__json_root(config) : NULL;
    if (!st && bpe)
        st = hp__tokenizer_read_bpe(t, folder, root, vocab, err);
    else if (!st)
        st = hp__tokenizer_read_wordpiece(t, path, root, vocab, err);
    hp__json_free(config);
    return st;
}

static hp_status open_path(hp_tokenizer *t, const char *path, uint32_t vocab,
                           hp_error *err)
{
    struct stat s;
    const char *folder = NULL;
    if (stat(path, &s) != 0 || !S_ISDIR(s.st_mode))
        return open_file(t, path, vocab, err);
    hp_status st = hp__arena_printf(&folder, &t->arena, err, "%s%s", path,
                                    ends_with(path, "/") ? "" : "/");
    if (!st)
        st = open_folder(t, folder, vocab, err);
    return st ? hp_fail_file(err, st, path) : HP_OK;
}

static hp_status finish(hp_tokenizer **out, hp_tokenizer *t, hp_status st)
{
    if (st) {
        hp_tokenizer_free(t);
        return st;
    }
    int cut = t->splitters.n && !t->splitters.whole;
    t->chunk = cut ? CHUNK : 0;
    *out = t;
    return HP_OK;
}

hp_status hp_tokenizer_open(hp_tokenizer **out, const char *path,
                            uint32_t vocab, hp_error *err)
{
    hp_tokenizer *t = NULL;
    *out = NULL;
    hp_status st = hp__new(&t, 1, sizeof *t, err);
    if (st)
        return st;
    return finish(out, t, open_path(t, path, vocab, err));
}

hp_status hp__tokenizer_parse(hp_tokenizer **out, const char *json, size_t len,
                              uint32_t vocab, hp_error *err)
{
    hp_tokenizer *t = NULL;
    hp__json *j = NULL;
    *out = NULL;
    hp_status st = hp__new(&t, 1, sizeof *t, err);
    if (st)
        return st;
    st = hp__json_parse(&j, json, len, err);
    if (!st)
        st = hp__tokenizer_read_json(t, hp__json_root(j), vocab, err);
    hp__json_free(j);
    return finish(out, t, st);
}

const hp_special *hp_tokenizer_special(const hp_tokenizer *t)
{
    return &t->special;
}

void hp_tokenizer_free(hp_tokenizer *t)
{
    if (!t)
        return;
    hp__splitters_clear(&t->splitters);
    hp__arena_clear(&t->arena);
    free(t);
}
