/* Scoring what is finished while others are sampled (rl.overlap): the same to the bit as scoring all of it afterwards.
 */
#include <stdio.h>
#include <string.h>

#include "engine/random.h"
#include "rlsp/train/ppo_parts.h"
#include "tests/support/gpu_fixture.h"
#include "tests/support/ppo_bench.h"

enum { SEQUENCES = 24 };

#define STEP                                                                                                           \
    "\"prompts_per_step\":24,\"minibatch_size\":6,\"epochs\":1,\"max_new_tokens\":20,\"tokens_per_micro_batch\":100,"  \
    "\"kl_coef\":0.1"

/* What a step's scoring leaves: the arrays on the device [response tokens], and sums. */
typedef struct Scores {
    float   *arrays[4];
    uint32_t tokens;
    PpoScore sums;
} Scores;

static Scores scores_of(const Ppo *ppo, const Rollout *rollout, PpoScore sums)
{
    const GpuSpan spans[4] = {ppo->old_logprob, ppo->ref_logprob, ppo->entropy, ppo->value};
    Scores        scores   = {.tokens = rollout->response_start[rollout->sequences], .sums = sums};
    for (int i = 0; i < 4; i++) {
        scores.arrays[i] = fixture_download(spans[i], scores.tokens);
    }
    return scores;
}

static void assert_same(const Scores *a, const Scores *b)
{
    for (int i = 0; i < 4; i++) {
        for (uint32_t t = 0; t < a->tokens; t++) {
            if (memcmp(&a->arrays[i][t], &b->arrays[i][t], 4) != 0) {
                fail_msg("array %d, token %u: %.9g, not %.9g", i, t, (double)b->arrays[i][t], (double)a->arrays[i][t]);
            }
        }
    }
    PpoScore sums      = b->sums;
    sums.ahead_seconds = a->sums.ahead_seconds;
    assert_memory_equal(&sums, &a->sums, sizeof sums);
}

static void must(Status status, const Error *error)
{
    if (status != STATUS_OK) {
        fail_msg("%s", error->text);
    }
}

/* Responses come in an order that `stream` names, some at a time; how many were begun before the last came. */
static uint32_t sample(PpoBench *b, Ppo *ppo, uint32_t stream)
{
    Random   random  = random_stream(11, RANDOM_TEST, stream, 0);
    Rollout *rollout = &b->rollout;
    Error    error   = {0};
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        const uint32_t j     = random_below(&random, i + 1);
        rollout->finished[i] = rollout->finished[j];
        rollout->finished[j] = i;
    }
    for (rollout->finished_count = 0; rollout->finished_count < SEQUENCES;) {
        const uint32_t left = SEQUENCES - rollout->finished_count, some = random_below(&random, 4);
        rollout->finished_count += some < left ? some : left;
        if (random_below(&random, 2) == 0) { /* sampling takes its time */
            must(gpu_stream_wait(ppo->scoring, &error), &error);
        }
        must(ppo_score_ahead(ppo, rollout, &error), &error);
    }
    return ppo->ahead;
}

static void check(const char *block, bool shared, ComputeType compute)
{
    PpoBench b;
    PpoScore sums;
    Error    error = {0};
    ppo_bench_open(&b, 16, true, shared, block);
    ppo_bench_compute_in(&b, compute);
    ppo_bench_rollout(&b, SEQUENCES);
    Ppo *ppo = ppo_bench_ppo(&b);

    b.session.config.rl.overlap = OVERLAP_OFF;
    assert_int_equal(sample(&b, ppo, 0), 0);
    must(ppo_score(ppo, &b.rollout, &sums, &error), &error);
    const Scores plain = scores_of(ppo, &b.rollout, sums);
    assert_true(sums.ahead_seconds == 0.0);

    b.session.config.rl.overlap = OVERLAP_ON;
    uint32_t most               = 0;
    for (uint32_t stream = 1; stream <= 3; stream++) {
        const uint32_t ahead = sample(&b, ppo, stream);
        most                 = ahead > most ? ahead : most;
        must(ppo_score(ppo, &b.rollout, &sums, &error), &error);
        const Scores scores = scores_of(ppo, &b.rollout, sums);
        assert_same(&plain, &scores);
        assert_true((sums.ahead_seconds > 0.0) == (ahead > 0));
    }
    printf("    %s, %s: up to %u of %d scored ahead\n", compute_type_name(compute), shared ? "one trunk" : "a critic",
           most, SEQUENCES);
    assert_in_range(most, 6, SEQUENCES - 1);

    must(ppo_advantages(ppo, &b.rollout, 0.1, &error), &error); /* the arrays that scoring has borrowed */
    const PpoStats stats = ppo_bench_look(&b, ppo, 3);
    assert_true(stats.first_ratio_max == 1.0 && stats.policy.ratio_max == 1.0f);

    b.session.options.profile = true; /* kernels that are timed run one at a time */
    assert_int_equal(sample(&b, ppo, 5), 0);
    b.session.options.profile = false;
    sample(&b, ppo, 6); /* and what is at work when sampling fails is waited for */
    ppo_free(ppo);
    ppo_bench_close(&b);
}

static void with_a_critic(void **state)
{
    (void)state;
    check("{" STEP "}", false, COMPUTE_F32);
}

static void with_a_shared_trunk(void **state)
{
    (void)state;
    check("{" STEP "}", true, COMPUTE_F32);
}

static void in_16_bits(void **state)
{
    (void)state;
    check("{" STEP "}", false, COMPUTE_BF16);
}

/* With work under way: one line, and an end. The last test, as there is no device after it. */
static void a_lost_device_ends_it(void **state)
{
    (void)state;
    PpoBench b;
    Error    error = {0};
    ppo_bench_open(&b, 16, true, false, "{" STEP ",\"overlap\":\"on\"}");
    ppo_bench_rollout(&b, SEQUENCES);
    Ppo *ppo = ppo_bench_ppo(&b);
    for (uint32_t i = 0; i < SEQUENCES; i++) {
        b.rollout.finished[i] = i;
    }
    b.rollout.finished_count = SEQUENCES / 2;
    must(ppo_score_ahead(ppo, &b.rollout, &error), &error);
    assert_in_range(ppo->ahead, 1, SEQUENCES / 2);
    gpu_lose(b.session.gpu);
    b.rollout.finished_count = SEQUENCES - 1;
    Status status            = STATUS_OK;
    while (status == STATUS_OK && ppo->ahead < SEQUENCES - 1) {
        status = ppo_score_ahead(ppo, &b.rollout, &error);
    }
    assert_int_equal(status, STATUS_DEVICE_LOST);
    assert_non_null(strstr(error.text, "the device was lost"));
    ppo_free(ppo);
    ppo_bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(with_a_critic),
        fixture_test(with_a_shared_trunk),
        fixture_test(in_16_bits),
        fixture_test(a_lost_device_ends_it),
    };
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
