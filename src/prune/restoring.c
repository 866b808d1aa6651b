/* What a restoration reads: parts of the undo file, and pruned files. */
#include "prune/restoring.h"

#include <stdio.h>
#include <string.h>

hp_status hp__undo_fail(const hp__restoring *w, hp_status st, hp_error *err)
{
    return hp_fail_file(err, st, hp_checkpoint_path(w->undo));
}

hp_status hp__undo_damaged(const hp__restoring *w, const char *what,
                           hp_error *err)
{
    return hp__undo_fail(
        w, hp_fail(err, HP_FORMAT, "the undo file is damaged: %s", what), err);
}

const hp_tensor *hp__undo_part(const hp__restoring *w, const char *prefix,
                               const char *name)
{
    char text[512];
    int len = snprintf(text, sizeof text, "%s%s", prefix, name);
    const hp_tensor *t = NULL;
    if (len > 0 && (size_t)len < sizeof text)
        t = hp_checkpoint_find(w->undo, text);
    return t && strcmp(t->dtype_name, "U8") == 0 ? t : NULL;
}

hp_status hp__open_pruned(hp__file *out, const char **path,
                          const hp__restoring *w, const hp__restored *e,
                          hp_error *err)
{
    const hp_checkpoint *c = w->r->checkpoint;
    int only = strcmp(e->how, "weights") == 0 && !hp_checkpoint_index_name(c);
    hp_status st = HP_OK;
    *out = (hp__file){.fd = -1};
    if (only)
        *path = hp_checkpoint_shard(c, 0)->path;
    else
        st = hp__arena_printf(path, &w->r->arena, err, "%s/%s",
                              hp_checkpoint_folder(c), e->pruned);
    return st ? st : hp__file_open(out, *path, err);
}
