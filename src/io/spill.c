/* Memory with a file behind it. */
#include "io/spill.h"
#include "base/arena.h"
#include "base/checked.h"
#include "io/file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static hp_status map_file(hp__spill *s, int fd, hp_error *err)
{
    int number = posix_fallocate(fd, 0, (off_t)s->bytes);
    if (number) {
        hp_status st = hp__fail_errno(err, number, "reserve a temporary file");
        return hp_fail_hint(err, st,
                            "it takes %zu bytes; set TMPDIR to a folder with "
                            "room",
                            s->bytes);
    }
    void *at = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at == MAP_FAILED)
        return hp_fail(err, HP_NOMEM, "out of memory (%zu bytes to map)",
                       s->bytes);
    s->at = at;
    s->mapped = 1;
    return HP_OK;
}

hp_status hp__spill_open(hp__spill *out, size_t n, size_t size,
                         size_t in_memory, hp_error *err)
{
    int fd = -1;
    *out = (hp__spill){0};
    if (!hp__mul(&out->bytes, n, size))
        return hp_fail(err, HP_NOMEM, "out of memory (%zu x %zu bytes)", n,
                       size);
    if (out->bytes <= in_memory)
        return hp__new(&out->at, n, size, err);
    hp_status st = hp__file_spool(&fd, err);
    if (!st)
        st = map_file(out, fd, err);
    if (fd >= 0)
        close(fd);
    return st;
}

void hp__spill_close(hp__spill *s)
{
    if (s->mapped)
        munmap(s->at, s->bytes);
    else
        free(s->at);
    *s = (hp__spill){0};
}
