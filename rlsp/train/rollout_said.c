#include "rlsp/train/rollout_said.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/train/session_control.h"

/* --- from the config -------------------------------------------------------------- */

static HttpOptions http_options(const RunServer *server, const char *name, uint64_t seed)
{
    HttpOptions options   = http_options_default();
    options.name          = name;
    options.url           = server->endpoint;
    options.key_env       = server->key_env;
    options.timeout       = server->timeout;
    options.retries       = server->retries;
    options.backoff       = server->backoff;
    options.concurrency   = server->concurrency;
    options.breaker       = server->breaker;
    options.breaker_pause = server->breaker_pause;
    options.seed          = seed;
    return options;
}

static JudgeOptions judge_options(const RunConfig *config)
{
    const RunExploreReward *explore = &config->reward.explore;
    return (JudgeOptions){.http     = http_options(&explore->judge, "reward.explore", config->seed),
                          .prompt   = {.model       = explore->model,
                                       .temperature = explore->temperature,
                                       .max_tokens  = explore->max_tokens,
                                       .max_bytes   = explore->max_bytes,
                                       .json        = explore->json},
                          .fallback = explore->judge.fallback,
                          .cache    = explore->cache};
}

static RewardServerOptions server_options(const RunConfig *config)
{
    const RunRemoteReward *remote = &config->reward.remote;
    return (RewardServerOptions){.http       = http_options(&remote->server, "reward.remote", config->seed + 1),
                                 .batch_size = remote->batch_size,
                                 .fallback   = remote->server.fallback};
}

static bool wants_judge(const RunConfig *config)
{
    return config->reward.explore.kind == EXPLORE_KIND_JUDGE;
}

static bool wants_server(const RunConfig *config)
{
    return config->reward.remote.mode != REMOTE_KIND_NONE;
}

Status rollout_said_check(const RunConfig *config, Error *error)
{
    Status status = STATUS_OK;
    if (wants_judge(config)) {
        const JudgeOptions options = judge_options(config);
        status                     = judge_options_check(&options, error);
    }
    if (status == STATUS_OK && wants_server(config)) {
        const RewardServerOptions options = server_options(config);
        status                            = http_options_check(&options.http, error);
    }
    return status;
}

/* --- life ------------------------------------------------------------------------- */

RolloutSaid *rollout_said_open(const RunConfig *config, uint32_t sequences, Error *error)
{
    RolloutSaid *said = calloc(1, sizeof *said);
    bool         good = said != NULL && (said->errors = calloc(sequences, sizeof *said->errors)) != NULL;
    if (good) {
        said->sequences    = sequences;
        said->judge_stops  = config->reward.explore.judge.on_failure == ON_FAILURE_STOP;
        said->server_stops = config->reward.remote.server.on_failure == ON_FAILURE_STOP;
    }
    if (good && wants_judge(config)) {
        const JudgeOptions options = judge_options(config);
        said->grades               = calloc(sequences, sizeof *said->grades);
        said->judge                = said->grades != NULL ? judge_open(&options, error) : NULL;
        good                       = said->judge != NULL;
    }
    if (good && wants_server(config)) {
        const RewardServerOptions options = server_options(config);
        said->numbers                     = calloc(sequences, sizeof *said->numbers);
        said->server                      = said->numbers != NULL ? reward_server_open(&options, error) : NULL;
        good                              = said->server != NULL;
    }
    if (!good) {
        error_set(error, STATUS_OUT_OF_MEMORY, "rollouts: out of host memory");
        rollout_said_free(said);
        return NULL;
    }
    return said;
}

void rollout_said_free(RolloutSaid *said)
{
    if (said != NULL) {
        judge_close(said->judge);
        reward_server_close(said->server);
        free(said->grades);
        free(said->numbers);
        free(said->errors);
        free(said);
    }
}

/* --- asking ----------------------------------------------------------------------- */

/* What the judge and the server are shown as the problem: a dataset's own text, or the prompt. */
static JudgeItem judge_item(const RolloutItem *item)
{
    const TaskItem *of = item->problem.item;
    return (JudgeItem){.problem       = of != NULL ? of->problem : item->prompt.text,
                       .problem_bytes = of != NULL ? of->problem_length : item->prompt.length,
                       .response      = item->response,
                       .bytes         = item->bytes};
}

static RewardServerItem server_item(const RolloutItem *item)
{
    return (RewardServerItem){.prompt       = item->prompt.text,
                              .prompt_bytes = item->prompt.length,
                              .response     = item->response,
                              .bytes        = item->bytes,
                              .label        = item->problem.item != NULL ? item->problem.item->answer : NULL};
}

Status rollout_said_begin(RolloutSaid *said, Error *error)
{
    Status status = said->judge != NULL ? judge_begin(said->judge, said->sequences, error) : STATUS_OK;
    status = status == STATUS_OK && said->server != NULL ? reward_server_begin(said->server, said->sequences, error)
                                                         : status;
    said->unanswered = false;
    memset(said->errors, 0, said->sequences * sizeof *said->errors);
    return status;
}

void rollout_said_ask(RolloutSaid *said, const RewardConfig *reward, const RolloutItem *items, uint32_t index)
{
    const RolloutItem *item   = &items[index];
    Error             *error  = &said->errors[index];
    Status             status = STATUS_OK;
    if (said->judge != NULL && reward_wants_judge(reward, &item->reward)) {
        const JudgeItem asked = judge_item(item);
        status                = judge_ask(said->judge, index, &asked, error);
    }
    if (said->server != NULL && status == STATUS_OK) {
        const RewardServerItem asked = server_item(item);
        reward_server_ask(said->server, index, &asked, error);
    }
}

