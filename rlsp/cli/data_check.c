/* rlsp data check */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/model/config.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/data.h"
#include "rlsp/cli/options.h"
#include "rlsp/data/check.h"

static const char summary[] = "Reads files as a run would and tells every line that would end it, or be left out. With "
                              "--config, the files that it\n"
                              "names, under its keys and with its model; or one FILE as problems or as SFT data.\n"
                              "\n"
                              "  rlsp data check --config configs/llama-math.json\n"
                              "  rlsp data check train.jsonl\n"
                              "  rlsp data check sft.jsonl --as sft --model models/Qwen2.5-0.5B-Instruct\n"
                              "\n"
                              "Exit code 0: a run would take all of it; 2: there are faults.";

typedef struct Check {
    RunConfig   config;
    const char *model; /* --model; NULL: the config's */
    int64_t     most;  /* lines that are told, per file */
    int64_t     told;
    bool        json, failed; /* failed: memory ran out while printing */
    uint64_t    faults;
    JsonLine    list; /* JSON: the lines of the file */
} Check;

static void tell(void *context, bool fault, const char *text)
{
    Check *check = context;
    if (check->told++ >= check->most) {
        return;
    }
    if (check->json) {
        json_line_begin(&check->list, '{');
        json_line_text_field(&check->list, "kind", fault ? "fault" : "remark");
        json_line_text_field(&check->list, "text", text);
        json_line_end(&check->list, '}');
    } else {
        data_print_clean(text);
        printf("%s\n", fault ? "" : " (remark)");
    }
}

static void begin_file(Check *check)
{
    check->told = 0;
    json_line_clear(&check->list);
    json_line_begin(&check->list, '[');
}

static void print_json(Check *check, const char *path, const char *kind, const DataCheck *c)
{
    JsonLine line = {0};
    json_line_begin(&line, '{');
    json_line_text_field(&line, "file", path);
    json_line_text_field(&line, "as", kind);
    json_line_number_field(&line, "lines", (double)c->lines);
    json_line_number_field(&line, "good", (double)c->good);
    json_line_number_field(&line, "faults", (double)c->faults);
    json_line_number_field(&line, "remarks", (double)c->remarks);
    json_line_number_field(&line, "blank", (double)c->blank);
    if (strcmp(kind, "sft") == 0) {
        json_line_number_field(&line, "left_out", (double)c->left_out);
        json_line_number_field(&line, "cut", (double)c->cut);
        json_line_number_field(&line, "tokens", (double)c->tokens);
        json_line_number_field(&line, "targets", (double)c->targets);
        json_line_number_field(&line, "longest", c->longest);
    } else {
        json_line_number_field(&line, "unreadable_answers", (double)c->unreadable);
        json_line_number_field(&line, "duplicates", (double)c->duplicates);
    }
    json_line_key(&line, "lines_told");
    json_line_end(&check->list, ']');
    const char *list = json_line_finish(&check->list);
    const char *head = json_line_finish(&line);
    check->failed    = check->failed || list == NULL || head == NULL;
    if (list != NULL && head != NULL) { /* both end with a newline */
        printf("%.*s%.*s}\n", (int)line.size - 1, head, (int)check->list.size - 1, list);
    }
    json_line_free(&line);
}

static void print_summary(const Check *check, const char *path, const char *kind, const DataCheck *c)
{
    if (check->told > check->most) {
        printf("… and %" PRId64 " more\n", check->told - check->most);
    }
    data_print_clean(path);
    printf(" as %s: %" PRIu64 " lines, %" PRIu64 " good, %" PRIu64 " faults", kind, c->lines, c->good, c->faults);
    if (strcmp(kind, "sft") == 0) {
        printf(", %" PRIu64 " left out, %" PRIu64 " cut; %" PRIu64 " tokens, %" PRIu64 " to learn, the longest %u\n",
               c->left_out, c->cut, c->tokens, c->targets, c->longest);
    } else {
        printf(", %" PRIu64 " answers that cannot be read, %" PRIu64 " duplicates\n", c->unreadable, c->duplicates);
    }
}

