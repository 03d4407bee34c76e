/* The decoder's ends: limits, stop tokens and the context end a request, the caller sees it and may stop all; bad input
 * is an error. */
#include <string.h>

#include "tests/support/decode_fixture.h"

static void requests_have_their_own_limit(void **state)
{
    (void)state;
    DecodeRequests requests = decode_requests(NULL, DECODE_REQUESTS);
    for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
        requests.max_new[r] = 1 + r * 5 % DECODE_NEW;
    }
    DecodeInput input       = decode_input(&requests, DECODE_REQUESTS);
    input.max_new           = requests.max_new;
    const uint32_t slots[2] = {6, 64}; /* 64: the last ones move together as others end */
    for (int i = 0; i < 2; i++) {
        Decoder     *decoder = decode_fixture_decoder(slots[i], 4);
        DecodeOutput output  = decode_run(decoder, &input);
        for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
            decode_expect(&output, r, r, requests.max_new[r], "own limit");
            assert_int_equal(output.stopped[r], 0);
        }
        decoder_free(decoder);
    }
}

static void stop_tokens_end_a_request(void **state)
{
    (void)state;
    const int32_t stops[STOP_TOKENS_MAX] = {1,  2,  3,  4,  decode_expected[0][6], 5, 6, decode_expected[1][2], 7, 8, 9,
                                            10, 11, 12, 13, decode_expected[3][4]}; /* the last ones count as well */
    DecodeRequests requests              = decode_requests(NULL, DECODE_REQUESTS);
    DecodeInput    input                 = decode_input(&requests, DECODE_REQUESTS);
    Decoder       *decoder               = decode_fixture_decoder(8, 16);
    for (int ignore = 0; ignore < 2; ignore++) {
        input.stop_ids       = stops;
        input.stop_count     = STOP_TOKENS_MAX;
        input.ignore_stop    = ignore == 1;
        DecodeOutput output  = decode_run(decoder, &input);
        uint32_t     stopped = 0;
        for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
            uint32_t length = 0;
            bool     stop   = false;
            while (length < DECODE_NEW && !stop) {
                for (int i = 0; i < STOP_TOKENS_MAX; i++) {
                    stop = stop || (ignore == 0 && decode_expected[r][length] == stops[i]);
                }
                length++;
            }
            decode_expect(&output, r, r, length, "stop tokens");
            assert_int_equal(output.stopped[r], stop);
            stopped += stop;
        }
        assert_true(ignore == 1 ? stopped == 0 : stopped > DECODE_REQUESTS / 4);
    }
    decoder_free(decoder);
}

/* prompt + completion never exceed max_length, and reach it. */
static void the_context_ends_a_request(void **state)
{
    (void)state;
    const DecodeLimits limits = {
        .slots = 4, .max_length = 12, .max_requests = 12, .max_prompt_tokens = 100, .max_new = DECODE_NEW};
    Error    error   = {0};
    Decoder *decoder = decoder_new(fixture_gpu(), &decode_config, &limits, &error);
    assert_non_null(decoder);
    const DecodeRequests requests = decode_requests(NULL, 12);
    DecodeInput          input    = decode_input(&requests, 12);
    DecodeOutput         output   = decode_run(decoder, &input);
    for (uint32_t r = 0; r < 12; r++) {
        decode_expect(&output, r, r, 12 - (requests.starts[r + 1] - requests.starts[r]), "context");
        assert_int_equal(output.stopped[r], 0);
    }
    decoder_free(decoder);
}

typedef struct Watch {
    uint32_t calls, last_active, stop_at;
    Decoder *decoder;
    uint32_t seen; /* of request 0 */
} Watch;

static bool watch(void *user, uint32_t active)
{
    Watch   *w = user;
    int32_t  tokens[DECODE_NEW];
    uint32_t count;
    Error    error = {0};
    assert_int_equal(decoder_peek(w->decoder, 0, tokens, &count, &error), STATUS_OK);
    assert_true(count >= w->seen && count <= DECODE_NEW);
    assert_memory_equal(tokens, decode_expected[0], count * sizeof *tokens);
    w->seen        = count;
    w->last_active = active;
    return ++w->calls == w->stop_at;
}

static void progress_shows_and_stops(void **state)
{
    (void)state;
    const DecodeRequests requests = decode_requests(NULL, DECODE_REQUESTS);
    DecodeInput          input    = decode_input(&requests, DECODE_REQUESTS);
    Decoder             *decoder  = decode_fixture_decoder(16, 3);
    Watch                watched  = {.decoder = decoder};
    input.progress                = watch;
    input.user                    = &watched;
    decode_run(decoder, &input);
    assert_int_equal(watched.seen, DECODE_NEW);
    assert_int_equal(watched.last_active, 0);
    assert_true(watched.calls >= DECODE_NEW / 3);

    watched = (Watch){.decoder = decoder, .stop_at = 12}; /* 36 steps: 16 requests done, others on their way */
    DecodeOutput output = decode_run(decoder, &input);
    uint32_t     done   = 0;
    for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
        if (output.lengths[r] > 0) {
            decode_expect(&output, r, r, DECODE_NEW, "stopped by the caller");
            done++;
        }
    }
    assert_int_equal(watched.calls, 12);
    assert_in_range(done, 16, 24);
    decoder_free(decoder);
}

