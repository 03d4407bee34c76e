/* The decoder on a small random model: a token depends on (seed, sequence, position) and never on slots, order,
 * neighbours or how the cache is bound. */
#include <math.h>
#include <string.h>

#include "tests/support/decode_fixture.h"

static void samples_vary(void **state)
{
    (void)state;
    uint32_t seen[DECODE_VOCAB] = {0}, kinds = 0;
    for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
        for (uint32_t i = 0; i < DECODE_NEW; i++) {
            assert_in_range(decode_expected[r][i], 0, DECODE_VOCAB - 1);
            kinds += seen[decode_expected[r][i]]++ == 0;
        }
    }
    assert_true(kinds > DECODE_VOCAB / 2);
    const DecodeRequests requests = decode_requests(NULL, DECODE_REQUESTS);
    DecodeInput          input    = decode_input(&requests, DECODE_REQUESTS);
    Decoder             *decoder  = decode_fixture_decoder(64, 16);
    input.sample.seed             = 78;
    DecodeOutput output           = decode_run(decoder, &input);
    uint32_t     same             = 0;
    for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
        same += memcmp(output.tokens + r * DECODE_NEW, decode_expected[r], sizeof decode_expected[r]) == 0;
    }
    assert_int_equal(same, 0); /* another seed */
    decoder_free(decoder);
}

static void slots_do_not_matter(void **state)
{
    (void)state;
    const DecodeRequests requests = decode_requests(NULL, DECODE_REQUESTS);
    const DecodeInput    input    = decode_input(&requests, DECODE_REQUESTS);
    const uint32_t       slots[4] = {1, 3, 8, 0};
    for (int i = 0; i < 4; i++) {
        Decoder       *decoder = decode_fixture_decoder(slots[i], 16);
        const uint32_t count   = slots[i] == 1 ? 6 : DECODE_REQUESTS; /* one slot takes long */
        DecodeInput    some    = input;
        some.requests          = count;
        DecodeOutput output    = decode_run(decoder, &some);
        for (uint32_t r = 0; r < count; r++) {
            decode_expect(&output, r, r, DECODE_NEW, "slots");
            assert_int_equal(output.stopped[r], 0);
        }
        decoder_free(decoder);
    }
}

static void order_and_neighbours_do_not_matter(void **state)
{
    (void)state;
    uint32_t order[DECODE_REQUESTS];
    for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
        order[r] = (r * 23 + 11) % DECODE_REQUESTS;
    }
    Decoder             *decoder  = decode_fixture_decoder(8, 5);
    const DecodeRequests shuffled = decode_requests(order, DECODE_REQUESTS), few = decode_requests(order, 3);
    DecodeInput          input  = decode_input(&shuffled, DECODE_REQUESTS);
    DecodeOutput         output = decode_run(decoder, &input);
    for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
        decode_expect(&output, r, order[r], DECODE_NEW, "order");
    }
    input  = decode_input(&few, 3); /* the same decoder again, most slots idle, old keys in the caches */
    output = decode_run(decoder, &input);
    for (uint32_t r = 0; r < 3; r++) {
        decode_expect(&output, r, order[r], DECODE_NEW, "neighbours");
    }
    decoder_free(decoder);
}

/* A device that binds only a few slots' keys at once. */
static void a_cache_in_pieces(void **state)
{
    (void)state;
    uint64_t *limit = (uint64_t *)(uintptr_t)&gpu_info(fixture_gpu())->max_binding_bytes; /* pretended for this test */
    uint64_t  was   = *limit;
    *limit          = 32768; /* 12 slots of 2560 bytes; q and qkv are aligned from 2 on */
    const DecodeRequests requests = decode_requests(NULL, DECODE_REQUESTS);
    const DecodeInput    input    = decode_input(&requests, DECODE_REQUESTS);
    Decoder             *decoder  = decode_fixture_decoder(40, 9);
    DecodeOutput         output   = decode_run(decoder, &input);
    *limit                        = was;
    for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
        decode_expect(&output, r, r, DECODE_NEW, "pieces");
    }
    decoder_free(decoder);
}

