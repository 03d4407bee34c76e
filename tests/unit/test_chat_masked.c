/* Which tokens of a conversation are the assistant's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/chat_fixture.h"

#define PARITY TEST_DATA "/parity"

/* The masked tokens' text, each run of them in [ ]. */
static void assert_masked(const ChatTemplate *chat, const Tokenizer *tokenizer, const char *messages,
                          const char *wanted)
{
    Error      error = {0};
    cJSON     *list  = chat_fixture_json(messages);
    ChatTokens tokens;
    char       found[1000];
    size_t     used = 0, count;
    int32_t   *ids;
    if (chat_encode_masked(chat, tokenizer, list, &(ChatOptions){0}, &tokens, &error) != STATUS_OK) {
        fail_msg("%s: %s", messages, error.text);
    }
    for (size_t i = 0; i < tokens.count; i++) {
        if (tokens.assistant[i]) {
            size_t      bytes;
            const char *text  = tokenizer_token_bytes(tokenizer, tokens.ids[i], &bytes);
            const bool  first = i == 0 || !tokens.assistant[i - 1],
                       last   = i + 1 == tokens.count || !tokens.assistant[i + 1];
            used += (size_t)snprintf(found + used, sizeof found - used, "%s%.*s%s", first ? "[" : "", (int)bytes, text,
                                     last ? "]" : "");
        }
    }
    found[used] = '\0';
    assert_string_equal(found, wanted);
    /* The ids are those without the mask. */
    assert_int_equal(chat_encode(chat, tokenizer, list, &(ChatOptions){0}, &ids, &count, &error), STATUS_OK);
    assert_int_equal(count, tokens.count);
    assert_memory_equal(ids, tokens.ids, count * sizeof *ids);
    free(ids);
    chat_tokens_free(&tokens);
    cJSON_Delete(list);
}

#define USER(text)   "{\"role\":\"user\",\"content\":\"" text "\"}"
#define ANSWER(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"

/* Thinking is kept in the last answer only, as Qwen3's template does. */
#define THINKING                                                                                                       \
    "{%- for m in messages %}{%- if m.role == 'assistant' %}{%- set c = "                                              \
    "m.content.split('</think>')[-1].lstrip('\\n') %}"                                                                 \
    "{{- '<|im_start|>assistant\\n' + ('<think>\\n\\n</think>\\n\\n' if loop.last else '') + c + '<|im_end|>\\n' }}"   \
    "{%- else %}{{- '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{%- endif %}{%- endfor %}"         \
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}"

