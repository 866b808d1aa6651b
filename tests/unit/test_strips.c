/* Strips: products against a plain loop in double, and how a matrix gets there.
 */
#include "fixture.h"
#include "model/graph.h"
#include "nn/kernels.h"
#include "run/layer.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GAP      3 /* floats between rows */
#define COUNT(a) (sizeof(a) / sizeof *(a))

static float *noise(size_t n, uint32_t seed)
{
    float *x = test_malloc((n + 1) * sizeof *x);
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525U + 1013904223U;
        x[i] = (float)(seed >> 8) / 8388608.0F - 1.0F;
    }
    return x;
}

/* ---- products ---- */

typedef struct sample {
    hp__strip_product p;
    float *a, *b, *strips, *c, *before;
} sample;

/* What a product is like beside its sizes. */
enum { ADD = 1, TRANSPOSED = 2, KINDS = 4 };

/* B [k, n], what is beside it in the strips NaN. */
static sample sample_of(size_t m, size_t n, size_t k, int kind)
{
    int transposed = (kind & TRANSPOSED) != 0;
    size_t floats = hp__strips_size(k, n) + GAP * (n / HP__STRIP + 1);
    sample s = {.p = {.m = m,
                      .n = n,
                      .k = k,
                      .lda = (transposed ? m : k) + GAP,
                      .a_is_transposed = transposed,
                      .ldc = n + GAP,
                      .add = kind & ADD}};
    s.p.b.step = k * HP__STRIP + GAP;
    s.a = noise((transposed ? k : m) * s.p.lda, 1);
    s.b = noise(k * n, 2);
    s.strips = noise(floats, 3);
    for (size_t i = 0; i < floats; i++)
        s.strips[i] = NAN;
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < n; j++)
            s.strips[j / HP__STRIP * s.p.b.step + i * HP__STRIP +
                     j % HP__STRIP] = s.b[i * n + j];
    s.c = noise(m * s.p.ldc, 4);
    s.before = noise(m * s.p.ldc, 4);
    s.p.a = s.a;
    s.p.b.at = s.strips;
    s.p.c = s.c;
    return s;
}

static void free_sample(sample *s)
{
    test_free(s->a);
    test_free(s->b);
    test_free(s->strips);
    test_free(s->c);
    test_free(s->before);
}

/* Off by no more than the roundings of k sums, one product each. */
static void check_number(const sample *s, size_t i, size_t j)
{
    const hp__strip_product *p = &s->p;
    double want = 0.0, size = 0.0;
    for (size_t k = 0; k < p->k; k++) {
        size_t at = p->a_is_transposed ? k * p->lda + i : i * p->lda + k;
        double x = (double)s->a[at] * (double)s->b[k * p->n + j];
        want += x;
        size += fabs(x);
    }
    if (p->add) {
        want += (double)s->before[i * p->ldc + j];
        size += fabs((double)s->before[i * p->ldc + j]);
    }
    double off = fabs((double)s->c[i * p->ldc + j] - want);
    if (!(off <= size * (double)(p->k + 2) / 16777216.0))
        fail_msg("%zu x %zu x %zu, add %d, transposed %d: (%zu, %zu) is off by "
                 "%g",
                 p->m, p->k, p->n, p->add, p->a_is_transposed, i, j, off);
}

static void check_product(const hp__kernels *k, size_t m, size_t n,
                          size_t depth)
{
    for (int kind = 0; kind < KINDS; kind++) {
        sample s = sample_of(m, n, depth, kind);
        k->multiply_strips(&s.p);
        for (size_t i = 0; i < m; i++) {
            for (size_t j = 0; j < n; j++)
                check_number(&s, i, j);
            assert_memory_equal(s.c + i * s.p.ldc + n,
                                s.before + i * s.p.ldc + n,
                                GAP * sizeof(float));
        }
        free_sample(&s);
    }
}

static void products_match_double(void **state)
{
    static const size_t rows[] = {1, 2, 3, 5, 7, 8, 13, 300};
    static const size_t columns[] = {1, 4, 7, 12, 15, 16, 17, 33, 48};
    static const size_t depths[] = {1, 3, 16, 511, 513, 1030};
    const hp__kernels *k;
    (void)state;
    for (size_t set = 0; (k = hp__kernels_at(set)); set++)
        for (size_t i = 0; i < COUNT(rows); i++)
            for (size_t j = 0; j < COUNT(columns); j++)
                for (size_t d = 0; d < COUNT(depths); d++)
                    check_product(k, rows[i], columns[j], depths[d]);
}