/* With few slots GPUs take other products for steps (matmul.h): the same to rounding, and the same twice. */
static void few_slots_of_a_gpu(void **state)
{
    (void)state;
    GpuType *type = (GpuType *)(uintptr_t)&gpu_info(fixture_gpu())->type, real = *type; /* pretended for this test */
    *type                         = GPU_DISCRETE;
    const DecodeRequests requests = decode_requests(NULL, DECODE_REQUESTS);
    const DecodeInput    input    = decode_input(&requests, DECODE_REQUESTS);
    const DecodeLimits   limits   = {.slots             = 3,
                                     .max_length        = DECODE_LENGTH,
                                     .max_requests      = DECODE_REQUESTS,
                                     .max_prompt_tokens = DECODE_REQUESTS * DECODE_PROMPT_MAX,
                                     .max_new           = DECODE_NEW,
                                     .steps_per_submit  = 4,
                                     .few_rows          = true};
    Error                error    = {0};
    Decoder             *decoder  = decoder_new(fixture_gpu(), &decode_config, &limits, &error);
    float                logprobs[DECODE_REQUESTS][DECODE_NEW];
    bool                 other_bits = false;
    for (int again = 0; again < 2; again++) {
        DecodeOutput output = decode_run(decoder, &input);
        for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
            assert_memory_equal(output.tokens + (size_t)r * output.max_new, decode_expected[r],
                                sizeof decode_expected[r]);
            const float *got = output.logprobs + (size_t)r * output.max_new;
            for (uint32_t i = 0; i < DECODE_NEW; i++) {
                assert_float_equal(got[i], decode_expected_logprobs[r][i], 1e-4F);
                other_bits = other_bits || memcmp(&got[i], &decode_expected_logprobs[r][i], 4) != 0;
            }
            if (again == 1) {
                assert_memory_equal(got, logprobs[r], sizeof logprobs[r]);
            }
            memcpy(logprobs[r], got, sizeof logprobs[r]);
        }
    }
    *type = real;
    assert_int_equal(error.status, STATUS_OK);
    /* Else the other products were not there: they want subgroups of 4 or more. */
    assert_true(other_bits || gpu_info(fixture_gpu())->subgroup_size < 4);
    decoder_free(decoder);
}

/* How far the log-probabilities of tokens that are the same, after the same, are off at most; *same: how many requests
 * have the same tokens. */
static double farthest(const DecodeOutput *output, const DecodeOutput *from_f32, uint32_t *same)
{
    double most = 0;
    *same       = 0;
    for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
        uint32_t i = r * DECODE_NEW;
        for (; i < (r + 1) * DECODE_NEW && output->tokens[i] == from_f32->tokens[i]; i++) {
            most = fmax(most, fabs((double)output->logprobs[i] - (double)from_f32->logprobs[i]));
        }
        *same += i == (r + 1) * DECODE_NEW;
    }
    return most;
}

/* A cache of 16 bits rounds keys and values by up to 2^-8 and 2^-11 of themselves. Logits of up to 10 after two layers,
 * whose matrices enlarge by half, are off by 10 of that and a few times more; most greedy responses stay the same. And
 * what slots and chunks do not change in f32 they do not change here. */
static void a_cache_of_16_bits(void **state)
{
    (void)state;
    const DecodeRequests requests = decode_requests(NULL, DECODE_REQUESTS);
    DecodeInput          input    = decode_input(&requests, DECODE_REQUESTS);
    input.sample.temperature      = 0;
    Decoder     *exact            = decode_fixture_decoder(64, 7);
    DecodeOutput from_f32         = decode_run(exact, &input);
    for (ComputeType cache = COMPUTE_BF16; cache <= COMPUTE_F16; cache++) {
        Decoder     *wide = decode_fixture_decoder_of(cache, 64, 7), *narrow = decode_fixture_decoder_of(cache, 3, 16);
        DecodeOutput a = decode_run(wide, &input), b = decode_run(narrow, &input);
        uint32_t     same;
        assert_memory_equal(a.tokens, b.tokens, DECODE_REQUESTS * DECODE_NEW * sizeof *a.tokens);
        assert_memory_equal(a.logprobs, b.logprobs, DECODE_REQUESTS * DECODE_NEW * sizeof *a.logprobs);
        const double off = farthest(&a, &from_f32, &same);
        print_message("    %s: %u of %u greedy responses as with f32, log-probabilities off by up to %.2g\n",
                      compute_type_name(cache), same, DECODE_REQUESTS, off);
        assert_true(off > 0 && off < 40 * (cache == COMPUTE_BF16 ? 0x1p-8 : 0x1p-11));
        assert_true(same >= (cache == COMPUTE_BF16 ? DECODE_REQUESTS / 2 : DECODE_REQUESTS * 4 / 5));
        decoder_free(wide);
        decoder_free(narrow);
    }
    decoder_free(exact);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(samples_vary),
                                       fixture_test(slots_do_not_matter),
                                       fixture_test(order_and_neighbours_do_not_matter),
                                       fixture_test(a_cache_in_pieces),
                                       fixture_test(few_slots_of_a_gpu),
                                       fixture_test(a_cache_of_16_bits)};
    return cmocka_run_group_tests(tests, decode_fixture_open, decode_fixture_close);
}
