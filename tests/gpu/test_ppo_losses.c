/* What the PyTorch data does not reach: PPO's losses on many tokens against float64 and
 * finite differences, micro-batches, masks, tokens that are not finite, asymmetric clips,
 * a critic with a lambda of its own. */
#include <math.h>
#include <string.h>

#include "engine/ops/gae.h"
#include "engine/ops/policy_loss.h"
#include "engine/ops/value_loss.h"
#include "engine/ops/whiten.h"
#include "tests/support/gpu_fixture.h"
#include "tests/support/reference.h"

enum { TOKENS = 1800 }; /* four blocks, the last one not full */

static double exact(double value)
{
    return (double)(float)value;
}

typedef struct Policy {
    double           *logprob, *entropy, *old_logprob, *ref_logprob, *advantage, *weight;
    PolicyLossOptions options;
} Policy;

/* Random tokens, none of them within 1e-3 of a bend of the loss. A third has weight 0. */
static Policy random_policy(KlEstimator estimator)
{
    Policy policy = {
        fixture_doubles(TOKENS, 1),
        fixture_doubles(TOKENS, 2),
        fixture_doubles(TOKENS, 3),
        fixture_doubles(TOKENS, 4),
        fixture_doubles(TOKENS, 5),
        fixture_doubles(TOKENS, 6),
        {.clip_low = 0.2f, .clip_high = 0.28f, .entropy_coef = 0.03f, .kl_estimator = estimator, .kl_coef = 0.7f}};
    for (size_t t = 0; t < TOKENS; t++) {
        double l = 0.3 * policy.logprob[t];
        if (fabs(exp(l) - 0.8) < 1e-3 || fabs(exp(l) - 1.28) < 1e-3) {
            l += 0.01;
        }
        policy.old_logprob[t] = exact(-3 + policy.old_logprob[t]);
        policy.logprob[t]     = exact(policy.old_logprob[t] + l);
        policy.ref_logprob[t] = exact(policy.old_logprob[t] + 0.4 * policy.ref_logprob[t]);
        policy.entropy[t]     = exact(fabs(policy.entropy[t]));
        policy.weight[t]      = t % 3 == 1 ? 0 : exact(fabs(policy.weight[t]) / TOKENS);
    }
    return policy;
}

static double policy_reference(void *user)
{
    const Policy *p   = user;
    double        sum = 0, low = 1 - (double)p->options.clip_low, high = 1 + (double)p->options.clip_high;
    for (size_t t = 0; t < TOKENS; t++) {
        double rho = exp(p->logprob[t] - p->old_logprob[t]), d = p->logprob[t] - p->ref_logprob[t];
        double kl = p->options.kl_estimator == KL_K1   ? d
                    : p->options.kl_estimator == KL_K2 ? d * d / 2
                    : p->options.kl_estimator == KL_K3 ? exp(-d) - 1 + d
                                                       : 0;
        sum += p->weight[t] * (-fmin(rho * p->advantage[t], fmin(fmax(rho, low), high) * p->advantage[t]) +
                               (double)p->options.kl_coef * kl - (double)p->options.entropy_coef * p->entropy[t]);
    }
    return sum;
}

/* Dispatches tokens [first, first + count) as one micro-batch; the gradient goes to `gradient`. */
static void run_policy(const Policy *policy, GpuSpan stats, size_t first, size_t count, double *dlogprob,
                       double *dentropy)
{
    PolicyLoss loss = {.dlogprob    = fixture_empty(count),
                       .dentropy    = fixture_empty(count),
                       .stats       = stats,
                       .partial     = fixture_empty(loss_stats_bytes((uint32_t)count) / 4),
                       .logprob     = fixture_upload(policy->logprob + first, count),
                       .entropy     = fixture_upload(policy->entropy + first, count),
                       .old_logprob = fixture_upload(policy->old_logprob + first, count),
                       .ref_logprob = fixture_upload(policy->ref_logprob + first, count),
                       .advantage   = fixture_upload(policy->advantage + first, count),
                       .weight      = fixture_upload(policy->weight + first, count)};
    policy_loss(fixture_stream(), &loss, &policy->options, (uint32_t)count);
    fixture_run();
    const float *p = fixture_download(loss.dlogprob, count), *e = fixture_download(loss.dentropy, count);
    for (size_t i = 0; i < count; i++) {
        dlogprob[first + i] = (double)p[i];
        dentropy[first + i] = (double)e[i];
    }
}

static PolicyStats policy_stats(GpuSpan span)
{
    PolicyStats stats;
    memcpy(&stats, fixture_download(span, LOSS_STATS), sizeof stats);
    return stats;
}

