/* What the tests of the decoder share: a small random model, requests to it, and what they give with seed 77.
 *
 *     const DecodeRequests requests = decode_requests(NULL, DECODE_REQUESTS);
 *     const DecodeInput    input    = decode_input(&requests, DECODE_REQUESTS);
 *     Decoder             *decoder  = decode_fixture_decoder(8, 16);
 *     DecodeOutput         output   = decode_run(decoder, &input);
 *     decode_expect(&output, r, r, DECODE_NEW, "slots");
 */
#ifndef TESTS_SUPPORT_DECODE_FIXTURE_H
#define TESTS_SUPPORT_DECODE_FIXTURE_H

#include "tests/support/gpu_fixture.h"

#include "engine/model/decode.h"

enum { DECODE_VOCAB = 96, DECODE_REQUESTS = 40, DECODE_NEW = 24, DECODE_LENGTH = 40, DECODE_PROMPT_MAX = 9 };

extern const ModelConfig decode_config;

/* DecodeRequests with prompts of 1 to 9 tokens. */
typedef struct DecodeRequests {
    int32_t  prompts[DECODE_REQUESTS * DECODE_PROMPT_MAX];
    uint32_t starts[DECODE_REQUESTS + 1], sequence[DECODE_REQUESTS], max_new[DECODE_REQUESTS];
} DecodeRequests;

/* Request r of the result is request order[r] of the usual ones; NULL: r. */
DecodeRequests decode_requests(const uint32_t *order, uint32_t count);

DecodeInput decode_input(const DecodeRequests *requests, uint32_t count); /* temperature 1, seed 77 */

/* Each fails the test on an error. */
Decoder     *decode_fixture_decoder(uint32_t slots, uint32_t steps);
Decoder     *decode_fixture_decoder_of(ComputeType cache, uint32_t slots, uint32_t steps);
DecodeOutput decode_run(Decoder *decoder, const DecodeInput *input);

/* What all requests give with seed 77, the yardstick of the tests. */
extern int32_t decode_expected[DECODE_REQUESTS][DECODE_NEW];
extern float   decode_expected_logprobs[DECODE_REQUESTS][DECODE_NEW];

/* Request r of an output is the first `length` tokens of the usual request `which`, to the bit. */
void decode_expect(const DecodeOutput *output, uint32_t r, uint32_t which, uint32_t length, const char *what);

/* The input is refused, and the text of the error has `part`. */
void decode_expect_bad(Decoder *decoder, const DecodeInput *input, const char *part);

/* For cmocka_run_group_tests. */
int decode_fixture_open(void **state);
int decode_fixture_close(void **state);

#endif
