/* bench_weights DIR [SECONDS]
 *
 * What each format of a frozen base costs and saves: a row for f32, bf16, f16, int8 and int4.
 *   memory   of the parameters on the device
 *   error    of the logits, on sequences that the f32 model sampled itself at temperature 1 (random prompts of 4
 *            tokens, 60 new ones): RMS relative to the logits' own, the largest, the mean KL of next-token
 *            distributions in nats, the share of positions whose likeliest token changes, and the mean |log ratio| of
 *            the sampled tokens, which is what PPO's ratio would be off by if the rollout were in this format and the
 *            training forward in f32 (they never are: both read one base)
 *   train    tokens per second of a LoRA step (rank 8 on everything, forward and backward, no optimizer)
 *   decode   new tokens per second, 64 sequences at once
 * Speeds are the best of runs of SECONDS (2) in all, each kind, also as ratios to f32's in the same run; on a CPU
 * device per second of CPU time. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/model/decode.h"
#include "engine/model/workspace.h"
#include "engine/random.h"

enum { SEQUENCES = 64, PROMPT = 4, NEW = 60, LENGTH = PROMPT + NEW, TOKENS = SEQUENCES * LENGTH, RANK = 8 };

typedef struct Bench {
    Gpu       *gpu;
    GpuStream *stream;
    double     seconds;
    int32_t    ids[TOKENS], rows[TOKENS], targets[TOKENS];
    uint32_t   starts[SEQUENCES + 1];
    Workspace *work;
    Batch     *batch;
    Decoder   *decoder;
    GpuArena  *arena;
    GpuSpan    logprob, entropy, lse, dlogprob, gradients;
    float     *logits, *base; /* [TOKENS, vocab] of this format and of f32 */
} Bench;

typedef struct Figures {
    double mib, rms, largest, kl, changed, ratio, train, decode;
} Figures;

/* Seconds: of all threads' work where the device is this processor, which others may be using too, else by the clock.
 */
