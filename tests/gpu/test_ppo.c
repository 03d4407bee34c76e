/* PPO's arithmetic against PyTorch (tests/data/parity/rl/ppo-*): KL, rewards, advantages,
 * whitening, policy and value losses and their gradients. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engine/ops/gae.h"
#include "engine/ops/kl.h"
#include "engine/ops/logits.h"
#include "engine/ops/policy_loss.h"
#include "engine/ops/value_loss.h"
#include "engine/ops/whiten.h"
#include "tests/support/gpu_fixture.h"
#include "tests/support/reference.h"

static const double ARRAY_TOLERANCE = 1e-5, GRADIENT_TOLERANCE = 1e-6; /* data/parity/README.md */

/* One ppo-*.safetensors with its padded [B, T] arrays packed into ragged ones. */
typedef struct Batch {
    Reference *data;
    cJSON     *json;
    size_t     sequences, width, tokens;
    uint32_t  *resp_start, *sequence_of, *cell; /* cell[t]: index of token t in [B, T] */
} Batch;

static Batch batch_open(char name)
{
    Batch batch;
    char  path[400];
    snprintf(path, sizeof path, TEST_DATA "/parity/rl/ppo-%c.safetensors", name);
    batch.data = reference_open(path);
    snprintf(path, sizeof path, TEST_DATA "/parity/rl/ppo-%c.json", name);
    batch.json        = reference_json(path);
    batch.sequences   = reference_dim(batch.data, "in.mask", 0);
    batch.width       = reference_dim(batch.data, "in.mask", 1);
    batch.tokens      = 0;
    size_t  cells     = batch.sequences * batch.width;
    double *mask      = reference_get(batch.data, "in.mask", NULL);
    batch.resp_start  = fixture_alloc((batch.sequences + 1) * 4);
    batch.sequence_of = fixture_alloc(cells * 4);
    batch.cell        = fixture_alloc(cells * 4);
    for (size_t i = 0; i < cells; i++) {
        if (mask[i] != 0) {
            batch.sequence_of[batch.tokens]       = (uint32_t)(i / batch.width);
            batch.cell[batch.tokens++]            = (uint32_t)i;
            batch.resp_start[i / batch.width + 1] = (uint32_t)batch.tokens;
        }
    }
    assert_true(batch.tokens > 0 && batch.tokens < cells);
    return batch;
}

static void batch_close(Batch *batch)
{
    cJSON_Delete(batch->json);
    reference_close(batch->data);
}

static double *packed(const Batch *batch, const char *name)
{
    double *cells = reference_get(batch->data, name, NULL), *values = fixture_alloc(batch->tokens * sizeof *values);
    for (size_t t = 0; t < batch->tokens; t++) {
        values[t] = cells[batch->cell[t]];
    }
    return values;
}

static GpuSpan upload_packed(const Batch *batch, const char *name)
{
    return fixture_upload(packed(batch, name), batch->tokens);
}

static double scalar(const Batch *batch, const char *name)
{
    const cJSON *item =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(batch->json, "scalars"), name);
    assert_non_null(item);
    return item->valuedouble;
}

static void check_packed(const Batch *batch, const char *name, GpuSpan got, double tolerance)
{
    reference_check(name, fixture_download(got, batch->tokens), packed(batch, name), batch->tokens, tolerance);
}

static void check_scalar(const char *name, double got, double want, double tolerance)
{
    float value = (float)got;
    reference_check(name, &value, &want, 1, tolerance);
}

/* 1 / (S len_s), or 1 / R. */
static GpuSpan weights(const Batch *batch, bool per_sequence)
{
    double *weight = fixture_alloc(batch->tokens * sizeof *weight);
    for (size_t t = 0; t < batch->tokens; t++) {
        uint32_t s = batch->sequence_of[t], length = batch->resp_start[s + 1] - batch->resp_start[s];
        weight[t] = per_sequence ? 1 / ((double)batch->sequences * length) : 1 / (double)batch->tokens;
    }
    return fixture_upload(weight, batch->tokens);
}

