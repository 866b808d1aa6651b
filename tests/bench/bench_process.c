/* Programs, timed from the outside. */
#include "bench.h"

#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>

extern char **environ;

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + 1e-6 * (double)t.tv_usec;
}

static pid_t start(char *const argv[])
{
    pid_t child = 0;
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawn(&child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed)
        bench_fail("%s: %s", argv[0], strerror(failed));
    return child;
}

bench_child bench_run(char *const argv[])
{
    struct rusage used;
    int status = 0;
    double begin = bench_now();
    pid_t child = start(argv);
    if (wait4(child, &status, 0, &used) != child || status)
        bench_fail("%s ended with status %#x", argv[0], (unsigned)status);
    return (bench_child){
        .seconds = bench_now() - begin,
        .cpu = seconds(used.ru_utime) + seconds(used.ru_stime),
        .resident = (double)used.ru_maxrss / 1024.0,
    };
}
