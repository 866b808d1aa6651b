/* Writing the undo file, while the output is written. */
#include "prune/undo.h"
#include "io/emit_json.h"
#include "model/mask.h"
#include "prune/changes.h"
#include "prune/undo_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_MAX ((size_t)100000000)

static hp__undo_part_at *part_of_header(hp__undo *u, const hp_rewrite *r,
                                        size_t shard)
{
    return &u->parts[r->edition.n_changes + shard];
}

/* ---- small files ---- */

static hp_status store(hp__undo *u, hp_rewrite *r, const char *name,
                       hp_error *err)
{
    hp__undo_stored *s = &u->files[u->n_files];
    hp__sha256 sha;
    const char *path;
    hp_status st = hp__arena_printf(&path, &r->arena, err, "%s/%s",
                                    hp_checkpoint_folder(r->checkpoint), name);
    if (!st)
        st = hp__file_slurp(&s->bytes, &s->len, path, SMALL_MAX, err);
    if (st)
        return st;
    s->name = name;
    hp__sha256_init(&sha);
    hp__sha256_add(&sha, s->bytes, s->len);
    hp__sha256_hex(&sha, s->sha256);
    u->n_files++;
    return HP_OK;
}

/* config.json as it was used, which need not be beside the weights. */
static hp_status store_config(hp__undo *u, const hp_rewrite *r, hp_error *err)
{
    hp__undo_stored *s = &u->files[u->n_files];
    hp__sha256 sha;
    const char *text = hp_checkpoint_config(r->checkpoint, &s->len);
    hp_status st = hp__new(&s->bytes, s->len + 1, 1, err);
    if (st)
        return st;
    memcpy(s->bytes, text, s->len);
    s->name = "config.json";
    hp__sha256_init(&sha);
    hp__sha256_add(&sha, s->bytes, s->len);
    hp__sha256_hex(&sha, s->sha256);
    u->n_files++;
    return HP_OK;
}

static int is_stored(const hp__undo *u, const char *name)
{
    for (size_t i = 0; i < u->n_files; i++)
        if (strcmp(u->files[i].name, name) == 0)
            return 1;
    return 0;
}

/* Files that the output has anew, or not any more. */
static hp_status store_files(hp__undo *u, hp_rewrite *r, hp_error *err)
{
    const char *const gone[] = {"headprune.json", HP__MASK_NAME,
                                r->edition.left_out};
    const char *folder = hp_checkpoint_folder(r->checkpoint);
    const char *index = hp_checkpoint_index_name(r->checkpoint);
    const hp__edition *e = &r->edition;
    hp_status st = hp__arena_alloc(&u->files, &r->arena, e->n_added + 5,
                                   sizeof *u->files, err);
    if (st || r->place.kind != HP__PLACE_FOLDER)
        return st;
    if (e->config)
        st = store_config(u, r, err);
    if (!st && e->cut && index)
        st = store(u, r, index, err);
    for (size_t i = 0; i < 3 && folder && !st; i++)
        if (gone[i] && hp__file_exists(folder, gone[i]))
            st = store(u, r, gone[i], err);
    for (size_t i = 0; i < e->n_added && folder && !st; i++)
        if (hp__file_exists(folder, e->added[i].name) &&
            !is_stored(u, e->added[i].name))
            st = store(u, r, e->added[i].name, err);
    return st;
}

/* ---- layout ---- */

static hp_status add_part(hp__undo *u, hp_rewrite *r, const char *prefix,
                          const char *name, uint64_t size, hp_error *err)
{
    hp__undo_part_at *p = &u->parts[u->n_parts];
    *p = (hp__undo_part_at){.size = size};
    if (u->n_parts)
        p->offset = p[-1].offset + p[-1].size;
    u->n_parts++;
    return hp__arena_printf(&p->name, &r->arena, err, "%s%s", prefix, name);
}

