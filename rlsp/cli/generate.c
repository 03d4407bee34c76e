/* rlsp generate: a model's continuations of a text, or of token ids in bulk. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/model/decode.h"
#include "engine/io/json.h"
#include "engine/text/chat_template.h"
#include "engine/text/tokenizer.h"
#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/device.h"
#include "rlsp/cli/conversation.h"
#include "rlsp/cli/input_lines.h"
#include "rlsp/cli/token_lines.h"
#include "rlsp/cli/token_printer.h"
#include "rlsp/run/config.h"
#include "rlsp/run/json_line.h"

enum { STREAM_STEPS = 4, REQUESTS_AT_ONCE = 1024 };

typedef struct Options {
    const char *model, *adapter, *prompt, *device;
    double      temperature, top_p, min_p;
    int64_t     top_k, max_new, seed, samples, slots;
    bool        ids, chat, ignore_eos, json, validate;
    const char *chat_template, *system;
    ArgsList    chat_set;
    int         weights; /* WeightFormat */
    int         compute, cache; /* ComputeType: of products, of keys and values */
    int         kernels; /* RunKernels */
} Options;

/* One run of the command. */
typedef struct Generation {
    Options     options;
    ModelConfig config;
    Gpu        *gpu;
    Model      *model;
    Tokenizer  *tokenizer;
    TokenLines  prompts; /* each as often as samples are wanted */
    Decoder    *decoder;
    int32_t    *tokens;  /* streaming: room for a completion   */
    TokenPrinter printer;
    ChatTemplate *chat;     /* --chat */
    StopTokens  stops;
    JsonLine    line;
} Generation;

/* --- streaming --------------------------------------------------------------------- */

/* After every few tokens, if the text is streamed; ends when nobody reads any more. */
static bool stream_progress(void *user, uint32_t active)
{
    Generation *g = user;
    uint32_t    count = 0;
    Error       error = {0};
    (void)active;
    if (decoder_peek(g->decoder, 0, g->tokens, &count, &error) == STATUS_OK) {
        token_printer_show(&g->printer, g->tokens, count, &error);
    }
    return error.status != STATUS_OK || ferror(stdout);
}

/* --- prompts ------------------------------------------------------------------------- */

