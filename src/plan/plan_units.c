/* Heads are sorted by block and group, those of a group that may go by rank and
 * in front of those that may not. Units are read off that order: whole groups,
 * or the first head of each group, then the second of each, and on. */
#include "plan/plan_units.h"
#include "base/arena.h"

#include <stdio.h>
#include <stdlib.h>

/* A head and what it is sorted by. */
typedef struct member {
    uint32_t block, group, rank, head;
    int held;     /* may not go */
    double value; /* low goes first */
} member;

typedef struct making {
    const hp_policy *policy;
    member *members; /* [n] */
    size_t n;
    hp__units *out;
    size_t n_heads; /* in units so far */
} making;

static int by_place(const void *a, const void *b)
{
    const member *x = a, *y = b;
    if (x->block != y->block)
        return x->block < y->block ? -1 : 1;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->held != y->held)
        return x->held - y->held;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* Units are made in the order of blocks and groups, which decides equals. */
static int by_value(const void *a, const void *b)
{
    const hp__unit *x = a, *y = b;
    if (x->value < y->value || x->value > y->value)
        return x->value < y->value ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

static int same_group(const member *a, const member *b)
{
    return a->block == b->block && a->group == b->group;
}

/* First member past the group that begins with i, past its block. */
static size_t group_end(const making *m, size_t i)
{
    size_t end = i;
    while (end < m->n && same_group(&m->members[i], &m->members[end]))
        end++;
    return end;
}

static size_t block_end(const making *m, size_t i)
{
    size_t end = i;
    while (end < m->n && m->members[end].block == m->members[i].block)
        end++;
    return end;
}

/* Members first .. end - 1 go together, unless one of them may not. */
static void take_group(making *m, size_t first, size_t end)
{
    if (m->members[end - 1].held)
        return;
    hp__unit *u = &m->out->at[m->out->n++];
    *u = (hp__unit){0, m->members[first].block, m->n_heads, end - first};
    for (size_t i = first; i < end; i++) {
        m->out->heads[m->n_heads++] = m->members[i].head;
        u->value += m->members[i].value;
    }
}

/* How many heads every group of a block could give. */
static size_t count_rounds(const making *m, size_t first, size_t end,
                           size_t *groups)
{
    size_t rounds = SIZE_MAX;
    for (size_t i = first, next; i < end; i = next, ++*groups) {
        size_t open = 0;
        next = group_end(m, i);
        while (i + open < next && !m->members[i + open].held)
            open++;
        rounds = open < rounds ? open : rounds;
    }
    return rounds;
}

/* One of every group at a time, as often as all groups have one. */
static void take_rounds(making *m, size_t first, size_t end)
{
    size_t groups = 0, g = 0, rounds = count_rounds(m, first, end, &groups);
    hp__unit *units = m->out->at + m->out->n;
    for (size_t r = 0; r < rounds; r++)
        units[r] = (hp__unit){0, m->members[first].block,
                              m->n_heads + r * groups, groups};
    for (size_t i = first; i < end; i = group_end(m, i), g++)
        for (size_t r = 0; r < rounds; r++) {
            m->out->heads[units[r].first + g] = m->members[i + r].head;
            units[r].value += m->members[i + r].value;
        }
    m->out->n += rounds;
    m->n_heads += rounds * groups;
}

/* Heads that share nothing go one by one, however they are grouped. */
static int shares(const making *m, size_t first, size_t end)
{
    for (size_t i = first; i + 1 < end; i++)
        if (same_group(&m->members[i], &m->members[i + 1]))
            return 1;
    return 0;
}

static void take_block(making *m, size_t first, size_t end)
{
    hp_group group = m->policy->group;
    if (group == HP_GROUP_EVEN && shares(m, first, end)) {
        take_rounds(m, first, end);
        return;
    }
    for (size_t i = first, next; i < end; i = next) {
        next = group == HP_GROUP_KV ? group_end(m, i) : i + 1;
        take_group(m, i, next);
    }
}

/* Where no heads go together the scores' own ranks decide. */
static void fill_members(making *m, const hp_scores *s)
{
    int together = 0;
    for (size_t i = 0; i < m->n; i++)
        m->members[i] =
            (member){.block = s->heads[i].block,
                     .group = s->heads[i].group,
                     .rank = s->rank[i],
                     .head = (uint32_t)i,
                     .held = m->policy->protect && m->policy->protect[i]};
    qsort(m->members, m->n, sizeof *m->members, by_place);
    if (m->policy->group != HP_GROUP_NONE)
        for (size_t i = 0; i < m->n && !together; i = block_end(m, i))
            together = shares(m, i, block_end(m, i));
    for (size_t i = 0; i < m->n; i++) {
        member *one = &m->members[i];
        double value = together ? s->values[one->head] : (double)one->rank;
        one->value = together && s->prunes_highest ? -value : value;
    }
}

/* To the digits that scores have, so that equal sums are equal. */
static double rounded(double value)
{
    char text[32];
    (void)snprintf(text, sizeof text, "%.6g", value);
    return strtod(text, NULL);
}

hp_status hp__units_make(hp__units *out, const hp_scores *s, const hp_policy *p,
                         hp_error *err)
{
    making m = {.policy = p, .n = s->n_heads, .out = out};
    hp_status st = hp__new(&m.members, m.n, sizeof *m.members, err);
    if (!st)
        st = hp__new(&out->at, m.n, sizeof *out->at, err);
    if (!st)
        st = hp__new(&out->heads, m.n, sizeof *out->heads, err);
    if (!st && m.n) {
        fill_members(&m, s);
        for (size_t i = 0; i < m.n; i = block_end(&m, i))
            take_block(&m, i, block_end(&m, i));
        for (size_t i = 0; i < out->n; i++)
            if (out->at[i].n > 1)
                out->at[i].value = rounded(out->at[i].value);
        qsort(out->at, out->n, sizeof *out->at, by_value);
    }
    free(m.members);
    return st;
}

void hp__units_clear(hp__units *u)
{
    free(u->at);
    free(u->heads);
}
