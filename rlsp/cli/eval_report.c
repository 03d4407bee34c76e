#include "rlsp/cli/eval_report.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

void eval_column_pass_at(EvalColumn *column, const EvalSample *samples, uint32_t problems)
{
    const uint32_t n = column->samples;
    for (uint32_t k = 1;; k = 2 * k < n ? 2 * k : n) {
        column->pass_k[column->pass_count]    = k;
        column->pass_at[column->pass_count++] = eval_pass_at(samples, problems, n, k);
        if (k == n) {
            break;
        }
    }
}

static void put_column(JsonLine *line, const EvalColumn *column)
{
    EventField fields[EVAL_FIELDS_MAX];
    char       names[EVAL_FIELDS_MAX][48];
    const int  count = eval_result_fields(&column->result, "", fields, names);
    json_line_begin(line, '{');
    json_line_text_field(line, "name", column->label);
    json_line_number_field(line, "temperature", column->temperature);
    json_line_number_field(line, "samples", column->samples);
    for (int i = 0; i < count; i++) {
        json_line_number_field(line, fields[i].name, fields[i].value);
    }
    json_line_key(line, "pass_at");
    json_line_begin(line, '{');
    for (int i = 0; i < column->pass_count; i++) {
        char key[16];
        snprintf(key, sizeof key, "%u", column->pass_k[i]);
        json_line_number_field(line, key, column->pass_at[i]);
    }
    json_line_end(line, '}');
    json_line_end(line, '}');
}

const char *eval_report_json(const EvalReport *report, JsonLine *line)
{
    json_line_begin(line, '{');
    json_line_text_field(line, "model", report->model);
    if (report->adapter != NULL) {
        json_line_text_field(line, "adapter", report->adapter);
    }
    json_line_text_field(line, "task", report->task);
    json_line_number_field(line, "problems", (double)report->problems);
    json_line_number_field(line, "seed", (double)report->seed);
    json_line_number_field(line, "max_new", (double)report->max_new);
    json_line_number_field(line, "top_p", report->top_p);
    json_line_number_field(line, "top_k", (double)report->top_k);
    json_line_number_field(line, "min_p", report->min_p);
    json_line_text_field(line, "device", report->device);
    json_line_key(line, "evals");
    json_line_begin(line, '[');
    for (int i = 0; i < report->column_count; i++) {
        put_column(line, &report->columns[i]);
    }
    json_line_end(line, ']');
    json_line_end(line, '}');
    return json_line_finish(line);
}

/* How a figure is printed: .123, 12.3%, 1.23, 123. */
typedef enum CellKind { CELL_SHARE, CELL_PERCENT, CELL_MEAN, CELL_WHOLE } CellKind;

typedef struct TableRow {
    const char *label;
    size_t      offset; /* of a double in EvalResult */
    CellKind    kind;
} TableRow;

static const TableRow table[] = {
    {"pass@1 (accuracy)", offsetof(EvalResult, accuracy), CELL_SHARE},
    {"  standard error", offsetof(EvalResult, accuracy_stderr), CELL_SHARE},
    {"pass@k", offsetof(EvalResult, pass_at_k), CELL_SHARE},
    {"maj@k", offsetof(EvalResult, maj_at_k), CELL_SHARE},
    {"accuracy with search", offsetof(EvalResult, accuracy_search), CELL_SHARE},
    {"accuracy without", offsetof(EvalResult, accuracy_direct), CELL_SHARE},
    {"length, tokens", offsetof(EvalResult, length), CELL_MEAN},
    {"  of right answers", offsetof(EvalResult, length_correct), CELL_MEAN},
    {"  of wrong ones", offsetof(EvalResult, length_wrong), CELL_MEAN},
    {"  95th percentile", offsetof(EvalResult, length_p95), CELL_WHOLE},
    {"attempts", offsetof(EvalResult, attempts), CELL_MEAN},
    {"  distinct", offsetof(EvalResult, distinct), CELL_MEAN},
    {"  verified", offsetof(EvalResult, verified), CELL_MEAN},
    {"repeats per attempt", offsetof(EvalResult, repeats_per_attempt), CELL_PERCENT},
    {"errors per attempt", offsetof(EvalResult, errors_per_attempt), CELL_PERCENT},
    {"traces with search", offsetof(EvalResult, search), CELL_PERCENT},
    {"  with a backtrack", offsetof(EvalResult, backtrack), CELL_PERCENT},
    {"  with a check", offsetof(EvalResult, check), CELL_PERCENT},
    {"  with a false Yes", offsetof(EvalResult, false_yes), CELL_PERCENT},
    {"  that give up", offsetof(EvalResult, gave_up), CELL_PERCENT},
    {"  with a hit", offsetof(EvalResult, hit), CELL_PERCENT},
    {"  hit, then right", offsetof(EvalResult, hit_then_correct), CELL_PERCENT},
    {"answered", offsetof(EvalResult, answered), CELL_PERCENT},
    {"truncated", offsetof(EvalResult, truncated), CELL_PERCENT},
    {"n-gram repetition", offsetof(EvalResult, repetition), CELL_PERCENT},
    {"seconds", offsetof(EvalResult, seconds), CELL_MEAN},
};

static void print_cell(FILE *out, double value, CellKind kind)
{
    static const char *const formats[] = {
        [CELL_SHARE] = "%.3f", [CELL_PERCENT] = "%.1f%%", [CELL_MEAN] = "%.2f", [CELL_WHOLE] = "%.0f"};
    char text[32] = "-"; /* a mean over nothing */
    if (isfinite(value)) {
        snprintf(text, sizeof text, formats[kind], kind == CELL_PERCENT ? 100 * value : value);
    }
    fprintf(out, " %10s", text);
}

void eval_report_print(const EvalReport *report, FILE *out)
{
    fprintf(out, "%s%s%s on %lld held-out problems of %s, seed %lld, up to %lld tokens\n\n%-23s", report->model,
            report->adapter != NULL ? " with " : "", report->adapter != NULL ? report->adapter : "", (long long)report->problems, report->task, (long long)report->seed, (long long)report->max_new, "");
    for (int c = 0; c < report->column_count; c++) {
        fprintf(out, " %10s", report->columns[c].label);
    }
    fprintf(out, "\n%-23s", "samples per problem, k");
    for (int c = 0; c < report->column_count; c++) {
        fprintf(out, " %10u", report->columns[c].samples);
    }
    fputc('\n', out);
    for (size_t r = 0; r < sizeof table / sizeof table[0]; r++) {
        fprintf(out, "%-23s", table[r].label);
        for (int c = 0; c < report->column_count; c++) {
            const unsigned char *result = (const unsigned char *)&report->columns[c].result;
            double               value;
            memcpy(&value, result + table[r].offset, sizeof value);
            print_cell(out, value, table[r].kind);
        }
        fputc('\n', out);
    }
    fprintf(out, "%-23s", "tokens generated");
    for (int c = 0; c < report->column_count; c++) {
        fprintf(out, " %10llu", (unsigned long long)report->columns[c].result.tokens);
    }
    fputc('\n', out);
}