/* All at once, and one row after the other. */
static void a_row_does_not_depend_on_others(void **state)
{
    const hp__kernels *k;
    (void)state;
    for (size_t set = 0; (k = hp__kernels_at(set)); set++) {
        sample all = sample_of(277, 21, 700, ADD),
               one = sample_of(277, 21, 700, ADD);
        k->multiply_strips(&all.p);
        one.p.m = 1;
        for (size_t i = 0; i < 277; i++) {
            k->multiply_strips(&one.p);
            one.p.a += one.p.lda;
            one.p.c += one.p.ldc;
        }
        assert_memory_equal(all.c, one.c, 277 * all.p.ldc * sizeof(float));
        free_sample(&all);
        free_sample(&one);
    }
}

/* ---- cutting ---- */

static void check_put(size_t rows, size_t n, size_t k, size_t column,
                      int turned)
{
    size_t depth = 40, step = depth * HP__STRIP + GAP;
    size_t floats = 5 * step;
    float *x = noise(rows * (n + GAP), 5), *got = noise(floats, 6);
    float *want = noise(floats, 6);
    hp__part part = {x, rows, n, n + GAP};
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < n; i++) {
            size_t in = k + (turned ? i : r), out = column + (turned ? r : i);
            want[out / HP__STRIP * step + in * HP__STRIP + out % HP__STRIP] =
                x[r * (n + GAP) + i];
        }
    (turned ? hp__strips_put_turned : hp__strips_put)(got, step, k, column,
                                                      &part);
    assert_memory_equal(got, want, floats * sizeof *got);
    test_free(x);
    test_free(got);
    test_free(want);
}

static void parts_are_put_where_they_belong(void **state)
{
    static const size_t sizes[] = {1, 2, 3, 4, 5, 8, 11, 16, 19, 33};
    static const size_t places[] = {0, 1, 3, 4, 7};
    (void)state;
    for (size_t i = 0; i < COUNT(sizes); i++)
        for (size_t j = 0; j < COUNT(sizes); j++)
            for (size_t p = 0; p < COUNT(places); p++)
                for (int turned = 0; turned < 2; turned++)
                    check_put(sizes[i], sizes[j], places[p],
                              5 * places[COUNT(places) - 1 - p] % 31, turned);
}

/* ---- reading ---- */

typedef struct opened {
    char *folder;
    hp_checkpoint *checkpoint;
    hp_model *model;
    hp__reader reader;
} opened;

static opened open_fixture(const fixture *f, unsigned threads)
{
    opened o = {.folder = fixture_folder()};
    hp_error err = {{0}, {0}, {0}};
    fixture_write(o.folder, f);
    if (hp_checkpoint_open(&o.checkpoint, o.folder, NULL, &err) ||
        hp_model_open(&o.model, o.checkpoint, NULL, &err) ||
        hp__reader_open(&o.reader, o.model, hp__kernels_at(0), threads, &err))
        fail_msg("%s", err.message);
    return o;
}

static void close_fixture(opened *o)
{
    hp__reader_close(&o->reader);
    hp_model_free(o->model);
    hp_checkpoint_free(o->checkpoint);
    fixture_remove(o->folder);
}

/* What is read into strips is what is read as it is stored. */
static void check_reading(const hp__reader *r, const hp__band *band, int turned)
{
    size_t rows = (size_t)band->rows, cols = (size_t)band->cols;
    size_t k = turned ? cols : rows, n = turned ? rows : cols;
    size_t floats = hp__strips_size(k, n);
    float *plain = noise(rows * cols, 7), *got = noise(floats, 8);
    float *want = noise(floats, 8);
    hp_error err = {{0}, {0}, {0}};
    hp__part all = {plain, rows, cols, cols};
    if (hp__read_band(plain, r, band, &err) ||
        hp__read_strips(got, k * HP__STRIP, r, band, turned, &err))
        fail_msg("%s", err.message);
    (turned ? hp__strips_put_turned : hp__strips_put)(want, k * HP__STRIP, 0, 0,
                                                      &all);
    assert_memory_equal(got, want, floats * sizeof *got);
    test_free(plain);
    test_free(got);
    test_free(want);
}

/* The 160,000 values of the embedding, seen as rows of many widths: of more and
 * of fewer than are read at a time, all of them and parts. */
