/* rlsp data convert */
#include <inttypes.h>
#include <stdio.h>

#include "rlsp/cli/cli.h"
#include "rlsp/cli/data.h"
#include "rlsp/cli/options.h"
#include "rlsp/data/convert.h"

enum { INPUTS_MAX = 64 };

static const char summary[] =
    "Turns the usual datasets into a JSONL file to train on, and says which rows were dropped and why. Without --sft, "
    "a row\n"
    "becomes {\"problem\",\"answer\",\"solution\",\"subject\",\"level\",\"id\"}, if the verifier finds its answer "
    "equal to itself; of\n"
    "problems that are the same but for spaces and signs one is kept, or none where their answers differ.\n"
    "\n"
    "  rlsp data convert MATH/train.jsonl --exclude math500.jsonl --levels 3-5 --held-out 200 --held-out-to dev.jsonl "
    "-o train.jsonl\n"
    "  rlsp data convert gsm8k.jsonl --sft messages --box-answers -o sft.jsonl\n"
    "\n"
    "Forms: math {problem, solution with \\boxed{}, level, type} and MATH-500 or AIME rows; gsm8k {question, answer "
    "\"… #### 42\"};\n"
    "authors {input, problem, answer}; messages, also ShareGPT's conversations; auto: told by each line's keys.";

static void put_counts(JsonLine *line, const DataReport *r)
{
    json_line_number_field(line, "lines", (double)r->lines);
    json_line_number_field(line, "written", (double)r->written);
    json_line_number_field(line, "held_out", (double)r->held_out);
    json_line_number_field(line, "excluded_problems", (double)r->excluded);
    json_line_number_field(line, "boxes_added", (double)r->boxed);
    json_line_key(line, "forms");
    json_line_begin(line, '{');
    for (int i = 0; i < DATA_FORMS; i++) {
        if (r->forms[i] > 0) {
            json_line_number_field(line, data_form_names[i], (double)r->forms[i]);
        }
    }
    json_line_end(line, '}');
    json_line_key(line, "dropped");
    json_line_begin(line, '{');
    for (int i = 0; i < DATA_DROPS; i++) {
        json_line_number_field(line, data_drop_names[i], (double)r->dropped[i]);
    }
    json_line_end(line, '}');
    json_line_key(line, "first");
    json_line_begin(line, '{');
    for (int i = 0; i < DATA_DROPS; i++) {
        if (r->first[i][0] != '\0') {
            json_line_text_field(line, data_drop_names[i], r->first[i]);
        }
    }
    json_line_end(line, '}');
}

static bool print_json(const DataReport *report)
{
    JsonLine line = {0};
    json_line_begin(&line, '{');
    put_counts(&line, report);
    json_line_end(&line, '}');
    return cli_print_line(&line);
}

static void print_table(const DataReport *r)
{
    printf("%-36s %10" PRIu64, "lines", r->lines);
    for (int i = 0, shown = 0; i < DATA_FORMS; i++) {
        if (r->forms[i] > 0) {
            printf("%s%s %" PRIu64, shown++ == 0 ? "  " : ", ", data_form_names[i], r->forms[i]);
        }
    }
    printf("\n");
    for (int i = 0; i < DATA_DROPS; i++) {
        if (r->dropped[i] > 0) {
            printf("  %-34s %10" PRIu64, data_drop_texts[i], r->dropped[i]);
            if (r->first[i][0] != '\0') {
                printf("  first: ");
                data_print_clean(r->first[i]);
            }
            printf("\n");
        }
    }
    printf("%-36s %10" PRIu64 "\n", "written", r->written);
    if (r->held_out > 0) {
        printf("%-36s %10" PRIu64 "\n", "held out", r->held_out);
    }
    if (r->boxed > 0) {
        printf("%-36s %10" PRIu64 "\n", "answers put in a box", r->boxed);
    }
    if (r->first_bad[0] != '\0') {
        printf("first bad line: ");
        data_print_clean(r->first_bad);
        printf("\n");
    }
}

/* What options do not go together. */
static Status check_options(const DataConvert *c, const char *model, Error *error)
{
    if ((c->held_out != NULL) != (c->held > 0)) {
        return error_set(error, STATUS_BAD_INPUT, "--held-out N and --held-out-to FILE go together");
    }
    if (c->held >= 1 && c->held != (double)(uint64_t)c->held) {
        return error_set(error, STATUS_BAD_INPUT, "--held-out %g: wanted a whole number of rows, or a share below 1",
                         c->held);
    }
    if (c->rules.max_tokens > 0 && model == NULL) {
        return error_set(error, STATUS_BAD_INPUT, "--max-tokens needs --model DIR, whose tokenizer counts them");
    }
    if (c->rules.shared_words > 0 && c->excluded_count == 0) {
        return error_set(error, STATUS_BAD_INPUT, "--shared-words needs --exclude FILE to compare with");
    }
    return STATUS_OK;
}

