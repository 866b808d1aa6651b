#include "plain_forward.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double *numbers(size_t n)
{
    double *p = calloc(n + 1, sizeof *p);
    if (!p)
        abort();
    return p;
}

/* All values of an F32 tensor; NULL for none. */
static double *values_of(const hp_model *m, const hp_tensor *t)
{
    if (!t)
        return NULL;
    assert_int_equal(t->dtype, HP_DTYPE_F32);
    float *stored = calloc((size_t)t->n_elements + 1, sizeof *stored);
    double *out = numbers((size_t)t->n_elements);
    if (!stored)
        abort();
    assert_int_equal(
        hp_checkpoint_read(m->checkpoint, t, 0, t->size, stored, NULL), HP_OK);
    for (size_t i = 0; i < t->n_elements; i++)
        out[i] = (double)stored[i];
    free(stored);
    return out;
}

/* y [rows, count] = x [rows, n_in] W + b */
static double *apply(const hp_model *m, const hp_linear *l, const double *x,
                     size_t rows)
{
    double *w = values_of(m, l->weight), *b = values_of(m, l->bias);
    double *y = numbers(rows * l->count);
    size_t cols = (size_t)l->weight->dims[1];
    for (size_t r = 0; r < rows; r++)
        for (size_t o = 0; o < l->count; o++) {
            double sum = b ? b[l->first + o] : 0.0;
            for (size_t i = 0; i < l->n_in; i++)
                sum += x[r * l->n_in + i] *
                       (l->out_axis ? w[i * cols + l->first + o]
                                    : w[(l->first + o) * cols + i]);
            y[r * l->count + o] = sum;
        }
    free(w);
    free(b);
    return y;
}

static void norm_row(double *row, size_t n, const hp_spec *s, const double *w,
                     const double *b)
{
    double mean = 0.0, var = 0.0;
    for (size_t i = 0; i < n && s->norm == HP_NORM_LAYER; i++)
        mean += row[i] / (double)n;
    for (size_t i = 0; i < n; i++)
        var += (row[i] - mean) * (row[i] - mean) / (double)n;
    for (size_t i = 0; i < n; i++)
        row[i] = (row[i] - mean) / sqrt(var + (double)s->norm_eps) * w[i] +
                 (b ? b[i] : 0.0);
}

static void norm(const hp_model *m, const hp_norm_weights *n, double *x,
                 size_t rows, int wanted)
{
    if (!n->weight || !wanted)
        return;
    double *w = values_of(m, n->weight), *b = values_of(m, n->bias);
    for (size_t r = 0; r < rows; r++)
        norm_row(x + r * n->weight->n_elements, n->weight->n_elements, &m->spec,
                 w, b);
    free(w);
    free(b);
}

static double activation(double x, hp_activation f)
{
    switch (f) {
    case HP_ACTIVATION_RELU:
        return x > 0.0 ? x : 0.0;
    case HP_ACTIVATION_GELU:
        return 0.5 * x * (1.0 + erf(x / sqrt(2.0)));
    case HP_ACTIVATION_GELU_TANH:
        return 0.5 * x *
               (1.0 +
                tanh(sqrt(2.0 / acos(-1.0)) * (x + 0.044715 * x * x * x)));
    case HP_ACTIVATION_SILU:
        break;
    }
    return x / (1.0 + exp(-x));
}

static double *copy(const double *x, size_t n)
{
    double *y = numbers(n);
    memcpy(y, x, n * sizeof *y);
    return y;
}

/* ---- attention ---- */

typedef struct projections {
    const hp_block *block;
    size_t window; /* 0: none */
    double *q, *k, *v;
} projections;

