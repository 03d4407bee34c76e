#include "rlsp/task/jsonl_prompt.h"

#include <stdlib.h>
#include <string.h>

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "posing problems: out of host memory");
}

Status jsonl_open_chat(TaskInstance *task, const char *directory, const char *chat_template, Error *error)
{
    const bool given = chat_template != NULL && chat_template[0] != '\0';
    const bool raw   = task->settings.prompt == PROMPT_RAW;
    Error      none  = {0};
    task->chat       = chat_template_open(directory, given ? chat_template : NULL, raw && !given ? &none : error);
    if (task->chat == NULL) {
        return raw && !given ? STATUS_OK : error->status;
    }
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < task->settings.chat_set_count && status == STATUS_OK; i++) {
        status = chat_template_set(task->chat, task->settings.chat_set[i], "task.chat_set", error);
    }
    task->end_token = chat_end_token(task->chat, task->tokenizer);
    return status;
}

/* prefix problem suffix, malloc'ed. */
static char *written_out(const TaskInstance *task, const TaskItem *item, size_t *length)
{
    const char  *prefix = task->settings.prefix, *suffix = task->settings.suffix;
    const size_t before = strlen(prefix), after = strlen(suffix);
    char        *text = malloc(before + item->problem_length + after + 1);
    *length           = before + item->problem_length + after;
    if (text != NULL) {
        memcpy(text, prefix, before);
        memcpy(text + before, item->problem, item->problem_length);
        memcpy(text + before + item->problem_length, suffix, after + 1);
    }
    return text;
}

static bool add_message(cJSON *messages, const char *role, const char *content)
{
    cJSON *message = cJSON_CreateObject();
    return message != NULL && cJSON_AddItemToArray(messages, message) &&
           cJSON_AddStringToObject(message, "role", role) != NULL &&
           cJSON_AddStringToObject(message, "content", content) != NULL;
}

/* The template alone says where <bos> is. */
static Status chat_prompt(const TaskInstance *task, const char *content, TaskPrompt *prompt, Error *error)
{
    const char       *system   = task->settings.system;
    const ChatOptions options  = {.add_generation_prompt = true, .now = CHAT_FIXED_DATE};
    cJSON            *messages = cJSON_CreateArray();
    const bool        made     = messages != NULL && (system[0] == '\0' || add_message(messages, "system", system)) &&
                      add_message(messages, "user", content);
    Status status = made ? chat_render(task->chat, messages, &options, &prompt->text, &prompt->length, error)
                         : out_of_memory(error);
    cJSON_Delete(messages);
    return status;
}

/* A raw text may have been written with the <bos> that the tokenizer adds. */
static size_t drop_second_bos(const Tokenizer *tokenizer, int32_t *ids, size_t count)
{
    if (count < 2 || ids[0] != ids[1] || !tokenizer_is_special(tokenizer, ids[0])) {
        return count;
    }
    memmove(ids, ids + 1, (count - 1) * sizeof *ids);
    return count - 1;
}

/* `raw`: the tokenizer adds <bos>. */
static Status encode(const TaskInstance *task, bool raw, TaskPrompt *prompt, Error *error)
{
    size_t count  = 0;
    Status status = tokenizer_encode(task->tokenizer, prompt->text, prompt->length, raw, &prompt->ids, &count, error);
    count         = raw && count > 0 ? drop_second_bos(task->tokenizer, prompt->ids, count) : count;
    prompt->count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX;
    if (status == STATUS_OK && count == 0) {
        status = error_set(error, STATUS_BAD_INPUT, "the prompt has no tokens");
    }
    return status;
}

Status jsonl_prompt(const TaskInstance *task, const TaskItem *item, TaskPrompt *prompt, Error *error)
{
    size_t length;
    char  *text = written_out(task, item, &length);
    if (text == NULL) {
        return out_of_memory(error);
    }
    if (task->settings.prompt == PROMPT_RAW) {
        prompt->text   = text;
        prompt->length = length;
        return encode(task, true, prompt, error);
    }
    Status status = chat_prompt(task, text, prompt, error);
    free(text);
    return status == STATUS_OK ? encode(task, false, prompt, error) : status;
}

bool jsonl_is_written_out(const TaskInstance *task, const char *text)
{
    size_t       bytes  = 0;
    const char  *end    = task->end_token >= 0 ? tokenizer_token_bytes(task->tokenizer, task->end_token, &bytes) : NULL;
    const size_t length = strlen(text);
    for (size_t i = 0; end != NULL && bytes > 0 && i + bytes <= length; i++) {
        if (memcmp(text + i, end, bytes) == 0) {
            return true;
        }
    }
    return false;
}

Status task_prompt_as_it_is(const TaskInstance *task, const char *text, TaskPrompt *prompt, Error *error)
{
    prompt->length = strlen(text);
    prompt->text   = malloc(prompt->length + 1);
    if (prompt->text == NULL) {
        return out_of_memory(error);
    }
    memcpy(prompt->text, text, prompt->length + 1);
    return encode(task, true, prompt, error);
}

Status jsonl_measure(TaskInstance *task, Dataset *dataset, const char *path, uint32_t *longest, Error *error)
{
    const uint32_t limit    = task->settings.max_prompt_tokens;
    bool          *too_long = calloc((size_t)dataset->count + 1, sizeof *too_long);
    TaskPrompt     prompt   = {0};
    Status         status   = too_long != NULL ? STATUS_OK : out_of_memory(error);
    for (uint32_t i = 0; i < dataset->count && status == STATUS_OK; i++) {
        status = jsonl_prompt(task, &dataset->items[i], &prompt, error);
        if (status != STATUS_OK) {
            error_prefix(error, "%s:%llu", path, (unsigned long long)dataset->items[i].line);
        } else if (prompt.count > limit) {
            too_long[i] = true;
        } else if (prompt.count > *longest) {
            *longest = prompt.count;
        }
        task_prompt_free(&prompt);
    }
    if (status == STATUS_OK) {
        dataset_leave_out(dataset, too_long);
    }
    if (status == STATUS_OK && dataset->count == 0) {
        status =
            error_set(error, STATUS_BAD_INPUT,
                      "%s: all prompts are longer than task.max_prompt_tokens, %u: no problem is left", path, limit);
    }
    free(too_long);
    return status;
}
