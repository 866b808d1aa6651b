/* Which files make the tokenizer of a path. */
#include "text/tokenizer.h"
#include "io/file.h"
#include "text/characters.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FILE_MOST ((size_t)256 << 20)
#define CHUNK     ((size_t)64 << 10)

static hp_status slurp(char **text, size_t *len, const char *path,
                       hp_error *err)
{
    static const char pointer[] = "version https://git-lfs";
    hp_status st = hp__file_slurp(text, len, path, FILE_MOST, err);
    if (!st && strncmp(*text, pointer, sizeof pointer - 1) == 0)
        st = hp_fail(err, HP_FORMAT,
                     "a git-lfs pointer, not the tokenizer itself");
    return st;
}

static hp_status open_json(hp_tokenizer *t, const char *path, uint32_t vocab,
                           hp_error *err)
{
    char *text = NULL;
    size_t len = 0;
    hp_status st = slurp(&text, &len, path, err);
    if (!st)
        st = hp__tokenizer_read_json(t, text, len, vocab, err);
    free(text);
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
    return st ? st : hp__json_open(out, path, FILE_MOST, err);
}

static hp_status fail_none(const char *what, hp_error *err)
{
    hp_status st = hp_fail(err, HP_FORMAT, "%s", what);
    return hp_fail_hint(err, st,
                        "give token ids with --tokens FILE, or the tokenizer "
                        "with --tokenizer FILE");
}

/* ---- kinds of files ---- */

static hp_status open_spm(hp_tokenizer *t, const char *folder, const char *name,
                          uint32_t vocab, hp_error *err)
{
    const char *path = NULL;
    char *bytes = NULL;
    hp__json *config = NULL;
    size_t len = 0;
    hp_status st = open_config(&config, t, folder, err);
    if (!st)
        st = hp__arena_printf(&path, &t->arena, err, "%s%s", folder, name);
    if (st)
        return st;
    st = slurp(&bytes, &len, path, err);
    if (!st)
        st = hp__tokenizer_read_spm(
            t, bytes, len, config ? hp__json_root(config) : NULL, vocab, err);
    free(bytes);
    hp__json_free(config);
    return st ? hp_fail_file(err, st, path) : HP_OK;
}

static hp_status open_bpe(hp_tokenizer *t, const char *folder, const char *name,
                          uint32_t vocab, hp_error *err)
{
    (void)name;
    hp__json *config = NULL;
    hp_status st = open_config(&config, t, folder, err);
    if (!st)
        st = hp__tokenizer_read_bpe(
            t, folder, config ? hp__json_root(config) : NULL, vocab, err);
    hp__json_free(config);
    return st;
}

static hp_status open_wordpiece(hp_tokenizer *t, const char *folder,
                                const char *name, uint32_t vocab, hp_error *err)
{
    const char *path = NULL;
    hp__json *config = NULL;
    hp_status st = open_config(&config, t, folder, err);
    if (!st)
        st = hp__arena_printf(&path, &t->arena, err, "%s%s", folder, name);
    if (!st)
        st = hp__tokenizer_read_wordpiece(
            t, path, config ? hp__json_root(config) : NULL, vocab, err);
    hp__json_free(config);
    return st;
}

static hp_status open_fast(hp_tokenizer *t, const char *folder,
                           const char *name, uint32_t vocab, hp_error *err)
{
    const char *path = NULL;
    hp_status st =
        hp__arena_printf(&path, &t->arena, err, "%s%s", folder, name);
    return st ? st : open_json(t, path, vocab, err);
}

/* What a folder is searched for, in this order. vocab.json and merges.txt mean
 * both of them. */
static const struct {
    const char *name;
    hp_status (*open)(hp_tokenizer *t, const char *folder, const char *name,
                      uint32_t vocab, hp_error *err);
} files[] = {
    {"tokenizer.json", open_fast}, {"tokenizer.model", open_spm},
    {"spiece.model", open_spm},    {"sentencepiece.bpe.model", open_spm},
    {"vocab.json", open_bpe},      {"vocab.txt", open_wordpiece},
};

