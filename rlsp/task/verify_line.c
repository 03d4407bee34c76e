#include "rlsp/task/verify_line.h"

#include <inttypes.h>
#include <stdio.h>

#include "engine/io/json.h"

static const int64_t NUMBER_LIMIT = 1000000000000000; /* 10^15: below 2^53, as JSON readers keep it exactly */

/* What a line asks for. */
typedef struct Request {
    Problem     problem;
    TaskItem    item; /* "gt", a reference answer, and "problem" */
    bool        bare; /* "pred" */
    const char *text;
    size_t      length;
} Request;

static Status read_numbers(const JsonObject *object, const Task *task, Problem *problem, Error *error)
{
    const cJSON *array;
    if (json_get_array(object, "numbers", JSON_REQUIRED, &array, error) != STATUS_OK) {
        return error->status;
    }
    int count = cJSON_GetArraySize(array), fewest = task == &task_pick_three ? 3 : 2;
    if (count < fewest || count > TASK_NUMBERS_MAX) {
        return json_fail(object, "numbers", error, "found %d numbers, wanted %d to %d", count, fewest,
                         TASK_NUMBERS_MAX);
    }
    problem->count = 0;
    const cJSON *element;
    cJSON_ArrayForEach(element, array)
    {
        if (json_integer(element, object->file, "a number of 'numbers'", 0, NUMBER_LIMIT,
                         &problem->numbers[problem->count++], error) != STATUS_OK) {
            return error->status;
        }
    }
    return json_get_i64(object, "target", JSON_REQUIRED, -NUMBER_LIMIT, NUMBER_LIMIT, &problem->target, error);
}

/* "response", a whole trace, or "pred", a bare answer. */
static Status read_text(const JsonObject *object, Request *request, Error *error)
{
    const cJSON *response = json_find(object, "response"), *pred = json_find(object, "pred");
    const cJSON *string = response != NULL ? response : pred;
    request->bare       = response == NULL;
    if (response != NULL && pred != NULL) {
        return json_fail(object, "pred", error, "found beside 'response', wanted one of the two");
    }
    if (string == NULL) {
        return json_fail(object, "response", error, "missing; wanted the response's text (or 'pred', a bare answer)");
    }
    if (!cJSON_IsString(string)) {
        return json_fail(object, request->bare ? "pred" : "response", error, "wanted a string");
    }
    request->text   = string->valuestring;
    request->length = json_string_bytes(string);
    return STATUS_OK;
}

/* A string that may be missing. */
static Status read_string(const JsonObject *object, const char *key, const char **text, size_t *length, Error *error)
{
    const cJSON *string = json_find(object, key);
    if (string != NULL && !cJSON_IsString(string)) {
        return json_fail(object, key, error, "wanted a string");
    }
    *text   = string != NULL ? string->valuestring : NULL;
    *length = string != NULL ? json_string_bytes(string) : 0;
    return STATUS_OK;
}

static Status read_request(const JsonObject *object, const Task *task, Request *request, Error *error)
{
    TaskItem *item = &request->item;
    if (json_find(object, "gt") != NULL) {
        request->problem.item = item;
        return read_string(object, "gt", &item->answer, &item->answer_length, error) == STATUS_OK &&
                       read_string(object, "problem", &item->problem, &item->problem_length, error) == STATUS_OK
                   ? read_text(object, request, error)
                   : error->status;
    }
    if (json_find(object, "numbers") == NULL) {
        return json_fail(object, "numbers", error,
                         "missing; wanted \"gt\" (a reference answer), or \"numbers\" and \"target\", beside the "
                         "\"response\"");
    }
    return read_numbers(object, task, &request->problem, error) == STATUS_OK ? read_text(object, request, error)
                                                                             : error->status;
}

/* The rule of the math verifier. */
static void put_rule(const Request *request, const TaskVerdict *verdict, JsonLine *out)
{
    json_line_text_field(out, "rule", verdict->rule);
    json_line_number_field(out, "work", (double)verdict->work);
    if (!request->bare) {
        json_line_number_field(out, "boxes", verdict->boxes);
        json_line_text_field(out, "found_by", verdict->found_by);
    }
}

static void put_explanation(const Task *task, const Request *request, const TaskVerdict *verdict, JsonLine *out)
{
    char value[64];
    snprintf(value, sizeof value, verdict->denominator == 1 ? "%" PRId64 : "%" PRId64 "/%" PRId64, verdict->numerator,
             verdict->denominator);
    json_line_text_field(out, "task", task->kind);
    json_line_key(out, "answered");
    json_line_bool(out, verdict->answered);
    json_line_text_field(out, "value", verdict->has_value ? value : NULL);
    json_line_number_field(out, "target", (double)request->problem.target);
    if (request->bare) {
        return;
    }
    TraceStats stats;
    task->trace(&request->problem, request->text, request->length, &stats, NULL);
    const struct {
        const char *name;
        double      value;
    } fields[] = {
        {"boxes", verdict->boxes},
        {"attempts", stats.attempts},
        {"valid", stats.valid},
        {"distinct", stats.distinct},
        {"repeated", stats.repeated},
        {"errors", stats.errors},
        {"hit_attempt", stats.hit_attempt},
        {"verified", stats.verified},
        {"false_yes", stats.false_yes},
        {"false_no", stats.false_no},
        {"backtracks", stats.backtracks},
        {"checks_right", stats.checks_right},
        {"checks_wrong", stats.checks_wrong},
        {"gave_up", stats.gave_up},
        {"repetition", stats.repetition},
        {"bytes_after_box", (double)stats.after_box},
    };
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
        json_line_number_field(out, fields[i].name, fields[i].value);
    }
}

static void put_verdict(const Task *task, bool explain, const Request *request, JsonLine *out)
{
    TaskVerdict verdict;
    (request->bare ? task_verify_answer : task_verify)(task, &request->problem, request->text, request->length,
                                                       &verdict);
    json_line_key(out, "correct");
    json_line_bool(out, verdict.correct);
    json_line_key(out, "answer");
    if (verdict.answered) {
        json_line_string(out, request->text + verdict.answer_offset, verdict.answer_length);
    } else {
        json_line_null(out);
    }
    json_line_text_field(out, "reason", verdict.reason);
    if (explain && request->problem.item != NULL) {
        put_rule(request, &verdict, out);
    } else if (explain) {
        put_explanation(task, request, &verdict, out);
    }
}

Status verify_line(const VerifyOptions *options, const char *text, size_t length, uint64_t line_number, JsonLine *out,
                   Error *error)
{
    char        name[40];
    cJSON      *root = NULL;
    JsonObject  object;
    Request     request = {0};
    const Task *task    = options->task == NULL ? &task_countdown : options->task;
    snprintf(name, sizeof name, "line %" PRIu64, line_number);
    json_line_clear(out);
    json_line_begin(out, '{');
    if (json_parse_with_nul(text, length, name, &root, error) == STATUS_OK &&
        json_root(&object, root, name, error) == STATUS_OK &&
        read_request(&object, task, &request, error) == STATUS_OK) {
        request.problem.extract = &options->extract;
        put_verdict(request.problem.item != NULL ? &task_jsonl : task, options->explain, &request, out);
    } else {
        json_error_in_line(error);
        json_line_key(out, "correct");
        json_line_bool(out, false);
        json_line_text_field(out, "answer", NULL);
        json_line_text_field(out, "reason", "error");
        json_line_text_field(out, "error", error->text);
    }
    json_line_end(out, '}');
    cJSON_Delete(root);
    return json_line_finish(out) != NULL ? error->status
                                         : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory at %s", name);
}
