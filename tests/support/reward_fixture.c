#include "tests/support/reward_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

const Problem reward_fixture_countdown  = {.count = 3, .numbers = {4, 5, 16}, .target = 84};
const Problem reward_fixture_pick_three = {.count = 6, .numbers = {2, 5, 8, 9, 10, 12}, .target = 22};

RewardParts reward_fixture_compute(RewardConfig config, const Task *task, const Problem *problem, const char *text,
                                   uint32_t tokens)
{
    RewardInput input = {.response         = text,
                         .length           = strlen(text),
                         .response_tokens  = tokens,
                         .reasoning_tokens = tokens / 2,
                         .max_tokens       = 176};
    RewardParts parts;
    Error       error = {0};
    assert_int_equal(reward_config_check(&config, &error), STATUS_OK);
    reward_compute(&config, task, problem, &input, &parts);
    return parts;
}