static void check_value(const char *name, double got, double want, double tolerance)
{
    float value = (float)got;
    reference_check(name, &value, &want, 1, tolerance);
}

static void policy_gradient_is_the_derivative(void **state)
{
    (void)state;
    for (int k = KL_NONE; k <= KL_K3; k++) {
        Policy  policy   = random_policy((KlEstimator)k);
        double *dlogprob = fixture_alloc(TOKENS * sizeof *dlogprob),
               *dentropy = fixture_alloc(TOKENS * sizeof *dentropy);
        GpuSpan stats    = fixture_zeros(LOSS_STATS);
        run_policy(&policy, stats, 0, TOKENS, dlogprob, dentropy);
        PolicyStats got = policy_stats(stats);
        check_value("loss, float64", (double)got.loss + 0.7 * (double)got.kl_loss - 0.03 * (double)got.weighted_entropy,
                    policy_reference(&policy), 1e-6);
        fixture_check_gradient("dlogprob", policy_reference, &policy, policy.logprob, dlogprob, TOKENS, 1e-5);
        fixture_check_gradient("dentropy", policy_reference, &policy, policy.entropy, dentropy, TOKENS, 1e-5);
        assert_int_equal((int)got.tokens, TOKENS * 2 / 3);
        int    outside = 0;
        double largest = 0;
        for (size_t t = 0; t < TOKENS; t++) {
            double rho = exp(policy.logprob[t] - policy.old_logprob[t]);
            largest    = policy.weight[t] != 0 ? fmax(largest, rho) : largest;
            outside += policy.weight[t] != 0 && (rho < 0.8 || rho > 1.28);
        }
        assert_int_equal((int)got.clipped_ratio, outside);
        check_value("largest ratio", (double)got.ratio_max, largest, 1e-5);
    }
}

/* Micro-batches of any size give the gradient of the whole batch and the same sums. */
static void micro_batches_add_up(void **state)
{
    (void)state;
    static const size_t cuts[] = {0, 1, 700, 1212, TOKENS};
    Policy              policy = random_policy(KL_K3);
    double             *whole = fixture_alloc(TOKENS * sizeof *whole), *parts = fixture_alloc(TOKENS * sizeof *parts),
           *entropy = fixture_alloc(TOKENS * sizeof *entropy);
    GpuSpan stats = fixture_zeros(LOSS_STATS), part_stats = fixture_zeros(LOSS_STATS);
    run_policy(&policy, stats, 0, TOKENS, whole, entropy);
    for (size_t i = 0; i + 1 < sizeof cuts / sizeof *cuts; i++) {
        run_policy(&policy, part_stats, cuts[i], cuts[i + 1] - cuts[i], parts, entropy);
    }
    assert_memory_equal(whole, parts, TOKENS * sizeof *whole);
    const float *a = fixture_download(part_stats, LOSS_STATS), *b = fixture_download(stats, LOSS_STATS);
    double       want[LOSS_STATS];
    for (int k = 0; k < LOSS_STATS; k++) {
        want[k] = (double)b[k];
    }
    reference_check("sums over micro-batches", a, want, LOSS_STATS, 1e-3); /* of up to 1200 terms of size 1 */
    assert_true(policy_stats(stats).ratio_max == policy_stats(part_stats).ratio_max &&
                policy_stats(stats).ratio_max > 1);
}

/* Weight 0 hides anything; a counted token that is not finite must reach the gradient norm. */
static void not_finite_tokens(void **state)
{
    (void)state;
    Policy  policy   = random_policy(KL_K3);
    double *dlogprob = fixture_alloc(TOKENS * sizeof *dlogprob), *dentropy = fixture_alloc(TOKENS * sizeof *dentropy);
    GpuSpan stats     = fixture_zeros(LOSS_STATS);
    policy.logprob[1] = policy.entropy[1] = policy.advantage[4] = (double)NAN; /* weight 0 */
    policy.old_logprob[7]                                       = -INFINITY;   /* weight 0 */
    policy.logprob[600]                                         = 5000; /* counted, finite: rho is held at e^20 */
    policy.advantage[600]                                       = -1;
    run_policy(&policy, stats, 0, TOKENS, dlogprob, dentropy);
    for (size_t t = 0; t < TOKENS; t++) {
        assert_true(isfinite(dlogprob[t]));
    }
    assert_true(dlogprob[1] == 0 && dlogprob[4] == 0 && dlogprob[7] == 0);
    assert_true(policy_stats(stats).not_finite == 0 && isfinite(policy_stats(stats).loss));

    policy.logprob[3] = (double)NAN; /* weight not 0 */
    stats             = fixture_zeros(LOSS_STATS);
    run_policy(&policy, stats, 0, TOKENS, dlogprob, dentropy);
    assert_true(isnan(dlogprob[3]));
    assert_true(policy_stats(stats).not_finite == 1 && isfinite(policy_stats(stats).loss));
    assert_int_equal((int)policy_stats(stats).tokens, TOKENS * 2 / 3 - 1);
}

