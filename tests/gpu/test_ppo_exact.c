/* What holds to the bit, or nearly, in PPO through a whole model: the first ratio is 1; nothing depends on how a
 * minibatch is cut or recomputed; a frozen actor stays as it is. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/train/ppo_parts.h"
#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"
#include "tests/support/ppo_bench.h"

static void must(Status status, const Error *error)
{
    if (status != STATUS_OK) {
        fail_msg("%s", error->text);
    }
}
#define STEP                                                                                                           \
    "\"prompts_per_step\":6,\"minibatch_size\":6,\"epochs\":1,\"max_new_tokens\":14,\"tokens_per_micro_batch\":60,"    \
    "\"gamma\":0.99,\"lambda\":0.9,\"whiten\":true,"

/* With nothing learned in between, every ratio of every minibatch is 1 to the bit, however its sequences
 * were batched when they were scored. */
static void the_first_ratio_is_one(void **state)
{
    (void)state;
    static const struct {
        uint32_t    hidden, intermediate; /* 1024: long enough that a product may be split along k */
        const char *block;
        ComputeType compute;
    } cases[] = {{48, 96,
                  "{\"prompts_per_step\":24,\"minibatch_size\":1,\"epochs\":1,\"max_new_tokens\":60,\"tokens_per_micro_"
                  "batch\":6000,\"kl_coef\":0.1}",
                  COMPUTE_F32},
                 {16, 32,
                  "{\"prompts_per_step\":24,\"minibatch_size\":7,\"epochs\":1,\"max_new_tokens\":60,\"tokens_per_micro_"
                  "batch\":250,\"kl_coef\":0.1}",
                  COMPUTE_F32},
                 {48, 96,
                  "{\"prompts_per_step\":24,\"minibatch_size\":24,\"epochs\":2,\"max_new_tokens\":60,\"tokens_per_"
                  "micro_batch\":400,\"kl_coef\":0.1}",
                  COMPUTE_F32},
                 {64, 1024,
                  "{\"prompts_per_step\":24,\"minibatch_size\":4,\"epochs\":1,\"max_new_tokens\":60,\"tokens_per_micro_"
                  "batch\":6000,\"kl_coef\":0.1}",
                  COMPUTE_F32},
                 {48, 96,
                  "{\"prompts_per_step\":24,\"minibatch_size\":7,\"epochs\":1,\"max_new_tokens\":60,\"tokens_per_micro_"
                  "batch\":250,\"kl_coef\":0.1}",
                  COMPUTE_BF16},
                 {64, 1024,
                  "{\"prompts_per_step\":24,\"minibatch_size\":4,\"epochs\":2,\"max_new_tokens\":60,\"tokens_per_micro_"
                  "batch\":6000,\"kl_coef\":0.1}",
                  COMPUTE_BF16},
                 {48, 96,
                  "{\"prompts_per_step\":24,\"minibatch_size\":24,\"epochs\":1,\"max_new_tokens\":60,\"tokens_per_"
                  "micro_batch\":400,\"kl_coef\":0.1}",
                  COMPUTE_F16}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        PpoBench b;
        PpoScore scored;
        ppo_bench_open_wide(&b, cases[i].hidden, cases[i].intermediate, true, false, cases[i].block);
        ppo_bench_compute_in(&b, cases[i].compute);
        ppo_bench_rollout(&b, 24);
        Ppo *ppo = ppo_bench_ppo(&b);
        ppo_bench_score(&b, ppo, &scored);
        const PpoStats stats  = ppo_bench_look(&b, ppo, 3);
        const double   tokens = b.session.config.rl.epochs * (double)b.rollout.response_start[24];
        printf("    %s, minibatches of %u, hidden %u: first %.9g, largest %.9g, sum of squares of log ratios %g\n",
               compute_type_name(cases[i].compute), b.session.config.rl.minibatch_size, cases[i].hidden,
               stats.first_ratio_max, (double)stats.policy.ratio_max, 2.0 * (double)stats.policy.approx_kl2);
        assert_true((double)stats.policy.tokens == tokens && (double)stats.policy.ratio == tokens);
        assert_true(stats.first_ratio_max == 1.0 && stats.policy.ratio_max == 1.0f && stats.policy.approx_kl2 == 0.0f);
        ppo_free(ppo);
        ppo_bench_close(&b);
    }
}

