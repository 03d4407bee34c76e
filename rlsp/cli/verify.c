/* rlsp verify: judges answers, a line of JSON each. */
#include <string.h>

#include "rlsp/cli/cli.h"
#include "rlsp/cli/input_lines.h"
#include "rlsp/cli/options.h"
#include "rlsp/task/verify_line.h"

static const char summary[] =
    "Reads JSON Lines from standard input and writes one line for each, in order:\n"
    "  {\"correct\":true,\"answer\":\"(20*3)-7\",\"reason\":\"correct\"}\n"
    "\n"
    "  {\"numbers\":[3,7,20],\"target\":53,\"response\":\"…\"}  a whole response: its last \\boxed{…} is judged\n"
    "  {\"numbers\":[3,7,20],\"target\":53,\"pred\":\"…\"}      a bare answer\n"
    "  {\"gt\":\"\\\\frac{14}{3}\",\"response\":\"…\"} or \"pred\"  compared with a reference in LaTeX or plain text,\n"
    "                                                   with \"problem\", its text, if it is known\n"
    "\n"
    "countdown   all numbers, each once, with + - * /, every parenthesis written and no spaces\n"
    "pick-three  a+b+c, three different members of the list\n"
    "\n"
    "Empty lines are passed over. A line that cannot be judged gets {\"correct\":false,…,\"error\":…}, and the\n"
    "exit code is 2 at the end.";

static bool is_blank(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (strchr(" \t\r\n", text[i]) == NULL || text[i] == '\0') {
            return false;
        }
    }
    return true;
}

int cli_verify(int argc, char **argv)
{
    static const char *const kinds[] = {"countdown", "pick-three", NULL};
    static const char *const boxes[] = {"last", "first", "only", NULL};
    int                      kind = 0, box = 0;
    bool                     explain = false, json = false, fbox = false, phrases = false;
    const ArgsOption         options[] = {
                args_choice("task", &kind, "T", "of lines without gt (countdown)", kinds),
                args_flag("explain", &explain,
                          "also the rule that decided; countdown: the answer's value and what the trace shows"),
                args_choice("box", &box, "W", "with gt: which of several boxes counts; only: none where they differ (last)",
                            boxes),
                args_flag("fbox", &fbox, "with gt: \\fbox{…} is a box too"),
                args_flag("phrases", &phrases,
                          "with gt: where there is no box, \"the answer is …\", \"#### …\" or the last number"),
                option_json_always(&json),
    };
    const ArgsCommand command = {.name         = "verify",
                                 .usage        = "[--task T] [--explain] [--box W] < LINES.jsonl",
                                 .summary      = summary,
                                 .options      = options,
                                 .option_count = sizeof options / sizeof options[0]};
    int               exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    const VerifyOptions how   = {.task    = task_find(kinds[kind]),
                                 .explain = explain,
                                 .extract = {.choice = (MathBoxChoice)box, .fbox = fbox, .phrases = phrases}};
    InputLines          lines = {.file = stdin, .name = "stdin"};
    JsonLine            out   = {0};
    Error               first = {0}, reading = {0};
    while (first.status != STATUS_OUT_OF_MEMORY && input_lines_next(&lines, &reading)) {
        if (is_blank(lines.text, lines.bytes)) {
            continue;
        }
        Error error = {0};
        if (verify_line(&how, lines.text, lines.bytes, lines.number, &out, &error) != STATUS_OUT_OF_MEMORY) {
            fwrite(out.data, 1, out.size, stdout);
        }
        if (error.status != STATUS_OK) {
            fprintf(stderr, "rlsp verify: %s\n", error.text);
            first = first.status == STATUS_OK || error.status == STATUS_OUT_OF_MEMORY ? error : first;
        }
    }
    if (reading.status != STATUS_OK) {
        fprintf(stderr, "rlsp verify: %s\n", reading.text);
        first = reading;
    }
    input_lines_free(&lines);
    json_line_free(&out);
    exit_code = cli_finish_output(command.name);
    return first.status != STATUS_OK ? error_exit_code(first.status) : exit_code;
}
