/* rlsp bench decode: sequences of given and new tokens, sampled at temperature 1; the prompts' part of it alone. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/model/decode.h"
#include "engine/random.h"
#include "rlsp/cli/bench.h"

enum { MAX_RUNS = 1000 };

/* One block of memory for all: prompts [sequences * prompt], starts [sequences + 1], sequence, one_new [sequences]. */
typedef struct Requests {
    int32_t  *prompts;
    uint32_t *starts, *sequence, *one_new;
} Requests;

static Status requests_open(Requests *requests, const Bench *bench, uint32_t vocab, Error *error)
{
    const uint32_t n = bench->sequences, tokens = n * bench->prompt;
    Random         random = random_stream(2, RANDOM_TEST, 0, 0);
    requests->prompts     = malloc(((size_t)tokens + 3 * (size_t)n + 1) * 4);
    if (requests->prompts == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    requests->starts   = (uint32_t *)requests->prompts + tokens;
    requests->sequence = requests->starts + n + 1;
    requests->one_new  = requests->sequence + n;
    for (uint32_t i = 0; i < tokens; i++) {
        requests->prompts[i] = (int32_t)random_below(&random, vocab);
    }
    requests->starts[0] = 0;
    for (uint32_t r = 0; r < n; r++) {
        requests->starts[r + 1] = (r + 1) * bench->prompt;
        requests->sequence[r]   = r;
        requests->one_new[r]    = 1;
    }
    return STATUS_OK;
}

/* Seconds: of a run (median and best), and of one that ends with the first new token. */
typedef struct Times {
    double   median, best, prompts;
    uint32_t runs;
    uint64_t steps;
} Times;

/* Tokens a second of the prompts, with the first new token; of new tokens after it. */
static double prompt_rate(const Bench *bench, const Times *t)
{
    return (double)bench->sequences * bench->prompt / t->prompts;
}
static double later_rate(const Bench *bench, const Times *t)
{
    return bench->new_tokens > 1 && t->median > t->prompts
               ? (double)bench->sequences * (bench->new_tokens - 1) / (t->median - t->prompts)
               : 0;
}

static void report(Bench *bench, const Times *t)
{
    const double tokens = (double)bench->sequences * bench->new_tokens;
    const double prompt = prompt_rate(bench, t), after = later_rate(bench, t);
    if (bench->json) {
        json_line_number_field(&bench->line, "sequences", bench->sequences);
        json_line_number_field(&bench->line, "prompt_tokens", bench->prompt);
        json_line_number_field(&bench->line, "new_tokens", bench->new_tokens);
        json_line_number_field(&bench->line, "runs", t->runs);
        json_line_number_field(&bench->line, "steps", (double)t->steps);
        json_line_number_field(&bench->line, "tokens_per_second", tokens / t->median);
        json_line_number_field(&bench->line, "best_tokens_per_second", tokens / t->best);
        json_line_number_field(&bench->line, "prompt_tokens_per_second", prompt);
        json_line_number_field(&bench->line, "later_tokens_per_second", after);
        json_line_number_field(&bench->line, "memory_bytes", (double)gpu_memory_peak(bench->gpu));
        return;
    }
    printf("decode %s: %u sequences, %u + %u tokens, temperature 1, %u runs\n", bench->model.name, bench->sequences,
           bench->prompt, bench->new_tokens, t->runs);
    printf("  %.0f new tokens/s (best %.0f), %.2f ms a step, the prompts' time included\n", tokens / t->median,
           tokens / t->best, t->median * 1e3 / (double)t->steps);
    printf("  prompts alone, with the first new token: %.0f tokens/s; new tokens after it: %.0f tokens/s\n", prompt,
           after);
}

static Status measure(Bench *bench, Decoder *decoder, const Model *model, const Requests *requests, double *times,
                      Times *t, Error *error)
{
    DecodeInput  input  = {.prompts       = requests->prompts,
                           .prompt_starts = requests->starts,
                           .sequence      = requests->sequence,
                           .max_new       = requests->one_new,
                           .requests      = bench->sequences,
                           .sample        = {.temperature = 1, .seed = 1}};
    DecodeOutput output = {0};
    Status       status = decoder_run(decoder, model, &input, &output, error); /* drivers compile at the first run */
    const double first  = bench_now();
    status              = status == STATUS_OK ? decoder_run(decoder, model, &input, &output, error) : status;
    t->prompts          = bench_now() - first;
    input.max_new       = NULL;
    gpu_profile_reset(bench->gpu);
    for (const double start = bench_now();
         status == STATUS_OK && t->runs < MAX_RUNS && (t->runs < 2 || bench_now() - start < bench->seconds);) {
        const double before = bench_now();
        input.sample.seed++;
        status           = decoder_run(decoder, model, &input, &output, error);
        times[t->runs++] = bench_now() - before;
    }
    if (status == STATUS_OK) {
        t->steps  = output.steps;
        t->median = bench_median(times, t->runs);
        t->best   = times[0];
    }
    return status;
}

Status bench_decode(Bench *bench, Error *error)
{
    const uint32_t     length   = bench->prompt + bench->new_tokens;
    const DecodeLimits limits   = {.max_length        = length,
                                   .max_requests      = bench->sequences,
                                   .max_prompt_tokens = bench->sequences * bench->prompt,
                                   .max_new           = bench->new_tokens,
                                   .steps_per_submit  = bench->new_tokens < 16 ? 1 : 0,
                                   .cache             = bench->cache,
                                   .few_rows          = true};
    Model             *model    = bench_model_new(bench, length, error);
    Decoder           *decoder  = model != NULL ? decoder_new(bench->gpu, &model->config, &limits, error) : NULL;
    Requests           requests = {0};
    Times              t        = {0};
    double            *times    = malloc(MAX_RUNS * sizeof *times);
    Status             status   = decoder != NULL ? STATUS_OK : error->status;
    if (status == STATUS_OK && times == NULL) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    status = status == STATUS_OK ? requests_open(&requests, bench, model->config.vocab_size, error) : status;
    status = status == STATUS_OK ? measure(bench, decoder, model, &requests, times, &t, error) : status;
    if (status == STATUS_OK) {
        report(bench, &t);
        if (bench->copy_bytes > 0) { /* every step reads the weights once; of a large batch the arithmetic is more */
            bench->share    = (double)model_bytes(model) * (double)t.steps / t.median / bench->copy_bytes;
            bench->share_of = "the copy, by weights alone";
        }
        bench_peer(bench, "decode", (double)bench->sequences * bench->new_tokens / t.median);
        bench_peer_llama(bench, prompt_rate(bench, &t), later_rate(bench, &t));
        bench_profile(bench, (double)t.steps * t.runs);
    }
    decoder_free(decoder);
    model_free(model);
    free(requests.prompts);
    free(times);
    return status;
}

/* --- a point of a cost model -------------------------------------------------------------------------------------- */

/* Steps that are measured: the last submits of a run, when all prompts are read and everything is recorded. */
enum { POINT_STEPS = 4, POINT_SUBMITS = 3 };

typedef struct StepClock {
    const Bench *bench;
    uint32_t     calls, all; /* submits of this run; of every run, as the first one found */
    double       start, end; /* of those that are measured                                */
    bool         profile;
} StepClock;

static bool step_done(void *user, uint32_t active)
{
    StepClock *clock = user;
    (void)active;
    clock->calls++;
    clock->end = bench_now();
    if (clock->calls + POINT_SUBMITS == clock->all) {
        clock->start = clock->end;
        if (clock->profile) {
            gpu_profile_reset(clock->bench->gpu);
        }
    }
    return false;
}

Status bench_decode_point(Bench *bench, double *seconds, BenchCost costs[CLASSES], Error *error)
{
    enum { MOST = 50, LEAST = 3 };
    const uint32_t     length   = bench->prompt + bench->new_tokens;
    const DecodeLimits limits   = {.max_length        = length,
                                   .max_requests      = bench->sequences,
                                   .max_prompt_tokens = bench->sequences * bench->prompt,
                                   .max_new           = bench->new_tokens,
                                   .steps_per_submit  = POINT_STEPS};
    Model             *model    = bench_model_new(bench, length, error);
    Decoder           *decoder  = model != NULL ? decoder_new(bench->gpu, &model->config, &limits, error) : NULL;
    Requests           requests = {0};
    Status status = decoder != NULL ? requests_open(&requests, bench, model->config.vocab_size, error) : error->status;
    StepClock         clock  = {.bench = bench};
    const DecodeInput input  = {.prompts       = requests.prompts,
                                .prompt_starts = requests.starts,
                                .sequence      = requests.sequence,
                                .requests      = bench->sequences,
                                .ignore_stop   = true,
                                .sample        = {.temperature = 1, .seed = 1},
                                .progress      = step_done,
                                .user          = &clock};
    DecodeOutput      output = {0};
    double            times[MOST];
    uint32_t          runs = 0;
    status = status == STATUS_OK ? decoder_run(decoder, model, &input, &output, error) : status; /* drivers compile */
    clock.all = clock.calls;
    if (status == STATUS_OK && clock.all <= POINT_SUBMITS) {
        status = error_set(error, STATUS_FAILED, "a run of %u submits is too short to measure", clock.all);
    }
    for (int i = 0; i < BENCH_COUNTED && status == STATUS_OK; i++) {
        BenchCost one[CLASSES];
        clock.calls   = 0;
        clock.profile = true;
        gpu_profile_kernels(bench->gpu, true);
        status = decoder_run(decoder, model, &input, &output, error);
        gpu_profile_kernels(bench->gpu, false);
        bench_cost_of_profile(bench->gpu, one);
        for (int c = 0; c < CLASSES; c++) {
            const double per = 1.0 / (BENCH_COUNTED * POINT_SUBMITS * POINT_STEPS);
            costs[c].calls += one[c].calls * per;
            costs[c].flops += one[c].flops * per;
            costs[c].bytes += one[c].bytes * per;
            costs[c].seconds += one[c].seconds * per;
        }
    }
    clock.profile = false;
    for (const double start = bench_now();
         status == STATUS_OK && runs < MOST && (runs < LEAST || bench_now() - start < bench->seconds); runs++) {
        clock.calls = 0;
        status      = decoder_run(decoder, model, &input, &output, error);
        times[runs] = (clock.end - clock.start) / (POINT_SUBMITS * POINT_STEPS);
    }
    if (status == STATUS_OK) {
        /* what attention reads of the cache: keys and values of half the new tokens, and of all given ones */
        const ModelConfig *c         = &model->config;
        costs[CLASS_ATTENTION].bytes = 2.0 * 4 * c->layers * c->kv_heads * c->head_dim * bench->sequences *
                                       (bench->prompt + bench->new_tokens / 2.0);
        *seconds = bench_quick(times, runs);
    }
    decoder_free(decoder);
    model_free(model);
    free(requests.prompts);
    return status;
}
