/* Turning the usual datasets into problems to train on, or into conversations to learn from: `rlsp data convert`.
 *
 *     DataReport report;
 *     Status     status = data_convert(&(DataConvert){.inputs = paths, .input_count = 2, .out = "train.jsonl", …},
 * &report, &error);
 *
 * The files are read twice: once to see which rows are kept, once to write them, in the order of the files. In memory
 * are some 100 bytes for each row that is kept, and never their texts.
 */
#ifndef RLSP_DATA_CONVERT_H
#define RLSP_DATA_CONVERT_H

#include "rlsp/data/filter.h"

typedef enum DataOutput {
    DATA_PROBLEMS, /* {"problem","answer","solution"?,"subject","level","id"}              */
    DATA_CHATS,    /* {"messages":[…],"id"}, for sft.format "messages"                     */
    DATA_PAIRS     /* {"prompt","completion","id"}, for sft.format "prompt-completion"     */
} DataOutput;

typedef struct DataConvert {
    const char *const *inputs;
    int                input_count;
    const char        *out;      /* replaced as a whole, or left as it was */
    const char        *held_out; /* where the held-out rows go; NULL: none are */
    double             held;     /* how many rows: below 1 a share of those kept */
    uint64_t           take;     /* write so many rows, drawn by the seed; 0: all */
    uint64_t           seed;
    DataForms          forms;
    DataOutput         output;
    DataRules          rules; /* `solutions` and `several_turns` follow from `output` */
    const char *const *excluded;
    int                excluded_count;
    bool               keep_duplicates;
    bool               skip_bad;    /* bad lines are dropped and counted; else the first is an error */
    bool               box_answers; /* solutions without a box get their answer in one */
} DataConvert;

typedef struct DataReport {
    uint64_t lines, written, held_out;
    uint64_t forms[DATA_FORMS]; /* of the lines that could be read */
    uint64_t dropped[DATA_DROPS];
    char     first[DATA_DROPS][160]; /* FILE:LINE of the first such row */
    char     first_bad[200];         /* what is wrong with the first bad line */
    uint64_t excluded;               /* problems to be excluded */
    uint64_t boxed;                  /* boxes that were added */
} DataReport;

/* STATUS_BAD_INPUT: no row is left (the report is filled, nothing is written), or an input is bad. */
Status data_convert(const DataConvert *convert, DataReport *report, Error *error);

#endif
