/*
 * The input is a whole safetensors file. What is accepted must describe it
 * exactly: every byte behind the header belongs to one tensor.
 */
#include "fuzz.h"
#include "io/safetensors.h"

#include <string.h>

static void check_accepted(const hp__tensors *t, uint64_t at, uint64_t size)
{
    for (size_t i = 0; i < t->n; i++) {
        const hp_tensor *one = &t->list[i];
        uint64_t n = 1;
        for (unsigned d = 0; d < one->n_dims; d++)
            n *= one->dims[d];
        MUST(n == one->n_elements);
        MUST(one->offset == at);
        MUST(one->size <= size - at);
        MUST(strlen(one->name) <= size && one->dtype_name[0]);
        MUST(one->dtype != HP_DTYPE_F32 || one->size == 4 * n);
        at += one->size;
    }
    MUST(at == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char start[HP__SAFETENSORS_START] = {0};
    const char *bytes = (const char *)data;
    hp__arena a = {0};
    hp__tensors t = {0};
    hp_error err = {0};
    size_t len = 0;
    if (size)
        memcpy(start, bytes, size < sizeof start ? size : sizeof start);
    hp_status st = hp__safetensors_length(&len, start, size, &err);
    if (!st) {
        MUST(len <= size - 8);
        st = hp__safetensors_tensors(&t, &a, bytes + 8, len, size, &err);
    }
    MUST(st == HP_OK || (st == HP_FORMAT && err.message[0] && !t.list));
    if (!st)
        check_accepted(&t, 8 + len, size);
    hp__arena_clear(&a);
    return 0;
}
