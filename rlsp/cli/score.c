/* rlsp score: log-probabilities and entropies that a model gives to token ids. */
#include <stdlib.h>

#include "engine/model/workspace.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/model.h"
#include "rlsp/cli/options.h"
#include "rlsp/cli/token_lines.h"

enum { BATCH_TOKENS_CPU = 4096, BATCH_TOKENS_GPU = 16384 };

typedef struct Scorer {
    CliModel   options;
    double     temperature;
    Gpu       *gpu;
    Model     *model;
    TokenLines lines;
    Workspace *work;
    Batch     *batch;
    GpuStream *stream;
    GpuArena  *arena;
    GpuSpan    logprob, entropy, lse; /* f32 [max_tokens] */
    uint32_t   max_tokens;
    float     *host;           /* logprob, entropy: [2, max_tokens] */
    int32_t   *rows, *targets; /* [max_tokens] */
    uint32_t  *starts;         /* [lines + 1] */
    JsonLine   line;
} Scorer;

static Status plan(Scorer *s, Error *error)
{
    const ModelConfig *c      = &s->model->config;
    const uint32_t     wanted = gpu_info(s->gpu)->type == GPU_CPU ? BATCH_TOKENS_CPU : BATCH_TOKENS_GPU;
    const uint32_t     total  = s->lines.starts[s->lines.count];
    s->max_tokens             = wanted > s->lines.longest ? wanted : s->lines.longest;
    s->max_tokens             = total < s->max_tokens ? total : s->max_tokens;
    const uint64_t bytes      = (uint64_t)s->max_tokens * 4;
    s->work = workspace_new(s->gpu, c, s->max_tokens, s->max_tokens, s->lines.longest, false, KEEP_ACTIVATIONS, error);
    const bool planned = s->work != NULL && workspace_add_lora(s->work, model_lora_rank(s->model), error) == STATUS_OK;
    s->batch           = planned ? batch_new(s->gpu, c, s->max_tokens, s->max_tokens, s->max_tokens, error) : NULL;
    s->arena =
        s->batch != NULL ? gpu_arena_new(s->gpu, "scores", GPU_MEMORY_DEVICE, 3 * gpu_align(bytes), error) : NULL;
    s->stream  = s->arena != NULL ? gpu_stream_new(s->gpu, error) : NULL;
    s->host    = malloc(2 * bytes);
    s->rows    = malloc(bytes);
    s->targets = malloc(bytes);
    s->starts  = malloc(((size_t)s->lines.count + 1) * sizeof *s->starts);
    if (s->stream == NULL || s->host == NULL || s->rows == NULL || s->targets == NULL || s->starts == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    s->logprob = gpu_arena_take(s->arena, bytes);
    s->entropy = gpu_arena_take(s->arena, bytes);
    s->lse     = gpu_arena_take(s->arena, bytes);
    return STATUS_OK;
}

static void put_floats(JsonLine *line, const char *key, const float *values, uint32_t count)
{
    json_line_key(line, key);
    json_line_begin(line, '[');
    for (uint32_t i = 0; i < count; i++) {
        json_line_number(line, (double)values[i]);
    }
    json_line_end(line, ']');
}

static Status print_line(Scorer *s, const float *logprobs, const float *entropy, uint32_t tokens, Error *error)
{
    json_line_clear(&s->line);
    json_line_begin(&s->line, '{');
    put_floats(&s->line, "logprobs", logprobs, tokens - 1);
    put_floats(&s->line, "entropy", entropy, tokens);
    json_line_end(&s->line, '}');
    const char *text = json_line_finish(&s->line);
    if (text == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    fwrite(text, 1, s->line.size, stdout);
    return STATUS_OK;
}

/* Lines [first, end), which together fit one batch. */
static Status score_some(Scorer *s, uint32_t first, uint32_t end, Error *error)
{
    const uint32_t begin = s->lines.starts[first], tokens = s->lines.starts[end] - begin;
    const int32_t *ids = s->lines.ids + begin;
    for (uint32_t i = first; i < end; i++) {
        s->starts[i - first]     = s->lines.starts[i] - begin;
        s->starts[i - first + 1] = s->lines.starts[i + 1] - begin;
        for (uint32_t t = s->starts[i - first]; t < s->starts[i - first + 1]; t++) {
            s->rows[t]    = (int32_t)t;
            s->targets[t] = t + 1 < s->starts[i - first + 1] ? ids[t + 1] : -1;
        }
    }
    Status status = batch_set(s->batch, &(BatchInput){ids, s->starts, end - first, s->rows, s->targets, tokens}, error);
    if (status == STATUS_OK) {
        gpu_stream_begin(s->stream);
        transformer_forward(s->stream, s->work, s->model, s->batch);
        head_logprobs(s->stream, s->work, s->model, s->batch, (float)s->temperature, s->logprob, s->entropy, s->lse);
        status = gpu_stream_run(s->stream, error);
    }
    if (status == STATUS_OK) {
        status = gpu_download(s->gpu, s->logprob, s->host, (uint64_t)tokens * 4, error);
    }
    if (status == STATUS_OK) {
        status = gpu_download(s->gpu, s->entropy, s->host + s->max_tokens, (uint64_t)tokens * 4, error);
    }
    for (uint32_t i = first; i < end && status == STATUS_OK; i++) {
        const uint32_t at = s->starts[i - first];
        status = print_line(s, s->host + at, s->host + s->max_tokens + at, s->starts[i - first + 1] - at, error);
    }
    return status;
}

static Status score(Scorer *s, Error *error)
{
    ModelConfig config;
    Status      status = cli_model_config(&s->options, &config, error);
    if (status == STATUS_OK) {
        status = token_lines_read(&s->lines, stdin, "stdin", config.vocab_size, config.max_positions, error);
    }
    if (status != STATUS_OK || s->lines.count == 0) {
        return status;
    }
    s->model = cli_model_open(&s->options, &s->gpu, error);
    status   = s->model != NULL ? plan(s, error) : error->status;
    for (uint32_t first = 0; first < s->lines.count && status == STATUS_OK;) {
        uint32_t end = first + 1;
        while (end < s->lines.count && s->lines.starts[end + 1] - s->lines.starts[first] <= s->max_tokens) {
            end++;
        }
        status = score_some(s, first, end, error);
        first  = end;
    }
    return status == STATUS_OK ? cli_check_validation(s->gpu, error) : status;
}

static void scorer_free(Scorer *s)
{
    gpu_stream_free(s->stream);
    gpu_arena_free(s->arena);
    batch_free(s->batch);
    workspace_free(s->work);
    model_free(s->model);
    gpu_close(s->gpu);
    token_lines_free(&s->lines);
    json_line_free(&s->line);
    free(s->host);
    free(s->rows);
    free(s->targets);
    free(s->starts);
}

int cli_score(int argc, char **argv)
{
    Scorer           s = {.options = {.device = {.command = "score"}, .weights = WEIGHTS_AS_STORED}, .temperature = 1};
    CliDevice       *device    = &s.options.device;
    bool             json      = false;
    const ArgsOption options[] = {
        args_required(option_model(&s.options.directory)),
        option_adapter(&s.options.adapter),
        option_weights(&s.options.weights),
        option_precision(&device->compute),
        args_real("temperature", &s.temperature, "X", "of the softmax (1)", 1e-3, 1000),
        option_device(&device->options.select),
        option_kernels(&device->kernels),
        option_json_always(&json),
        option_validate(&device->options.validate),
    };
    const ArgsCommand command = {
        .name  = "score",
        .usage = "--model DIR [--adapter DIR] [--temperature X] < lines.jsonl",
        .summary = "Reads {\"ids\": […]} lines and writes for each, in order, {\"logprobs\": […], \"entropy\": […]}:\n"
                   "the log-probability of token t + 1 at position t (one fewer than ids), and the entropy\n"
                   "of the prediction at every position, in nats.",
        .options      = options,
        .option_count = sizeof options / sizeof *options,
    };
    int exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error error = {0};
    score(&s, &error);
    scorer_free(&s);
    return cli_end(&command, &error);
}
