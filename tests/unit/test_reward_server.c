#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/json.h"
#include "rlsp/reward/reward_server.h"
#include "tests/support/stub_server.h"

enum { ITEMS = 7 };

static void read_reply(const char *body, uint32_t count, const char *says, double first)
{
    double     rewards[4] = {0};
    char       why[120]   = "";
    const bool good       = reward_reply_read(body, strlen(body), count, rewards, why, sizeof why);
    if (good != (says == NULL) || (says != NULL && strstr(why, says) == NULL) || (good && rewards[0] != first)) {
        fail_msg("%s: %d %s %g", body, good, why, rewards[0]);
    }
}

static void answers_are_read(void **state)
{
    (void)state;
    read_reply("{\"rewards\": [0.5, -1, 1e3]}", 3, NULL, 0.5);
    read_reply("{\"rewards\": [0.5], \"scores\": [7], \"extra_logs\": {}}", 1, NULL, 0.5);
    read_reply("{\"rewards\": [[0.25], [2]]}", 2, NULL, 0.25);
    read_reply("[0.5, 1]", 2, NULL, 0.5);
    read_reply("[[0.5], 1]", 2, NULL, 0.5);
    read_reply("{\"rewards\": []}", 0, NULL, 0);
    read_reply("{\"rewards\": [0.5]}", 2, "1 rewards for 2 responses", 0);
    read_reply("{\"rewards\": [1, 2, 3, 4, 5, 6, 7]}", 2, "7 rewards for 2 responses", 0);
    read_reply("{\"rewards\": [1, null]}", 2, "reward 1 is not a finite number", 0);
    read_reply("{\"rewards\": [1, \"1\"]}", 2, "reward 1 is not a finite number", 0);
    read_reply("{\"rewards\": [1, true]}", 2, "reward 1 is not a finite number", 0);
    read_reply("{\"rewards\": [1, [1, 2]]}", 2, "reward 1 is not a finite number", 0);
    read_reply("{\"rewards\": [1, []]}", 2, "reward 1 is not a finite number", 0);
    read_reply("{\"rewards\": [1, [[2]]]}", 2, "reward 1 is not a finite number", 0);
    read_reply("{\"rewards\": [NaN]}", 1, "the answer", 0);
    read_reply("{\"rewards\": [1e999]}", 1, "the answer", 0);
    read_reply("{\"rewards\": 1}", 1, "no list of rewards", 0);
    read_reply("{\"reward\": [1]}", 1, "no list of rewards", 0);
    read_reply("1", 1, "no list of rewards", 0);
    read_reply("", 1, "an empty answer", 0);
    read_reply("<html>", 1, "the answer", 0);
}

static const char *const responses[ITEMS] = {"a\nb\nc",         "a", "a\nb", "", "a\nb\nc\nd\ne\nf\ng", "x",
                                             "\"quoted\"\n\x01"};

static RewardServer *open_server(StubServer *stub, uint32_t batch_size)
{
    char                url[80];
    RewardServerOptions options = {.http = http_options_default(), .batch_size = batch_size, .fallback = -0.25};
    Error               error   = {0};
    snprintf(url, sizeof url, "http://127.0.0.1:%d/get_reward", stub_port(stub));
    options.http.name    = "reward.remote";
    options.http.url     = url;
    options.http.retries = 1;
    options.http.backoff = 0.01;
    RewardServer *server = reward_server_open(&options, &error);
    if (server == NULL) {
        fail_msg("%s", error.text);
    }
    return server;
}

static void ask(RewardServer *server, const char *label, RewardServerScore scores[ITEMS], RewardServerStats *stats)
{
    Error error = {0};
    assert_int_equal(reward_server_begin(server, ITEMS, &error), STATUS_OK);
    for (uint32_t i = 0; i < ITEMS; i++) { /* as they may come: not in order */
        const uint32_t         at   = (i * 3 + 2) % ITEMS;
        const RewardServerItem item = {"p\n", responses[at], 2, strlen(responses[at]), at == 1 ? label : NULL};
        assert_int_equal(reward_server_ask(server, at, &item, &error), STATUS_OK);
    }
    assert_int_equal(reward_server_wait(server, NULL, NULL, scores, stats, &error), STATUS_OK);
}

