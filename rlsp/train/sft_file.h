/* SFT data from a JSONL file: which lines make up which step. Lines are read and tokenized when their step comes; what
 * is kept is where each line begins and how many tokens it has, 12 bytes a line.
 *
 *     SftFile *file = sft_file_open(&encoder, seed, phase_index, &error);
 *     sft_file_step(file, step, &batch, &error);                // the same for the same (seed, phase, step)
 *     sft_file_free(file);
 *
 * The lines come in endless passes over the file, in a new order each (phase->shuffle), those that are left out passed
 * over. A step takes the next phase->batch_size of them. With phase->batch_tokens, lines are taken until they would
 * fill WINDOW_STEPS steps, and dealt out to as many steps as they need so that all of these have about the same number
 * of tokens, and none more than batch_tokens (unless a single line has).
 */
#ifndef RLSP_TRAIN_SFT_FILE_H
#define RLSP_TRAIN_SFT_FILE_H

#include "rlsp/train/sft_batch.h"
#include "rlsp/train/sft_example.h"

typedef struct SftFile SftFile;

/* What is known of the lines: with phase->check_data "all" of every line; else of those that were looked at so far. */
typedef struct SftFileCounts {
    uint64_t lines;                                    /* that are not blank */
    uint64_t checked;                                  /* of these */
    uint64_t used;                                     /* checked and not left out */
    uint64_t too_short, too_long, no_target;           /* left out */
    uint64_t bad;                                      /* left out, under phase->on_error "skip" */
    uint64_t cut;                                      /* used, but cut */
    uint64_t tokens, targets;                          /* of those used */
    uint32_t longest;                                  /* tokens */
    uint64_t first_bad;                                /* number of the first bad line; 0: none */
    char     first_bad_text[sizeof((Error *)0)->text]; /* what is wrong with it */
} SftFileCounts;

/* Where a step's lines begin: the window that holds the step. A file that goes on at a place needs not look at what
 * comes before. {0, 0} is the start. */
typedef struct SftPlace {
    uint64_t begin; /* lines taken (or passed over) before */
    uint32_t step;  /* the window's first step */
} SftPlace;

/* Opens phase->data of the encoder, whose parts have to outlive the file, and checks its lines as phase->check_data
 * says. NULL with *error set; no line to learn from is an error. */
SftFile *sft_file_open(const SftEncoder *encoder, uint64_t seed, uint32_t phase_index, Error *error);
void     sft_file_free(SftFile *file); /* NULL is allowed */

const SftFileCounts *sft_file_counts(const SftFile *file);

/* No sequence of any step is longer, in tokens. */
uint32_t sft_file_longest(const SftFile *file);

/* Steps that `epochs` passes over the data take; needs phase->check_data "all". */
Status sft_file_steps(SftFile *file, double epochs, uint32_t *steps, Error *error);

/* Fills `batch`. Steps in order cost what their lines cost; going back, or far ahead, also looks at the lengths of all
 * lines in between. */
Status sft_file_step(SftFile *file, uint32_t step, SftBatch *batch, Error *error);

/* The place of the step that was asked for last, and going on there. */
SftPlace sft_file_place(const SftFile *file);
void     sft_file_go(SftFile *file, SftPlace place);

#endif
