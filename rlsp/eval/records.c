#include "rlsp/eval/records.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/eval/vote.h"
#include "rlsp/run/json_scan.h"
#include "rlsp/run/line_file.h"
#include "rlsp/task/trace_fields.h"

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "keeping responses: out of host memory");
}

/* --- life -------------------------------------------------------------------------------------------------------- */

EvalRecords *eval_records_new(const EvalProblems *problems, const EvalColumn *columns, int count, Error *error)
{
    EvalRecords *records = calloc(1, sizeof *records);
    bool         fine    = records != NULL;
    if (fine) {
        *records = (EvalRecords){.problems     = problems,
                                 .columns      = columns,
                                 .column_count = count,
                                 .list         = calloc((size_t)count, sizeof *records->list)};
        fine     = records->list != NULL;
    }
    for (int c = 0; c < count && fine; c++) {
        const size_t responses = (size_t)problems->count * columns[c].samples;
        records->list[c]       = calloc(responses, sizeof **records->list);
        fine                   = records->list[c] != NULL;
        records->responses += responses;
    }
    if (!fine) {
        eval_records_free(records);
        out_of_memory(error);
        return NULL;
    }
    return records;
}

void eval_records_free(EvalRecords *records)
{
    for (int c = 0; records != NULL && records->list != NULL && c < records->column_count; c++) {
        const size_t responses = (size_t)records->problems->count * records->columns[c].samples;
        for (size_t r = 0; records->list[c] != NULL && r < responses; r++) {
            free(records->list[c][r].answer);
        }
        free(records->list[c]);
    }
    if (records != NULL) {
        free(records->list);
    }
    free(records);
}

/* --- a line ------------------------------------------------------------------------------------------------------ */

/* What a line holds; texts lie in it. */
typedef struct Parsed {
    ScanField  stage, answer;
    double     row, sample;
    EvalRecord record;
    bool       is_trace, has_verdict, has_tokens;
} Parsed;

static uint32_t whole(double number)
{
    return number > 0 ? number < UINT32_MAX ? (uint32_t)number : UINT32_MAX : 0;
}

static void take_behaviour(TraceStats *trace, const ScanField *field)
{
    const struct {
        const char *name;
        uint32_t   *count;
    } counts[] = {{"attempts", &trace->attempts},   {"valid", &trace->valid},
                  {"distinct", &trace->distinct},   {"repeated", &trace->repeated},
                  {"errors", &trace->errors},       {"hit_attempt", &trace->hit_attempt},
                  {"verified", &trace->verified},   {"false_yes", &trace->false_yes},
                  {"false_no", &trace->false_no},   {"backtracks", &trace->backtracks},
                  {"checks", &trace->checks},       {"checks_right", &trace->checks_right},
                  {"distances", &trace->distances}, {"distances_right", &trace->distances_right}};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (scan_key_is(field, counts[i].name)) {
            *counts[i].count = whole(field->number);
            return;
        }
    }
    for (int w = 0; w < TRACE_WORDS_COUNT; w++) {
        if (scan_key_is(field, trace_words_field((TraceWords)w))) {
            trace->words[w] = whole(field->number);
            return;
        }
    }
    if (scan_key_is(field, "gave_up")) {
        trace->gave_up = field->number > 0;
    } else if (scan_key_is(field, "repetition")) {
        trace->repetition = field->number;
    }
}

static void take_text(Parsed *parsed, const ScanField *field)
{
    EvalRecord *record = &parsed->record;
    if (scan_key_is(field, "event")) {
        parsed->is_trace = scan_is(field->text, field->text_bytes, "trace");
    } else if (scan_key_is(field, "stage")) {
        parsed->stage = *field;
    } else if (scan_key_is(field, "answer")) {
        parsed->answer = *field;
    } else if (scan_key_is(field, "verdict")) {
        record->sample.verdict.correct  = scan_is(field->text, field->text_bytes, "correct");
        record->sample.verdict.answered = !scan_is(field->text, field->text_bytes, "no_answer");
        parsed->has_verdict             = true;
    } else if (scan_key_is(field, "found_by")) {
        record->boxed = scan_is(field->text, field->text_bytes, "box");
    }
}

static void take_field(Parsed *parsed, const ScanField *field)
{
    if (field->outer != NULL) {
        if (field->kind == SCAN_NUMBER && scan_is(field->outer, field->outer_bytes, "behaviours")) {
            take_behaviour(&parsed->record.sample.trace, field);
        }
    } else if (field->kind == SCAN_TEXT) {
        take_text(parsed, field);
    } else if (scan_key_is(field, "truncated")) {
        parsed->record.sample.stopped = field->kind == SCAN_FALSE;
    } else if (field->kind == SCAN_NUMBER && scan_key_is(field, "tokens")) {
        parsed->record.sample.tokens = whole(field->number);
        parsed->has_tokens           = true;
    } else if (field->kind == SCAN_NUMBER && scan_key_is(field, "row")) {
        parsed->row = field->number;
    } else if (field->kind == SCAN_NUMBER && scan_key_is(field, "sample")) {
        parsed->sample = field->number;
    }
}

