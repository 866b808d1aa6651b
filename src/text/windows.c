/* Cutting a text's ids into windows (docs/methods.md, "Windows"). */
#include "text/token_rows.h"

void hp__token_rows_add(hp__token_rows *r, const int32_t *ids, size_t n)
{
    hp__buffer_add(&r->ids, ids, n * sizeof *ids);
}

void hp__token_rows_end(hp__token_rows *r)
{
    size_t end = r->ids.len / sizeof(int32_t);
    hp__buffer_add(&r->ends, &end, sizeof end);
    r->n++;
}

void hp__token_rows_clear(hp__token_rows *r)
{
    hp__buffer_clear(&r->ids);
    hp__buffer_clear(&r->ends);
    r->n = 0;
}

void hp__token_rows_cut(hp__token_rows *out, const int32_t *ids, size_t n,
                        const hp__window_rules *rules)
{
    size_t around = rules->n_before + rules->n_after;
    size_t body = rules->length - around, step = body - rules->overlap;
    for (size_t at = 0; at < n && out->n < rules->most; at += step) {
        if (out->n && n - at <= rules->overlap) /* nothing new */
            break;
        size_t take = n - at < body ? n - at : body;
        /* Counted with the ids around it, as its length is. */
        if (out->n && 2 * (take + around) < rules->length)
            break;
        hp__token_rows_add(out, rules->before, rules->n_before);
        hp__token_rows_add(out, ids + at, take);
        hp__token_rows_add(out, rules->after, rules->n_after);
        hp__token_rows_end(out);
    }
}
