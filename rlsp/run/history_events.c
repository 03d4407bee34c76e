/* What a line of events.jsonl says of the run. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rlsp/run/history_parts.h"

enum { STEP_LIMIT_BITS = 53 };

typedef enum EventType {
    TYPE_SFT_STEP, /* the first three as in HistoryKind */
    TYPE_RL_STEP,
    TYPE_EVAL,
    TYPE_RUN_START,
    TYPE_PHASE_START,
    TYPE_CHECKPOINT,
    TYPE_RUN_END,
    TYPE_LOG,
    TYPE_OTHER
} EventType;

static EventType type_of(const ScanField *field)
{
    static const char *const names[TYPE_OTHER] = {"sft_step",    "rl_step",    "eval",    "run_start",
                                                  "phase_start", "checkpoint", "run_end", "log"};
    EventType                type              = 0;
    while (type < TYPE_OTHER && !scan_is(field->text, field->text_bytes, names[type])) {
        type++;
    }
    return type;
}

/* What is looked for in an event, whatever its type. */
typedef struct Fields {
    EventType type;
    bool      is_event;
    double    step, time, stage_step, steps, done, seconds, parameters, memory, format;
    ScanField name, stage, reason, device, driver, level, text; /* .text NULL: not there */
} Fields;

/* Literal names: each comparison begins with a length that the compiler knows. */
static void take_number(Fields *fields, const ScanField *field)
{
    double *value = scan_key_is(field, "step")                       ? &fields->step
                    : scan_key_is(field, "time_unix")                ? &fields->time
                    : scan_key_is(field, "stage_step")               ? &fields->stage_step
                    : scan_key_is(field, "steps")                    ? &fields->steps
                    : scan_key_is(field, "done")                     ? &fields->done
                    : scan_key_is(field, "time_seconds")             ? &fields->seconds
                    : scan_key_is(field, "parameters")               ? &fields->parameters
                    : scan_key_is(field, "time_device_memory_bytes") ? &fields->memory
                    : scan_key_is(field, "format")                   ? &fields->format
                                                                     : NULL;
    if (value != NULL) {
        *value = isfinite(field->number) ? field->number : NAN;
    }
}

static void take_text(Fields *fields, const ScanField *field)
{
    ScanField *value = scan_key_is(field, "name")          ? &fields->name
                       : scan_key_is(field, "stage")       ? &fields->stage
                       : scan_key_is(field, "reason")      ? &fields->reason
                       : scan_key_is(field, "time_device") ? &fields->device
                       : scan_key_is(field, "time_driver") ? &fields->driver
                       : scan_key_is(field, "level")       ? &fields->level
                       : scan_key_is(field, "text")        ? &fields->text
                                                           : NULL;
    if (value != NULL) {
        *value = *field;
    } else if (scan_key_is(field, "event")) {
        fields->type     = type_of(field);
        fields->is_event = true;
    }
}

/* A metric of an inner object is "outer.name". */
static bool put_inner(MetricTable *table, const ScanField *field)
{
    char name[METRIC_NAME_SIZE];
    if (field->outer_bytes + 1 + field->key_bytes >= sizeof name) {
        return true;
    }
    memcpy(name, field->outer, field->outer_bytes);
    name[field->outer_bytes] = '.';
    memcpy(name + field->outer_bytes + 1, field->key, field->key_bytes);
    return metrics_put(table, name, field->outer_bytes + 1 + field->key_bytes, field->number);
}

/* "step" is where the values stand, and a float has no room for the time. */
static bool put_metric(MetricTable *table, const ScanField *field)
{
    if (field->outer != NULL) {
        return put_inner(table, field);
    }
    return scan_key_is(field, "step") || scan_key_is(field, "time_unix") ||
           metrics_put(table, field->key, field->key_bytes, field->number);
}

/* Reads the line into `fields` and, for an event of a series, into the row of its table: the type is the first field.
 */
static bool read_fields(History *history, const Line *line, Fields *fields, bool *memory)
{
    JsonScan     scan  = json_scan(line->text, line->bytes);
    MetricTable *table = NULL;
    ScanField    field;
    *fields = (Fields){.type       = TYPE_OTHER,
                       .step       = NAN,
                       .time       = NAN,
                       .stage_step = NAN,
                       .steps      = NAN,
                       .done       = NAN,
                       .seconds    = NAN,
                       .parameters = NAN,
                       .memory     = NAN,
                       .format     = NAN};
    while (json_scan_next(&scan, &field)) {
        if (field.kind == SCAN_TEXT && field.outer == NULL) {
            take_text(fields, &field);
            if (history != NULL && table == NULL && fields->type <= TYPE_EVAL) {
                table = &history->tables[fields->type];
                metrics_begin(table);
            }
        } else if (field.kind == SCAN_NUMBER) {
            if (field.outer == NULL) {
                take_number(fields, &field);
            }
            *memory = table == NULL || put_metric(table, &field) ? *memory : false;
        }
    }
    return json_scan_whole(&scan) && fields->is_event;
}

/* --- the state */

static void take_times(HistoryState *state, double time)
{
    if (isfinite(time)) {
        state->first_time = state->first_time > 0 ? state->first_time : time;
        state->last_time  = time;
    }
}

static void begin_phase(History *history)
{
    history->step_seconds_count = 0;
    history->step_time          = 0;
    history->state.step_seconds = 0;
}

