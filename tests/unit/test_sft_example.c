/* A line of SFT data as tokens and labels: conversations against transformers' ids, with the labels told from the ids
 * alone; prompts and completions in each way; keys, limits, and what is said of bad lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "rlsp/train/sft_example.h"
#include "tests/support/fixture.h"

/* A model's tokenizer and template, and a phase that a test may change. */
typedef struct Setting {
    SftPhase      phase;
    Tokenizer    *tokenizer;
    ChatTemplate *chat;
    Error         no_chat;
    SftEncoder    encoder;
    SftExample    example;
    Record        record;
} Setting;

static Setting *open_setting(const char *directory)
{
    Setting *s     = calloc(1, sizeof *s);
    Error    error = {0};
    assert_non_null(s);
    s->phase     = (SftPhase){.prompt         = PROMPT_RAW,
                              .prompt_key     = "prompt",
                              .completion_key = "completion",
                              .messages_key   = "messages",
                              .text_key       = "text"};
    s->tokenizer = tokenizer_open(directory, &error);
    s->chat      = chat_template_open(directory, NULL, &s->no_chat);
    if (s->tokenizer == NULL) {
        fail_msg("%s", error.text);
    }
    s->encoder =
        (SftEncoder){&s->phase, s->tokenizer, s->chat, &s->no_chat, 7, 1000, tokenizer_vocab_size(s->tokenizer)};
    return s;
}

static void close_setting(Setting *s)
{
    sft_example_free(&s->example);
    record_free(&s->record);
    chat_template_free(s->chat);
    tokenizer_free(s->tokenizer);
    free(s);
}

static Status encode(Setting *s, const char *line, Error *error)
{
    const char *path = fixture_path(fixture_directory(), "line.jsonl");
    *error           = (Error){0};
    assert_int_equal(file_write_atomic(path, line, strlen(line), error), STATUS_OK);
    RecordFile *file   = record_file_open(path, error);
    Status      status = record_read(file, 0, &s->record, error);
    status             = status == STATUS_OK ? sft_encode(&s->encoder, &s->record, &s->example, error) : status;
    record_file_close(file);
    return status;
}