int data_convert_command(int argc, char **argv)
{
    static const char *const outputs[] = {"messages", "prompt-completion", NULL};
    const char              *inputs[INPUTS_MAX];
    static ArgsList          excluded;
    DataConvert              c     = {.inputs = inputs, .seed = 1};
    const char              *model = NULL;
    int                      form = DATA_AUTO, sft = -1;
    int64_t                  take = 0, seed = 1, max_chars = 0, max_tokens = 0, shared_words = 0;
    bool                     json      = false;
    const ArgsOption         options[] = {
                args_letter('o', args_required(args_text("out", &c.out, "FILE", "the file to write"))),
                DATA_FORM_OPTIONS(form, c.forms),
                args_choice("sft", &sft, "FORM", "write examples to learn from", outputs),
                args_flag("box-answers", &c.box_answers, "put the answer in a \\boxed{} behind solutions that have none"),
                args_list("exclude", &excluded, "FILE", "drop the problems of an evaluation set; may be repeated"),
                args_integer("shared-words", &shared_words, "N",
                             "also drop problems that share N words in a row with one of them (13)", 1, 64),
                args_flag("keep-duplicates", &c.keep_duplicates, "keep problems that are the same"),
                args_flag("keep-unreadable", &c.rules.keep_unreadable, "keep answers that the verifier cannot read"),
                args_flag("drop-wrong", &c.rules.drop_wrong, "drop solutions that do not come to the row's answer"),
                args_flag("drop-figures", &c.rules.drop_figures, "drop problems with a figure ([asy], a picture)"),
                args_text("levels", &c.rules.levels, "LIST", "keep these levels: 3,4-5,hard"),
                args_integer("max-chars", &max_chars, "N", "longest problem (with --sft: and solution), characters", 1,
                             UINT32_MAX),
                args_integer("max-tokens", &max_tokens, "N", "the same in tokens of --model", 1, UINT32_MAX),
                args_text("model", &model, "DIR", "a directory with tokenizer.json"),
                args_real("held-out", &c.held, "N", "hold out so many rows, or this share of them", 0, 1e12),
                args_text("held-out-to", &c.held_out, "FILE", "where the held-out rows go"),
                args_integer("take", &take, "N", "write N of the other rows, drawn by the seed", 1, 1e15),
                args_integer("seed", &seed, "N", "of --held-out and --take (1)", 0, 9007199254740991.0),
                args_flag("skip-bad", &c.skip_bad, "drop lines that cannot be read, instead of ending"),
                args_flag("json", &json, "print the counts as JSON"),
    };
    const ArgsCommand command = {.name             = "data convert",
                                 .usage            = "IN.jsonl… -o OUT.jsonl [options]",
                                 .summary          = summary,
                                 .options          = options,
                                 .option_count     = sizeof options / sizeof *options,
                                 .positionals      = inputs,
                                 .min_positionals  = 1,
                                 .max_positionals  = INPUTS_MAX,
                                 .positional_count = &c.input_count};
    int               exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error      error     = {0};
    Tokenizer *tokenizer = NULL;
    c.forms.form         = (DataForm)form;
    c.output             = sft < 0 ? DATA_PROBLEMS : sft == 0 ? DATA_CHATS : DATA_PAIRS;
    c.excluded           = excluded.items;
    c.excluded_count     = excluded.count;
    c.take               = (uint64_t)take;
    c.seed               = (uint64_t)seed;
    c.rules.max_chars    = (uint32_t)max_chars;
    c.rules.max_tokens   = (uint32_t)max_tokens;
    c.rules.shared_words = (uint32_t)shared_words;
    Status status        = check_options(&c, model, &error);
    if (status == STATUS_OK && model != NULL) {
        tokenizer         = tokenizer_open(model, &error);
        status            = tokenizer != NULL ? STATUS_OK : error.status;
        c.rules.tokenizer = tokenizer;
    }
    static DataReport report;
    if (status == STATUS_OK) {
        status          = data_convert(&c, &report, &error);
        const bool told = report.lines > 0 && status != STATUS_FAILED; /* also where nothing is left: it says why */
        if (told && !json) {
            print_table(&report);
        } else if (told && !print_json(&report)) {
            error_set(&error, STATUS_OUT_OF_MEMORY, "out of memory while printing the counts");
        }
    }
    tokenizer_free(tokenizer);
    return cli_end(&command, &error);
}