/* The mean of the last steps; without a duration of its own a step lasted since the one before. */
static void take_duration(History *history, HistoryKind kind, const Fields *fields)
{
    if (kind != history->step_kind) {
        begin_phase(history);
        history->step_kind = kind;
    }
    double seconds = fields->seconds;
    if (!(seconds >= 0) && history->step_time > 0) {
        seconds = fields->time - history->step_time;
    }
    history->step_time = isfinite(fields->time) ? fields->time : 0;
    if (!(seconds >= 0)) {
        return;
    }
    history->step_seconds[history->step_seconds_count++ % STEP_SECONDS_OF] = seconds;
    const int count = history->step_seconds_count < STEP_SECONDS_OF ? history->step_seconds_count : STEP_SECONDS_OF;
    double    sum   = 0;
    for (int i = 0; i < count; i++) {
        sum += history->step_seconds[i];
    }
    if (history->step_seconds_count >= 2 * STEP_SECONDS_OF) {
        history->step_seconds_count -= STEP_SECONDS_OF;
    }
    history->state.step_seconds = sum / count;
}

static void copy(const ScanField *field, char *out, size_t size)
{
    if (field->text != NULL) {
        scan_copy(field->text, field->text_bytes, out, size);
    }
}

static uint64_t whole(double value)
{
    return value > 0 && value < ldexp(1, STEP_LIMIT_BITS) ? (uint64_t)value : 0;
}

static void take_run_start(HistoryState *state, const Fields *fields)
{
    copy(&fields->name, state->name, sizeof state->name);
    copy(&fields->device, state->device, sizeof state->device);
    copy(&fields->driver, state->driver, sizeof state->driver);
    state->parameters    = whole(fields->parameters);
    state->device_memory = fields->memory > 0 ? fields->memory : 0;
    state->ended         = false;
}

static void take_phase_start(History *history, const Fields *fields)
{
    HistoryState *state = &history->state;
    state->stage[0] = state->phase[0] = '\0';
    copy(&fields->stage, state->stage, sizeof state->stage);
    copy(&fields->name, state->phase, sizeof state->phase);
    state->stage_steps = fields->steps >= 0 ? fields->steps : 0;
    state->stage_step  = fields->done >= 0 ? fields->done : 0;
    state->ended       = false;
    begin_phase(history);
}

static void take_log(History *history, const Fields *fields)
{
    char line[1200], stamp[32], level[32], text[1024];
    if (history->log_file.descriptor >= 0) {
        return; /* log.txt has it too */
    }
    level[0] = text[0] = '\0';
    copy(&fields->level, level, sizeof level);
    copy(&fields->text, text, sizeof text);
    log_stamp(fields->time, stamp);
    int bytes = snprintf(line, sizeof line, "%s %s: %s", stamp, level, text);
    log_add(&history->log, line, (size_t)bytes, true);
}

static void take_step(History *history, const Fields *fields)
{
    HistoryState *state = &history->state;
    state->step         = whole(fields->step);
    state->ended        = false;
    state->stage_step   = fields->stage_step >= 0 ? fields->stage_step : state->stage_step + 1;
    take_duration(history, (HistoryKind)fields->type, fields);
}

static void take(History *history, const Fields *fields)
{
    HistoryState *state = &history->state;
    const double  step  = fields->step;
    state->started      = true;
    take_times(state, fields->time);
    switch (fields->type) {
    case TYPE_SFT_STEP:
    case TYPE_RL_STEP: take_step(history, fields); break;
    case TYPE_EVAL: state->step = whole(step); break;
    case TYPE_RUN_START: take_run_start(state, fields); break;
    case TYPE_PHASE_START: take_phase_start(history, fields); break;
    case TYPE_CHECKPOINT: state->checkpoint_step = whole(step); break;
    case TYPE_LOG: take_log(history, fields); break;
    case TYPE_RUN_END:
        state->ended = true;
        copy(&fields->reason, state->end_reason, sizeof state->end_reason);
        break;
    case TYPE_OTHER: break;
    }
    if (fields->type <= TYPE_EVAL) {
        history->rl_step   = fields->type == TYPE_RL_STEP ? fmax(history->rl_step, step) : history->rl_step;
        history->eval_step = fields->type == TYPE_EVAL ? fmax(history->eval_step, step) : history->eval_step;
        history->any_step  = fmax(history->any_step, step);
    }
}

bool history_event(History *history, const Line *line, bool *memory)
{
    Fields fields;
    if (!read_fields(history, line, &fields, memory)) {
        return false;
    }
    if (fields.type == TYPE_RUN_START && fields.format > EVENTS_FORMAT) {
        history->refused = true;
        return true;
    }
    if (fields.type <= TYPE_EVAL) {
        if (!(fields.step >= 0 && fields.step < ldexp(1, STEP_LIMIT_BITS))) {
            return false; /* it would have no place */
        }
        if (fields.type < TYPE_EVAL && fields.step <= (double)history->state.step) { /* trained again */
            metrics_cut_back(&history->tables[HISTORY_EVAL], fields.step);
            metrics_cut_back(&history->tables[HISTORY_SFT], fields.step);
            metrics_cut_back(&history->tables[HISTORY_RL], fields.step);
        }
        *memory = metrics_end(&history->tables[fields.type], fields.step) && *memory;
    }
    take(history, &fields);
    return true;
}

double history_event_time(const Line *line)
{
    Fields fields;
    bool   memory = true;
    return read_fields(NULL, line, &fields, &memory) ? fields.time : NAN;
}

double history_event_format(const Line *line)
{
    Fields fields;
    bool   memory = true;
    return read_fields(NULL, line, &fields, &memory) && fields.type == TYPE_RUN_START && fields.format > 0
               ? fields.format
               : 0;
}