static void rewards_come_in_order_whatever_the_batches(void **state)
{
    (void)state;
    static const double wanted[ITEMS] = {3 / 6.0, 1 / 6.0, 2 / 6.0, 0, 1, 1 / 6.0, 2 / 6.0};
    for (uint32_t batch = 0; batch <= ITEMS + 1; batch++) {
        StubServer       *stub   = stub_start(&(StubOptions){0});
        RewardServer     *server = open_server(stub, batch);
        RewardServerScore scores[ITEMS];
        RewardServerStats stats;
        ask(server, "42", scores, &stats);
        double mean = 0;
        for (int i = 0; i < ITEMS; i++) {
            assert_true(fabs(scores[i].reward - wanted[i]) < 1e-6 && !scores[i].fallback && scores[i].tries == 1);
            mean += wanted[i] / ITEMS;
        }
        const uint32_t requests = batch == 0 || batch >= ITEMS ? 1 : (ITEMS + batch - 1) / batch;
        assert_int_equal(stats.http.tries, requests);
        assert_int_equal(stub_requests(stub), requests);
        assert_true(fabs(stats.reward - mean) < 1e-6 && stats.fallbacks == 0 && stats.items == ITEMS);
        reward_server_close(server);
        stub_stop(stub);
    }
}

static void the_form_is_openrlhf_s(void **state)
{
    (void)state;
    StubServer       *stub   = stub_start(&(StubOptions){0});
    RewardServer     *server = open_server(stub, 0);
    RewardServerScore scores[ITEMS];
    RewardServerStats stats;
    for (int labelled = 0; labelled < 2; labelled++) {
        ask(server, labelled ? "42" : NULL, scores, &stats);
        char  *last = stub_last(stub);
        cJSON *json = cJSON_Parse(strstr(last, "\r\n\r\n") + 4);
        assert_int_equal(cJSON_GetArraySize(json), labelled ? 3 : 2);
        assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(json, "query"), 6)->valuestring,
                            "p\n\"quoted\"\n\x01");
        assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(json, "prompts"), 6)->valuestring, "p\n");
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "query")), ITEMS);
        assert_int_equal(cJSON_GetArraySize(cJSON_GetObjectItem(json, "prompts")), ITEMS);
        if (labelled) {
            assert_string_equal(cJSON_GetArrayItem(cJSON_GetObjectItem(json, "labels"), 1)->valuestring, "42");
            assert_true(cJSON_IsNull(cJSON_GetArrayItem(cJSON_GetObjectItem(json, "labels"), 0)));
        }
        cJSON_Delete(json);
        free(last);
    }
    reward_server_close(server);
    stub_stop(stub);
}

static void failures_are_counted_by_response(void **state)
{
    (void)state;
    static const StubFault faults[] = {STUB_OUT_OF_RANGE, STUB_NAN, STUB_BAD_JSON, STUB_500, STUB_DROP, STUB_EMPTY};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        StubServer       *stub   = stub_start(&(StubOptions){.fault = faults[i]});
        RewardServer     *server = open_server(stub, 4);
        RewardServerScore scores[ITEMS];
        RewardServerStats stats;
        ask(server, NULL, scores, &stats);
        for (int j = 0; j < ITEMS; j++) {
            assert_true(scores[j].fallback && scores[j].reward == -0.25 && scores[j].error[0] != '\0');
        }
        assert_true(stats.fallbacks == ITEMS && stats.http.tries == 4 && stats.http.retries == 2 &&
                    stats.reward == -0.25);
        printf("    %-10s %s\n", stub_fault_names[faults[i]], stats.error);
        reward_server_close(server);
        stub_stop(stub);
    }
}

int main(void)
{
    setenv("no_proxy", "127.0.0.1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(rewards_come_in_order_whatever_the_batches),
        cmocka_unit_test(the_form_is_openrlhf_s),
        cmocka_unit_test(failures_are_counted_by_response),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
