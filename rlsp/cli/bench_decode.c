/* rlsp bench decode: 256 sequences of 32 given tokens and 96 new ones, sampled at temperature 1. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/model/decode.h"
#include "engine/random.h"
#include "rlsp/cli/bench.h"

enum { SEQUENCES = 256, PROMPT = 32, NEW = 96, MAX_RUNS = 1000 };

typedef struct Requests {
    int32_t  prompts[SEQUENCES * PROMPT];
    uint32_t starts[SEQUENCES + 1], sequence[SEQUENCES], one_new[SEQUENCES];
} Requests;

static void requests_fill(Requests *requests, uint32_t vocab)
{
    Random random = random_stream(2, RANDOM_TEST, 0, 0);
    for (uint32_t i = 0; i < SEQUENCES * PROMPT; i++) {
        requests->prompts[i] = (int32_t)random_below(&random, vocab);
    }
    for (uint32_t r = 0; r < SEQUENCES; r++) {
        requests->starts[r + 1] = (r + 1) * PROMPT;
        requests->sequence[r] = r;
        requests->one_new[r] = 1;
    }
}

static void report(Bench *bench, double median, double best, uint32_t runs, uint64_t steps)
{
    const double tokens = (double)SEQUENCES * NEW;
    if (bench->json) {
        json_line_number_field(&bench->line, "sequences", SEQUENCES);
        json_line_number_field(&bench->line, "prompt_tokens", PROMPT);
        json_line_number_field(&bench->line, "new_tokens", NEW);
        json_line_number_field(&bench->line, "runs", runs);
        json_line_number_field(&bench->line, "steps", (double)steps);
        json_line_number_field(&bench->line, "tokens_per_second", tokens / median);
        json_line_number_field(&bench->line, "best_tokens_per_second", tokens / best);
        json_line_number_field(&bench->line, "memory_bytes", (double)gpu_memory_peak(bench->gpu));
        return;
    }
    printf("decode %s: %d sequences, %d + %d tokens, temperature 1, %u runs\n", bench->model->name, SEQUENCES, PROMPT, NEW, runs);
    printf("  %.0f new tokens/s (best %.0f), %.2f ms a step, the prompts' time included\n", tokens / median, tokens / best,
           median * 1e3 / (double)steps);
}

Status bench_decode(Bench *bench, Error *error)
{
    const DecodeLimits limits = {.max_length = PROMPT + NEW, .max_requests = SEQUENCES, .max_prompt_tokens = SEQUENCES * PROMPT, .max_new = NEW};
    Model             *model = bench_model_new(bench, PROMPT + NEW, error);
    Decoder           *decoder = model != NULL ? decoder_new(bench->gpu, &model->config, &limits, error) : NULL;
    Requests          *requests = calloc(1, sizeof *requests);
    double            *times = malloc(MAX_RUNS * sizeof *times);
    Status             status = decoder != NULL ? STATUS_OK : error->status;
    if (status == STATUS_OK && (requests == NULL || times == NULL)) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    if (status == STATUS_OK) {
        requests_fill(requests, model->config.vocab_size);
        DecodeInput  input = {.prompts = requests->prompts, .prompt_starts = requests->starts, .sequence = requests->sequence,
                              .max_new = requests->one_new, .requests = SEQUENCES, .sample = {.temperature = 1, .seed = 1}};
        DecodeOutput output = {0};
        uint32_t     runs = 0;
        status = decoder_run(decoder, model, &input, &output, error); /* drivers compile at the first run */
        input.max_new = NULL;
        gpu_profile_reset(bench->gpu);
        for (const double start = bench_now(); status == STATUS_OK && runs < MAX_RUNS && (runs < 2 || bench_now() - start < bench->seconds);) {
            const double before = bench_now();
            input.sample.seed++;
            status = decoder_run(decoder, model, &input, &output, error);
            times[runs++] = bench_now() - before;
        }
        if (status == STATUS_OK) {
            const double median = bench_median(times, runs);
            report(bench, median, times[0], runs, output.steps);
            bench_peer(bench, "decode", SEQUENCES * NEW / median);
            bench_profile(bench);
        }
    }
    decoder_free(decoder);
    model_free(model);
    free(requests);
    free(times);
    return status;
}