/* The prompt's tokens, as often as samples are wanted. */
static Status encode_prompt(Generation *g, Error *error)
{
    const uint32_t context = g->config.max_positions;
    char          *text = NULL;
    size_t         bytes = 0, count = 0;
    int32_t       *ids = NULL;
    Status         status = STATUS_OK;
    if (g->options.prompt == NULL) {
        status = input_read_all(stdin, "stdin", &text, &bytes, error); /* as it is: a final newline belongs to many prompts */
    }
    const char  *prompt = text != NULL ? text : g->options.prompt;
    const size_t length = text != NULL ? bytes : strlen(g->options.prompt != NULL ? g->options.prompt : "");
    if (status == STATUS_OK && g->options.chat) {
        status = conversation_encode_prompt(g->chat, g->tokenizer, g->options.system, prompt, &ids, &count, error);
    } else if (status == STATUS_OK) {
        status = tokenizer_encode(g->tokenizer, prompt, length, true, &ids, &count, error);
    }
    if (status == STATUS_OK && (count == 0 || count >= context)) {
        status = error_set(error, STATUS_BAD_INPUT, "the prompt has %zu tokens; the model's context of %u takes 1 to %u", count,
                           context, context - 1);
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        if ((uint32_t)ids[i] >= g->config.vocab_size) {
            status = error_set(error, STATUS_BAD_INPUT, "%s: the tokenizer's id %d is outside the model's vocabulary of %u; they do not belong together",
                               g->options.model, ids[i], g->config.vocab_size);
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
    Status     status = token_lines_read(&lines, stdin, "stdin", g->config.vocab_size, g->config.max_positions - 1, error);
    for (uint32_t i = 0; i < lines.count && status == STATUS_OK; i++) {
        for (int64_t n = 0; n < g->options.samples && status == STATUS_OK; n++) {
            status = token_lines_add(&g->prompts, lines.ids + lines.starts[i], lines.starts[i + 1] - lines.starts[i], error);
        }
    }
    token_lines_free(&lines);
    return status;
}

/* --- results ------------------------------------------------------------------------- */

static Status print_json(Generation *g, const DecodeOutput *output, uint32_t r, Error *error)
{
    const int32_t *tokens = output->tokens + (size_t)r * output->max_new;
    const uint32_t count = output->lengths[r];
    json_line_clear(&g->line);
    json_line_begin(&g->line, '{');
    if (!g->options.ids) {
        char  *text;
        size_t bytes;
        if (tokenizer_decode(g->tokenizer, tokens, count, true, &text, &bytes, error) != STATUS_OK) {
            return error->status;
        }
        json_line_key(&g->line, "text");
        json_line_string(&g->line, text, bytes);
        free(text);
    }
    json_line_key(&g->line, "ids");
    json_line_begin(&g->line, '[');
    for (uint32_t i = 0; i < count; i++) {
        json_line_number(&g->line, tokens[i]);
    }
    json_line_end(&g->line, ']');
    if (!g->options.ids || g->options.json) {
        json_line_key(&g->line, "logprobs");
        json_line_begin(&g->line, '[');
        for (uint32_t i = 0; i < count; i++) {
            json_line_number(&g->line, (double)output->logprobs[(size_t)r * output->max_new + i]);
        }
        json_line_end(&g->line, ']');
        json_line_key(&g->line, "stopped");
        json_line_bool(&g->line, output->stopped[r] != 0);
    }
    json_line_end(&g->line, '}');
    const char *text = json_line_finish(&g->line);
    if (text == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    fwrite(text, 1, g->line.size, stdout);
    return STATUS_OK;
}

static Status print_results(Generation *g, const DecodeOutput *output, uint32_t first, uint32_t count, bool streamed, Error *error)
{
    Status status = STATUS_OK;
    for (uint32_t r = 0; r < count && status == STATUS_OK; r++) {
        if (g->options.ids || g->options.json) {
            status = print_json(g, output, r, error);
            continue;
        }
        if (!streamed) {
            printf("%s--- %u of %u ---\n", first + r > 0 ? "\n" : "", first + r + 1, g->prompts.count);
        }
        status = token_printer_show(&g->printer, output->tokens + (size_t)r * output->max_new, output->lengths[r], error);
        status = status == STATUS_OK ? token_printer_end(&g->printer, error) : status;
        putchar('\n');
    }
    return status;
}

/* --- generating ------------------------------------------------------------------------ */

static SampleOptions sample_options(const Options *o)
{
    return (SampleOptions){.temperature = (float)o->temperature,
                           .top_k = (uint32_t)o->top_k,
                           .top_p = (float)o->top_p,
                           .min_p = (float)o->min_p,
                           .seed = (uint64_t)o->seed};
}

/* Requests [first, first + count). */
static Status generate_some(Generation *g, uint32_t first, uint32_t count, bool streamed, Error *error)
{
    uint32_t          *numbers = malloc(2 * ((size_t)count + 1) * sizeof *numbers), *starts = numbers + count + 1;
    if (numbers == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    for (uint32_t r = 0; r <= count; r++) {
        numbers[r] = first + r; /* the random stream: by its place in the input */
        starts[r] = g->prompts.starts[first + r] - g->prompts.starts[first];
    }
    const DecodeInput input = {.prompts = g->prompts.ids + g->prompts.starts[first],
                               .prompt_starts = starts,
                               .sequence = numbers,
                               .requests = count,
                               .stop_ids = g->stops.ids,
                               .stop_count = g->stops.count,
                               .ignore_stop = g->options.ignore_eos,
                               .sample = sample_options(&g->options),
                               .progress = streamed ? stream_progress : NULL,
                               .user = g};
    DecodeOutput      output;
    Status            status = decoder_run(g->decoder, g->model, &input, &output, error);
    if (status == STATUS_OK) {
        status = print_results(g, &output, first, count, streamed, error);
    }
    free(numbers);
    return status;
}

static Status generate_all(Generation *g, Error *error)
{
    const uint32_t context = g->config.max_positions, count = g->prompts.count;
    const uint32_t at_once = count < REQUESTS_AT_ONCE ? count : REQUESTS_AT_ONCE;
    const bool     streamed = !g->options.ids && !g->options.json && count == 1;
    const uint32_t room = context - g->prompts.longest;
    uint32_t       prompt_tokens = 0, max_new = (uint32_t)g->options.max_new;
    for (uint32_t first = 0; first < count; first += at_once) {
        const uint32_t end = count - first < at_once ? count : first + at_once;
        const uint32_t tokens = g->prompts.starts[end] - g->prompts.starts[first];
        prompt_tokens = tokens > prompt_tokens ? tokens : prompt_tokens;
    }
    max_new = max_new < context ? max_new : context;
    const DecodeLimits limits = {.slots = (uint32_t)g->options.slots,
                                 .max_length = max_new <= room ? g->prompts.longest + max_new : context,
                                 .max_requests = at_once,
                                 .max_prompt_tokens = prompt_tokens,
                                 .max_new = max_new,
                                 .steps_per_submit = streamed ? STREAM_STEPS : 0,
                                 .lora_rank = model_lora_rank(g->model),
                                 .cache = (ComputeType)g->options.cache,
                                 .few_rows = true};
    g->decoder = decoder_new(g->gpu, &g->config, &limits, error);
    g->tokens = malloc((size_t)max_new * sizeof *g->tokens);
    if (g->decoder == NULL || g->tokens == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    Status status = STATUS_OK;
    for (uint32_t first = 0; first < count && status == STATUS_OK && !ferror(stdout); first += at_once) {
        status = generate_some(g, first, count - first < at_once ? count - first : at_once, streamed, error);
    }
    if (status == STATUS_OK && gpu_validation_count(g->gpu) > 0) {
        status = error_set(error, STATUS_FAILED, "validation: %s", gpu_validation_first(g->gpu));
    }
    return status;
}

/* The model's own end tokens, and in a conversation what ends the assistant's turn. */
static Status prepare_stops(Generation *g, Error *error)
{
    if (g->options.chat) {
        g->chat = chat_template_open(g->options.model, g->options.chat_template, error);
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

static Status converse(Generation *g, Error *error)
{
    const ConversationSetup setup = {.gpu = g->gpu,
                                     .model = g->model,
                                     .config = &g->config,
                                     .tokenizer = g->tokenizer,
                                     .chat = g->chat,
                                     .system = g->options.system,
                                     .stops = g->stops.ids,
                                     .stop_count = g->options.ignore_eos ? 0 : g->stops.count,
                                     .max_new = (uint32_t)g->options.max_new,
                                     .cache = (ComputeType)g->options.cache,
                                     .sample = sample_options(&g->options)};
    return conversation_run(&setup, error);
}

static Status generate(Generation *g, Error *error)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/config.json", g->options.model);
    Status status = model_check_directory(g->options.model, error);
    status = status == STATUS_OK ? model_config_read(&g->config, path, error) : status;
    if (status == STATUS_OK && !g->options.ids) {
        g->tokenizer = tokenizer_open(g->options.model, error);
        status = error->status;
    }
    const bool conversation = g->options.chat && g->options.prompt == NULL;
    g->printer.tokenizer = g->tokenizer;
    status = status == STATUS_OK ? prepare_stops(g, error) : status;
    if (status == STATUS_OK && !conversation) { /* bad input is told before a device is started */
        status = g->options.ids ? read_ids(g, error) : encode_prompt(g, error);
    }
    if (status == STATUS_OK && (conversation || g->prompts.count > 0)) {
        g->gpu = cli_open_device(&(CliDevice){.command = "generate", .options = {.select = g->options.device, .validate = g->options.validate}, .kernels = g->options.kernels, .compute = (ComputeType)g->options.compute}, error);
        cli_say_loading("generate", g->options.model);
        g->model = g->gpu != NULL ? model_load_adapted(g->gpu, g->options.model, g->options.adapter, (WeightFormat)g->options.weights, error) : NULL;
        status = g->model != NULL ? model_set_compute(g->model, (ComputeType)g->options.compute, error) : error->status;
        g->config.compute = (ComputeType)g->options.compute;
        status = status != STATUS_OK ? status : conversation ? converse(g, error) : generate_all(g, error);
    }
    return status;
}

static void generation_free(Generation *g)
{
    decoder_free(g->decoder);
    model_free(g->model);
    gpu_close(g->gpu);
    tokenizer_free(g->tokenizer);
    token_lines_free(&g->prompts);
    json_line_free(&g->line);
    free(g->tokens);
    token_printer_free(&g->printer);
    chat_template_free(g->chat);
}

int cli_generate(int argc, char **argv)
{
    Generation       g = {.options = {.temperature = 1, .max_new = 256, .samples = 1, .weights = WEIGHTS_AS_STORED}};
    Options         *o = &g.options;
    const ArgsOption options[] = {
        {.name = "model", .type = ARGS_TEXT, .value = &o->model, .placeholder = "DIR", .help = "a Hugging Face model directory", .required = true},
        {.name = "adapter", .type = ARGS_TEXT, .value = &o->adapter, .placeholder = "DIR", .help = "a PEFT adapter (LoRA) of that model"},
        {.name = "weights", .type = ARGS_CHOICE, .value = &o->weights, .placeholder = "W", .help = CLI_WEIGHTS_HELP, .choices = weights_names},
        {.name = "precision", .type = ARGS_CHOICE, .value = &o->compute, .placeholder = "P", .help = CLI_PRECISION_HELP, .choices = compute_type_names},
        {.name = "kv-cache", .type = ARGS_CHOICE, .value = &o->cache, .placeholder = "T", .help = CLI_KV_CACHE_HELP, .choices = compute_type_names},
        {.name = "prompt", .type = ARGS_TEXT, .value = &o->prompt, .placeholder = "S", .help = "the text to continue; else stdin, byte for byte"},
        {.name = "ids", .type = ARGS_FLAG, .value = &o->ids, .help = "token ids: a line {\"ids\": […]} in, the new ones out"},
        {.name = "chat", .type = ARGS_FLAG, .value = &o->chat, .help = "a conversation: the prompt is a user's message; without --prompt one line each, Ctrl-D ends"},
        {.name = "system", .type = ARGS_TEXT, .value = &o->system, .placeholder = "S", .help = "--chat: a system prompt"},
        {.name = "chat-template", .type = ARGS_TEXT, .value = &o->chat_template, .placeholder = "T", .help = "--chat: chatml, llama3, or a Jinja file, instead of the model's own"},
        {.name = "chat-set", .type = ARGS_LIST, .value = &o->chat_set, .placeholder = "K=V", .help = "--chat: a variable of the template, as enable_thinking=false"},
        {.name = "temperature", .type = ARGS_REAL, .value = &o->temperature, .placeholder = "X", .help = "1: as the model says; 0: greedy", .min = 0, .max = 100},
        {.name = "top-k", .type = ARGS_INTEGER, .value = &o->top_k, .placeholder = "K", .help = "the K most likely tokens only; 0: off", .min = 0, .max = INT32_MAX},
        {.name = "top-p", .type = ARGS_REAL, .value = &o->top_p, .placeholder = "P", .help = "the most likely tokens that reach P; 0: off", .min = 0, .max = 1},
        {.name = "min-p", .type = ARGS_REAL, .value = &o->min_p, .placeholder = "P", .help = "no token below P times the likeliest; 0: off", .min = 0, .max = 1},
        {.name = "max-new", .type = ARGS_INTEGER, .value = &o->max_new, .placeholder = "N", .help = "tokens at most (256)", .min = 1, .max = 10000000},
        {.name = "seed", .type = ARGS_INTEGER, .value = &o->seed, .placeholder = "N", .help = "the same seed, the same text (0)", .min = 0, .max = 9007199254740992.0},
        {.name = "ignore-eos", .type = ARGS_FLAG, .value = &o->ignore_eos, .help = "go on after an end token"},
        {.name = "n", .type = ARGS_INTEGER, .value = &o->samples, .placeholder = "N", .help = "samples per prompt (1)", .min = 1, .max = 100000},
        {.name = "slots", .type = ARGS_INTEGER, .value = &o->slots, .placeholder = "N", .help = "sequences at once; 0: as many as fit, up to 256", .min = 0, .max = 65536},
        {.name = "device", .type = ARGS_TEXT, .value = &o->device, .placeholder = "N", .help = "a device's number or part of its name (rlsp devices)"},
        {.name = "kernels", .type = ARGS_CHOICE, .value = &o->kernels, .placeholder = "K", .help = CLI_KERNELS_HELP, .choices = run_kernels_names},
        {.name = "json", .type = ARGS_FLAG, .value = &o->json, .help = "a line of JSON per sample: text, ids, logprobs, stopped"},
        {.name = "validate", .type = ARGS_FLAG, .value = &o->validate, .help = "run under the Khronos validation layer"},
    };
    const ArgsCommand command = {
        .name = "generate",
        .usage = "--model DIR [--adapter DIR] [--prompt S] [options]",
        .summary = "Continues a text, sampled or greedy. One sample is printed as it arrives. With --chat the model's chat\n"
                   "template is used: one answer to --prompt, or a conversation, in which Ctrl-C ends an answer.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error error = {0};
    g.printer.terminal = isatty(STDOUT_FILENO) == 1;
    if (o->chat && (o->ids || (o->prompt == NULL && (o->json || o->samples > 1)))) {
        error_set(&error, STATUS_BAD_INPUT, "--chat does not go with --ids, and without --prompt neither with --json nor --n");
    } else if (!o->chat && (o->system != NULL || o->chat_template != NULL || o->chat_set.count > 0)) {
        error_set(&error, STATUS_BAD_INPUT, "--system, --chat-template and --chat-set are for --chat");
    } else if (o->ids && o->prompt != NULL) {
        error_set(&error, STATUS_BAD_INPUT, "--ids reads token ids from stdin; it does not go with --prompt");
    } else {
        generate(&g, &error);
    }
    generation_free(&g);
    exit_code = cli_finish_output(command.name);
    return error.status != STATUS_OK ? args_fail(&command, &error) : exit_code;
}
