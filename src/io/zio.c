/*
 * gzip and zlib data in memory, by inflate() itself: gzread() reports a cut
 * trailer as a plain end and passes over what follows the last member.
 */
#include "io/zio.h"
#include "base/buffer.h"
#include "io/file.h"

#include <stdlib.h>
#include <string.h>
#define ZLIB_CONST
#include <zlib.h>

#define GZIP_ONLY    (MAX_WBITS + 16)
#define GZIP_OR_ZLIB (MAX_WBITS + 32)
#define STEP         ((size_t)1 << 16)
/* zlib counts in unsigned int. */
#define FEED ((size_t)1 << 30)

static hp_status start(z_stream *z, int bits, hp_error *err)
{
    *z = (z_stream){0};
    return inflateInit2(z, bits) == Z_OK
               ? HP_OK
               : hp_fail(err, HP_NOMEM, "out of memory (zlib)");
}

static hp_status fail_stream(const z_stream *z, int code, hp_error *err)
{
    if (code == Z_MEM_ERROR)
        return hp_fail(err, HP_NOMEM, "out of memory (zlib)");
    if (code == Z_BUF_ERROR)
        return hp_fail(err, HP_FORMAT, "gzip data ends too early");
    return hp_fail(err, HP_FORMAT, "gzip data is damaged: %s",
                   z->msg ? z->msg : "no gzip header");
}

/* One member; *used is how many bytes of `in` it took. */
static hp_status inflate_member(hp__buffer *out, const char *in, size_t len,
                                size_t *used, size_t most, hp_error *err)
{
    z_stream z;
    int code = Z_OK;
    hp_status st = start(&z, GZIP_ONLY, err);
    if (st)
        return st;
    *used = 0;
    while (!st && code != Z_STREAM_END && hp__buffer_reserve(out, STEP)) {
        size_t give = len - *used < FEED ? len - *used : FEED;
        z.next_in = (const Bytef *)in + *used;
        z.avail_in = (uInt)give;
        z.next_out = (Bytef *)out->data + out->len;
        z.avail_out = (uInt)STEP;
        code = inflate(&z, Z_NO_FLUSH);
        *used += give - z.avail_in;
        out->len += STEP - z.avail_out;
        if (code != Z_OK && code != Z_STREAM_END)
            st = fail_stream(&z, code, err);
        else if (out->len > most)
            st =
                hp_fail(err, HP_FORMAT, "larger than %zu bytes inflated", most);
    }
    inflateEnd(&z);
    return st;
}

static int is_gzip(const char *in, size_t len)
{
    return len >= 2 && memcmp(in, "\x1f\x8b", 2) == 0;
}

/* gzip(1) passes over zero bytes at the end, as tapes leave them. */
static int is_padding(const char *in, size_t len)
{
    while (len && !in[len - 1])
        len--;
    return !len;
}

static hp_status inflate_all(hp__buffer *out, const char *in, size_t len,
                             size_t most, hp_error *err)
{
    hp_status st = HP_OK;
    do {
        size_t used = 0;
        st = inflate_member(out, in, len, &used, most, err);
        in += used;
        len -= used;
    } while (!st && !out->failed && is_gzip(in, len));
    if (!st && !out->failed && !is_padding(in, len))
        st = hp_fail(err, HP_FORMAT, "%zu bytes follow the gzip data", len);
    return st;
}

static int named_gz(const char *path)
{
    size_t len = strlen(path);
    return len > 3 && strcmp(path + len - 3, ".gz") == 0;
}

hp_status hp__zio_slurp(char **out, size_t *len, const char *path, size_t most,
                        hp_error *err)
{
    char *raw = NULL;
    size_t n = 0;
    hp__buffer b = {0};
    hp_status st = hp__file_slurp(&raw, &n, path, most, err);
    if (st)
        return st;
    if (!is_gzip(raw, n)) {
        if (named_gz(path)) {
            free(raw);
            st = hp_fail(err, HP_FORMAT, "not gzip data, as its name says");
            return hp_fail_file(err, st, path);
        }
        *out = raw;
        *len = n;
        return HP_OK;
    }
    st = inflate_all(&b, raw, n, most, err);
    free(raw);
    if (!st)
        st = hp__buffer_take(out, len, &b, err);
    hp__buffer_clear(&b);
    if (!st)
        return st;
    return hp_fail_file(err, st,
                        strcmp(path, "-") == 0 ? "standard input" : path);
}

hp_status hp__zio_inflate(char *out, size_t out_len, const unsigned char *in,
                          size_t in_len, hp_error *err)
{
    z_stream z;
    if (in_len > FEED || out_len > FEED)
        return hp_fail(err, HP_INVALID, "more than %zu bytes to inflate", FEED);
    hp_status st = start(&z, GZIP_OR_ZLIB, err);
    if (st)
        return st;
    z.next_in = in;
    z.avail_in = (uInt)in_len;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)out_len;
    int code = inflate(&z, Z_FINISH);
    if (code != Z_STREAM_END)
        st = fail_stream(&z, code == Z_OK ? Z_BUF_ERROR : code, err);
    else if (z.avail_in || z.avail_out)
        st = hp_fail(err, HP_FORMAT, "%zu bytes were expected, %zu inflated",
                     out_len, out_len - z.avail_out);
    inflateEnd(&z);
    return st;
}