static void rewards_and_advantages(void **state)
{
    (void)state;
    for (char name = 'a'; name <= 'b'; name++) {
        Batch    batch  = batch_open(name);
        uint32_t tokens = (uint32_t)batch.tokens, sequences = (uint32_t)batch.sequences;
        GpuSpan  resp_start = fixture_words(batch.resp_start, sequences + 1),
                sequence_of = fixture_words(batch.sequence_of, tokens);
        GpuSpan old = upload_packed(&batch, "in.old_logprobs"), ref = upload_packed(&batch, "in.ref_logprobs");
        GpuSpan value = upload_packed(&batch, "in.old_values");
        GpuSpan score = fixture_upload(reference_get(batch.data, "in.scores", NULL), sequences);
        GpuSpan kl = fixture_empty(tokens), reward = fixture_empty(tokens), moments = fixture_empty(4);
        GpuSpan advantage = fixture_empty(tokens), returns = fixture_empty(tokens);
        GpuSpan whitened = fixture_empty(tokens), unbiased = fixture_empty(tokens);
        for (int k = 3; k >= 1; k--) { /* k1 last: its rewards are the ones the advantages are of */
            char       label[64];
            GpuStream *stream = fixture_stream();
            kl_tokens(stream, kl, old, ref, (KlEstimator)k, tokens);
            token_rewards(stream, reward, kl, score, resp_start, sequence_of, 0.05f, tokens);
            fixture_run();
            snprintf(label, sizeof label, "out.kl.k%d", k);
            check_packed(&batch, label, kl, ARRAY_TOLERANCE);
            snprintf(label, sizeof label, "out.rewards.k%d", k);
            check_packed(&batch, label, reward, ARRAY_TOLERANCE);
        }
        static const char *const gammas[] = {"g1.0", "g0.99"};
        for (int i = 0; i < 2; i++) {
            char       label[64];
            GaeOptions options = {i == 0 ? 1 : 0.99f, 0.95f, 0.95f};
            GpuStream *stream  = fixture_stream();
            gae(stream, advantage, returns, reward, value, resp_start, &options, sequences);
            whiten(stream, whitened, moments, advantage, (GpuSpan){0}, WHITEN_POPULATION, tokens);
            fixture_run();
            snprintf(label, sizeof label, "out.adv.%s", gammas[i]);
            check_packed(&batch, label, advantage, ARRAY_TOLERANCE);
            snprintf(label, sizeof label, "out.returns.%s", gammas[i]);
            check_packed(&batch, label, returns, ARRAY_TOLERANCE);
            snprintf(label, sizeof label, "out.adv_whitened.%s", gammas[i]);
            check_packed(&batch, label, whitened, ARRAY_TOLERANCE);
            snprintf(label, sizeof label, "adv.%s.mean", gammas[i]);
            check_scalar(label, (double)fixture_download(moments, 4)[0], scalar(&batch, label), ARRAY_TOLERANCE);
            snprintf(label, sizeof label, "adv.%s.var_population", gammas[i]);
            check_scalar(label, (double)fixture_download(moments, 4)[1], scalar(&batch, label), ARRAY_TOLERANCE);
            whiten(fixture_stream(), unbiased, moments, advantage, (GpuSpan){0}, WHITEN_UNBIASED, tokens);
            fixture_run();
            snprintf(label, sizeof label, "out.adv_whitened_unbiased.%s", gammas[i]);
            check_packed(&batch, label, unbiased, ARRAY_TOLERANCE);
        }
        batch_close(&batch);
    }
}

static PolicyLoss policy_spans(const Batch *batch)
{
    size_t tokens = batch->tokens;
    return (PolicyLoss){.dlogprob    = fixture_empty(tokens),
                        .stats       = fixture_zeros(LOSS_STATS),
                        .partial     = fixture_empty(loss_stats_bytes((uint32_t)tokens) / 4),
                        .logprob     = upload_packed(batch, "in.new_logprobs"),
                        .entropy     = upload_packed(batch, "out.entropy"),
                        .old_logprob = upload_packed(batch, "in.old_logprobs"),
                        .ref_logprob = upload_packed(batch, "in.ref_logprobs"),
                        .advantage   = upload_packed(batch, "out.adv_whitened.g1.0"),
                        .weight      = weights(batch, false)};
}

static PolicyStats policy_stats(GpuSpan span)
{
    PolicyStats stats;
    memcpy(&stats, fixture_download(span, LOSS_STATS), sizeof stats);
    return stats;
}

