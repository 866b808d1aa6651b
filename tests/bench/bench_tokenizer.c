/*
 * Opening tokenizers and encoding the English text of models/text, one thread,
 * in processor time.
 *
 *     bench_tokenizer --once TOKENIZER TEXT
 *
 * does both once, for peer_tokenizers.py: milliseconds, MB/s, number of ids.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct timing {
    double open;   /* milliseconds */
    double encode; /* MB/s */
    size_t n;      /* ids */
} timing;

static timing once(const char *path, const char *text, size_t len)
{
    hp_tokenizer *t = NULL;
    hp_ids ids;
    hp_error err;
    double start = bench_cpu();
    bench_check(hp_tokenizer_open(&t, path, UINT32_MAX, &err), &err);
    double open = bench_cpu();
    bench_check(hp_tokenizer_encode(&ids, t, text, len, 0, &err), &err);
    double end = bench_cpu();
    hp_tokenizer_free(t);
    free(ids.ids);
    return (timing){1e3 * (open - start), (double)len / 1e6 / (end - open),
                    ids.n};
}

static char *read_text(const char *path, size_t *len)
{
    char *text = NULL;
    hp_error err;
    bench_check(hp_text_read(&text, len, &path, 1, &err), &err);
    return text;
}

static void measure(const bench *b, const char *name, const char *tokenizer)
{
    char row_name[96], path[1024];
    size_t len;
    snprintf(row_name, sizeof row_name, "tokenizer %s, encode", name);
    if (!bench_wanted(b, row_name))
        return;
    if (!b->source)
        bench_fail("--source FOLDER is needed");
    snprintf(path, sizeof path, "%s/models/text/the-time-machine.txt",
             b->source);
    char *text = read_text(path, &len);
    snprintf(path, sizeof path, "%s/%s", b->source, tokenizer);
    static bench_row row;
    row = (bench_row){.name = row_name,
                      .unit = "MB/s",
                      .bar = 5,
                      .note = "one thread, processor time"};
    for (int i = bench_repeat(b, 9); i-- > 0;)
        bench_add(&row, once(path, text, b->tiny ? 4096 : len).encode, 1);
    bench_print(&row);
    free(text);
}

int main(int argc, char **argv)
{
    if (argc == 4 && !strcmp(argv[1], "--once")) {
        size_t len;
        char *text = read_text(argv[3], &len);
        timing t = once(argv[2], text, len);
        printf("%.3f %.4f %zu\n", t.open, t.encode, t.n);
        free(text);
        return 0;
    }
    bench b = bench_begin(argc, argv);
    measure(&b, "gpt2-novels (byte-level BPE)",
            "models/gpt2-novels/tokenizer.json");
    measure(&b, "bert-novels (WordPiece)", "models/bert-novels/tokenizer.json");
    return 0;
}
