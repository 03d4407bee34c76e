#include "tests/support/ppo_bench.h"

#include <stdio.h>
#include <string.h>

#include "tests/support/gpu_fixture.h"

static void must(Status status, const Error *error)
{
    if (status != STATUS_OK) {
        fail_msg("%s", error->text);
    }
}

void ppo_bench_close(PpoBench *b)
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

void ppo_bench_shake(Model *model, double std, uint32_t stream)
{
    Error  error  = {0};
    float *values = fixture_download(model->parameters, model->floats);
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        const ModelTensor *t      = &model->tensors[i];
        Random             random = random_stream(9, RANDOM_TEST, stream, i);
        for (uint64_t j = 0; j < t->elements; j++) {
            values[t->offset + j] = (float)((double)values[t->offset + j] + std * random_normal(&random));
        }
    }
    must(gpu_upload(model->gpu, model->parameters, values, model->floats * 4, &error), &error);
}

static Model *random_model(const PpoBench *b, uint32_t hidden, bool tied, bool value_head)
{
    Error             error  = {0};
    const ModelConfig config = {.family            = MODEL_LLAMA,
                                .vocab_size        = 41,
                                .hidden_size       = hidden,
                                .layers            = 2,
                                .heads             = 2,
                                .kv_heads          = 1,
                                .head_dim          = hidden / 2,
                                .intermediate_size = b->intermediate > 0 ? b->intermediate : hidden * 2,
                                .max_positions     = 256,
                                .rms_norm_eps      = 1e-5f,
                                .rope              = {.theta = 10000.0},
                                .tie_embeddings    = tied,
                                .bos_token_id      = 1,
                                .eos_token_ids     = {2},
                                .eos_count         = 1,
                                .pad_token_id      = 0};
    Model            *model  = model_new(fixture_gpu(), &config, value_head, &error);
    if (model == NULL || model_init(model, &(ModelInit){0.7, 1.2, 0.0}, b->session.config.seed, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return model;
}

void ppo_bench_open_wide(PpoBench *b, uint32_t hidden, uint32_t intermediate, bool tied, bool shared, const char *json)
{
    Error error = {0};
    char  text[2048];
    memset(b, 0, sizeof *b);
    b->shared       = shared;
    b->intermediate = intermediate;
    snprintf(text, sizeof text, "{\"name\":\"t\",\"seed\":7,\"model\":{\"critic\":\"%s\"},\"rl\":%s}",
             shared ? "shared" : "separate", json);
    must(run_config_parse(text, "test", NULL, 0, &b->session.config, &error), &error);
    Session *s = &b->session;
    s->gpu     = fixture_gpu();
    s->stream  = gpu_stream_new(s->gpu, &error);
    s->task    = task_instance_new(&task_countdown, NULL, &error);
    assert_non_null(s->task);
    assert_int_equal(s->task->prompt_tokens, PPO_BENCH_PROMPT);
    s->policy = random_model(b, hidden, tied, shared);
    ppo_bench_shake(s->policy, 0.1, 1);
    b->reference = random_model(b, hidden, tied, false);
    must(model_copy(b->reference, s->policy, &error), &error);
    ppo_bench_shake(b->reference, 0.02, 2);
    s->learner = learner_new(s->policy, GPU_MEMORY_DEVICE, &error);
    if (s->config.rl.advantage == ADVANTAGE_GAE && !shared) {
        s->critic = random_model(b, hidden, tied, true);
        ppo_bench_shake(s->critic, 0.1, 3);
        s->critic_learner = learner_new(s->critic, GPU_MEMORY_DEVICE, &error);
    }
    b->longest = PPO_BENCH_PROMPT + s->config.rl.max_new_tokens;
}

void ppo_bench_compute_in(PpoBench *b, ComputeType compute)
{
    Error        error    = {0};
    Session     *s        = &b->session;
    Model *const models[] = {s->policy, b->reference, s->critic};
    for (int i = 0; i < 3 && compute != COMPUTE_F32; i++) {
        must(models[i] != NULL ? model_set_compute(models[i], compute, &error) : STATUS_OK, &error);
    }
    learner_free(s->learner);
    learner_free(s->critic_learner);
    s->learner        = learner_new(s->policy, GPU_MEMORY_DEVICE, &error);
    s->critic_learner = s->critic != NULL ? learner_new(s->critic, GPU_MEMORY_DEVICE, &error) : NULL;
}

void ppo_bench_open(PpoBench *b, uint32_t hidden, bool tied, bool shared, const char *json)
{
    ppo_bench_open_wide(b, hidden, 0, tied, shared, json);
}

void ppo_bench_rollout(PpoBench *b, uint32_t n)
{
    const uint32_t max_new = b->session.config.rl.max_new_tokens;
    Random         random  = random_stream(5, RANDOM_TEST, 0, 0);
    Rollout       *r       = &b->rollout;
    *r                     = (Rollout){.session = &b->session, .sequences = n, .longest = b->longest};
    r->items               = fixture_alloc(n * sizeof *r->items);
    r->ids                 = fixture_alloc((size_t)n * b->longest * sizeof *r->ids);
    r->finished            = fixture_alloc(n * sizeof *r->finished);
    r->response_start      = fixture_alloc((n + 1) * sizeof *r->response_start);
    r->prompt_tokens       = fixture_alloc(n * sizeof *r->prompt_tokens);
    for (uint32_t s = 0; s < n; s++) {
        const uint32_t prompt    = 3 + random_below(&random, PPO_BENCH_PROMPT - 2),
                       response  = s == 1   ? 1
                                   : s == 2 ? max_new
                                            : 1 + random_below(&random, max_new);
        r->prompt_tokens[s]      = prompt;
        r->response_start[s + 1] = r->response_start[s] + response;
        for (uint32_t i = 0; i < prompt + response; i++) {
            rollout_ids(r, s)[i] =
                1 + (int32_t)random_below(&random, 40); /* 0 is padding, whose lookup trains nothing */
        }
        r->items[s].group  = s / 2;
        r->items[s].tokens = response;
        r->items[s].score  = (float)random_normal(&random);
        r->items[s].masked = b->session.config.rl.truncated == TRUNCATED_MASK && s == 3;
    }
}

Ppo *ppo_bench_ppo(PpoBench *b)
{
    Error error = {0};
    Ppo  *ppo   = ppo_new(&b->session, b->reference, b->rollout.sequences, &error);
    if (ppo == NULL) {
        fail_msg("%s", error.text);
    }
    return ppo;
}

void ppo_bench_score(PpoBench *b, Ppo *ppo, PpoScore *scored)
{
    Error error = {0};
    must(ppo_score(ppo, &b->rollout, scored, &error), &error);
    must(ppo_advantages(ppo, &b->rollout, b->session.config.rl.kl_coef, &error), &error);
}

PpoStats ppo_bench_look(PpoBench *b, Ppo *ppo, uint32_t step)
{
    Error           error = {0};
    PpoStats        stats;
    const PpoUpdate update = {.step = step, .train_actor = true, .kl_coef = b->session.config.rl.kl_coef};
    must(ppo_update(ppo, &b->rollout, &update, &stats, &error), &error);
    return stats;
}
