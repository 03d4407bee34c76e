/* PPO through a whole model: scores, advantages, losses and the gradient of every tensor against float64 loops
 * and their finite differences; the first ratio exactly 1; the same however a minibatch is cut. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"
#include "tests/support/model_reference.h"

#include "rlsp/train/ppo.h"

enum { PROMPT = 13 }; /* task_prompt_tokens of countdown */

static void must(Status status, const Error *error)
{
    if (status != STATUS_OK) {
        fail_msg("%s", error->text);
    }
}

/* --- a session without run directory, task or tokenizer ---------------------------- */

typedef struct Bench {
    Session  session;
    Model   *reference;
    Rollout  rollout;
    uint32_t longest, intermediate; /* 0: twice the hidden size */
    bool     shared;
} Bench;

static void bench_close(Bench *b)
{
    Session *s = &b->session;
    learner_free(s->learner);
    learner_free(s->critic_learner);
    model_free(s->policy);
    model_free(s->critic);
    model_free(b->reference);
    gpu_stream_free(s->stream);
    task_instance_free(s->task);
}

static double *parameters_of(const Model *model)
{
    float  *values = fixture_download(model->parameters, model->floats);
    double *p = fixture_alloc(model->floats * sizeof *p);
    for (uint64_t i = 0; i < model->floats; i++) {
        p[i] = (double)values[i];
    }
    return p;
}

/* Adds N(0, std^2) to every parameter of the model's tensors. */
static void shake(Model *model, double std, uint32_t stream)
{
    Error  error = {0};
    float *values = fixture_download(model->parameters, model->floats);
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        const ModelTensor *t = &model->tensors[i];
        Random             random = random_stream(9, RANDOM_TEST, stream, i);
        for (uint64_t j = 0; j < t->elements; j++) {
            values[t->offset + j] = (float)((double)values[t->offset + j] + std * random_normal(&random));
        }
    }
    must(gpu_upload(model->gpu, model->parameters, values, model->floats * 4, &error), &error);
}