/* --- answers ---------------------------------------------------------------------- */

static bool user_wants_end(void *session)
{
    return session_wants_end(session);
}

/* What becomes of responses that nobody answered for; `reason` is the first one's. */
static Status without_answer(RolloutSaid *said, Session *session, bool stops, const char *who, const char *url,
                             uint32_t lost, uint32_t of, double fallback, const char *reason, Error *error)
{
    const unsigned long long step = session->step + 1;
    if (lost == 0) {
        return STATUS_OK;
    }
    if (stops) {
        said->unanswered = true;
        return error_set(error, STATUS_FAILED, "step %llu: %s at %s gave no answer to %u of %u responses (%s)", step,
                         who, url, lost, of, reason);
    }
    events_log(session->events, "warning",
               "step %llu: %s at %s gave no answer to %u of %u responses, which count as %g: %s", step, who, url, lost,
               of, fallback, reason);
    return STATUS_OK;
}

static Status wait_all(RolloutSaid *said, Session *session, Error *error)
{
    const RunReward *reward = &session->config.reward;
    Status           status = STATUS_OK;
    if (said->judge != NULL) {
        const JudgeStats *stats = &said->judge_stats;
        status = judge_wait(said->judge, user_wants_end, session, said->grades, &said->judge_stats, error);
        status = status == STATUS_OK ? without_answer(said, session, said->judge_stops, "the judge",
                                                      judge_url(said->judge), stats->fallbacks, stats->items,
                                                      reward->explore.judge.fallback, stats->error, error)
                                     : status;
    }
    if (status == STATUS_OK && said->server != NULL) {
        const RewardServerStats *stats = &said->server_stats;
        status = reward_server_wait(said->server, user_wants_end, session, said->numbers, &said->server_stats, error);
        status = status == STATUS_OK ? without_answer(said, session, said->server_stops, "the reward server",
                                                      reward_server_url(said->server), stats->fallbacks, stats->items,
                                                      reward->remote.server.fallback, stats->error, error)
                                     : status;
    }
    return status;
}

Status rollout_said_finish(RolloutSaid *said, Session *session, const RewardConfig *reward, RolloutItem *items,
                           Error *error)
{
    if (said->judge == NULL && said->server == NULL) {
        return STATUS_OK;
    }
    const double start = session_clock();
    for (uint32_t i = 0; i < said->sequences; i++) {
        if (said->errors[i].status != STATUS_OK) {
            *error = said->errors[i];
            return error->status;
        }
    }
    const Status status = wait_all(said, session, error);
    said->wait_seconds  = session_clock() - start;
    for (uint32_t i = 0; i < said->sequences && status == STATUS_OK; i++) {
        const JudgeScore *grade = said->judge != NULL && said->grades[i].asked ? &said->grades[i] : NULL;
        items[i].grade          = grade;
        items[i].number         = said->server != NULL ? &said->numbers[i] : NULL;
        reward_add(reward,
                   &(RewardSaid){.judge  = grade != NULL ? grade->grade : 0,
                                 .remote = items[i].number != NULL ? items[i].number->reward : 0},
                   &items[i].reward);
    }
    return status;
}

/* --- events ----------------------------------------------------------------------- */

static double share(uint32_t part, uint32_t all)
{
    return all > 0 ? (double)part / all : 0;
}

/* Grades and their fallbacks are what was trained on; how they came depends on the clock and the network. */
int rollout_said_fields(const RolloutSaid *said, const RewardConfig *reward, const RolloutItem *items,
                        EventField fields[ROLLOUT_SAID_FIELDS])
{
    int    count  = 0;
    double length = 0, remote = 0;
    for (uint32_t i = 0; i < said->sequences; i++) {
        length += items[i].reward.length_weighted / said->sequences;
        remote += items[i].reward.remote_weighted / said->sequences;
    }
    if (said->judge != NULL) {
        const JudgeStats *s     = &said->judge_stats;
        const EventField  all[] = {{"judge", s->grade, NULL},
                                   {"judge_fallback", share(s->fallbacks, s->items), NULL},
                                   {"judge_asked", share(s->items, said->sequences), NULL},
                                   {"judge_tokens", s->prompt_tokens + s->answer_tokens, NULL},
                                   {"time_judge_requests", s->http.tries, NULL},
                                   {"time_judge_retries", s->http.retries, NULL},
                                   {"time_judge_latency", s->http.seconds, NULL},
                                   {"time_judge_latency_max", s->http.seconds_most, NULL}};
        memcpy(fields, all, sizeof all);
        count = sizeof all / sizeof *all;
        if (reward->explore.compat) {
            fields[count++] = (EventField){"length_weighted", length, NULL};
        }
    }
    if (said->server != NULL) {
        const RewardServerStats *s     = &said->server_stats;
        const EventField         all[] = {{"remote", s->reward, NULL},
                                          {"remote_weighted", remote, NULL},
                                          {"remote_fallback", share(s->fallbacks, s->items), NULL},
                                          {"time_remote_requests", s->http.tries, NULL},
                                          {"time_remote_retries", s->http.retries, NULL},
                                          {"time_remote_latency", s->http.seconds, NULL},
                                          {"time_remote_latency_max", s->http.seconds_most, NULL}};
        memcpy(fields + count, all, sizeof all);
        count += sizeof all / sizeof *all;
    }
    if (count > 0) {
        fields[count++] = (EventField){"time_wait", said->wait_seconds, NULL};
    }
    return count;
}
