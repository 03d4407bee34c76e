#include "engine/text/chat_template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/text/chat_parts.h"

#define TEMPLATE_LIMIT ((size_t)1 << 20) /* bytes */
#define HOW_TO_GIVE    "give one that can: --chat-template chatml, llama3, or a file with a Jinja template"

/* Templates to choose by name. */
static const char chatml[] = "{% for message in messages %}"
                             "{{ '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' }}"
                             "{% endfor %}"
                             "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";
static const char llama3[] =
    "{{ bos_token }}{% for message in messages %}"
    "{{ '<|start_header_id|>' + message.role + '<|end_header_id|>\\n\\n' + message.content | trim + '<|eot_id|>' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";

/* --- opening */

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory with a chat template");
}

/* The special tokens of a tokenizer_config.json: strings, or objects that hold one. */
static cJSON *special_tokens(const cJSON *config)
{
    static const char *const names[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                        "pad_token", "cls_token", "mask_token"};
    cJSON                   *special = cJSON_CreateObject();
    for (size_t i = 0; i < sizeof names / sizeof *names && special != NULL; i++) {
        const cJSON *token = cJSON_GetObjectItemCaseSensitive(config, names[i]);
        if (cJSON_IsObject(token)) {
            token = cJSON_GetObjectItemCaseSensitive(token, "content");
        }
        if (cJSON_IsString(token) && cJSON_AddStringToObject(special, names[i], token->valuestring) == NULL) {
            cJSON_Delete(special);
            return NULL;
        }
    }
    return special;
}

ChatTemplate *chat_template_parse(const char *text, size_t bytes, const char *name, const cJSON *tokenizer_config,
                                  Error *error)
{
    ChatTemplate *chat = calloc(1, sizeof *chat);
    if (chat == NULL || (chat->special = special_tokens(tokenizer_config)) == NULL) {
        out_of_memory(error);
        chat_template_free(chat);
        return NULL;
    }
    Error why   = {0};
    chat->jinja = jinja_parse(text, bytes, name, &why);
    if (chat->jinja == NULL) {
        error_set(error, why.status, "%s; %s", why.text, HOW_TO_GIVE);
        chat_template_free(chat);
        return NULL;
    }
    return chat;
}

void chat_template_free(ChatTemplate *chat)
{
    if (chat != NULL) {
        jinja_free(chat->jinja);
        cJSON_Delete(chat->special);
        cJSON_Delete(chat->given);
        free(chat);
    }
}

Status chat_template_set(ChatTemplate *chat, const char *word, const char *source, Error *error)
{
    const char *equals = strchr(word, '=');
    char        name[80];
    cJSON      *value = NULL;
    if (equals == NULL || equals == word || (size_t)(equals - word) >= sizeof name) {
        return error_set(error, STATUS_BAD_INPUT, "%s: found \"%.80s\", wanted name=value, as enable_thinking=false",
                         source, word);
    }
    snprintf(name, sizeof name, "%.*s", (int)(equals - word), word);
    if (json_parse(equals + 1, strlen(equals + 1), source, &value, NULL) != STATUS_OK) {
        value = cJSON_CreateString(equals + 1);
    }
    chat->given = chat->given != NULL ? chat->given : cJSON_CreateObject();
    if (chat->given != NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(chat->given, name);
    }
    if (value == NULL || chat->given == NULL || !cJSON_AddItemToObject(chat->given, name, value)) {
        cJSON_Delete(value);
        return out_of_memory(error);
    }
    return STATUS_OK;
}

static ChatTemplate *open_file(const char *path, const cJSON *config, Error *error)
{
    char         *text;
    size_t        bytes;
    ChatTemplate *chat = NULL;
    if (file_read(path, TEMPLATE_LIMIT, &text, &bytes, error) == STATUS_OK) {
        chat = chat_template_parse(text, bytes, path, config, error);
        free(text);
    }
    return chat;
}

