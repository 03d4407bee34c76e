/* RewardServer: rewards from somebody else's HTTP server, in the form that OpenRLHF asks in.
 *
 *     RewardServerOptions options = {.http = http_options_default(), .batch_size = 64, .fallback = 0};
 *     options.http.name = "reward.remote", options.http.url = "http://127.0.0.1:5000/get_reward";
 *     RewardServer *server = reward_server_open(&options, &error);
 *     reward_server_begin(server, count, &error);                       // a batch of up to `count` items
 *     reward_server_ask(server, 0, &items[0], &error);                  // returns at once; and so on
 *     reward_server_wait(server, stop, user, scores, &stats, &error);   // scores[count]
 *     reward_server_close(server);
 *
 * Items [0, batch_size) go into the first request, and so on: each goes out when the last of its items was given.
 *
 * A request is POST {"query": [prompt + response, …], "prompts": [prompt, …], "labels": [true answer or null, …]};
 * "labels" only where one is known. The answer is {"rewards": [0.5, …]}, or the list alone, or lists of one number each
 * in it. A list of another length, and anything in it that is not a finite number, is a failure of the whole request,
 * which is tried again.
 */
#ifndef RLSP_REWARD_REWARD_SERVER_H
#define RLSP_REWARD_REWARD_SERVER_H

#include "rlsp/remote/http.h"

typedef struct RewardServerOptions {
    HttpOptions http;
    uint32_t    batch_size; /* responses in a request; 0: all in one */
    double      fallback;   /* the reward where there is none        */
} RewardServerOptions;

typedef struct RewardServerItem {
    const char *prompt, *response;
    size_t      prompt_bytes, bytes;
    const char *label; /* NULL: not known */
} RewardServerItem;

typedef struct RewardServerScore {
    double   reward;   /* finite; the fallback where none came */
    bool     fallback; /* `error` says why                     */
    uint32_t tries;    /* of its request                       */
    double   seconds;
    char     error[HTTP_ERROR_BYTES];
} RewardServerScore;

/* Of a batch. */
typedef struct RewardServerStats {
    uint32_t items, fallbacks;
    HttpCost http;
    double   reward;                  /* mean over the items */
    char     error[HTTP_ERROR_BYTES]; /* of the first fallback; "": none            */
} RewardServerStats;

typedef struct RewardServer RewardServer;

RewardServer *reward_server_open(const RewardServerOptions *options, Error *error);
void          reward_server_close(RewardServer *server); /* NULL is allowed */

/* Begins a batch of `count` items; one at a time. */
Status reward_server_begin(RewardServer *server, uint32_t count, Error *error);

/* Item `index` of the batch. On any thread, several at once; each index once, in any order. The item's texts have to
 * stay where they are until reward_server_wait. */
Status reward_server_ask(RewardServer *server, uint32_t index, const RewardServerItem *item, Error *error);

/* After every item was given: waits for the batch, scores [count]. STATUS_STOPPED as http_wait. */
Status reward_server_wait(RewardServer *server, bool (*stop)(void *user), void *user, RewardServerScore *scores,
                          RewardServerStats *stats, Error *error);

const char *reward_server_url(const RewardServer *server);

/* Reads an answer: exactly `count` finite numbers. False: not that; `why` says in a few words. All bytes are safe. */
bool reward_reply_read(const char *body, size_t bytes, uint32_t count, double *rewards, char *why, size_t why_size);

#endif
