/* rlsp eval: the report as a Markdown page. */
#include <math.h>
#include <string.h>

#include "rlsp/cli/eval_report.h"
#include "rlsp/eval/vote.h"

/* A percentage, or "–" over nothing. */
static void percent(FILE *out, double share)
{
    if (isfinite(share)) {
        fprintf(out, " %.1f%% |", 100 * share);
    } else {
        fputs(" – |", out);
    }
}

static void number(FILE *out, double value, int digits)
{
    if (isfinite(value)) {
        fprintf(out, " %.*f |", digits, value);
    } else {
        fputs(" – |", out);
    }
}

/* A text on one line. */
static void plain(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\n') {
            fputs("\\n", out);
        } else if ((unsigned char)*text >= ' ' && *text != 127) {
            fputc(*text, out);
        }
    }
}

/* The same in a cell of a table, which a | would end. */
static void cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const char letter[] = {*text, '\0'};
        plain(out, *text == '|' ? "\\|" : letter);
    }
}

static void row(FILE *out, const char *name, const char *value)
{
    fprintf(out, "| %s | ", name);
    cell(out, value);
    fputs(" |\n", out);
}

static void row_number(FILE *out, const char *name, double value)
{
    char text[40];
    snprintf(text, sizeof text, "%.10g", value);
    row(out, name, text);
}

/* --- settings ---------------------------------------------------------------------------------------------------- */

static void say_prompt(FILE *out, const EvalSettings *s)
{
    if (s->data == NULL) {
        return;
    }
    row(out, "prompt",
        s->prompt_template != NULL ? s->prompt_template
        : s->raw                   ? "raw: the problem as it is"
                                   : "the model's chat template");
    if (s->system != NULL) {
        row(out, "system", s->system);
    }
    for (int i = 0; i < s->chat_set.count; i++) {
        row(out, "variable of the template", s->chat_set.items[i]);
    }
    if (s->prefix != NULL) {
        row(out, "before the problem", s->prefix);
    }
    if (s->suffix != NULL) {
        row(out, "after the problem", s->suffix);
    }
    row(out, "box that counts", eval_boxes[s->boxes]);
    row(out, "answers without a box", s->phrases ? "\"the answer is …\", \"#### …\", the last number" : "none");
}

static void say_settings(FILE *out, const EvalReport *report)
{
    const EvalRun      *run = report->run;
    const EvalSettings *s   = &run->settings;
    fputs("| setting | value |\n|---|---|\n", out);
    row(out, "model", s->model);
    if (s->adapter != NULL) {
        row(out, "adapter", s->adapter);
    }
    row(out, "SHA-256 of the model's files", s->model_sha256);
    row(out, s->data != NULL ? "data" : "task", s->data != NULL ? s->data : s->task);
    if (s->data != NULL) {
        row(out, "SHA-256 of the data", s->data_sha256);
    }
    row(out, "SHA-256 of all prompts", s->prompts_sha256);
    row_number(out, "problems", run->problems.count);
    if (run->left_out > 0) {
        row_number(out, "left out, their prompts being too long", run->left_out);
    }
    for (int i = 0; i < s->subjects.count; i++) {
        row(out, "subject", s->subjects.items[i]);
    }
    for (int i = 0; i < s->levels.count; i++) {
        row(out, "level", s->levels.items[i]);
    }
    say_prompt(out, s);
    row_number(out, "new tokens at most", (double)s->max_new);
    row_number(out, "top_p (0: off)", s->top_p);
    row_number(out, "top_k (0: off)", (double)s->top_k);
    row_number(out, "min_p (0: off)", s->min_p);
    row_number(out, "seed", (double)s->seed);
    row(out, "precision of the weights", s->precision);
    row(out, "precision of the products", s->products != NULL ? s->products : "f32");
    row(out, "precision of keys and values", s->kv_cache != NULL ? s->kv_cache : "f32");
    row(out, "device", s->device);
    row(out, "rlsp", s->version);
    for (int c = 0; c < report->count; c++) {
        char same[160], name[160];
        eval_settings_authors(s, &run->columns[c], same, sizeof same);
        if (same[0] != '\0' && s->data != NULL) {
            snprintf(name, sizeof name, "as the paper's authors evaluate (%s)", run->columns[c].label);
            row(out, name, same);
        }
    }
    char command[4096];
    eval_settings_command(s, command, sizeof command);
    fprintf(out, "\nThe same again:\n\n    %s\n\n", command);
}

