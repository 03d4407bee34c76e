#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "rlsp/remote/http.h"
#include "tests/support/stub_server.h"

#define KEY "sk-secret-0123456789"

enum { MANY = 24 };

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

/* A client of a stub server, with a batch. */
typedef struct Talk {
    StubServer *server;
    HttpClient *client;
    HttpRequest requests[MANY];
    uint32_t    accepted;
    char        seen[4000]; /* the last body */
    double      seconds;
    Status      status;
    Error       error;
} Talk;

static bool accept_rewards(void *user, uint32_t index, char *body, size_t bytes, char *why, size_t why_size)
{
    Talk *talk = user;
    (void)index;
    snprintf(talk->seen, sizeof talk->seen, "%s", body);
    const bool good =
        bytes > 0 && strstr(body, "\"rewards\"") != NULL && body[bytes - 1] == '}' && strstr(body, "NaN") == NULL;
    talk->accepted += good;
    snprintf(why, why_size, "no rewards in it");
    return good;
}

static HttpOptions quick(void)
{
    HttpOptions options   = http_options_default();
    options.name          = "test";
    options.timeout       = 1;
    options.backoff       = 0.02;
    options.backoff_max   = 0.1;
    options.retries       = 2;
    options.breaker       = 0;
    options.breaker_pause = 1;
    options.body_limit    = 1 << 20;
    return options;
}

static const char body[] = "{\"query\": [\"a\\nb\\nc\\nd\"], \"prompts\": [\"a\\n\"]}";

static void begin(Talk *talk, uint32_t count)
{
    assert_int_equal(http_begin(talk->client, talk->requests, count, accept_rewards, talk, &talk->error), STATUS_OK);
}

static void send_on(Talk *talk, uint32_t first, uint32_t end)
{
    for (uint32_t i = first; i < end; i++) {
        talk->requests[i] = (HttpRequest){.body = body, .bytes = strlen(body)};
        http_send(talk->client, i);
    }
}

static void ask(Talk *talk, uint32_t count)
{
    const double start = now();
    talk->accepted     = 0;
    begin(talk, count);
    send_on(talk, 0, count);
    talk->status  = http_wait(talk->client, NULL, NULL, &talk->error);
    talk->seconds = now() - start;
}

static void meet(Talk *talk, const StubOptions *stub, HttpOptions options)
{
    char url[80];
    memset(talk, 0, sizeof *talk);
    talk->server = stub_start(stub);
    assert_non_null(talk->server);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/get_reward?token=abcdef", stub_port(talk->server));
    options.url  = url;
    talk->client = http_open(&options, &talk->error);
    if (talk->client == NULL) {
        fail_msg("%s", talk->error.text);
    }
}

static void part(Talk *talk)
{
    http_close(talk->client);
    stub_stop(talk->server);
}

/* --- what is right ------------------------------------------------------------------- */

static void many_requests_share_connections(void **state)
{
    (void)state;
    Talk        talk;
    HttpOptions options = quick();
    options.concurrency = 6;
    meet(&talk, &(StubOptions){.fault = STUB_SLOW, .seconds = 0.05}, options);
    ask(&talk, MANY);
    assert_int_equal(talk.status, STATUS_OK);
    assert_int_equal(talk.accepted, MANY);
    for (uint32_t i = 0; i < MANY; i++) {
        assert_true(talk.requests[i].ok && talk.requests[i].tries == 1 && talk.requests[i].error[0] == '\0');
        assert_true(talk.requests[i].seconds > 0.04 && talk.requests[i].seconds < 1);
    }
    assert_int_equal(stub_requests(talk.server), MANY);
    assert_in_range(stub_at_once(talk.server), 2, 6);
    assert_in_range(stub_connections(talk.server), 1, 6); /* used again */
    ask(&talk, 3);
    assert_int_equal(talk.accepted, 3);
    assert_in_range(stub_connections(talk.server), 1, 6);
    ask(&talk, 0);
    assert_int_equal(talk.status, STATUS_OK);
    assert_string_equal(talk.seen, "{\"rewards\": [0.5]}");
    part(&talk);
}

