#include "rlsp/reward/reward_server.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/json.h"
#include "rlsp/run/json_line.h"

typedef struct RewardBatch {
    uint32_t          count, requests_count, per_request;
    HttpRequest      *requests; /* [requests_count]                     */
    char            **bodies;   /* [requests_count]                     */
    double           *rewards;  /* [count]                              */
    RewardServerItem *items;    /* [count]                              */
    uint32_t         *missing;  /* [requests_count] items not yet given */
} RewardBatch;

struct RewardServer {
    HttpClient         *client;
    RewardServerOptions options;
    pthread_mutex_t     lock; /* of the batch's items and missing */
    RewardBatch         batch;
};

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "reward server: out of memory");
}

RewardServer *reward_server_open(const RewardServerOptions *options, Error *error)
{
    RewardServer *server = calloc(1, sizeof *server);
    if (server == NULL) {
        out_of_memory(error);
        return NULL;
    }
    server->options = *options;
    server->client  = http_open(&options->http, error);
    if (server->client == NULL) {
        free(server);
        return NULL;
    }
    pthread_mutex_init(&server->lock, NULL);
    return server;
}

static void forget_batch(RewardServer *server)
{
    RewardBatch *batch = &server->batch;
    for (uint32_t i = 0; batch->bodies != NULL && i < batch->requests_count; i++) {
        free(batch->bodies[i]);
    }
    free(batch->requests);
    free(batch->bodies);
    free(batch->rewards);
    free(batch->items);
    free(batch->missing);
    *batch = (RewardBatch){0};
}

void reward_server_close(RewardServer *server)
{
    if (server != NULL) {
        http_close(server->client);
        forget_batch(server);
        pthread_mutex_destroy(&server->lock);
        free(server);
    }
}

const char *reward_server_url(const RewardServer *server)
{
    return http_url_shown(server->client);
}

/* --- reading ---------------------------------------------------------------------------- */

/* A number, or a list of one number. */
static double number_of(const cJSON *value)
{
    if (cJSON_IsArray(value) && value->child != NULL && value->child->next == NULL) {
        value = value->child;
    }
    return cJSON_IsNumber(value) ? value->valuedouble : NAN;
}

bool reward_reply_read(const char *body, size_t bytes, uint32_t count, double *rewards, char *why, size_t why_size)
{
    cJSON *root  = NULL;
    Error  error = {0};
    if (json_parse(body, bytes, "the answer", &root, &error) != STATUS_OK) {
        snprintf(why, why_size, "%s", bytes == 0 ? "an empty answer" : error.text);
        return false;
    }
    const cJSON *list  = cJSON_IsObject(root) ? cJSON_GetObjectItemCaseSensitive(root, "rewards") : root;
    uint32_t     found = 0;
    bool         good  = cJSON_IsArray(list);
    if (!good) {
        snprintf(why, why_size, "the answer has no list of rewards");
    }
    for (const cJSON *value = good ? list->child : NULL; value != NULL && good; value = value->next, found++) {
        const double reward = number_of(value);
        if (!isfinite(reward)) {
            snprintf(why, why_size, "reward %u is not a finite number", found);
            good = false;
        } else if (found < count) {
            rewards[found] = reward;
        }
    }
    if (good && found != count) {
        snprintf(why, why_size, "%u rewards for %u responses", found, count);
        good = false;
    }
    cJSON_Delete(root);
    return good;
}

/* --- asking ----------------------------------------------------------------------------- */

static void put_query(JsonLine *line, const RewardServerItem *item)
{
    char *query = malloc(item->prompt_bytes + item->bytes + 1);
    if (query == NULL) {
        line->failed = true;
        return;
    }
    memcpy(query, item->prompt, item->prompt_bytes);
    memcpy(query + item->prompt_bytes, item->response, item->bytes);
    json_line_string(line, query, item->prompt_bytes + item->bytes);
    free(query);
}

/* The body for items[0..count), malloc'ed. NULL: out of memory. */
static char *make_body(const RewardServerItem *items, uint32_t count, size_t *bytes)
{
    JsonLine line     = {0};
    bool     labelled = false;
    json_line_begin(&line, '{');
    json_line_key(&line, "query");
    json_line_begin(&line, '[');
    for (uint32_t i = 0; i < count; i++) {
        put_query(&line, &items[i]);
        labelled = labelled || items[i].label != NULL;
    }
    json_line_end(&line, ']');
    json_line_key(&line, "prompts");
    json_line_begin(&line, '[');
    for (uint32_t i = 0; i < count; i++) {
        json_line_string(&line, items[i].prompt, items[i].prompt_bytes);
    }
    json_line_end(&line, ']');
    if (labelled) {
        json_line_key(&line, "labels");
        json_line_begin(&line, '[');
        for (uint32_t i = 0; i < count; i++) {
            if (items[i].label != NULL) {
                json_line_string(&line, items[i].label, strlen(items[i].label));
            } else {
                json_line_null(&line);
            }
        }
        json_line_end(&line, ']');
    }
    json_line_end(&line, '}');
    if (json_line_finish(&line) == NULL) {
        json_line_free(&line);
        return NULL;
    }
    *bytes = line.size;
    return line.data;
}

