/* What rlsp eval found: a column per way of sampling, as JSON or as a table. */
#ifndef RLSP_CLI_EVAL_REPORT_H
#define RLSP_CLI_EVAL_REPORT_H

#include <stdio.h>

#include "rlsp/run/json_line.h"
#include "rlsp/train/eval_stats.h"

enum { EVAL_COLUMNS_MAX = 16, EVAL_PASS_AT_MAX = 16 };

/* One way of sampling, and what came of it. */
typedef struct EvalColumn {
    char       label[32];   /* "T=0.5", "greedy"           */
    char       stage[40];   /* of its traces and its event */
    double     temperature; /* 0: greedy                 */
    uint32_t   samples;     /* per problem               */
    EvalResult result;
    uint32_t   pass_k[EVAL_PASS_AT_MAX]; /* 1, 2, 4, … and samples */
    double     pass_at[EVAL_PASS_AT_MAX];
    int        pass_count;
} EvalColumn;

typedef struct EvalReport {
    const char *model, *adapter, *task, *device; /* adapter NULL: none */
    int64_t     problems, max_new, seed, top_k;
    double      top_p, min_p;
    EvalColumn  columns[EVAL_COLUMNS_MAX];
    int         column_count;
} EvalReport;

/* pass@1, 2, 4, … of a column from its judged samples. */
void eval_column_pass_at(EvalColumn *column, const EvalSample *samples, uint32_t problems);

/* One object, {"model":…,"evals":[{"name":"T=1",…},…]}; NULL if memory ran out. */
const char *eval_report_json(const EvalReport *report, JsonLine *line);

void eval_report_print(const EvalReport *report, FILE *out);

#endif
