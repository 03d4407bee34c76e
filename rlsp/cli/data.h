/* The parts of `rlsp data`. */
#ifndef RLSP_CLI_DATA_H
#define RLSP_CLI_DATA_H

#include "rlsp/run/json_line.h"

int data_convert_command(int argc, char **argv);
int data_check_command(int argc, char **argv);
int data_stats_command(int argc, char **argv);

/* The options that say what the lines of a file hold: `form` [int], `forms` (DataForms). Four of an ArgsOption list. */
#define DATA_FORM_OPTIONS(form, forms)                                                                                 \
    args_choice("from", &(form), "FORM", "what the lines hold (auto)", data_form_names),                               \
        args_text("problem-key", &(forms).problem_key, "KEY",                                                          \
                  "where the problem is, instead of the usual names; a path: a.b.0.c"),                                \
        args_text("answer-key", &(forms).answer_key, "KEY", "the answer, likewise"),                                   \
        args_text("solution-key", &(forms).solution_key, "KEY", "the solution, likewise")

/* Text without what a terminal would take for a command, to stdout. */
void data_print_clean(const char *text);

#endif