typedef struct Critic {
    double *value, *old_value, *returns, *weight, clip;
} Critic;

static double critic_reference(void *user)
{
    const Critic *c   = user;
    double        sum = 0;
    for (size_t t = 0; t < TOKENS; t++) {
        double off     = c->value[t] - c->returns[t];
        double clipped = c->old_value[t] + fmin(fmax(c->value[t] - c->old_value[t], -c->clip), c->clip) - c->returns[t];
        sum += c->weight[t] * 0.5 * (c->clip > 0 ? fmax(off * off, clipped * clipped) : off * off);
    }
    return sum;
}

static void value_gradient_is_the_derivative(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        Critic  critic   = {fixture_doubles(TOKENS, 1), fixture_doubles(TOKENS, 2), fixture_doubles(TOKENS, 3),
                            fixture_doubles(TOKENS, 4), i ? exact(0.3f) : 0};
        double *gradient = fixture_alloc(TOKENS * sizeof *gradient);
        for (size_t t = 0; t < TOKENS; t++) {
            double change = 0.4 * critic.value[t];
            change += fabs(fabs(change) - 0.3) < 1e-3 ? 0.01 : 0;
            critic.value[t]  = exact(critic.old_value[t] + change);
            critic.weight[t] = t % 5 == 0 ? 0 : exact(fabs(critic.weight[t]) / TOKENS);
            double off       = critic.value[t] - critic.returns[t];
            double clipped   = critic.old_value[t] + fmin(fmax(change, -0.3), 0.3) - critic.returns[t];
            if (fabs(fabs(off) - fabs(clipped)) < 1e-3) { /* the bend between the two terms */
                critic.returns[t] = exact(critic.returns[t] + 0.01);
            }
        }
        critic.returns[10]   = (double)NAN; /* weight 0 */
        GpuSpan   span_stats = fixture_zeros(LOSS_STATS);
        ValueLoss loss       = {.dvalue    = fixture_empty(TOKENS),
                                .stats     = span_stats,
                                .partial   = fixture_empty(loss_stats_bytes(TOKENS) / 4),
                                .value     = fixture_upload(critic.value, TOKENS),
                                .old_value = fixture_upload(critic.old_value, TOKENS),
                                .returns   = fixture_upload(critic.returns, TOKENS),
                                .weight    = fixture_upload(critic.weight, TOKENS)};
        value_loss(fixture_stream(), &loss, (float)critic.clip, TOKENS);
        fixture_run();
        critic.returns[10] = 0;
        const float *got   = fixture_download(loss.dvalue, TOKENS);
        ValueStats   stats;
        memcpy(&stats, fixture_download(span_stats, LOSS_STATS), sizeof stats);
        for (size_t t = 0; t < TOKENS; t++) {
            gradient[t] = (double)got[t];
        }
        check_value("value loss, float64", (double)stats.loss, critic_reference(&critic), 1e-6);
        fixture_check_gradient("dvalue", critic_reference, &critic, critic.value, gradient, TOKENS, 1e-5);
        assert_int_equal((int)stats.tokens, TOKENS - TOKENS / 5);
        assert_true(i ? stats.clipped > 100 : stats.clipped == 0);
    }
}

