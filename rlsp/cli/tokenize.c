/* rlsp tokenize: text to token ids and back, a JSON object a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/input_lines.h"
#include "rlsp/cli/options.h"
#include "rlsp/run/json_line.h"

enum { NO_LOSS = -100 }; /* as SFT data has it */

/* What the lines are turned with. */
typedef struct Work {
    const char   *model, *chat_template; /* the directory; what --chat-template gives */
    Tokenizer    *tokenizer;
    ChatTemplate *chat; /* opened at the first line that needs it */
    bool          decode;
    bool          render, labels;
    bool          special; /* encode: with the template's tokens; decode: with special tokens in the text */
    JsonLine      out;
} Work;

/* "key": [ids], or NO_LOSS where `mask` (if given) is false. */
static void put_ids(Work *work, const char *key, const int32_t *ids, const bool *mask, size_t count)
{
    json_line_key(&work->out, key);
    json_line_begin(&work->out, '[');
    for (size_t i = 0; i < count; i++) {
        json_line_number(&work->out, mask == NULL || mask[i] ? ids[i] : NO_LOSS);
    }
    json_line_end(&work->out, ']');
}

/* The line's own settings of the template. */
static Status chat_options(const JsonObject *line, ChatOptions *options, Error *error)
{
    JsonObject   variables;
    const cJSON *tools = NULL;
    Status status = json_get_bool(line, "add_generation_prompt", JSON_OPTIONAL, &options->add_generation_prompt, error);
    if (status == STATUS_OK) {
        status = json_get_array(line, "tools", JSON_NULLABLE, &tools, error);
    }
    if (status == STATUS_OK) {
        status = json_get_object(line, "chat_template_kwargs", JSON_NULLABLE, &variables, error);
    }
    options->tools     = tools;
    options->variables = status == STATUS_OK ? variables.json : NULL;
    return status;
}

/* --model may name the tokenizer.json: the template is beside it. */
static ChatTemplate *open_template(const Work *work, Error *error)
{
    const char *slash     = strrchr(work->model, '/');
    char       *directory = NULL;
    if (file_is_directory(work->model)) {
        return chat_template_open(work->model, work->chat_template, error);
    }
    directory = strndup(slash != NULL ? work->model : ".", slash != NULL ? (size_t)(slash - work->model) + 1 : 1);
    if (directory == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
        return NULL;
    }
    ChatTemplate *chat = chat_template_open(directory, work->chat_template, error);
    free(directory);
    return chat;
}

