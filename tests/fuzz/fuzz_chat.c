/* Chat templates: the text before the first NUL is a template, that after it a line with messages.
 * Whatever they are, there is text or one line of error. The corpus's seeds are the templates of
 * tests/data. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/json.h"
#include "engine/text/byte_level.h"
#include "engine/text/chat_template.h"
#include "engine/text/jinja.h"
#include "engine/utf8.h"

static const char usual[] =
    "{\"messages\":[{\"role\":\"system\",\"content\":\"be brief\"},{\"role\":\"user\",\"content\":\" hi \\u00e9\"},"
    "{\"role\":\"assistant\",\"content\":\"<think>a</"
    "think>\\n\\nb\",\"tool_calls\":[{\"name\":\"f\",\"arguments\":{\"x\":[1,2.5,null,true]}}]},"
    "{\"role\":\"tool\",\"content\":\"7\"},{\"role\":\"assistant\",\"content\":\"\"}],\"bos_token\":\"<s>\",\"add_"
    "generation_prompt\":true,"
    "\"tools\":null,\"l\":[\"a\",\"b\"],\"n\":7}";

/* Small limits: a run of the fuzzer is to be short. Whether they suffice. */
static int render(const JinjaTemplate *template, const cJSON *variables)
{
    Error       error  = {0};
    JinjaOutput output = {0};
    Status      status = jinja_render(template, variables,
                                      &(JinjaOptions){.now = 1735689600, .steps = 20000, .bytes = 4 << 20}, &output, &error);
    if ((status == STATUS_OK) != (error.status == STATUS_OK) ||
        (status != STATUS_OK && (error.text[0] == '\0' || output.text != NULL))) {
        abort();
    }
    if (status == STATUS_OK &&
        (output.text[output.bytes] != '\0' || utf8_check(output.text, output.bytes) != output.bytes)) {
        abort();
    }
    for (size_t i = 0; i < output.span_count; i++) {
        if (output.spans[i].begin >= output.spans[i].end || output.spans[i].end > output.bytes) {
            abort();
        }
    }
    jinja_output_free(&output);
    return status == STATUS_OK;
}

/* A token for every byte, and two that are special. */
static Tokenizer *bytes_alone(void)
{
    static Tokenizer *tokenizer;
    static char       text[8192];
    if (tokenizer == NULL) {
        char *out = text;
        out +=
            sprintf(out, "{\"added_tokens\":[{\"id\":256,\"content\":\"<|im_end|>\",\"special\":true},{\"id\":257,"
                         "\"content\":\"<s>\",\"special\":true,"
                         "\"lstrip\":true}],\"normalizer\":{\"type\":\"NFC\"},\"pre_tokenizer\":{\"type\":"
                         "\"ByteLevel\",\"add_prefix_space\":false},"
                         "\"decoder\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{");
        for (int byte = 0; byte < 256; byte++) {
            out += sprintf(out, "%s\"%s", byte == 0 ? "" : ",", byte == '"' || byte == '\\' ? "\\" : "");
            out += utf8_encode(byte_level_char((unsigned char)byte), out);
            out += sprintf(out, "\":%d", byte);
        }
        sprintf(out, "}}}");
        tokenizer = tokenizer_parse(text, strlen(text), "bytes", NULL);
        if (tokenizer == NULL) {
            abort();
        }
    }
    return tokenizer;
}

/* The whole way of a conversation: its tokens, with and without the assistant's told, are the same. */
static void converse(const char *text, size_t bytes, const cJSON *line)
{
    ChatTemplate     *chat     = chat_template_parse(text, bytes, "fuzz", line, NULL);
    const cJSON      *messages = cJSON_GetObjectItemCaseSensitive(line, "messages");
    const ChatOptions options  = {.variables = cJSON_GetObjectItemCaseSensitive(line, "chat_template_kwargs"),
                                  .tools     = cJSON_GetObjectItemCaseSensitive(line, "tools"),
                                  .now       = 1735689600};
    Error             error    = {0};
    int32_t          *ids      = NULL;
    size_t            count    = 0;
    ChatTokens        tokens   = {0};
    if (chat == NULL) {
        return;
    }
    Status plain  = chat_encode(chat, bytes_alone(), messages, &options, &ids, &count, &error);
    Status masked = chat_encode_masked(chat, bytes_alone(), messages, &options, &tokens, NULL);
    if ((plain != STATUS_OK && masked == STATUS_OK) || (plain == STATUS_OK) != (error.status == STATUS_OK)) {
        abort();
    }
    if (masked == STATUS_OK &&
        (count != tokens.count || (count > 0 && memcmp(ids, tokens.ids, count * sizeof *ids) != 0))) {
        abort();
    }
    free(ids);
    chat_tokens_free(&tokens);
    chat_template_free(chat);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char  *text = (const char *)data, *nul = memchr(text, '\0', size);
    const size_t bytes      = nul != NULL ? (size_t)(nul - text) : size;
    Error        error      = {0};
    cJSON       *line       = NULL;
    JinjaTemplate *template = jinja_parse(text, bytes, "fuzz", &error);
    if ((template == NULL) != (error.status == STATUS_BAD_INPUT)) {
        abort();
    }
    if (nul == NULL || json_parse_with_nul(nul + 1, size - bytes - 1, "fuzz", &line, NULL) != STATUS_OK ||
        !cJSON_IsObject(line)) {
        cJSON_Delete(line);
        line = NULL;
        if (json_parse(usual, sizeof usual - 1, "usual", &line, NULL) != STATUS_OK) {
            abort();
        }
    }
    const int quick = template != NULL && render(template, line);
    if (size < 2000 && quick) { /* without the small limits */
        converse(text, bytes, line);
    }
    cJSON_Delete(line);
    jinja_free(template);
    return 0;
}