/* The first prompt, as the model gets it. */
static void say_example(FILE *out, const EvalRun *run)
{
    TaskPrompt prompt = {0};
    Error      error  = {0};
    if (task_instance_prompt(run->task, &run->problems.list[0].problem, &prompt, &error) == STATUS_OK) {
        fputs("The first prompt (\\n stands for a new line):\n\n    ", out);
        plain(out, prompt.text);
        fputs("\n\n", out);
    }
    task_prompt_free(&prompt);
}

/* --- tables ------------------------------------------------------------------------------------------------------ */

static void heads(FILE *out, const EvalReport *report, const char *first)
{
    fprintf(out, "| %s |", first);
    for (int c = 0; c < report->count; c++) {
        fprintf(out, " %s |", report->run->columns[c].label);
    }
    fputs("\n|---|", out);
    for (int c = 0; c < report->count; c++) {
        fputs("--:|", out);
    }
    fputc('\n', out);
}

static void with_interval(FILE *out, double value, double standard_error, EvalInterval interval)
{
    fprintf(out, " %.1f%%", 100 * value);
    if (isfinite(standard_error)) {
        fprintf(out, " ± %.1f [%.1f, %.1f]", 100 * standard_error, 100 * interval.low, 100 * interval.high);
    }
    fputs(" |", out);
}

static void say_results(FILE *out, const EvalReport *report)
{
    heads(out, report, "");
    fputs("| samples per problem |", out);
    for (int c = 0; c < report->count; c++) {
        fprintf(out, " %u |", report->run->columns[c].samples);
    }
    fputs("\n| pass@1 |", out);
    for (int c = 0; c < report->count; c++) {
        const EvalSummary *s = &report->summaries[c];
        with_interval(out, s->result.accuracy, s->result.accuracy_stderr, s->accuracy);
    }
    const struct {
        const char *name;
        size_t      offset; /* in EvalResult */
        bool        share;
    } rows[] = {{"answered", offsetof(EvalResult, answered), true},
                {"truncated", offsetof(EvalResult, truncated), true},
                {"n-gram repetition", offsetof(EvalResult, repetition), true},
                {"tokens, mean", offsetof(EvalResult, length), false},
                {"tokens, median", offsetof(EvalResult, length_p50), false},
                {"tokens, 95th percentile", offsetof(EvalResult, length_p95), false}};
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        fprintf(out, "\n| %s |", rows[r].name);
        for (int c = 0; c < report->count; c++) {
            double value;
            memcpy(&value, (const unsigned char *)&report->summaries[c].result + rows[r].offset, sizeof value);
            if (rows[r].share) {
                percent(out, value);
            } else {
                number(out, value, r == 3 ? 1 : 0);
            }
        }
    }
    fputs("\n| answered in a box |", out);
    for (int c = 0; c < report->count; c++) {
        percent(out, report->summaries[c].boxed);
    }
    fputs("\n| tokens generated |", out);
    for (int c = 0; c < report->count; c++) {
        number(out, (double)report->summaries[c].result.tokens, 0);
    }
    fputs("\n\n", out);
}

