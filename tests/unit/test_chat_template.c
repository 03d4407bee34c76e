/* Chat templates against texts and ids of transformers, and how they are found. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "engine/text/chat_template.h"
#include "tests/support/chat_fixture.h"
#include "tests/support/fixture.h"

#define PARITY TEST_DATA "/parity"

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
    static const char *const styles[] = {"qwen2-style", "llama3-style"};
    for (int i = 0; i < 2; i++) {
        Error       error     = {0};
        const char *directory = fixture_path(PARITY "/tokenizers", styles[i]);
        Pair        pair      = {tokenizer_open(directory, &error), chat_template_open(directory, NULL, &error)};
        if (pair.tokenizer == NULL || pair.chat == NULL) {
            fail_msg("%s", error.text);
        }
        assert_int_equal(each_line(fixture_path(directory, "chat.jsonl"), check_ids, &pair), 20);
        chat_template_free(pair.chat);
        tokenizer_free(pair.tokenizer);
    }
}

/* --- where a template is found */

#define PLAIN "{% for m in messages %}{{ m.role }}:{{ m.content }};{% endfor %}"

static void write_file(const char *directory, const char *name, const char *text)
{
    Error error = {0};
    if (file_write_atomic(fixture_path(directory, name), text, strlen(text), &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
}

/* What the directory's template makes of one message; or the error, for which `word` is looked for. */
static void assert_opens(const char *directory, const char *given, const char *word)
{
    Error         error    = {0};
    cJSON        *messages = chat_fixture_json("[{\"role\":\"user\",\"content\":\"hi\"}]");
    ChatTemplate *chat     = chat_template_open(directory, given, &error);
    char         *text     = NULL;
    size_t        bytes;
    if (chat != NULL && chat_render(chat, messages, &(ChatOptions){0}, &text, &bytes, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    if (strstr(text != NULL ? text : error.text, word) == NULL) {
        fail_msg("found \"%s\", wanted \"%s\"", text != NULL ? text : error.text, word);
    }
    assert_true(text != NULL || error.status == STATUS_BAD_INPUT);
    free(text);
    chat_template_free(chat);
    cJSON_Delete(messages);
}

static void templates_are_found_as_transformers_does(void **state)
{
    (void)state;
    const char *directory = fixture_directory();
    assert_opens(directory, NULL, "--chat-template chatml, llama3");
    write_file(directory, "tokenizer_config.json", "{}");
    assert_opens(directory, NULL, "tokenizer_config.json has no chat template");
    assert_opens(directory, "chatml", "<|im_start|>user\nhi<|im_end|>\n");
    write_file(directory, "tokenizer_config.json",
               "{\"bos_token\":{\"content\":\"<s>\",\"lstrip\":false},\"chat_template\":\"" PLAIN "\"}");
    assert_opens(directory, NULL, "user:hi;");
    assert_opens(directory, "llama3", "<s><|start_header_id|>user<|end_header_id|>\n\nhi<|eot_id|>");
    write_file(
        directory, "tokenizer_config.json",
        "{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"no\"},{\"name\":\"default\",\"template\":\"" PLAIN
        "\"}]}");
    assert_opens(directory, NULL, "user:hi;");
    write_file(directory, "tokenizer_config.json", "{\"chat_template\":[{\"name\":\"tool_use\",\"template\":\"no\"}]}");
    assert_opens(directory, NULL, "\"default\"");
    write_file(directory, "tokenizer_config.json", "{\"chat_template\":7}");
    assert_opens(directory, NULL, "'chat_template'");
    write_file(directory, "tokenizer_config.json", "{\"chat_template\":\"{% include 'x' %}\"}");
    assert_opens(directory, NULL, "--chat-template chatml, llama3, or a file");
    write_file(directory, "chat_template.jinja", "beside " PLAIN "\n");
    assert_opens(directory, NULL, "beside user:hi;");
    write_file(directory, "other.jinja", "other " PLAIN);
    assert_opens(directory, fixture_path(directory, "other.jinja"), "other user:hi;");
    assert_opens(directory, fixture_path(directory, "none.jinja"), "none.jinja");
    write_file(directory, "tokenizer_config.json", "{");
    assert_opens(directory, NULL, "tokenizer_config.json");
}

static void messages_are_checked(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {{"[]", "messages"},
                                           {"{}", "messages"},
                                           {"[7]", "messages[0]"},
                                           {"[{\"content\":\"a\"}]", "'role'"},
                                           {"[{\"role\":\"user\",\"content\":\"a\"},{\"role\":1}]", "messages[1]"},
                                           {"[{\"role\":\"user\",\"content\":null}]", "NoneType"}};
    ChatTemplate *chat = chat_fixture_template("{% for m in messages %}{{ m.role + m.content }}{% endfor %}", NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        Error  error    = {0};
        cJSON *messages = chat_fixture_json(wrong[i][0]);
        char  *text;
        size_t bytes;
        assert_int_equal(chat_render(chat, messages, &(ChatOptions){0}, &text, &bytes, &error), STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, i == 5 ? "None" : wrong[i][1]));
        assert_null(text);
        cJSON_Delete(messages);
    }
    chat_template_free(chat);
}

/* What is set for all conversations: values as JSON if they are that, the last of a name, unless a conversation has its
 * own. */
static void variables_are_set(void **state)
{
    (void)state;
    ChatTemplate *chat = chat_fixture_template(
        "{{ bos_token }}|{{ thinking is false }}|{{ words }}|{{ n + 1 }}|{{ list[1] }}", "{\"bos_token\":\"<s>\"}");
    static const char *const words[]  = {"thinking=true", "thinking=false", "words=be brief=yes", "n=41",
                                         "list=[1,\"b\"]"};
    static const char *const bad[]    = {"thinking", "=1", ""};
    cJSON                   *messages = chat_fixture_json("[{\"role\":\"user\",\"content\":\"a\"}]"),
          *own                        = chat_fixture_json("{\"n\":1,\"bos_token\":\"B\"}");
    Error  error                      = {0};
    char  *text;
    size_t bytes;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        assert_int_equal(chat_template_set(chat, words[i], "--chat-set", &error), STATUS_OK);
    }
    assert_int_equal(chat_render(chat, messages, &(ChatOptions){0}, &text, &bytes, &error), STATUS_OK);
    assert_string_equal(text, "<s>|True|be brief=yes|42|b");
    free(text);
    assert_int_equal(chat_render(chat, messages, &(ChatOptions){.variables = own}, &text, &bytes, &error), STATUS_OK);
    assert_string_equal(text, "B|True|be brief=yes|2|b");
    free(text);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        error = (Error){0};
        assert_int_equal(chat_template_set(chat, bad[i], "--chat-set", &error), STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, "--chat-set: found"));
    }
    cJSON_Delete(messages);
    cJSON_Delete(own);
    chat_template_free(chat);
}