/* One query row: its entropy, its mean key, and z [head_dim]. */
static double attend(double *z, double *centre, const projections *p,
                     size_t head, const size_t at[3])
{
    const hp_block *b = p->block;
    size_t first = at[0], row = at[1], end = at[2], dim = b->head_dim;
    size_t kv = head / (b->n_heads / b->n_kv_heads);
    size_t kv_width = b->n_kv_heads * dim, width = b->n_heads * dim;
    size_t past = b->causal ? row + 1 : end, window = p->window;
    if (window && row + 1 > window && row + 1 - window > first)
        first = row + 1 - window;
    double *e = numbers(past - first), most = -HUGE_VAL, sum = 0.0, h = 0.0;
    for (size_t j = first; j < past; j++) {
        for (size_t i = 0; i < dim; i++)
            e[j - first] += p->q[row * width + head * dim + i] *
                            p->k[j * kv_width + kv * dim + i];
        e[j - first] *= (double)b->scale;
        most = fmax(most, e[j - first]);
    }
    for (size_t j = first; j < past; j++)
        sum += e[j - first] = exp(e[j - first] - most);
    memset(z, 0, dim * sizeof *z);
    for (size_t j = first; j < past; j++) {
        double weight = e[j - first] / sum;
        h -= weight > 0.0 ? weight * log(weight) : 0.0;
        *centre += weight * (double)(j - at[0]);
        for (size_t i = 0; i < dim; i++)
            z[i] += weight * p->v[j * kv_width + kv * dim + i];
    }
    free(e);
    return h;
}

/* Angle by which pair i of `half` turns from one position to the next, by wave
 * lengths as transformers' rope utilities have it. */
static double frequency(const hp_rope *rope, size_t i, size_t half)
{
    double turn = 2.0 * acos(-1.0);
    double f = exp(-log(rope->theta) * (double)i / (double)half);
    double original = (double)rope->original_positions, length = turn / f;
    if (rope->scaling == HP_ROPE_LINEAR)
        return f / rope->factor;
    if (rope->scaling == HP_ROPE_DEFAULT ||
        length < original / rope->high_turns)
        return f;
    if (length > original / rope->low_turns)
        return f / rope->factor;
    double smooth = (original / length - rope->low_turns) /
                    (rope->high_turns - rope->low_turns);
    return (1.0 - smooth) * f / rope->factor + smooth * f;
}

static void turn_head(double *x, size_t dim, size_t position,
                      const hp_rope *rope)
{
    for (size_t i = 0; i < dim / 2; i++) {
        double angle = (double)position * frequency(rope, i, dim / 2);
        double a = x[i], b = x[i + dim / 2];
        x[i] = a * cos(angle) - b * sin(angle);
        x[i + dim / 2] = b * cos(angle) + a * sin(angle);
    }
}

/* Queries or keys [rows, heads, dim]: the norm of each head, then its turn. */
static double *placed(const hp_model *m, const hp_norm_weights *n, double *x,
                      size_t heads, const hp_sequences *s)
{
    size_t dim = m->spec.head_dim;
    norm(m, n, x, s->start[s->n] * heads, 1);
    for (size_t i = 0; i < s->n && m->spec.position == HP_POSITION_ROPE; i++)
        for (size_t row = s->start[i]; row < s->start[i + 1]; row++)
            for (size_t h = 0; h < heads; h++)
                turn_head(x + (row * heads + h) * dim, dim, row - s->start[i],
                          &m->spec.rope);
    return x;
}

static double *attention(plain *out, const hp_model *m, const hp_block *b,
                         const hp_sequences *s, const double *in)
{
    projections p = {.block = b,
                     .window = b->window,
                     .q = placed(m, &b->q_norm, apply(m, &b->q, in, out->rows),
                                 b->n_heads, s),
                     .k = placed(m, &b->k_norm, apply(m, &b->k, in, out->rows),
                                 b->n_kv_heads, s),
                     .v = apply(m, &b->v, in, out->rows)};
    size_t width = (size_t)b->n_heads * b->head_dim;
    double *z = numbers(out->rows * width);
    for (size_t i = 0; i < s->n; i++)
        for (size_t row = s->start[i]; row < s->start[i + 1]; row++)
            for (size_t h = 0; h < b->n_heads; h++) {
                const size_t at[3] = {s->start[i], row, s->start[i + 1]};
                size_t slot = (b->first_head + h) * out->rows + row;
                out->entropy[slot] = attend(z + row * width + h * b->head_dim,
                                            &out->centre[slot], &p, h, at);
            }
    free(p.q);
    free(p.k);
    free(p.v);
    return z;
}

static void silence(double *z, size_t rows, const hp_block *b,
                    const unsigned char *masked)
{
    size_t dim = b->head_dim;
    for (size_t r = 0; r < rows; r++)
        for (size_t h = 0; h < b->n_heads && masked; h++)
            if (masked[b->first_head + h])
                memset(z + (r * b->n_heads + h) * dim, 0, dim * sizeof *z);
}

