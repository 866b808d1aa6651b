#ifndef HEADPRUNE_TESTS_GOLDEN_FOLDERS_H
#define HEADPRUNE_TESTS_GOLDEN_FOLDERS_H

/* The models of tests/golden, one a line. */
/* clang-format off */
static char golden_folders[][16] = {
    "gpt2",
    "gpt2-bare",
    "gpt2-f16",
    "gpt2-bf16",
    "gpt2-f64",
    "gpt2-scaled",
    "gpt2-sharded",
    "bert-mlm",
    "bert-gamma",
    "bert-minilm",
    "bert-classifier",
    "roberta",
    "distilbert",
    "electra",
    "electra-mlm",
    "llama-gqa",
    "llama-mqa",
    "llama-bias",
    "llama3-rope",
    "mistral",
    "qwen2",
    "qwen3",
    "t5",
    "t5-v11",
    "t5-encoder",
    "umt5",
    "opt",
    /* whose weights are read, and that are not run: */
    "phi",
    "gpt-neox",
    "bloom",
    "bart",
    "falcon",
    "vit",
    "custom-arch",
};
/* clang-format on */

#define N_GOLDEN_FOLDERS (sizeof golden_folders / sizeof *golden_folders)
#define N_GOLDEN_RUN     (N_GOLDEN_FOLDERS - 7)

#endif