static Status end_file(Check *check, const char *path, const char *kind, const DataCheck *result)
{
    check->faults += result->faults;
    if (check->json) {
        print_json(check, path, kind, result);
    } else {
        print_summary(check, path, kind, result);
    }
    return STATUS_OK;
}

static Status check_problems(Check *check, const char *path, Error *error)
{
    DataCheck          result;
    const DataListener listener = {tell, check};
    begin_file(check);
    const Status status = data_check_problems(path, &check->config.task, &listener, &result, error);
    return status == STATUS_OK ? end_file(check, path, "problems", &result) : status;
}

/* What an encoder needs of a model directory. */
typedef struct ModelParts {
    Tokenizer    *tokenizer;
    ChatTemplate *chat;
    Error         no_chat;
    uint32_t      context, vocab_size;
} ModelParts;

static Status open_model(const Check *check, ModelParts *parts, Error *error)
{
    const RunModel *model     = &check->config.model;
    const char     *directory = check->model != NULL          ? check->model
                                : model->tokenizer[0] != '\0' ? model->tokenizer
                                                              : model->path;
    const char     *weights   = check->model != NULL ? check->model : model->path;
    if (directory[0] == '\0' || strcmp(directory, "task") == 0) {
        return error_set(error, STATUS_BAD_INPUT, "SFT data are checked with a model's tokenizer; give --model DIR");
    }
    parts->tokenizer = tokenizer_open(directory, error);
    parts->chat =
        chat_template_open(directory, model->chat_template[0] != '\0' ? model->chat_template : NULL, &parts->no_chat);
    const RunTask *task = &check->config.task;
    for (uint32_t i = 0; parts->chat != NULL && i < task->chat_set_count; i++) {
        if (chat_template_set(parts->chat, task->chat_set[i], "task.chat_set", error) != STATUS_OK) {
            return error->status;
        }
    }
    parts->context    = weights[0] != '\0' ? UINT32_MAX : model->init.max_positions;
    parts->vocab_size = parts->tokenizer != NULL ? tokenizer_vocab_size(parts->tokenizer) : 0;
    char *path        = path_join(weights, "config.json");
    if (parts->tokenizer != NULL && weights[0] != '\0' && path != NULL && file_exists(path)) {
        ModelConfig shape;
        if (model_config_read(&shape, path, error) == STATUS_OK) {
            parts->context    = shape.max_positions;
            parts->vocab_size = shape.vocab_size;
        }
    }
    free(path);
    return error->status;
}

static Status check_sft(Check *check, const SftPhase *phase, Error *error)
{
    DataCheck          result;
    const DataListener listener = {tell, check};
    ModelParts         parts    = {0};
    Status             status   = open_model(check, &parts, error);
    const SftEncoder   encoder  = {.phase      = phase,
                                   .tokenizer  = parts.tokenizer,
                                   .chat       = parts.chat,
                                   .no_chat    = &parts.no_chat,
                                   .context    = parts.context,
                                   .vocab_size = parts.vocab_size};
    begin_file(check);
    status = status == STATUS_OK ? data_check_sft(phase->data, &encoder, &listener, &result, error) : status;
    status = status == STATUS_OK ? end_file(check, phase->data, "sft", &result) : status;
    chat_template_free(parts.chat);
    tokenizer_free(parts.tokenizer);
    return status;
}

static bool has_stage(const RunConfig *config, RunStage stage)
{
    return config->stages[0] == stage || (config->stage_count > 1 && config->stages[1] == stage);
}