/* x += part W + b, then the norm where it comes last; frees `part`. */
static void add_part(const hp_model *m, double *x, size_t rows,
                     const hp_linear *l, double *part, const hp_norm_weights *n)
{
    double *y = apply(m, l, part, rows);
    for (size_t i = 0; i < rows * l->count; i++)
        x[i] += y[i];
    norm(m, n, x, rows, !m->spec.norm_first);
    free(y);
    free(part);
}

static double *feed(const hp_model *m, const hp_mlp *mlp, const double *in,
                    size_t rows)
{
    double *up = apply(m, &mlp->up, in, rows);
    double *gate = mlp->gate.weight ? apply(m, &mlp->gate, in, rows) : NULL;
    for (size_t i = 0; i < rows * mlp->up.count; i++)
        up[i] = gate ? activation(gate[i], m->spec.activation) * up[i]
                     : activation(up[i], m->spec.activation);
    free(gate);
    return up;
}

static void layer(plain *out, const hp_model *m, const hp__layer *l,
                  const hp_sequences *s, const unsigned char *masked)
{
    const hp_block *b = &m->blocks[l->first_block];
    double *in = copy(out->hidden, out->rows * out->width);
    norm(m, &b->norm, in, out->rows, m->spec.norm_first);
    double *z = attention(out, m, b, s, in);
    silence(z, out->rows, b, masked);
    add_part(m, out->hidden, out->rows, &b->o, z, &b->norm);
    free(in);
    in = copy(out->hidden, out->rows * out->width);
    norm(m, &l->mlp.norm, in, out->rows, m->spec.norm_first);
    add_part(m, out->hidden, out->rows, &l->mlp.down,
             feed(m, &l->mlp, in, out->rows), &l->mlp.norm);
    free(in);
}

/* ---- both ends ---- */

static void embed(plain *out, const hp_model *m, const hp_sequences *s)
{
    double *token = values_of(m, m->embedding.token);
    double *position = values_of(m, m->embedding.position);
    double *type = values_of(m, m->embedding.type);
    for (size_t i = 0; i < s->n; i++)
        for (size_t row = s->start[i]; row < s->start[i + 1]; row++)
            for (size_t j = 0; j < out->width; j++)
                out->hidden[row * out->width + j] =
                    token[(size_t)s->ids[row] * out->width + j] +
                    (position ? position[(row - s->start[i] +
                                          m->spec.position_offset) *
                                             out->width +
                                         j]
                              : 0.0) +
                    (type ? type[j] : 0.0);
    norm(m, &m->embedding.norm, out->hidden, out->rows, 1);
    free(token);
    free(position);
    free(type);
}

static void decode(plain *out, const hp_model *m)
{
    const hp__output_head *o = &m->output;
    double *x = copy(out->hidden, out->rows * out->width);
    if (o->transform.weight) {
        double *y = apply(m, &o->transform, x, out->rows);
        for (size_t i = 0; i < out->rows * out->width; i++)
            x[i] = activation(y[i], o->activation);
        norm(m, &o->norm, x, out->rows, 1);
        free(y);
    }
    out->logits = apply(m, &o->decoder, x, out->rows);
    for (size_t i = 0; i < out->rows * out->vocab; i++)
        out->logits[i] *= (double)o->scale;
    free(x);
}

plain plain_forward(const hp_model *m, const hp_sequences *s,
                    const unsigned char *masked)
{
    plain out = {.rows = s->start[s->n],
                 .heads = m->n_heads,
                 .width = m->spec.width,
                 .vocab = m->spec.vocab};
    out.entropy = numbers(out.heads * out.rows);
    out.centre = numbers(out.heads * out.rows);
    out.hidden = numbers(out.rows * out.width);
    embed(&out, m, s);
    for (uint32_t i = 0; i < m->spec.n_layers; i++)
        layer(&out, m, &m->layers[i], s, masked);
    norm(m, &m->final_norm, out.hidden, out.rows, 1);
    if (m->output.decoder.weight)
        decode(&out, m);
    return out;
}

void plain_free(plain *p)
{
    free(p->entropy);
    free(p->centre);
    free(p->hidden);
    free(p->logits);
    *p = (plain){0};
}
