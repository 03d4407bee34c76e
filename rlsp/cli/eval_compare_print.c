#include <math.h>
#include <string.h>

#include "rlsp/cli/eval_compare_parts.h"

enum { LISTED_MAX = 20 }; /* problems that a terminal is shown */

/* --- JSON -------------------------------------------------------------------------------------------------------- */

/* Problems on which b is better (sign 1) or a is (-1). */
static bool differs(const EvalPairing *pairing, size_t i, int sign)
{
    const EvalScore *a = pairing->a[i], *b = pairing->b[i];
    const int64_t    away = (int64_t)b->correct * a->samples - (int64_t)a->correct * b->samples;
    return sign > 0 ? away > 0 : away < 0;
}

static void put_problems(JsonLine *line, const EvalPairing *pairing, const char *key, int sign)
{
    json_line_key(line, key);
    json_line_begin(line, '[');
    for (size_t i = 0; i < pairing->count; i++) {
        if (differs(pairing, i, sign)) {
            json_line_begin(line, '{');
            json_line_text_field(line, "id", pairing->a[i]->id);
            json_line_number_field(line, "correct_a", pairing->a[i]->correct);
            json_line_number_field(line, "correct_b", pairing->b[i]->correct);
            json_line_end(line, '}');
        }
    }
    json_line_end(line, ']');
}

static void put_pairing(JsonLine *line, const EvalPairing *pairing)
{
    const PairedTest *t = &pairing->test;
    json_line_begin(line, '{');
    json_line_text_field(line, "name_a", pairing->name_a);
    json_line_text_field(line, "name_b", pairing->name_b);
    json_line_number_field(line, "problems", (double)pairing->count);
    json_line_number_field(line, "problems_a", (double)pairing->all_a);
    json_line_number_field(line, "problems_b", (double)pairing->all_b);
    json_line_number_field(line, "samples_a", pairing->a[0]->samples);
    json_line_number_field(line, "samples_b", pairing->b[0]->samples);
    json_line_exact_field(line, "accuracy_a", t->a);
    json_line_exact_field(line, "accuracy_a_stderr", t->stderr_a);
    json_line_exact_field(line, "accuracy_b", t->b);
    json_line_exact_field(line, "accuracy_b_stderr", t->stderr_b);
    json_line_exact_field(line, "difference", t->difference);
    json_line_exact_field(line, "difference_stderr", t->stderr_difference);
    json_line_exact_field(line, "difference_low", t->interval.low);
    json_line_exact_field(line, "difference_high", t->interval.high);
    json_line_exact_field(line, "correlation", t->correlation);
    json_line_exact_field(line, "p", t->p);
    json_line_key(line, "p_exact");
    json_line_bool(line, t->exact);
    json_line_exact_field(line, "mcnemar_p", t->mcnemar);
    json_line_number_field(line, "won", t->won);
    json_line_number_field(line, "lost", t->lost);
    json_line_number_field(line, "equal", t->equal);
    put_problems(line, pairing, "won_problems", 1);
    put_problems(line, pairing, "lost_problems", -1);
    json_line_end(line, '}');
}

const char *eval_comparison_json(const EvalComparison *comparison, JsonLine *line)
{
    json_line_begin(line, '{');
    json_line_text_field(line, "a", comparison->sides[0].folder);
    json_line_text_field(line, "b", comparison->sides[1].folder);
    json_line_key(line, "comparisons");
    json_line_begin(line, '[');
    for (int i = 0; i < comparison->count; i++) {
        put_pairing(line, &comparison->pairings[i]);
    }
    json_line_end(line, ']');
    json_line_end(line, '}');
    return json_line_finish(line);
}

/* --- text -------------------------------------------------------------------------------------------------------- */

/* An id comes from a file: nothing in it may move a terminal's cursor. */
static void say_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        fputc((unsigned char)*text >= ' ' && *text != 127 && *text != '|' ? *text : '?', out);
    }
}