/* What was told of each request. */
typedef struct Told {
    uint32_t count, of[DECODE_REQUESTS], submits, early;
} Told;

static void be_told(void *user, uint32_t r, const int32_t *tokens, uint32_t count, bool stopped)
{
    Told *told = user;
    assert_true(r < DECODE_REQUESTS && !stopped);
    assert_int_equal(count, DECODE_NEW - r % 5);
    assert_memory_equal(tokens, decode_expected[r], count * sizeof *tokens);
    told->of[r]++;
    told->count++;
}

static bool stop_told(void *user, uint32_t active)
{
    Told *told = user;
    told->early += active > 0 && told->count > 0;
    return ++told->submits == 12;
}

static void the_finished_are_told_at_once(void **state)
{
    (void)state;
    DecodeRequests requests = decode_requests(NULL, DECODE_REQUESTS);
    DecodeInput    input    = decode_input(&requests, DECODE_REQUESTS);
    Decoder       *decoder  = decode_fixture_decoder(16, 3);
    Told           told     = {.submits = 100};
    for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
        requests.max_new[r] = DECODE_NEW - r % 5;
    }
    input.max_new       = requests.max_new;
    input.finished      = be_told;
    input.progress      = stop_told;
    input.user          = &told;
    DecodeOutput output = decode_run(decoder, &input);
    for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
        assert_int_equal(told.of[r], 1);
        decode_expect(&output, r, r, DECODE_NEW - r % 5, "after it was told");
    }
    assert_true(told.early > 3); /* looks at which some were known and others at work */

    told   = (Told){0}; /* stopped after 12 submits */
    output = decode_run(decoder, &input);
    assert_in_range(told.count, 10, DECODE_REQUESTS - 10);
    for (uint32_t r = 0; r < DECODE_REQUESTS; r++) {
        assert_int_equal(told.of[r], output.lengths[r] > 0);
    }
    decoder_free(decoder);
}

static void bad_input_is_an_error(void **state)
{
    (void)state;
    Decoder             *decoder = decode_fixture_decoder(2, 2);
    const DecodeRequests good    = decode_requests(NULL, 3);
    DecodeInput          input   = decode_input(&good, 3);

    DecodeRequests bad = good;
    bad.prompts[1]     = DECODE_VOCAB;
    input.prompts      = bad.prompts;
    decode_expect_bad(decoder, &input, "96");
    bad.prompts[1] = -1;
    decode_expect_bad(decoder, &input, "-1");
    input = decode_input(&good, 3);

    uint32_t empty[4]   = {0, 1, 1, 4};
    input.prompt_starts = empty;
    decode_expect_bad(decoder, &input, "prompt 2 has 0 tokens");
    int32_t  zeros[DECODE_LENGTH + 1] = {0};
    uint32_t full[2]                  = {0, DECODE_LENGTH};
    input.prompts                     = zeros;
    input.prompt_starts               = full;
    input.requests                    = 1;
    decode_expect_bad(decoder, &input, "40");
    input = decode_input(&good, 3);

    uint32_t too_many[3] = {1, DECODE_NEW + 1, 1}, none[3] = {1, 1, 0};
    input.max_new = too_many;
    decode_expect_bad(decoder, &input, "prompt 2");
    input.max_new = none;
    decode_expect_bad(decoder, &input, "prompt 3");
    input = decode_input(&good, 3);

    const int32_t stops[STOP_TOKENS_MAX + 1] = {0};
    input.stop_ids                           = stops;
    input.stop_count                         = STOP_TOKENS_MAX + 1;
    decode_expect_bad(decoder, &input, "stop");
    input          = decode_input(&good, 3);
    input.requests = DECODE_REQUESTS + 1;
    uint32_t many[DECODE_REQUESTS + 2];
    for (uint32_t r = 0; r < DECODE_REQUESTS + 2; r++) {
        many[r] = r;
    }
    input.prompts       = good.prompts;
    input.prompt_starts = many;
    decode_expect_bad(decoder, &input, "41");

    input               = decode_input(&good, 0); /* nothing to do is no error */
    DecodeOutput output = decode_run(decoder, &input);
    assert_int_equal(output.steps, 0);
    decoder_free(decoder);

    Error        error  = {0};
    DecodeLimits limits = {
        .slots = 2, .max_length = DECODE_LENGTH + 1, .max_requests = 1, .max_prompt_tokens = 4, .max_new = 1};
    assert_null(decoder_new(fixture_gpu(), &decode_config, &limits, &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "context"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(requests_have_their_own_limit), fixture_test(stop_tokens_end_a_request),
        fixture_test(the_context_ends_a_request),    fixture_test(progress_shows_and_stops),
        fixture_test(the_finished_are_told_at_once), fixture_test(bad_input_is_an_error)};
    return cmocka_run_group_tests(tests, decode_fixture_open, decode_fixture_close);
}
