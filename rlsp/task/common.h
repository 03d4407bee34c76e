/* What the built-in tasks share; not for others. */
#ifndef RLSP_TASK_COMMON_H
#define RLSP_TASK_COMMON_H

#include "rlsp/math/box.h"
#include "rlsp/task/task.h"

/* `count` distinct numbers from 1..max, all sets equally likely, ascending. */
void task_draw_numbers(Random *random, uint32_t count, uint32_t max, int64_t *numbers);

/* "Numbers 3,7,20. Target 53.\n", or without target "Numbers 3,7,20.\n". */
size_t task_write_prompt(const Problem *problem, bool with_target, char *out, size_t size);

/* The problem of such a prompt with a target (white space around it is passed over). False: it is none, or
 * has fewer than `fewest` or more than TASK_NUMBERS_MAX numbers. */
bool task_read_prompt(const char *prompt, size_t length, uint32_t fewest, Problem *problem);

/* Notes that the answer lies at text[offset], and keeps its beginning. */
void task_note_answer(TaskVerdict *verdict, const char *text, size_t offset, size_t length);

/* find_answer of the built-in tasks: what the last complete box holds. */
bool task_find_box(const Problem *problem, const char *response, size_t length, TaskVerdict *verdict);
/* Their take_answer. */
bool task_take_bare(const char *answer, size_t length, TaskVerdict *verdict);

/* `word` stands at text[i] and is not part of a longer word (where its ends are letters). */
bool task_word_at(const char *text, size_t length, size_t i, const char *word);

/* An equation "20*3=60" at text[*position], which moves past it. */
typedef struct Equation {
    char    op;
    int64_t left, right, result;
} Equation;
bool task_read_equation(const char *text, size_t length, size_t *position, Equation *equation);

/* All of it that is not evidence of one task: words, repetition, the answer's span. */
void task_trace_finish(const char *response, size_t length, const Boxes *boxes, TraceStats *stats, TraceSpans *spans);

/* Token `index` of a table: specials, `pieces` (count), integers 0..last. */
bool task_piece_of(const char *const *pieces, size_t count, uint32_t last, size_t index, char out[TASK_PIECE_BYTES]);

#endif
