/* The decoder's prompts: read in chunks, once where neighbours have the same, not again where a conversation goes on.
 */
#include <string.h>

#include "tests/support/decode_fixture.h"

/* Prompts that are read in chunks: several in one, one in several, in slots that took them on the device and have
 * read a part. */
static void long_prompts(void **state)
{
    (void)state;
    enum { MANY = 36, LONG = DECODE_LENGTH - 6 }; /* 36 * 33 tokens: more than two chunks */
    int32_t  prompts[MANY * LONG], want[MANY][6];
    float    want_logprobs[MANY][6];
    uint32_t starts[MANY + 1] = {0}, sequence[MANY], max_new[MANY];
    for (uint32_t i = 0; i < MANY * LONG; i++) {
        prompts[i] = (int32_t)(i * 5 % 89);
    }
    for (uint32_t r = 0; r < MANY; r++) {
        starts[r + 1] = starts[r] + LONG;
        sequence[r]   = r;
        max_new[r]    = r % 3 == 0 ? 6 : 2;
    }
    const DecodeLimits limits = {
        .max_length = DECODE_LENGTH, .max_requests = MANY, .max_prompt_tokens = MANY * LONG, .max_new = 6};
    const struct {
        uint32_t slots, steps;
    } tried[4] = {{MANY, 6}, {MANY, 1}, {5, 9}, {2, 64}}; /* of 5 and 2, some begin their next prompt inside a submit */
    for (int i = 0; i < 4; i++) {
        DecodeLimits some         = limits;
        Error        error        = {0};
        some.slots                = tried[i].slots;
        some.steps_per_submit     = tried[i].steps;
        Decoder          *decoder = decoder_new(fixture_gpu(), &decode_config, &some, &error);
        const DecodeInput input   = {.prompts       = prompts,
                                     .prompt_starts = starts,
                                     .sequence      = sequence,
                                     .requests      = MANY,
                                     .max_new       = max_new,
                                     .sample        = {.temperature = 1, .seed = 3}};
        assert_non_null(decoder);
        DecodeOutput output = decode_run(decoder, &input);
        if (i == 0) {
            memcpy(want, output.tokens, sizeof want);
            memcpy(want_logprobs, output.logprobs, sizeof want_logprobs);
        }
        assert_memory_equal(output.tokens, want, sizeof want);
        assert_memory_equal(output.logprobs, want_logprobs, sizeof want_logprobs);
        if (tried[i].slots == MANY) {
            assert_int_equal(output.prompt_rows, MANY * (LONG - 1));
        } else {
            assert_in_range(output.prompt_rows, 2 * (LONG - 1), MANY * (LONG - 1) - 1);
        }
        decoder_free(decoder);
    }
}

/* Equal prompts of neighbours are read once. */
static void equal_prompts_are_read_once(void **state)
{
    (void)state;
    enum { GROUPS = 3, EACH = 4, PROMPT = 8 };
    DecodeRequests apart = {.starts = {0}}, together = {.starts = {0}};
    for (uint32_t r = 0; r < GROUPS * EACH; r++) {
        const uint32_t other =
            r % GROUPS * EACH + r / GROUPS; /* the same requests in an order without equal neighbours */
        for (uint32_t i = 0; i < PROMPT; i++) {
            together.prompts[r * PROMPT + i] = (int32_t)((r / EACH * 7 + i * i + 1) % DECODE_VOCAB);
            apart.prompts[r * PROMPT + i]    = (int32_t)((other / EACH * 7 + i * i + 1) % DECODE_VOCAB);
        }
        together.starts[r + 1] = apart.starts[r + 1] = (r + 1) * PROMPT;
        together.sequence[r]                         = r;
        apart.sequence[r]                            = other;
    }
    const uint32_t slots[2] = {GROUPS * EACH, 5};
    for (int i = 0; i < 2; i++) {
        Decoder          *decoder = decode_fixture_decoder(slots[i], 4);
        const DecodeInput input = decode_input(&apart, GROUPS * EACH), shared = decode_input(&together, GROUPS * EACH);
        int32_t           want[GROUPS * EACH * DECODE_NEW];
        float             want_logprobs[GROUPS * EACH * DECODE_NEW];
        DecodeOutput      output = decode_run(decoder, &input);
        if (i == 0) {
            assert_int_equal(output.prompt_rows, GROUPS * EACH * (PROMPT - 1));
        }
        memcpy(want, output.tokens, sizeof want);
        memcpy(want_logprobs, output.logprobs, sizeof want_logprobs);
        output = decode_run(decoder, &shared);
        if (i == 0) {
            assert_int_equal(output.prompt_rows, GROUPS * (PROMPT - 1));
        }
        for (uint32_t r = 0; r < GROUPS * EACH; r++) {
            const uint32_t other = r % GROUPS * EACH + r / GROUPS;
            assert_memory_equal(output.tokens + other * DECODE_NEW, want + r * DECODE_NEW, DECODE_NEW * sizeof *want);
            assert_memory_equal(output.logprobs + other * DECODE_NEW, want_logprobs + r * DECODE_NEW,
                                DECODE_NEW * sizeof *want_logprobs);
        }
        decoder_free(decoder);
    }
}