static void options_reach_the_template(void **state)
{
    (void)state;
    ChatTemplate *chat =
        chat_fixture_template("{{ bos_token }}{{ tools is none }}{{ tools[0].name if tools }}{{ deep }}{{ "
                              "add_generation_prompt }}{{ strftime_now('%Y') }}",
                              "{\"bos_token\":\"<s>\",\"eos_token\":null}");
    cJSON *messages  = chat_fixture_json("[{\"role\":\"user\",\"content\":\"a\"}]"),
          *tools     = chat_fixture_json("[{\"name\":\"f\"}]"),
          *variables = chat_fixture_json("{\"deep\":\"x\",\"bos_token\":\"B\"}");
    Error  error     = {0};
    char  *text;
    size_t bytes;
    assert_int_equal(chat_render(chat, messages, &(ChatOptions){.now = 86400 * 400}, &text, &bytes, &error), STATUS_OK);
    assert_string_equal(text, "<s>TrueFalse1971");
    free(text);
    const ChatOptions options = {
        .add_generation_prompt = true, .tools = tools, .variables = variables, .now = 86400 * 400};
    assert_int_equal(chat_render(chat, messages, &options, &text, &bytes, &error), STATUS_OK);
    assert_string_equal(text, "BFalsefxTrue1971");
    free(text);
    cJSON_Delete(messages);
    cJSON_Delete(tools);
    cJSON_Delete(variables);
    chat_template_free(chat);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_those_of_transformers),
        cmocka_unit_test(ids_are_those_of_transformers),
        cmocka_unit_test(templates_are_found_as_transformers_does),
        cmocka_unit_test(messages_are_checked),
        cmocka_unit_test(variables_are_set),
        cmocka_unit_test(options_reach_the_template),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
