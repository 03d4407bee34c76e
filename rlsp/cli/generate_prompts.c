/* What rlsp generate continues (generate_parts.h). */
#include <stdlib.h>
#include <string.h>

#include "rlsp/cli/conversation.h"
#include "rlsp/cli/generate_parts.h"
#include "rlsp/cli/input_lines.h"

/* The model's own end tokens, and in a conversation what ends the assistant's turn. */
static Status prepare_stops(Generation *g, Error *error)
{
    if (g->options.chat) {
        g->chat       = chat_template_open(g->options.model.directory, g->options.chat_template, error);
        Status status = g->chat != NULL ? STATUS_OK : error->status;
        for (int i = 0; i < g->options.chat_set.count && status == STATUS_OK; i++) {
            status = chat_template_set(g->chat, g->options.chat_set.items[i], "--chat-set", error);
        }
        if (status != STATUS_OK) {
            return status;
        }
        stop_tokens_add(&g->stops, chat_end_token(g->chat, g->tokenizer), g->config.vocab_size);
    }
    stop_tokens_add_model(&g->stops, &g->config);
    return STATUS_OK;
}

Status generation_prepare(Generation *g, Error *error)
{
    if (!g->options.ids) {
        g->tokenizer = tokenizer_open(g->options.model.directory, error);
        if (g->tokenizer == NULL) {
            return error->status;
        }
    }
    g->printer.tokenizer = g->tokenizer;
    return prepare_stops(g, error);
}

/* The prompt's tokens, as often as samples are wanted. */
static Status encode_prompt(Generation *g, Error *error)
{
    const uint32_t context = g->config.max_positions;
    char          *text    = NULL;
    size_t         bytes = 0, count = 0;
    int32_t       *ids    = NULL;
    Status         status = STATUS_OK;
    if (g->options.prompt == NULL) { /* as it is: a final newline belongs to many prompts */
        status = input_read_all(stdin, "stdin", &text, &bytes, error);
    }
    const char  *prompt = text != NULL ? text : g->options.prompt;
    const size_t length = text != NULL ? bytes : strlen(g->options.prompt != NULL ? g->options.prompt : "");
    if (status == STATUS_OK && g->options.chat) {
        status = conversation_encode_prompt(g->chat, g->tokenizer, g->options.system, prompt, &ids, &count, error);
    } else if (status == STATUS_OK) {
        status = tokenizer_encode(g->tokenizer, prompt, length, true, &ids, &count, error);
    }
    if (status == STATUS_OK && (count == 0 || count >= context)) {
        status =
            error_set(error, STATUS_BAD_INPUT, "the prompt has %zu tokens; the model's context of %u takes 1 to %u",
                      count, context, context - 1);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if ((uint32_t)ids[i] >= g->config.vocab_size) {
            status = error_set(
                error, STATUS_BAD_INPUT,
                "%s: the tokenizer's id %d is outside the model's vocabulary of %u; they do not belong together",
                g->options.model.directory, ids[i], g->config.vocab_size);
        }
    }
    for (int64_t n = 0; n < g->options.samples && status == STATUS_OK; n++) {
        status = token_lines_add(&g->prompts, ids, count, error);
    }
    free(ids);
    free(text);
    return status;
}

/* Every line as often as samples are wanted, copies side by side. */
static Status read_ids(Generation *g, Error *error)
{
    TokenLines lines;
    Status status = token_lines_read(&lines, stdin, "stdin", g->config.vocab_size, g->config.max_positions - 1, error);
    for (uint32_t i = 0; i < lines.count && status == STATUS_OK; i++) {
        for (int64_t n = 0; n < g->options.samples && status == STATUS_OK; n++) {
            status =
                token_lines_add(&g->prompts, lines.ids + lines.starts[i], lines.starts[i + 1] - lines.starts[i], error);
        }
    }
    token_lines_free(&lines);
    return status;
}

Status generation_read_prompts(Generation *g, Error *error)
{
    return g->options.ids ? read_ids(g, error) : encode_prompt(g, error);
}