static hp_status lay_out(hp__undo *u, hp_rewrite *r, size_t manifest,
                         hp_error *err)
{
    const hp__edition *e = &r->edition;
    size_t shards = e->cut ? hp_checkpoint_n_shards(r->checkpoint) : 0;
    size_t refitted = r->refit ? r->refit->n_blocks : 0;
    hp_status st = hp__arena_alloc(
        &u->parts, &r->arena, e->n_changes + shards + u->n_files + refitted + 1,
        sizeof *u->parts, err);
    for (size_t i = 0; i < e->n_changes && !st; i++)
        st = add_part(u, r, HP__UNDO_BYTES, e->changes[i].tensor->name,
                      e->changes[i].bytes, err);
    for (size_t i = 0; i < shards && !st; i++)
        st = add_part(u, r, HP__UNDO_HEADER, hp__undo_output_name(r, i),
                      hp__changes_cut(e, (uint32_t)i)
                          ? hp_checkpoint_shard(r->checkpoint, i)->data_offset
                          : 0,
                      err);
    for (size_t i = 0; i < u->n_files && !st; i++)
        st = add_part(u, r, HP__UNDO_FILE, u->files[i].name, u->files[i].len,
                      err);
    u->replaced = u->n_parts;
    for (size_t i = 0; r->refit && i < r->refit->n_blocks && !st; i++)
        if (r->refit->blocks[i].refitted)
            st = add_part(u, r, HP__UNDO_REPLACED,
                          r->refit->replacements[i].tensor->name,
                          r->refit->replacements[i].tensor->size, err);
    return st ? st : add_part(u, r, HP__UNDO_MANIFEST, "", manifest, err);
}

static void put_header(hp__buffer *b, const hp__undo *u)
{
    static const char length[8] = {0};
    hp__emitter e;
    hp__buffer_add(b, length, sizeof length);
    hp__emit_start(&e, b);
    hp__emit_object(&e, NULL, 1);
    hp__emit_object(&e, "__metadata__", 1);
    hp__emit_string(&e, "schema", HP__UNDO_SCHEMA);
    hp__emit_end(&e);
    for (size_t i = 0; i < u->n_parts; i++) {
        const hp__undo_part_at *p = &u->parts[i];
        hp__emit_object(&e, p->name, 1);
        hp__emit_string(&e, "dtype", "U8");
        hp__emit_array(&e, "shape", 1);
        hp__emit_uint(&e, NULL, p->size);
        hp__emit_end(&e);
        hp__emit_array(&e, "data_offsets", 1);
        hp__emit_uint(&e, NULL, p->offset);
        hp__emit_uint(&e, NULL, p->offset + p->size);
        hp__emit_end(&e);
        hp__emit_end(&e);
    }
    hp__emit_end(&e);
    if (b->len)
        b->len--; /* the line feed of a document */
    while (b->len % 8 && !b->failed)
        hp__buffer_text(b, " ");
    for (unsigned i = 0; i < 8 && !b->failed; i++)
        b->data[i] = (char)((b->len - 8) >> 8 * i & 255);
}

/* ---- writing ---- */

/* The next bytes of a part. */
static hp_status put(hp__undo *u, hp__undo_part_at *p, const void *bytes,
                     size_t n, hp_error *err)
{
    hp_status st =
        hp__output_put(u->file, u->data + p->offset + p->done, bytes, n, err);
    p->done += n;
    return st;
}

static hp_status write_start(hp__undo *u, const char *path, hp_error *err)
{
    hp__buffer b = {0};
    put_header(&b, u);
    const hp__undo_part_at *last = &u->parts[u->n_parts - 1];
    hp_status st = b.failed ? hp_fail(err, HP_NOMEM, "out of memory (undo)")
                            : hp__output_open(&u->file, path, err);
    u->data = b.len;
    if (!st)
        st =
            hp__output_reserve(u->file, b.len + last->offset + last->size, err);
    if (!st)
        st = hp__output_write(u->file, b.data, b.len, err);
    for (size_t i = 0; i < u->n_files && !st; i++)
        st = put(u, &u->parts[u->replaced - u->n_files + i], u->files[i].bytes,
                 u->files[i].len, err);
    hp__buffer_clear(&b);
    return st;
}

hp_status hp__undo_open(hp__undo **out, hp_rewrite *r, const char *path,
                        hp_error *err)
{
    hp__undo *u = NULL;
    hp__buffer manifest = {0};
    hp_status st = hp__new(&u, 1, sizeof *u, err);
    *out = u;
    if (!st)
        st = hp__arena_alloc(&u->shards, &r->arena,
                             hp_checkpoint_n_shards(r->checkpoint),
                             sizeof *u->shards, err);
    if (!st)
        st = store_files(u, r, err);
    if (st)
        return st;
    hp__undo_manifest(&manifest, u, r);
    if (manifest.failed)
        st = hp_fail(err, HP_NOMEM, "out of memory (undo)");
    if (!st)
        st = lay_out(u, r, manifest.len, err);
    if (!st)
        st = write_start(u, path, err);
    hp__buffer_clear(&manifest);
    return st;
}