static void say_curves(FILE *out, const EvalColumn *column, const EvalSummary *summary)
{
    if (column->samples == 1) {
        return;
    }
    fprintf(out, "### %s: pass@k and maj@k\n\n| k | pass@k | maj@k |\n|--:|--:|--:|\n", column->label);
    for (int i = 0; i < summary->k_count; i++) {
        const EvalPoint *pass = &summary->pass[i], *maj = &summary->maj[i];
        fprintf(out, "| %u |", pass->k);
        with_interval(out, pass->value, pass->standard_error, pass->interval);
        with_interval(out, maj->value, maj->standard_error, maj->interval);
        fputc('\n', out);
    }
    fputc('\n', out);
}

static void say_groups(FILE *out, const EvalColumn *column, const EvalSummary *summary)
{
    if (summary->group_count == 0) {
        return;
    }
    fprintf(out, "### %s: by subject and level\n\n| | problems | pass@1 |", column->label);
    if (column->samples > 1) { /* of one sample both are pass@1 */
        fprintf(out, " pass@%u | maj@%u |", column->samples, column->samples);
    }
    fprintf(out, " tokens | truncated | answered |\n|---|--:|--:|%s--:|--:|--:|\n",
            column->samples > 1 ? "--:|--:|" : "");
    for (int g = 0; g < summary->group_count; g++) {
        const EvalGroup *group = &summary->groups[g];
        fputs(group->is_level ? "| level " : "| ", out);
        cell(out, group->name);
        fprintf(out, " | %u | %.1f%%", group->problems, 100 * group->accuracy);
        if (isfinite(group->accuracy_stderr)) {
            fprintf(out, " ± %.1f", 100 * group->accuracy_stderr);
        }
        fputs(" |", out);
        if (column->samples > 1) {
            percent(out, group->pass_at_k);
            percent(out, group->maj_at_k);
        }
        number(out, group->length, 1);
        percent(out, group->truncated);
        percent(out, group->answered);
        fputc('\n', out);
    }
    fputc('\n', out);
}

static void say_parts(FILE *out, const EvalColumn *column, const EvalSummary *summary, bool built_in)
{
    static const char *const words[TRACE_WORDS_COUNT] = {
        [TRACE_WORDS_BACKTRACK]       = "phrases of backtracking (\"wait\", \"go back\")",
        [TRACE_WORDS_VERIFICATION]    = "phrases of verification (\"let's check\")",
        [TRACE_WORDS_ALTERNATIVE]     = "phrases of other ways (\"alternatively\")",
        [TRACE_WORDS_SELF_CORRECTION] = "phrases of self-correction (\"made a mistake\")",
        [TRACE_WORDS_SUBGOAL]         = "phrases of subgoals (\"first,\", \"step 2\")"};
    const EvalPart *parts = summary->parts;
    const struct {
        const char *name;
        size_t      offset; /* in EvalPart */
        bool        share, evidence;
    } rows[] = {{"tokens, mean", offsetof(EvalPart, length), false, false},
                {"tokens, median", offsetof(EvalPart, length_p50), false, false},
                {"tokens, 95th percentile", offsetof(EvalPart, length_p95), false, false},
                {"truncated", offsetof(EvalPart, truncated), true, false},
                {"answered", offsetof(EvalPart, answered), true, false},
                {"answered in a box", offsetof(EvalPart, boxed), true, false},
                {"n-gram repetition", offsetof(EvalPart, repetition), true, false},
                {"search: an attempt", offsetof(EvalPart, search), true, true},
                {"a backtrack", offsetof(EvalPart, backtrack), true, true},
                {"a check", offsetof(EvalPart, check), true, true}};
    fprintf(out, "### %s: right and wrong responses\n\n| | all | right | wrong |\n|---|--:|--:|--:|\n| responses |",
            column->label);
    for (int p = 0; p < EVAL_PARTS; p++) {
        fprintf(out, " %u |", parts[p].responses);
    }
    fputc('\n', out);
    for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
        if (rows[r].evidence && !built_in) {
            continue;
        }
        fprintf(out, "| %s |", rows[r].name);
        for (int p = 0; p < EVAL_PARTS; p++) {
            double value;
            memcpy(&value, (const unsigned char *)&parts[p] + rows[r].offset, sizeof value);
            if (rows[r].share) {
                percent(out, value);
            } else {
                number(out, value, r == 0 ? 1 : 0);
            }
        }
        fputc('\n', out);
    }
    for (int w = 0; w < TRACE_WORDS_COUNT; w++) {
        fprintf(out, "| %s |", words[w]);
        for (int p = 0; p < EVAL_PARTS; p++) {
            percent(out, parts[p].words[w]);
        }
        fputc('\n', out);
    }
    fputc('\n', out);
}

