/* What an undo file says of files and bands. */
#include "io/emit_json.h"
#include "prune/undo_parts.h"

#include "headprune/version.h"

#include <string.h>

static const char no_hash[] =
    "0000000000000000000000000000000000000000000000000000000000000000";

/* Of a file that was written, once it was. */
static const char *written_hash(const hp_rewrite *r, const char *name)
{
    for (size_t i = 0; name && i < r->n_written; i++)
        if (strcmp(r->written[i].file, name) == 0)
            return r->written[i].sha256;
    return name ? no_hash : NULL;
}

const char *hp__undo_output_name(const hp_rewrite *r, size_t i)
{
    if (r->place.kind != HP__PLACE_FOLDER)
        return r->place.name ? r->place.name : "-";
    return hp_checkpoint_index_name(r->checkpoint)
               ? hp_checkpoint_shard(r->checkpoint, i)->name
               : "model.safetensors";
}

/* `pruned` NULL: the output has no such file. */
static void put_file(hp__emitter *e, const hp_rewrite *r, const char *name,
                     const char *how, const char *sha256, const char *pruned)
{
    hp__emit_object(e, NULL, 1);
    hp__emit_string(e, "file", name);
    hp__emit_string(e, "how", how);
    hp__emit_string(e, "sha256", sha256);
    hp__emit_string(e, "pruned", pruned);
    hp__emit_string(e, "pruned_sha256", written_hash(r, pruned));
    hp__emit_end(e);
}

static void put_files(hp__emitter *e, const hp__undo *u, const hp_rewrite *r)
{
    int folder = r->place.kind == HP__PLACE_FOLDER;
    const char *index = hp_checkpoint_index_name(r->checkpoint);
    size_t len = 0;
    hp__emit_array(e, "files", 0);
    for (size_t i = 0; i < hp_checkpoint_n_shards(r->checkpoint); i++) {
        const char *name = hp_checkpoint_shard(r->checkpoint, i)->name;
        put_file(e, r, strcmp(name, "-") == 0 ? "model.safetensors" : name,
                 "weights", u->shards[i][0] ? u->shards[i] : no_hash,
                 hp__undo_output_name(r, i));
    }
    for (size_t i = 0; i < u->n_files; i++) {
        const char *name = u->files[i].name;
        int renamed = index && strcmp(name, index) == 0;
        int there = renamed || strcmp(name, "config.json") == 0;
        put_file(e, r, name, "stored", u->files[i].sha256,
                 !there    ? NULL
                 : renamed ? "model.safetensors.index.json"
                           : name);
    }
    if (folder && index && !r->edition.cut)
        put_file(e, r, index, "same",
                 written_hash(r, "model.safetensors.index.json"),
                 "model.safetensors.index.json");
    if (folder && !r->edition.config &&
        hp_checkpoint_config(r->checkpoint, &len))
        put_file(e, r, "config.json", "same", written_hash(r, "config.json"),
                 "config.json");
    for (size_t i = 0; folder && i < r->n_extras; i++)
        put_file(e, r, r->extras[i].name, "same",
                 written_hash(r, r->extras[i].name), r->extras[i].name);
    hp__emit_end(e);
}

static void put_changes(hp__emitter *e, const hp_rewrite *r)
{
    hp__emit_array(e, "changes", 0);
    for (size_t i = 0; i < r->edition.n_changes; i++) {
        const hp_change *c = &r->edition.changes[i];
        hp__emit_object(e, NULL, 1);
        hp__emit_string(e, "tensor", c->tensor->name);
        hp__emit_string(e, "file", hp__undo_output_name(r, c->tensor->shard));
        hp__emit_uint(e, "axis", c->axis);
        hp__emit_array(e, "bands", 1);
        for (size_t b = 0; b < c->n_bands; b++) {
            hp__emit_array(e, NULL, 1);
            hp__emit_uint(e, NULL, c->bands[b][0]);
            hp__emit_uint(e, NULL, c->bands[b][1]);
            hp__emit_end(e);
        }
        hp__emit_end(e);
        hp__emit_end(e);
    }
    hp__emit_end(e);
}

void hp__undo_manifest(hp__buffer *b, const hp__undo *u, const hp_rewrite *r)
{
    hp__emitter e;
    hp__emit_start(&e, b);
    hp__emit_object(&e, NULL, 0);
    hp__emit_string(&e, "schema", HP__UNDO_SCHEMA);
    hp__emit_object(&e, "tool", 1);
    hp__emit_string(&e, "name", "headprune");
    hp__emit_string(&e, "version", hp_version());
    hp__emit_end(&e);
    hp__emit_bool(&e, "removed", r->edition.cut);
    put_files(&e, u, r);
    put_changes(&e, r);
    hp__emit_end(&e);
}
