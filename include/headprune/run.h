#ifndef HEADPRUNE_RUN_H
#define HEADPRUNE_RUN_H

#include "headprune/backend.h"
#include "headprune/model.h"
#include "headprune/progress.h"
#include "headprune/sequences.h"

/*
 * The sweep: a forward pass that goes layer by layer. Each layer's weights are
 * read once per batch, all sequences of the batch advance, the observer sees
 * what it asked for, and the weights give way to the next layer's. Memory is
 * one layer, the hidden states within the budget, and scratch per thread.
 * The engine knows nothing of scores.
 *
 * One sweep can run several variants of a model that differ in which heads are
 * masked: all advance with each layer's weights, and variants whose masks are
 * equal up to some layer share one state until then.
 *
 * The same model, sequences and mask give the same values for any number of
 * threads, any budget and any company of other masks.
 */
#ifdef __cplusplus
extern "C" {
#endif

/* What an observer may ask for. The sweep computes no more than that: entropy
 * alone never needs the last layer's MLP. */
enum {
    HP_SEE_ENTROPY = 1,  /* row_entropy */
    HP_SEE_HIDDEN = 2,   /* hidden, after the last layer and the final norm */
    HP_SEE_LOGITS = 4,   /* logits; HP_INVALID for a model without an output */
    HP_SEE_PROBS = 8,    /* probs */
    HP_SEE_OUTPUT = 16,  /* hp_observer.outputs */
    HP_SEE_GRADIENT = 32 /* hp_observer.gradients; alone, and of one mask */
};

/* One observation. Pointers live for one call; fields that were not asked for
 * are NULL. */
typedef struct hp_seen {
    size_t variant;            /* which of the masks; 0 without masks */
    uint32_t sequence;         /* its number in hp_sequences */
    uint32_t n_query;          /* query positions of this call */
    uint32_t position;         /* of the first of them in the sequence */
    const hp_block *block;     /* entropy, probs; NULL for hidden and logits */
    uint32_t head;             /* of the block */
    const double *row_entropy; /* [n_query] nats */
    uint32_t n_key;            /* probs: tokens of the sequence */
    const float *probs;  /* [n_query, n_key]: rows sum to 1; a key that a query
                            does not see is exactly 0 */
    const float *hidden; /* [n_query, D] */
    const float *logits; /* [n_query, vocab] */
} hp_seen;

/* The outputs of all heads of a block over whole sequences: what its output
 * projection reads. Pointers live for one call. */
typedef struct hp_seen_outputs {
    size_t variant;
    const hp_block *block;
    uint32_t first_sequence, n_sequences; /* numbers in hp_sequences */
    size_t rows, n;      /* query positions; n_heads * head_dim */
    const float *z;      /* [rows, n] head by head */
    size_t width;        /* D */
    const float *stream; /* [rows, D] hidden states the block adds to */
} hp_seen_outputs;

/*
 * Gradients at one attention block over whole sequences. The loss of a sequence
 * is the mean of -ln p(label) over its positions that have a label; without
 * any, its gradients are 0. Pointers live for one call.
 */
typedef struct hp_seen_gradients {
    const hp_block *block;
    uint32_t first_sequence, n_sequences; /* numbers in hp_sequences */
    const size_t *start; /* [n_sequences + 1] first position of each, start[0]
                            being that of row 0 */
    size_t rows, n;      /* query positions; n_heads * head_dim */
    const float *z;      /* [rows, n] the heads' outputs, head by head */
    const float *z_gradient;  /* [rows, n] dL/dz */
    const double *losses;     /* [n_sequences] nats; 0 without labels */
    const uint32_t *n_labels; /* [n_sequences] */
} hp_seen_gradients;

/*
 * For every variant, `see` is called once for every sequence and head
 * (entropy), for runs of query rows of every sequence and head (probs), and
 * for runs of rows of every sequence (hidden, logits). Calls for different
 * variants, sequences or heads may come from several threads at once; never
 * two at once for one (variant, sequence, head). A scorer keeps one slot for
 * each and adds the slots in order at the end, which makes its sums
 * independent of threads.
 */
typedef struct hp_observer {
    unsigned wants; /* HP_SEE_* */
    void (*see)(void *payload, const hp_seen *seen);
    void *payload;
    /*
     * HP_SEE_OUTPUT: called from the thread that called hp_run_sweep, for one
     * block after the other and in it for runs of sequences in order, all of
     * them before the next block; how they are cut depends on the sequences
     * only. A failure ends the sweep.
     */
    hp_status (*outputs)(void *payload, const hp_seen_outputs *seen,
                         hp_error *err);
    /*
     * HP_SEE_GRADIENT: a backward pass to the activations follows the forward
     * pass. Called from the thread that called hp_run_sweep, for the last block
     * first, and for each block for runs of sequences in order, all of them
     * before the next block; how they are cut depends on the sequences only. A
     * failure ends the sweep.
     */
    hp_status (*gradients)(void *payload, const hp_seen_gradients *seen,
                           hp_error *err);
} hp_observer;

/* Weights of output projections that take the place of the model's own. */
typedef struct hp_projection {
    size_t variant;
    const hp_block *block;
    float *weight; /* [values of block->o.weight] as they are stored */
    int given;     /* set to 1 when `weight` was filled */
} hp_projection;

typedef struct hp_projections {
    /* NULL: the model's own everywhere. Asked from the thread that called
     * hp_run_sweep for each variant that has a state of its own, after
     * hp_observer.outputs has seen the block. Variants whose masks are equal up
     * to a layer must be given equal weights up to it. */
    hp_status (*get)(void *payload, hp_projection *p, hp_error *err);
    void *payload;
} hp_projections;

typedef struct hp_run_options {
    const hp_backend *backend; /* required */
    size_t budget;    /* bytes for hidden states of all variants, and for the
                         outputs that an observer sees; 0: what the threads'
                         own memory leaves of 64 MiB, at least half of them. At
                         least one piece of whole sequences is always held.
                         Where outputs or gradients are seen, each layer takes
                         all sequences, and what the budget does not hold lies
                         in temporary files (TMPDIR) */
    unsigned threads; /* 0: all that this process may use */
    /* [n_variants] masks of [heads of the model], 1: the head's output is taken
     * as zero; an entry may be NULL: nothing is masked. n_variants 0: one
     * variant without a mask. */
    const unsigned char *const *masks;
    size_t n_variants;
    hp_projections projections;
    /* HP_SEE_GRADIENT: [tokens of the sequences, of pairs the decoder's] the id
     * that each position is to predict (a causal model: the next one), -1: none
     */
    const int32_t *labels;
    hp_progress progress; /* unit: tokens x layers, of all variants; layers that
                             variants share count once */
} hp_run_options;

/*
 * HP_FORMAT: a weight that is computed with is NaN or infinite, or the pass
 * leaves the range of single precision; both name the tensor or the block.
 * HP_INVALID: a sequence is empty or too long, or an id is out of range; for
 * gradients, the model has no output or no position has a label.
 */
HP_CHECKED
hp_status hp_run_sweep(const hp_model *m, const hp_sequences *s,
                       const hp_run_options *o, const hp_observer *observer,
                       hp_error *err);

#ifdef __cplusplus
}
#endif

#endif
