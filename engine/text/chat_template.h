/* Chat templates: how a model wants a conversation written out.
 *
 *     ChatTemplate *chat = chat_template_open("model_dir", NULL, &error);
 *     chat_encode(chat, tokenizer, messages, &(ChatOptions){.add_generation_prompt = true}, &ids, &count, &error);
 *     chat_template_free(chat);
 *
 * `messages` is a JSON array of {"role": …, "content": …}, as transformers takes it. The
 * model's own template is run (jinja.h), with the same text as transformers'
 * apply_chat_template for every template that runs at all: ChatML as Qwen2, 2.5 and 3
 * have it, Llama 3, 3.1 and 3.2, and most others. What cannot be run is an error.
 */
#ifndef ENGINE_TEXT_CHAT_TEMPLATE_H
#define ENGINE_TEXT_CHAT_TEMPLATE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"
#include "engine/text/tokenizer.h"

typedef struct ChatTemplate ChatTemplate;

/* Opens the template of a model directory, as transformers finds it: chat_template.jinja; else
 * "chat_template" of tokenizer_config.json, a string or a list of named ones, of which "default" counts.
 * `given`, if not NULL, is used instead: "chatml", "llama3" (without a system prompt of their own), or a
 * file with a template. Special tokens (bos_token, …) are those of tokenizer_config.json either way.
 * NULL with *error set; STATUS_BAD_INPUT if there is no template, or none that can be run: the error says
 * how to give one. */
ChatTemplate *chat_template_open(const char *directory, const char *given, Error *error);

/* The text of that template, malloc'ed, with a NUL after its `bytes` bytes, whether or not it can be run here; *text is
 * NULL if there is none. */
Status chat_template_read(const char *directory, char **text, size_t *bytes, Error *error);

/* The same as chat_template_open from texts: a template, and the text of a tokenizer_config.json (NULL: no special
 * tokens), whose own template is not looked at. */
ChatTemplate *chat_template_parse(const char *text, size_t bytes, const char *name, const cJSON *tokenizer_config,
                                  Error *error);

/* Sets a variable for every conversation that is written out from now on: "enable_thinking=false"; a value that is no
 * JSON is a text. ChatOptions' own variables win. `source` is what the error says where `word` is no name=value. */
Status chat_template_set(ChatTemplate *chat, const char *word, const char *source, Error *error);

void chat_template_free(ChatTemplate *chat); /* NULL is allowed */

/* `now` for training and evaluation, so that a template that tells the date gives the same tokens on every day: the
 * date that Llama 3's own templates fall back to, 26 July 2024. */
#define CHAT_FIXED_DATE INT64_C(1721952000)

typedef struct ChatOptions {
    bool         add_generation_prompt; /* end with what comes before an answer                     */
    const cJSON *tools;                 /* descriptions of functions, an array; NULL: none          */
    const cJSON *variables;             /* more for the template: {"enable_thinking": false}; NULL  */
    int64_t      now;                   /* seconds since 1970, for templates that tell the date; 0: now */
} ChatOptions;

/* Writes the conversation out: malloc'ed, with a NUL after its `bytes` bytes. STATUS_BAD_INPUT: messages that
 * are none, or that the template refuses. */
Status chat_render(const ChatTemplate *chat, const cJSON *messages, const ChatOptions *options, char **text,
                   size_t *bytes, Error *error);

/* Its tokens, malloc'ed. The template alone says where <bos> is: the tokenizer adds none. */
Status chat_encode(const ChatTemplate *chat, const Tokenizer *tokenizer, const cJSON *messages,
                   const ChatOptions *options, int32_t **ids, size_t *count, Error *error);

/* A conversation to learn from. */
typedef struct ChatTokens {
    int32_t *ids;       /* [count], as chat_encode gives them                                            */
    bool    *assistant; /* [count] whether the assistant is to write this token: its answers and the token
                           that ends each (<|im_end|>), but not the header before them                   */
    size_t count;
} ChatTokens;

/* Encodes all messages and finds the assistant's tokens: those of {% generation %} blocks if the template has
 * any, else everything between what the template writes before an answer and the end of its turn.
 * STATUS_BAD_INPUT also if that cannot be told for sure. chat_tokens_free frees in every case. */
Status chat_encode_masked(const ChatTemplate *chat, const Tokenizer *tokenizer, const cJSON *messages,
                          const ChatOptions *options, ChatTokens *tokens, Error *error);
void   chat_tokens_free(ChatTokens *tokens);

/* The token that ends an assistant's turn, which generation stops at; -1 if the template has none. */
int32_t chat_end_token(const ChatTemplate *chat, const Tokenizer *tokenizer);

#endif
