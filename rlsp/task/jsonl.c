/* Problems of a dataset: judged by the math verifier, read for words alone. */
#include <string.h>

#include "rlsp/math/box.h"
#include "rlsp/math/verify.h"
#include "rlsp/task/common.h"

static bool jsonl_find_answer(const Problem *problem, const char *response, size_t length, TaskVerdict *verdict)
{
    MathAnswer answer;
    const bool found    = math_extract(response, length, problem->extract, &answer);
    verdict->box_offset = answer.offset;
    verdict->boxes      = answer.boxes;
    if (found) {
        verdict->found_by = math_extract_way(answer.way);
        task_note_answer(verdict, response, (size_t)(answer.text - response), answer.length);
        verdict->answered = true;
    } else {
        const bool only = problem->extract != NULL && problem->extract->choice == MATH_BOX_ONLY;
        verdict->reason = "no answer";
        verdict->rule   = answer.boxes == 0             ? "the response has no \\boxed{…}"
                          : only && answer.boxes_differ ? "the boxes of the response hold different answers"
                                                        : "the box is empty";
    }
    return found;
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool jsonl_take_answer(const char *answer, size_t length, TaskVerdict *verdict)
{
    size_t begin = 0, end = length;
    while (begin < end && is_space(answer[begin])) {
        begin++;
    }
    while (end > begin && is_space(answer[end - 1])) {
        end--;
    }
    task_note_answer(verdict, answer, begin, end - begin);
    return true; /* what an empty one is worth, the verifier says */
}

static void jsonl_judge(const Problem *problem, const char *text, TaskVerdict *verdict)
{
    const TaskItem *item    = problem->item;
    MathOptions     options = math_options_default();
    MathVerdict     math    = {0};
    options.problem         = item->problem;
    options.problem_length  = item->problem_length;
    math_verify(item->answer, item->answer_length, text + verdict->answer_offset, verdict->answer_length, &options,
                &math);
    verdict->correct = math.correct;
    verdict->reason  = math.reason;
    verdict->rule    = math.rule;
    verdict->work    = math.work;
    verdict->limit   = math.code == MATH_TOO_MUCH;
}

static void jsonl_trace(const Problem *problem, const char *response, size_t length, TraceStats *stats,
                        TraceSpans *spans)
{
    Boxes boxes;
    (void)problem; /* words only: nobody knows what an attempt at any problem looks like */
    boxes_find(response, length, &boxes);
    memset(stats, 0, sizeof *stats);
    stats->after_box = length - boxes.first_end;
    task_trace_finish(response, length, &boxes, stats, spans);
}

const Task task_jsonl = {
    .kind                = "jsonl",
    .max_response_tokens = 4096,
    .find_answer         = jsonl_find_answer,
    .take_answer         = jsonl_take_answer,
    .judge               = jsonl_judge,
    .trace               = jsonl_trace,
};
