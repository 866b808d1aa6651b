#include "headprune/version.h"

const char *hp_version(void)
{
    return HEADPRUNE_VERSION;
}
