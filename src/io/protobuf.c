#include "io/protobuf.h"

#include <string.h>

static hp_status fail_cut(const hp__proto *p, hp_error *err)
{
    return hp_fail(err, HP_FORMAT, "%s: ends inside a field", p->name);
}

static hp_status read_varint(uint64_t *out, hp__proto *p, hp_error *err)
{
    uint64_t value = 0;
    for (unsigned shift = 0; p->len; shift += 7) {
        unsigned char byte = (unsigned char)*p->at++;
        p->len--;
        if (shift == 63 && byte > 1)
            return hp_fail(err, HP_FORMAT, "%s: number of more than 64 bits",
                           p->name);
        value |= (uint64_t)(byte & 0x7F) << shift;
        if (!(byte & 0x80)) {
            *out = value;
            return HP_OK;
        }
    }
    return fail_cut(p, err);
}

static hp_status read_fixed(uint64_t *out, hp__proto *p, size_t n,
                            hp_error *err)
{
    uint64_t value = 0;
    if (p->len < n)
        return fail_cut(p, err);
    for (size_t i = 0; i < n; i++)
        value |= (uint64_t)(unsigned char)p->at[i] << 8 * i;
    p->at += n;
    p->len -= n;
    *out = value;
    return HP_OK;
}

static hp_status read_bytes(hp__field *out, hp__proto *p, hp_error *err)
{
    uint64_t n = 0;
    hp_status st = read_varint(&n, p, err);
    if (st)
        return st;
    if (n > p->len)
        return fail_cut(p, err);
    out->data = p->at;
    out->len = (size_t)n;
    p->at += n;
    p->len -= (size_t)n;
    return HP_OK;
}

hp_status hp__proto_next(hp__field *out, hp__proto *p, int *more, hp_error *err)
{
    uint64_t key = 0;
    *more = p->len > 0;
    if (!*more)
        return HP_OK;
    hp_status st = read_varint(&key, p, err);
    if (st)
        return st;
    if (!(key >> 3) || key >> 3 > 0x1FFFFFFF)
        return hp_fail(err, HP_FORMAT, "%s: field number %llu", p->name,
                       (unsigned long long)(key >> 3));
    *out = (hp__field){.number = (uint32_t)(key >> 3), .wire = key & 7};
    switch (key & 7) {
    case HP__VARINT:
        return read_varint(&out->value, p, err);
    case HP__FIXED64:
        return read_fixed(&out->value, p, 8, err);
    case HP__FIXED32:
        return read_fixed(&out->value, p, 4, err);
    case HP__BYTES:
        return read_bytes(out, p, err);
    default:
        return hp_fail(err, HP_FORMAT, "%s: field %u has wire type %u", p->name,
                       (unsigned)out->number, (unsigned)(key & 7));
    }
}

hp_status hp__field_is(const hp__field *f, hp__wire wire, const hp__proto *p,
                       hp_error *err)
{
    if (f->wire == wire)
        return HP_OK;
    return hp_fail(err, HP_FORMAT,
                   "%s: field %u has wire type %d in place of %d", p->name,
                   (unsigned)f->number, (int)f->wire, (int)wire);
}

float hp__field_float(const hp__field *f)
{
    uint32_t bits = (uint32_t)f->value;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}
