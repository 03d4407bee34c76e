/* rlsp tokenize: text to token ids and back, a JSON object a line. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/json.h"
#include "engine/text/tokenizer.h"
#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/run/json_line.h"

/* What the lines are turned with. */
typedef struct Work {
    Tokenizer *tokenizer;
    bool       decode;
    bool       special; /* encode: with the template's tokens; decode: with special tokens in the text */
    JsonLine   out;
} Work;

static Status encode_line(Work *work, const JsonObject *line, Error *error)
{
    const cJSON *text = json_find(line, "text");
    if (text == NULL && json_find(line, "messages") != NULL) {
        return json_fail(line, "messages", error,
                         "chat templates are not supported by this version; write the text out under \"text\"");
    }
    if (!cJSON_IsString(text)) {
        return json_fail(line, "text", error, "wanted the text as a string");
    }
    int32_t *ids;
    size_t   count;
    Status   status = tokenizer_encode(work->tokenizer, text->valuestring, json_string_bytes(text), work->special, &ids,
                                       &count, error);
    if (status != STATUS_OK) {
        error_prefix(error, "%s", line->file);
        return status;
    }
    json_line_key(&work->out, "ids");
    json_line_begin(&work->out, '[');
    for (size_t i = 0; i < count; i++) {
        json_line_number(&work->out, ids[i]);
    }
    json_line_end(&work->out, ']');
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
    char   *text     = NULL;
    size_t  capacity = 0;
    Status  status   = STATUS_OK;
    ssize_t length;
    for (size_t number = 1; status == STATUS_OK && (length = getline(&text, &capacity, stdin)) >= 0; number++) {
        while (length > 0 && (text[length - 1] == '\n' || text[length - 1] == '\r')) {
            length--;
        }
        char name[48];
        snprintf(name, sizeof name, "stdin line %zu", number);
        if (length > 0) {
            status = do_line(work, text, (size_t)length, name, error);
        }
    }
    if (status == STATUS_OK && ferror(stdin)) {
        status = error_set(error, STATUS_FAILED, "cannot read stdin: %s", strerror(errno));
    }
    free(text);
    return status;
}

int cli_tokenize(int argc, char **argv)
{
    const char      *model  = NULL;
    bool             decode = false, plain = false, json = false;
    const ArgsOption options[] = {
        {.name        = "model",
         .type        = ARGS_TEXT,
         .value       = &model,
         .placeholder = "DIR",
         .help        = "a directory with tokenizer.json, or the file itself",
         .required    = true},
        {.name = "decode", .type = ARGS_FLAG, .value = &decode, .help = "ids to text"},
        {.name  = "no-special",
         .type  = ARGS_FLAG,
         .value = &plain,
         .help  = "encode: add no <bos> or the like; decode: leave special tokens out"},
        {.name = "json", .type = ARGS_FLAG, .value = &json, .help = "nothing more: the output is JSON as it is"},
    };
    const ArgsCommand command = {
        .name    = "tokenize",
        .usage   = "--model DIR [--decode] [--no-special] < lines.jsonl",
        .summary = "Reads a JSON object a line, {\"text\": \"…\"}, and writes {\"ids\": […]} for each, in order;\n"
                   "with --decode the other way round. Other keys of a line are passed over.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error error = {0};
    Work  work  = {.tokenizer = tokenizer_open(model, &error), .decode = decode, .special = !plain};
    if (work.tokenizer != NULL) {
        do_lines(&work, &error);
    }
    tokenizer_free(work.tokenizer);
    json_line_free(&work.out);
    exit_code = cli_finish_output(command.name);
    return error.status != STATUS_OK ? args_fail(&command, &error) : exit_code;
}
