#ifndef HEADPRUNE_IO_PROTOBUF_H
#define HEADPRUNE_IO_PROTOBUF_H

#include "headprune/error.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The wire format of protocol buffers
 * (https://protobuf.dev/programming-guides/encoding), without groups: fields
 * one after the other, whatever the schema.
 *
 *     hp__proto p = {.at = bytes, .len = len, .name = "model"};
 *     while (!(st = hp__proto_next(&f, &p, &more, err)) && more)
 *         switch (f.number) ...; what is not known is passed over
 */
typedef enum hp__wire {
    HP__VARINT = 0,
    HP__FIXED64 = 1,
    HP__BYTES = 2, /* strings and messages too */
    HP__FIXED32 = 5
} hp__wire;

typedef struct hp__proto {
    const char *at;
    size_t len;
    const char *name; /* of the message, starts errors */
} hp__proto;

typedef struct hp__field {
    uint32_t number;
    hp__wire wire;
    uint64_t value;   /* of numbers */
    const char *data; /* [len] of bytes, borrowed */
    size_t len;
} hp__field;

/* *more 0: the message is at its end. */
HP_CHECKED
hp_status hp__proto_next(hp__field *out, hp__proto *p, int *more,
                         hp_error *err);
/* HP_FORMAT unless the field has that wire type. */
HP_CHECKED
hp_status hp__field_is(const hp__field *f, hp__wire wire, const hp__proto *p,
                       hp_error *err);
float hp__field_float(const hp__field *f); /* of a FIXED32 */

#endif
