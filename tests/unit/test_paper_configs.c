/* The configs of the paper's runs have the settings of its authors' scripts (arXiv 2502.06773). */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "rlsp/reward/reward.h"
#include "rlsp/task/instance.h"
#include "rlsp/train/rollout_item.h"
#include "tests/support/fixture.h"

#define TOKENIZERS TEST_DATA "/parity/tokenizers"

/* The config with one problem as its data. */
static void read_config(const char *name, RunConfig *config)
{
    static const char line[] = "{\"problem\":\"What is 1 + 1?\",\"answer\":\"2\"}\n";
    Error             error  = {0};
    char              data[512], eval_data[512], path[512];
    const char       *file = fixture_path(fixture_directory(), "problems.jsonl");
    assert_int_equal(file_write_atomic(file, line, sizeof line - 1, &error), STATUS_OK);
    snprintf(path, sizeof path, RLSP_SOURCE_DIR "/configs/%s.json", name);
    snprintf(data, sizeof data, "task.data=%s", file);
    snprintf(eval_data, sizeof eval_data, "task.eval_data=%s", file);
    const char *const sets[] = {data, eval_data};
    if (run_config_read(path, sets, 2, config, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
}

static void ppo_is_set_as_in_their_scripts(void **state)
{
    (void)state;
    static const char *const names[] = {"llama-3.1-8b-math", "qwen2.5-32b-aime"};
    for (int i = 0; i < 2; i++) {
        RunConfig config;
        read_config(names[i], &config);
        const RunRl *rl = &config.rl;
        assert_int_equal(rl->prompts_per_step * rl->samples_per_prompt, 512);
        assert_int_equal(rl->minibatch_size, 128);
        assert_int_equal(rl->epochs, 1);
        assert_int_equal(config.task.max_prompt_tokens, 2048);
        assert_int_equal(rl->max_new_tokens, 4096);
        assert_true(rl->temperature == 0.7 && rl->top_p == 1 && rl->top_k == 0 && rl->min_p == 0);
        assert_true(rl->actor_lr == 2e-7 && rl->critic_lr == 2e-6 && rl->final_lr_fraction == 0.1);
        assert_int_equal(rl->schedule, SCHEDULE_COSINE);
        assert_int_equal(rl->critic_warmup_steps, 4);
        /* their 50 are optimizer steps, of which a step has four */
        const uint32_t warmup = (50 + 3) / (512 / rl->minibatch_size);
        assert_int_equal(rl->actor_warmup_steps, warmup);
        assert_int_equal(rl->critic_lr_warmup_steps, warmup);
        assert_true(rl->betas[0] == 0.9 && rl->betas[1] == 0.95 && rl->weight_decay == 0 && rl->max_grad_norm == 1);
        assert_true(rl->kl_coef == 0.05 && rl->kl_estimator == KL_ESTIMATOR_K1 && rl->kl_in == KL_IN_REWARD &&
                    rl->kl_target == 0);
        assert_true(rl->advantage == ADVANTAGE_GAE && rl->gamma == 1 && rl->lambda == 0.95 &&
                    rl->lambda_critic == 0.95 && rl->whiten);
        assert_true(rl->clip == 0.2 && rl->clip_high == 0.2 && rl->value_clip == 0.2 && rl->entropy_coef == 0);
        assert_true(config.checkpoint.every == 20 && config.checkpoint.keep == 10);
        assert_true(config.reward.clip == 10);
        const RunExploreReward *explore = &config.reward.explore;
        assert_true(explore->c == 1000 && explore->compat);
        if (i == 1) {
            assert_true(explore->judge.fallback == 0.5 && explore->judge.retries == 10 && explore->judge.backoff == 2);
            assert_int_equal(explore->max_bytes, 0); /* nothing is cut out of a response */
        }
    }
}

/* r = outcome - 1000 / n, and with the judge 0.8 r + 0.2 judge; n: characters before the box / 4. */
static void rewards_are_their_formula(void **state)
{
    (void)state;
    char text[4100];
    memset(text, 'x', 4000);
    strcpy(text + 4000, "\\boxed{2}");
    RunConfig config;
    for (int judged = 0; judged < 2; judged++) {
        read_config(judged ? "qwen2.5-32b-aime" : "llama-3.1-8b-math", &config);
        const RewardConfig reward = reward_from_config(&config.reward);
        Error              error  = {0};
        TaskInstance      *task   = task_instance_open(&config.task, &error);
        assert_non_null(task);
        assert_int_equal(reward_config_check(&reward, &error), STATUS_OK);
        Problem problem;
        task_instance_draw(task, 1, 0, 0, 1, &problem);
        const RewardInput input = {
            .response = text, .length = strlen(text), .response_tokens = 1000, .max_tokens = 4096};
        RewardParts parts;
        reward_compute(&reward, task->kind, &problem, &input, &parts);
        assert_true(parts.verdict.correct);
        assert_true(reward_wants_judge(&reward, &parts) == judged);
        reward_add(&reward, &(RewardSaid){.judge = 0.7}, &parts);
        assert_true(parts.total == (judged ? 0.8 * (1 - 1000 / 1000.0) + 0.2 * 0.7 : 1 - 1000 / 1000.0));
        task_instance_free(task);
    }
}

/* "Problem: …" or "Problem:…" as the user's turn, and no system turn, which these models' own templates would add. */
static void prompts_have_no_system_turn(void **state)
{
    (void)state;
    static const char *const rows[][3] = {
        {"llama-3.1-8b-math", TOKENIZERS "/llama3-style",
         "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nProblem: What is 1 + 1?<|eot_id|>"
         "<|start_header_id|>assistant<|end_header_id|>\n\n"},
        {"qwen2.5-32b-aime", TOKENIZERS "/qwen2-style",
         "<|im_start|>user\nProblem:What is 1 + 1?<|im_end|>\n<|im_start|>assistant\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        RunConfig  config;
        Error      error     = {0};
        Tokenizer *tokenizer = tokenizer_open(rows[i][1], &error);
        assert_non_null(tokenizer);
        read_config(rows[i][0], &config);
        TaskInstance *task = task_instance_open(&config.task, &error);
        assert_non_null(task);
        if (task_instance_prepare(task, tokenizer, rows[i][1], config.model.chat_template, &error) != STATUS_OK) {
            fail_msg("%s", error.text);
        }
        Problem    problem;
        TaskPrompt prompt = {0};
        task_instance_draw(task, 1, 0, 0, 1, &problem);
        assert_int_equal(task_instance_prompt(task, &problem, &prompt, &error), STATUS_OK);
        assert_string_equal(prompt.text, rows[i][2]);
        task_prompt_free(&prompt);
        task_instance_free(task);
        tokenizer_free(tokenizer);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ppo_is_set_as_in_their_scripts),
        cmocka_unit_test(rewards_are_their_formula),
        cmocka_unit_test(prompts_have_no_system_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