static void check_dtype(const char *dtype, unsigned threads)
{
    static const size_t widths[] = {32, 100, 2000, 4000, 40000, 160000};
    fixture f = FIXTURE_GPT2;
    f.vocab = 5000;
    f.dtype = dtype;
    opened o = open_fixture(&f, threads);
    const hp_tensor *t = o.model->embedding.token;
    assert_int_equal(t->n_elements, 160000);
    for (size_t i = 0; i < COUNT(widths); i++)
        for (int turned = 0; turned < 2; turned++) {
            size_t w = widths[i], rows = 160000 / w;
            hp__band all = {t, w, 0, rows, 0, w};
            hp__band part = {t, w, rows / 3, rows - rows / 3, w / 5, w / 2};
            hp__band none = {t, w, 0, 0, 0, w};
            check_reading(&o.reader, &all, turned);
            check_reading(&o.reader, &part, turned);
            check_reading(&o.reader, &none, turned);
        }
    close_fixture(&o);
}

static void weights_are_read_into_strips(void **state)
{
    static const char *const dtypes[] = {"F32", "F16", "BF16", "F64"};
    (void)state;
    for (size_t i = 0; i < COUNT(dtypes); i++)
        for (unsigned threads = 1; threads < 4; threads += 2)
            check_dtype(dtypes[i], threads);
}

/* ---- cutting a whole matrix ---- */

static void a_matrix_is_cut_as_its_parts_are(void **state)
{
    enum { ROWS = 21, COLUMNS = 35 };
    (void)state;
    for (int turned = 0; turned < 2; turned++) {
        size_t k = turned ? COLUMNS : ROWS, n = turned ? ROWS : COLUMNS;
        size_t floats = hp__strips_size(k, n);
        float *x = noise((size_t)ROWS * (COLUMNS + GAP), 9),
              *got = noise(floats, 10);
        float *want = noise(floats, 10), *room = got;
        hp__part all = {x, ROWS, COLUMNS, COLUMNS + GAP};
        hp__strips cut = hp__strips_cut(&room, &all, turned);
        (turned ? hp__strips_put_turned : hp__strips_put)(want, cut.step, 0, 0,
                                                          &all);
        assert_ptr_equal(cut.at, got);
        assert_int_equal(cut.step, k * HP__STRIP);
        assert_int_equal(room - got, floats);
        assert_memory_equal(got, want, floats * sizeof *got);
        test_free(x);
        test_free(got);
        test_free(want);
    }
}

/* ---- outputs ---- */

/* Outputs 5 .. 25 of a map, one after the other as the file has them. */
static void check_outputs(const hp__reader *reader, const hp_linear *whole)
{
    hp_linear part = hp__linear_outputs(whole, 5, 20);
    size_t floats = 0;
    hp__map map;
    hp_error err = {{0}, {0}, {0}};
    assert_int_equal(hp__map_room(&floats, &part, &err), HP_OK);
    float *room = noise(floats, 11), *at = room;
    float got[32], want[32];
    assert_int_equal(hp__map_load(&map, &at, reader, &part, &err), HP_OK);
    assert_int_equal(map.n_out, 20);
    assert_int_equal(hp__linear_outputs(whole, whole->count - 3, 20).count, 3);
    assert_int_equal(map.n_in, COUNT(got));
    for (size_t i = 0; i < 20; i++) {
        hp__band weights = hp__band_outputs(whole, 5 + i, 1);
        hp__map_output(got, &map, i);
        assert_int_equal(hp__read_band(want, reader, &weights, &err), HP_OK);
        assert_memory_equal(got, want, sizeof got);
        if (!whole->bias)
            continue;
        hp__band bias = hp__band_bias(whole, 5 + i, 1);
        assert_int_equal(hp__read_band(want, reader, &bias, &err), HP_OK);
        assert_true(map.bias[i] == want[0]);
    }
    test_free(room);
}

/* GPT-2 stores the maps of its layers [in, out], its vocabulary [out, in]. */
static void outputs_of_a_map_are_read(void **state)
{
    fixture f = FIXTURE_GPT2;
    (void)state;
    opened o = open_fixture(&f, 1);
    const hp_linear maps[] = {o.model->layers[0].mlp.up, o.model->blocks[0].v,
                              o.model->output.decoder};
    for (size_t i = 0; i < COUNT(maps); i++)
        for (o.reader.form = HP__AS_STORED; o.reader.form <= HP__STRIPS;
             o.reader.form++)
            check_outputs(&o.reader, &maps[i]);
    close_fixture(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_match_double),
        cmocka_unit_test(a_row_does_not_depend_on_others),
        cmocka_unit_test(parts_are_put_where_they_belong),
        cmocka_unit_test(weights_are_read_into_strips),
        cmocka_unit_test(a_matrix_is_cut_as_its_parts_are),
        cmocka_unit_test(outputs_of_a_map_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
