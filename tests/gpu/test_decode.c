/* The decoder's promises on a small random model: a token depends on (seed, sequence,
 * position) and never on slots, order or neighbours; slots refill; stop tokens and limits
 * end a request; bad input is an error. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/gpu_fixture.h"

#include "engine/model/decode.h"

enum { VOCAB = 96, REQUESTS = 40, NEW = 24, LENGTH = 40, PROMPT_MAX = 9 };

static Model *model;

static const ModelConfig config = {.family = MODEL_LLAMA,
                                   .vocab_size = VOCAB,
                                   .hidden_size = 32,
                                   .layers = 2,
                                   .heads = 4,
                                   .kv_heads = 2,
                                   .head_dim = 8,
                                   .intermediate_size = 48,
                                   .max_positions = LENGTH,
                                   .rms_norm_eps = 1e-5f,
                                   .rope = {.theta = 10000},
                                   .tie_embeddings = true,
                                   .bos_token_id = -1,
                                   .pad_token_id = -1};

/* Requests with prompts of 1 to 9 tokens. */
typedef struct Requests {
    int32_t  prompts[REQUESTS * PROMPT_MAX];
    uint32_t starts[REQUESTS + 1], sequence[REQUESTS], max_new[REQUESTS];
} Requests;

/* Request r of the result is request order[r] of the usual ones. */
static Requests requests_make(const uint32_t *order, uint32_t count)
{
    Requests requests = {.starts = {0}};
    for (uint32_t r = 0; r < count; r++) {
        const uint32_t which = order != NULL ? order[r] : r, length = 1 + which * 7 % PROMPT_MAX;
        for (uint32_t i = 0; i < length; i++) {
            requests.prompts[requests.starts[r] + i] = (int32_t)((which * 31 + i * 17 + 5) % VOCAB);
        }
        requests.starts[r + 1] = requests.starts[r] + length;
        requests.sequence[r] = 1000 + which;
        requests.max_new[r] = NEW;
    }
    return requests;
}

static Decoder *decoder_open(uint32_t slots, uint32_t steps)
{
    const DecodeLimits limits = {.slots = slots, .max_length = LENGTH, .max_requests = REQUESTS,
                                 .max_prompt_tokens = REQUESTS * PROMPT_MAX, .max_new = NEW, .steps_per_submit = steps};
    Error              error = {0};
    Decoder           *decoder = decoder_new(fixture_gpu(), &config, &limits, &error);
    if (decoder == NULL) {
        fail_msg("%s", error.text);
    }
    return decoder;
}

static DecodeInput input_of(const Requests *requests, uint32_t count)
{
    return (DecodeInput){.prompts = requests->prompts, .prompt_starts = requests->starts, .sequence = requests->sequence,
                         .requests = count, .sample = {.temperature = 1, .seed = 77}};
}

