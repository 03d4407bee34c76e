#include "rlsp/cli/eval_prompt.h"

#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"

/* The authors' prompts, to the letter (their train and evaluation scripts). */
typedef struct Preset {
    const char *name, *prefix, *suffix;
} Preset;

static const Preset presets[] = {
    {"llama-sft", "<|start_header_id|>user<|end_header_id|>\n\nProblem: ",
     "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"},
    {"qwen-sft", "<|im_start|>user\nProblem:", "<|im_end|>\n<|im_start|>assistant\n"},
    {"qwen-boxed", "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n",
     "\nPlease reason step by step, and put your final answer within \\boxed{}.<|im_end|>\n<|im_start|>assistant\n"},
};

static const Preset *find_preset(const char *name)
{
    for (size_t i = 0; name != NULL && i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(presets[i].name, name) == 0) {
            return &presets[i];
        }
    }
    return NULL;
}

/* Whether the model has a chat template of its own, good or bad. */
static Status has_template(const char *directory, bool *has, Error *error)
{
    char  *jinja = path_join(directory, "chat_template.jinja"), *config = path_join(directory, "tokenizer_config.json");
    cJSON *root = NULL;
    Status status =
        jinja != NULL && config != NULL ? STATUS_OK : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    *has = status == STATUS_OK && file_exists(jinja);
    if (status == STATUS_OK && !*has && file_exists(config)) {
        status            = json_read_file(config, JSON_FILE_LIMIT, &root, error);
        const cJSON *chat = cJSON_GetObjectItemCaseSensitive(root, "chat_template");
        *has              = chat != NULL && !cJSON_IsNull(chat);
    }
    cJSON_Delete(root);
    free(jinja);
    free(config);
    return status;
}

static Status copy(char *to, size_t size, const char *from, const char *option, Error *error)
{
    if (from != NULL && strlen(from) >= size) {
        return error_set(error, STATUS_BAD_INPUT, "%s: %zu bytes are too long; at most %zu are possible", option,
                         strlen(from), size - 1);
    }
    snprintf(to, size, "%s", from != NULL ? from : "");
    return STATUS_OK;
}

static Status check_together(const EvalSettings *settings, const Preset *preset, Error *error)
{
    if (settings->raw && settings->prompt_template != NULL) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--raw takes the problem as it is; it does not go with --prompt-template");
    }
    if ((settings->raw || preset != NULL) && settings->system != NULL) {
        return error_set(error, STATUS_BAD_INPUT, "--system is for chat templates; it does not go with %s",
                         preset != NULL ? preset->name : "--raw");
    }
    if ((settings->raw || preset != NULL) && settings->chat_set.count > 0) {
        return error_set(error, STATUS_BAD_INPUT, "--chat-set is for chat templates; it does not go with %s",
                         preset != NULL ? preset->name : "--raw");
    }
    if (preset != NULL && (settings->prefix != NULL || settings->suffix != NULL)) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--prompt-template %s is the whole prompt; leave --prefix and --suffix out", preset->name);
    }
    return STATUS_OK;
}

Status eval_prompt_choose(EvalSettings *settings, RunTask *task, const char **chat_template, Error *error)
{
    const Preset *preset = find_preset(settings->prompt_template);
    Status        status = check_together(settings, preset, error);
    *chat_template       = preset == NULL ? settings->prompt_template : NULL;
    if (status == STATUS_OK && !settings->raw && settings->prompt_template == NULL) {
        bool has = false;
        status   = has_template(settings->model, &has, error);
        if (status == STATUS_OK && !has && settings->system != NULL) {
            status = error_set(error, STATUS_BAD_INPUT,
                               "--system: %s has no chat template; give --prompt-template chatml, llama3 or a file",
                               settings->model);
        }
        if (status == STATUS_OK && !has && settings->chat_set.count > 0) {
            status = error_set(error, STATUS_BAD_INPUT,
                               "--chat-set: %s has no chat template; give --prompt-template chatml, llama3 or a file",
                               settings->model);
        }
        settings->raw = !has;
    }
    const struct {
        char       *to;
        size_t      size;
        const char *from, *option;
    } texts[] = {{task->eval_data, sizeof task->eval_data, settings->data, "--data"},
                 {task->prompt_key, sizeof task->prompt_key, settings->problem_key, "--problem-key"},
                 {task->answer_key, sizeof task->answer_key, settings->answer_key, "--answer-key"},
                 {task->id_key, sizeof task->id_key, "id", "id"},
                 {task->subject_key, sizeof task->subject_key, "subject", "subject"},
                 {task->level_key, sizeof task->level_key, "level", "level"},
                 {task->system, sizeof task->system, settings->system, "--system"},
                 {task->prefix, sizeof task->prefix, preset != NULL ? preset->prefix : settings->prefix, "--prefix"},
                 {task->suffix, sizeof task->suffix, preset != NULL ? preset->suffix : settings->suffix, "--suffix"}};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0] && status == STATUS_OK; i++) {
        status = copy(texts[i].to, texts[i].size, texts[i].from, texts[i].option, error);
    }
    if (status == STATUS_OK && settings->chat_set.count > RUN_CHAT_SET_MAX) {
        status = error_set(error, STATUS_BAD_INPUT, "--chat-set is given %d times; %d are possible",
                           settings->chat_set.count, RUN_CHAT_SET_MAX);
    }
    for (int i = 0; i < settings->chat_set.count && status == STATUS_OK; i++) {
        status = copy(task->chat_set[task->chat_set_count++], RUN_NAME_SIZE, settings->chat_set.items[i], "--chat-set",
                      error);
    }
    task->kind              = TASK_KIND_JSONL;
    task->prompt            = settings->raw || preset != NULL ? PROMPT_RAW : PROMPT_CHAT;
    task->boxes             = (RunBoxes)settings->boxes;
    task->fbox              = settings->fbox;
    task->phrases           = settings->phrases;
    task->max_prompt_tokens = settings->max_prompt > 0 ? (uint32_t)settings->max_prompt : INT32_MAX;
    return status;
}