static void policy_losses(void **state)
{
    (void)state;
    for (char name = 'a'; name <= 'b'; name++) {
        Batch             batch   = batch_open(name);
        uint32_t          tokens  = (uint32_t)batch.tokens;
        PolicyLoss        loss    = policy_spans(&batch);
        double            n       = (double)tokens;
        PolicyLossOptions options = {.clip_low = 0.2f, .clip_high = 0.2f};

        policy_loss(fixture_stream(), &loss, &options, tokens);
        fixture_run();
        PolicyStats stats = policy_stats(loss.stats);
        check_packed(&batch, "out.grad_new_logprobs.policy.token_mean", loss.dlogprob, GRADIENT_TOLERANCE);
        assert_true((double)stats.tokens == n && stats.not_finite == 0 && stats.ref_kl == 0);
        check_scalar("policy_loss.token_mean", (double)stats.loss, scalar(&batch, "policy_loss.token_mean"),
                     ARRAY_TOLERANCE);
        check_scalar("entropy.token_mean", (double)stats.entropy / n, scalar(&batch, "entropy.token_mean"),
                     ARRAY_TOLERANCE);
        check_scalar("clipfrac.surrogate", (double)stats.clipped_surrogate / n, scalar(&batch, "clipfrac.surrogate"),
                     ARRAY_TOLERANCE);
        check_scalar("clipfrac.ratio", (double)stats.clipped_ratio / n, scalar(&batch, "clipfrac.ratio"),
                     ARRAY_TOLERANCE);
        check_scalar("approx_kl.k1", (double)stats.approx_kl1 / n, scalar(&batch, "approx_kl.k1"), ARRAY_TOLERANCE);
        check_scalar("approx_kl.k2", (double)stats.approx_kl2 / n, scalar(&batch, "approx_kl.k2"), ARRAY_TOLERANCE);
        check_scalar("approx_kl.k3", (double)stats.approx_kl3 / n, scalar(&batch, "approx_kl.k3"), ARRAY_TOLERANCE);
        double *ratio = packed(&batch, "out.ratio"), sum = 0, largest = 0;
        for (uint32_t t = 0; t < tokens; t++) {
            sum += ratio[t];
            largest = fmax(largest, ratio[t]);
        }
        check_scalar("ratio, mean", (double)stats.ratio / n, sum / n, ARRAY_TOLERANCE);
        check_scalar("ratio, largest", (double)stats.ratio_max, largest, ARRAY_TOLERANCE);

        loss.weight = weights(&batch, true);
        loss.stats  = fixture_zeros(LOSS_STATS);
        policy_loss(fixture_stream(), &loss, &options, tokens);
        fixture_run();
        stats = policy_stats(loss.stats);
        check_packed(&batch, "out.grad_new_logprobs.policy.seq_mean", loss.dlogprob, GRADIENT_TOLERANCE);
        check_scalar("policy_loss.seq_mean", (double)stats.loss, scalar(&batch, "policy_loss.seq_mean"),
                     ARRAY_TOLERANCE);
        check_scalar("entropy.seq_mean", (double)stats.weighted_entropy, scalar(&batch, "entropy.seq_mean"),
                     ARRAY_TOLERANCE);
        batch_close(&batch);
    }
}

static void kl_losses(void **state)
{
    (void)state;
    for (char name = 'a'; name <= 'b'; name++) {
        Batch      batch  = batch_open(name);
        uint32_t   tokens = (uint32_t)batch.tokens;
        PolicyLoss loss   = policy_spans(&batch);
        loss.advantage    = fixture_zeros(tokens);
        for (int k = 1; k <= 3; k++) {
            char              label[64];
            PolicyLossOptions options = {
                .clip_low = 0.2f, .clip_high = 0.2f, .kl_estimator = (KlEstimator)k, .kl_coef = 1};
            for (int per_sequence = 0; per_sequence < 2; per_sequence++) {
                loss.weight = weights(&batch, per_sequence);
                loss.stats  = fixture_zeros(LOSS_STATS);
                policy_loss(fixture_stream(), &loss, &options, tokens);
                fixture_run();
                PolicyStats stats = policy_stats(loss.stats);
                snprintf(label, sizeof label, "kl_loss.k%d.%s", k, per_sequence ? "seq_mean" : "token_mean");
                check_scalar(label, (double)stats.kl_loss, scalar(&batch, label), ARRAY_TOLERANCE);
                if (!per_sequence) {
                    check_scalar("the same, measured", (double)stats.ref_kl / (double)tokens, scalar(&batch, label),
                                 ARRAY_TOLERANCE);
                    snprintf(label, sizeof label, "out.grad_new_logprobs.kl_loss.k%d.token_mean", k);
                    check_packed(&batch, label, loss.dlogprob, GRADIENT_TOLERANCE);
                }
            }
        }
        batch_close(&batch);
    }
}

