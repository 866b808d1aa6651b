#include "reference.h"
#include "io/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static hp__json *open_expected(const char *name)
{
    char path[128];
    hp_error err;
    hp__json *j = NULL;
    (void)snprintf(path, sizeof path, "tests/golden/%s/expected.json", name);
    if (hp__json_open(&j, path, (size_t)16 << 20, &err))
        fail_msg("%s", err.message);
    return j;
}

size_t reference_numbers(double *out, size_t room, const char *name,
                         const char *key)
{
    hp__json *j = open_expected(name);
    size_t n = 0;
    const hp__node *b = hp__node_first(hp__node_find(hp__json_root(j), key));
    for (; b; b = hp__node_next(b))
        for (const hp__node *h = hp__node_first(b); h; h = hp__node_next(h)) {
            assert_true(n < room);
            out[n++] = hp__node_number(h);
        }
    hp__json_free(j);
    return n;
}

static void read_list(hp_sequences *out, int32_t *ids, size_t *start,
                      const hp__node *list)
{
    *out = (hp_sequences){.ids = ids, .start = start};
    start[0] = 0;
    for (const hp__node *s = hp__node_first(list); s; s = hp__node_next(s)) {
        size_t n = start[out->n];
        for (const hp__node *t = hp__node_first(s); t; t = hp__node_next(t)) {
            assert_true(n < 512);
            ids[n++] = (int32_t)hp__node_number(t);
        }
        assert_true(out->n < 16);
        start[++out->n] = n;
    }
}

void reference_sequences(reference_data *d, const char *name)
{
    hp__json *j = open_expected(name);
    const hp__node *root = hp__json_root(j);
    const hp__node *decoder = hp__node_find(root, "decoder_sequences");
    read_list(&d->s, d->ids[0], d->start[0], hp__node_find(root, "sequences"));
    if (decoder) {
        read_list(&d->decoder, d->ids[1], d->start[1], decoder);
        d->s.decoder = &d->decoder;
    }
    hp__json_free(j);
}

void reference_mask(unsigned char *mask, const hp_model *m, const char *name)
{
    hp__json *j = open_expected(name);
    const hp__node *masked = hp__node_find(hp__json_root(j), "masked");
    const hp__node *pair = hp__node_first(hp__node_find(masked, "heads"));
    for (; pair; pair = hp__node_next(pair)) {
        const hp__node *block = hp__node_first(pair);
        size_t b = (size_t)hp__node_number(block);
        size_t head = (size_t)hp__node_number(hp__node_next(block));
        mask[hp_model_block(m, b)->first_head + head] = 1;
    }
    hp__json_free(j);
}

double *reference_tensor(size_t *n, const char *name, const char *block,
                         const char *what)
{
    char path[128], tensor[128];
    hp_error err;
    hp_checkpoint *c = NULL;
    double *out = NULL;
    (void)snprintf(path, sizeof path, "tests/golden/refit/%s.safetensors",
                   name);
    (void)snprintf(tensor, sizeof tensor, "%s.%s", block, what);
    if (hp_checkpoint_open(&c, path, NULL, &err))
        fail_msg("%s: %s", path, err.message);
    const hp_tensor *t = hp_checkpoint_find(c, tensor);
    if (t) {
        *n = (size_t)t->n_elements;
        out = malloc((size_t)t->size);
        assert_non_null(out);
        assert_int_equal(hp_checkpoint_read(c, t, 0, t->size, out, &err),
                         HP_OK);
    }
    hp_checkpoint_free(c);
    return out;
}
