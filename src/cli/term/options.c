/* The option table. */
#include "cli/term/options.h"
#include "headprune/score.h"

#define FLAG(name, letter, takes, help)                                        \
    {                                                                          \
        name, letter, OPTION_FLAG, NULL, NULL, 0, 0, takes, help               \
    }
#define TEXT(name, letter, argument, takes, help)                              \
    {                                                                          \
        name, letter, OPTION_TEXT, argument, NULL, 0, 0, takes, help           \
    }
#define NUMBER(name, argument, min, max, takes, help)                          \
    {                                                                          \
        name, 0, OPTION_NUMBER, argument, NULL, min, max, takes, help          \
    }
#define LIMIT(name, takes, help)                                               \
    {                                                                          \
        name, 0, OPTION_LIMIT, "X", NULL, 0, 0, takes, help                    \
    }
#define CHOICE(name, argument, choices, takes, help)                           \
    {                                                                          \
        name, 0, OPTION_CHOICE, argument, choices, 0, 0, takes, help           \
    }

const option_row option_rows[] = {
    [OPT_METHODS] = TEXT("methods", 0, "LIST", TAKES_SWEEP,
                         "methods with commas between them (default "
                         "entropy,magnitude,random)"),
    [OPT_RATIOS] = TEXT("ratios", 0, "LIST", TAKES_SWEEP,
                        "shares of all heads (default 0.1,0.2,0.3,0.5,0.7)"),
    [OPT_SEEDS] = NUMBER("seeds", "N", 1, 10000, TAKES_SWEEP,
                         "seeds of a method that draws (default 5)"),
    [OPT_RATIO] = {"ratio", 0, OPTION_SHARE, "R", NULL, 0, 0, TAKES_POLICY,
                   "prune this share of all heads, 0 to 1"},
    [OPT_COUNT] = NUMBER("count", "N", 0, UINT32_MAX, TAKES_POLICY,
                         "prune this many heads, in place of a share"),
    [OPT_SCOPE] =
        CHOICE("scope", "SCOPE", "global|layer", TAKES_POLICY | TAKES_SWEEP,
               "rank all heads together (global, the default), or take the "
               "share from every attention block (layer)"),
    [OPT_GROUP] =
        CHOICE("group", "GROUP", "none|kv|even", TAKES_POLICY | TAKES_SWEEP,
               "heads that share keys and values go together (kv), or as many "
               "from every such group (even)"),
    [OPT_KEEP] = NUMBER("keep", "N", 0, UINT32_MAX, TAKES_POLICY | TAKES_SWEEP,
                        "leave every attention block at least N heads"),
    [OPT_PROTECT] = TEXT("protect", 0, "LIST", TAKES_POLICY,
                         "never prune these heads: '0:* 5:1,3'"),
    [OPT_PLAN] =
        TEXT("plan", 0, "FILE", TAKES_APPLY | TAKES_EVAL | TAKES_GENERATE,
             "prune what this plan says; - is standard input"),
    [OPT_HEADS] =
        TEXT("heads", 0, "LIST", TAKES_APPLY | TAKES_EVAL | TAKES_GENERATE,
             "prune these heads: '9:3 11:3,7-10'; @FILE and - read "
             "a list or a plan"),
    [OPT_ANY_MODEL] =
        FLAG("any-model", 0, TAKES_APPLY | TAKES_EVAL | TAKES_GENERATE,
             "apply a plan that was made for another model"),
    [OPT_AGAINST] = TEXT("against", 0, "BASE", TAKES_EVAL,
                         "compare with this checkpoint (default with heads "
                         "to prune: the model itself, whole)"),
    [OPT_TEXT] =
        TEXT("text", 0, "TEXT", TAKES_ATTENTION, "the text to look at"),
    [OPT_PROMPT] = {"prompt", 0, OPTION_LIST, "TEXT", NULL, 0, 0,
                    TAKES_GENERATE | TAKES_SWEEP,
                    "the text to go on with, in a sweep at every point; may "
                    "repeat"},
    [OPT_DATA] = {"data", 0, OPTION_LIST, "FILE", NULL, 0, 0,
                  TAKES_RUNS | TAKES_GENERATE | TAKES_TOKENS,
                  "the text to use, .gz too; - is standard input; may "
                  "repeat (default: a built-in sample); for generate, prompts, "
                  "one a line"},
    [OPT_TOKENS] = TEXT("tokens", 0, "FILE", TAKES_RUNS | TAKES_GENERATE,
                        "token ids in place of text: one sequence a line"),
    [OPT_STATS] = TEXT("stats", 0, "FILE", TAKES_MOMENTS,
                       "statistics of the command stats in place of text"),
    [OPT_EVAL_DATA] = {"eval-data", 0, OPTION_LIST, "FILE", NULL, 0, 0,
                       TAKES_SWEEP,
                       "text to evaluate on, all of it; may repeat (default: "
                       "what calibrates)"},
    [OPT_EVAL_TOKENS] =
        TEXT("eval-tokens", 0, "FILE", TAKES_SWEEP, "token ids to evaluate on"),
    [OPT_EVAL_SEQUENCES] = NUMBER("eval-sequences", "N", 1, UINT32_MAX,
                                  TAKES_SWEEP, "evaluate on at most N windows"),
    [OPT_SEQUENCES] = NUMBER(
        "sequences", "N", 1, UINT32_MAX,
        TAKES_MOMENTS | TAKES_STATS | TAKES_TOKENS | TAKES_EVAL | TAKES_AUTO,
        "use at most N windows (default 32, for eval all)"),
    [OPT_LENGTH] =
        NUMBER("length", "T", 1, UINT32_MAX, TAKES_RUNS | TAKES_TOKENS,
               "tokens a window (default 512, or the model's "
               "maximum if that is less)"),
    [OPT_STRIDE] =
        NUMBER("stride", "S", 1, UINT32_MAX, TAKES_EVAL | TAKES_TOKENS,
               "slide the window by S tokens; every token counts once, with "
               "what stands before it in the window as context"),
    [OPT_MASK_ID] = NUMBER("mask-id", "N", 0, INT32_MAX,
                           TAKES_EVAL | TAKES_CHECK | TAKES_SWEPT | TAKES_AUTO,
                           "id of the mask token, when neither tokenizer nor "
                           "config.json tell it"),
    [OPT_LINES] = FLAG("lines", 0, TAKES_TOKENS,
                       "every line is a text of its own, not cut"),
    [OPT_NULL] =
        FLAG("null", '0', TAKES_TOKENS, "texts end with a NUL byte, not cut"),
    [OPT_NO_SPECIAL] =
        FLAG("no-special", 0, TAKES_TOKENS | TAKES_ATTENTION | TAKES_GENERATE,
             "without the tokens put around a text"),
    [OPT_BASELINE] = TEXT("baseline", 0, "FILE", TAKES_CHECK,
                          "the evaluation, scores or report to hold MODEL "
                          "against; - is standard input"),
    [OPT_MAX_PERPLEXITY] = LIMIT("max-perplexity-increase", TAKES_CHECK,
                                 "perplexity rises by at most X, 2% or 0.5"),
    [OPT_MAX_LOSS] =
        LIMIT("max-loss-increase", TAKES_CHECK | TAKES_AUTO,
              "loss rises by at most X, 2% or 0.05 nats; of auto, on every "
              "fourth window, held out of the calibration data"),
    [OPT_MAX_SCORE] =
        LIMIT("max-score-change", TAKES_CHECK,
              "no head's score changes by more than X, 5% or 0.1"),
    [OPT_EXPECT_HEADS] =
        TEXT("expect-heads", 0, "LIST", TAKES_CHECK,
             "exactly these heads would be pruned, with the report's policy "
             "or --ratio and its company"),
    [OPT_ANY_DATA] =
        FLAG("any-data", 0, TAKES_CHECK, "use other data than the baseline's"),
    [OPT_JUNIT] = TEXT("junit", 0, "FILE", TAKES_CHECK,
                       "write the outcome as JUnit XML, too"),
    [OPT_SUMMARY] = TEXT("summary", 0, "FILE", TAKES_CHECK,
                         "append the outcome to FILE as Markdown"),
    [OPT_EXIT_ZERO] =
        FLAG("exit-zero", 0, TAKES_CHECK | TAKES_DIFF,
             "exit with 0 although a rule is broken, or there is a difference"),
    [OPT_LAYER] = NUMBER("layer", "L", 0, UINT32_MAX, TAKES_ATTENTION,
                         "this layer alone"),
    [OPT_HEAD] = TEXT("head", 0, "HEAD", TAKES_ATTENTION,
                      "one head: its number in --layer, or its name, 9:3"),
    [OPT_MAX_TOKENS] =
        NUMBER("max-tokens", "N", 1, UINT32_MAX, TAKES_GENERATE | TAKES_SWEEP,
               "at most N new tokens a prompt (default 64; in "
               "a sweep 32)"),
    [OPT_TEMPERATURE] = {"temperature", 0, OPTION_DECIMAL, "T", NULL, 0,
                         1000000, TAKES_GENERATE,
                         "draw tokens, the more evenly the higher T (default "
                         "0: always the likeliest; 1 with --top-k or --top-p)"},
    [OPT_TOP_K] = NUMBER("top-k", "K", 1, UINT32_MAX, TAKES_GENERATE,
                         "draw from the K likeliest tokens"),
    [OPT_TOP_P] = {"top-p", 0, OPTION_SHARE, "P", NULL, 0, 0, TAKES_GENERATE,
                   "draw from the likeliest tokens that make up P, 0 to 1"},
    [OPT_IGNORE_EOS] =
        FLAG("ignore-eos", 0, TAKES_GENERATE, "go on past the end token"),
    [OPT_SEED] =
        NUMBER("seed", "S", 0, UINT64_MAX, TAKES_SWEPT | TAKES_GENERATE,
               "seed of the method random, of sweep the first one, "
               "and of what generate draws (default 0)"),
    [OPT_RELATIVE] =
        CHOICE("relative", "WHAT", "block|stream|none", TAKES_SWEPT,
               "what an energy is a share of: its block's output (block, the "
               "default), the residual stream, or nothing"),
    [OPT_NORMALIZE] =
        CHOICE("normalize", "WHAT", "none|layer", TAKES_SWEPT,
               "divide the scores of every block by the root of the sum of "
               "their squares (layer; default none)"),
    [OPT_MIX] = TEXT("mix", 0, "LIST", TAKES_SWEPT | TAKES_CHECK,
                     "methods whose ranks hybrid weighs, with their weights "
                     "(default " HP_DEFAULT_MIX ")"),
    [OPT_ITERATE] = {"iterate", 0, OPTION_SHARE, "STEP", NULL, 0, 0,
                     TAKES_SWEPT,
                     "score again whenever this share of the heads has gone"},
    [OPT_CONFIG] = TEXT("config", 0, "FILE", TAKES_MODEL,
                        "config.json, when it is not beside the model"),
    [OPT_AS] = TEXT("as", 0, "TYPE", TAKES_MODEL | TAKES_DIFF,
                    "read the model as this model_type, whatever config.json "
                    "says"),
    [OPT_N_HEADS] = NUMBER("n-heads", "N", 1, UINT32_MAX, TAKES_MODEL,
                           "attention heads of a block, where config.json "
                           "does not say"),
    [OPT_QKV_ORDER] =
        CHOICE("qkv-order", "ORDER", "split|heads", TAKES_MODEL,
               "how one tensor holds queries, keys and values, where the "
               "model_type does not say: all of each (split), or head by head "
               "(heads)"),
    [OPT_TOKENIZER] =
        TEXT("tokenizer", 0, "PATH",
             TAKES_RUNS | TAKES_GENERATE | TAKES_INSPECT | TAKES_TOKENS,
             "tokenizer file or folder, when it is not beside the model"),
    [OPT_THREADS] =
        NUMBER("threads", "N", 1, 4096, TAKES_RUNS | TAKES_GENERATE,
               "use N threads (default: the CPUs this process may use)"),
    [OPT_BUDGET] = {"budget", 0, OPTION_SIZE, "SIZE", NULL, 0, 0, TAKES_RUNS,
                    "memory for hidden states (default 64MiB); never changes "
                    "the result"},
    [OPT_OUTPUT] =
        TEXT("output", 'o', "PATH",
             TAKES_WRITERS | TAKES_RESTORE | TAKES_ATTENTION | TAKES_REPORT |
                 TAKES_SWEEP | TAKES_STATS | TAKES_MERGE,
             "output folder, X.safetensors, or - for standard "
             "output (default NAME-METHOD-RATIO; of attention "
             "none); of report, the page; of sweep, the document"),
    [OPT_RESUME] = TEXT("resume", 0, "FILE", TAKES_SWEEP,
                        "go on with the sweep of this document, and save it "
                        "there unless -o is given"),
    [OPT_SVG] = TEXT("svg", 0, "DIR", TAKES_REPORT,
                     "write every figure to a file of its own in this folder"),
    [OPT_COMPENSATE] =
        FLAG("compensate", 0, TAKES_METHOD | TAKES_APPLY | TAKES_SWEEP,
             "refit the kept heads' part of the output projection to what the "
             "pruned heads did (least squares, from the calibration data)"),
    [OPT_SEQUENTIAL] =
        FLAG("sequential", 0, TAKES_WRITERS | TAKES_SWEEP,
             "refit each block to what it reads once those before it are done"),
    [OPT_DAMP] = {"damp", 0, OPTION_DECIMAL, "X", NULL, 0, 1000,
                  TAKES_WRITERS | TAKES_SWEEP | TAKES_REDUNDANCY,
                  "ridge of the refit, as a share of the mean square of the "
                  "heads' outputs (default 0.01)"},
    [OPT_EMIT] = TEXT("emit", 0, "FORM", TAKES_WRITERS,
                      "form of the output (default zero)"),
    [OPT_UNIFORM] = FLAG("uniform", 0, TAKES_WRITERS,
                         "with --emit remove: as many heads from every block, "
                         "so that stock classes load the result"),
    [OPT_NO_REMOTE_CODE] =
        FLAG("no-remote-code", 0, TAKES_WRITERS,
             "with --emit remove: write pruned_heads alone, which transformers "
             "4 reads, and no modeling file"),
    [OPT_ROUND] =
        CHOICE("round", "WAY", "nearest|down|up", TAKES_WRITERS,
               "with --emit remove: go to the nearest plan that can be "
               "written, or to one that prunes no more (down) or no fewer "
               "(up) heads"),
    [OPT_UNDO] = TEXT("undo", 0, "FILE", TAKES_WRITERS | TAKES_RESTORE,
                      "write FILE, with which restore makes the original "
                      "again; of restore, that file"),
    [OPT_REPORT] = TEXT("report", 0, "FILE", TAKES_WRITERS,
                        "where the JSON report goes (default: headprune.json "
                        "in the output folder)"),
    [OPT_FORCE] =
        FLAG("force", 'f',
             TAKES_WRITERS | TAKES_RESTORE | TAKES_ATTENTION | TAKES_REPORT |
                 TAKES_SWEEP | TAKES_STATS | TAKES_MERGE,
             "replace an existing output; write bytes to a terminal"),
    [OPT_DRY_RUN] = FLAG("dry-run", 'n', TAKES_WRITERS,
                         "say what would be done, write nothing"),
    [OPT_FORMAT] =
        CHOICE("format", "FORM", "human|json|ndjson|tsv|md|github",
               TAKES_ALL & ~(TAKES_TOKENS | TAKES_GENERATE | TAKES_HELP |
                             TAKES_REPORT | TAKES_STATS | TAKES_MERGE),
               "form of standard output (default human; github: "
               "annotations, of check)"),
    [OPT_JSON] = FLAG("json", 0, TAKES_ALL & ~TAKES_HELP,
                      "--format json, and errors as JSON too"),
    [OPT_QUIET] = {"quiet", 'q', OPTION_COUNT, NULL, NULL, 0, 0, TAKES_ALL,
                   "no notes; a new checkpoint's path alone on standard "
                   "output; -qq: no warnings"},
    [OPT_VERBOSE] = {"verbose", 'v', OPTION_COUNT, NULL, NULL, 0, 0, TAKES_ALL,
                     "timings, BLAS core, threads"},
    [OPT_PROGRESS] = CHOICE("progress", "WHEN", "auto|always|never", TAKES_ALL,
                            "progress on standard error (auto: when it is a "
                            "terminal)"),
    [OPT_COLOR] = CHOICE("color", "WHEN", "auto|always|never", TAKES_ALL,
                         "colours (auto: on a terminal)"),
    [OPT_HELP] = FLAG("help", 'h', TAKES_ALL, "show help"),
    [OPT_VERSION] = FLAG("version", 0, TAKES_ALL,
                         "show the version; with -v, what it runs on"),
    [OPT_GENERATE] = CHOICE("generate", "WHAT",
                            "man|complete-bash|complete-zsh|complete-fish", 0,
                            "print the man page or a shell completion"),
};
