/* rlsp eval: the report as JSON. */
#include <stdio.h>
#include <string.h>

#include "engine/io/sha256.h"
#include "rlsp/cli/eval_report.h"
#include "rlsp/task/trace_fields.h"

/* {"1":…,"2":…}, a number of every point. */
static void put_points(JsonLine *line, const char *name, const EvalPoint *points, int count, size_t offset)
{
    json_line_key(line, name);
    json_line_begin(line, '{');
    for (int i = 0; i < count; i++) {
        char   key[16];
        double value;
        memcpy(&value, (const unsigned char *)&points[i] + offset, sizeof value);
        snprintf(key, sizeof key, "%u", points[i].k);
        json_line_exact_field(line, key, value);
    }
    json_line_end(line, '}');
}

static void put_curve(JsonLine *line, const char *name, const EvalPoint *points, int count)
{
    const struct {
        const char *end;
        size_t      offset;
    } parts[] = {{"", offsetof(EvalPoint, value)},
                 {"_stderr", offsetof(EvalPoint, standard_error)},
                 {"_low", offsetof(EvalPoint, interval.low)},
                 {"_high", offsetof(EvalPoint, interval.high)}};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        char key[32];
        snprintf(key, sizeof key, "%s%s", name, parts[i].end);
        put_points(line, key, points, count, parts[i].offset);
    }
}

static void put_part(JsonLine *line, const char *name, const EvalPart *part)
{
    json_line_key(line, name);
    json_line_begin(line, '{');
    json_line_number_field(line, "responses", part->responses);
    const struct {
        const char *name;
        double      value;
    } values[] = {{"length", part->length},         {"length_p50", part->length_p50},
                  {"length_p95", part->length_p95}, {"truncated", part->truncated},
                  {"answered", part->answered},     {"boxed", part->boxed},
                  {"repetition", part->repetition}, {"search", part->search},
                  {"backtrack", part->backtrack},   {"check", part->check}};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        json_line_exact_field(line, values[i].name, values[i].value);
    }
    for (int w = 0; w < TRACE_WORDS_COUNT; w++) {
        json_line_exact_field(line, trace_words_field((TraceWords)w), part->words[w]);
    }
    json_line_end(line, '}');
}

static void put_groups(JsonLine *line, const EvalSummary *summary, bool levels)
{
    json_line_key(line, levels ? "levels" : "subjects");
    json_line_begin(line, '[');
    for (int g = 0; g < summary->group_count; g++) {
        const EvalGroup *group = &summary->groups[g];
        if (group->is_level != levels) {
            continue;
        }
        json_line_begin(line, '{');
        json_line_text_field(line, "name", group->name);
        json_line_number_field(line, "problems", group->problems);
        json_line_exact_field(line, "accuracy", group->accuracy);
        json_line_exact_field(line, "accuracy_stderr", group->accuracy_stderr);
        json_line_exact_field(line, "pass_at_k", group->pass_at_k);
        json_line_exact_field(line, "maj_at_k", group->maj_at_k);
        json_line_exact_field(line, "length", group->length);
        json_line_exact_field(line, "truncated", group->truncated);
        json_line_exact_field(line, "answered", group->answered);
        json_line_end(line, '}');
    }
    json_line_end(line, ']');
}

static void put_column(JsonLine *line, const EvalColumn *column, const EvalSummary *summary)
{
    static const char *const parts[EVAL_PARTS] = {"all", "right", "wrong"};
    EventField               fields[EVAL_FIELDS_MAX];
    char                     names[EVAL_FIELDS_MAX][48];
    const int                count = eval_result_fields(&summary->result, "", fields, names);
    json_line_begin(line, '{');
    json_line_text_field(line, "name", column->label);
    json_line_number_field(line, "temperature", column->temperature);
    json_line_number_field(line, "samples", column->samples);
    for (int i = 0; i < count; i++) {
        if (strncmp(fields[i].name, "time_", 5) != 0) { /* of the whole call, not of a column */
            json_line_exact_field(line, fields[i].name, fields[i].value);
        }
    }
    json_line_exact_field(line, "accuracy_low", summary->accuracy.low);
    json_line_exact_field(line, "accuracy_high", summary->accuracy.high);
    json_line_exact_field(line, "boxed", summary->boxed);
    put_curve(line, "pass_at", summary->pass, summary->k_count);
    put_curve(line, "maj_at", summary->maj, summary->k_count);
    json_line_number_field(line, "maj_at_drawn_problems", summary->drawn);
    json_line_number_field(line, "bootstrap_resamples", summary->resamples);
    json_line_key(line, "responses_by_verdict");
    json_line_begin(line, '{');
    for (int p = 0; p < EVAL_PARTS; p++) {
        put_part(line, parts[p], &summary->parts[p]);
    }
    json_line_end(line, '}');
    put_groups(line, summary, false);
    put_groups(line, summary, true);
    json_line_end(line, '}');
}