/* The template text inside of a tokenizer_config.json; NULL with *error set. */
static const char *own_template(const cJSON *config, const char *path, Error *error)
{
    const cJSON *found = cJSON_GetObjectItemCaseSensitive(config, "chat_template");
    const cJSON *named = cJSON_IsArray(found) ? found->child : NULL;
    for (; named != NULL; named = named->next) {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(named, "name"));
        if (name != NULL && strcmp(name, "default") == 0) {
            found = cJSON_GetObjectItemCaseSensitive(named, "template");
            break;
        }
    }
    if (cJSON_IsString(found)) {
        return found->valuestring;
    }
    if (cJSON_IsArray(found)) {
        error_set(error, STATUS_BAD_INPUT, "%s: key 'chat_template': no template is named \"default\"; %s", path,
                  HOW_TO_GIVE);
    } else if (found != NULL && !cJSON_IsNull(found)) {
        error_set(error, STATUS_BAD_INPUT, "%s: key 'chat_template': wanted a string or a list of named templates; %s",
                  path, HOW_TO_GIVE);
    } else {
        error_set(error, STATUS_BAD_INPUT, "%s has no chat template, and there is no chat_template.jinja beside it; %s",
                  path, HOW_TO_GIVE);
    }
    return NULL;
}

static ChatTemplate *open_own(const char *directory, const char *config_path, const cJSON *config, Error *error)
{
    char         *beside = path_join(directory, "chat_template.jinja");
    ChatTemplate *chat   = NULL;
    if (beside == NULL) {
        out_of_memory(error);
    } else if (file_exists(beside)) {
        chat = open_file(beside, config, error);
    } else {
        const char *text = own_template(config, config_path, error);
        char        name[400];
        snprintf(name, sizeof name, "%.300s: chat_template", config_path);
        chat = text != NULL ? chat_template_parse(text, strlen(text), name, config, error) : NULL;
    }
    free(beside);
    return chat;
}

ChatTemplate *chat_template_open(const char *directory, const char *given, Error *error)
{
    char         *path   = path_join(directory, "tokenizer_config.json");
    cJSON        *config = NULL;
    ChatTemplate *chat   = NULL;
    if (path == NULL) {
        out_of_memory(error);
        return NULL;
    }
    if (file_exists(path) && json_read_file(path, JSON_FILE_LIMIT, &config, error) != STATUS_OK) {
        free(path);
        return NULL;
    }
    if (given == NULL) {
        chat = open_own(directory, path, config, error);
    } else if (strcmp(given, "chatml") == 0) {
        chat = chat_template_parse(chatml, sizeof chatml - 1, given, config, error);
    } else if (strcmp(given, "llama3") == 0) {
        chat = chat_template_parse(llama3, sizeof llama3 - 1, given, config, error);
    } else {
        chat = open_file(given, config, error);
    }
    cJSON_Delete(config);
    free(path);
    return chat;
}

Status chat_template_read(const char *directory, char **text, size_t *bytes, Error *error)
{
    char  *beside = path_join(directory, "chat_template.jinja"), *path = path_join(directory, "tokenizer_config.json");
    cJSON *config = NULL;
    Status status = beside != NULL && path != NULL ? STATUS_OK : out_of_memory(error);
    *text         = NULL;
    *bytes        = 0;
    if (status == STATUS_OK && file_exists(beside)) {
        status = file_read(beside, TEMPLATE_LIMIT, text, bytes, error);
    } else if (status == STATUS_OK && file_exists(path)) {
        status            = json_read_file(path, JSON_FILE_LIMIT, &config, error);
        const char *found = status == STATUS_OK ? own_template(config, path, NULL) : NULL;
        if (found != NULL) {
            *bytes = strlen(found);
            *text  = malloc(*bytes + 1);
            status = *text != NULL ? STATUS_OK : out_of_memory(error);
        }
        if (*text != NULL) {
            memcpy(*text, found, *bytes + 1);
        }
    }
    cJSON_Delete(config);
    free(beside);
    free(path);
    return status;
}

/* --- rendering */