static double now(const Bench *b)
{
    struct timespec t;
    clock_gettime(gpu_info(b->gpu)->type == GPU_CPU ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Samples the sequences with the model, or only takes the time. */
static Status decode(Bench *b, const Model *model, bool keep, double *tokens_per_second, Error *error)
{
    int32_t  prompts[SEQUENCES * PROMPT];
    uint32_t starts[SEQUENCES + 1] = {0}, sequence[SEQUENCES];
    Random   random                = random_stream(3, RANDOM_TEST, 0, 0);
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        sequence[i]   = i;
        starts[i + 1] = (i + 1) * PROMPT;
        for (uint32_t j = 0; j < PROMPT; j++) {
            prompts[i * PROMPT + j] = (int32_t)random_below(&random, model->config.vocab_size);
        }
    }
    const DecodeInput input = {.prompts       = prompts,
                               .prompt_starts = starts,
                               .sequence      = sequence,
                               .requests      = SEQUENCES,
                               .ignore_stop   = true,
                               .sample        = {.temperature = 1, .seed = 1}};
    DecodeOutput      out;
    const double      start  = now(b);
    Status            status = decoder_run(b->decoder, model, &input, &out, error);
    *tokens_per_second       = SEQUENCES * NEW / (now(b) - start);
    for (uint32_t i = 0; keep && status == STATUS_OK && i < SEQUENCES; i++) {
        memcpy(b->ids + i * LENGTH, prompts + i * PROMPT, PROMPT * sizeof *prompts);
        memcpy(b->ids + i * LENGTH + PROMPT, out.tokens + (size_t)i * out.max_new, NEW * sizeof *prompts);
        for (uint32_t t = 0; t < LENGTH; t++) {
            const uint32_t at = i * LENGTH + t;
            b->rows[at]       = (int32_t)at;
            b->targets[at]    = t + 1 < LENGTH ? b->ids[at + 1] : -1;
        }
        b->starts[i + 1] = (i + 1) * LENGTH;
    }
    return status;
}

static Status take_logits(Bench *b, const Model *model, float *logits, Error *error)
{
    const uint32_t vocab = model->config.vocab_size;
    gpu_stream_begin(b->stream);
    transformer_forward(b->stream, b->work, model, b->batch);
    Status status = gpu_stream_run(b->stream, error);
    for (uint32_t row = 0; row < TOKENS && status == STATUS_OK; row += b->work->chunk_rows) {
        const uint32_t count = TOKENS - row < b->work->chunk_rows ? TOKENS - row : b->work->chunk_rows;
        gpu_stream_begin(b->stream);
        head_logits(b->stream, b->work, model, row, count);
        status = gpu_stream_run(b->stream, error);
        status = status == STATUS_OK ? gpu_download(b->gpu, b->work->logits, logits + (size_t)row * vocab,
                                                    (uint64_t)count * vocab * 4, error)
                                     : status;
    }
    return status;
}

static void compare(const Bench *b, uint32_t vocab, Figures *f)
{
    double off = 0, all = 0, targets = 0;
    for (uint32_t t = 0; t < TOKENS; t++) {
        const float *x = b->logits + (size_t)t * vocab, *y = b->base + (size_t)t * vocab;
        double       mean = 0, sum_x = 0, sum_y = 0, kl = 0;
        uint32_t     best_x = 0, best_y = 0;
        for (uint32_t v = 0; v < vocab; v++) {
            mean += (double)y[v] / vocab;
            best_x = x[v] > x[best_x] ? v : best_x;
            best_y = y[v] > y[best_y] ? v : best_y;
        }
        for (uint32_t v = 0; v < vocab; v++) {
            const double d = (double)x[v] - (double)y[v];
            off += d * d;
            all += ((double)y[v] - mean) * ((double)y[v] - mean);
            f->largest = fmax(f->largest, fabs(d));
            sum_x += exp((double)x[v] - (double)x[best_x]);
            sum_y += exp((double)y[v] - (double)y[best_y]);
        }
        const double lse_x = (double)x[best_x] + log(sum_x), lse_y = (double)y[best_y] + log(sum_y);
        for (uint32_t v = 0; v < vocab; v++) {
            const double log_y = (double)y[v] - lse_y;
            kl += exp(log_y) * (log_y - ((double)x[v] - lse_x));
        }
        f->kl += kl / TOKENS;
        f->changed += (best_x != best_y) / (double)TOKENS;
        if (b->targets[t] >= 0) {
            const int32_t id = b->targets[t];
            f->ratio += fabs(((double)x[id] - lse_x) - ((double)y[id] - lse_y));
            targets++;
        }
    }
    f->ratio /= targets;
    f->rms = sqrt(off / all);
}

static Status train(Bench *b, const Model *model, double *tokens_per_second, Error *error)
{
    const double start = now(b);
    gpu_stream_begin(b->stream);
    gpu_fill(b->stream, b->gradients, 0);
    transformer_forward(b->stream, b->work, model, b->batch);
    head_logprobs(b->stream, b->work, model, b->batch, 1.0f, b->logprob, b->entropy, b->lse);
    head_backward(b->stream, b->work, model, b->gradients, b->batch, 1.0f, b->lse, b->entropy, b->dlogprob,
                  (GpuSpan){0});
    transformer_backward(b->stream, b->work, model, b->gradients, b->batch);
    Status status      = gpu_stream_run(b->stream, error);
    *tokens_per_second = TOKENS / (now(b) - start);
    return status;
}

/* Room for models of this config; the adapter says how long its gradients are. */
static Status open_bench(Bench *b, const ModelConfig *config, const Lora *lora, Error *error)
{
    const DecodeLimits limits = {.slots             = SEQUENCES,
                                 .max_length        = LENGTH,
                                 .max_requests      = SEQUENCES,
                                 .max_prompt_tokens = SEQUENCES * PROMPT,
                                 .max_new           = NEW,
                                 .lora_rank         = RANK};
    const size_t       logits = (size_t)TOKENS * config->vocab_size;
    b->work                   = workspace_new(b->gpu, config, TOKENS, TOKENS, LENGTH, true, RECOMPUTE_BLOCKS, error);
    b->batch                  = b->work != NULL ? batch_new(b->gpu, config, TOKENS, TOKENS, SEQUENCES, error) : NULL;
    b->decoder                = b->batch != NULL ? decoder_new(b->gpu, config, &limits, error) : NULL;
    b->arena                  = b->decoder != NULL ? gpu_arena_new(b->gpu, "bench", GPU_MEMORY_DEVICE,
                                                                   4 * gpu_align(TOKENS * 4) + gpu_align(lora->floats * 4), error)
                                                   : NULL;
    b->logits                 = malloc(logits * sizeof *b->logits);
    b->base                   = malloc(logits * sizeof *b->base);
    if (b->arena == NULL || b->logits == NULL || b->base == NULL) {
        return error->status != STATUS_OK ? error->status
                                          : error_set(error, STATUS_OUT_OF_MEMORY, "out of host memory");
    }
    GpuSpan *spans[] = {&b->logprob, &b->entropy, &b->lse, &b->dlogprob};
    for (int i = 0; i < 4; i++) {
        *spans[i] = gpu_arena_take(b->arena, TOKENS * 4);
    }
    b->gradients = gpu_arena_take(b->arena, lora->floats * 4);
    return workspace_add_lora(b->work, RANK, error);
}

static Status measure(Bench *b, const char *directory, WeightFormat format, Figures *f, Error *error)
{
    Model     *base   = model_load_frozen(b->gpu, directory, false, format, error);
    LoraConfig config = {.rank = RANK, .alpha = 16, .targets = LORA_ALL};
    Lora      *lora   = base != NULL ? lora_new(b->gpu, &base->config, &config, false, error) : NULL;
    Status     status = lora != NULL ? lora_init(lora, 1, error) : error->status;
    const bool first  = b->work == NULL;
    status            = status == STATUS_OK && first ? open_bench(b, &base->config, lora, error) : status;
    Model *policy     = lora != NULL ? model_with_lora(base, lora, error) : NULL;
    double once       = 0;
    if (status == STATUS_OK) {
        f->mib = (double)model_bytes(base) / 1048576.0;
        status = decode(b, policy, first, &once, error); /* drivers compile at the first run */
        status =
            status == STATUS_OK
                ? batch_set(b->batch, &(BatchInput){b->ids, b->starts, SEQUENCES, b->rows, b->targets, TOKENS}, error)
                : status;
        status = status == STATUS_OK ? take_logits(b, base, first ? b->base : b->logits, error) : status;
        status = status == STATUS_OK ? train(b, policy, &once, error) : status;
    }
    if (status == STATUS_OK && !first) {
        compare(b, base->config.vocab_size, f);
    }
    for (double start = now(b); status == STATUS_OK && now(b) - start < b->seconds;) {
        status    = decode(b, policy, false, &once, error);
        f->decode = fmax(f->decode, once);
    }
    for (double start = now(b); status == STATUS_OK && now(b) - start < b->seconds;) {
        status   = train(b, policy, &once, error);
        f->train = fmax(f->train, once);
    }
    model_free(policy);
    model_free(base);
    return status;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: bench_weights DIR [SECONDS]\n");
        return 2;
    }
    Error  error = {0};
    Bench *b     = calloc(1, sizeof *b);
    if (b == NULL) {
        return 1;
    }
    b->seconds  = argc == 3 ? atof(argv[2]) : 2.0;
    b->gpu      = gpu_open(&(GpuOptions){0}, &error);
    b->stream   = b->gpu != NULL ? gpu_stream_new(b->gpu, &error) : NULL;
    Figures f32 = {0};
    if (b->stream != NULL) {
        printf("%s on %s\n\n| weights | MiB | logits, RMS | largest | KL, nats | argmax changed | log ratio | LoRA "
               "step, tok/s | ratio | decode, tok/s | ratio |\n"
               "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n",
               argv[1], gpu_info(b->gpu)->driver);
    }
    for (WeightFormat format = WEIGHT_F32; format < WEIGHT_FORMATS && error.status == STATUS_OK; format++) {
        Figures f = {0};
        if (measure(b, argv[1], format, &f, &error) == STATUS_OK) {
            f32 = format == WEIGHT_F32 ? f : f32;
            printf("| %s | %.2f | %.5f | %.4f | %.2g | %.2f%% | %.5f | %.0f | %.2f | %.0f | %.2f |\n",
                   weight_format_name(format), f.mib, f.rms, f.largest, f.kl, 100 * f.changed, f.ratio, f.train,
                   f.train / f32.train, f.decode, f.decode / f32.decode);
            fflush(stdout);
        }
    }
    decoder_free(b->decoder);
    batch_free(b->batch);
    workspace_free(b->work);
    gpu_arena_free(b->arena);
    gpu_stream_free(b->stream);
    gpu_close(b->gpu);
    free(b->logits);
    free(b->base);
    free(b);
    if (error.status != STATUS_OK) {
        fprintf(stderr, "bench_weights: %s\n", error.text);
        return 1;
    }
    return 0;
}
