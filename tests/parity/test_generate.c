/* Decoding against PyTorch and transformers (tests/data/parity): greedy continuations
 * token for token, their log-probabilities, and the log-probabilities of samples
 * against the training forward's. */
#include <stdio.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"

#include "engine/io/json.h"
#include "engine/model/decode.h"
#include "engine/model/workspace.h"

#define MODELS TEST_DATA "/parity/models/"

enum { MAX_PROMPTS = 4, MAX_TOKENS = 64, NEW_TOKENS = 24 };

typedef struct Greedy {
    uint32_t count, starts[MAX_PROMPTS + 1];
    int32_t  prompts[MAX_PROMPTS * MAX_TOKENS];
    int32_t  tokens[MAX_PROMPTS][NEW_TOKENS];
    float    logprobs[MAX_PROMPTS][NEW_TOKENS];
} Greedy;

static void greedy_read(Greedy *greedy, const char *model)
{
    char path[512];
    snprintf(path, sizeof path, MODELS "%s/expected.json", model);
    cJSON       *json = fixture_json(path);
    const cJSON *row;
    memset(greedy, 0, sizeof *greedy);
    cJSON_ArrayForEach(row, cJSON_GetObjectItem(json, "greedy"))
    {
        const cJSON *ids = cJSON_GetObjectItem(row, "prompt_ids"), *new_ids = cJSON_GetObjectItem(row, "new_ids");
        const cJSON *logprobs = cJSON_GetObjectItem(row, "new_logprobs"), *id;
        uint32_t     r = greedy->count++, at = greedy->starts[r];
        assert_int_equal(cJSON_GetArraySize(new_ids), NEW_TOKENS);
        cJSON_ArrayForEach(id, ids)
        {
            greedy->prompts[at++] = id->valueint;
        }
        greedy->starts[r + 1] = at;
        for (int i = 0; i < NEW_TOKENS; i++) {
            greedy->tokens[r][i]   = cJSON_GetArrayItem(new_ids, i)->valueint;
            greedy->logprobs[r][i] = (float)cJSON_GetArrayItem(logprobs, i)->valuedouble;
        }
    }
    assert_int_equal(greedy->count, 3);
    cJSON_Delete(json);
}

static Model *open_model(const char *name)
{
    Error  error = {0};
    char   path[512];
    Model *model;
    snprintf(path, sizeof path, MODELS "%s", name);
    model = model_load(fixture_gpu(), path, false, &error);
    if (model == NULL) {
        fail_msg("%s", error.text);
    }
    return model;
}

static Decoder *open_decoder(const Model *model, uint32_t slots)
{
    const DecodeLimits limits  = {.slots             = slots,
                                  .max_length        = 128,
                                  .max_requests      = MAX_PROMPTS,
                                  .max_prompt_tokens = MAX_PROMPTS * MAX_TOKENS,
                                  .max_new           = NEW_TOKENS,
                                  .steps_per_submit  = 5};
    Error              error   = {0};
    Decoder           *decoder = decoder_new(fixture_gpu(), &model->config, &limits, &error);
    if (decoder == NULL) {
        fail_msg("%s", error.text);
    }
    return decoder;
}

static const uint32_t sequence[MAX_PROMPTS] = {0, 1, 2, 3};