static void the_key_is_sent_and_never_shown(void **state)
{
    (void)state;
    Talk        talk;
    HttpOptions options = quick();
    options.key_env     = "RLSP_TEST_KEY";
    options.retries     = 0;
    setenv("RLSP_TEST_KEY", KEY, 1);
    meet(&talk, &(StubOptions){.fault = STUB_500, .faulty = 1}, options);
    ask(&talk, 1);
    assert_false(talk.requests[0].ok);
    assert_string_equal(talk.requests[0].error,
                        "HTTP 500: {\"error\": {\"message\": \"overloaded, you sent 'Bearer ********************'\"}}");
    char *last = stub_last(talk.server);
    assert_non_null(strstr(last, "\r\nAuthorization: Bearer " KEY "\r\n"));
    free(last);
    assert_null(strstr(http_url_shown(talk.client), "token"));
    part(&talk);
    unsetenv("RLSP_TEST_KEY");
}

/* --- what goes wrong: a row for each fault ----------------------------------------------- */

typedef struct Case {
    StubFault   fault;
    uint32_t    tries; /* that are made when it stays */
    const char *says;  /* in the error                */
} Case;

static const Case cases[] = {
    {STUB_SLOW, 3, "no answer within 0.3 s"},
    {STUB_500, 3, "HTTP 500: {\"error\": {\"message\": \"overloaded, you sent ''\"}}"},
    {STUB_400, 1, "HTTP 400: {\"error\": \"no such model\"}"},
    {STUB_401, 1, "HTTP 401"},
    {STUB_BAD_JSON, 3, "no rewards in it"},
    {STUB_NAN, 3, "no rewards in it"},
    {STUB_EMPTY, 3, "no rewards in it"},
    {STUB_TRUNCATED, 3, "transfer closed with "},
    {STUB_SHORT_LENGTH, 3, "no rewards in it"},
    {STUB_DROP, 3, "Empty reply from server"},
    {STUB_RESET, 3, "reset by peer"},
    {STUB_ENDLESS, 1, "the answer has more than 1048576 bytes"},
    {STUB_HEADERS, 1, "the answer has more than 65536 bytes"},
    {STUB_REDIRECT, 1, "HTTP 302: redirects are not followed"},
    {STUB_LORIS, 3, "no answer within 0.3 s"},
    {STUB_GARBAGE, 3, "HTTP/0.9"},
};

/* Only these are ended by the clock; the others may take as long as a busy machine needs. */
static bool is_of_time(StubFault fault)
{
    return fault == STUB_SLOW || fault == STUB_LORIS;
}

static void faults_that_stay_are_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Talk        talk;
        HttpOptions options = quick();
        options.timeout     = is_of_time(cases[i].fault) ? 0.3 : 20;
        meet(&talk, &(StubOptions){.fault = cases[i].fault, .seconds = 5}, options);
        ask(&talk, 1);
        const HttpRequest *request = &talk.requests[0];
        printf("    %-10s %u tries, %.2f s: %s\n", stub_fault_names[cases[i].fault], request->tries, talk.seconds,
               request->error);
        if (talk.status != STATUS_OK || request->ok || request->tries != cases[i].tries ||
            (stub_requests(talk.server) != cases[i].tries && !is_of_time(cases[i].fault)) ||
            strstr(request->error, cases[i].says) == NULL || strchr(request->error, '\n') != NULL ||
            talk.seconds > 15) {
            fail_msg("%s: %u tries, \"%s\", %.2f s", stub_fault_names[cases[i].fault], request->tries, request->error,
                     talk.seconds);
        }
        part(&talk);
    }
}

static void a_fault_that_passes_is_survived(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Talk        talk;
        HttpOptions options = quick();
        options.timeout     = is_of_time(cases[i].fault) ? 1 : 20;
        meet(&talk, &(StubOptions){.fault = cases[i].fault, .seconds = 30, .faulty = 2}, options);
        ask(&talk, 1);
        const bool again = cases[i].tries == 3;
        if (talk.requests[0].ok != again || talk.requests[0].tries != cases[i].tries) {
            fail_msg("%s: %s after %u tries: %s", stub_fault_names[cases[i].fault],
                     talk.requests[0].ok ? "right" : "failed", talk.requests[0].tries, talk.requests[0].error);
        }
        part(&talk);
    }
}

