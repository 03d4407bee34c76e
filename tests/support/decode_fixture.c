#include "tests/support/decode_fixture.h"

#include <string.h>

const ModelConfig decode_config = {.family            = MODEL_LLAMA,
                                   .vocab_size        = DECODE_VOCAB,
                                   .hidden_size       = 32,
                                   .layers            = 2,
                                   .heads             = 4,
                                   .kv_heads          = 2,
                                   .head_dim          = 8,
                                   .intermediate_size = 48,
                                   .max_positions     = DECODE_LENGTH,
                                   .rms_norm_eps      = 1e-5f,
                                   .rope              = {.theta = 10000},
                                   .tie_embeddings    = true,
                                   .bos_token_id      = -1,
                                   .pad_token_id      = -1};

static Model *decode_model;

int32_t decode_expected[DECODE_REQUESTS][DECODE_NEW];
float   decode_expected_logprobs[DECODE_REQUESTS][DECODE_NEW];

DecodeRequests decode_requests(const uint32_t *order, uint32_t count)
{
    DecodeRequests requests = {.starts = {0}};
    for (uint32_t r = 0; r < count; r++) {
        const uint32_t which = order != NULL ? order[r] : r, length = 1 + which * 7 % DECODE_PROMPT_MAX;
        for (uint32_t i = 0; i < length; i++) {
            requests.prompts[requests.starts[r] + i] = (int32_t)((which * 31 + i * 17 + 5) % DECODE_VOCAB);
        }
        requests.starts[r + 1] = requests.starts[r] + length;
        requests.sequence[r]   = 1000 + which;
        requests.max_new[r]    = DECODE_NEW;
    }
    return requests;
}

Decoder *decode_fixture_decoder_of(ComputeType cache, uint32_t slots, uint32_t steps)
{
    const DecodeLimits limits  = {.slots             = slots,
                                  .max_length        = DECODE_LENGTH,
                                  .max_requests      = DECODE_REQUESTS,
                                  .max_prompt_tokens = DECODE_REQUESTS * DECODE_PROMPT_MAX,
                                  .max_new           = DECODE_NEW,
                                  .steps_per_submit  = steps,
                                  .cache             = cache};
    Error              error   = {0};
    Decoder           *decoder = decoder_new(fixture_gpu(), &decode_config, &limits, &error);
    if (decoder == NULL) {
        fail_msg("%s", error.text);
    }
    return decoder;
}

Decoder *decode_fixture_decoder(uint32_t slots, uint32_t steps)
{
    return decode_fixture_decoder_of(COMPUTE_F32, slots, steps);
}

DecodeInput decode_input(const DecodeRequests *requests, uint32_t count)
{
    return (DecodeInput){.prompts       = requests->prompts,
                         .prompt_starts = requests->starts,
                         .sequence      = requests->sequence,
                         .requests      = count,
                         .sample        = {.temperature = 1, .seed = 77}};
}

DecodeOutput decode_run(Decoder *decoder, const DecodeInput *input)
{
    Error        error = {0};
    DecodeOutput output;
    if (decoder_run(decoder, decode_model, input, &output, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return output;
}

int decode_fixture_open(void **state)
{
    if (gpu_fixture_open(state) != 0) {
        return -1;
    }
    Error error  = {0};
    decode_model = model_new(fixture_gpu(), &decode_config, false, &error);
    if (decode_model == NULL ||
        model_init(decode_model, &(ModelInit){.embedding_std = 0.4, .linear_scale = 1.5, .residual_scale = 1}, 3,
                   &error) != STATUS_OK) {
        print_error("%s\n", error.text);
        return -1;
    }
    const DecodeRequests requests = decode_requests(NULL, DECODE_REQUESTS);
    const DecodeInput    input    = decode_input(&requests, DECODE_REQUESTS);
    Decoder             *decoder  = decode_fixture_decoder(64, 7);
    DecodeOutput         output   = decode_run(decoder, &input);
    memcpy(decode_expected, output.tokens, sizeof decode_expected);
    memcpy(decode_expected_logprobs, output.logprobs, sizeof decode_expected_logprobs);
    decoder_free(decoder);
    return 0;
}

int decode_fixture_close(void **state)
{
    model_free(decode_model);
    return gpu_fixture_close(state);
}

void decode_expect(const DecodeOutput *output, uint32_t r, uint32_t which, uint32_t length, const char *what)
{
    assert_int_equal(output->lengths[r], length);
    for (uint32_t i = 0; i < length; i++) {
        if (output->tokens[r * output->max_new + i] != decode_expected[which][i]) {
            fail_msg("%s: request %u, token %u is %d, not %d", what, which, i, output->tokens[r * output->max_new + i],
                     decode_expected[which][i]);
        }
    }
    assert_memory_equal(output->logprobs + r * output->max_new, decode_expected_logprobs[which],
                        length * sizeof(float)); /* to the bit */
}

void decode_expect_bad(Decoder *decoder, const DecodeInput *input, const char *part)
{
    Error        error = {0};
    DecodeOutput output;
    assert_int_equal(decoder_run(decoder, decode_model, input, &output, &error), STATUS_BAD_INPUT);
    if (strstr(error.text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
    }
}