static Model *random_model(const Bench *b, uint32_t hidden, bool tied, bool value_head)
{
    Error             error = {0};
    const ModelConfig config = {.family = MODEL_LLAMA, .vocab_size = 41, .hidden_size = hidden, .layers = 2, .heads = 2, .kv_heads = 1,
                                .head_dim = hidden / 2, .intermediate_size = b->intermediate > 0 ? b->intermediate : hidden * 2, .max_positions = 256, .rms_norm_eps = 1e-5f,
                                .rope = {.theta = 10000.0}, .tie_embeddings = tied, .bos_token_id = 1, .eos_token_ids = {2},
                                .eos_count = 1, .pad_token_id = 0};
    Model            *model = model_new(fixture_gpu(), &config, value_head, &error);
    if (model == NULL || model_init(model, &(ModelInit){0.7, 1.2, 0.0}, b->session.config.seed, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return model;
}

/* `json`: the rl block. Policy and reference differ a little; the critic is another model, or with `shared` the policy's head. */
static void bench_open_wide(Bench *b, uint32_t hidden, uint32_t intermediate, bool tied, bool shared, const char *json)
{
    Error error = {0};
    char  text[2048];
    memset(b, 0, sizeof *b);
    b->shared = shared;
    b->intermediate = intermediate;
    snprintf(text, sizeof text, "{\"name\":\"t\",\"seed\":7,\"model\":{\"critic\":\"%s\"},\"rl\":%s}", shared ? "shared" : "separate", json);
    must(run_config_parse(text, "test", NULL, 0, &b->session.config, &error), &error);
    Session *s = &b->session;
    s->gpu = fixture_gpu();
    s->stream = gpu_stream_new(s->gpu, &error);
    s->task = task_instance_new(&task_countdown, NULL, &error);
    assert_non_null(s->task);
    assert_int_equal(s->task->prompt_tokens, PROMPT);
    s->policy = random_model(b, hidden, tied, shared);
    shake(s->policy, 0.1, 1);
    b->reference = random_model(b, hidden, tied, false);
    must(model_copy(b->reference, s->policy, &error), &error);
    shake(b->reference, 0.02, 2);
    s->learner = learner_new(s->policy, GPU_MEMORY_DEVICE, &error);
    if (s->config.rl.advantage == ADVANTAGE_GAE && !shared) {
        s->critic = random_model(b, hidden, tied, true);
        shake(s->critic, 0.1, 3);
        s->critic_learner = learner_new(s->critic, GPU_MEMORY_DEVICE, &error);
    }
    b->longest = PROMPT + s->config.rl.max_new_tokens;
}

/* Products in another type from here on; learners anew, for their loss scale. */
static void compute_in(Bench *b, ComputeType compute)
{
    Error        error = {0};
    Session     *s = &b->session;
    Model *const models[] = {s->policy, b->reference, s->critic};
    for (int i = 0; i < 3 && compute != COMPUTE_F32; i++) {
        must(models[i] != NULL ? model_set_compute(models[i], compute, &error) : STATUS_OK, &error);
    }
    learner_free(s->learner);
    learner_free(s->critic_learner);
    s->learner = learner_new(s->policy, GPU_MEMORY_DEVICE, &error);
    s->critic_learner = s->critic != NULL ? learner_new(s->critic, GPU_MEMORY_DEVICE, &error) : NULL;
}

static void bench_open(Bench *b, uint32_t hidden, bool tied, bool shared, const char *json) { bench_open_wide(b, hidden, 0, tied, shared, json); }

/* `n` sequences with prompts of 3 to 13 tokens and responses of 1 to max_new; groups of two. */
static void make_rollout(Bench *b, uint32_t n)
{
    const uint32_t max_new = b->session.config.rl.max_new_tokens;
    Random         random = random_stream(5, RANDOM_TEST, 0, 0);
    Rollout       *r = &b->rollout;
    *r = (Rollout){.session = &b->session, .sequences = n};
    r->items = fixture_alloc(n * sizeof *r->items);
    r->ids = fixture_alloc((size_t)n * b->longest * sizeof *r->ids);
    r->starts = fixture_alloc((n + 1) * sizeof *r->starts);
    r->response_start = fixture_alloc((n + 1) * sizeof *r->response_start);
    r->prompt_tokens = fixture_alloc(n * sizeof *r->prompt_tokens);
    for (uint32_t s = 0; s < n; s++) {
        const uint32_t prompt = 3 + random_below(&random, PROMPT - 2), response = s == 1 ? 1 : s == 2 ? max_new : 1 + random_below(&random, max_new);
        r->prompt_tokens[s] = prompt;
        r->starts[s + 1] = r->starts[s] + prompt + response;
        r->response_start[s + 1] = r->response_start[s] + response;
        for (uint32_t i = r->starts[s]; i < r->starts[s + 1]; i++) {
            r->ids[i] = 1 + (int32_t)random_below(&random, 40); /* 0 is padding, whose lookup trains nothing */
        }
        r->items[s].group = s / 2;
        r->items[s].tokens = response;
        r->items[s].score = (float)random_normal(&random);
        r->items[s].masked = b->session.config.rl.truncated == TRUNCATED_MASK && s == 3;
    }
}

/* --- the same in float64 --------------------------------------------------------------- */

/* [response tokens] of a rollout. */
typedef struct Tokens {
    double *logprob, *entropy, *value;
} Tokens;

static void reference_tokens(const Bench *b, const Model *model, const double *p, Tokens *out)
{
    const Rollout *r = &b->rollout;
    const uint32_t d = model->config.hidden_size;
    double        *hidden = malloc(sizeof(double) * b->longest * d);
    for (uint32_t s = 0; s < r->sequences; s++) {
        const int32_t *ids = r->ids + r->starts[s];
        model_reference_forward(model, p, ids, r->starts[s + 1] - r->starts[s], hidden);
        for (uint32_t t = r->response_start[s]; t < r->response_start[s + 1]; t++) {
            const uint32_t position = r->prompt_tokens[s] + t - r->response_start[s];
            const double  *at = hidden + (uint64_t)(position - 1) * d;
            if (out->logprob != NULL) {
                model_reference_token(model, p, at, ids[position], b->session.config.rl.temperature, &out->logprob[t], &out->entropy[t]);
            }
            if (out->value != NULL) {
                out->value[t] = model_reference_value(model, p, at);
            }
        }
    }
    free(hidden);
}

typedef struct Expected {
    Tokens  old, ref, critic; /* before the update */
    double *advantage, *returns, *weight;
} Expected;

static double kl_of(RunKlEstimator estimator, double d)
{
    return estimator == KL_ESTIMATOR_K1 ? d : estimator == KL_ESTIMATOR_K2 ? d * d / 2.0 : exp(-d) - 1.0 + d;
}

static void expect_advantages(const Bench *b, Expected *e)
{
    const RunRl   *rl = &b->session.config.rl;
    const Rollout *r = &b->rollout;
    double         sum = 0.0, square = 0.0, valid = 0.0, sequences = 0.0;
    for (uint32_t s = 0; s < r->sequences; s++) {
        double running = 0.0, running_critic = 0.0, next = 0.0;
        for (uint32_t t = r->response_start[s + 1]; t-- > r->response_start[s];) {
            double reward = t + 1 == r->response_start[s + 1] ? (double)r->items[s].score : 0.0;
            if (rl->kl_in == KL_IN_REWARD) {
                reward -= rl->kl_coef * kl_of(rl->kl_estimator, e->old.logprob[t] - e->ref.logprob[t]);
            }
            const double delta = reward + rl->gamma * next - e->critic.value[t];
            running = delta + rl->gamma * rl->lambda * running;
            running_critic = delta + rl->gamma * rl->lambda_critic * running_critic;
            next = e->critic.value[t];
            e->advantage[t] = running;
            e->returns[t] = e->critic.value[t] + running_critic;
            if (!r->items[s].masked) {
                sum += running;
                square += running * running;
                valid += 1.0;
            }
        }
        sequences += !r->items[s].masked;
    }
    const double mean = sum / valid, scale = 1.0 / sqrt(square / valid - mean * mean);
    for (uint32_t s = 0; s < r->sequences; s++) {
        const double tokens = r->response_start[s + 1] - r->response_start[s];
        for (uint32_t t = r->response_start[s]; t < r->response_start[s + 1]; t++) {
            e->advantage[t] = (e->advantage[t] - mean) * scale;
            e->weight[t] = r->items[s].masked ? 0.0 : rl->loss_mean == LOSS_MEAN_SEQUENCE ? 1.0 / (sequences * tokens) : 1.0 / valid;
        }
    }
}

typedef struct Losses {
    double policy, kl, entropy, value; /* weighted */
    double clipped;                    /* tokens   */
} Losses;

static Losses expect_losses(const Bench *b, const Expected *e, const Tokens *now)
{
    const RunRl   *rl = &b->session.config.rl;
    const uint32_t tokens = b->rollout.response_start[b->rollout.sequences];
    Losses         l = {0};
    for (uint32_t t = 0; t < tokens; t++) {
        if (e->weight[t] != 0.0 && now->logprob != NULL) {
            const double ratio = exp(now->logprob[t] - e->old.logprob[t]), a = e->advantage[t];
            const double clipped = fmin(fmax(ratio, 1.0 - rl->clip), 1.0 + rl->clip_high);
            l.policy -= e->weight[t] * fmin(ratio * a, clipped * a);
            l.clipped += clipped * a < ratio * a;
            l.kl += e->weight[t] * kl_of(rl->kl_estimator, now->logprob[t] - e->ref.logprob[t]);
            l.entropy += e->weight[t] * now->entropy[t];
        }
        if (e->weight[t] != 0.0 && now->value != NULL) {
            const double v = now->value[t], old = e->critic.value[t], off = v - e->returns[t];
            const double held = old + fmin(fmax(v - old, -rl->value_clip), rl->value_clip) - e->returns[t];
            l.value += e->weight[t] * 0.5 * fmax(off * off, held * held);
        }
    }
    return l;
}

/* The scalar whose gradient an update takes of `model`: the actor's, the critic's, or of a shared trunk both. */
typedef struct Objective {
    const Bench    *bench;
    const Expected *expected;
    const Model    *model;
    bool            policy, value;
    Tokens          now; /* work space */
} Objective;

static double objective(const Objective *o, const double *p)
{
    const RunRl *rl = &o->bench->session.config.rl;
    Tokens       now = o->now;
    now.value = o->value ? now.value : NULL;
    now.logprob = o->policy ? now.logprob : NULL;
    reference_tokens(o->bench, o->model, p, &now);
    const Losses l = expect_losses(o->bench, o->expected, &now);
    double       sum = o->value ? l.value * (o->policy ? rl->value_coef : 1.0) : 0.0;
    if (o->policy) {
        sum += l.policy - rl->entropy_coef * l.entropy + (rl->kl_in == KL_IN_LOSS ? rl->kl_coef * l.kl : 0.0);
    }
    return sum;
}

/* dL/dh of p + h v over [first, first + count), by central difference. */
static double slope(const Objective *o, double *p, uint64_t first, const double *v, uint64_t count)
{
    const double h = 1e-5;
    double       side[2];
    double      *kept = malloc(count * sizeof *kept);
    memcpy(kept, p + first, count * sizeof *kept);
    for (int k = 0; k < 2; k++) {
        for (uint64_t i = 0; i < count; i++) {
            p[first + i] = kept[i] + (k == 0 ? h : -h) * v[i];
        }
        side[k] = objective(o, p);
    }
    memcpy(p + first, kept, count * sizeof *kept);
    free(kept);
    return (side[0] - side[1]) / (2.0 * h);
}

/* Along the gradient of each tensor, two random directions, and its largest elements. */
static void check_gradient(const char *what, const Objective *o, const Learner *learner)
{
    const Model *model = o->model;
    double      *p = parameters_of(model), worst = 0.0, worst_element = 0.0;
    const float *g = fixture_download(learner->gradients, model->floats);
    const char  *name = "";
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        const ModelTensor *t = &model->tensors[i];
        const float       *gt = g + t->offset;
        Random             random = random_stream(4, RANDOM_TEST, 9, i);
        double            *v = malloc(t->elements * sizeof *v), norm = 0.0;
        uint64_t           largest = 0;
        for (uint64_t j = 0; j < t->elements; j++) {
            norm += (double)gt[j] * (double)gt[j];
            largest = fabsf(gt[j]) > fabsf(gt[largest]) ? j : largest;
        }
        norm = sqrt(norm);
        const bool used = o->policy || strcmp(t->name, "lm_head.weight") != 0; /* a critic's unembedding does nothing */
        if (used != (norm > 0.0) || !isfinite(norm)) {
            fail_msg("%s: %s has a gradient of norm %g", what, t->name, norm);
        }
        for (int k = 0; k < 3 && used; k++) {
            double length = 0.0, predicted = 0.0;
            for (uint64_t j = 0; j < t->elements; j++) {
                v[j] = k == 0 ? (double)gt[j] : random_normal(&random);
                length += v[j] * v[j];
            }
            for (uint64_t j = 0; j < t->elements; j++) {
                v[j] /= sqrt(length);
                predicted += v[j] * (double)gt[j];
            }
            const double off = fabs(slope(o, p, t->offset, v, t->elements) - predicted) / norm;
            name = off > worst ? t->name : name;
            worst = fmax(worst, off);
        }
        if (used) {
            const double one = 1.0;
            worst_element = fmax(worst_element, fabs(slope(o, p, t->offset + largest, &one, 1) - (double)gt[largest]) / fabs((double)gt[largest]));
        }
        free(v);
    }
    printf("    %-22s slopes off by %.1e of the tensor's gradient (%s), largest elements by %.1e\n", what, worst, name, worst_element);
    assert_true(worst < 2e-5 && worst_element < 2e-5);
}

static void near(const char *what, double got, double want, double tolerance)
{
    printf("    %-22s %.7f, float64 %.7f\n", what, got, want);
    if (!(fabs(got - want) <= tolerance * fmax(1.0, fabs(want)))) {
        fail_msg("%s: %.9g, wanted %.9g", what, got, want);
    }
}

static double *doubles(uint32_t count) { return fixture_alloc(count * sizeof(double)); }

static Ppo *ppo_of(Bench *b)
{
    Error error = {0};
    Ppo  *ppo = ppo_new(&b->session, b->reference, b->rollout.sequences, &error);
    if (ppo == NULL) {
        fail_msg("%s", error.text);
    }
    return ppo;
}

static void score(Bench *b, Ppo *ppo, PpoScore *scored)
{
    Error error = {0};
    must(ppo_score(ppo, &b->rollout, scored, &error), &error);
    must(ppo_advantages(ppo, &b->rollout, b->session.config.rl.kl_coef, &error), &error);
}

/* One update with learning rate 0: losses and gradients at the present parameters. */
static PpoStats look(Bench *b, Ppo *ppo, uint32_t step)
{
    Error           error = {0};
    PpoStats        stats;
    const PpoUpdate update = {.step = step, .train_actor = true, .kl_coef = b->session.config.rl.kl_coef};
    must(ppo_update(ppo, &b->rollout, &update, &stats, &error), &error);
    return stats;
}

static void check_whole(uint32_t hidden, bool tied, bool shared, const char *json)
{
    Bench b;
    bench_open(&b, hidden, tied, shared, json);
    make_rollout(&b, 6);
    const uint32_t n = b.rollout.response_start[6];
    Session       *s = &b.session;
    Model         *critic = shared ? s->policy : s->critic;
    Expected       e = {.old = {doubles(n), doubles(n), NULL}, .ref = {doubles(n), doubles(n), NULL}, .critic = {NULL, NULL, doubles(n)},
                        .advantage = doubles(n), .returns = doubles(n), .weight = doubles(n)};
    reference_tokens(&b, s->policy, parameters_of(s->policy), &e.old);
    reference_tokens(&b, b.reference, parameters_of(b.reference), &e.ref);
    reference_tokens(&b, critic, parameters_of(critic), &e.critic);
    expect_advantages(&b, &e);
    Ppo     *ppo = ppo_of(&b);
    PpoScore scored;
    score(&b, ppo, &scored);
    double logprob = 0.0, kl = 0.0, entropy = 0.0, value = 0.0;
    for (uint32_t t = 0; t < n; t++) {
        logprob += e.old.logprob[t] / n;
        kl += (e.old.logprob[t] - e.ref.logprob[t]) / n;
        entropy += e.old.entropy[t] / n;
        value += e.critic.value[t] / n;
    }
    near("log-probability", scored.logprob, logprob, 1e-5);
    near("KL", scored.kl_token, kl, 1e-5);
    near("entropy", scored.entropy, entropy, 1e-5);
    near("value", scored.value, value, 1e-5);

    shake(s->policy, 0.03, 4); /* ratios leave 1, some are clipped */
    if (!shared) {
        shake(s->critic, 0.05, 5);
    }
    const PpoStats stats = look(&b, ppo, 0);
    Objective      actor = {&b, &e, s->policy, true, shared, {doubles(n), doubles(n), doubles(n)}};
    Tokens         now = {doubles(n), doubles(n), NULL}, values = {NULL, NULL, doubles(n)};
    reference_tokens(&b, s->policy, parameters_of(s->policy), &now);
    reference_tokens(&b, critic, parameters_of(critic), &values);
    Losses l = expect_losses(&b, &e, &now);
    l.value = expect_losses(&b, &e, &values).value;
    near("policy loss", (double)stats.policy.loss, l.policy, 1e-5);
    near("KL loss", (double)stats.policy.kl_loss, l.kl, 1e-5);
    near("entropy bonus", (double)stats.policy.weighted_entropy, l.entropy, 1e-5);
    near("value loss", (double)stats.value.loss, l.value, 1e-5);
    near("clipped tokens", (double)stats.policy.clipped_surrogate, l.clipped, 0.0);
    assert_true(l.clipped > 0.0 && stats.value.clipped > 0.0f);
    check_gradient(shared ? "policy and value" : "policy", &actor, s->learner);
    if (!shared) {
        Objective judge = {&b, &e, critic, false, true, actor.now};
        check_gradient("value", &judge, s->critic_learner);
    }
    ppo_free(ppo);
    bench_close(&b);
}

#define STEP "\"prompts_per_step\":6,\"minibatch_size\":6,\"epochs\":1,\"max_new_tokens\":14,\"tokens_per_micro_batch\":60,\"gamma\":0.99,\"lambda\":0.9,\"whiten\":true,"

static void kl_in_the_loss_and_entropy(void **state)
{
    (void)state;
    check_whole(16, false, false,
                "{" STEP "\"lambda_critic\":1.0,\"kl_in\":\"loss\",\"kl_coef\":0.3,\"kl_estimator\":\"k3\",\"entropy_coef\":0.05,"
                "\"clip\":0.1,\"clip_high\":0.15,\"value_clip\":0.1,\"loss_mean\":\"sequence\",\"temperature\":0.8,\"truncated\":\"mask\"}");
}

static void kl_in_the_reward(void **state)
{
    (void)state;
    check_whole(16, true, false,
                "{" STEP "\"kl_in\":\"reward\",\"kl_coef\":0.2,\"kl_estimator\":\"k1\",\"entropy_coef\":0,\"clip\":0.1,\"value_clip\":0.1,\"loss_mean\":\"token\",\"temperature\":1}");
}

static void shared_trunk(void **state)
{
    (void)state;
    check_whole(16, true, true,
                "{" STEP "\"kl_in\":\"loss\",\"kl_coef\":0.2,\"kl_estimator\":\"k2\",\"entropy_coef\":0.02,\"clip\":0.1,\"value_clip\":0.1,\"value_coef\":0.5,"
                "\"loss_mean\":\"token\",\"temperature\":1.3}");
}

/* --- exactness ---------------------------------------------------------------------------- */

/* With nothing learned in between, every ratio of every minibatch is 1 to the bit, however its sequences
 * were batched when they were scored (within rounding where a minibatch is one short response). */
static void the_first_ratio_is_one(void **state)
{
    (void)state;
    static const struct {
        uint32_t    hidden, intermediate; /* 1024: long enough that a product may be split along k */
        const char *block;
        ComputeType compute;
    } cases[] = {
        {48, 96, "{\"prompts_per_step\":24,\"minibatch_size\":1,\"epochs\":1,\"max_new_tokens\":60,\"tokens_per_micro_batch\":6000,\"kl_coef\":0.1}", COMPUTE_F32},
        {16, 32, "{\"prompts_per_step\":24,\"minibatch_size\":7,\"epochs\":1,\"max_new_tokens\":60,\"tokens_per_micro_batch\":250,\"kl_coef\":0.1}", COMPUTE_F32},
        {48, 96, "{\"prompts_per_step\":24,\"minibatch_size\":24,\"epochs\":2,\"max_new_tokens\":60,\"tokens_per_micro_batch\":400,\"kl_coef\":0.1}", COMPUTE_F32},
        {64, 1024, "{\"prompts_per_step\":24,\"minibatch_size\":4,\"epochs\":1,\"max_new_tokens\":60,\"tokens_per_micro_batch\":6000,\"kl_coef\":0.1}", COMPUTE_F32},
        {48, 96, "{\"prompts_per_step\":24,\"minibatch_size\":7,\"epochs\":1,\"max_new_tokens\":60,\"tokens_per_micro_batch\":250,\"kl_coef\":0.1}", COMPUTE_BF16},
        {64, 1024, "{\"prompts_per_step\":24,\"minibatch_size\":4,\"epochs\":2,\"max_new_tokens\":60,\"tokens_per_micro_batch\":6000,\"kl_coef\":0.1}", COMPUTE_BF16},
        {48, 96, "{\"prompts_per_step\":24,\"minibatch_size\":24,\"epochs\":1,\"max_new_tokens\":60,\"tokens_per_micro_batch\":400,\"kl_coef\":0.1}", COMPUTE_F16}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Bench    b;
        PpoScore scored;
        bench_open_wide(&b, cases[i].hidden, cases[i].intermediate, true, false, cases[i].block);
        compute_in(&b, cases[i].compute);
        make_rollout(&b, 24);
        Ppo *ppo = ppo_of(&b);
        score(&b, ppo, &scored);
        const PpoStats stats = look(&b, ppo, 3);
        const double   tokens = b.session.config.rl.epochs * (double)b.rollout.response_start[24];
        printf("    %s, minibatches of %u, hidden %u: first %.9g, largest %.9g, sum of squares of log ratios %g\n", compute_type_name(cases[i].compute), b.session.config.rl.minibatch_size,
               cases[i].hidden, stats.first_ratio_max, (double)stats.policy.ratio_max, 2.0 * (double)stats.policy.approx_kl2);
        assert_true((double)stats.policy.tokens == tokens);
        if (b.session.config.rl.minibatch_size == 1) { /* a product of very few rows may take another kernel */
            assert_true(fabs((double)stats.policy.ratio_max - 1.0) < 1e-5 && (double)stats.policy.approx_kl2 < 1e-8);
        } else {
            assert_true(stats.first_ratio_max == 1.0 && stats.policy.ratio_max == 1.0f && stats.policy.approx_kl2 == 0.0f);
            assert_true((double)stats.policy.ratio == tokens);
        }
        ppo_free(ppo);
        bench_close(&b);
    }
}

/* The policy becomes an adapter on itself, frozen in `weights`; the reference is the base with the adapter off. */
static void freeze(Bench *b, WeightFormat weights, ComputeType compute, Model **base)
{
    Error       error     = {0};
    Session    *s         = &b->session;
    const char *directory = fixture_path(fixture_directory(), "frozen");
    must(model_save(s->policy, directory, DTYPE_F32, &error), &error);
    *base                   = model_load_frozen(s->gpu, directory, false, weights, &error);
    must(*base != NULL ? model_set_compute(*base, compute, &error) : error.status, &error);
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
    static const char block[] = "{\"prompts_per_step\":24,\"minibatch_size\":7,\"epochs\":1,\"max_new_tokens\":30,\"tokens_per_micro_batch\":250,\"kl_coef\":0.1}";
    for (int i = 0; i < 2 * (WEIGHT_FORMATS - WEIGHT_BF16); i++) {
        const WeightFormat weights = WEIGHT_BF16 + (WeightFormat)(i / 2);
        const ComputeType  compute = i % 2 == 0 ? COMPUTE_F32 : weights == WEIGHT_F16 ? COMPUTE_F16 : COMPUTE_BF16;
        Bench    b;
        PpoScore scored;
        Model   *base;
        gpu_fixture_reset(NULL);
        bench_open_wide(&b, 64, 128, true, false, block);
        freeze(&b, weights, compute, &base);
        make_rollout(&b, 24);
        Ppo *ppo = ppo_of(&b);
        score(&b, ppo, &scored);
        const PpoStats stats = look(&b, ppo, 3);
        printf("    %s in %s: first ratio %.9g, largest %.9g, KL to the reference %g\n", weight_format_name(weights), compute_type_name(compute), stats.first_ratio_max,
               (double)stats.policy.ratio_max, scored.kl_token);
        assert_true(stats.first_ratio_max == 1.0 && stats.policy.ratio_max == 1.0f && stats.policy.approx_kl2 == 0.0f);
        assert_true(scored.kl_token != 0.0); /* the adapter is on in one and off in the other */
        ppo_free(ppo);
        bench_close(&b);
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
    Bench    b;
    PpoScore scored;
    Outcome  o = {0};
    Error    error = {0};
    bench_open(&b, 16, true, false,
               "{" STEP "\"kl_in\":\"loss\",\"kl_coef\":0.3,\"kl_estimator\":\"k3\",\"entropy_coef\":0.05,\"clip\":0.1,\"value_clip\":0.1,\"loss_mean\":\"sequence\"}");
    b.session.config.rl.tokens_per_micro_batch = micro_tokens;
    b.session.config.recompute = strcmp(recompute, "block") == 0 ? RECOMPUTE_BLOCK : RECOMPUTE_NONE;
    make_rollout(&b, 6);
    Ppo *ppo = ppo_of(&b);
    score(&b, ppo, &scored);
    shake(b.session.policy, 0.03, 4);
    shake(b.session.critic, 0.05, 5);
    const PpoUpdate update = {.step = 0, .train_actor = true, .kl_coef = 0.3, .actor_lr = 1e-3, .critic_lr = 1e-2};
    must(ppo_update(ppo, &b.rollout, &update, &o.stats, &error), &error);
    Learner *const learners[] = {b.session.learner, b.session.critic_learner};
    for (int k = 0; k < 2; k++) {
        const uint64_t n = learners[k]->model->floats;
        o.gradient[k] = fixture_download(learners[k]->gradients, n);
        o.parameters[k] = fixture_download(learners[k]->model->parameters, n);
    }
    ppo_free(ppo);
    bench_close(&b);
    return o;
}

static void micro_batches_and_recompute_change_nothing(void **state)
{
    (void)state;
    static const struct {
        const char *what, *recompute;
        uint32_t    tokens;
    } variants[] = {{"one or two at a time", "none", 27}, {"two or three at a time", "none", 55}, {"recomputed blocks", "block", 200}};
    Bench b;
    bench_open(&b, 16, true, false, "{" STEP "\"kl_coef\":0}");
    const Model  *layouts[2] = {b.session.policy, b.session.critic};
    const Outcome whole = one_step(200, "none");
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        const Outcome part = one_step(variants[i].tokens, variants[i].recompute);
        double        worst = 0.0, moved = 0.0;
        for (int k = 0; k < 2; k++) {
            for (uint32_t j = 0; j < layouts[k]->tensor_count; j++) {
                const ModelTensor *t = &layouts[k]->tensors[j];
                double             largest = 0.0, off = 0.0;
                for (uint64_t q = t->offset; q < t->offset + t->elements; q++) {
                    largest = fmax(largest, fabs((double)whole.gradient[k][q]));
                    off = fmax(off, fabs((double)whole.gradient[k][q] - (double)part.gradient[k][q]));
                    moved = fmax(moved, fabs((double)whole.parameters[k][q] - (double)part.parameters[k][q]));
                }
                worst = fmax(worst, largest > 0.0 ? off / largest : off);
            }
        }
        const double policy = fabs((double)part.stats.policy.loss - (double)whole.stats.policy.loss), value = fabs((double)part.stats.value.loss - (double)whole.stats.value.loss);
        printf("    %-24s losses %.0e %.0e, gradients %.0e of each tensor's largest, parameters %.0e\n", variants[i].what, policy, value, worst, moved);
        assert_true(policy < 1e-6 && value < 1e-6 && worst < 1e-5 && moved < 1e-5);
        assert_true(part.stats.policy.tokens == whole.stats.policy.tokens && part.stats.minibatches == 1);
    }
    bench_close(&b);
}

/* The first steps of a shared trunk train the value head and nothing else. */
static void a_frozen_actor_keeps_its_parameters(void **state)
{
    (void)state;
    Bench    b;
    PpoScore scored;
    PpoStats stats;
    Error    error = {0};
    bench_open(&b, 16, true, true, "{" STEP "\"weight_decay\":0.1,\"kl_coef\":0.1}");
    make_rollout(&b, 6);
    Ppo         *ppo = ppo_of(&b);
    const Model *model = b.session.policy;
    score(&b, ppo, &scored);
    const float    *before = fixture_download(model->parameters, model->floats);
    const PpoUpdate update = {.step = 0, .train_actor = false, .kl_coef = 0.1, .actor_lr = 0.0, .critic_lr = 1e-2};
    must(ppo_update(ppo, &b.rollout, &update, &stats, &error), &error);
    const float *after = fixture_download(model->parameters, model->floats);
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        const ModelTensor *t = &model->tensors[i];
        const bool         same = memcmp(before + t->offset, after + t->offset, t->elements * sizeof *before) == 0;
        if (same == (strncmp(t->name, "value_head.", 11) == 0)) {
            fail_msg("%s %s", t->name, same ? "did not move" : "moved");
        }
    }
    assert_int_equal(stats.minibatches, 0);
    assert_int_equal(stats.value_minibatches, 1);
    ppo_free(ppo);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(kl_in_the_loss_and_entropy),
        fixture_test(kl_in_the_reward),
        fixture_test(shared_trunk),
        fixture_test(the_first_ratio_is_one), fixture_test(the_first_ratio_on_a_frozen_base),
        fixture_test(micro_batches_and_recompute_change_nothing),
        fixture_test(a_frozen_actor_keeps_its_parameters),
    };
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