static void retry_after_is_honoured_by_all(void **state)
{
    (void)state;
    Talk        talk;
    HttpOptions options = quick();
    options.breaker     = 1; /* which is not opened by it */
    options.concurrency = 2;
    meet(&talk, &(StubOptions){.fault = STUB_429, .faulty = 2}, options);
    ask(&talk, 6);
    assert_int_equal(talk.accepted, 6);
    assert_true(talk.seconds >= 0.99 && talk.seconds < 10);
    assert_int_equal(stub_requests(talk.server), 8);
    part(&talk);
}

static void nobody_listens(void **state)
{
    (void)state;
    Talk talk;
    meet(&talk, &(StubOptions){0}, quick());
    stub_stop(talk.server);
    talk.server = NULL;
    ask(&talk, 2);
    assert_false(talk.requests[0].ok || talk.requests[1].ok);
    assert_int_equal(talk.requests[0].tries, 3);
    assert_non_null(strstr(talk.requests[0].error, "Failed to connect to 127.0.0.1 port"));
    part(&talk);
}

/* --- the breaker --------------------------------------------------------------------- */

static void a_dead_server_is_left_alone(void **state)
{
    (void)state;
    Talk        talk;
    HttpOptions options = quick();
    options.concurrency = 2;
    options.breaker     = 4;
    meet(&talk, &(StubOptions){.fault = STUB_DROP}, options);
    ask(&talk, MANY); /* 4 failures, a pause, a probe that fails: the others are not asked */
    const uint32_t asked = stub_requests(talk.server);
    assert_in_range(asked, 5, 6);
    assert_true(talk.seconds >= 1);
    uint32_t untried = 0;
    for (uint32_t i = 0; i < MANY; i++) {
        assert_false(talk.requests[i].ok);
        assert_true(talk.requests[i].error[0] != '\0');
        untried += talk.requests[i].tries == 0;
    }
    assert_true(untried >= MANY - 6);
    assert_string_equal(talk.requests[MANY - 1].error,
                        "not asked, the server fails again and again; last: Empty reply from server");
    ask(&talk, MANY); /* at once: within the pause */
    assert_int_equal(stub_requests(talk.server), asked);
    assert_true(talk.seconds < 0.9);
    nanosleep(&(struct timespec){.tv_sec = 1, .tv_nsec = 100000000}, NULL);
    ask(&talk, MANY); /* one probe */
    assert_int_equal(stub_requests(talk.server), asked + 1);
    part(&talk);
}

static void a_server_that_comes_back_is_asked_again(void **state)
{
    (void)state;
    Talk        talk;
    HttpOptions options = quick();
    options.concurrency = 2;
    options.breaker     = 4;
    options.retries     = 5;
    meet(&talk, &(StubOptions){.fault = STUB_500, .faulty = 4}, options);
    ask(&talk, MANY);
    assert_int_equal(talk.accepted, MANY); /* the fault ended within the pause: nothing is lost */
    part(&talk);
}

/* --- taken back ------------------------------------------------------------------------ */

static bool after_a_while(void *user)
{
    return now() > *(double *)user;
}

static void a_batch_is_taken_back_at_once(void **state)
{
    (void)state;
    Talk        talk;
    HttpOptions options = quick();
    options.timeout     = 60;
    meet(&talk, &(StubOptions){.fault = STUB_SLOW, .seconds = 30, .faulty = 8}, options);
    double start = now(), end = start + 0.2;
    begin(&talk, MANY);
    send_on(&talk, 0, MANY);
    assert_int_equal(http_begin(talk.client, talk.requests, MANY, accept_rewards, &talk, &talk.error), STATUS_FAILED);
    talk.error = (Error){0};
    assert_int_equal(http_wait(talk.client, after_a_while, &end, &talk.error), STATUS_STOPPED);
    assert_true(now() - start < 2);
    assert_false(talk.requests[0].ok);
    ask(&talk, 4); /* and the client is still good */
    assert_int_equal(talk.accepted, 4);
    /* closing takes back as well */
    start = now();
    begin(&talk, 4);
    send_on(&talk, 0, 2);
    part(&talk);
    assert_true(now() - start < 2);
}

