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

static void add_window(hp__token_rows *out, const int32_t *ids, size_t n,
                       const hp__window_rules *rules)
{
    hp__token_rows_add(out, rules->before, rules->n_before);
    hp__token_rows_add(out, ids, n);
    hp__token_rows_add(out, rules->after, rules->n_after);
    hp__token_rows_end(out);
}

void hp__token_rows_pair(hp__token_rows *out, hp__token_rows *decoder,
                         const int32_t *ids, size_t n,
                         const hp__window_rules *rules, const int32_t *start)
{
    size_t first = rules->length - rules->n_before - rules->n_after;
    for (size_t at = 0; at < n && out->n < rules->most;) {
        size_t left = n - at, read = left < first ? left : first;
        size_t second =
            left - read < rules->second ? left - read : rules->second;
        if (2 * second < rules->second) {
            if (out->n)
                break;
            read = (n + 1) / 2;
            second = n - read;
        }
        add_window(out, ids + at, read, rules);
        hp__token_rows_add(decoder, start, start != NULL);
        hp__token_rows_add(decoder, ids + at + read, second);
        hp__token_rows_end(decoder);
        at += read + second;
    }
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
        add_window(out, ids + at, take, rules);
    }
}
