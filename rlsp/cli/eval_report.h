/* What rlsp eval found: as JSON, as a table, as a Markdown page, and problem by problem. */
#ifndef RLSP_CLI_EVAL_REPORT_H
#define RLSP_CLI_EVAL_REPORT_H

#include <stdio.h>

#include "rlsp/cli/eval_run.h"
#include "rlsp/eval/summary.h"

typedef struct EvalReport {
    const EvalRun *run;
    EvalSummary    summaries[EVAL_COLUMNS_MAX]; /* of the run's columns */
    int            count;
} EvalReport;

/* One object, {"model":…,"evals":[{"name":"T=1",…},…]}; NULL if memory ran out. */
const char *eval_report_json(const EvalReport *report, JsonLine *line);

/* problems.jsonl: a line for every problem of every column. NULL if memory ran out. */
const char *eval_report_problems(const EvalReport *report, JsonLine *line);

/* For a terminal. */
void eval_report_print(const EvalReport *report, FILE *out);

/* A page to keep with the numbers: settings, tables, what each number means. */
void eval_report_markdown(const EvalReport *report, FILE *out);

#endif