/* The record that a line is about; NULL: none here. */
static EvalRecord *place_of(const EvalRecords *records, const Parsed *parsed)
{
    const int64_t problem = eval_problems_find(records->problems, parsed->row);
    for (int c = 0; c < records->column_count && problem >= 0; c++) {
        const EvalColumn *column = &records->columns[c];
        if (scan_is(parsed->stage.text, parsed->stage.text_bytes, column->stage) && parsed->sample >= 0 &&
            parsed->sample < column->samples && parsed->sample == (double)whole(parsed->sample)) {
            return eval_record_at(records, c, (uint32_t)problem, whole(parsed->sample));
        }
    }
    return NULL;
}

static Status keep(EvalRecords *records, EvalRecord *place, const Parsed *parsed, Error *error)
{
    const ScanField *answer = &parsed->answer;
    *place                  = parsed->record;
    if (parsed->record.sample.verdict.answered && answer->kind == SCAN_TEXT) {
        place->answer = malloc(answer->text_bytes + 1);
        if (place->answer == NULL) {
            return out_of_memory(error);
        }
        place->answer[scan_unescape(answer->text, answer->text_bytes, place->answer)] = '\0';
    }
    place->done = true;
    records->done++;
    records->correct += place->sample.verdict.correct;
    records->tokens += place->sample.tokens;
    return STATUS_OK;
}

static Status add_line(EvalRecords *records, const char *line, size_t bytes, Error *error)
{
    Parsed    parsed = {.row = -1, .sample = -1, .answer = {.kind = SCAN_NULL}, .stage = {.text = ""}};
    JsonScan  scan   = json_scan(line, bytes);
    ScanField field;
    while (json_scan_next(&scan, &field)) {
        take_field(&parsed, &field);
    }
    EvalRecord *place = json_scan_whole(&scan) && parsed.is_trace && parsed.has_verdict && parsed.has_tokens
                            ? place_of(records, &parsed)
                            : NULL;
    if (place == NULL || place->done) {
        records->foreign += place == NULL;
        records->repeated += place != NULL;
        return STATUS_OK;
    }
    return keep(records, place, &parsed, error);
}

Status eval_records_read(EvalRecords *records, const char *directory, Error *error)
{
    LineFile file;
    Line     line;
    Status   status = STATUS_OK;
    if (!line_file_open(&file, directory, "traces.jsonl")) {
        return out_of_memory(error);
    }
    line_file_look(&file);
    do {
        while (status == STATUS_OK && line_file_peek(&file, &line)) {
            status = add_line(records, line.text, line.bytes, error);
            line_file_take(&file, &line);
        }
    } while (status == STATUS_OK && line_file_fill(&file));
    if (status == STATUS_OK && file.failed != 0) {
        status = error_set(error, STATUS_FAILED, "cannot read %s: %s", file.path, strerror(file.failed));
    }
    line_file_close(&file);
    return status;
}

/* --- a new response ---------------------------------------------------------------------------------------------- */

static Status put_line(EvalRecords *records, const EventTrace *trace, Events *events, Error *error)
{
    JsonLine    line   = {0};
    const char *text   = event_trace_line(&line, trace);
    Status      status = text != NULL ? STATUS_OK : out_of_memory(error);
    if (status == STATUS_OK && events != NULL) { /* first on the disk, then counted */
        status = events_trace(events, trace, error);
    }
    if (status == STATUS_OK) {
        status = add_line(records, text, line.size, error);
    }
    json_line_free(&line);
    return status;
}

Status eval_records_write(EvalRecords *records, int column, const EvalResponse *response, const Task *task,
                          Events *events, Error *error)
{
    const EvalProblem *problem = &records->problems->list[response->request.problem];
    const uint32_t     samples = records->columns[column].samples;
    char               name[TRACE_LINE_BYTES];
    EvalSample         sample;
    EventField         behaviours[TRACE_FIELDS];
    eval_judge(&sample, task, &problem->problem, response->text, response->bytes, response->tokens, response->stopped);
    if (sample.trace.repetition < 0) { /* how repetition_of_words says it */
        return out_of_memory(error);
    }
    const TaskVerdict *verdict   = &sample.verdict;
    const char        *found_by  = verdict->found_by != NULL ? verdict->found_by : "box";
    const EventField   rewards[] = {{"correct", verdict->correct, NULL}};
    const EventField   details[] = {{"row", problem->row, NULL},
                                    {"sample", response->request.sample, NULL},
                                    {"found_by", 0, found_by}}; /* left out where there is no answer */
    trace_fields(&sample.trace, behaviours);
    EventTrace trace = {.stage           = records->columns[column].stage,
                        .index           = (int64_t)response->request.problem * samples + response->request.sample,
                        .prompt          = response->prompt,
                        .response        = response->text,
                        .tokens          = response->tokens,
                        .truncated       = !response->stopped,
                        .reward          = verdict->correct,
                        .rewards         = rewards,
                        .reward_count    = 1,
                        .behaviours      = behaviours,
                        .behaviour_count = TRACE_FIELDS,
                        .details         = details,
                        .detail_count    = verdict->answered ? 3 : 2};
    trace_verdict(&trace, &problem->problem, verdict, response->text, name);
    trace.problem = problem->id;
    if (trace.answer_length > EVAL_ANSWER_BYTES) {
        trace.answer_length = EVAL_ANSWER_BYTES;
    }
    return put_line(records, &trace, events, error);
}
