/* The options of rlsp eval. */
#include "rlsp/cli/eval_options.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/cli/cli.h"
#include "rlsp/cli/device.h"
#include "rlsp/cli/eval_prompt.h"
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
        {.name        = "model",
         .type        = ARGS_TEXT,
         .value       = &s->model,
         .placeholder = "DIR",
         .help        = "a Hugging Face model directory"},
        {.name        = "adapter",
         .type        = ARGS_TEXT,
         .value       = &s->adapter,
         .placeholder = "DIR",
         .help        = "a PEFT adapter (LoRA) of that model"},
        {.name        = "weights",
         .type        = ARGS_CHOICE,
         .value       = &s->weights,
         .placeholder = "W",
         .help        = CLI_WEIGHTS_HELP,
         .choices     = weights_names},
        {.name        = "precision",
         .type        = ARGS_CHOICE,
         .value       = &s->compute,
         .placeholder = "P",
         .help        = CLI_PRECISION_HELP,
         .choices     = compute_type_names},
        {.name        = "kv-cache",
         .type        = ARGS_CHOICE,
         .value       = &s->cache,
         .placeholder = "T",
         .help        = CLI_KV_CACHE_HELP,
         .choices     = compute_type_names},
        {.name = "task", .type = ARGS_TEXT, .value = &s->task, .placeholder = "T", .help = "countdown or pick-three"},
        {.name        = "data",
         .type        = ARGS_TEXT,
         .value       = &s->data,
         .placeholder = "F.jsonl",
         .help        = "a dataset: MATH-500, AIME and the like"},
        {.name        = "problem-key",
         .type        = ARGS_TEXT,
         .value       = &s->problem_key,
         .placeholder = "K",
         .help        = "its key of a problem's text (problem)"},
        {.name        = "answer-key",
         .type        = ARGS_TEXT,
         .value       = &s->answer_key,
         .placeholder = "K",
         .help        = "its key of the true answer (answer)"},
        {.name        = "limit",
         .type        = ARGS_INTEGER,
         .value       = &s->limit,
         .placeholder = "N",
         .help        = "the first N problems (all; 1000 of a task)",
         .min         = 1,
         .max         = 1e6},
        {.name        = "problems",
         .type        = ARGS_INTEGER,
         .value       = &s->limit,
         .placeholder = "N",
         .help        = "the same",
         .min         = 1,
         .max         = 1e6},
        {.name        = "subject",
         .type        = ARGS_LIST,
         .value       = &s->subjects,
         .placeholder = "S",
         .help        = "only problems of this subject; may be given again"},
        {.name        = "level",
         .type        = ARGS_LIST,
         .value       = &s->levels,
         .placeholder = "L",
         .help        = "only problems of this level; may be given again"},
        {.name        = "max-prompt",
         .type        = ARGS_INTEGER,
         .value       = &s->max_prompt,
         .placeholder = "N",
         .help        = "leave out problems whose prompts have more tokens; the report says how many",
         .min         = 1,
         .max         = 1e6},
        {.name        = "prompt-template",
         .type        = ARGS_TEXT,
         .value       = &s->prompt_template,
         .placeholder = "P",
         .help        = EVAL_PROMPT_NAMES
         " (the authors'), chatml, llama3, or a Jinja file (the model's own chat template; raw if it has none)"},
        {.name = "raw", .type = ARGS_FLAG, .value = &s->raw, .help = "no chat template"},
        {.name        = "system",
         .type        = ARGS_TEXT,
         .value       = &s->system,
         .placeholder = "S",
         .help        = "a system message, with a chat template"},
        {.name        = "chat-set",
         .type        = ARGS_LIST,
         .value       = &s->chat_set,
         .placeholder = "K=V",
         .help        = "a variable of the chat template, as enable_thinking=false; may be given again"},
        {.name        = "prefix",
         .type        = ARGS_TEXT,
         .value       = &s->prefix,
         .placeholder = "S",
         .help        = "text before the problem"},
        {.name        = "suffix",
         .type        = ARGS_TEXT,
         .value       = &s->suffix,
         .placeholder = "S",
         .help        = "text after the problem"},
        {.name        = "boxes",
         .type        = ARGS_CHOICE,
         .value       = &s->boxes,
         .placeholder = "WHICH",
         .help        = "the \\boxed{…} that counts",
         .choices     = eval_boxes},
        {.name = "fbox", .type = ARGS_FLAG, .value = &s->fbox, .help = "\\fbox{…} is a box too"},
        {.name  = "phrases",
         .type  = ARGS_FLAG,
         .value = &s->phrases,
         .help  = "where there is no box: \"the answer is …\", \"#### …\", the last number"},
        {.name        = "n",
         .type        = ARGS_INTEGER,
         .value       = &s->samples,
         .placeholder = "K",
         .help        = "samples per problem (1; 4 with --protocol)",
         .min         = 1,
         .max         = VOTE_SAMPLES_MAX},
        {.name        = "temperature",
         .type        = ARGS_LIST,
         .value       = &s->temperatures,
         .placeholder = "X",
         .help        = "1 if not given; 0: greedy; several: a column each"},
        {.name = "protocol", .type = ARGS_FLAG, .value = &r->protocol, .help = "T=1, T=0.5 and greedy, in one table"},
        {.name        = "top-p",
         .type        = ARGS_REAL,
         .value       = &s->top_p,
         .placeholder = "X",
         .help        = "the likeliest tokens up to this probability; 0: off",
         .min         = 0,
         .max         = 1},
        {.name        = "top-k",
         .type        = ARGS_INTEGER,
         .value       = &s->top_k,
         .placeholder = "N",
         .help        = "the N likeliest tokens; 0: off",
         .min         = 0,
         .max         = 1e6},
        {.name        = "min-p",
         .type        = ARGS_REAL,
         .value       = &s->min_p,
         .placeholder = "X",
         .help        = "tokens at least X times as likely as the likeliest; 0: off",
         .min         = 0,
         .max         = 1},
        {.name        = "max-new",
         .type        = ARGS_INTEGER,
         .value       = &s->max_new,
         .placeholder = "N",
         .help        = "tokens per response, at most (4096; a task's own)",
         .min         = 1,
         .max         = 131072},
        {.name        = "seed",
         .type        = ARGS_INTEGER,
         .value       = &s->seed,
         .placeholder = "S",
         .help        = "of samples, intervals and a task's problems (20261122)",
         .min         = 0,
         .max         = 9007199254740992},
        {.name        = "slots",
         .type        = ARGS_INTEGER,
         .value       = &r->slots,
         .placeholder = "N",
         .help        = "responses generated at once (as many as fit, up to 256)",
         .min         = 1,
         .max         = 65536},
        {.name        = "k",
         .type        = ARGS_LIST,
         .value       = &s->k,
         .placeholder = "K",
         .help        = "pass@K and maj@K; may be given again (1, 2, 4, … and n)"},
        {.name        = "resamples",
         .type        = ARGS_INTEGER,
         .value       = &s->resamples,
         .placeholder = "N",
         .help        = "of the bootstrap (10000)",
         .min         = 1,
         .max         = 1e6},
        {.name        = "out",
         .type        = ARGS_TEXT,
         .value       = &r->out,
         .placeholder = "DIR",
         .help        = "a directory for traces and reports; an evaluation that was stopped there goes on"},
        {.name        = "resume",
         .type        = ARGS_TEXT,
         .value       = &r->resume,
         .placeholder = "DIR",
         .help        = "goes on there, with the options it was begun with"},
        {.name        = "report",
         .type        = ARGS_TEXT,
         .value       = &r->report,
         .placeholder = "F.md",
         .help        = "write the report as Markdown here too"},
        {.name = "compare", .type = ARGS_FLAG, .value = &r->compare, .help = "two finished directories: A B"},
        {.name  = "common",
         .type  = ARGS_FLAG,
         .value = &r->common,
         .help  = "--compare: on the problems that both have, where they differ"},
        {.name        = "device",
         .type        = ARGS_TEXT,
         .value       = &r->device,
         .placeholder = "D",
         .help        = "number or part of the name, as in rlsp devices"},
        {.name        = "kernels",
         .type        = ARGS_CHOICE,
         .value       = &r->kernels,
         .placeholder = "K",
         .help        = CLI_KERNELS_HELP,
         .choices     = run_kernels_names},
        {.name  = "validate",
         .type  = ARGS_FLAG,
         .value = &r->validate,
         .help  = "with the Vulkan validation layer; its messages are failures"},
        {.name = "json", .type = ARGS_FLAG, .value = &r->json, .help = "print the report as JSON"},
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