/* All files that the config's stages read. */
static Status check_config(Check *check, Error *error)
{
    const RunConfig *config = &check->config;
    Status           status = STATUS_OK;
    int              files  = 0;
    for (uint32_t i = 0; has_stage(config, STAGE_SFT) && i < config->sft.phase_count && status == STATUS_OK; i++) {
        if (strcmp(config->sft.phases[i].data, "task") != 0) {
            status = check_sft(check, &config->sft.phases[i], error);
            files++;
        }
    }
    const char *const problems[] = {has_stage(config, STAGE_RL) ? config->task.data : "", config->task.eval_data};
    for (int i = 0; i < 2 && config->task.kind == TASK_KIND_JSONL && status == STATUS_OK; i++) {
        if (problems[i][0] != '\0') {
            status = check_problems(check, problems[i], error);
            files++;
        }
    }
    return status == STATUS_OK && files == 0
               ? error_set(error, STATUS_BAD_INPUT, "the config names no data file: there is nothing to check")
               : status;
}

/* --as auto: SFT data have ids, messages, a text, or prompt and completion. */
static Status guess(const char *path, const RunConfig *config, bool *sft, Error *error)
{
    RecordFile *file   = record_file_open(path, error);
    Record      record = {0};
    *sft               = false;
    for (uint64_t i = 0; file != NULL && i < record_file_count(file) && i < 100; i++) {
        if (record_read(file, i, &record, NULL) == STATUS_OK) { /* a bad line is told later */
            const SftPhase *phase = &config->sft.base;
            *sft                  = record_find(&record, config->task.prompt_key) == NULL &&
                   (json_find(&record.object, "ids") != NULL || record_find(&record, phase->messages_key) != NULL ||
                    record_find(&record, phase->text_key) != NULL || record_find(&record, phase->prompt_key) != NULL);
            break;
        }
    }
    const Status status = file != NULL ? STATUS_OK : error->status;
    record_free(&record);
    record_file_close(file);
    return status;
}

static Status check_one(Check *check, const char *path, int as, Error *error)
{
    SftPhase *phase  = &check->config.sft.phases[0];
    bool      sft    = as == 2;
    Status    status = as == 0 ? guess(path, &check->config, &sft, error) : STATUS_OK;
    if (status != STATUS_OK || !sft) {
        return status == STATUS_OK ? check_problems(check, path, error) : status;
    }
    if (strlen(path) >= sizeof phase->data) {
        return error_set(error, STATUS_BAD_INPUT, "%.80s…: the path is too long", path);
    }
    strcpy(phase->data, path);
    return check_sft(check, phase, error);
}

int data_check_command(int argc, char **argv)
{
    static const char *const kinds[] = {"auto", "problems", "sft", NULL};
    static Check             check;
    static ArgsList          sets;
    const char              *path = NULL, *config = NULL;
    int                      as = 0;
    check                       = (Check){.most = 20};
    const ArgsOption options[]  = {
         args_text("config", &config, "F", "check the files that this config names; with FILE: only its keys"),
         option_set(&sets),
         args_choice("as", &as, "KIND", "what FILE is to be: problems, or sft (auto: by its first line)", kinds),
         args_text("model", &check.model, "DIR", "a model directory, whose tokenizer and context SFT data are for"),
         args_integer("most", &check.most, "N", "lines to tell of each file (20)", 0, 1e15),
         args_flag("json", &check.json, "print a JSON object for each file"),
    };
    const ArgsCommand command = {.name            = "data check",
                                 .usage           = "[FILE] [--config F] [--model DIR]",
                                 .summary         = summary,
                                 .options         = options,
                                 .option_count    = sizeof options / sizeof *options,
                                 .positionals     = &path,
                                 .max_positionals = 1};
    int               exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error error = {0};
    if (path == NULL && config == NULL) {
        error_set(&error, STATUS_BAD_INPUT, "give a FILE, or --config F");
    } else if (run_config_read(config, sets.items, sets.count, &check.config, &error) == STATUS_OK) {
        if (path != NULL) {
            check_one(&check, path, as, &error);
        } else {
            check_config(&check, &error);
        }
    }
    json_line_free(&check.list);
    if (check.failed) {
        error_set(&error, STATUS_OUT_OF_MEMORY, "out of memory while printing");
    }
    exit_code = cli_finish_output(command.name);
    if (error.status != STATUS_OK) {
        return args_fail(&command, &error);
    }
    return exit_code != 0 ? exit_code : check.faults > 0 ? 2 : 0;
}
