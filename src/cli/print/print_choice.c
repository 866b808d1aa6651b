/* What auto chose. */
#include "cli/print/print.h"

#include <math.h>

static void print_curve(FILE *out, const hp_curve *c)
{
    fprintf(out, "%8s%8s%10s  loss on held-out text rises by\n", "pruned",
            "ratio", "loss");
    for (size_t i = 0; i < c->n; i++) {
        const hp_curve_point *p = &c->points[i];
        fprintf(out, "%8zu%8.3f%10.4f", p->n_pruned, p->ratio, p->loss);
        if (i)
            fprintf(out, "  %+.4f", p->delta);
        if (i && isfinite(p->delta_error))
            fprintf(out, " +- %.2g", p->delta_error);
        fputc('\n', out);
    }
}

void print_choice(FILE *out, const hp_choice *c)
{
    if (!c->method)
        return;
    fprintf(out, "auto: %s%s\n      (%s)\n", c->method->name,
            c->compensates ? " with a refit" : "", c->method->why);
    if (!c->has_limit)
        return;
    fprintf(out, "limit: the loss rises by at most %.6g%s\n",
            c->limit.value * (c->limit.relative ? 100 : 1),
            c->limit.relative ? " %" : " nats");
    print_curve(out, &c->curve);
}
