/* Collects failures from threads; the earliest in the work's order wins. */
#include "run/outcome.h"

void hp__outcome_init(hp__outcome *o)
{
    atomic_init(&o->stop, UINT64_MAX);
    o->status = HP_OK;
    o->error = (hp_error){{0}, {0}, {0}};
}

void hp__outcome_add(hp__outcome *o, uint64_t place, hp_status status,
                     const hp_error *err)
{
    if (!status)
        return;
#pragma omp critical(hp__outcome)
    if (place < atomic_load(&o->stop)) {
        o->status = status;
        if (err)
            o->error = *err;
        atomic_store(&o->stop, place);
    }
}

int hp__outcome_stops(const hp__outcome *o, uint64_t place)
{
    return place >= atomic_load(&o->stop);
}

hp_status hp__outcome_get(const hp__outcome *o, hp_error *err)
{
    if (o->status && err)
        *err = o->error;
    return o->status;
}