static Status messages_line(Work *work, const JsonObject *line, Error *error)
{
    ChatOptions  options  = {0};
    ChatTokens   tokens   = {0};
    const cJSON *messages = json_find(line, "messages");
    char        *text     = NULL;
    size_t       bytes;
    if (work->chat == NULL && (work->chat = open_template(work, error)) == NULL) {
        return error->status;
    }
    Status status = chat_options(line, &options, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (work->render) {
        status = chat_render(work->chat, messages, &options, &text, &bytes, error);
    } else if (work->labels) {
        status = chat_encode_masked(work->chat, work->tokenizer, messages, &options, &tokens, error);
    } else {
        status = chat_encode(work->chat, work->tokenizer, messages, &options, &tokens.ids, &tokens.count, error);
    }
    if (status != STATUS_OK) {
        error_prefix(error, "%s", line->file);
    } else if (work->render) {
        json_line_key(&work->out, "text");
        json_line_string(&work->out, text, bytes);
    } else {
        put_ids(work, "ids", tokens.ids, NULL, tokens.count);
        if (work->labels) {
            put_ids(work, "labels", tokens.ids, tokens.assistant, tokens.count);
        }
    }
    free(text);
    chat_tokens_free(&tokens);
    return status;
}

static Status encode_line(Work *work, const JsonObject *line, Error *error)
{
    const cJSON *text = json_find(line, "text");
    if (json_find(line, "messages") != NULL) {
        return messages_line(work, line, error);
    }
    if (work->render || work->labels) {
        return json_fail(line, "messages", error, "missing; --render and --labels are for conversations");
    }
    if (!cJSON_IsString(text)) {
        return json_fail(line, "text", error, "wanted the text as a string, or a conversation under \"messages\"");
    }
    int32_t *ids;
    size_t   count;
    Status   status = tokenizer_encode(work->tokenizer, text->valuestring, json_string_bytes(text), work->special, &ids,
                                       &count, error);
    if (status != STATUS_OK) {
        error_prefix(error, "%s", line->file);
        return status;
    }
    put_ids(work, "ids", ids, NULL, count);
    free(ids);
    return STATUS_OK;
}

static Status decode_line(Work *work, const JsonObject *line, Error *error)
{
    const cJSON *list;
    Status       status = json_get_array(line, "ids", JSON_REQUIRED, &list, error);
    if (status != STATUS_OK) {
        return status;
    }
    int32_t *ids   = malloc(((size_t)cJSON_GetArraySize(list) + 1) * sizeof *ids);
    size_t   count = 0, bytes = 0;
    char    *text = NULL;
    if (ids == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory at %s", line->file);
    }
    for (const cJSON *item = list->child; item != NULL && status == STATUS_OK; item = item->next) {
        int64_t id   = 0;
        status       = json_integer(item, line->file, "key 'ids'", 0, INT32_MAX, &id, error);
        ids[count++] = (int32_t)id;
    }
    if (status == STATUS_OK) {
        status = tokenizer_decode(work->tokenizer, ids, count, !work->special, &text, &bytes, error);
    }
    if (status == STATUS_OK) {
        json_line_key(&work->out, "text");
        json_line_string(&work->out, text, bytes);
    }
    free(text);
    free(ids);
    return status;
}

static Status do_line(Work *work, const char *text, size_t bytes, const char *name, Error *error)
{
    cJSON     *root;
    JsonObject line;
    Status     status = json_parse_with_nul(text, bytes, name, &root, error);
    if (status == STATUS_OK) {
        status = json_root(&line, root, name, error);
    } else {
        json_error_in_line(error);
    }
    if (status == STATUS_OK) {
        json_line_clear(&work->out);
        json_line_begin(&work->out, '{');
        status = (work->decode ? decode_line : encode_line)(work, &line, error);
        json_line_end(&work->out, '}');
    }
    cJSON_Delete(root);
    if (status == STATUS_OK) {
        const char *done = json_line_finish(&work->out);
        if (done == NULL) {
            return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory at %s", name);
        }
        fwrite(done, 1, work->out.size, stdout);
    }
    return status;
}

/* Each line of stdin to a line on stdout, in order; empty lines are passed over. */
static Status do_lines(Work *work, Error *error)
{
    InputLines lines  = {.file = stdin, .name = "stdin"};
    Status     status = STATUS_OK;
    while (status == STATUS_OK && input_lines_next(&lines, error)) {
        status = do_line(work, lines.text, lines.bytes, lines.where, error);
    }
    input_lines_free(&lines);
    return error->status;
}

/* The command's options in words that do not go together. */
static Status check_options(const Work *work, Error *error)
{
    if (work->decode && (work->render || work->labels || work->chat_template != NULL)) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--decode turns ids into text; --render, --labels and --chat-template are for the other way");
    }
    if (work->render && work->labels) {
        return error_set(error, STATUS_BAD_INPUT, "--render gives text and --labels ids; choose one");
    }
    return STATUS_OK;
}

int cli_tokenize(int argc, char **argv)
{
    Work             work  = {0};
    bool             plain = false, json = false;
    const ArgsOption options[] = {
        args_required(args_text("model", &work.model, "DIR", "a directory with tokenizer.json, or the file itself")),
        args_flag("decode", &work.decode, "ids to text"),
        args_flag("no-special", &plain, "encode: add no <bos> or the like; decode: leave special tokens out"),
        args_text("chat-template", &work.chat_template, "T",
                  "for messages: chatml, llama3, or a Jinja file, instead of the model's own"),
        args_flag("render", &work.render, "messages to the text that the template makes of them"),
        args_flag("labels", &work.labels,
                  "messages to ids and labels: SFT data, -100 where the assistant does not speak"),
        option_json_always(&json),
    };
    const ArgsCommand command = {
        .name  = "tokenize",
        .usage = "--model DIR [--decode] [--no-special] < lines.jsonl",
        .summary =
            "Reads a JSON object a line, {\"text\": \"…\"} or {\"messages\": [{\"role\": …, \"content\": …}, …]}, and\n"
            "writes {\"ids\": […]} for each, in order; with --decode the other way round. Messages are written out by\n"
            "the model's chat template; a line may also hold \"add_generation_prompt\", \"tools\" and\n"
            "\"chat_template_kwargs\" for it. Other keys are passed over.",
        .options      = options,
        .option_count = sizeof options / sizeof *options,
    };
    int exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error error  = {0};
    work.special = !plain;
    if (check_options(&work, &error) == STATUS_OK) {
        work.tokenizer = tokenizer_open(work.model, &error);
    }
    if (work.tokenizer != NULL) {
        do_lines(&work, &error);
    }
    chat_template_free(work.chat);
    tokenizer_free(work.tokenizer);
    json_line_free(&work.out);
    return cli_end(&command, &error);
}
