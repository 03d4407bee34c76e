/* rlsp data stats */
#include <inttypes.h>
#include <stdio.h>

#include "rlsp/cli/cli.h"
#include "rlsp/cli/data.h"
#include "rlsp/cli/options.h"
#include "rlsp/data/stats.h"

enum { FILES_MAX = 64 };

/* --- JSON */

static void put_lengths(JsonLine *line, const char *name, const DataLengths *lengths)
{
    if (lengths->count == 0) {
        return;
    }
    json_line_key(line, name);
    json_line_begin(line, '{');
    json_line_number_field(line, "mean", (double)lengths->sum / (double)lengths->count);
    json_line_number_field(line, "median", (double)data_lengths_quantile(lengths, 0.5));
    json_line_number_field(line, "p95", (double)data_lengths_quantile(lengths, 0.95));
    json_line_number_field(line, "max", (double)lengths->most);
    json_line_end(line, '}');
}

static void put_names(JsonLine *line, const char *name, const DataCounts *counts)
{
    json_line_key(line, name);
    json_line_begin(line, '{');
    for (uint32_t i = 0; i < counts->count; i++) {
        json_line_number_field(line, counts->items[i].name, (double)counts->items[i].count);
    }
    json_line_end(line, '}');
}

static bool print_json(const char *path, const DataStats *s)
{
    JsonLine line = {0};
    json_line_begin(&line, '{');
    json_line_text_field(&line, "file", path);
    json_line_number_field(&line, "lines", (double)s->lines);
    json_line_number_field(&line, "bad", (double)s->bad);
    json_line_key(&line, "forms");
    json_line_begin(&line, '{');
    for (int i = 0; i < DATA_FORMS; i++) {
        if (s->forms[i] > 0) {
            json_line_number_field(&line, data_form_names[i], (double)s->forms[i]);
        }
    }
    json_line_end(&line, '}');
    json_line_number_field(&line, "problems", (double)s->problems);
    json_line_number_field(&line, "duplicates", (double)s->duplicates);
    json_line_number_field(&line, "figures", (double)s->figures);
    json_line_number_field(&line, "answers", (double)s->answers);
    json_line_number_field(&line, "unreadable_answers", (double)s->unreadable);
    json_line_number_field(&line, "solutions", (double)s->solutions);
    json_line_number_field(&line, "boxed_solutions", (double)s->boxed);
    json_line_number_field(&line, "conversations", (double)s->conversations);
    json_line_number_field(&line, "assistant_turns", (double)s->turns);
    put_lengths(&line, "problem_chars", &s->problem_chars);
    put_lengths(&line, "problem_tokens", &s->problem_tokens);
    put_lengths(&line, "solution_chars", &s->solution_chars);
    put_lengths(&line, "solution_tokens", &s->solution_tokens);
    put_names(&line, "levels", &s->levels);
    put_names(&line, "subjects", &s->subjects);
    json_line_end(&line, '}');
    return cli_print_line(&line);
}

/* --- tables */

static void print_count(const char *name, uint64_t count)
{
    if (count > 0) {
        printf("  %-26s %10" PRIu64 "\n", name, count);
    }
}

static void print_lengths(const char *name, const DataLengths *lengths)
{
    if (lengths->count > 0) {
        printf("  %-26s %10.1f %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n", name,
               (double)lengths->sum / (double)lengths->count, data_lengths_quantile(lengths, 0.5),
               data_lengths_quantile(lengths, 0.95), lengths->most);
    }
}

static void print_names(const char *title, const DataCounts *counts)
{
    if (counts->count > 1 || (counts->count == 1 && counts->items[0].name[0] != '(')) {
        printf("  %s\n", title);
        for (uint32_t i = 0; i < counts->count; i++) {
            printf("    ");
            data_print_clean(counts->items[i].name);
            printf(": %" PRIu64 "\n", counts->items[i].count);
        }
        print_count("  of other names", counts->other);
    }
}

static void print_table(const char *path, const DataStats *s)
{
    data_print_clean(path);
    if (s->lines == 0) {
        printf(": holds no line of data\n");
        return;
    }
    printf("\n");
    print_count("lines", s->lines);
    print_count("bad lines", s->bad);
    for (int i = 0; i < DATA_FORMS; i++) {
        char name[40];
        snprintf(name, sizeof name, "of form %s", data_form_names[i]);
        print_count(name, s->forms[i]);
    }
    print_count("problems", s->problems);
    print_count("  again", s->duplicates);
    print_count("  with a figure", s->figures);
    print_count("answers", s->answers);
    print_count("  that cannot be verified", s->unreadable);
    print_count("solutions", s->solutions);
    print_count("  with a box", s->boxed);
    print_count("conversations", s->conversations);
    print_count("  turns of the assistant", s->turns);
    if (s->problem_chars.count + s->solution_chars.count > 0) {
        printf("  %-26s %10s %10s %10s %10s\n", "", "mean", "median", "p95", "max");
    }
    print_lengths("problem, characters", &s->problem_chars);
    print_lengths("problem, tokens", &s->problem_tokens);
    print_lengths("solution, characters", &s->solution_chars);
    print_lengths("solution, tokens", &s->solution_tokens);
    print_names("levels", &s->levels);
    print_names("subjects", &s->subjects);
    if (s->bad > 0) {
        printf("  first bad line: ");
        data_print_clean(s->first_bad);
        printf("\n");
    }
}

int data_stats_command(int argc, char **argv)
{
    static DataStats stats;
    const char      *files[FILES_MAX], *model = NULL;
    int              count = 0, form = DATA_AUTO;
    bool             json      = false;
    DataForms        forms     = {0};
    const ArgsOption options[] = {
        DATA_FORM_OPTIONS(form, forms),
        args_text("model", &model, "DIR", "count tokens, too, with this directory's tokenizer.json"),
        args_flag("json", &json, "print a JSON object for each file"),
    };
    const ArgsCommand command = {.name    = "data stats",
                                 .usage   = "FILE.jsonl… [--model DIR]",
                                 .summary = "What datasets hold: rows by form, level and subject, lengths, duplicates, "
                                            "figures, answers that the verifier\n"
                                            "cannot read. Medians and percentiles above 100 are within 1%.",
                                 .options = options,
                                 .option_count     = sizeof options / sizeof *options,
                                 .positionals      = files,
                                 .min_positionals  = 1,
                                 .max_positionals  = FILES_MAX,
                                 .positional_count = &count};
    int               exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error      error     = {0};
    Tokenizer *tokenizer = model != NULL ? tokenizer_open(model, &error) : NULL;
    forms.form           = (DataForm)form;
    for (int i = 0; i < count && error.status == STATUS_OK; i++) {
        if (data_stats(files[i], &forms, tokenizer, &stats, &error) == STATUS_OK) {
            if (!json) {
                print_table(files[i], &stats);
            } else if (!print_json(files[i], &stats)) {
                error_set(&error, STATUS_OUT_OF_MEMORY, "out of memory while printing");
            }
        }
        data_stats_free(&stats);
    }
    tokenizer_free(tokenizer);
    return cli_end(&command, &error);
}