/* --- what it means ----------------------------------------------------------------------------------------------- */

static void say_definitions(FILE *out, const EvalReport *report)
{
    static const char head[] =
        "## What the numbers mean\n\n"
        "- **pass@1**: the mean over problems of the share of right samples. An answer is right if the\n"
        "  verifier finds it equal to the reference; no answer is wrong.\n"
        "- **± standard error**: sqrt(Σ(pᵢ − p)² / (N(N − 1))) over the N problems, pᵢ being a problem's\n"
        "  share of right samples: samples of one problem are a cluster (Miller 2024, arXiv 2411.00640,\n"
        "  section 2). In a small group in which all agree it is 0 and says little.\n"
        "- **pass@k**: 1 − C(n − c, k) / C(n, k) with c of n samples right, unbiased, mean over problems\n"
        "  (Chen et al. 2021, arXiv 2107.03374, equation 1).\n"
        "- **maj@k**: the share of problems whose most frequent answer is right (self-consistency, Wang et\n"
        "  al. 2022, arXiv 2203.11171). Answers that the verifier finds equal, in one direction or the\n"
        "  other, are one answer, and so are all that are linked by such pairs. No answer has no vote. Of\n"
        "  equally frequent answers the first seen wins; an answer is as right as the first that gave it.\n"
        "  For k = n: the samples in their order. For k < n: over all subsets of k samples in all orders.\n";
    static const char tail[] =
        "- **tokens**: of a response, its end token included; percentiles by nearest rank.\n"
        "- **truncated**: no end token within the limit. **answered**: an answer was found. **in a box**:\n"
        "  in \\boxed{…}.\n"
        "- **n-gram repetition**: the mean share of 6-word sequences that a response has had before.\n"
        "- **phrases**: the share of responses with at least one; words prove nothing, and are told apart\n"
        "  from evidence.\n"
        "\n"
        "Every response is a line of traces.jsonl, every problem one of problems.jsonl; report.json has all\n"
        "digits.\n";
    uint32_t drawn = 0;
    for (int c = 0; c < report->count; c++) {
        drawn += report->summaries[c].drawn;
    }
    fputs(head, out);
    fprintf(out, "  Subsets are counted exactly");
    if (drawn > 0) {
        fprintf(out, "; of %u problems, where that is too much, %d are drawn by the seed", drawn, VOTE_SUBSAMPLES);
    }
    fprintf(out, ".\n  Of a problem the first %d different answers are compared, within a limit of work.\n",
            VOTE_COMPARED_MAX);
    fprintf(out,
            "- **[95%% interval]**: percentile bootstrap over problems, %u resamples drawn by the seed (Efron\n"
            "  and Tibshirani 1993, chapter 13).\n",
            report->summaries[0].resamples);
    fputs(tail, out);
}

void eval_report_markdown(const EvalReport *report, FILE *out)
{
    const EvalRun *run = report->run;
    fputs("# Evaluation of ", out);
    plain(out, run->settings.model);
    fprintf(out, "\n\n");
    say_results(out, report);
    for (int c = 0; c < report->count; c++) {
        say_curves(out, &run->columns[c], &report->summaries[c]);
        say_groups(out, &run->columns[c], &report->summaries[c]);
        say_parts(out, &run->columns[c], &report->summaries[c], run->settings.data == NULL);
    }
    fputs("## Settings\n\n", out);
    say_settings(out, report);
    say_example(out, run);
    say_definitions(out, report);
}
