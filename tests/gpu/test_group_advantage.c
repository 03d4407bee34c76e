/* Advantages without a critic against PyTorch (tests/data/parity/rl/groups.json) and
 * float64: GRPO, centering, RLOO, REINFORCE++. */
#include <math.h>

#include "engine/ops/gae.h"
#include "engine/ops/group_advantage.h"
#include "engine/ops/kl.h"
#include "engine/ops/whiten.h"
#include "tests/support/gpu_fixture.h"
#include "tests/support/reference.h"

enum { MAX_SEQUENCES = 256 };

/* A matrix of groups.json, rows after one another; returns the number of elements. */
static size_t flatten(const cJSON *root, const char *key, double *values, uint32_t *group_of)
{
    const cJSON *row, *item;
    size_t       count = 0;
    uint32_t     group = 0;
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(root, key))
    {
        cJSON_ArrayForEach(item, row)
        {
            assert_true(count < MAX_SEQUENCES);
            group_of[count] = group;
            values[count++] = item->valuedouble;
        }
        group++;
    }
    assert_true(count > 0);
    return count;
}

static void forms_match_pytorch(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        GroupForm   form;
        float       eps;
    } forms[]     = {{"mean_centered", GROUP_CENTER, 0},
                     {"grpo_std_unbiased_eps1e-9", GROUP_GRPO, 1e-9f},
                     {"grpo_std_unbiased_eps1e-4", GROUP_GRPO, 1e-4f},
                     {"rloo", GROUP_RLOO, 0}};
    cJSON   *root = reference_json(TEST_DATA "/parity/rl/groups.json");
    double   score[MAX_SEQUENCES], want[MAX_SEQUENCES], shuffled[MAX_SEQUENCES], shuffled_want[MAX_SEQUENCES];
    uint32_t group_of[MAX_SEQUENCES], same[MAX_SEQUENCES], shuffled_group[MAX_SEQUENCES];
    size_t   count = flatten(root, "rewards", score, group_of);
    for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
        assert_int_equal(flatten(root, forms[f].key, want, same), count);
        for (size_t i = 0; i < count; i++) { /* 7 and the count have no common divisor: groups mixed */
            size_t from       = i * 7 % count;
            shuffled[i]       = score[from];
            shuffled_group[i] = group_of[from] * 5 + 3;
            shuffled_want[i]  = want[from];
        }
        GpuSpan    in_order = fixture_empty(count), mixed = fixture_empty(count);
        GpuStream *stream = fixture_stream();
        group_advantage(stream, in_order, fixture_upload(score, count), fixture_words(group_of, count), forms[f].form,
                        forms[f].eps, (uint32_t)count);
        group_advantage(stream, mixed, fixture_upload(shuffled, count), fixture_words(shuffled_group, count),
                        forms[f].form, forms[f].eps, (uint32_t)count);
        fixture_run();
        reference_check(forms[f].key, fixture_download(in_order, count), want, count, 1e-5);
        reference_check("the same, groups mixed", fixture_download(mixed, count), shuffled_want, count, 1e-5);
    }
    cJSON_Delete(root);
}

/* Scores that are equal but not exact in binary, in a group whose size does not divide them: exactly 0. */
static void no_spread_gives_zero(void **state)
{
    (void)state;
    enum { COUNT = 30 };
    double   score[COUNT], zeros[COUNT] = {0};
    uint32_t group_of[COUNT];
    for (uint32_t i = 0; i < COUNT; i++) {
        group_of[i] = i < 22 ? i % 3 : i; /* 7 or 8 each, then groups of one */
        score[i]    = 0.1 + 0.7 * group_of[i];
    }
    for (int form = GROUP_CENTER; form <= GROUP_RLOO; form++) {
        GpuSpan advantage = fixture_empty(COUNT);
        group_advantage(fixture_stream(), advantage, fixture_upload(score, COUNT), fixture_words(group_of, COUNT),
                        (GroupForm)form, 1e-9f, COUNT);
        fixture_run();
        reference_check("groups without spread", fixture_download(advantage, COUNT), zeros, COUNT, 0);
    }
}

