/* A run of rlsp eval: everything that is open, from the command line to the responses.
 *
 *     EvalRun run = {.settings = …, .out = "out"};
 *     eval_run_open(&run, &error);       // problems, the folder, what it holds already
 *     eval_run_generate(&run, &error);   // what is missing; a device only if something is
 *     …run.records…
 *     eval_run_close(&run, &error);
 */
#ifndef RLSP_CLI_EVAL_RUN_H
#define RLSP_CLI_EVAL_RUN_H

#include "engine/io/sha256.h"
#include "rlsp/cli/eval_settings.h"

typedef struct EvalRun {
    EvalSettings settings;
    const char  *out, *device_choice; /* NULL: none */
    int64_t      slots;
    int          kernels; /* RunKernels */
    bool         validate;

    char          model_sum[SHA256_HEX], data_sum[SHA256_HEX], prompts_sum[SHA256_HEX];
    EvalColumn    columns[EVAL_COLUMNS_MAX];
    int           column_count;
    TaskInstance *task;
    Tokenizer    *tokenizer;
    EvalProblems  problems;
    uint32_t      left_out; /* problems whose prompts are too long */
    EvalRecords  *records;
    Events       *events; /* NULL without a folder */
    int           lock;   /* of the folder; -1: none */
    bool          begun;  /* the folder has its eval.json */
    bool          grown;  /* and was begun with fewer samples */
    Gpu          *gpu;
    Model        *model;
    char          device[256];
    uint64_t      found;   /* responses that the folder had     */
    double        seconds; /* that this call took to generate   */
    uint64_t      generated_tokens;
} EvalRun;

Status eval_run_open(EvalRun *run, Error *error);

/* STATUS_STOPPED after Ctrl-C: what is finished is in the folder. */
Status eval_run_generate(EvalRun *run, Error *error);

/* Validation messages count as a failure, so that tests can ask for them. */
Status eval_run_close(EvalRun *run, Error *error);

#endif
