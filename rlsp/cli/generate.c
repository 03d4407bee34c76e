/* rlsp generate: a model's continuations of a text, or of token ids in bulk. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/model/decode.h"
#include "engine/text/tokenizer.h"
#include "engine/utf8.h"
#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/token_lines.h"
#include "rlsp/run/json_line.h"

enum { STREAM_STEPS = 4, REQUESTS_AT_ONCE = 1024 };

typedef struct Options {
    const char *model, *prompt, *device;
    double      temperature, top_p, min_p;
    int64_t     top_k, max_new, seed, samples, slots;
    bool        ids, chat, ignore_eos, json, validate;
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
    uint32_t    shown;   /* tokens that are printed            */
    char       *pending; /* bytes not yet printed              */
    size_t      pending_bytes, pending_capacity;
    bool        terminal;
    JsonLine    line;
} Generation;

/* --- text on the screen ---------------------------------------------------------- */

/* Bytes at the end that may be the start of a character. */
static size_t unfinished_tail(const char *text, size_t bytes)
{
    for (size_t back = 1; back <= 3 && back <= bytes; back++) {
        const unsigned char c = (unsigned char)text[bytes - back];
        if (c >= 0xc0) {
            const size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
            return length > back ? back : 0;
        }
        if (c < 0x80) {
            return 0;
        }
    }
    return 0;
}

/* Prints text; to a terminal without the control characters that could steer it. */
static void print_text(const Generation *g, const char *text, size_t bytes)
{
    for (size_t at = 0; at < bytes;) {
        const size_t   from = at;
        const uint32_t point = utf8_next(text, bytes, &at);
        const bool     control = point < 0x20 ? point != '\n' && point != '\t' : point >= 0x7f && point < 0xa0;
        if (g->terminal && control) {
            fputs("\xef\xbf\xbd", stdout);
        } else {
            fwrite(text + from, 1, at - from, stdout);
        }
    }
}

/* Prints of the pending bytes what is whole, or at the `end` everything. */
static Status print_pending(Generation *g, bool end, Error *error)
{
    const size_t ready = g->pending_bytes - (end ? 0 : unfinished_tail(g->pending, g->pending_bytes));
    char        *text = malloc(3 * ready + 1);
    if (text == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    print_text(g, text, utf8_lossy(g->pending, ready, text));
    fflush(stdout);
    memmove(g->pending, g->pending + ready, g->pending_bytes - ready);
    g->pending_bytes -= ready;
    free(text);
    return STATUS_OK;
}

/* Prints tokens [shown, count). */
static Status print_tokens(Generation *g, const int32_t *tokens, uint32_t count, Error *error)
{
    for (; g->shown < count; g->shown++) {
        size_t      bytes = 0;
        const char *token = tokenizer_token_bytes(g->tokenizer, tokens[g->shown], &bytes);
        if (token == NULL || bytes == 0 || tokenizer_is_special(g->tokenizer, tokens[g->shown])) {
            continue;
        }
        if (g->pending_bytes + bytes > g->pending_capacity) {
            const size_t capacity = 2 * (g->pending_bytes + bytes) + 64;
            char        *grown = realloc(g->pending, capacity);
            if (grown == NULL) {
                return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
            }
            g->pending = grown;
            g->pending_capacity = capacity;
        }
        memcpy(g->pending + g->pending_bytes, token, bytes);
        g->pending_bytes += bytes;
    }
    return g->pending_bytes > 0 ? print_pending(g, false, error) : STATUS_OK;
}

/* After every few tokens, if the text is streamed; ends when nobody reads any more. */
static bool stream_progress(void *user, uint32_t active)
{
    Generation *g = user;
    uint32_t    count = 0;
    Error       error = {0};
    (void)active;
    if (decoder_peek(g->decoder, 0, g->tokens, &count, &error) == STATUS_OK) {
        print_tokens(g, g->tokens, count, &error);
    }
    return error.status != STATUS_OK || ferror(stdout);
}

/* --- prompts ------------------------------------------------------------------------- */

static Status read_all(FILE *file, char **text, size_t *bytes, Error *error)
{
    size_t capacity = 0;
    *text = NULL;
    *bytes = 0;
    do {
        if (*bytes + 4096 > capacity) {
            capacity = 2 * capacity + 8192;
            char *grown = realloc(*text, capacity);
            if (grown == NULL) {
                return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading stdin");
            }
            *text = grown;
        }
        *bytes += fread(*text + *bytes, 1, capacity - *bytes, file);
    } while (!feof(file) && !ferror(file));
    return ferror(file) ? error_set(error, STATUS_FAILED, "cannot read stdin: %s", strerror(errno)) : STATUS_OK;
}

/* The prompt's tokens, as often as samples are wanted. */
static Status encode_prompt(Generation *g, Error *error)
{
    const uint32_t context = g->config.max_positions;
    char          *text = NULL;
    size_t         bytes = 0, count = 0;
    int32_t       *ids = NULL;
    Status         status = STATUS_OK;
    if (g->options.prompt == NULL) {
        status = read_all(stdin, &text, &bytes, error); /* as it is: a final newline belongs to many prompts */
    }
    if (status == STATUS_OK) {
        status = tokenizer_encode(g->tokenizer, text != NULL ? text : g->options.prompt,
                                  text != NULL ? bytes : strlen(g->options.prompt), true, &ids, &count, error);
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
            g->shown = 0;
        }
        status = print_tokens(g, output->tokens + (size_t)r * output->max_new, output->lengths[r], error);
        if (status == STATUS_OK && g->pending_bytes > 0) {
            status = print_pending(g, true, error);
        }
        putchar('\n');
    }
    return status;
}

