#include "cli/term/cli.h"

output_form cli_form(const cli *c)
{
    if (options_has(&c->opt, OPT_JSON))
        return FORM_JSON;
    return (output_form)c->opt.value[OPT_FORMAT].number;
}
