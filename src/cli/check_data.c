/* The data of a baseline, found and read again as it was. */
#include "cli/check_parts.h"

#include <string.h>

/* What the document says of its data; 0: it needed none. An evaluation's
 * tokens are those that were predicted: how many were read is not known. */
static int data_of(hp_calibration_info *out, const hp_document *d)
{
    if (d->eval)
        *out = (hp_calibration_info){.source = d->eval->source,
                                     .sha256 = d->eval->sha256,
                                     .sequences = d->eval->windows,
                                     .length = d->eval->length};
    else if (d->scores->has_calibration)
        *out = d->scores->calibration;
    return d->eval || d->scores->has_calibration;
}

static int is_like(const hp_calibration_info *is,
                   const hp_calibration_info *was)
{
    return is->sequences == was->sequences && is->length == was->length &&
           is->held_out == was->held_out &&
           (!was->tokens || is->tokens == was->tokens);
}

/* Where the baseline held windows out, its scores know nothing of them: they go
 * from `*data` too. */
static hp_status hold_out(hp_calibration **data, const hp_calibration_info *was,
                          hp_error *err)
{
    hp_calibration *rest = NULL, *held = NULL;
    if (!was->held_out)
        return HP_OK;
    hp_status st = hp_calibration_split(&rest, &held, *data, err);
    if (st)
        return st;
    hp_calibration_free(held);
    hp_calibration_free(*data);
    *data = rest;
    return HP_OK;
}

/* A document does not tell a text from a file of ids: one that can be read as
 * ids and gives as many is taken for these. */
static int holds_ids(const checking *k, const hp_calibration_info *was)
{
    hp_calibration_options o = work_data_options(&k->w);
    o.tokens = was->source;
    o.sequences = was->sequences + was->held_out;
    o.length = was->length;
    hp_calibration *ids = NULL;
    if (hp_calibration_open(&ids, NULL, &o, NULL))
        return 0;
    int like = !hold_out(&ids, was, NULL) &&
               is_like(hp_calibration_info_get(ids), was);
    hp_calibration_free(ids);
    return like;
}

/* The command line as the baseline would have it. */
static void name_data(checking *k, cli *c, const hp_calibration_info *was)
{
    option_value *v = c->opt.value;
    if (!has(c, OPT_LENGTH))
        v[OPT_LENGTH].number = was->length;
    v[OPT_SEQUENCES].number = was->sequences + was->held_out;
    v[OPT_SEQUENCES].given = 1;
    if (k->baseline->eval && k->baseline->eval->stride < was->length)
        v[OPT_STRIDE].number = k->baseline->eval->stride;
    if (c->opt.n_data || has(c, OPT_TOKENS) ||
        !strncmp(was->source, "embedded:", 9))
        return;
    if (holds_ids(k, was)) {
        v[OPT_TOKENS].given = 1;
        v[OPT_TOKENS].text = was->source;
        return;
    }
    k->data[0] = was->source;
    c->opt.data = k->data;
    c->opt.n_data = 1;
}

static hp_status check_same(const hp_calibration_info *is,
                            const hp_calibration_info *was, hp_error *err)
{
    hp_status st = HP_OK;
    if (strcmp(is->sha256, was->sha256) != 0)
        st = hp_fail(err, HP_INVALID,
                     "not the data of the baseline: SHA-256 %.16s..., not "
                     "%.16s...",
                     is->sha256, was->sha256);
    else if (!is_like(is, was))
        st = hp_fail(err, HP_INVALID,
                     "not the windows of the baseline: %zu of up to %zu "
                     "tokens, not %zu of up to %zu",
                     is->sequences, is->length, was->sequences, was->length);
    else
        return HP_OK;
    hp_fail_file(err, st, is->source);
    return hp_fail_hint(err, st, "--any-data compares all the same");
}

hp_status check_read_data(checking *k, cli *c, hp_error *err)
{
    hp_calibration_info was = {0};
    if (!data_of(&was, k->baseline))
        return HP_OK;
    name_data(k, c, &was);
    hp_status st = work_check_runs(&k->w, err);
    if (!st)
        st = k->baseline->eval ? work_read_windows(&k->w, c, err)
                               : work_calibrate(&k->w, c, err);
    if (!st)
        st = hold_out(&k->w.calibration, &was, err);
    if (st == HP_IO && c->opt.data == k->data)
        return hp_fail_hint(err, st,
                            "the baseline's data; --data or --tokens say "
                            "where it is now");
    if (st || has(c, OPT_ANY_DATA))
        return st;
    return check_same(hp_calibration_info_get(k->w.calibration), &was, err);
}