/* REINFORCE++: reward to go with KL at every token, whitened over the batch; and RLOO with KL. */
static void with_kl_in_the_reward(void **state)
{
    (void)state;
    enum { SEQUENCES = 12, MAX_TOKENS = 12 * 20 };
    uint32_t start[SEQUENCES + 1] = {0}, sequence_of[MAX_TOKENS], group_of[SEQUENCES];
    for (uint32_t s = 0; s < SEQUENCES; s++) {
        start[s + 1] = start[s] + 1 + s * 7 % 19;
        group_of[s]  = s / 4;
        for (uint32_t t = start[s]; t < start[s + 1]; t++) {
            sequence_of[t] = s;
        }
    }
    uint32_t tokens = start[SEQUENCES];
    double  *kl = fixture_doubles(tokens, 1), *score = fixture_doubles(SEQUENCES, 2), baseline[SEQUENCES];
    double  *want = fixture_alloc(tokens * sizeof *want), *want_rloo = fixture_alloc(tokens * sizeof *want),
           *want_seq = fixture_alloc(tokens * sizeof *want);
    double beta = 0.05, gamma = 0.97, mean = 0, var = 0;
    for (uint32_t s = 0; s < SEQUENCES; s++) {
        baseline[s] = 0;
        for (uint32_t j = 0; j < SEQUENCES; j++) {
            baseline[s] += j != s && group_of[j] == group_of[s] ? score[j] / 3 : 0;
        }
        double to_go = 0, to_go_rloo = 0;
        for (uint32_t t = start[s + 1]; t-- > start[s];) {
            bool last    = t + 1 == start[s + 1];
            to_go        = -beta * kl[t] + (last ? score[s] : 0) + gamma * to_go;
            to_go_rloo   = -beta * kl[t] + (last ? score[s] - baseline[s] : 0) + gamma * to_go_rloo;
            want[t]      = to_go;
            want_rloo[t] = to_go_rloo;
            want_seq[t]  = score[s] - baseline[s];
            mean += to_go / tokens;
        }
    }
    for (uint32_t t = 0; t < tokens; t++) {
        var += (want[t] - mean) * (want[t] - mean) / tokens;
    }
    for (uint32_t t = 0; t < tokens; t++) {
        want[t] = (want[t] - mean) / sqrt(var);
    }
    GpuSpan gkl = fixture_upload(kl, tokens), gscore = fixture_upload(score, SEQUENCES),
            gstart    = fixture_words(start, SEQUENCES + 1);
    GpuSpan gsequence = fixture_words(sequence_of, tokens), ggroup = fixture_words(group_of, SEQUENCES);
    GpuSpan reward = fixture_empty(tokens), advantage = fixture_empty(tokens), returns = fixture_empty(tokens),
            moments    = fixture_empty(4);
    GpuSpan rloo_score = fixture_empty(SEQUENCES), rloo_reward = fixture_empty(tokens), rloo = fixture_empty(tokens),
            rloo_returns = fixture_empty(tokens);
    GpuSpan    plain = fixture_empty(tokens), plain_returns = fixture_empty(tokens);
    GaeOptions options = {(float)gamma, 1, 1};
    GpuStream *stream  = fixture_stream();
    token_rewards(stream, reward, gkl, gscore, gstart, gsequence, (float)beta, tokens);
    gae(stream, advantage, returns, reward, (GpuSpan){0}, gstart, &options, SEQUENCES);
    whiten(stream, advantage, moments, advantage, (GpuSpan){0}, WHITEN_POPULATION, tokens); /* in place */
    group_advantage(stream, rloo_score, gscore, ggroup, GROUP_RLOO, 0, SEQUENCES);
    token_rewards(stream, rloo_reward, gkl, rloo_score, gstart, gsequence, (float)beta, tokens);
    gae(stream, rloo, rloo_returns, rloo_reward, (GpuSpan){0}, gstart, &options, SEQUENCES);
    token_rewards(stream, rloo_reward, (GpuSpan){0}, rloo_score, gstart, gsequence, 0, tokens);
    gae(stream, plain, plain_returns, rloo_reward, (GpuSpan){0}, gstart, &(GaeOptions){1, 1, 1}, SEQUENCES);
    fixture_run();
    reference_check("REINFORCE++ advantages", fixture_download(advantage, tokens), want, tokens, 1e-5);
    reference_check("RLOO advantages with KL", fixture_download(rloo, tokens), want_rloo, tokens, 1e-5);
    reference_check("RLOO advantages without KL", fixture_download(plain, tokens), want_seq, tokens, 1e-5);
    assert_memory_equal(fixture_download(rloo, tokens), fixture_download(rloo_returns, tokens), tokens * 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(forms_match_pytorch), fixture_test(no_spread_gives_zero),
                                       fixture_test(with_kl_in_the_reward)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
