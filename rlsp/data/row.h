/* DataRow: a line of one of the usual datasets, as a problem, its answer and its solution.
 *
 *     DataRow   row = {0};
 *     DataFault fault;
 *     if (data_row_read(&(DataForms){.form = DATA_AUTO}, &record, &row, &fault, &error) != STATUS_OK) … // no line of
 * that kind if (fault == DATA_FINE) …row.problem, row.answer… data_row_free(&row);
 *
 * Forms:
 *   math      {"problem", "solution" with its answer in \boxed{}, "level": "Level 5", "type"}; also with an "answer",
 * as MATH-500 and AIME rows, NuminaMath, QwQ-LongCoT ("qwq") gsm8k     {"question", "answer": "… <<3*4=12>> … #### 12"}
 *   authors   {"input": the prompt written out, "problem", "answer"}
 *   messages  {"messages": [{"role", "content"}, …]} or ShareGPT's {"conversations": [{"from", "value"}, …]}: the
 * problem is the user's first turn, the solution the assistant's last auto      told by the keys of each line, from the
 * names that are in use for them
 */
#ifndef RLSP_DATA_ROW_H
#define RLSP_DATA_ROW_H

#include "rlsp/task/records.h"

typedef enum DataForm { DATA_AUTO, DATA_MATH, DATA_GSM8K, DATA_AUTHORS, DATA_MESSAGES, DATA_FORMS } DataForm;

extern const char *const data_form_names[DATA_FORMS + 1]; /* "auto", …, NULL */

/* What is looked for. */
typedef struct DataForms {
    DataForm    form;
    const char *problem_key, *answer_key, *solution_key; /* paths (records.h) instead of the usual names; NULL: those */
} DataForms;

/* What a row lacks. */
typedef enum DataFault { DATA_FINE, DATA_NO_PROBLEM, DATA_NO_ANSWER, DATA_SEVERAL_TURNS } DataFault;

/* Starts as {0}; used again. Texts are NULL where there is none; they have no NUL inside, and belong to the row. */
typedef struct DataRow {
    DataForm form; /* never DATA_AUTO */
    char    *problem, *answer, *solution;
    bool     derived; /* the answer was found in the solution */
    char    *subject, *level, *id;
    cJSON   *messages; /* of a conversation: [{"role", "content"}, …], whatever the file calls them */
    uint32_t turns;    /* of the assistant in it */
} DataRow;

/* STATUS_BAD_INPUT: the line is of no known form, or a value has a wrong type; the error begins with FILE:LINE.
 * Otherwise *fault says what the row lacks; a row without an answer or of several turns may still be good to learn
 * from. */
Status data_row_read(const DataForms *forms, const Record *record, DataRow *row, DataFault *fault, Error *error);
void   data_row_free(DataRow *row);

/* Whether a text holds or needs a picture: an [asy] figure, \includegraphics, a Markdown image. */
bool data_has_figure(const char *text);

/* The answer in the last \boxed{} of a text, else what follows "####" on its last line; malloc'ed, NULL: none (or out
 * of memory). */
char *data_answer_of(const char *solution);

#endif