/* The policy becomes an adapter on itself, frozen in `weights`; the reference is the base with the adapter off. The
 * critic computes in the same type: all three share a workspace. */
static void freeze(PpoBench *b, WeightFormat weights, ComputeType compute, Model **base)
{
    Error       error     = {0};
    Session    *s         = &b->session;
    const char *directory = fixture_path(fixture_directory(), "frozen");
    must(model_save(s->policy, directory, DTYPE_F32, &error), &error);
    *base = model_load_frozen(s->gpu, directory, false, weights, &error);
    must(*base != NULL ? model_set_compute(*base, compute, &error) : error.status, &error);
    must(model_set_compute(s->critic, compute, &error), &error);
    const LoraConfig config = {.rank = 4, .alpha = 8, .targets = LORA_ALL};
    Lora            *lora   = *base != NULL ? lora_new(s->gpu, &(*base)->config, &config, false, &error) : NULL;
    if (lora == NULL || lora_init(lora, 3, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    float *values = fixture_download(lora->parameters, lora->floats); /* B is not zero: the adapter does something */
    Random random = random_stream(9, RANDOM_TEST, 7, 0);
    for (uint64_t i = 0; i < lora->floats; i++) {
        values[i] += (float)(0.02 * random_normal(&random));
    }
    must(gpu_upload(s->gpu, lora->parameters, values, lora->floats * 4, &error), &error);
    learner_free(s->learner);
    model_free(s->policy);
    model_free(b->reference);
    s->policy    = model_with_lora(*base, lora, &error);
    b->reference = model_with_lora(*base, NULL, &error);
    s->learner   = s->policy != NULL ? learner_new(s->policy, GPU_MEMORY_DEVICE, &error) : NULL;
    if (s->learner == NULL || b->reference == NULL) {
        fail_msg("%s", error.text);
    }
}

/* The same where the policy is an adapter on a frozen base in each format, with products in f32, and in 16 bits. */
static void the_first_ratio_on_a_frozen_base(void **state)
{
    (void)state;
    static const char block[] = "{\"prompts_per_step\":24,\"minibatch_size\":7,\"epochs\":1,\"max_new_tokens\":30,"
                                "\"tokens_per_micro_batch\":250,\"kl_coef\":0.1}";
    double            value   = 0;
    for (int i = 0; i < 2 * (WEIGHT_FORMATS - WEIGHT_BF16); i++) {
        const WeightFormat weights = WEIGHT_BF16 + (WeightFormat)(i / 2);
        const ComputeType  compute = i % 2 == 0 ? COMPUTE_F32 : weights == WEIGHT_F16 ? COMPUTE_F16 : COMPUTE_BF16;
        PpoBench           b;
        PpoScore           scored;
        Model             *base;
        gpu_fixture_reset(NULL);
        ppo_bench_open_wide(&b, 64, 128, true, false, block);
        freeze(&b, weights, compute, &base);
        ppo_bench_rollout(&b, 24);
        Ppo *ppo = ppo_bench_ppo(&b);
        ppo_bench_score(&b, ppo, &scored);
        const PpoStats stats = ppo_bench_look(&b, ppo, 3);
        printf("    %s in %s: first ratio %.9g, largest %.9g, KL to the reference %g\n", weight_format_name(weights),
               compute_type_name(compute), stats.first_ratio_max, (double)stats.policy.ratio_max, scored.kl_token);
        assert_true(stats.first_ratio_max == 1.0 && stats.policy.ratio_max == 1.0f && stats.policy.approx_kl2 == 0.0f);
        assert_true(scored.kl_token != 0.0);   /* the adapter is on in one and off in the other */
        value = i == 0 ? scored.value : value; /* of the same critic in all, but for the rounding of its products */
        assert_true(fabs(scored.value - value) < 0.02);
        ppo_free(ppo);
        ppo_bench_close(&b);
        model_free(base);
    }
}

/* --- micro-batches -------------------------------------------------------------------------- */

typedef struct Outcome {
    PpoStats stats;
    float   *gradient[2], *parameters[2]; /* actor, critic */
} Outcome;

static Outcome one_step(uint32_t micro_tokens, const char *recompute)
{
    PpoBench b;
    PpoScore scored;
    Outcome  o     = {0};
    Error    error = {0};
    ppo_bench_open(&b, 16, true, false,
                   "{" STEP "\"kl_in\":\"loss\",\"kl_coef\":0.3,\"kl_estimator\":\"k3\",\"entropy_coef\":0.05,\"clip\":"
                   "0.1,\"value_clip\":0.1,\"loss_mean\":\"sequence\"}");
    b.session.config.rl.tokens_per_micro_batch = micro_tokens;
    b.session.config.recompute                 = strcmp(recompute, "block") == 0 ? RECOMPUTE_BLOCK : RECOMPUTE_NONE;
    ppo_bench_rollout(&b, 6);
    Ppo *ppo = ppo_bench_ppo(&b);
    ppo_bench_score(&b, ppo, &scored);
    ppo_bench_shake(b.session.policy, 0.03, 4);
    ppo_bench_shake(b.session.critic, 0.05, 5);
    const PpoUpdate update = {.step = 0, .train_actor = true, .kl_coef = 0.3, .actor_lr = 1e-3, .critic_lr = 1e-2};
    must(ppo_update(ppo, &b.rollout, &update, &o.stats, &error), &error);
    Learner *const learners[] = {b.session.learner, b.session.critic_learner};
    for (int k = 0; k < 2; k++) {
        const uint64_t n = learners[k]->model->floats;
        o.gradient[k]    = fixture_download(learners[k]->gradients, n);
        o.parameters[k]  = fixture_download(learners[k]->model->parameters, n);
    }
    ppo_free(ppo);
    ppo_bench_close(&b);
    return o;
}

static void micro_batches_and_recompute_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *what, *recompute;
        uint32_t    tokens;
    } variants[] = {{"one or two at a time", "none", 27},
                    {"two or three at a time", "none", 55},
                    {"recomputed blocks", "block", 200}};
    PpoBench b;
    ppo_bench_open(&b, 16, true, false, "{" STEP "\"kl_coef\":0}");
    const Model  *layouts[2] = {b.session.policy, b.session.critic};
    const Outcome whole      = one_step(200, "none");
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        const Outcome part  = one_step(variants[i].tokens, variants[i].recompute);
        double        worst = 0.0, moved = 0.0;
        for (int k = 0; k < 2; k++) {
            for (uint32_t j = 0; j < layouts[k]->tensor_count; j++) {
                const ModelTensor *t       = &layouts[k]->tensors[j];
                double             largest = 0.0, off = 0.0;
                for (uint64_t q = t->offset; q < t->offset + t->elements; q++) {
                    largest = fmax(largest, fabs((double)whole.gradient[k][q]));
                    off     = fmax(off, fabs((double)whole.gradient[k][q] - (double)part.gradient[k][q]));
                    moved   = fmax(moved, fabs((double)whole.parameters[k][q] - (double)part.parameters[k][q]));
                }
                worst = fmax(worst, largest > 0.0 ? off / largest : off);
            }
        }
        const double policy = fabs((double)part.stats.policy.loss - (double)whole.stats.policy.loss),
                     value  = fabs((double)part.stats.value.loss - (double)whole.stats.value.loss);
        printf("    %-24s losses %.0e %.0e, gradients %.0e of each tensor's largest, parameters %.0e\n",
               variants[i].what, policy, value, worst, moved);
        assert_true(policy < 1e-6 && value < 1e-6 && worst < 1e-5 && moved < 1e-5);
        assert_true(part.stats.policy.tokens == whole.stats.policy.tokens && part.stats.minibatches == 1);
    }
    ppo_bench_close(&b);
}

