/* The options of rlsp eval. */
#include "rlsp/cli/eval_options.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/cli/eval_prompt.h"
#include "rlsp/cli/options.h"
#include "rlsp/eval/vote.h"

enum { PROTOCOL_SAMPLES = 4 };

static const char summary[] =
    "Measures a model on the problems of a dataset (--data: a line {\"problem\":…,\"answer\":…} each, with \"id\",\n"
    "\"subject\" and \"level\" if it has them) or on held-out ones of a built-in task: pass@1 with its standard\n"
    "error, pass@k, maj@k, by subject and level, lengths, and what right and wrong traces show. Each --temperature\n"
    "gives a column; 0 is greedy. --protocol: T=1 and T=0.5 with 4 samples per problem, and greedy.\n"
    "\n"
    "--out DIR takes every trace as it is finished (traces.jsonl), the figures (report.json, report.md) and the\n"
    "problems one by one (problems.jsonl). The same command, or --resume DIR, goes on where it was stopped, whatever\n"
    "stopped it: a response depends on the seed, its problem and its number alone. A larger --n adds samples.\n"
    "--compare A B tests two such folders against each other, problem by problem.";

/* What --protocol and the defaults come to. */
static Status complete(EvalCommand *r, Error *error)
{
    static const char *const protocol[] = {"1", "0.5", "0"};
    EvalSettings            *s          = &r->settings;
    if (r->protocol && s->temperatures.count > 0) {
        return error_set(error, STATUS_BAD_INPUT, "--protocol says which temperatures; leave --temperature out");
    }
    if (s->data != NULL && s->task != NULL && strcmp(s->task, task_jsonl.kind) != 0) {
        return error_set(error, STATUS_BAD_INPUT, "--task %s has its own problems; it does not go with --data",
                         s->task);
    }
    for (size_t i = 0; r->protocol && i < sizeof protocol / sizeof protocol[0]; i++) {
        s->temperatures.items[s->temperatures.count++] = protocol[i];
    }
    if (s->temperatures.count == 0) {
        s->temperatures.items[s->temperatures.count++] = "1";
    }
    s->samples = s->samples > 0 ? s->samples : r->protocol ? PROTOCOL_SAMPLES : 1;
    return STATUS_OK;
}

static Status parse_all(EvalCommand *r, const ArgsCommand *command, int argc, char **argv, bool *help, Error *error)
{
    Status status = args_parse(command, argc, argv, help, error);
    if (status != STATUS_OK || *help || r->resume == NULL) {
        return status;
    }
    const EvalCommand given = *r; /* a second time, over what the folder says */
    if (given.out != NULL && strcmp(given.out, given.resume) != 0) {
        return error_set(error, STATUS_BAD_INPUT, "--resume %s goes on in that folder; leave --out out", given.resume);
    }
    r->settings             = eval_settings_default();
    status                  = eval_settings_read(&r->settings, given.resume, error);
    ArgsList *const lists[] = {&r->settings.temperatures, &r->settings.subjects, &r->settings.levels, &r->settings.k,
                               &r->settings.chat_set};
    const ArgsList *const anew[] = {&given.settings.temperatures, &given.settings.subjects, &given.settings.levels,
                                    &given.settings.k, &given.settings.chat_set};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        lists[i]->count = anew[i]->count > 0 ? 0 : lists[i]->count;
    }
    if (r->protocol) {
        r->settings.temperatures.count = 0;
        r->settings.samples            = given.settings.samples;
    }
    r->out          = given.resume;
    r->folder_count = 0;
    return status == STATUS_OK ? args_parse(command, argc, argv, help, error) : status;
}

