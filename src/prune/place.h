#ifndef HEADPRUNE_PRUNE_PLACE_H
#define HEADPRUNE_PRUNE_PLACE_H

#include "base/arena.h"
#include "headprune/checkpoint.h"

/*
 * Where an output goes and how a folder gets there whole: it is filled under a
 * hidden name beside its target and changes places with what stands there in
 * one step.
 */
typedef enum hp__place_kind {
    HP__PLACE_STREAM, /* "-" */
    HP__PLACE_FILE,   /* X.safetensors */
    HP__PLACE_FOLDER
} hp__place_kind;

typedef struct hp__place {
    hp__place_kind kind;
    int replace;
    const char *path;   /* as the user gave it */
    const char *parent; /* folder that holds the target */
    const char *name;   /* of the target in it */
    const char *target; /* of a folder: symbolic links resolved */
    const char *temp;   /* the hidden folder; NULL: none (any more) */
} hp__place;

/* Finds out what `path` is and checks that it may be written: everything that
 * hp_rewrite_check says of paths. Strings live in the arena. */
HP_CHECKED
hp_status hp__place_find(hp__place *out, hp__arena *a, const hp_checkpoint *c,
                         const char *path, int replace, hp_error *err);
/* Makes the hidden folder. */
HP_CHECKED
hp_status hp__place_open(hp__place *p, hp__arena *a, hp_error *err);
/* Moves the hidden folder, all files of which are synced, to its target. */
HP_CHECKED
hp_status hp__place_commit(hp__place *p, const hp_checkpoint *c, hp_error *err);
/* Removes the hidden folder, if there is one. */
void hp__place_abandon(hp__place *p);

/* Two folders change places; 0, or -1 and errno. The first is in one step, the
 * second in three, for file systems that cannot (`aside` is free). */
int hp__exchange(const char *one, const char *other);
int hp__exchange_by_moves(const char *one, const char *other,
                          const char *aside);

#endif