/* The first steps of a shared trunk train the value head and nothing else. */
static void a_frozen_actor_keeps_its_parameters(void **state)
{
    (void)state;
    PpoBench b;
    PpoScore scored;
    PpoStats stats;
    Error    error = {0};
    ppo_bench_open(&b, 16, true, true, "{" STEP "\"weight_decay\":0.1,\"kl_coef\":0.1}");
    ppo_bench_rollout(&b, 6);
    Ppo         *ppo   = ppo_bench_ppo(&b);
    const Model *model = b.session.policy;
    ppo_bench_score(&b, ppo, &scored);
    const float    *before = fixture_download(model->parameters, model->floats);
    const PpoUpdate update = {.step = 0, .train_actor = false, .kl_coef = 0.1, .actor_lr = 0.0, .critic_lr = 1e-2};
    must(ppo_update(ppo, &b.rollout, &update, &stats, &error), &error);
    const float *after = fixture_download(model->parameters, model->floats);
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        const ModelTensor *t    = &model->tensors[i];
        const bool         same = memcmp(before + t->offset, after + t->offset, t->elements * sizeof *before) == 0;
        if (same == (strncmp(t->name, "value_head.", 11) == 0)) {
            fail_msg("%s %s", t->name, same ? "did not move" : "moved");
        }
    }
    assert_int_equal(stats.minibatches, 0);
    assert_int_equal(stats.value_minibatches, 1);
    assert_int_equal(stats.actor_steps, 1);
    ppo_free(ppo);
    ppo_bench_close(&b);
}