/* A conversation goes on: what was read is not read again, and the result is that of reading it all. */
static void a_prompt_that_begins_as_before_is_kept(void **state)
{
    (void)state;
    enum { PROMPT = 6, MORE = 8, READ = PROMPT + MORE - 1, SECOND = READ + 5 };
    DecodeRequests first  = {.starts = {0, PROMPT}, .sequence = {4}, .max_new = {MORE}};
    DecodeRequests second = {.starts = {0, SECOND}, .sequence = {9}, .max_new = {MORE}};
    for (uint32_t i = 0; i < PROMPT; i++) {
        first.prompts[i] = (int32_t)(i * 5 % DECODE_VOCAB);
    }
    int32_t want[MORE];
    float   want_logprobs[MORE];
    for (int keep = 0; keep < 3; keep++) { /* nothing, a part, all that was read */
        Decoder    *decoder = decode_fixture_decoder(1, 1);
        DecodeInput input   = decode_input(&first, 1);
        input.max_new       = first.max_new;
        DecodeOutput output = decode_run(decoder, &input);
        for (uint32_t i = 0; i < second.starts[1]; i++) {
            second.prompts[i] = i < PROMPT ? first.prompts[i]
                                : i < READ ? output.tokens[i - PROMPT]
                                           : (int32_t)(i * 3 % DECODE_VOCAB);
        }
        input         = decode_input(&second, 1);
        input.max_new = second.max_new;
        input.kept    = keep == 0 ? 0 : keep == 1 ? 4 : READ;
        output        = decode_run(decoder, &input);
        assert_int_equal(output.lengths[0], MORE);
        if (keep == 0) {
            memcpy(want, output.tokens, sizeof want);
            memcpy(want_logprobs, output.logprobs, sizeof want_logprobs);
        }
        assert_memory_equal(output.tokens, want, sizeof want);
        assert_memory_equal(output.logprobs, want_logprobs, sizeof want_logprobs);
        assert_int_equal(output.prompt_rows, SECOND - 1 - input.kept);
        /* More than was read, or all of the prompt, cannot be kept; nor anything after several requests. */
        input.kept = SECOND;
        decode_expect_bad(decoder, &input, "cannot be kept");
        const DecodeRequests two   = decode_requests(NULL, 2);
        const DecodeInput    other = decode_input(&two, 2);
        decode_run(decoder, &other);
        input.kept = 1;
        decode_expect_bad(decoder, &input, "cannot be kept");
        decoder_free(decoder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(long_prompts), fixture_test(equal_prompts_are_read_once),
                                       fixture_test(a_prompt_that_begins_as_before_is_kept)};
    return cmocka_run_group_tests(tests, decode_fixture_open, decode_fixture_close);
}
