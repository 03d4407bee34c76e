/* Private to rlsp/cli/eval_compare*.c. */
#ifndef RLSP_CLI_EVAL_COMPARE_PARTS_H
#define RLSP_CLI_EVAL_COMPARE_PARTS_H

#include <stdio.h>

#include "engine/io/sha256.h"
#include "rlsp/eval/paired.h"
#include "rlsp/run/json_line.h"

enum { COMPARE_COLUMNS_MAX = 16, COMPARE_RESAMPLES = 10000, COMPARE_SEED = 20261122 };

/* A problem in one column of a folder. */
typedef struct EvalScore {
    char     name[32], sum[SHA256_HEX]; /* of the column; of the problem's text */
    char    *id;
    uint32_t samples, correct;
} EvalScore;

typedef struct EvalSide {
    const char *folder;
    EvalScore  *scores; /* [count] by column and id */
    size_t      count, capacity;
    int         columns;
} EvalSide;

/* Two columns. */
typedef struct EvalPairing {
    char              name_a[32], name_b[32];
    size_t            all_a, all_b, count; /* problems of each; that both have */
    const EvalScore **a, **b;              /* [count] */
    PairedTest        test;
} EvalPairing;

typedef struct EvalComparison {
    EvalSide    sides[2];
    EvalPairing pairings[COMPARE_COLUMNS_MAX];
    int         count;
} EvalComparison;

/* One object; NULL: out of memory. */
const char *eval_comparison_json(const EvalComparison *comparison, JsonLine *line);

/* As a table for the terminal, with the problems won and lost in short; or whole, as Markdown. */
void eval_comparison_print(const EvalComparison *comparison, bool markdown, FILE *out);

#endif