/* `folder` ends in '/', or is "". */
static hp_status open_folder(hp_tokenizer *t, const char *folder,
                             uint32_t vocab, hp_error *err)
{
    const char *look = *folder ? folder : ".";
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        if (!hp__file_exists(look, files[i].name))
            continue;
        if (files[i].open == open_bpe && !hp__file_exists(look, "merges.txt"))
            return fail_none("vocab.json without merges.txt", err);
        return files[i].open(t, folder, files[i].name, vocab, err);
    }
    return fail_none("no tokenizer: neither tokenizer.json nor a "
                     "SentencePiece model nor vocab.json with merges.txt "
                     "nor vocab.txt",
                     err);
}

static int ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

/* A file of any name: .model, .txt, or else a tokenizer.json. */
static hp_status open_file(hp_tokenizer *t, const char *path, uint32_t vocab,
                           hp_error *err)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    char *folder = NULL;
    hp_status st =
        hp__arena_copy(&folder, &t->arena, path, (size_t)(name - path), err);
    if (st)
        return st;
    if (strcmp(name, "vocab.json") == 0 || strcmp(name, "merges.txt") == 0)
        return open_bpe(t, folder, name, vocab, err);
    if (ends_with(name, ".txt"))
        return open_wordpiece(t, folder, name, vocab, err);
    if (ends_with(name, ".model"))
        return open_spm(t, folder, name, vocab, err);
    return open_json(t, path, vocab, err);
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

/* Whether text can go through in pieces cut before a space that follows
 * something else. */
static int can_be_cut(const hp_tokenizer *t)
{
    const hp__normalizers *n = &t->normalizers;
    const hp__splitters *p = &t->splitters;
    if (n->whole || p->whole || (n->loose && (p->tight || p->words)))
        return 0;
    return p->words ? n->marks || p->marks : p->cuts && !n->marks && !p->marks;
}

/* Where no merge joins words, they can be merged one by one. */
static hp_status cut_words(hp_tokenizer *t, hp_error *err)
{
    const hp__subword *m = &t->subword;
    int apart =
        m->merges && !m->crosses_words && !m->ignore_merges &&
        hp__vocab_find(&t->vocab, HP__WORD_MARK, sizeof HP__WORD_MARK - 1) >= 0;
    return apart ? hp__splitters_words(&t->splitters, err) : HP_OK;
}

static hp_status finish(hp_tokenizer **out, hp_tokenizer *t, hp_status st,
                        hp_error *err)
{
    if (!st)
        st = cut_words(t, err);
    if (st) {
        hp_tokenizer_free(t);
        return st;
    }
    t->chunk = can_be_cut(t) ? CHUNK : 0;
    *out = t;
    return HP_OK;
}

static hp_status make(hp_tokenizer **out, hp_error *err)
{
    hp_status st = hp__new(out, 1, sizeof **out, err);
    if (st)
        return st;
    (*out)->normalizers.arena = (*out)->splitters.arena = &(*out)->arena;
    return HP_OK;
}

hp_status hp_tokenizer_open(hp_tokenizer **out, const char *path,
                            uint32_t vocab, hp_error *err)
{
    hp_tokenizer *t = NULL;
    *out = NULL;
    hp_status st = make(&t, err);
    return st ? st : finish(out, t, open_path(t, path, vocab, err), err);
}

hp_status hp__tokenizer_parse(hp_tokenizer **out, const char *json, size_t len,
                              uint32_t vocab, hp_error *err)
{
    hp_tokenizer *t = NULL;
    *out = NULL;
    hp_status st = make(&t, err);
    return st ? st
              : finish(out, t,
                       hp__tokenizer_read_json(t, json, len, vocab, err), err);
}

hp_status hp__tokenizer_parse_spm(hp_tokenizer **out, const char *bytes,
                                  size_t len, uint32_t vocab, hp_error *err)
{
    hp_tokenizer *t = NULL;
    *out = NULL;
    hp_status st = make(&t, err);
    return st ? st
              : finish(out, t,
                       hp__tokenizer_read_spm(t, bytes, len, NULL, vocab, err),
                       err);
}

const hp_special *hp_tokenizer_special(const hp_tokenizer *t)
{
    return &t->special;
}

void hp_tokenizer_free(hp_tokenizer *t)
{
    if (!t)
        return;
    hp__normalizers_clear(&t->normalizers);
    hp__splitters_clear(&t->splitters);
    hp__arena_clear(&t->arena);
    free(t);
}
