/* What a dataset holds: `rlsp data stats`. */
#ifndef RLSP_DATA_STATS_H
#define RLSP_DATA_STATS_H

#include "engine/text/tokenizer.h"
#include "rlsp/data/row.h"

/* Lengths, of which none is kept by itself but in classes 1% apart: quantiles are that exact. */
typedef struct DataLengths {
    uint64_t count, sum, most;
    uint64_t classes[2400];
} DataLengths;

void     data_lengths_add(DataLengths *lengths, uint64_t length);
uint64_t data_lengths_quantile(const DataLengths *lengths, double share); /* 0.5: the median; 0 if there are none */

/* A name and how often it is there. */
typedef struct DataCount {
    char    *name;
    uint64_t count;
} DataCount;

typedef struct DataCounts {
    DataCount *items; /* [count] as they came; sorted by data_stats */
    uint32_t   count;
    uint64_t   other; /* beyond DATA_NAMES_MAX names */
} DataCounts;

enum { DATA_NAMES_MAX = 256 };

typedef struct DataStats {
    uint64_t    lines, bad;
    char        first_bad[600];
    uint64_t    forms[DATA_FORMS];
    uint64_t    problems, answers, solutions, conversations, turns; /* turns: of the assistant, in conversations */
    uint64_t    unreadable;                                         /* answers that the verifier cannot read */
    uint64_t    boxed;                                              /* solutions with a box                  */
    uint64_t    figures, duplicates;
    DataLengths problem_chars, solution_chars, problem_tokens, solution_tokens;
    DataCounts  levels, subjects;
} DataStats;

/* Reads a file of any form; lines of none are counted as bad. `tokenizer` NULL: no tokens. */
Status data_stats(const char *path, const DataForms *forms, const Tokenizer *tokenizer, DataStats *stats, Error *error);
void   data_stats_free(DataStats *stats);

#endif