const char *eval_report_json(const EvalReport *report, JsonLine *line)
{
    const EvalRun *run = report->run;
    json_line_begin(line, '{');
    eval_settings_json(line, &run->settings);
    json_line_number_field(line, "problems", run->problems.count);
    json_line_number_field(line, "left_out", run->left_out);
    json_line_key(line, "evals");
    json_line_begin(line, '[');
    for (int i = 0; i < report->count; i++) {
        put_column(line, &run->columns[i], &report->summaries[i]);
    }
    json_line_end(line, ']');
    json_line_number_field(line, "time_seconds", run->seconds);
    json_line_number_field(line, "time_tokens", (double)run->generated_tokens);
    json_line_number_field(line, "time_resumed_with", (double)run->found);
    json_line_end(line, '}');
    return json_line_finish(line);
}

/* --- problem by problem ------------------------------------------------------------------------------------------ */

/* Of the problem's text, so that two evaluations can tell whether they posed the same. */
static void put_sum(JsonLine *line, const Task *task, const Problem *problem)
{
    char   sum[SHA256_HEX], prompt[TASK_PROMPT_BYTES];
    Sha256 sha;
    sha256_begin(&sha);
    if (problem->item != NULL) {
        sha256_add(&sha, problem->item->problem, problem->item->problem_length);
    } else {
        sha256_add(&sha, prompt, task->prompt(problem, prompt, sizeof prompt));
    }
    sha256_end(&sha, sum);
    json_line_text_field(line, "problem_sha256", sum);
}

static void put_problem(JsonLine *line, const Task *task, const EvalColumn *column, const EvalProblem *problem,
                        const EvalOutcome *outcome)
{
    json_line_begin(line, '{');
    json_line_text_field(line, "name", column->label);
    json_line_number_field(line, "row", problem->row);
    json_line_text_field(line, "id", problem->id);
    put_sum(line, task, &problem->problem);
    if (problem->problem.item != NULL) {
        json_line_text_field(line, "subject", problem->subject);
        json_line_text_field(line, "level", problem->level);
        json_line_text_field(line, "gold", problem->gold);
    }
    json_line_number_field(line, "samples", column->samples);
    json_line_number_field(line, "correct", outcome->correct);
    json_line_number_field(line, "answered", outcome->answered);
    json_line_key(line, "votes"); /* equal numbers: answers that mean the same; null: no answer */
    json_line_begin(line, '[');
    for (uint32_t k = 0; k < column->samples; k++) {
        if (outcome->class_of[k] < 0) {
            json_line_null(line);
        } else {
            json_line_number(line, outcome->class_of[k]);
        }
    }
    json_line_end(line, ']');
    json_line_key(line, "majority");
    if (outcome->winner < 0) {
        json_line_null(line);
    } else {
        json_line_number(line, outcome->class_of[outcome->winner]);
    }
    json_line_key(line, "majority_correct");
    json_line_bool(line, outcome->majority);
    json_line_exact_field(line, "length", outcome->length);
    json_line_end(line, '}');
}

const char *eval_report_problems(const EvalReport *report, JsonLine *line)
{
    const EvalRun *run  = report->run;
    const char    *text = "";
    for (int c = 0; c < report->count && text != NULL; c++) {
        for (uint32_t i = 0; i < run->problems.count && text != NULL; i++) {
            put_problem(line, run->task->kind, &run->columns[c], &run->problems.list[i],
                        &report->summaries[c].outcomes[i]);
            text        = json_line_finish(line);
            line->comma = false; /* the next one begins a line of its own */
        }
    }
    return text;
}