static hp_status hash_input(hp__undo *u, const hp_rewrite *r, size_t shard,
                            const void *bytes, size_t n, hp_error *err)
{
    hp_status st = HP_OK;
    if (!u->hashing)
        st = hp__hashing_open(
            &u->hashing, hp_checkpoint_shard(r->checkpoint, shard)->size, err);
    if (!st)
        hp__hashing_add(u->hashing, bytes, n);
    return st;
}

hp_status hp__undo_header(hp__undo *u, hp_rewrite *r, size_t shard,
                          hp_error *err)
{
    hp__undo_part_at *p = part_of_header(u, r, shard);
    char *bytes = NULL;
    hp_status st = hp__new(&bytes, (size_t)p->size, 1, err);
    if (!st)
        st = hp_checkpoint_read_shard(r->checkpoint, shard, 0, p->size, bytes,
                                      err);
    if (!st)
        st = hash_input(u, r, shard, bytes, (size_t)p->size, err);
    if (!st)
        st = put(u, p, bytes, (size_t)p->size, err);
    free(bytes);
    return st;
}

/* Bytes [at, at + n) of a shard. */
typedef struct window {
    const unsigned char *bytes;
    uint64_t at, n;
} window;

/* What of a refitted tensor lies in the window. */
static hp_status see_replaced(hp__undo *u, hp__undo_part_at *part,
                              const hp_tensor *t, const window *w,
                              hp_error *err)
{
    uint64_t at = w->at, n = w->n;
    uint64_t from = t->offset > at ? t->offset : at;
    uint64_t to = t->offset + t->size < at + n ? t->offset + t->size : at + n;
    return from < to
               ? put(u, part, w->bytes + (from - at), (size_t)(to - from), err)
               : HP_OK;
}

static hp_status see_all_replaced(hp__undo *u, const hp_rewrite *r,
                                  size_t shard, const window *w, hp_error *err)
{
    hp__undo_part_at *part = &u->parts[u->replaced];
    hp_status st = HP_OK;
    for (size_t i = 0; r->refit && i < r->refit->n_blocks && !st; i++) {
        const hp_tensor *t = r->refit->replacements[i].tensor;
        if (!r->refit->blocks[i].refitted)
            continue;
        if (t->shard == shard)
            st = see_replaced(u, part, t, w, err);
        part++;
    }
    return st;
}

hp_status hp__undo_see(hp__undo *u, hp_rewrite *r, size_t shard, uint64_t at,
                       size_t n, hp_error *err)
{
    hp__stretch s;
    hp__stretches all =
        hp__stretches_of(&r->edition, (uint32_t)shard, at, at + n);
    hp_status st = hash_input(u, r, shard, r->chunk, n, err);
    while (!st && hp__stretches_next(&all, &s))
        st = put(u, &u->parts[s.change - r->edition.changes],
                 r->chunk + (s.at - at), (size_t)s.len, err);
    if (!st)
        st = see_all_replaced(u, r, shard, &(window){r->chunk, at, n}, err);
    if (!st && at + n == hp_checkpoint_shard(r->checkpoint, shard)->size) {
        hp__hashing_hex(u->hashing, u->shards[shard]);
        hp__hashing_free(u->hashing);
        u->hashing = NULL;
    }
    return st;
}

hp_status hp__undo_finish(hp__undo *u, hp_rewrite *r, hp_error *err)
{
    hp__buffer b = {0};
    hp__undo_manifest(&b, u, r);
    hp_status st = b.failed
                       ? hp_fail(err, HP_NOMEM, "out of memory (undo)")
                       : put(u, &u->parts[u->n_parts - 1], b.data, b.len, err);
    hp__buffer_clear(&b);
    return st ? st : hp__output_sync(u->file, err);
}

hp_status hp__undo_commit(hp__undo *u, hp_error *err)
{
    return hp__output_commit(u->file, err);
}

void hp__undo_free(hp__undo *u)
{
    if (!u)
        return;
    hp__hashing_free(u->hashing);
    hp__output_abandon(u->file);
    for (size_t i = 0; i < u->n_files; i++)
        free(u->files[i].bytes);
    free(u);
}
