/* Private to rlsp/cli/generate*.c: what one run of the command holds. */
#ifndef RLSP_CLI_GENERATE_PARTS_H
#define RLSP_CLI_GENERATE_PARTS_H

#include "engine/model/decode.h"
#include "engine/text/chat_template.h"
#include "rlsp/cli/args.h"
#include "rlsp/cli/model.h"
#include "rlsp/cli/token_lines.h"
#include "rlsp/cli/token_printer.h"
#include "rlsp/run/json_line.h"

typedef struct GenerateOptions {
    CliModel    model;
    const char *prompt, *chat_template, *system;
    ArgsList    chat_set;
    double      temperature, top_p, min_p;
    int64_t     top_k, max_new, seed, samples, slots;
    bool        ids, chat, ignore_eos, json;
    int         cache; /* ComputeType of keys and values */
} GenerateOptions;

typedef struct Generation {
    GenerateOptions options;
    ModelConfig     config;
    Gpu            *gpu;
    Model          *model;
    Tokenizer      *tokenizer;
    TokenLines      prompts; /* each as often as samples are wanted */
    Decoder        *decoder;
    int32_t        *tokens; /* streaming: room for a completion   */
    TokenPrinter    printer;
    ChatTemplate   *chat; /* --chat */
    StopTokens      stops;
    JsonLine        line;
} Generation;

/* Opens the tokenizer and the chat template, and notes what ends a completion. */
Status generation_prepare(Generation *generation, Error *error);

/* Brings the prompts of --prompt or stdin into generation->prompts. */
Status generation_read_prompts(Generation *generation, Error *error);

SampleOptions generation_sampling(const GenerateOptions *options);

/* Decodes and prints all of them; one text alone as it comes. */
Status generation_run(Generation *generation, Error *error);

#endif