/* Policy loss with an entropy bonus down to the logits, as the trainer chains it. */
static void gradient_of_the_logits(void **state)
{
    (void)state;
    for (char name = 'a'; name <= 'b'; name++) {
        Batch    batch  = batch_open(name);
        uint32_t tokens = (uint32_t)batch.tokens, vocab = (uint32_t)reference_dim(batch.data, "in.new_logits", 2);
        size_t   count      = (size_t)tokens * vocab;
        double  *all_logits = reference_get(batch.data, "in.new_logits", NULL),
               *all_want    = reference_get(batch.data, "out.grad_new_logits.total", NULL);
        double  *logits = fixture_alloc(count * sizeof *logits), *want = fixture_alloc(count * sizeof *want);
        double  *actions = packed(&batch, "in.actions");
        int32_t *targets = fixture_alloc(tokens * sizeof *targets);
        for (uint32_t t = 0; t < tokens; t++) {
            memcpy(logits + (size_t)t * vocab, all_logits + (size_t)batch.cell[t] * vocab, vocab * sizeof *logits);
            memcpy(want + (size_t)t * vocab, all_want + (size_t)batch.cell[t] * vocab, vocab * sizeof *want);
            targets[t] = (int32_t)actions[t];
        }
        GpuSpan glogits = fixture_upload(logits, count), gtargets = fixture_words(targets, tokens),
                lse               = fixture_empty(tokens);
        PolicyLoss loss           = policy_spans(&batch);
        loss.logprob              = fixture_empty(tokens);
        loss.entropy              = fixture_empty(tokens);
        loss.dentropy             = fixture_empty(tokens);
        PolicyLossOptions options = {.clip_low = 0.2f, .clip_high = 0.2f, .entropy_coef = 0.01f};
        GpuStream        *stream  = fixture_stream();
        logits_statistics(stream, loss.logprob, loss.entropy, lse, glogits, gtargets, 1, 0, tokens, vocab, vocab);
        policy_loss(stream, &loss, &options, tokens);
        logits_backward(stream, glogits, lse, loss.entropy, gtargets, loss.dlogprob, loss.dentropy, 1, 0, tokens, vocab,
                        vocab);
        fixture_run();
        PolicyStats stats = policy_stats(loss.stats);
        check_packed(&batch, "out.entropy", loss.entropy, ARRAY_TOLERANCE);
        check_scalar("total_loss.token_mean", (double)stats.loss - 0.01 * (double)stats.weighted_entropy,
                     scalar(&batch, "total_loss.token_mean"), ARRAY_TOLERANCE);
        reference_check("out.grad_new_logits.total", fixture_download(glogits, count), want, count, GRADIENT_TOLERANCE);
        batch_close(&batch);
    }
}

static void value_losses(void **state)
{
    (void)state;
    static const char *const gammas[] = {"g1.0", "g0.99"}, *const means[] = {"token_mean", "seq_mean"};
    for (char name = 'a'; name <= 'b'; name++) {
        Batch     batch  = batch_open(name);
        uint32_t  tokens = (uint32_t)batch.tokens;
        double    n      = (double)tokens;
        ValueLoss loss   = {.dvalue    = fixture_empty(tokens),
                            .partial   = fixture_empty(loss_stats_bytes(tokens) / 4),
                            .value     = upload_packed(&batch, "in.new_values"),
                            .old_value = upload_packed(&batch, "in.old_values")};
        for (int i = 0; i < 2; i++) {
            char label[64];
            snprintf(label, sizeof label, "out.returns.%s", gammas[i]);
            loss.returns    = upload_packed(&batch, label);
            double *returns = packed(&batch, label), *old = packed(&batch, "in.old_values"), mean = 0, off_mean = 0,
                   var = 0, off_var = 0;
            for (uint32_t t = 0; t < tokens; t++) {
                mean += returns[t] / n;
                off_mean += (returns[t] - old[t]) / n;
            }
            for (uint32_t t = 0; t < tokens; t++) {
                var += (returns[t] - mean) * (returns[t] - mean);
                off_var += (returns[t] - old[t] - off_mean) * (returns[t] - old[t] - off_mean);
            }
            for (int per_sequence = 0; per_sequence < 2; per_sequence++) {
                ValueStats stats;
                loss.weight = weights(&batch, per_sequence);
                loss.stats  = fixture_zeros(LOSS_STATS);
                value_loss(fixture_stream(), &loss, 0.2f, tokens);
                fixture_run();
                memcpy(&stats, fixture_download(loss.stats, LOSS_STATS), sizeof stats);
                snprintf(label, sizeof label, "out.grad_new_values.%s.%s", gammas[i], means[per_sequence]);
                check_packed(&batch, label, loss.dvalue, GRADIENT_TOLERANCE);
                snprintf(label, sizeof label, "value_loss.%s.%s", gammas[i], means[per_sequence]);
                check_scalar(label, (double)stats.loss, scalar(&batch, label), ARRAY_TOLERANCE);
                snprintf(label, sizeof label, "value_clipfrac.%s", gammas[i]);
                check_scalar(label, (double)stats.clipped / n, scalar(&batch, label), ARRAY_TOLERANCE);
                check_scalar("explained variance", value_explained_variance(&stats), 1 - off_var / var,
                             ARRAY_TOLERANCE);
                assert_true((double)stats.tokens == n && stats.not_finite == 0);
            }
        }
        batch_close(&batch);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(rewards_and_advantages), fixture_test(policy_losses),
                                       fixture_test(kl_losses), fixture_test(gradient_of_the_logits),
                                       fixture_test(value_losses)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
