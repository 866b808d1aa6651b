#ifndef HEADPRUNE_VERSION_H
#define HEADPRUNE_VERSION_H

#ifdef __cplusplus
extern "C" {
#endif

/* "0.1.0" */
const char *hp_version(void);

#ifdef __cplusplus
}
#endif

#endif
