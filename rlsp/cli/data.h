/* The parts of `rlsp data`. */
#ifndef RLSP_CLI_DATA_H
#define RLSP_CLI_DATA_H

#include "rlsp/run/json_line.h"

int data_convert_command(int argc, char **argv);
int data_check_command(int argc, char **argv);
int data_stats_command(int argc, char **argv);

/* The options that say what the lines of a file hold: `form` [int], `forms` (DataForms). Four of an ArgsOption list. */
#define DATA_FORM_OPTIONS(form, forms)                                                                                 \
    {.name        = "from",                                                                                            \
     .type        = ARGS_CHOICE,                                                                                       \
     .value       = &(form),                                                                                           \
     .placeholder = "FORM",                                                                                            \
     .help        = "what the lines hold (auto)",                                                                      \
     .choices     = data_form_names},                                                                                      \
        {.name        = "problem-key",                                                                                 \
         .type        = ARGS_TEXT,                                                                                     \
         .value       = &(forms).problem_key,                                                                          \
         .placeholder = "KEY",                                                                                         \
         .help        = "where the problem is, instead of the usual names; a path: a.b.0.c"},                                 \
        {.name        = "answer-key",                                                                                  \
         .type        = ARGS_TEXT,                                                                                     \
         .value       = &(forms).answer_key,                                                                           \
         .placeholder = "KEY",                                                                                         \
         .help        = "the answer, likewise"},                                                                              \
    {                                                                                                                  \
        .name = "solution-key", .type = ARGS_TEXT, .value = &(forms).solution_key, .placeholder = "KEY",               \
        .help = "the solution, likewise"                                                                               \
    }

/* Text without what a terminal would take for a command, to stdout. */
void data_print_clean(const char *text);

#endif
