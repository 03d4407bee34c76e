/* Dataset: the problems of a JSONL file, in memory.
 *
 *     Dataset *dataset = dataset_open("math500.jsonl", &config.task, &error);
 *     const TaskItem *item = &dataset->items[i];                             // i < dataset->count
 *     dataset_free(dataset);
 *
 * The config says under which keys a line holds the problem, its answer, and, where they are given, id, subject and
 * level. Problem and answer are strings or numbers. A line without one of them, or with an empty one, is an error
 * that begins with FILE:LINE. The other keys of a line, as the solution, are not kept.
 */
#ifndef RLSP_TASK_DATASET_H
#define RLSP_TASK_DATASET_H

#include "rlsp/run/config.h"
#include "rlsp/task/task.h"

typedef struct DatasetText DatasetText;

typedef struct Dataset {
    TaskItem *items; /* [count], as in the file                                              */
    uint32_t  count;
    uint32_t  left_out, left_out_line; /* by dataset_leave_out; the line of the first  */
    uint32_t  as_text, as_text_line;   /* whose answer the verifier cannot read: equal texts are right,
                                          others wrong; the line of the first          */
    uint32_t     item_capacity;
    DatasetText *texts; /* what the items point to */
} Dataset;

/* NULL with *error set: STATUS_BAD_INPUT also for a file without problems. */
Dataset *dataset_open(const char *path, const RunTask *config, Error *error);
void     dataset_free(Dataset *dataset); /* NULL is allowed */

/* Takes out the items that are marked, [count]. */
void dataset_leave_out(Dataset *dataset, const bool *marked);

#endif
