/* A conversation with a model: `rlsp generate --chat`.
 *
 * Each line of stdin is a user's message; the answer is streamed to stdout and stays in
 * the conversation. In a terminal Ctrl-C ends an answer (what there is of it stays), or
 * empties the line; Ctrl-D leaves; "/new" begins again. What is not an answer goes to
 * stderr.
 */
#ifndef RLSP_CLI_CONVERSATION_H
#define RLSP_CLI_CONVERSATION_H

#include <cjson/cJSON.h>

#include "engine/model/decode.h"
#include "engine/text/chat_template.h"
#include "rlsp/cli/args.h"

typedef struct ConversationSetup {
    Gpu                *gpu;
    const Model        *model;
    const ModelConfig  *config;
    const Tokenizer    *tokenizer;
    const ChatTemplate *chat;
    const char         *system; /* NULL: none                   */
    const int32_t      *stops;
    uint32_t            stop_count;
    uint32_t            max_new; /* tokens of an answer at most */
    ComputeType         cache;   /* of keys and values (DecodeLimits) */
    SampleOptions       sample;
} ConversationSetup;

/* Talks until stdin ends. */
Status conversation_run(const ConversationSetup *setup, Error *error);

/* The tokens of a single message with what comes before its answer. */
Status conversation_encode_prompt(const ChatTemplate *chat, const Tokenizer *tokenizer, const char *system,
                                  const char *prompt, int32_t **ids, size_t *count, Error *error);

#endif