/* --- generating ------------------------------------------------------------------------ */

/* Requests [first, first + count). */
static Status generate_some(Generation *g, uint32_t first, uint32_t count, bool streamed, Error *error)
{
    const ModelConfig *c = &g->config;
    uint32_t          *numbers = malloc(2 * ((size_t)count + 1) * sizeof *numbers), *starts = numbers + count + 1;
    int32_t            stops[8];
    if (numbers == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    for (uint32_t r = 0; r <= count; r++) {
        numbers[r] = first + r; /* the random stream: by its place in the input */
        starts[r] = g->prompts.starts[first + r] - g->prompts.starts[first];
    }
    for (uint32_t i = 0; i < c->eos_count; i++) {
        stops[i] = (int32_t)c->eos_token_ids[i];
    }
    const DecodeInput input = {.prompts = g->prompts.ids + g->prompts.starts[first],
                               .prompt_starts = starts,
                               .sequence = numbers,
                               .requests = count,
                               .stop_ids = stops,
                               .stop_count = c->eos_count,
                               .ignore_stop = g->options.ignore_eos,
                               .sample = {.temperature = (float)g->options.temperature,
                                          .top_k = (uint32_t)g->options.top_k,
                                          .top_p = (float)g->options.top_p,
                                          .min_p = (float)g->options.min_p,
                                          .seed = (uint64_t)g->options.seed},
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
                                 .steps_per_submit = streamed ? STREAM_STEPS : 0};
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

static Status generate(Generation *g, Error *error)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/config.json", g->options.model);
    Status status = model_config_read(&g->config, path, error);
    if (status == STATUS_OK && !g->options.ids) {
        g->tokenizer = tokenizer_open(g->options.model, error);
        status = error->status;
    }
    if (status == STATUS_OK) { /* bad input is told before a device is started */
        status = g->options.ids ? read_ids(g, error) : encode_prompt(g, error);
    }
    if (status == STATUS_OK && g->prompts.count > 0) {
        g->gpu = gpu_open(&(GpuOptions){.select = g->options.device, .validate = g->options.validate}, error);
        g->model = g->gpu != NULL ? model_load(g->gpu, g->options.model, false, error) : NULL;
        status = g->model != NULL ? generate_all(g, error) : error->status;
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
    free(g->pending);
}

int cli_generate(int argc, char **argv)
{
    Generation       g = {.options = {.temperature = 1, .max_new = 256, .samples = 1}};
    Options         *o = &g.options;
    const ArgsOption options[] = {
        {.name = "model", .type = ARGS_TEXT, .value = &o->model, .placeholder = "DIR", .help = "a Hugging Face model directory", .required = true},
        {.name = "prompt", .type = ARGS_TEXT, .value = &o->prompt, .placeholder = "S", .help = "the text to continue; else stdin, byte for byte"},
        {.name = "ids", .type = ARGS_FLAG, .value = &o->ids, .help = "token ids: a line {\"ids\": […]} in, the new ones out"},
        {.name = "chat", .type = ARGS_FLAG, .value = &o->chat, .help = "the prompt as a user's message (not in this version)"},
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
        {.name = "json", .type = ARGS_FLAG, .value = &o->json, .help = "a line of JSON per sample: text, ids, logprobs, stopped"},
        {.name = "validate", .type = ARGS_FLAG, .value = &o->validate, .help = "run under the Khronos validation layer"},
    };
    const ArgsCommand command = {
        .name = "generate",
        .usage = "--model DIR [--prompt S] [options]",
        .summary = "Continues a text, sampled or greedy. One sample is printed as it arrives.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
    };
    int exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error error = {0};
    g.terminal = isatty(STDOUT_FILENO) == 1;
    if (o->chat) {
        error_set(&error, STATUS_BAD_INPUT, "--chat comes with real models and their chat templates; write the whole prompt with --prompt");
    } else if (o->ids && o->prompt != NULL) {
        error_set(&error, STATUS_BAD_INPUT, "--ids reads token ids from stdin; it does not go with --prompt");
    } else {
        generate(&g, &error);
    }
    generation_free(&g);
    exit_code = cli_finish_output(command.name);
    return error.status != STATUS_OK ? args_fail(&command, &error) : exit_code;
}
