#ifndef HEADPRUNE_PRUNE_RESTORING_H
#define HEADPRUNE_PRUNE_RESTORING_H

#include "io/json.h"
#include "prune/rewriting.h"

/* The inside of a restoration, shared by the files that do it. */
typedef struct hp__restoring {
    hp_rewrite *r;
    const hp_checkpoint *undo;
    const hp__node *files, *changes; /* of the manifest */
    int removed;                     /* the bands were cut, not zeroed */
} hp__restoring;

/* One file of the manifest. */
typedef struct hp__restored {
    const char *file, *how, *sha256;
    const char *pruned, *pruned_sha256; /* NULL: the output had none */
} hp__restored;

/* Failures of the undo file. */
hp_status hp__undo_fail(const hp__restoring *w, hp_status st, hp_error *err);
hp_status hp__undo_damaged(const hp__restoring *w, const char *what,
                           hp_error *err);
/* A tensor of the undo file, PREFIX + NAME; NULL: it has none. */
const hp_tensor *hp__undo_part(const hp__restoring *w, const char *prefix,
                               const char *name);
/* A file of the pruned checkpoint; the only weights under any name. */
HP_CHECKED
hp_status hp__open_pruned(hp__file *out, const char **path,
                          const hp__restoring *w, const hp__restored *e,
                          hp_error *err);
/* A file of weights into the sink. */
HP_CHECKED
hp_status hp__restore_weights(hp__sink *s, const hp__restoring *w,
                              const hp__restored *e, hp_error *err);

#endif