static void the_assistants_tokens_are_told(void **state)
{
    (void)state;
    Error      error     = {0};
    Tokenizer *qwen      = tokenizer_open(PARITY "/tokenizers/qwen2-style", &error),
              *llama     = tokenizer_open(PARITY "/tokenizers/llama3-style", &error);
    ChatTemplate *chatml = chat_template_open(PARITY "/tokenizers/qwen2-style", NULL, &error),
                 *llama3 = chat_template_open(PARITY "/tokenizers/llama3-style", NULL, &error);
    assert_true(qwen != NULL && llama != NULL && chatml != NULL && llama3 != NULL);
    assert_masked(chatml, qwen, "[" USER("hi") "]", "");
    assert_masked(chatml, qwen, "[" USER("hi") "," ANSWER("yes, 12") "]", "[yes, 12<|im_end|>]");
    assert_masked(chatml, qwen, "[" USER("a") "," ANSWER("b c") "," USER("b c") "," ANSWER("b c") "]",
                  "[b c<|im_end|>][b c<|im_end|>]");
    assert_masked(chatml, qwen, "[" USER("a") "," ANSWER("") "," USER("") "," ANSWER("x\\n") "]",
                  "[<|im_end|>][x\n<|im_end|>]");
    assert_masked(chatml, qwen, "[" ANSWER("first") "," USER("a") "]", "[first<|im_end|>]");
    /* e + combining acute is composed; what follows must not be off by a byte. */
    assert_masked(chatml, qwen, "[" USER("e\xCC\x81 e\xCC\x81") "," ANSWER("e\xCC\x81n") "]", "[\xC3\xA9n<|im_end|>]");
    /* A marker inside of an answer is a token like that at its end. */
    assert_masked(chatml, qwen, "[" USER("a") "," ANSWER("b<|im_end|>c") "]", "[b<|im_end|>c<|im_end|>]");
    assert_masked(llama3, llama, "[" USER("hi") "," ANSWER("  spaces ") "," USER("x") "," ANSWER("y") "]",
                  "[spaces<|eot_id|>][y<|eot_id|>]");
    ChatTemplate *thinking = chat_fixture_template(THINKING, NULL);
    assert_masked(thinking, qwen, "[" USER("a") "," ANSWER("<think>b</think>\\nc") "," USER("d") "," ANSWER("e") "]",
                  "[c<|im_end|>][<think>\n\n</think>\n\ne<|im_end|>]");
    assert_int_equal(chat_end_token(thinking, qwen), tokenizer_token_id(qwen, "<|im_end|>"));
    chat_template_free(thinking);
    /* {% generation %} decides alone; a token that it only touches counts, as in transformers. */
    ChatTemplate *marked = chat_fixture_template(
        "{% for m in messages %}{{ m.role }}: {% generation %}{{ m.content }}{% endgeneration %}\n{% endfor %}", NULL);
    assert_masked(marked, qwen, "[" USER("hi ") "," ANSWER("no") "]", "[ hi a][ no]");
    chat_template_free(marked);
    /* Calls of functions belong to the turn. */
    ChatTemplate *calls = chat_fixture_template("{% for m in messages %}<|im_start|>{{ m.role }}:{{ m.content }}{{ "
                                                "m.tool_calls[0].name if m.tool_calls }}<|im_end|>;{% endfor %}"
                                                "{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}",
                                                NULL);
    assert_masked(
        calls, qwen,
        "[" USER("a") ",{\"role\":\"assistant\",\"content\":\"b\",\"tool_calls\":[{\"name\":\"f\"}]}," USER("c") "]",
        "[bf<|im_end|>]");
    /* Also where what comes later changes what stands before: thinking, in the last answer only. */
    ChatTemplate *both =
        chat_fixture_template("{% for m in messages %}<|im_start|>{{ m.role }}:{{ '<think>' if loop.last and "
                              "m.role == 'assistant' }}{{ m.content }}"
                              "{{ m.tool_calls[0].name if m.tool_calls }}<|im_end|>;{% endfor %}"
                              "{% if add_generation_prompt %}<|im_start|>assistant:{% endif %}",
                              NULL);
    assert_masked(both, qwen,
                  "[" USER("a") ",{\"role\":\"assistant\",\"content\":\"b\",\"tool_calls\":[{\"name\":\"f\"}]}," USER(
                      "c") "," ANSWER("d") "]",
                  "[bf<|im_end|>][<think>d<|im_end|>]");
    chat_template_free(both);
    chat_template_free(calls);
    assert_int_equal(chat_end_token(chatml, qwen), tokenizer_token_id(qwen, "<|im_end|>"));
    assert_int_equal(chat_end_token(llama3, llama), tokenizer_token_id(llama, "<|eot_id|>"));
    chat_template_free(chatml);
    chat_template_free(llama3);
    tokenizer_free(qwen);
    tokenizer_free(llama);
}

static void answers_that_cannot_be_told_are_errors(void **state)
{
    (void)state;
    Error         error    = {0};
    Tokenizer    *qwen     = tokenizer_open(PARITY "/tokenizers/qwen2-style", &error);
    ChatTemplate *hidden   = chat_fixture_template("{{ messages|length }} messages", NULL);
    cJSON        *messages = chat_fixture_json("[" USER("a") ",{\"role\":\"assistant\",\"content\":null}]");
    ChatTokens    tokens;
    assert_non_null(qwen);
    assert_int_equal(chat_encode_masked(hidden, qwen, messages, &(ChatOptions){0}, &tokens, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "messages[1]"));
    chat_tokens_free(&tokens);
    assert_int_equal(chat_end_token(hidden, qwen), -1);
    /* What refuses the mark that is put behind an answer. */
    ChatTemplate *strict = chat_fixture_template(
        "{% for m in messages %}{{ m.content if m.content == 'a' else raise_exception('no') }}{% endfor %}", NULL);
    assert_int_equal(chat_end_token(strict, qwen), -1);
    chat_template_free(strict);
    cJSON_Delete(messages);
    chat_template_free(hidden);
    tokenizer_free(qwen);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_assistants_tokens_are_told),
        cmocka_unit_test(answers_that_cannot_be_told_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
