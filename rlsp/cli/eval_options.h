/* The command line of rlsp eval. */
#ifndef RLSP_CLI_EVAL_OPTIONS_H
#define RLSP_CLI_EVAL_OPTIONS_H

#include "rlsp/cli/eval_settings.h"

/* What the command line asks for. */
typedef struct EvalCommand {
    EvalSettings settings;
    const char  *out, *resume, *report, *device;
    int64_t      slots;
    int          kernels; /* RunKernels */
    bool         protocol, json, validate, compare, common;
    const char  *folders[2];
    int          folder_count;
} EvalCommand;

/* Parses all of it; with --resume over what that folder says. *help: --help was asked for, and printed. The settings
 * are freed by eval_settings_free in every case. */
Status eval_options_parse(EvalCommand *command_line, int argc, char **argv, bool *help, Error *error);

/* The numbers of --k. */
Status eval_options_k(const EvalSettings *settings, EvalSummaryOptions *options, Error *error);

#endif
