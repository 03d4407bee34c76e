/* Whether a file is what a config needs, line by line: `rlsp data check`. */
#ifndef RLSP_DATA_CHECK_H
#define RLSP_DATA_CHECK_H

#include "rlsp/train/sft_example.h"

/* What is told of lines: a fault would end a run, a remark would not. */
typedef struct DataListener {
    void (*tell)(void *context, bool fault, const char *text); /* one line, beginning with FILE:LINE */
    void *context;
} DataListener;

typedef struct DataCheck {
    uint64_t lines, good, faults, remarks;
    uint64_t blank;           /* lines passed over                                       */
    uint64_t unreadable;      /* problems: answers that only the same text is equal to   */
    uint64_t duplicates;      /* problems: by their letters and digits                   */
    uint64_t left_out, cut;   /* SFT: beyond max_length, without a token to learn, …     */
    uint64_t tokens, targets; /* SFT: of the good ones                                   */
    uint32_t longest;         /* SFT: tokens                                             */
} DataCheck;

/* As task.data or task.eval_data: under the config's keys. An error is one of the file as a whole. */
Status data_check_problems(const char *path, const RunTask *config, const DataListener *listener, DataCheck *check,
                           Error *error);

/* As sft.data. */
Status data_check_sft(const char *path, const SftEncoder *encoder, const DataListener *listener, DataCheck *check,
                      Error *error);

#endif
