/* rlsp eval: the table on the terminal. */
#include "rlsp/cli/eval_report.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* How a figure is printed: .123, 12.3%, 1.23, 123. */
typedef enum CellKind { CELL_SHARE, CELL_PERCENT, CELL_MEAN, CELL_WHOLE } CellKind;

typedef struct TableRow {
    const char *label;
    size_t      offset; /* of a double in EvalSummary */
    CellKind    kind;
    bool        evidence; /* of built-in tasks alone  */
} TableRow;

#define RESULT(field) offsetof(EvalSummary, result.field)

static const TableRow table[] = {
    {"pass@1 (accuracy)", RESULT(accuracy), CELL_SHARE, false},
    {"  standard error", RESULT(accuracy_stderr), CELL_SHARE, false},
    {"  95% from", offsetof(EvalSummary, accuracy.low), CELL_SHARE, false},
    {"  to", offsetof(EvalSummary, accuracy.high), CELL_SHARE, false},
    {"pass@k", RESULT(pass_at_k), CELL_SHARE, false},
    {"maj@k", RESULT(maj_at_k), CELL_SHARE, false},
    {"accuracy with search", RESULT(accuracy_search), CELL_SHARE, true},
    {"accuracy without", RESULT(accuracy_direct), CELL_SHARE, true},
    {"length, tokens", RESULT(length), CELL_MEAN, false},
    {"  of right answers", RESULT(length_correct), CELL_MEAN, false},
    {"  of wrong ones", RESULT(length_wrong), CELL_MEAN, false},
    {"  median", RESULT(length_p50), CELL_WHOLE, false},
    {"  95th percentile", RESULT(length_p95), CELL_WHOLE, false},
    {"attempts", RESULT(attempts), CELL_MEAN, true},
    {"  distinct", RESULT(distinct), CELL_MEAN, true},
    {"  verified", RESULT(verified), CELL_MEAN, true},
    {"repeats per attempt", RESULT(repeats_per_attempt), CELL_PERCENT, true},
    {"errors per attempt", RESULT(errors_per_attempt), CELL_PERCENT, true},
    {"traces with search", RESULT(search), CELL_PERCENT, true},
    {"  with a backtrack", RESULT(backtrack), CELL_PERCENT, true},
    {"  with a check", RESULT(check), CELL_PERCENT, true},
    {"  with a false Yes", RESULT(false_yes), CELL_PERCENT, true},
    {"  that give up", RESULT(gave_up), CELL_PERCENT, true},
    {"  with a hit", RESULT(hit), CELL_PERCENT, true},
    {"  hit, then right", RESULT(hit_then_correct), CELL_PERCENT, true},
    {"answered", RESULT(answered), CELL_PERCENT, false},
    {"  in a box", offsetof(EvalSummary, boxed), CELL_PERCENT, false},
    {"truncated", RESULT(truncated), CELL_PERCENT, false},
    {"n-gram repetition", RESULT(repetition), CELL_PERCENT, false},
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

static void print_head(const EvalReport *report, FILE *out)
{
    const EvalRun      *run = report->run;
    const EvalSettings *s   = &run->settings;
    fprintf(out, "%s%s%s in %s on %u ", s->model, s->adapter != NULL ? " with " : "",
            s->adapter != NULL ? s->adapter : "", s->precision, run->problems.count);
    if (s->data != NULL) {
        fprintf(out, "problems of %s", s->data);
    } else {
        fprintf(out, "held-out problems of %s", s->task);
    }
    if (run->left_out > 0) {
        fprintf(out, " (%u left out: their prompts have more than %lld tokens)", run->left_out,
                (long long)s->max_prompt);
    }
    fprintf(out, ", seed %lld, up to %lld tokens\n\n%-23s", (long long)s->seed, (long long)s->max_new, "");
    for (int c = 0; c < report->count; c++) {
        fprintf(out, " %10s", run->columns[c].label);
    }
    fprintf(out, "\n%-23s", "samples per problem, k");
    for (int c = 0; c < report->count; c++) {
        fprintf(out, " %10u", run->columns[c].samples);
    }
    fputc('\n', out);
}

static void print_groups(const EvalReport *report, bool levels, FILE *out)
{
    const EvalSummary *first = &report->summaries[0]; /* all columns have the same problems */
    for (int g = 0; g < first->group_count; g++) {
        const EvalGroup *group = &first->groups[g];
        char             label[40];
        if (group->is_level != levels) {
            continue;
        }
        snprintf(label, sizeof label, "%s%.23s", levels ? "level " : "", group->name);
        fprintf(out, "%-23s", label);
        for (int c = 0; c < report->count; c++) {
            print_cell(out, report->summaries[c].groups[g].accuracy, CELL_SHARE);
        }
        fprintf(out, "  of %u\n", group->problems);
    }
}

void eval_report_print(const EvalReport *report, FILE *out)
{
    const bool built_in = report->run->settings.data == NULL;
    print_head(report, out);
    for (size_t r = 0; r < sizeof table / sizeof table[0]; r++) {
        if (table[r].evidence && !built_in) {
            continue;
        }
        fprintf(out, "%-23s", table[r].label);
        for (int c = 0; c < report->count; c++) {
            double value;
            memcpy(&value, (const unsigned char *)&report->summaries[c] + table[r].offset, sizeof value);
            print_cell(out, value, table[r].kind);
        }
        fputc('\n', out);
    }
    fprintf(out, "%-23s", "tokens generated");
    for (int c = 0; c < report->count; c++) {
        fprintf(out, " %10llu", (unsigned long long)report->summaries[c].result.tokens);
    }
    fputc('\n', out);
    if (report->summaries[0].group_count > 0) {
        fprintf(out, "\npass@1 by subject and level\n");
        print_groups(report, false, out);
        print_groups(report, true, out);
    }
    if (report->run->seconds > 0) {
        fprintf(out, "\n%.1f seconds, %.0f tokens/s\n", report->run->seconds,
                (double)report->run->generated_tokens / report->run->seconds);
    }
}