/* The text of the example, its targets in [ ]. */
static void assert_encoded(Setting *s, const char *line, const char *wanted)
{
    Error  error       = {0};
    char   found[2048] = "";
    size_t used        = 0;
    if (encode(s, line, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    const SftExample *e = &s->example;
    for (uint32_t i = 0; i < e->count; i++) {
        size_t      bytes = 0;
        const char *token = tokenizer_token_bytes(s->tokenizer, e->ids[i], &bytes);
        const bool  first = e->loss[i] && (i == 0 || !e->loss[i - 1]),
                   last   = e->loss[i] && (i + 1 == e->count || !e->loss[i + 1]);
        used += (size_t)snprintf(found + used, sizeof found - used, "%s%.*s%s", first ? "[" : "", (int)bytes,
                                 token != NULL ? token : "", last ? "]" : "");
    }
    assert_string_equal(found, wanted);
}

static void expect_bad(Setting *s, const char *line, const char *what)
{
    Error        error;
    const Status status = encode(s, line, &error);
    if (status != STATUS_BAD_INPUT || strstr(error.text, ".jsonl:1: ") == NULL || strstr(error.text, what) == NULL ||
        strchr(error.text, '\n') != NULL) {
        fail_msg("%s: status %d, \"%s\"; wanted \"%s\"", line, status, error.text, what);
    }
}

/* --- conversations */

static bool spells(const Setting *s, int32_t id, const char *text)
{
    size_t      bytes;
    const char *token = tokenizer_token_bytes(s->tokenizer, id, &bytes);
    return token != NULL && bytes == strlen(text) && memcmp(token, text, bytes) == 0;
}

/* What the ids alone tell: after a header that says "assistant", everything up to the token that ends the turn. Returns
 * how many turns there are, and how many targets. */
static uint32_t labels_by_ids(const Setting *s, const int32_t *ids, uint32_t count, const char *begin,
                              const char *end_of_header, const char *end, uint8_t *loss, uint32_t *targets)
{
    enum { OUTSIDE, HEADER, TURN } state = OUTSIDE;
    char     role[64]                    = "";
    uint32_t turns                       = 0;
    *targets                             = 0;
    for (uint32_t i = 0; i < count; i++) {
        loss[i] = state == TURN && strcmp(role, "assistant") == 0;
        *targets += loss[i];
        if (spells(s, ids[i], begin)) {
            state   = HEADER;
            role[0] = '\0';
        } else if (state == HEADER) {
            size_t      bytes;
            const char *token = tokenizer_token_bytes(s->tokenizer, ids[i], &bytes);
            if (strncmp(token, end_of_header, strlen(end_of_header)) ==
                0) { /* line breaks of the answer may be in it */
                state = TURN;
                turns += strcmp(role, "assistant") == 0;
                i += strcmp(end_of_header, "<|end_header_id|>") == 0; /* the blank line behind it */
                loss[i] = 0;
            } else {
                snprintf(role + strlen(role), sizeof role - strlen(role), "%.*s", (int)bytes, token);
            }
        } else if (spells(s, ids[i], end)) {
            state = OUTSIDE;
        }
    }
    return turns;
}

static void conversations_are_transformers(const char *directory, const char *begin, const char *end_of_header,
                                           const char *end)
{
    Setting    *s        = open_setting(directory);
    Error       error    = {0};
    RecordFile *file     = record_file_open(fixture_path(directory, "chat.jsonl"), &error);
    int         compared = 0, several = 0;
    assert_non_null(file);
    for (int way = 0; way < 3; way++) { /* all answers, the last, every token */
        s->phase.loss_on = way == 0 ? LOSS_ON_ANSWERS : way == 1 ? LOSS_ON_LAST : LOSS_ON_ALL;
        for (uint64_t i = 0; i < record_file_count(file); i++) {
            bool prompt = true;
            assert_int_equal(record_read(file, i, &s->record, &error), STATUS_OK);
            assert_int_equal(json_get_bool(&s->record.object, "add_generation_prompt", JSON_REQUIRED, &prompt, &error),
                             STATUS_OK);
            if (prompt) {
                continue;
            }
            /* The line has "ids", too: the format says what it is to be. */
            s->phase.format     = SFT_FORMAT_MESSAGES;
            Error        own    = {0};
            const Status status = sft_encode(&s->encoder, &s->record, &s->example, &own);
            const cJSON *wanted;
            assert_int_equal(record_get_array(&s->record, "ids", JSON_REQUIRED, &wanted, &error), STATUS_OK);
            const uint32_t count = (uint32_t)cJSON_GetArraySize(wanted);
            int32_t       *ids   = malloc((count + 1) * sizeof *ids);
            uint8_t       *loss  = calloc(count + 1, 1);
            uint32_t       at = 0, targets = 0;
            for (const cJSON *id = wanted->child; id != NULL; id = id->next) {
                ids[at++] = id->valueint;
            }
            const uint32_t turns = labels_by_ids(s, ids, count, begin, end_of_header, end, loss, &targets);
            if (turns == 0 && way < 2) {
                assert_int_equal(status, STATUS_BAD_INPUT);
                assert_non_null(strstr(own.text, "no turn of the assistant"));
            } else {
                if (status != STATUS_OK) {
                    fail_msg("%s", own.text);
                }
                if (way == 1) {
                    uint32_t last = count;
                    while (last > 0 && !loss[last - 1]) {
                        last--;
                    }
                    uint32_t first = last;
                    while (first > 0 && loss[first - 1]) {
                        first--;
                    }
                    several += memchr(loss, 1, first) != NULL;
                    memset(loss, 0, first);
                }
                if (way == 2) {
                    memset(loss, 1, count);
                    loss[0] = 0;
                }
                assert_int_equal(s->example.count, count);
                assert_memory_equal(s->example.ids, ids, count * sizeof *ids);
                assert_memory_equal(s->example.loss, loss, count);
                compared++;
            }
            free(ids);
            free(loss);
        }
    }
    assert_true(compared >= 22 && several >= 2);
    record_file_close(file);
    close_setting(s);
}

static void chatml_is_transformers(void **state)
{
    (void)state;
    conversations_are_transformers(TEST_DATA "/parity/tokenizers/qwen2-style", "<|im_start|>", "\n", "<|im_end|>");
}

static void llama3_is_transformers(void **state)
{
    (void)state;
    conversations_are_transformers(TEST_DATA "/parity/tokenizers/llama3-style", "<|start_header_id|>",
                                   "<|end_header_id|>", "<|eot_id|>");
}

#define USER(text)   "{\"role\":\"user\",\"content\":\"" text "\"}"
#define ANSWER(text) "{\"role\":\"assistant\",\"content\":\"" text "\"}"
#define SYSTEM(text) "{\"role\":\"system\",\"content\":\"" text "\"}"

static void systems_and_keys_are_the_phases(void **state)
{
    (void)state;
    Setting *s = open_setting(TEST_DATA "/parity/models/tiny-qwen2");
    strcpy(s->phase.system, "Be brief.");
    strcpy(s->phase.messages_key, "data.talk");
    assert_encoded(s, "{\"data\":{\"talk\":[" USER("a") "," ANSWER("b") "]}}",
                   "<|im_start|>system\nBe "
                   "brief.<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[b<|im_end|>]\n");
    assert_encoded(
        s, "{\"data\":{\"talk\":[" SYSTEM("Mine.") "," USER("a") "," ANSWER("b") "]}}",
        "<|im_start|>system\nMine.<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n[b<|im_end|>]\n");
    s->phase.loss_on = LOSS_ON_LAST;
    assert_encoded(
        s, "{\"data\":{\"talk\":[" SYSTEM("x") "," USER("a") "," ANSWER("b") "," USER("c") "," ANSWER("d") "]}}",
        "<|im_start|>system\nx<|im_end|>\n<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\nb<|im_end|>\n<|im_"
        "start|>user\nc<|im_end|>\n"
        "<|im_start|>assistant\n[d<|im_end|>]\n");
    close_setting(s);
}

/* The authors' SFT: key "problem", the completion under "qwq", "Problem: " before the problem. */
static void pairs_go_through_the_template(void **state)
{
    (void)state;
    Setting *s = open_setting(TEST_DATA "/parity/models/tiny-llama");
    strcpy(s->phase.prompt_key, "problem");
    strcpy(s->phase.completion_key, "qwq");
    strcpy(s->phase.prefix, "Problem: ");
    s->phase.prompt = PROMPT_CHAT;
    assert_encoded(s, "{\"problem\":\"2 + 2?\",\"qwq\":\"Hm, 4.\"}",
                   "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nProblem: 2 + "
                   "2?<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
                   "[Hm, 4.<|eot_id|>]");
    s->phase.loss_on = LOSS_ON_ALL;
    assert_encoded(s, "{\"problem\":\"2\",\"qwq\":4}",
                   "<|begin_of_text|>[<|start_header_id|>user<|end_header_id|>\n\nProblem: "
                   "2<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n4<|eot_id|>]");
    s->phase.loss_on = LOSS_ON_ANSWERS;
    s->phase.prompt  = PROMPT_RAW;
    strcpy(s->phase.suffix, "\n");
    s->encoder.eos = tokenizer_token_id(s->tokenizer, "<|eot_id|>");
    assert_encoded(s, "{\"problem\":\"2 + 2?\",\"qwq\":\"4\"}", "<|begin_of_text|>Problem: 2 + 2?\n[4<|eot_id|>]");
    /* Conversations as prompt and completion: only the completion's turns are learnt. */
    assert_encoded(s,
                   "{\"problem\":[" USER("a") "," ANSWER("b") "," USER("c") "],\"qwq\":[" ANSWER("d") "," USER(
                       "e") "," ANSWER("f") "]}",
                   "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\na<|eot_id|><|start_header_id|>"
                   "assistant<|end_header_id|>\n\nb<|eot_id|>"
                   "<|start_header_id|>user<|end_header_id|>\n\nc<|eot_id|><|start_header_id|>assistant<|end_header_id|"
                   ">\n\n[d<|eot_id|>]"
                   "<|start_header_id|>user<|end_header_id|>\n\ne<|eot_id|><|start_header_id|>assistant<|end_header_id|"
                   ">\n\n[f<|eot_id|>]");
    expect_bad(s, "{\"problem\":[" USER("a") "],\"qwq\":[" USER("b") "]}", "'qwq' has no turn of the assistant");
    close_setting(s);
}

static void limits_leave_out_or_cut(void **state)
{
    (void)state;
    Setting    *s    = open_setting(TEST_DATA "/parity/models/tiny-qwen2");
    const char *line = "{\"ids\":[1,2,3,4,5,6],\"labels\":[-100,-100,-100,4,5,6]}";
    Error       error;
    s->phase.max_length = 5;
    assert_int_equal(encode(s, line, &error), STATUS_OK);
    assert_int_equal(s->example.fit, SFT_TOO_LONG);
    s->phase.too_long = TOO_LONG_CUT;
    assert_int_equal(encode(s, line, &error), STATUS_OK);
    assert_int_equal(s->example.fit, SFT_FITS);
    assert_true(s->example.cut);
    assert_int_equal(s->example.count, 5);
    assert_int_equal(s->example.targets, 2);
    s->phase.max_length = 3; /* cut before the answer */
    assert_int_equal(encode(s, line, &error), STATUS_OK);
    assert_int_equal(s->example.fit, SFT_NO_TARGET);
    s->phase.max_length = 6;
    assert_int_equal(encode(s, line, &error), STATUS_OK);
    assert_int_equal(s->example.fit, SFT_FITS);
    assert_false(s->example.cut);
    assert_int_equal(encode(s, "{\"ids\":[1],\"labels\":[1]}", &error), STATUS_OK);
    assert_int_equal(s->example.fit, SFT_TOO_SHORT);
    s->phase.max_length = 0;
    s->encoder.context  = 5;
    expect_bad(s, line, "6 tokens, more than the model's context of 5");
    s->phase.max_length = 100; /* the context limits, too */
    assert_int_equal(encode(s, line, &error), STATUS_OK);
    assert_int_equal(s->example.count, 5);
    close_setting(s);
}

static void bad_conversations_are_said(void **state)
{
    (void)state;
    Setting *s = open_setting(TEST_DATA "/parity/models/tiny-qwen2");
    expect_bad(s, "{\"messages\":[]}", "'messages' is empty");
    expect_bad(s, "{\"messages\":\"hi\"}", "found a string, wanted an array");
    expect_bad(s, "{\"messages\":[" USER("a") "]}", "no turn of the assistant");
    expect_bad(s, "{\"messages\":[7]}", "messages[0] has no \"role\"");
    expect_bad(s, "{\"messages\":[" USER("a") ",{\"role\":\"assistant\"}]}", "messages[1] has no \"content\"");
    expect_bad(s, "{\"messages\":[" USER("a") ",{\"role\":\"assistant\",\"content\":7}]}",
               "messages[1] has no \"content\"");
    expect_bad(s, "{\"messages\":[{\"from\":\"human\",\"value\":\"a\"}]}", "rlsp data convert");
    expect_bad(s, "{\"prompt\":\"a\",\"completion\":\"\"}", "'completion' is empty");
    s->phase.format = SFT_FORMAT_TEXT;
    expect_bad(s, "{\"prompt\":\"a\",\"completion\":\"b\"}", "no key 'text'; the line has 'prompt', 'completion'");
    s->phase.format = SFT_FORMAT_AUTO;
    s->encoder.chat = NULL;
    error_set(&s->no_chat, STATUS_BAD_INPUT, "there is no template");
    expect_bad(s, "{\"messages\":[" USER("a") "," ANSWER("b") "]}", "there is no template");
    close_setting(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chatml_is_transformers),          cmocka_unit_test(llama3_is_transformers),
        cmocka_unit_test(systems_and_keys_are_the_phases), cmocka_unit_test(pairs_go_through_the_template),
        cmocka_unit_test(limits_leave_out_or_cut),         cmocka_unit_test(bad_conversations_are_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
