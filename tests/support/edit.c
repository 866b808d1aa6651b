/* See edit.h. */
#include "edit.h"
#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *replace_all(const char *text, const char *from, const char *to)
{
    size_t n = 0, was = strlen(from), is = strlen(to);
    for (const char *p = text; (p = strstr(p, from)); p += was)
        n++;
    if (n == 0)
        fail_msg("'%s' is not there to be replaced", from);
    char *out = malloc(strlen(text) + n * (is > was ? is - was : 0) + 1);
    assert_non_null(out);
    char *end = out;
    for (const char *p; (p = strstr(text, from)); text = p + was) {
        memcpy(end, text, (size_t)(p - text));
        end += p - text;
        memcpy(end, to, is);
        end += is;
    }
    memcpy(end, text, strlen(text) + 1);
    return out;
}

void edit_copy(const char *folder, const char *from)
{
    static const char *const files[] = {"config.json", "model.safetensors"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        size_t len = 0;
        char *path = fixture_path(from, files[i]);
        char *bytes = fixture_read(path, &len);
        fixture_put(folder, files[i], bytes, len);
        free(bytes);
        free(path);
    }
}

void edit_config(const char *folder, const char *from, const char *to)
{
    char *path = fixture_path(folder, "config.json");
    char *text = fixture_read(path, NULL);
    char *edited = replace_all(text, from, to);
    fixture_put_text(folder, "config.json", edited);
    free(edited);
    free(text);
    free(path);
}

void edit_header(const char *folder, const char *from, const char *to)
{
    char *path = fixture_path(folder, "model.safetensors");
    size_t len = 0;
    char *bytes = fixture_read(path, &len);
    uint64_t was = 0;
    memcpy(&was, bytes, 8);
    char *header = calloc(1, (size_t)was + 1);
    assert_non_null(header);
    memcpy(header, bytes + 8, (size_t)was);
    char *edited = replace_all(header, from, to);
    uint64_t is = strlen(edited);
    size_t data = len - 8 - (size_t)was;
    char *out = malloc(8 + (size_t)is + data);
    assert_non_null(out);
    memcpy(out, &is, 8);
    memcpy(out + 8, edited, (size_t)is);
    memcpy(out + 8 + is, bytes + 8 + was, data);
    fixture_put(folder, "model.safetensors", out, 8 + (size_t)is + data);
    free(out);
    free(edited);
    free(header);
    free(bytes);
    free(path);
}

/* All bytes of FOLDER/model.safetensors, and the path of it. */
static char *read_weights(char **path, size_t *len, const char *folder)
{
    *path = fixture_path(folder, "model.safetensors");
    return fixture_read(*path, len);
}

static void write_weights(char *path, char *bytes, size_t len,
                          const char *folder)
{
    fixture_put(folder, "model.safetensors", bytes, len);
    free(bytes);
    free(path);
}

void edit_add(const char *folder, const char *name, const char *dims,
              const float *values, size_t n)
{
    char *path, entry[256];
    size_t len;
    char *bytes = read_weights(&path, &len, folder);
    uint64_t header = 0;
    memcpy(&header, bytes, 8);
    size_t data = len - 8 - (size_t)header, end = 8 + (size_t)header;
    while (bytes[end - 1] != '}')
        end--;
    int added = snprintf(entry, sizeof entry,
                         ",\"%s\":{\"dtype\":\"F32\",\"shape\":[%s],"
                         "\"data_offsets\":[%zu,%zu]}}",
                         name, dims, data, data + n * 4);
    assert_in_range(added, 1, sizeof entry - 1);
    char *out = malloc(len + (size_t)added + n * 4);
    assert_non_null(out);
    size_t at = end - 1;
    memcpy(out, bytes, at);
    memcpy(out + at, entry, (size_t)added);
    at += (size_t)added;
    uint64_t now = at - 8;
    memcpy(out, &now, 8);
    memcpy(out + at, bytes + 8 + header, data);
    memcpy(out + at + data, values, n * 4);
    free(bytes);
    write_weights(path, out, at + data + n * 4, folder);
}

void edit_scale(const char *folder, const hp_slice *s, float factor)
{
    char *path;
    size_t len;
    char *bytes = read_weights(&path, &len, folder);
    const hp_tensor *t = s->tensor;
    uint64_t columns = t->n_dims > 1 ? t->dims[1] : 1;
    for (uint64_t i = 0; i < t->n_elements; i++) {
        uint64_t at = s->axis ? i % columns : i / columns;
        if (at < s->start || at >= s->start + s->count)
            continue;
        float value;
        memcpy(&value, bytes + t->offset + 4 * i, 4);
        value *= factor;
        memcpy(bytes + t->offset + 4 * i, &value, 4);
    }
    write_weights(path, bytes, len, folder);
}

void edit_value(const char *folder, const char *tensor, size_t index,
                float value)
{
    hp_error err;
    hp_checkpoint *c = NULL;
    char *path;
    size_t len;
    char *bytes = read_weights(&path, &len, folder);
    if (hp_checkpoint_open(&c, folder, NULL, &err))
        fail_msg("%s", err.message);
    const hp_tensor *t = hp_checkpoint_find(c, tensor);
    assert_non_null(t);
    memcpy(bytes + t->offset + 4 * index, &value, 4);
    hp_checkpoint_free(c);
    write_weights(path, bytes, len, folder);
}

void edit_fill(const char *folder, float value)
{
    char *path;
    size_t len;
    uint64_t header;
    char *bytes = read_weights(&path, &len, folder);
    memcpy(&header, bytes, 8);
    for (size_t i = 8 + (size_t)header; i + 4 <= len; i += 4)
        memcpy(bytes + i, &value, 4);
    write_weights(path, bytes, len, folder);
}

static hp_status open_both(hp_checkpoint **c, hp_model **m, const char *path,
                           const hp_model_options *o, hp_error *err)
{
    *c = NULL;
    *m = NULL;
    hp_status st = hp_checkpoint_open(c, path, NULL, err);
    if (st)
        fail_msg("%s: %s", path, err->message);
    return hp_model_open(m, *c, o, err);
}

hp_model *open_model(const char *path)
{
    return open_model_with(path, NULL);
}

hp_model *open_model_with(const char *path, const hp_model_options *o)
{
    hp_error err;
    hp_checkpoint *c;
    hp_model *m;
    if (open_both(&c, &m, path, o, &err))
        fail_msg("%s: %s", path, err.message);
    return m;
}

void close_model(hp_model *m)
{
    if (!m)
        return;
    /* open_model made it: the const is the model's view of it. */
    union {
        const hp_checkpoint *borrowed;
        hp_checkpoint *own;
    } c = {.borrowed = hp_model_checkpoint(m)};
    hp_model_free(m);
    hp_checkpoint_free(c.own);
}

hp_status try_model(const char *path, hp_error *err)
{
    return try_model_with(path, NULL, err);
}

hp_status try_model_with(const char *path, const hp_model_options *o,
                         hp_error *err)
{
    hp_checkpoint *c;
    hp_model *m;
    hp_status st = open_both(&c, &m, path, o, err);
    if (st)
        assert_null(m);
    hp_model_free(m);
    hp_checkpoint_free(c);
    return st;
}