/* Answers come while more requests are still being made, in whatever order these come, and not all have to. */
static void requests_go_out_one_by_one(void **state)
{
    (void)state;
    static const struct timespec pause = {.tv_nsec = 400000000};
    Talk                         talk;
    meet(&talk, &(StubOptions){0}, quick());
    begin(&talk, MANY);
    send_on(&talk, 5, 6);
    nanosleep(&pause, NULL);
    assert_int_equal(stub_requests(talk.server), 1);
    send_on(&talk, 0, 3);
    nanosleep(&pause, NULL);
    assert_int_equal(stub_requests(talk.server), 4);
    const double start = now();
    assert_int_equal(http_wait(talk.client, NULL, NULL, &talk.error), STATUS_OK);
    assert_true(now() - start < 0.2); /* they are there already */
    for (uint32_t i = 0; i < MANY; i++) {
        assert_int_equal(talk.requests[i].ok, i < 3 || i == 5);
        assert_int_equal(talk.requests[i].tries, i < 3 || i == 5);
    }
    begin(&talk, 3); /* a batch of none */
    assert_int_equal(http_wait(talk.client, NULL, NULL, &talk.error), STATUS_OK);
    assert_int_equal(stub_requests(talk.server), 4);
    part(&talk);
}

/* --- what is refused ------------------------------------------------------------------- */

static void refused(const char *url, const char *key_env, const char *says)
{
    Error       error   = {0};
    HttpOptions options = quick();
    options.url         = url;
    options.key_env     = key_env;
    assert_null(http_open(&options, &error));
    if (error.status != STATUS_BAD_INPUT || strstr(error.text, says) == NULL || strstr(error.text, "secret") != NULL) {
        fail_msg("%s: %s", url, error.text);
    }
    error = (Error){0};
    assert_int_equal(http_options_check(&options, &error), STATUS_BAD_INPUT);
}

static void bad_options_are_refused(void **state)
{
    (void)state;
    setenv("RLSP_TEST_BAD", "sk-secret\r\nX-Injected: 1", 1);
    setenv("RLSP_TEST_EMPTY", "", 1);
    unsetenv("RLSP_TEST_NONE");
    refused("", NULL, "test.endpoint: a URL has to begin with http:// or https://");
    refused("file:///etc/passwd", NULL, "test.endpoint: a URL has to begin");
    refused("ftp://127.0.0.1/", NULL, "test.endpoint: a URL has to begin");
    refused("http://", NULL, "test.endpoint: this is no URL");
    refused("http://a b/", NULL, "test.endpoint: this is no URL");
    refused("http://127.0.0.1:99999/", NULL, "test.endpoint: this is no URL");
    refused("http://me:secret@127.0.0.1/", NULL, "test.endpoint: a URL with a user or a password");
    refused("http://127.0.0.1/", "sk-secret-key", "test.key_env: not the name of an environment variable");
    refused("http://127.0.0.1/", "RLSP_TEST_NONE", "test.key_env: no such environment variable");
    refused("http://127.0.0.1/", "RLSP_TEST_EMPTY", "test.key_env: no such environment variable");
    refused("http://127.0.0.1/", "RLSP_TEST_BAD", "test.key_env: the variable's value has a space");
    HttpOptions good = quick();
    good.url         = "https://127.0.0.1:8443/v1";
    assert_int_equal(http_options_check(&good, NULL), STATUS_OK);
}

int main(void)
{
    setenv("no_proxy", "127.0.0.1", 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_requests_share_connections), cmocka_unit_test(the_key_is_sent_and_never_shown),
        cmocka_unit_test(faults_that_stay_are_told),       cmocka_unit_test(a_fault_that_passes_is_survived),
        cmocka_unit_test(retry_after_is_honoured_by_all),  cmocka_unit_test(nobody_listens),
        cmocka_unit_test(a_dead_server_is_left_alone),     cmocka_unit_test(a_server_that_comes_back_is_asked_again),
        cmocka_unit_test(a_batch_is_taken_back_at_once),   cmocka_unit_test(requests_go_out_one_by_one),
        cmocka_unit_test(bad_options_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
