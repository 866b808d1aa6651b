#ifndef HEADPRUNE_ERROR_H
#define HEADPRUNE_ERROR_H

/*
 * Every function that can fail returns hp_status and takes an hp_error last.
 * The message is one line, written once where the cause is known; callers pass
 * the status up unchanged. On failure an `out` parameter is NULL (or, where it
 * is a plain struct, untouched), and nothing needs to be freed.
 */
#define HP_STATUS_MAP(X)                                                       \
    X(OK, "success")                                                           \
    X(NOMEM, "out of memory")                                                  \
    X(IO, "i/o error")                                                         \
    X(FORMAT, "malformed input")                                               \
    X(UNSUPPORTED, "unsupported input")                                        \
    X(INVALID, "invalid request")                                              \
    X(CANCELLED, "cancelled")

typedef enum hp_status {
#define X(name, text) HP_##name,
    HP_STATUS_MAP(X)
#undef X
} hp_status;

/*
 * `message`: the cause. `file`: what it is about (a path as the user gave it,
 * "config.json", "standard input"), "" when it is about no file. `hint`: what
 * the user can do, "" when there is nothing to add. All without line breaks or
 * control characters.
 */
typedef struct hp_error {
    char message[512];
    char file[512];
    char hint[256];
} hp_error;

#if defined(__GNUC__)
#define HP_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define HP_CHECKED           __attribute__((warn_unused_result))
#else
#define HP_PRINTF(fmt, args)
#define HP_CHECKED
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* "malformed input" for HP_FORMAT, and so on; never NULL. */
const char *hp_status_text(hp_status status);

/*
 * Formats the message into `err` (may be NULL), clears file and hint, and
 * returns `status`. Control characters of the arguments become '?'.
 */
hp_status hp_fail(hp_error *err, hp_status status, const char *fmt, ...)
    HP_PRINTF(3, 4);

/*
 * Name the file, or add a hint, on the way up; both keep what is already
 * there and return `status`.
 */
hp_status hp_fail_file(hp_error *err, hp_status status, const char *file);
hp_status hp_fail_hint(hp_error *err, hp_status status, const char *fmt, ...)
    HP_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
