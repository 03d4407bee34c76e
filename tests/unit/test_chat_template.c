/* Chat templates against texts and ids of transformers, how they are found, and which
 * tokens are the assistant's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "engine/text/chat_template.h"
#include "tests/support/fixture.h"

#define PARITY TEST_DATA "/parity"

static cJSON *parse(const char *text)
{
    cJSON *root;
    Error  error = {0};
    if (json_parse(text, strlen(text), "test", &root, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return root;
}

/* A template with nothing but itself. */
static ChatTemplate *from_text(const char *text, const char *config)
{
    Error         error  = {0};
    cJSON        *tokens = config != NULL ? parse(config) : NULL;
    ChatTemplate *chat   = chat_template_parse(text, strlen(text), "test", tokens, &error);
    if (chat == NULL) {
        fail_msg("%s", error.text);
    }
    cJSON_Delete(tokens);
    return chat;
}

static bool flag(const cJSON *row, const char *key)
{
    return cJSON_IsTrue(cJSON_GetObjectItem(row, key));
}

/* --- what transformers writes */

/* A line of rendered.jsonl; templates.json beside it has the template. */
static void check_rendered(const cJSON *templates, const cJSON *row, int line)
{
    const cJSON  *wanted = cJSON_GetObjectItem(row, "text"), *refused = cJSON_GetObjectItem(row, "error");
    const cJSON  *entry  = cJSON_GetObjectItem(templates, cJSON_GetObjectItem(row, "name")->valuestring);
    const char   *source = cJSON_GetObjectItem(entry, "template")->valuestring;
    Error         error  = {0};
    ChatTemplate *chat   = chat_template_parse(source, strlen(source), "parity", entry, &error);
    char         *text   = NULL;
    size_t        bytes;
    if (chat == NULL) {
        fail_msg("line %d: %s", line, error.text);
    }
    const ChatOptions options = {.add_generation_prompt = flag(row, "add_generation_prompt")};
    const Status      status = chat_render(chat, cJSON_GetObjectItem(row, "messages"), &options, &text, &bytes, &error);
    if (refused != NULL) {
        assert_int_equal(status, STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, refused->valuestring));
    } else if (status != STATUS_OK) {
        fail_msg("line %d: %s", line, error.text);
    } else if (bytes != json_string_bytes(wanted) || memcmp(text, wanted->valuestring, bytes) != 0) {
        fail_msg("line %d: found \"%s\", wanted \"%s\"", line, text, wanted->valuestring);
    }
    free(text);
    chat_template_free(chat);
}

/* Calls `check` for every line of a JSONL file; returns how many. */
static int each_line(const char *path, void (*check)(const void *, const cJSON *, int), const void *context)
{
    char *text = fixture_text(path, NULL);
    int   line = 0;
    for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        cJSON *row;
        Error  error = {0};
        line++;
        if (json_parse_with_nul(at, (size_t)(end - at), path, &row, &error) != STATUS_OK) {
            fail_msg("%s", error.text);
        }
        check(context, row, line);
        cJSON_Delete(row);
    }
    free(text);
    return line;
}

static void check_rendered_line(const void *templates, const cJSON *row, int line)
{
    check_rendered(templates, row, line);
}

static void texts_are_those_of_transformers(void **state)
{
    (void)state;
    cJSON *templates = fixture_json(PARITY "/chat/templates.json");
    assert_int_equal(each_line(PARITY "/chat/rendered.jsonl", check_rendered_line, templates), 122);
    cJSON_Delete(templates);
}

typedef struct Pair {
    Tokenizer    *tokenizer;
    ChatTemplate *chat;
} Pair;

static void check_ids(const void *context, const cJSON *row, int line)
{
    const Pair       *pair    = context;
    const cJSON      *wanted  = cJSON_GetObjectItem(row, "ids");
    const ChatOptions options = {.add_generation_prompt = flag(row, "add_generation_prompt")};
    Error             error   = {0};
    int32_t          *ids;
    size_t            count, i = 0;
    if (chat_encode(pair->chat, pair->tokenizer, cJSON_GetObjectItem(row, "messages"), &options, &ids, &count,
                    &error) != STATUS_OK) {
        fail_msg("line %d: %s", line, error.text);
    }
    assert_int_equal(count, cJSON_GetArraySize(wanted));
    for (const cJSON *id = wanted->child; id != NULL; id = id->next, i++) {
        if (ids[i] != id->valueint) {
            fail_msg("line %d: id %zu is %d, wanted %d", line, i, ids[i], id->valueint);
        }
    }
    free(ids);
}

static void ids_are_those_of_transformers(void **state)
{
    (void)state;
    static const char *const styles[]   = {"qwen2-style", "llama3-style"};
    static const ChatFamily  families[] = {CHAT_CHATML, CHAT_LLAMA3};
    for (int i = 0; i < 2; i++) {
        Error       error     = {0};
        const char *directory = fixture_path(PARITY "/tokenizers", styles[i]);
        Pair        pair      = {tokenizer_open(directory, &error), chat_template_open(directory, NULL, &error)};
        if (pair.tokenizer == NULL || pair.chat == NULL) {
            fail_msg("%s", error.text);
        }
        assert_int_equal(chat_template_family(pair.chat), families[i]);
        assert_int_equal(each_line(fixture_path(directory, "chat.jsonl"), check_ids, &pair), 20);
        chat_template_free(pair.chat);
        tokenizer_free(pair.tokenizer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_those_of_transformers),
        cmocka_unit_test(ids_are_those_of_transformers),
    };
    (void)from_text;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
