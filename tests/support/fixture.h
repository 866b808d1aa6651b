#ifndef HEADPRUNE_TESTS_FIXTURE_H
#define HEADPRUNE_TESTS_FIXTURE_H

#include <stddef.h>

/*
 * Small checkpoints and folders for tests. Values are pseudo-random, the same
 * on every machine, never zero, and exact in every dtype. What goes wrong here
 * fails the running test.
 */
typedef struct fixture {
    const char *model_type; /* "gpt2" or "bert" */
    unsigned layers, heads, head_dim, vocab, positions;
    const char *dtype; /* "F32", "F16", "BF16", "F64" */
    unsigned shards;   /* 1: model.safetensors, else shards and an index */
} fixture;

/* GPT-2 has output projections [in, out], BERT [out, in]. */
#define FIXTURE_GPT2 ((fixture){"gpt2", 2, 4, 8, 40, 16, "F32", 1})
#define FIXTURE_BERT ((fixture){"bert", 2, 4, 8, 40, 16, "F32", 1})

/* A new empty folder in TMPDIR; removed and freed by fixture_remove. */
char *fixture_folder(void);
void fixture_remove(char *folder); /* NULL is fine */
/* Removes what stands at a path, folders with all they hold; absent is fine. */
void fixture_unlink(const char *path);

/* Weights and config.json of `f` into a folder, which is made if need be. */
void fixture_write(const char *folder, const fixture *f);

/* The weights and config.json of another folder. */
void fixture_copy(const char *folder, const char *from);

/* "FOLDER/NAME", freed by free(). */
char *fixture_path(const char *folder, const char *name);
void fixture_put(const char *folder, const char *name, const void *bytes,
                 size_t len);
void fixture_put_text(const char *folder, const char *name, const char *text);
/* All bytes of a file, NUL-terminated, freed by free(). `len` may be NULL. */
char *fixture_read(const char *path, size_t *len);
/* 1: both files hold the same bytes. */
int fixture_same(const char *path, const char *other);
/* Entries of a folder, hidden ones too, "." and ".." not. */
size_t fixture_count(const char *folder);

#endif