Status eval_options_parse(EvalCommand *command_line, int argc, char **argv, bool *help, Error *error)
{
    EvalCommand  *r            = command_line;
    EvalSettings *s            = &r->settings;
    *r                         = (EvalCommand){.settings = eval_settings_default()};
    const ArgsOption options[] = {
        option_model(&s->model),
        option_adapter(&s->adapter),
        option_weights(&s->weights),
        option_precision(&s->compute),
        option_kv_cache(&s->cache),
        args_text("task", &s->task, "T", "countdown or pick-three"),
        args_text("data", &s->data, "F.jsonl", "a dataset: MATH-500, AIME and the like"),
        args_text("problem-key", &s->problem_key, "K", "its key of a problem's text (problem)"),
        args_text("answer-key", &s->answer_key, "K", "its key of the true answer (answer)"),
        args_integer("limit", &s->limit, "N", "the first N problems (all; 1000 of a task)", 1, 1e6),
        args_integer("problems", &s->limit, "N", "the same", 1, 1e6),
        args_list("subject", &s->subjects, "S", "only problems of this subject; may be repeated"),
        args_list("level", &s->levels, "L", "only problems of this level; may be repeated"),
        args_integer("max-prompt", &s->max_prompt, "N",
                     "leave out problems whose prompts have more tokens; the report says how many", 1, 1e6),
        args_text(
            "prompt-template", &s->prompt_template, "P",
            EVAL_PROMPT_NAMES
            " (the authors'), chatml, llama3, or a Jinja file (the model's own chat template; raw if it has none)"),
        args_flag("raw", &s->raw, "no chat template"),
        args_text("system", &s->system, "S", "a system message, with a chat template"),
        args_list("chat-set", &s->chat_set, "K=V",
                  "a variable of the chat template, as enable_thinking=false; may be repeated"),
        args_text("prefix", &s->prefix, "S", "text before the problem"),
        args_text("suffix", &s->suffix, "S", "text after the problem"),
        args_choice("boxes", &s->boxes, "WHICH", "the \\boxed{…} that counts", eval_boxes),
        args_flag("fbox", &s->fbox, "\\fbox{…} is a box too"),
        args_flag("phrases", &s->phrases, "where there is no box: \"the answer is …\", \"#### …\", the last number"),
        args_integer("n", &s->samples, "K", "samples per problem (1; 4 with --protocol)", 1, VOTE_SAMPLES_MAX),
        args_list("temperature", &s->temperatures, "X",
                  "1: as the model says; 0: greedy; may be repeated, a column each (1)"),
        args_flag("protocol", &r->protocol, "T=1, T=0.5 and greedy, in one table"),
        option_top_p(&s->top_p),
        option_top_k(&s->top_k, 1e6),
        option_min_p(&s->min_p),
        args_integer("max-new", &s->max_new, "N", "tokens per response, at most (4096; a task's own)", 1, 131072),
        args_integer("seed", &s->seed, "S", "of samples, intervals and a task's problems (20261122)", 0,
                     9007199254740992),
        args_integer("slots", &r->slots, "N", "responses generated at once (as many as fit, up to 256)", 1, 65536),
        args_list("k", &s->k, "K", "pass@K and maj@K; may be repeated (1, 2, 4, … and n)"),
        args_integer("resamples", &s->resamples, "N", "of the bootstrap (10000)", 1, 1e6),
        args_text("out", &r->out, "DIR",
                  "a directory for traces and reports; an evaluation that was stopped there goes on"),
        args_text("resume", &r->resume, "DIR", "go on there, with the options it was begun with"),
        args_text("report", &r->report, "F.md", "write the report as Markdown here too"),
        args_flag("compare", &r->compare, "compare two finished directories: A B"),
        args_flag("common", &r->common, "--compare: on the problems that both have, where they differ"),
        option_device(&r->device),
        option_kernels(&r->kernels),
        option_validate(&r->validate),
        args_flag("json", &r->json, "print the report as JSON"),
    };
    const ArgsCommand command = {.name             = "eval",
                                 .usage            = "--model DIR (--data F.jsonl | --task T) [options]\n"
                                                     "       rlsp eval --resume DIR\n"
                                                     "       rlsp eval --compare A B [--common] [--json]",
                                 .summary          = summary,
                                 .options          = options,
                                 .option_count     = (int)(sizeof options / sizeof options[0]),
                                 .positionals      = r->folders,
                                 .max_positionals  = 2,
                                 .positional_count = &r->folder_count};
    Status            status  = parse_all(r, &command, argc, argv, help, error);
    if (status == STATUS_OK && *help) {
        args_print_help(&command, stdout);
    } else if (status == STATUS_OK && !r->compare) {
        status = complete(r, error);
    }
    return status;
}

Status eval_options_k(const EvalSettings *settings, EvalSummaryOptions *options, Error *error)
{
    for (int i = 0; i < settings->k.count; i++) {
        char      *end;
        const long k    = strtol(settings->k.items[i], &end, 10);
        const long last = options->k_count > 0 ? (long)options->k[options->k_count - 1] : 0;
        if (end == settings->k.items[i] || *end != '\0' || k <= last || k > VOTE_SAMPLES_MAX ||
            options->k_count == EVAL_K_MAX - 2) {
            return error_set(error, STATUS_BAD_INPUT,
                             "--k \"%.40s\": wanted at most %d whole numbers from 1 to %d, rising",
                             settings->k.items[i], EVAL_K_MAX - 2, VOTE_SAMPLES_MAX);
        }
        options->k[options->k_count++] = (uint32_t)k;
    }
    return STATUS_OK;
}
