/* Decoding and printing of rlsp generate (generate_parts.h). */
#include <stdlib.h>

#include "rlsp/cli/generate_parts.h"

enum { STREAM_STEPS = 4, REQUESTS_AT_ONCE = 1024 };

/* --- streaming --------------------------------------------------------------------- */

/* After every few tokens, if the text is streamed; ends when nobody reads any more. */
static bool stream_progress(void *user, uint32_t active)
{
    Generation *g     = user;
    uint32_t    count = 0;
    Error       error = {0};
    (void)active;
    if (decoder_peek(g->decoder, 0, g->tokens, &count, &error) == STATUS_OK) {
        token_printer_show(&g->printer, g->tokens, count, &error);
    }
    return error.status != STATUS_OK || ferror(stdout);
}

/* --- results ------------------------------------------------------------------------- */

static Status print_json(Generation *g, const DecodeOutput *output, uint32_t r, Error *error)
{
    const int32_t *tokens = output->tokens + (size_t)r * output->max_new;
    const uint32_t count  = output->lengths[r];
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

static Status print_results(Generation *g, const DecodeOutput *output, uint32_t first, uint32_t count, bool streamed,
                            Error *error)
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
        status =
            token_printer_show(&g->printer, output->tokens + (size_t)r * output->max_new, output->lengths[r], error);
        status = status == STATUS_OK ? token_printer_end(&g->printer, error) : status;
        putchar('\n');
    }
    return status;
}

/* --- generating ------------------------------------------------------------------------ */

SampleOptions generation_sampling(const GenerateOptions *o)
{
    return (SampleOptions){.temperature = (float)o->temperature,
                           .top_k       = (uint32_t)o->top_k,
                           .top_p       = (float)o->top_p,
                           .min_p       = (float)o->min_p,
                           .seed        = (uint64_t)o->seed};
}

/* Requests [first, first + count). */
static Status generate_some(Generation *g, uint32_t first, uint32_t count, bool streamed, Error *error)
{
    uint32_t *numbers = malloc(2 * ((size_t)count + 1) * sizeof *numbers), *starts = numbers + count + 1;
    if (numbers == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    for (uint32_t r = 0; r <= count; r++) {
        numbers[r] = first + r; /* the random stream: by its place in the input */
        starts[r]  = g->prompts.starts[first + r] - g->prompts.starts[first];
    }
    const DecodeInput input = {.prompts       = g->prompts.ids + g->prompts.starts[first],
                               .prompt_starts = starts,
                               .sequence      = numbers,
                               .requests      = count,
                               .stop_ids      = g->stops.ids,
                               .stop_count    = g->stops.count,
                               .ignore_stop   = g->options.ignore_eos,
                               .sample        = generation_sampling(&g->options),
                               .progress      = streamed ? stream_progress : NULL,
                               .user          = g};
    DecodeOutput      output;
    Status            status = decoder_run(g->decoder, g->model, &input, &output, error);
    if (status == STATUS_OK) {
        status = print_results(g, &output, first, count, streamed, error);
    }
    free(numbers);
    return status;
}

Status generation_run(Generation *g, Error *error)
{
    const uint32_t context = g->config.max_positions, count = g->prompts.count;
    const uint32_t at_once       = count < REQUESTS_AT_ONCE ? count : REQUESTS_AT_ONCE;
    const bool     streamed      = !g->options.ids && !g->options.json && count == 1;
    const uint32_t room          = context - g->prompts.longest;
    uint32_t       prompt_tokens = 0, max_new = (uint32_t)g->options.max_new;
    for (uint32_t first = 0; first < count; first += at_once) {
        const uint32_t end    = count - first < at_once ? count : first + at_once;
        const uint32_t tokens = g->prompts.starts[end] - g->prompts.starts[first];
        prompt_tokens         = tokens > prompt_tokens ? tokens : prompt_tokens;
    }
    max_new                   = max_new < context ? max_new : context;
    const DecodeLimits limits = {.slots             = (uint32_t)g->options.slots,
                                 .max_length        = max_new <= room ? g->prompts.longest + max_new : context,
                                 .max_requests      = at_once,
                                 .max_prompt_tokens = prompt_tokens,
                                 .max_new           = max_new,
                                 .steps_per_submit  = streamed ? STREAM_STEPS : 0,
                                 .lora_rank         = model_lora_rank(g->model),
                                 .cache             = (ComputeType)g->options.cache,
                                 .few_rows          = true};
    g->decoder                = decoder_new(g->gpu, &g->config, &limits, error);
    g->tokens                 = malloc((size_t)max_new * sizeof *g->tokens);
    if (g->decoder == NULL || g->tokens == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    Status status = STATUS_OK;
    for (uint32_t first = 0; first < count && status == STATUS_OK && !ferror(stdout); first += at_once) {
        status = generate_some(g, first, count - first < at_once ? count - first : at_once, streamed, error);
    }
    return status == STATUS_OK ? cli_check_validation(g->gpu, error) : status;
}