/* The norm that is logged is a mean over optimizer steps, those of a frozen actor's value head too. */
static void a_frozen_actor_s_norm_is_a_mean(void **state)
{
    (void)state;
    double norms[2];
    for (int halves = 0; halves < 2; halves++) {
        PpoBench b;
        PpoScore scored;
        PpoStats stats;
        Error    error = {0};
        ppo_bench_open(&b, 16, true, true, "{" STEP "\"kl_coef\":0.1}");
        b.session.config.rl.epochs = halves ? 2 : 1; /* the same minibatch once and twice, nothing moving between */
        ppo_bench_rollout(&b, 6);
        Ppo *ppo = ppo_bench_ppo(&b);
        ppo_bench_score(&b, ppo, &scored);
        const PpoUpdate update = {.step = 0, .train_actor = false, .kl_coef = 0.1};
        must(ppo_update(ppo, &b.rollout, &update, &stats, &error), &error);
        assert_int_equal(stats.actor_steps, halves ? 2 : 1);
        norms[halves] = stats.actor_norm;
        ppo_free(ppo);
        ppo_bench_close(&b);
    }
    assert_true(norms[0] > 0 && fabs(norms[0] - norms[1]) < 1e-5 * norms[0]);
}

/* rl.whiten is obeyed by both that have it: without, the advantages of reinforce++ are the rewards to go. */
static void reinforce_without_whitening(void **state)
{
    (void)state;
    for (int whitened = 0; whitened < 2; whitened++) {
        PpoBench b;
        PpoScore scored;
        ppo_bench_open(&b, 16, true, false, "{" STEP "\"advantage\":\"reinforce++\",\"kl_coef\":0}");
        b.session.config.rl.gamma  = 1;
        b.session.config.rl.whiten = whitened;
        ppo_bench_rollout(&b, 6);
        Ppo *ppo = ppo_bench_ppo(&b);
        ppo_bench_score(&b, ppo, &scored);
        const Rollout *r        = &b.rollout;
        const float   *found    = fixture_download(ppo->advantage, r->response_start[r->sequences]);
        uint32_t       the_same = 0;
        for (uint32_t s = 0; s < r->sequences; s++) {
            for (uint32_t t = r->response_start[s]; t < r->response_start[s + 1]; t++) {
                the_same += found[t] == r->items[s].score;
            }
        }
        assert_int_equal(the_same, whitened ? 0 : r->response_start[r->sequences]);
        ppo_free(ppo);
        ppo_bench_close(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(the_first_ratio_is_one),
        fixture_test(the_first_ratio_on_a_frozen_base),
        fixture_test(micro_batches_and_recompute_change_nothing),
        fixture_test(a_frozen_actor_keeps_its_parameters),
        fixture_test(a_frozen_actor_s_norm_is_a_mean),
        fixture_test(reinforce_without_whitening),
    };
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
