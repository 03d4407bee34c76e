/* rlsp eval --compare: two finished evaluations, problem by problem. */
#ifndef RLSP_CLI_EVAL_COMPARE_H
#define RLSP_CLI_EVAL_COMPARE_H

#include <stdbool.h>

#include "engine/error.h"

/* Prints the comparison of the columns that both have (of the only columns, if each has one), and writes it as
 * Markdown to `report`, if that is not NULL. `common`: on the problems that both have; else the problems have to be the
 * same: STATUS_BAD_INPUT says how many are common. */
Status eval_compare(const char *a, const char *b, bool common, bool json, const char *report, Error *error);

#endif
