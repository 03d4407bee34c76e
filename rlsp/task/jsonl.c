/* Problems of a dataset: judged by the math verifier, read for words alone. */
#include <string.h>

#include "rlsp/math/box.h"
#include "rlsp/math/verify.h"
#include "rlsp/task/common.h"

/* What `answer` in `text` is worth. */
static void judge(const Problem *problem, const MathAnswer *answer, const char *text, TaskVerdict *verdict)
{
    const TaskItem *item    = problem->item;
    MathOptions     options = math_options_default();
    MathVerdict     math    = {0};
    const size_t    kept    = answer->length < sizeof verdict->answer ? answer->length : sizeof verdict->answer - 1;
    options.problem         = item->problem;
    options.problem_length  = item->problem_length;
    verdict->answered       = true;
    verdict->answer_offset  = (size_t)(answer->text - text);
    verdict->answer_length  = answer->length;
    verdict->answer[kept]   = '\0';
    memcpy(verdict->answer, answer->text, kept);
    math_verify(item->answer, item->answer_length, answer->text, answer->length, &options, &math);
    verdict->correct = math.correct;
    verdict->reason  = math.reason;
    verdict->rule    = math.rule;
    verdict->work    = math.work;
    verdict->limit   = math.code == MATH_TOO_MUCH;
}

static void jsonl_verify(const Problem *problem, const char *response, size_t length, TaskVerdict *verdict)
{
    MathAnswer answer;
    Boxes      boxes;
    memset(verdict, 0, sizeof *verdict);
    boxes_find(response, length, &boxes);
    const bool found          = math_extract(response, length, problem->extract, &answer);
    verdict->denominator      = 1;
    verdict->first_box_offset = boxes.first;
    verdict->box_offset       = answer.offset;
    verdict->boxes            = answer.boxes;
    if (found) {
        verdict->found_by = math_extract_way(answer.way);
        judge(problem, &answer, response, verdict);
    } else {
        const bool only = problem->extract != NULL && problem->extract->choice == MATH_BOX_ONLY;
        verdict->reason = "no answer";
        verdict->rule   = answer.boxes == 0             ? "the response has no \\boxed{…}"
                          : only && answer.boxes_differ ? "the boxes of the response hold different answers"
                                                        : "the box is empty";
    }
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void jsonl_verify_answer(const Problem *problem, const char *text, size_t length, TaskVerdict *verdict)
{
    size_t begin = 0, end = length;
    while (begin < end && is_space(text[begin])) {
        begin++;
    }
    while (end > begin && is_space(text[end - 1])) {
        end--;
    }
    const MathAnswer answer = {.found = true, .text = text + begin, .length = end - begin, .offset = length};
    memset(verdict, 0, sizeof *verdict);
    verdict->box_offset = verdict->first_box_offset = length;
    verdict->denominator                            = 1;
    judge(problem, &answer, text, verdict);
    verdict->answered = end > begin;
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
    .verify              = jsonl_verify,
    .verify_answer       = jsonl_verify_answer,
    .trace               = jsonl_trace,
};