static void check_greedy(const char *name, uint32_t slots)
{
    Greedy greedy;
    greedy_read(&greedy, name);
    Model       *model   = open_model(name);
    Decoder     *decoder = open_decoder(model, slots);
    Error        error   = {0};
    DecodeOutput out;
    if (decoder_run(decoder, model,
                    &(DecodeInput){.prompts       = greedy.prompts,
                                   .prompt_starts = greedy.starts,
                                   .sequence      = sequence,
                                   .requests      = greedy.count,
                                   .ignore_stop   = true,
                                   .stop_ids      = greedy.tokens[0],
                                   .stop_count    = 1},
                    &out, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    for (uint32_t r = 0; r < greedy.count; r++) {
        assert_int_equal(out.lengths[r], NEW_TOKENS);
        assert_int_equal(out.stopped[r], 0);
        for (uint32_t i = 0; i < NEW_TOKENS; i++) {
            if (out.tokens[r * out.max_new + i] != greedy.tokens[r][i]) {
                fail_msg("%s, %u slots, continuation %u: token %u is %d, not %d", name, slots, r, i,
                         out.tokens[r * out.max_new + i], greedy.tokens[r][i]);
            }
        }
        double off = fixture_max_abs(out.logprobs + r * out.max_new, greedy.logprobs[r], NEW_TOKENS);
        printf("    %-12s %u slots, continuation %u: log-probabilities %.2e (tolerance 1e-04)\n", name, slots, r, off);
        assert_true(off <= 1e-4);
    }
    decoder_free(decoder);
    model_free(model);
}

static void greedy_llama(void **state)
{
    (void)state;
    check_greedy("tiny-llama", 3);
    check_greedy("tiny-llama", 1); /* one after another through the same slot */
}

static void greedy_qwen2(void **state)
{
    (void)state;
    check_greedy("tiny-qwen2", 0);
    check_greedy("tiny-qwen2", 2);
}

static void greedy_qwen3(void **state)
{
    (void)state;
    check_greedy("tiny-qwen3", 4); /* one slot idles */
}

/* Samples at `temperature`, with and without filters, then runs the training forward over
 * prompt and samples: the log-probabilities must be the same. */
static void check_logprobs(const char *name, SampleOptions sample)
{
    Greedy greedy;
    greedy_read(&greedy, name);
    Model       *model   = open_model(name);
    Decoder     *decoder = open_decoder(model, 2);
    Error        error   = {0};
    DecodeOutput out;
    if (decoder_run(decoder, model,
                    &(DecodeInput){.prompts       = greedy.prompts,
                                   .prompt_starts = greedy.starts,
                                   .sample        = sample,
                                   .sequence      = sequence,
                                   .requests      = greedy.count},
                    &out, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    int32_t  ids[256], rows[256], targets[256];
    uint32_t starts[MAX_PROMPTS + 1] = {0}, tokens = 0, row_count = 0;
    float    want[256];
    for (uint32_t r = 0; r < greedy.count; r++) {
        const uint32_t prompt = greedy.starts[r + 1] - greedy.starts[r];
        memcpy(ids + tokens, greedy.prompts + greedy.starts[r], prompt * sizeof *ids);
        memcpy(ids + tokens + prompt, out.tokens + r * out.max_new, NEW_TOKENS * sizeof *ids);
        for (uint32_t i = 0; i < NEW_TOKENS; i++) {
            rows[row_count]    = (int32_t)(tokens + prompt - 1 + i);
            targets[row_count] = out.tokens[r * out.max_new + i];
            want[row_count++]  = out.logprobs[r * out.max_new + i];
        }
        tokens += prompt + NEW_TOKENS;
        starts[r + 1] = tokens;
    }
    Workspace *work  = workspace_new(fixture_gpu(), &model->config, 256, 256, 128, false, KEEP_ACTIVATIONS, &error);
    Batch     *batch = batch_new(fixture_gpu(), &model->config, 256, 256, MAX_PROMPTS, &error);
    if (work == NULL || batch == NULL ||
        batch_set(batch, &(BatchInput){ids, starts, greedy.count, rows, targets, row_count}, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    GpuSpan    logprob = fixture_empty(row_count), entropy = fixture_empty(row_count), lse = fixture_empty(row_count);
    GpuStream *stream = fixture_stream();
    transformer_forward(stream, work, model, batch);
    head_logprobs(stream, work, model, batch, sample.temperature > 0 ? sample.temperature : 1.0f, logprob, entropy,
                  lse);
    fixture_run();
    double off = fixture_max_abs(fixture_download(logprob, row_count), want, row_count);
    printf("    %-12s temperature %.1f, %s: against the training forward %.2e (tolerance 1e-04)\n", name,
           sample.temperature, sample.top_k > 0 ? "filtered" : "unfiltered", off);
    assert_true(off <= 1e-4);
    batch_free(batch);
    workspace_free(work);
    decoder_free(decoder);
    model_free(model);
}

static void logprobs_are_those_of_the_training_forward(void **state)
{
    (void)state;
    check_logprobs("tiny-qwen3", (SampleOptions){.temperature = 1, .seed = 5});
    check_logprobs("tiny-qwen3", (SampleOptions){.temperature = 0});
    check_logprobs("tiny-qwen2", (SampleOptions){.temperature = 0.7f, .seed = 6});
    check_logprobs("tiny-llama",
                   (SampleOptions){.temperature = 1.3f, .seed = 7, .top_k = 20, .top_p = 0.9f, .min_p = 0.05f});
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(greedy_llama), fixture_test(greedy_qwen2),
                                       fixture_test(greedy_qwen3),
                                       fixture_test(logprobs_are_those_of_the_training_forward)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
