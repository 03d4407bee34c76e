/* Whether two answers mean the same, as votes are merged by it (vote.h).
 *
 *     EvalSame same = eval_same(task);                  // for the answers to one problem
 *     vote_classes(answers, n, eval_same_answer, &same, …);
 */
#ifndef RLSP_EVAL_SAME_H
#define RLSP_EVAL_SAME_H

#include <stdbool.h>
#include <stdint.h>

#include "rlsp/task/task.h"

/* The work of the verifier that is left for a problem: twenty times what one comparison may take (about a second). Then
 * only equal texts are the same. Work is counted, not timed: the answer is the same on every machine. */
typedef struct EvalSame {
    const Task *task;
    int64_t     work;
} EvalSame;

EvalSame eval_same(const Task *task);

/* `same` is an EvalSame *. Of problems of a dataset the math verifier decides, a taken as the reference; of built-in
 * tasks the expressions, up to the order of summands and factors. A VoteSame: asked of different texts. */
bool eval_same_answer(void *same, const char *a, const char *b);

#endif
