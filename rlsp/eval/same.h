/* Whether two answers mean the same, as votes are merged by it (vote.h). */
#ifndef RLSP_EVAL_SAME_H
#define RLSP_EVAL_SAME_H

#include <stdbool.h>

/* `task` is a const Task *: of problems of a dataset the math verifier decides, a taken as the reference; of built-in
 * tasks the expressions, up to the order of summands and factors. A VoteSame: asked of different texts. */
bool eval_same_answer(void *task, const char *a, const char *b);

#endif