static DecodeOutput run(Decoder *decoder, const DecodeInput *input)
{
    Error        error = {0};
    DecodeOutput output;
    if (decoder_run(decoder, model, input, &output, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return output;
}

/* What all requests give with seed 77, the yardstick of the tests. */
static int32_t expected[REQUESTS][NEW];
static float   expected_logprobs[REQUESTS][NEW];

static int open_model(void **state)
{
    if (gpu_fixture_open(state) != 0) {
        return -1;
    }
    Error error = {0};
    model = model_new(fixture_gpu(), &config, false, &error);
    if (model == NULL ||
        model_init(model, &(ModelInit){.embedding_std = 0.4, .linear_scale = 1.5, .residual_scale = 1}, 3, &error) != STATUS_OK) {
        print_error("%s\n", error.text);
        return -1;
    }
    const Requests    requests = requests_make(NULL, REQUESTS);
    const DecodeInput input = input_of(&requests, REQUESTS);
    Decoder          *decoder = decoder_open(64, 7);
    DecodeOutput      output = run(decoder, &input);
    memcpy(expected, output.tokens, sizeof expected);
    memcpy(expected_logprobs, output.logprobs, sizeof expected_logprobs);
    decoder_free(decoder);
    return 0;
}

static int close_model(void **state)
{
    model_free(model);
    return gpu_fixture_close(state);
}

static void expect_tokens(const DecodeOutput *output, uint32_t r, uint32_t which, uint32_t length, const char *what)
{
    assert_int_equal(output->lengths[r], length);
    for (uint32_t i = 0; i < length; i++) {
        if (output->tokens[r * output->max_new + i] != expected[which][i]) {
            fail_msg("%s: request %u, token %u is %d, not %d", what, which, i, output->tokens[r * output->max_new + i],
                     expected[which][i]);
        }
    }
    assert_memory_equal(output->logprobs + r * output->max_new, expected_logprobs[which], length * sizeof(float)); /* to the bit */
}

static void samples_vary(void **state)
{
    (void)state;
    uint32_t seen[VOCAB] = {0}, kinds = 0;
    for (uint32_t r = 0; r < REQUESTS; r++) {
        for (uint32_t i = 0; i < NEW; i++) {
            assert_in_range(expected[r][i], 0, VOCAB - 1);
            kinds += seen[expected[r][i]]++ == 0;
        }
    }
    assert_true(kinds > VOCAB / 2);
    const Requests requests = requests_make(NULL, REQUESTS);
    DecodeInput    input = input_of(&requests, REQUESTS);
    Decoder       *decoder = decoder_open(64, 16);
    input.sample.seed = 78;
    DecodeOutput output = run(decoder, &input);
    uint32_t     same = 0;
    for (uint32_t r = 0; r < REQUESTS; r++) {
        same += memcmp(output.tokens + r * NEW, expected[r], sizeof expected[r]) == 0;
    }
    assert_int_equal(same, 0); /* another seed */
    decoder_free(decoder);
}

static void slots_do_not_matter(void **state)
{
    (void)state;
    const Requests    requests = requests_make(NULL, REQUESTS);
    const DecodeInput input = input_of(&requests, REQUESTS);
    const uint32_t    slots[4] = {1, 3, 8, 0};
    for (int i = 0; i < 4; i++) {
        Decoder       *decoder = decoder_open(slots[i], 16);
        const uint32_t count = slots[i] == 1 ? 6 : REQUESTS; /* one slot takes long */
        DecodeInput    some = input;
        some.requests = count;
        DecodeOutput output = run(decoder, &some);
        for (uint32_t r = 0; r < count; r++) {
            expect_tokens(&output, r, r, NEW, "slots");
            assert_int_equal(output.stopped[r], 0);
        }
        decoder_free(decoder);
    }
}

static void order_and_neighbours_do_not_matter(void **state)
{
    (void)state;
    uint32_t order[REQUESTS];
    for (uint32_t r = 0; r < REQUESTS; r++) {
        order[r] = (r * 23 + 11) % REQUESTS;
    }
    Decoder       *decoder = decoder_open(8, 5);
    const Requests shuffled = requests_make(order, REQUESTS), few = requests_make(order, 3);
    DecodeInput    input = input_of(&shuffled, REQUESTS);
    DecodeOutput   output = run(decoder, &input);
    for (uint32_t r = 0; r < REQUESTS; r++) {
        expect_tokens(&output, r, order[r], NEW, "order");
    }
    input = input_of(&few, 3); /* the same decoder again, most slots idle, old keys in the caches */
    output = run(decoder, &input);
    for (uint32_t r = 0; r < 3; r++) {
        expect_tokens(&output, r, order[r], NEW, "neighbours");
    }
    decoder_free(decoder);
}

static void requests_have_their_own_limit(void **state)
{
    (void)state;
    Requests requests = requests_make(NULL, REQUESTS);
    for (uint32_t r = 0; r < REQUESTS; r++) {
        requests.max_new[r] = 1 + r * 5 % NEW;
    }
    DecodeInput input = input_of(&requests, REQUESTS);
    input.max_new = requests.max_new;
    const uint32_t slots[2] = {6, 64}; /* 64: the last ones move together as others end */
    for (int i = 0; i < 2; i++) {
        Decoder     *decoder = decoder_open(slots[i], 4);
        DecodeOutput output = run(decoder, &input);
        for (uint32_t r = 0; r < REQUESTS; r++) {
            expect_tokens(&output, r, r, requests.max_new[r], "own limit");
            assert_int_equal(output.stopped[r], 0);
        }
        decoder_free(decoder);
    }
}

/* A device that binds only a few slots' keys at once. */
static void a_cache_in_pieces(void **state)
{
    (void)state;
    uint64_t *limit = (uint64_t *)(uintptr_t)&gpu_info(fixture_gpu())->max_binding_bytes; /* pretended for this test */
    uint64_t  was = *limit;
    *limit = 32768; /* 12 slots of 2560 bytes; q and qkv are aligned from 2 on */
    const Requests    requests = requests_make(NULL, REQUESTS);
    const DecodeInput input = input_of(&requests, REQUESTS);
    Decoder          *decoder = decoder_open(40, 9);
    DecodeOutput      output = run(decoder, &input);
    *limit = was;
    for (uint32_t r = 0; r < REQUESTS; r++) {
        expect_tokens(&output, r, r, NEW, "pieces");
    }
    decoder_free(decoder);
}

/* With few slots GPUs take other products for steps (matmul.h): the same to rounding, and the same twice. */
static void few_slots_of_a_gpu(void **state)
{
    (void)state;
    GpuType *type = (GpuType *)(uintptr_t)&gpu_info(fixture_gpu())->type, real = *type; /* pretended for this test */
    *type = GPU_DISCRETE;
    const Requests    requests = requests_make(NULL, REQUESTS);
    const DecodeInput input = input_of(&requests, REQUESTS);
    const DecodeLimits limits = {.slots = 3, .max_length = LENGTH, .max_requests = REQUESTS, .max_prompt_tokens = REQUESTS * PROMPT_MAX,
                                 .max_new = NEW, .steps_per_submit = 4, .few_rows = true};
    Error              error = {0};
    Decoder           *decoder = decoder_new(fixture_gpu(), &config, &limits, &error);
    float              logprobs[REQUESTS][NEW];
    bool               other_bits = false;
    for (int again = 0; again < 2; again++) {
        DecodeOutput output = run(decoder, &input);
        for (uint32_t r = 0; r < REQUESTS; r++) {
            assert_memory_equal(output.tokens + (size_t)r * output.max_new, expected[r], sizeof expected[r]);
            const float *got = output.logprobs + (size_t)r * output.max_new;
            for (uint32_t i = 0; i < NEW; i++) {
                assert_float_equal(got[i], expected_logprobs[r][i], 1e-4F);
                other_bits = other_bits || memcmp(&got[i], &expected_logprobs[r][i], 4) != 0;
            }
            if (again == 1) {
                assert_memory_equal(got, logprobs[r], sizeof logprobs[r]);
            }
            memcpy(logprobs[r], got, sizeof logprobs[r]);
        }
    }
    *type = real;
    assert_int_equal(error.status, STATUS_OK);
    assert_true(other_bits); /* else the other products were not there */
    decoder_free(decoder);
}

static void expect_bad(Decoder *decoder, const DecodeInput *input, const char *part)
{
    Error        error = {0};
    DecodeOutput output;
    assert_int_equal(decoder_run(decoder, model, input, &output, &error), STATUS_BAD_INPUT);
    if (strstr(error.text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", error.text, part);
    }
}

/* Prompts that are read in chunks: several in one, one in several, in slots that took them on the device and have
 * read a part. */
static void long_prompts(void **state)
{
    (void)state;
    enum { MANY = 36, LONG = LENGTH - 6 }; /* 36 * 33 tokens: more than two chunks */
    int32_t  prompts[MANY * LONG], want[MANY][6];
    float    want_logprobs[MANY][6];
    uint32_t starts[MANY + 1] = {0}, sequence[MANY], max_new[MANY];
    for (uint32_t i = 0; i < MANY * LONG; i++) {
        prompts[i] = (int32_t)(i * 5 % 89);
    }
    for (uint32_t r = 0; r < MANY; r++) {
        starts[r + 1] = starts[r] + LONG;
        sequence[r] = r;
        max_new[r] = r % 3 == 0 ? 6 : 2;
    }
    const DecodeLimits limits = {.max_length = LENGTH, .max_requests = MANY, .max_prompt_tokens = MANY * LONG, .max_new = 6};
    const struct {
        uint32_t slots, steps;
    } tried[4] = {{MANY, 6}, {MANY, 1}, {5, 9}, {2, 64}}; /* of 5 and 2, some begin their next prompt inside a submit */
    for (int i = 0; i < 4; i++) {
        DecodeLimits some = limits;
        Error        error = {0};
        some.slots = tried[i].slots;
        some.steps_per_submit = tried[i].steps;
        Decoder          *decoder = decoder_new(fixture_gpu(), &config, &some, &error);
        const DecodeInput input = {.prompts = prompts, .prompt_starts = starts, .sequence = sequence, .requests = MANY,
                                   .max_new = max_new, .sample = {.temperature = 1, .seed = 3}};
        assert_non_null(decoder);
        DecodeOutput output = run(decoder, &input);
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
    Requests apart = {.starts = {0}}, together = {.starts = {0}};
    for (uint32_t r = 0; r < GROUPS * EACH; r++) {
        const uint32_t other = r % GROUPS * EACH + r / GROUPS; /* the same requests in an order without equal neighbours */
        for (uint32_t i = 0; i < PROMPT; i++) {
            together.prompts[r * PROMPT + i] = (int32_t)((r / EACH * 7 + i * i + 1) % VOCAB);
            apart.prompts[r * PROMPT + i] = (int32_t)((other / EACH * 7 + i * i + 1) % VOCAB);
        }
        together.starts[r + 1] = apart.starts[r + 1] = (r + 1) * PROMPT;
        together.sequence[r] = r;
        apart.sequence[r] = other;
    }
    const uint32_t slots[2] = {GROUPS * EACH, 5};
    for (int i = 0; i < 2; i++) {
        Decoder          *decoder = decoder_open(slots[i], 4);
        const DecodeInput input = input_of(&apart, GROUPS * EACH), shared = input_of(&together, GROUPS * EACH);
        int32_t           want[GROUPS * EACH * NEW];
        float             want_logprobs[GROUPS * EACH * NEW];
        DecodeOutput      output = run(decoder, &input);
        if (i == 0) {
            assert_int_equal(output.prompt_rows, GROUPS * EACH * (PROMPT - 1));
        }
        memcpy(want, output.tokens, sizeof want);
        memcpy(want_logprobs, output.logprobs, sizeof want_logprobs);
        output = run(decoder, &shared);
        if (i == 0) {
            assert_int_equal(output.prompt_rows, GROUPS * (PROMPT - 1));
        }
        for (uint32_t r = 0; r < GROUPS * EACH; r++) {
            const uint32_t other = r % GROUPS * EACH + r / GROUPS;
            assert_memory_equal(output.tokens + other * NEW, want + r * NEW, NEW * sizeof *want);
            assert_memory_equal(output.logprobs + other * NEW, want_logprobs + r * NEW, NEW * sizeof *want_logprobs);
        }
        decoder_free(decoder);
    }
}

/* A conversation goes on: what was read is not read again, and the result is that of reading it all. */
static void a_prompt_that_begins_as_before_is_kept(void **state)
{
    (void)state;
    enum { PROMPT = 6, MORE = 8, READ = PROMPT + MORE - 1, SECOND = READ + 5 };
    Requests first = {.starts = {0, PROMPT}, .sequence = {4}, .max_new = {MORE}};
    Requests second = {.starts = {0, SECOND}, .sequence = {9}, .max_new = {MORE}};
    for (uint32_t i = 0; i < PROMPT; i++) {
        first.prompts[i] = (int32_t)(i * 5 % VOCAB);
    }
    int32_t  want[MORE];
    float    want_logprobs[MORE];
    for (int keep = 0; keep < 3; keep++) { /* nothing, a part, all that was read */
        Decoder     *decoder = decoder_open(1, 1);
        DecodeInput  input = input_of(&first, 1);
        input.max_new = first.max_new;
        DecodeOutput output = run(decoder, &input);
        for (uint32_t i = 0; i < second.starts[1]; i++) {
            second.prompts[i] = i < PROMPT ? first.prompts[i] : i < READ ? output.tokens[i - PROMPT] : (int32_t)(i * 3 % VOCAB);
        }
        input = input_of(&second, 1);
        input.max_new = second.max_new;
        input.kept = keep == 0 ? 0 : keep == 1 ? 4 : READ;
        output = run(decoder, &input);
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
        expect_bad(decoder, &input, "cannot be kept");
        const Requests    two = requests_make(NULL, 2);
        const DecodeInput other = input_of(&two, 2);
        run(decoder, &other);
        input.kept = 1;
        expect_bad(decoder, &input, "cannot be kept");
        decoder_free(decoder);
    }
}

static void stop_tokens_end_a_request(void **state)
{
    (void)state;
    const int32_t stops[8] = {1, 2, 3, 4, expected[0][6], 5, 6, expected[1][2]}; /* the second half counts as well */
    Requests      requests = requests_make(NULL, REQUESTS);
    DecodeInput   input = input_of(&requests, REQUESTS);
    Decoder      *decoder = decoder_open(8, 16);
    for (int ignore = 0; ignore < 2; ignore++) {
        input.stop_ids = stops;
        input.stop_count = 8;
        input.ignore_stop = ignore == 1;
        DecodeOutput output = run(decoder, &input);
        uint32_t     stopped = 0;
        for (uint32_t r = 0; r < REQUESTS; r++) {
            uint32_t length = 0;
            bool     stop = false;
            while (length < NEW && !stop) {
                for (int i = 0; i < 8; i++) {
                    stop = stop || (ignore == 0 && expected[r][length] == stops[i]);
                }
                length++;
            }
            expect_tokens(&output, r, r, length, "stop tokens");
            assert_int_equal(output.stopped[r], stop);
            stopped += stop;
        }
        assert_true(ignore == 1 ? stopped == 0 : stopped > REQUESTS / 4);
    }
    decoder_free(decoder);
}

/* prompt + completion never exceed max_length, and reach it. */
static void the_context_ends_a_request(void **state)
{
    (void)state;
    const DecodeLimits limits = {.slots = 4, .max_length = 12, .max_requests = 12, .max_prompt_tokens = 100, .max_new = NEW};
    Error              error = {0};
    Decoder           *decoder = decoder_new(fixture_gpu(), &config, &limits, &error);
    assert_non_null(decoder);
    const Requests requests = requests_make(NULL, 12);
    DecodeInput    input = input_of(&requests, 12);
    DecodeOutput   output = run(decoder, &input);
    for (uint32_t r = 0; r < 12; r++) {
        expect_tokens(&output, r, r, 12 - (requests.starts[r + 1] - requests.starts[r]), "context");
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
    int32_t  tokens[NEW];
    uint32_t count;
    Error    error = {0};
    assert_int_equal(decoder_peek(w->decoder, 0, tokens, &count, &error), STATUS_OK);
    assert_true(count >= w->seen && count <= NEW);
    assert_memory_equal(tokens, expected[0], count * sizeof *tokens);
    w->seen = count;
    w->last_active = active;
    return ++w->calls == w->stop_at;
}

static void progress_shows_and_stops(void **state)
{
    (void)state;
    const Requests requests = requests_make(NULL, REQUESTS);
    DecodeInput    input = input_of(&requests, REQUESTS);
    Decoder       *decoder = decoder_open(16, 3);
    Watch          watched = {.decoder = decoder};
    input.progress = watch;
    input.user = &watched;
    run(decoder, &input);
    assert_int_equal(watched.seen, NEW);
    assert_int_equal(watched.last_active, 0);
    assert_true(watched.calls >= NEW / 3);

    watched = (Watch){.decoder = decoder, .stop_at = 12}; /* 36 steps: 16 requests done, others on their way */
    DecodeOutput output = run(decoder, &input);
    uint32_t     done = 0;
    for (uint32_t r = 0; r < REQUESTS; r++) {
        if (output.lengths[r] > 0) {
            expect_tokens(&output, r, r, NEW, "stopped by the caller");
            done++;
        }
    }
    assert_int_equal(watched.calls, 12);
    assert_in_range(done, 16, 24);
    decoder_free(decoder);
}

/* What was told of each request. */
typedef struct Told {
    uint32_t count, of[REQUESTS], submits, early;
} Told;

static void be_told(void *user, uint32_t r, const int32_t *tokens, uint32_t count, bool stopped)
{
    Told *told = user;
    assert_true(r < REQUESTS && !stopped);
    assert_int_equal(count, NEW - r % 5);
    assert_memory_equal(tokens, expected[r], count * sizeof *tokens);
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
    Requests     requests = requests_make(NULL, REQUESTS);
    DecodeInput  input = input_of(&requests, REQUESTS);
    Decoder     *decoder = decoder_open(16, 3);
    Told         told = {.submits = 100};
    for (uint32_t r = 0; r < REQUESTS; r++) {
        requests.max_new[r] = NEW - r % 5;
    }
    input.max_new = requests.max_new;
    input.finished = be_told;
    input.progress = stop_told;
    input.user = &told;
    DecodeOutput output = run(decoder, &input);
    for (uint32_t r = 0; r < REQUESTS; r++) {
        assert_int_equal(told.of[r], 1);
        expect_tokens(&output, r, r, NEW - r % 5, "after it was told");
    }
    assert_true(told.early > 3); /* looks at which some were known and others at work */

    told = (Told){0}; /* stopped after 12 submits */
    output = run(decoder, &input);
    assert_in_range(told.count, 10, REQUESTS - 10);
    for (uint32_t r = 0; r < REQUESTS; r++) {
        assert_int_equal(told.of[r], output.lengths[r] > 0);
    }
    decoder_free(decoder);
}

static void bad_input_is_an_error(void **state)
{
    (void)state;
    Decoder       *decoder = decoder_open(2, 2);
    const Requests good = requests_make(NULL, 3);
    DecodeInput    input = input_of(&good, 3);

    Requests bad = good;
    bad.prompts[1] = VOCAB;
    input.prompts = bad.prompts;
    expect_bad(decoder, &input, "96");
    bad.prompts[1] = -1;
    expect_bad(decoder, &input, "-1");
    input = input_of(&good, 3);

    uint32_t empty[4] = {0, 1, 1, 4};
    input.prompt_starts = empty;
    expect_bad(decoder, &input, "prompt 2 has 0 tokens");
    int32_t  zeros[LENGTH + 1] = {0};
    uint32_t full[2] = {0, LENGTH};
    input.prompts = zeros;
    input.prompt_starts = full;
    input.requests = 1;
    expect_bad(decoder, &input, "40");
    input = input_of(&good, 3);

    uint32_t too_many[3] = {1, NEW + 1, 1}, none[3] = {1, 1, 0};
    input.max_new = too_many;
    expect_bad(decoder, &input, "prompt 2");
    input.max_new = none;
    expect_bad(decoder, &input, "prompt 3");
    input = input_of(&good, 3);

    const int32_t stops[9] = {0};
    input.stop_ids = stops;
    input.stop_count = 9;
    expect_bad(decoder, &input, "stop");
    input = input_of(&good, 3);
    input.requests = REQUESTS + 1;
    uint32_t many[REQUESTS + 2];
    for (uint32_t r = 0; r < REQUESTS + 2; r++) {
        many[r] = r;
    }
    input.prompts = good.prompts;
    input.prompt_starts = many;
    expect_bad(decoder, &input, "41");

    input = input_of(&good, 0); /* nothing to do is no error */
    DecodeOutput output = run(decoder, &input);
    assert_int_equal(output.steps, 0);
    decoder_free(decoder);

    Error        error = {0};
    DecodeLimits limits = {.slots = 2, .max_length = LENGTH + 1, .max_requests = 1, .max_prompt_tokens = 4, .max_new = 1};
    assert_null(decoder_new(fixture_gpu(), &config, &limits, &error));
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "context"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(samples_vary),
                                       fixture_test(slots_do_not_matter),
                                       fixture_test(order_and_neighbours_do_not_matter),
                                       fixture_test(requests_have_their_own_limit),
                                       fixture_test(a_cache_in_pieces), fixture_test(few_slots_of_a_gpu),
                                       fixture_test(long_prompts),
                                       fixture_test(equal_prompts_are_read_once),
                                       fixture_test(a_prompt_that_begins_as_before_is_kept),
                                       fixture_test(stop_tokens_end_a_request),
                                       fixture_test(the_context_ends_a_request),
                                       fixture_test(progress_shows_and_stops),
                                       fixture_test(the_finished_are_told_at_once),
                                       fixture_test(bad_input_is_an_error)};
    return cmocka_run_group_tests(tests, open_model, close_model);
}