static Status check_messages(const cJSON *messages, Error *error)
{
    int place = 0;
    if (!cJSON_IsArray(messages) || messages->child == NULL) {
        return error_set(error, STATUS_BAD_INPUT,
                         "messages: wanted a list of {\"role\": …, \"content\": …}, not empty");
    }
    for (const cJSON *message = messages->child; message != NULL; message = message->next, place++) {
        if (!cJSON_IsObject(message)) {
            return error_set(error, STATUS_BAD_INPUT, "messages[%d]: wanted an object {\"role\": …, \"content\": …}",
                             place);
        }
        if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(message, "role"))) {
            return error_set(error, STATUS_BAD_INPUT,
                             "messages[%d]: key 'role': wanted \"system\", \"user\", \"assistant\" or the like", place);
        }
    }
    return STATUS_OK;
}

/* Adds a member that stays its owner's. */
static bool refer(cJSON *object, const char *key, const cJSON *value)
{
    cJSON_DeleteItemFromObjectCaseSensitive(object, key);
    return value != NULL ? cJSON_AddItemReferenceToObject(object, key, (cJSON *)(uintptr_t)value) != 0
                         : cJSON_AddNullToObject(object, key) != NULL;
}

/* What the template sees; cJSON_Delete frees it, but none of the parts. NULL: out of memory. */
static cJSON *all_variables(const ChatTemplate *chat, const cJSON *messages, const ChatOptions *options)
{
    cJSON *all = cJSON_CreateObject();
    bool   ok  = all != NULL && refer(all, "messages", messages) && refer(all, "tools", options->tools) &&
              refer(all, "documents", NULL) &&
              cJSON_AddBoolToObject(all, "add_generation_prompt", options->add_generation_prompt) != NULL;
    const cJSON *lists[3] = {chat->special, chat->given, options->variables};
    for (size_t i = 0; i < 3 && ok; i++) {
        for (const cJSON *item = cJSON_IsObject(lists[i]) ? lists[i]->child : NULL; item != NULL && ok;
             item              = item->next) {
            ok = refer(all, item->string, item);
        }
    }
    if (!ok) {
        cJSON_Delete(all);
        return NULL;
    }
    return all;
}

Status chat_output(const ChatTemplate *chat, const cJSON *messages, const ChatOptions *options, JinjaOutput *output,
                   Error *error)
{
    Error own     = {0};
    *output       = (JinjaOutput){0};
    Status status = check_messages(messages, error);
    if (status != STATUS_OK) {
        return status;
    }
    cJSON *variables = all_variables(chat, messages, options);
    if (variables == NULL) {
        return out_of_memory(error);
    }
    status = jinja_render(chat->jinja, variables,
                          &(JinjaOptions){.now = options->now != 0 ? (time_t)options->now : time(NULL)}, output, &own);
    cJSON_Delete(variables);
    if (status == STATUS_BAD_INPUT && strstr(own.text, "\" is not supported") != NULL) {
        return error_set(error, status, "%s; %s", own.text, HOW_TO_GIVE);
    }
    return status == STATUS_OK ? status : error_set(error, status, "%s", own.text);
}

Status chat_render(const ChatTemplate *chat, const cJSON *messages, const ChatOptions *options, char **text,
                   size_t *bytes, Error *error)
{
    JinjaOutput output;
    Status      status = chat_output(chat, messages, options, &output, error);
    *text              = output.text;
    *bytes             = output.bytes;
    free(output.spans);
    return status;
}

Status chat_encode(const ChatTemplate *chat, const Tokenizer *tokenizer, const cJSON *messages,
                   const ChatOptions *options, int32_t **ids, size_t *count, Error *error)
{
    char  *text;
    size_t bytes;
    *ids          = NULL;
    *count        = 0;
    Status status = chat_render(chat, messages, options, &text, &bytes, error);
    if (status == STATUS_OK) {
        status = tokenizer_encode(tokenizer, text, bytes, false, ids, count, error);
        free(text);
    }
    return status;
}
