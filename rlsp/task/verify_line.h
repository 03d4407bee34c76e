/* Judging one line of JSON, as `rlsp verify` does for each line of its input.
 *
 *     {"numbers":[3,7,20],"target":53,"response":"…\\boxed{(20*3)-7}"}   a whole trace
 *     {"numbers":[3,7,20],"target":53,"pred":"(20*3)-7"}                a bare answer
 *  -> {"correct":true,"answer":"(20*3)-7","reason":"correct"}
 *     {"gt":"\\frac{14}{3}","pred":"4\\frac{2}{3}"}                    a reference in LaTeX
 *  -> {"correct":true,"answer":"4\\frac{2}{3}","reason":"correct"}
 */
#ifndef RLSP_TASK_VERIFY_LINE_H
#define RLSP_TASK_VERIFY_LINE_H

#include "rlsp/math/extract.h"
#include "rlsp/run/json_line.h"
#include "rlsp/task/task.h"

typedef struct VerifyOptions {
    const Task       *task;    /* of lines without "gt"; NULL: countdown  */
    bool              explain; /* more fields: the value, the boxes and what the trace shows; the rule that decided */
    MathExtractPolicy extract; /* of lines with "gt"                      */
} VerifyOptions;

/* Judges `text` and leaves the answer, a line with its newline, in *out (which the
 * caller frees by json_line_free). A line that cannot be judged gives
 * {"correct":false,"answer":null,"reason":"error","error":"line N: …"} and
 * STATUS_BAD_INPUT with that text; STATUS_OUT_OF_MEMORY gives no line. */
Status verify_line(const VerifyOptions *options, const char *text, size_t length, uint64_t line_number, JsonLine *out,
                   Error *error);

#endif