static void say_problems(FILE *out, const EvalPairing *pairing, int sign, bool all)
{
    const uint32_t there = sign > 0 ? pairing->test.won : pairing->test.lost;
    uint32_t       said  = 0;
    fprintf(out, "%s by b (%u)%s", sign > 0 ? "won" : "lost", there, there > 0 ? ":" : "");
    for (size_t i = 0; i < pairing->count && (all || said < LISTED_MAX); i++) {
        if (differs(pairing, i, sign)) {
            fputs(said++ > 0 ? ", " : " ", out);
            say_text(out, pairing->a[i]->id);
            if (pairing->a[i]->samples > 1 || pairing->b[i]->samples > 1) {
                fprintf(out, " %u/%u→%u/%u", pairing->a[i]->correct, pairing->a[i]->samples, pairing->b[i]->correct,
                        pairing->b[i]->samples);
            }
        }
    }
    fprintf(out, "%s\n", said < there ? ", …" : "");
}

static void say_row(FILE *out, bool markdown, const char *name, const char *format, double value)
{
    char text[40] = "-";
    if (isfinite(value)) {
        snprintf(text, sizeof text, "%+.3f", value);
        if (strcmp(format, "p") == 0) {
            snprintf(text, sizeof text, value >= 0.001 ? "%.4f" : "%.2e", value);
        } else if (strcmp(format, "share") == 0) {
            snprintf(text, sizeof text, "%.3f", value);
        }
    }
    fprintf(out, markdown ? "| %s | %s |\n" : "%-34s %10s\n", name, text);
}

static void say_pairing(FILE *out, const EvalPairing *pairing, bool markdown)
{
    const PairedTest *t = &pairing->test;
    fprintf(out, "%s%s against %s, %zu problems, %u and %u samples each\n\n", markdown ? "## " : "", pairing->name_a,
            pairing->name_b, pairing->count, pairing->a[0]->samples, pairing->b[0]->samples);
    if (markdown) {
        fputs("| | |\n|---|--:|\n", out);
    }
    say_row(out, markdown, "pass@1 of a", "share", t->a);
    say_row(out, markdown, "  standard error", "share", t->stderr_a);
    say_row(out, markdown, "pass@1 of b", "share", t->b);
    say_row(out, markdown, "  standard error", "share", t->stderr_b);
    say_row(out, markdown, "difference, b - a", "difference", t->difference);
    say_row(out, markdown, "  paired standard error", "share", t->stderr_difference);
    say_row(out, markdown, "  95% from", "difference", t->interval.low);
    say_row(out, markdown, "  to", "difference", t->interval.high);
    say_row(out, markdown, "  correlation over problems", "share", t->correlation);
    say_row(out, markdown, t->exact ? "p, sign-flip test (exact)" : "p, sign-flip test (drawn)", "p", t->p);
    if (isfinite(t->mcnemar)) {
        say_row(out, markdown, "p, McNemar's test (exact)", "p", t->mcnemar);
    }
    fputc('\n', out);
    say_problems(out, pairing, 1, markdown);
    if (markdown) {
        fputc('\n', out);
    }
    say_problems(out, pairing, -1, markdown);
    fputc('\n', out);
}

static void say_definitions(FILE *out)
{
    fprintf(out,
            "## What the numbers mean\n\n"
            "- **paired standard error**: sqrt(Σ(dᵢ − d)² / (N(N − 1))) over the differences dᵢ of the N problems\n"
            "  (Miller 2024, arXiv 2411.00640, section 4).\n"
            "- **95%%**: percentile bootstrap over problems, %d resamples, seed %d.\n"
            "- **sign-flip test**: how often a mean difference this large, of either sign, comes about if it is by "
            "chance which\n"
            "  of both a problem's difference favours; all patterns counted, or %d drawn where they are too many.\n"
            "- **McNemar's test**: the same for one sample each, by the binomial distribution.\n",
            COMPARE_RESAMPLES, COMPARE_SEED, PAIRED_FLIPS);
}

void eval_comparison_print(const EvalComparison *comparison, bool markdown, FILE *out)
{
    fprintf(out, markdown ? "# Two evaluations compared\n\n- a: %s\n- b: %s\n\n" : "a  %s\nb  %s\n\n",
            comparison->sides[0].folder, comparison->sides[1].folder);
    for (int i = 0; i < comparison->count; i++) {
        say_pairing(out, &comparison->pairings[i], markdown);
    }
    if (markdown) {
        say_definitions(out);
    }
}
