#ifndef HEADPRUNE_REWRITE_H
#define HEADPRUNE_REWRITE_H

#include "headprune/plan.h"
#include "headprune/refit.h"

/*
 * Applies a plan: writes the pruned checkpoint. The input is never changed.
 */
#ifdef __cplusplus
extern "C" {
#endif

/* Form i of the table, "zero"; NULL past the end. `summary` is one line. The
 * others are for messages: it "zero"s, or has "zeroed", so many bytes "of the
 * output projections" (all NULL: it changes no weights), and what that means.
 */
typedef struct hp_emit {
    const char *name, *summary;
    const char *does, *did, *what;
    const char *outcome;
    int keeps_weights; /* 1: no projection changes, so none can be refitted */
} hp_emit;
const hp_emit *hp_emit_at(size_t i);
const hp_emit *hp_emit_find(const char *name); /* NULL: none of that name */

typedef struct hp_rewrite_options {
    const char *out; /* folder, X.safetensors, or "-": standard output */
    const hp_emit *emit;
    int replace;          /* an existing output may be replaced */
    hp_progress progress; /* unit: bytes of the output */
    /* Of the form "remove": */
    int uniform;        /* as many heads in every block, by config.json alone */
    int no_remote_code; /* nothing that needs code of ours to be loaded */
    /* Of the plan's heads, kept until the rewrite has begun; NULL: kept rows
     * stay as they are. HP_INVALID with a form that changes no weights. */
    const hp_refit *refit;
    /* File that hp_restore_begin needs to make the input again; NULL: none. Not
     * in the output folder. */
    const char *undo;
    int dry_run; /* nothing is written: the rewrite only tells what it would be,
                    and hp_rewrite_commit does nothing */
} hp_rewrite_options;

/* Bands of one tensor that were changed: zeroed or cut. Adjacent heads make
 * one band; bands are in order and do not overlap. */
typedef struct hp_change {
    const hp_tensor *tensor;
    unsigned axis;
    size_t n_bands;
    const uint64_t (*bands)[2]; /* [n_bands] of start, count */
    uint64_t bytes;             /* bytes zeroed or cut */
} hp_change;

typedef struct hp_written {
    const char *file; /* name inside the output folder */
    uint64_t bytes;
    const char *sha256; /* 64 hex digits */
} hp_written;

/*
 * Whether `o->out` can be written for this model, before any long work: the
 * same errors as hp_rewrite_begin, which checks again. HP_UNSUPPORTED: the form
 * does not exist for this model, with one that does. A folder is replaced
 * only when it is a model or output folder (config.json, headprune.json or a
 * .safetensors file in it) without folders inside, and is neither the working
 * folder nor one that the input is read from. An empty folder counts as new; a
 * symbolic link to a folder stands for that folder, and one in place of
 * X.safetensors is itself replaced, not what it points to.
 */
HP_CHECKED
hp_status hp_rewrite_check(const hp_model *m, const hp_rewrite_options *o,
                           hp_error *err);

/* A rewrite that is written and on disk under temporary names, or finished. */
typedef struct hp_rewrite hp_rewrite;

/*
 * Writes everything under temporary names, fsynced. Nothing can be seen at
 * `out` until hp_rewrite_commit; hp_rewrite_free before it leaves no trace.
 * With "-" the bytes go to standard output here. A folder gets the weights
 * (model.safetensors, or the shards and model.safetensors.index.json), the
 * config.json that was used, and the small files of the input's folder
 * (docs/documents.md says which). The model is borrowed until
 * hp_rewrite_free. HP_IO: the output exists and `replace` is 0, is the input
 * itself, or cannot be written; HP_INVALID: a sharded checkpoint into one
 * file, or a head of the plan that the model does not have; HP_CANCELLED:
 * `progress` said so.
 */
HP_CHECKED
hp_status hp_rewrite_begin(hp_rewrite **out, const hp_model *m,
                           const hp_plan *p, const hp_rewrite_options *o,
                           hp_error *err);
/* What was changed and written; borrowed until hp_rewrite_free. */
size_t hp_rewrite_n_changes(const hp_rewrite *r);
int hp_rewrite_cuts(const hp_rewrite *r); /* 1: the bands are left out */
const hp_change *hp_rewrite_change(const hp_rewrite *r, size_t i);
size_t hp_rewrite_n_written(const hp_rewrite *r);
const hp_written *hp_rewrite_written(const hp_rewrite *r, size_t i);
/* What reads the output, ends with NULL; what becomes of size and speed; and
 * what must be known before it is used, or NULL: one line each. */
const char *const *hp_rewrite_loads_in(const hp_rewrite *r);
const char *hp_rewrite_size(const hp_rewrite *r);
const char *hp_rewrite_speed(const hp_rewrite *r);
const char *hp_rewrite_note(const hp_rewrite *r);
/* Class of transformers that loads it with from_pretrained("DIR"ARGUMENTS);
 * NULL: none does. */
const char *hp_rewrite_loader(const hp_rewrite *r, const char **arguments);
/* Adds a small file to the output folder (the report), under its final name
 * `name`; for X.safetensors it lies beside that file, for "-" it is
 * HP_INVALID. It is not among hp_rewrite_written. */
HP_CHECKED
hp_status hp_rewrite_add(hp_rewrite *r, const char *name, const char *bytes,
                         size_t len, hp_error *err);
/* Moves the output into place: a new folder or file appears whole, or the old
 * one stays. HP_IO too when the input was changed meanwhile. */
HP_CHECKED
hp_status hp_rewrite_commit(hp_rewrite *r, hp_error *err);
void hp_rewrite_free(hp_rewrite *r); /* NULL is fine */

typedef enum hp_round { HP_ROUND_NEAREST, HP_ROUND_DOWN, HP_ROUND_UP } hp_round;
/* Heads that every block must keep for the form to be written: 0 or 1. */
size_t hp_rewrite_least(const hp_rewrite_options *o);
/*
 * The plan nearest to `p` that the form can write: heads are ranked anew inside
 * each block, those of `p` first in their order, then the others by rank. What
 * can be written stays as it is. `direction`: down prunes no more heads than
 * `p`, up no fewer. HP_INVALID: more heads would have to go and `p` does not
 * know their ranks; HP_UNSUPPORTED: there is no such plan.
 */
HP_CHECKED
hp_status hp_plan_round(hp_plan **out, const hp_plan *p, const hp_model *m,
                        const hp_rewrite_options *o, hp_round direction,
                        hp_error *err);

typedef struct hp_restore_options {
    const char *undo; /* what hp_rewrite_options.undo wrote */
    const char *out;  /* as in hp_rewrite_options */
    int replace;
    hp_progress progress;
} hp_restore_options;

/*
 * Makes the checkpoint again that `pruned` was made of, byte for byte: files
 * that the pruning copied or changed, under the names that they had. Then
 * hp_rewrite_written, hp_rewrite_commit and hp_rewrite_free, as after
 * hp_rewrite_begin. `pruned` is borrowed. HP_FORMAT: the undo file is none, is
 * damaged or belongs to another checkpoint, or a file of `pruned` was changed
 * since (SHA-256); nothing is written then.
 */
HP_CHECKED
hp_status hp_restore_begin(hp_rewrite **out, const hp_checkpoint *pruned,
                           const hp_restore_options *o, hp_error *err);

#ifdef __cplusplus
}
#endif

#endif