/* Many sequences of many lengths, the returns with a lambda of their own, an empty sequence. */
static void gae_of_ragged_sequences(void **state)
{
    (void)state;
    enum { SEQUENCES = 77 };
    uint32_t start[SEQUENCES + 1] = {0};
    for (uint32_t s = 0; s < SEQUENCES; s++) {
        start[s + 1] = start[s] + (s * 31 + 5) % 40;
    }
    uint32_t tokens = start[SEQUENCES];
    double  *reward = fixture_doubles(tokens, 1), *value = fixture_doubles(tokens, 2);
    double  *want = fixture_alloc(tokens * sizeof *want), *want_returns = fixture_alloc(tokens * sizeof *want);
    double   gamma = 0.98, lambda = 0.9;
    bool     has_empty = false;
    for (uint32_t s = 0; s < SEQUENCES; s++) {
        double a = 0, to_go = 0;
        has_empty |= start[s] == start[s + 1];
        for (uint32_t t = start[s + 1]; t-- > start[s];) {
            double next     = t + 1 < start[s + 1] ? value[t + 1] : 0;
            a               = reward[t] + gamma * next - value[t] + gamma * lambda * a;
            to_go           = reward[t] + gamma * to_go; /* lambda_critic 1: the plain return */
            want[t]         = a;
            want_returns[t] = to_go;
        }
    }
    assert_true(has_empty);
    GpuSpan    advantage = fixture_empty(tokens), returns = fixture_empty(tokens);
    GaeOptions options = {(float)gamma, (float)lambda, 1};
    gae(fixture_stream(), advantage, returns, fixture_upload(reward, tokens), fixture_upload(value, tokens),
        fixture_words(start, SEQUENCES + 1), &options, SEQUENCES);
    fixture_run();
    reference_check("advantages", fixture_download(advantage, tokens), want, tokens, 1e-5);
    reference_check("returns, lambda_critic 1", fixture_download(returns, tokens), want_returns, tokens, 1e-5);
}

/* Masked tokens neither count nor keep an advantage; a large offset does not cost precision; no spread gives 0. */
static void whitening_with_a_mask(void **state)
{
    (void)state;
    double *advantage = fixture_doubles(TOKENS, 8), *mask = fixture_alloc(TOKENS * sizeof *mask),
           *want = fixture_alloc(TOKENS * sizeof *want);
    double mean = 0, var = 0, n = 0;
    for (size_t t = 0; t < TOKENS; t++) {
        mask[t]      = t % 7 != 2;
        advantage[t] = exact(1000 + advantage[t]);
        mean += mask[t] * advantage[t];
        n += mask[t];
    }
    mean /= n;
    for (size_t t = 0; t < TOKENS; t++) {
        var += mask[t] * (advantage[t] - mean) * (advantage[t] - mean) / n;
    }
    for (size_t t = 0; t < TOKENS; t++) {
        want[t] = mask[t] != 0 ? (advantage[t] - mean) / sqrt(var) : 0;
    }
    advantage[2]     = (double)NAN; /* masked */
    GpuSpan whitened = fixture_empty(TOKENS), moments = fixture_empty(4), gmask = fixture_upload(mask, TOKENS);
    whiten(fixture_stream(), whitened, moments, fixture_upload(advantage, TOKENS), gmask, WHITEN_POPULATION, TOKENS);
    fixture_run();
    reference_check("whitened with a mask, around 1000", fixture_download(whitened, TOKENS), want, TOKENS, 2e-4);
    assert_true((double)fixture_download(moments, 4)[3] == n);

    double  same[3] = {0.1, 0.1, 0.1}, zeros[3] = {0};
    GpuSpan flat = fixture_upload(same, 3);
    whiten(fixture_stream(), flat, moments, flat, (GpuSpan){0}, WHITEN_UNBIASED, 1); /* one token: n - 1 = 0 */
    fixture_run();
    reference_check("one token", fixture_download(flat, 1), zeros, 1, 0);
}

/* Advantages that are all the same teach nothing, however many there are: what the mean is off by is not blown up. */
static void whitening_of_equal_advantages(void **state)
{
    (void)state;
    static const double values[] = {-0.35, 0.1, 1.0 / 3.0, -0.5, 1000.7, 1e-30, 0};
    static const size_t counts[] = {1, 3, 37, 208, 1000, TOKENS};
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            double *same = fixture_alloc(counts[c] * sizeof *same), *zeros = fixture_alloc(counts[c] * sizeof *zeros);
            for (size_t t = 0; t < counts[c]; t++) {
                same[t] = values[v];
            }
            for (WhitenForm form = WHITEN_POPULATION; form <= WHITEN_UNBIASED; form++) {
                GpuSpan flat = fixture_upload(same, counts[c]), moments = fixture_empty(4);
                whiten(fixture_stream(), flat, moments, flat, (GpuSpan){0}, form, (uint32_t)counts[c]);
                fixture_run();
                reference_check("equal advantages", fixture_download(flat, counts[c]), zeros, counts[c], 0);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(policy_gradient_is_the_derivative),
                                       fixture_test(micro_batches_add_up),
                                       fixture_test(not_finite_tokens),
                                       fixture_test(value_gradient_is_the_derivative),
                                       fixture_test(gae_of_ragged_sequences),
                                       fixture_test(whitening_with_a_mask),
                                       fixture_test(whitening_of_equal_advantages)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