static uint32_t items_in(const RewardServer *server, uint32_t request)
{
    const uint32_t first = request * server->batch.per_request;
    return server->batch.count - first < server->batch.per_request ? server->batch.count - first
                                                                   : server->batch.per_request;
}

/* On the client's thread. */
static bool take_answer(void *user, uint32_t index, char *body, size_t bytes, char *why, size_t why_size)
{
    RewardServer *server = user;
    return reward_reply_read(body, bytes, items_in(server, index),
                             server->batch.rewards + (size_t)index * server->batch.per_request, why, why_size);
}

Status reward_server_begin(RewardServer *server, uint32_t count, Error *error)
{
    const uint32_t per   = server->options.batch_size > 0 ? server->options.batch_size : count > 0 ? count : 1;
    const uint32_t n     = count / per + (count % per > 0);
    RewardBatch   *batch = &server->batch;
    forget_batch(server);
    batch->per_request = per;
    batch->requests    = calloc(n > 0 ? n : 1, sizeof *batch->requests);
    batch->bodies      = calloc(n > 0 ? n : 1, sizeof *batch->bodies);
    batch->missing     = calloc(n > 0 ? n : 1, sizeof *batch->missing);
    batch->rewards     = calloc(count > 0 ? count : 1, sizeof *batch->rewards);
    batch->items       = calloc(count > 0 ? count : 1, sizeof *batch->items);
    if (batch->requests == NULL || batch->bodies == NULL || batch->missing == NULL || batch->rewards == NULL ||
        batch->items == NULL) {
        return out_of_memory(error);
    }
    batch->count          = count;
    batch->requests_count = n;
    for (uint32_t r = 0; r < n; r++) {
        batch->missing[r] = items_in(server, r);
    }
    return http_begin(server->client, batch->requests, n, take_answer, server, error);
}

Status reward_server_ask(RewardServer *server, uint32_t index, const RewardServerItem *item, Error *error)
{
    const uint32_t r = index / server->batch.per_request;
    pthread_mutex_lock(&server->lock);
    server->batch.items[index] = *item;
    const bool whole           = --server->batch.missing[r] == 0;
    pthread_mutex_unlock(&server->lock);
    if (!whole) {
        return STATUS_OK;
    }
    size_t bytes = 0;
    server->batch.bodies[r] =
        make_body(server->batch.items + (size_t)r * server->batch.per_request, items_in(server, r), &bytes);
    if (server->batch.bodies[r] == NULL) {
        return out_of_memory(error);
    }
    server->batch.requests[r] = (HttpRequest){.body = server->batch.bodies[r], .bytes = bytes};
    http_send(server->client, r);
    return STATUS_OK;
}

static void fill(const RewardServer *server, RewardServerScore *scores, RewardServerStats *stats)
{
    *stats = (RewardServerStats){.items = server->batch.count};
    for (uint32_t i = 0; i < server->batch.count; i++) {
        const HttpRequest *request = &server->batch.requests[i / server->batch.per_request];
        scores[i] = (RewardServerScore){.reward   = request->ok ? server->batch.rewards[i] : server->options.fallback,
                                        .fallback = !request->ok,
                                        .tries    = request->tries,
                                        .seconds  = request->seconds};
        memcpy(scores[i].error, request->error, sizeof scores[i].error);
        if (!request->ok && stats->fallbacks++ == 0) {
            memcpy(stats->error, request->error, sizeof stats->error);
        }
        stats->reward += scores[i].reward;
    }
    stats->reward /= server->batch.count > 0 ? server->batch.count : 1;
    stats->http = http_cost(server->batch.requests, server->batch.requests_count);
}

Status reward_server_wait(RewardServer *server, bool (*stop)(void *user), void *user, RewardServerScore *scores,
                          RewardServerStats *stats, Error *error)
{
    const Status status = http_wait(server->client, stop, user, error);
    if (status == STATUS_OK) {
        fill(server, scores, stats);
    }
    forget_batch(server);
    return status;
}
