/* PPO through a whole model: scores, advantages, losses and the gradient of every tensor against float64 loops
 * and their finite differences. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/gpu_fixture.h"
#include "tests/support/model_reference.h"
#include "tests/support/ppo_bench.h"

/* --- the same in float64 --------------------------------------------------------------- */

static double *parameters_of(const Model *model)
{
    float  *values = fixture_download(model->parameters, model->floats);
    double *p      = fixture_alloc(model->floats * sizeof *p);
    for (uint64_t i = 0; i < model->floats; i++) {
        p[i] = (double)values[i];
    }
    return p;
}

/* [response tokens] of a rollout. */
typedef struct Tokens {
    double *logprob, *entropy, *value;
} Tokens;

static void reference_tokens(const PpoBench *b, const Model *model, const double *p, Tokens *out)
{
    const Rollout *r      = &b->rollout;
    const uint32_t d      = model->config.hidden_size;
    double        *hidden = malloc(sizeof(double) * b->longest * d);
    for (uint32_t s = 0; s < r->sequences; s++) {
        const int32_t *ids = rollout_ids(r, s);
        model_reference_forward(model, p, ids, rollout_tokens(r, s), hidden);
        for (uint32_t t = r->response_start[s]; t < r->response_start[s + 1]; t++) {
            const uint32_t position = r->prompt_tokens[s] + t - r->response_start[s];
            const double  *at       = hidden + (uint64_t)(position - 1) * d;
            if (out->logprob != NULL) {
                model_reference_token(model, p, at, ids[position], b->session.config.rl.temperature, &out->logprob[t],
                                      &out->entropy[t]);
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

static void expect_advantages(const PpoBench *b, Expected *e)
{
    const RunRl   *rl  = &b->session.config.rl;
    const Rollout *r   = &b->rollout;
    double         sum = 0.0, square = 0.0, valid = 0.0, sequences = 0.0;
    for (uint32_t s = 0; s < r->sequences; s++) {
        double running = 0.0, running_critic = 0.0, next = 0.0;
        for (uint32_t t = r->response_start[s + 1]; t-- > r->response_start[s];) {
            double reward = t + 1 == r->response_start[s + 1] ? (double)r->items[s].score : 0.0;
            if (rl->kl_in == KL_IN_REWARD) {
                reward -= rl->kl_coef * kl_of(rl->kl_estimator, e->old.logprob[t] - e->ref.logprob[t]);
            }
            const double delta = reward + rl->gamma * next - e->critic.value[t];
            running            = delta + rl->gamma * rl->lambda * running;
            running_critic     = delta + rl->gamma * rl->lambda_critic * running_critic;
            next               = e->critic.value[t];
            e->advantage[t]    = running;
            e->returns[t]      = e->critic.value[t] + running_critic;
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
            e->weight[t]    = r->items[s].masked                    ? 0.0
                              : rl->loss_mean == LOSS_MEAN_SEQUENCE ? 1.0 / (sequences * tokens)
                                                                    : 1.0 / valid;
        }
    }
}

typedef struct Losses {
    double policy, kl, entropy, value; /* weighted */
    double clipped;                    /* tokens   */
} Losses;

static Losses expect_losses(const PpoBench *b, const Expected *e, const Tokens *now)
{
    const RunRl   *rl     = &b->session.config.rl;
    const uint32_t tokens = b->rollout.response_start[b->rollout.sequences];
    Losses         l      = {0};
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
    const PpoBench *bench;
    const Expected *expected;
    const Model    *model;
    bool            policy, value;
    Tokens          now; /* work space */
} Objective;

static double objective(const Objective *o, const double *p)
{
    const RunRl *rl  = &o->bench->session.config.rl;
    Tokens       now = o->now;
    now.value        = o->value ? now.value : NULL;
    now.logprob      = o->policy ? now.logprob : NULL;
    reference_tokens(o->bench, o->model, p, &now);
    const Losses l   = expect_losses(o->bench, o->expected, &now);
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
    const float *g    = fixture_download(learner->gradients, model->floats);
    const char  *name = "";
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        const ModelTensor *t      = &model->tensors[i];
        const float       *gt     = g + t->offset;
        Random             random = random_stream(4, RANDOM_TEST, 9, i);
        double            *v = malloc(t->elements * sizeof *v), norm = 0.0;
        uint64_t           largest = 0;
        for (uint64_t j = 0; j < t->elements; j++) {
            norm += (double)gt[j] * (double)gt[j];
            largest = fabsf(gt[j]) > fabsf(gt[largest]) ? j : largest;
        }
        norm            = sqrt(norm);
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
            name             = off > worst ? t->name : name;
            worst            = fmax(worst, off);
        }
        if (used) {
            const double one = 1.0;
            worst_element = fmax(worst_element, fabs(slope(o, p, t->offset + largest, &one, 1) - (double)gt[largest]) /
                                                    fabs((double)gt[largest]));
        }
        free(v);
    }
    printf("    %-22s slopes off by %.1e of the tensor's gradient (%s), largest elements by %.1e\n", what, worst, name,
           worst_element);
    assert_true(worst < 2e-5 && worst_element < 2e-5);
}

static void near(const char *what, double got, double want, double tolerance)
{
    printf("    %-22s %.7f, float64 %.7f\n", what, got, want);
    if (!(fabs(got - want) <= tolerance * fmax(1.0, fabs(want)))) {
        fail_msg("%s: %.9g, wanted %.9g", what, got, want);
    }
}

static double *doubles(uint32_t count)
{
    return fixture_alloc(count * sizeof(double));
}

static void check_whole(uint32_t hidden, bool tied, bool shared, const char *json)
{
    PpoBench b;
    ppo_bench_open(&b, hidden, tied, shared, json);
    ppo_bench_rollout(&b, 6);
    const uint32_t n      = b.rollout.response_start[6];
    Session       *s      = &b.session;
    Model         *critic = shared ? s->policy : s->critic;
    Expected       e      = {.old       = {doubles(n), doubles(n), NULL},
                             .ref       = {doubles(n), doubles(n), NULL},
                             .critic    = {NULL, NULL, doubles(n)},
                             .advantage = doubles(n),
                             .returns   = doubles(n),
                             .weight    = doubles(n)};
    reference_tokens(&b, s->policy, parameters_of(s->policy), &e.old);
    reference_tokens(&b, b.reference, parameters_of(b.reference), &e.ref);
    reference_tokens(&b, critic, parameters_of(critic), &e.critic);
    expect_advantages(&b, &e);
    Ppo     *ppo = ppo_bench_ppo(&b);
    PpoScore scored;
    ppo_bench_score(&b, ppo, &scored);
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

    ppo_bench_shake(s->policy, 0.03, 4); /* ratios leave 1, some are clipped */
    if (!shared) {
        ppo_bench_shake(s->critic, 0.05, 5);
    }
    const PpoStats stats = ppo_bench_look(&b, ppo, 0);
    Objective      actor = {&b, &e, s->policy, true, shared, {doubles(n), doubles(n), doubles(n)}};
    Tokens         now = {doubles(n), doubles(n), NULL}, values = {NULL, NULL, doubles(n)};
    reference_tokens(&b, s->policy, parameters_of(s->policy), &now);
    reference_tokens(&b, critic, parameters_of(critic), &values);
    Losses l = expect_losses(&b, &e, &now);
    l.value  = expect_losses(&b, &e, &values).value;
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
    ppo_bench_close(&b);
}

#define STEP                                                                                                           \
    "\"prompts_per_step\":6,\"minibatch_size\":6,\"epochs\":1,\"max_new_tokens\":14,\"tokens_per_micro_batch\":60,"    \
    "\"gamma\":0.99,\"lambda\":0.9,\"whiten\":true,"

static void kl_in_the_loss_and_entropy(void **state)
{
    (void)state;
    check_whole(
        16, false, false,
        "{" STEP
        "\"lambda_critic\":1.0,\"kl_in\":\"loss\",\"kl_coef\":0.3,\"kl_estimator\":\"k3\",\"entropy_coef\":0.05,"
        "\"clip\":0.1,\"clip_high\":0.15,\"value_clip\":0.1,\"loss_mean\":\"sequence\",\"temperature\":0.8,"
        "\"truncated\":\"mask\"}");
}

static void kl_in_the_reward(void **state)
{
    (void)state;
    check_whole(16, true, false,
                "{" STEP "\"kl_in\":\"reward\",\"kl_coef\":0.2,\"kl_estimator\":\"k1\",\"entropy_coef\":0,\"clip\":0.1,"
                "\"value_clip\":0.1,\"loss_mean\":\"token\",\"temperature\":1}");
}

static void shared_trunk(void **state)
{
    (void)state;
    check_whole(16, true, true,
                "{" STEP "\"kl_in\":\"loss\",\"kl_coef\":0.2,\"kl_estimator\":\"k2\",\"entropy_coef\":0.02,\"clip\":0."
                "1,\"value_clip\":0.1,\"value_coef\":0.5,"
                "\"loss_mean\":\"token\",\"temperature\":1.3}");
}
int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(kl_in_the_loss_and_entropy),
        fixture_test(kl_in_the_reward),
        fixture_test(shared_trunk),
    };
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
