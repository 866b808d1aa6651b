/* The Python file that goes with checkpoints whose blocks are uneven. */
#include "prune/modeling.h"

hp_status hp__modeling_add(hp__edition *out, hp__arena *a, hp_error *err)
{
    hp__added *file;
    hp_status st = hp__arena_alloc(&file, a, 1, sizeof *file, err);
    if (st)
        return st;
    *file = (hp__added){HP__MODELING_NAME, (const char *)hp__modeling,
                        hp__modeling_len};
    out->added = file;
    out->n_added = 1;
    return HP_OK;
}
