#ifndef HEADPRUNE_IO_LOCATE_H
#define HEADPRUNE_IO_LOCATE_H

#include "base/arena.h"

/* Which files a path given for a checkpoint stands for. */
typedef enum hp__place_kind {
    HP__PLACE_STREAM,
    HP__PLACE_FILE,
    HP__PLACE_INDEX,
    HP__PLACE_BOTH /* model.safetensors and an index in one folder */
} hp__place_kind;

typedef struct hp__place {
    hp__place_kind kind;
    const char *folder; /* NULL for a stream */
    const char *name;   /* in the folder: of the file, or of the index */
} hp__place;

#define HP__MODEL_NAME "model.safetensors"

HP_CHECKED
hp_status hp__locate(hp__place *out, hp__arena *a, const char *path,
                     hp_error *err);
/* "folder/name", or the name alone in ".", where the path had no folder. */
HP_CHECKED
hp_status hp__join(const char **out, hp__arena *a, const char *folder,
                   const char *name, hp_error *err);

#endif
