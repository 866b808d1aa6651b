/* The table of commands: what each is called, takes and says of itself. */
#include "cli/command.h"

#include <string.h>

static const command commands[] = {
    {"METHOD", TAKES_METHOD, 1, "MODEL",
     "score with METHOD, plan and apply in one go",
     "Scores every attention head of MODEL with METHOD, picks the heads to "
     "prune, and writes a new checkpoint in which they are silent. It is "
     "exactly score | plan | apply in one process. MODEL itself is never "
     "changed.",
     "headprune entropy --ratio 0.3 gpt2\n"
     "headprune magnitude --count 12 --keep 2 gpt2 -o pruned\n"
     "headprune -q entropy --ratio 0.3 --data wiki.txt.gz gpt2\n"
     "zstd -dc m.safetensors.zst | headprune magnitude --ratio 0.2 "
     "--config config.json - -o - | zstd > p.safetensors.zst\n",
     cmd_prune},
    {"auto", TAKES_AUTO, 1, "MODEL",
     "prune with the method that fits, at a ratio or a loss",
     "Does what METHOD does, and picks the method: what the model allows, best "
     "first. Where it has a loss that is obs, where it has none energy, both "
     "with the kept heads refitted (--compensate); of a model that forward "
     "passes are not computed for it is magnitude. With --max-loss-increase "
     "as many heads go as the loss on held-out text allows: every fourth "
     "window of the calibration data is kept aside, the rest is scored once, "
     "and bisection over the order of the heads finds how many. Where even "
     "the fewest heads are too many nothing is written, and auto exits with "
     "4.",
     "headprune auto --ratio 0.3 gpt2\n"
     "headprune auto --max-loss-increase 0.05 --data wiki.txt gpt2\n"
     "headprune auto --max-loss-increase 2% --dry-run gpt2\n",
     cmd_auto},
    {"inspect", TAKES_INSPECT, 1, "MODEL", "what is in a checkpoint",
     "Shows architecture, layers and heads, parameters, dtypes, files, tied "
     "tensors, and problems. Of a model that headprune does not run it "
     "shows what the container holds, and exits with 4.",
     "headprune inspect gpt2\n"
     "headprune inspect --json gpt2 | jq '.tensors[].name'\n",
     cmd_inspect},
    {"score", TAKES_SCORE, 2, "METHOD MODEL",
     "scores of one method, nothing is written",
     "Prints one number for every attention head. With --json it prints the "
     "document that plan reads.",
     "headprune score entropy gpt2\n"
     "headprune score entropy --json gpt2 > scores.json\n"
     "headprune score entropy --json gpt2 | jq -r '.heads[] | "
     "select(.score > 4) | .id' | headprune apply --heads - gpt2\n",
     cmd_score},
    {"plan", TAKES_PLAN, 1, "SCORES.json",
     "from scores to the list of heads to prune",
     "Reads a scores document (- is standard input) and picks the heads that "
     "go. With --json it prints the document that apply reads, with -q the "
     "list that --heads takes.",
     "headprune plan scores.json --ratio 0.3\n"
     "headprune plan scores.json --ratio 0.3 --scope layer --json > plan.json\n"
     "headprune plan scores.json --count 10 --keep 2 --protect '0:*'\n",
     cmd_plan},
    {"apply", TAKES_APPLY, 1, "MODEL",
     "a plan or a list of heads -> a new checkpoint",
     "Writes a new checkpoint in which the heads of a plan or of a list are "
     "silent. Heads are written LAYER:HEAD,HEAD-HEAD and count from 0. A plan "
     "that was made for another model is refused.",
     "headprune apply gpt2 --plan plan.json\n"
     "headprune apply gpt2 --heads '9:3 11:3,7-10' -o pruned\n"
     "headprune apply gpt2 --heads @heads.txt --dry-run\n",
     cmd_apply},
    {"eval", TAKES_EVAL, 1, "MODEL",
     "perplexity, masked-LM loss or drift, with its standard error",
     "Measures a model on a text: the perplexity of one that predicts the "
     "next token, the loss at masked tokens of one that fills gaps, and for "
     "one without an output how far its hidden states have turned from those "
     "of BASE. With --heads or --plan these heads are silent, in memory, and "
     "the difference to the whole model is shown, paired by token. All "
     "windows of the text are used.",
     "headprune eval gpt2 --data wiki.txt --length 512 --stride 256\n"
     "headprune eval gpt2 --data wiki.txt --heads '0:1,4 3:2'\n"
     "headprune eval gpt2-pruned --against gpt2 --data wiki.txt --json\n"
     "headprune eval bert --tokens test.ids --mask-id 103\n",
     cmd_eval},
    {"stats", TAKES_STATS, 1, "MODEL",
     "statistics of what heads put out, to use again and to merge",
     "Runs the model over text and writes the second moments of the heads' "
     "outputs of every block to a safetensors file. With --stats FILE energy "
     "and --compensate use them in place of text: one pass serves many runs, "
     "and parts of a text can be read on several machines and merged.",
     "headprune stats gpt2 --data wiki.txt -o wiki.stats.safetensors\n"
     "headprune magnitude --ratio 0.3 --compensate --stats "
     "wiki.stats.safetensors gpt2\n",
     cmd_stats},
    {"merge", TAKES_MERGE, SOME_ARGS, "FILE...",
     "statistics of several runs -> one",
     "Adds files of statistics of one model up, as if their texts had been "
     "read in one run.",
     "headprune merge part1.safetensors part2.safetensors -o "
     "all.safetensors\n",
     cmd_merge},
    {"redundancy", TAKES_REDUNDANCY, 1, "MODEL",
     "which heads the other heads of their block can replace",
     "Says of every head how much of what its block puts out is lost when it "
     "goes and the others are refitted, how much of its own output the others "
     "predict, and which one of them it depends on most; then groups of heads "
     "that stand in for each other, and pairs that cost more together than "
     "one by one.",
     "headprune redundancy gpt2 --data wiki.txt\n"
     "headprune redundancy gpt2 --stats wiki.stats.safetensors --json\n",
     cmd_redundancy},
    {"methods", TAKES_METHODS, 0, "",
     "the methods: what each needs and which end it prunes first",
     "Lists the methods.", "headprune methods\n", cmd_methods},
    {"tokens", TAKES_TOKENS, 1, "MODEL",
     "text -> token ids, one JSON array a line",
     "Shows what calibration sees: without --lines or -0 the windows that a "
     "method would use, otherwise every text whole. The output is what "
     "--tokens reads.",
     "headprune tokens gpt2 --data wiki.txt > windows.ids\n"
     "headprune tokens gpt2 --data prompts.txt --lines\n",
     cmd_tokens},
    {"check", TAKES_CHECK, 1, "MODEL", "CI gate: exit 1 when a limit is broken",
     "Computes again what a stored evaluation, scores or report says, of "
     "MODEL, on the same data, and holds the difference against limits. "
     "Prints a line for every rule; exits with 1 when one is broken. Data and "
     "windows are those of the baseline; --data or --tokens say where the "
     "data is now.",
     "headprune check gpt2 --baseline eval.json --max-perplexity-increase 2%\n"
     "headprune check gpt2 --baseline scores.json --max-score-change 5%\n"
     "headprune check gpt2 --baseline headprune.json --expect-heads "
     "'0:1 5:3'\n"
     "headprune check gpt2 --baseline eval.json --max-loss-increase 0.05 "
     "--format github --summary \"$GITHUB_STEP_SUMMARY\"\n",
     cmd_check},
    {"diff", TAKES_DIFF, 2, "A B",
     "what two checkpoints differ in, head by head",
     "Compares the values of two checkpoints, whatever dtype, files or order "
     "they are stored in: of every tensor and every head it says whether it "
     "is identical, zeroed, changed (and by how much), missing or of another "
     "shape. A head is known by its number in the original model, so that a "
     "model can be held against one that heads were removed from. Exits with "
     "1 when there is a difference.",
     "headprune diff gpt2 gpt2-entropy-0.3\n"
     "headprune diff --json gpt2 pruned | jq '.heads[] | "
     "select(.verdict != \"identical\") | .id'\n",
     cmd_diff},
    {"restore", TAKES_RESTORE, 1, "PRUNED",
     "undo: a pruned checkpoint and its undo file -> the original",
     "Makes the checkpoint again that PRUNED was made of, byte for byte, from "
     "PRUNED and the file that --undo wrote when it was pruned. The SHA-256 of "
     "every file is checked before and after: an undo file of another pruning "
     "or a PRUNED that was changed since is refused. Files that pruning does "
     "not copy (weights in other formats, folders) are not made again.",
     "headprune apply gpt2 --heads '9:3' --emit remove -o smaller "
     "--undo smaller.undo\n"
     "headprune restore smaller --undo smaller.undo -o again\n",
     cmd_restore},
    {"attention", TAKES_ATTENTION, 1, "MODEL",
     "what heads attend to, as a table, a heatmap or arrays",
     "Runs the model over one sequence and shows the attention that every "
     "head pays: without --head a table of all heads, with it the whole "
     "matrix. Of --data the first window is taken, of --tokens the first "
     "line. With -o the matrices of all blocks (of --layer only) go to a "
     "safetensors file, [heads, tokens, tokens] each.",
     "headprune attention gpt2 --text 'The cat sat on the mat'\n"
     "headprune attention gpt2 --text 'The cat sat on the mat' --head 5:1\n"
     "headprune attention gpt2 --data wiki.txt --length 64 -o "
     "attention.safetensors\n",
     cmd_attention},
    {"report", TAKES_REPORT, SOME_ARGS, "FILE...",
     "documents -> one self-contained HTML page",
     "Draws JSON documents of score, plan, METHOD, eval and sweep, and the "
     "safetensors file of attention: maps of the "
     "heads, heads kept in every layer, how the scores are spread, how far "
     "two methods agree, evaluations, what pruning costs, and what every head "
     "attends to. The page needs no network, no other file and no "
     "JavaScript; all numbers stand in it as tables too. Scores and the plan "
     "made of them are drawn as one.",
     "headprune report pruned/headprune.json -o page.html\n"
     "headprune report entropy.json magnitude.json plan.json -o page.html -f\n"
     "headprune report scores.json --svg figures\n",
     cmd_report},
    {"sweep", TAKES_SWEEP, 1, "MODEL",
     "methods x ratios x seeds, evaluated against random pruning",
     "Scores MODEL with every method, prunes it in memory at every ratio and "
     "evaluates each result: perplexity, masked-LM loss or hidden cosine. "
     "The table says of each method at each ratio how far it is from the mean "
     "of random pruning, in standard deviations (z), how many random seeds it "
     "beats, and how likely random pruning is to be as far away (p); better "
     "and worse need p below 0.05. Nothing is written but the document of -o, "
     "which is saved as points are finished. With --prompt every point of a "
     "causal model also says how it goes on, as generate would.",
     "headprune sweep gpt2 --eval-data heldout.txt -o sweep.json\n"
     "headprune sweep gpt2 --eval-data heldout.txt --resume sweep.json\n"
     "headprune sweep gpt2 --eval-data heldout.txt --prompt 'Once upon a "
     "time' --max-tokens 16\n"
     "headprune sweep gpt2 --methods magnitude,random --ratios 0.1,0.3 "
     "--seeds 20 --eval-data heldout.txt --format md\n",
     cmd_sweep},
    {"generate", TAKES_GENERATE, 1, "MODEL", "text from a causal model",
     "Goes on with prompts, whole or with heads silent (--heads, --plan), for "
     "a look at what pruning did. The likeliest token is taken every time, "
     "unless --temperature, --top-k or --top-p ask for a draw. A text ends "
     "after --max-tokens, at the model's end token, or where the model takes "
     "no more. All weights are held in memory in single precision. With "
     "--tokens ids go in and come out; with --json every text is one line.",
     "headprune generate gpt2 --prompt 'Once upon a time'\n"
     "headprune generate gpt2 --prompt 'Once upon a time' --plan plan.json\n"
     "headprune generate gpt2 --data prompts.txt --temperature 0.8 --top-p "
     "0.95 --seed 1 --json\n",
     cmd_generate},
};

const command *command_at(size_t i)
{
    return i < sizeof commands / sizeof *commands ? &commands[i] : NULL;
}

const command *command_find(const char *name)
{
    if (hp_method_find(name))
        return &commands[0];
    for (size_t i = 1; command_at(i); i++)
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    return NULL;
}
