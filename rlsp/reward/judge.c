#include "rlsp/reward/judge.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

typedef struct JudgeBatch {
    uint32_t     count;
    JudgeReply  *replies; /* [requests_count]; the client's thread writes them */
    uint32_t     requests_count;
    HttpRequest *requests;   /* [requests_count]                                      */
    char       **bodies;     /* [requests_count]                                      */
    JudgeItem   *items;      /* [count]; problem NULL: not asked about                */
    uint64_t    *hashes;     /* [count]                                               */
    int64_t     *request_of; /* [count]: which request asks about the item; -1: none  */
    uint32_t    *item_of;    /* [requests_count]: the first item that it asks about   */
} JudgeBatch;

struct Judge {
    HttpClient     *client;
    JudgeOptions    options;
    char            model[256];
    pthread_mutex_t lock; /* of the batch, but for its count and its replies */
    JudgeBatch      batch;
};

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "judge: out of memory");
}

/* The address to post to, malloc'ed. */
static char *full_url(const char *url)
{
    static const char end[] = "/chat/completions";
    size_t            bytes = strlen(url);
    while (bytes > 0 && url[bytes - 1] == '/') {
        bytes--;
    }
    const bool whole = bytes >= strlen(end) && memcmp(url + bytes - strlen(end), end, strlen(end)) == 0;
    char      *full  = malloc(bytes + sizeof end);
    if (full != NULL) {
        memcpy(full, url, bytes);
        strcpy(full + bytes, whole ? "" : end);
    }
    return full;
}

Status judge_options_check(const JudgeOptions *options, Error *error)
{
    if (strlen(options->prompt.model) >= sizeof((Judge *)0)->model) {
        return error_set(error, STATUS_BAD_INPUT, "%s.model: too long", options->http.name);
    }
    return http_options_check(&options->http, error);
}

Judge *judge_open(const JudgeOptions *options, Error *error)
{
    Judge *judge = calloc(1, sizeof *judge);
    char  *url   = full_url(options->http.url);
    if (judge == NULL || url == NULL) {
        out_of_memory(error);
    } else if (judge_options_check(options, error) == STATUS_OK) {
        HttpOptions http = options->http;
        http.url         = url;
        judge->options   = *options;
        strcpy(judge->model, options->prompt.model);
        judge->options.prompt.model = judge->model;
        judge->client               = http_open(&http, error);
    }
    free(url);
    if (judge != NULL && judge->client == NULL) {
        free(judge);
        return NULL;
    }
    if (judge != NULL) {
        pthread_mutex_init(&judge->lock, NULL);
    }
    return judge;
}

static void forget_batch(Judge *judge)
{
    JudgeBatch *batch = &judge->batch;
    for (uint32_t i = 0; batch->bodies != NULL && i < batch->requests_count; i++) {
        free(batch->bodies[i]);
    }
    free(batch->requests);
    free(batch->bodies);
    free(batch->replies);
    free(batch->items);
    free(batch->hashes);
    free(batch->request_of);
    free(batch->item_of);
    *batch = (JudgeBatch){0};
}

void judge_close(Judge *judge)
{
    if (judge != NULL) {
        http_close(judge->client);
        forget_batch(judge);
        pthread_mutex_destroy(&judge->lock);
        free(judge);
    }
}

const char *judge_url(const Judge *judge)
{
    return http_url_shown(judge->client);
}

/* --- asking ---------------------------------------------------------------------------- */

static bool same(const JudgeItem *a, const JudgeItem *b)
{
    return a->bytes == b->bytes && a->problem_bytes == b->problem_bytes &&
           memcmp(a->response, b->response, a->bytes) == 0 && memcmp(a->problem, b->problem, a->problem_bytes) == 0;
}

/* FNV-1a: to tell items apart quickly. */
static uint64_t hash_of(const JudgeItem *item)
{
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < item->bytes; i++) {
        hash = (hash ^ (unsigned char)item->response[i]) * 1099511628211u;
    }
    for (size_t i = 0; i < item->problem_bytes; i++) {
        hash = (hash ^ (unsigned char)item->problem[i]) * 1099511628211u;
    }
    return hash;
}

/* The request that already asks about the same; -1: none. */
static int64_t known_request(const Judge *judge, uint32_t index)
{
    for (uint32_t r = 0; judge->options.cache && r < judge->batch.requests_count; r++) {
        const uint32_t other = judge->batch.item_of[r];
        if (judge->batch.hashes[other] == judge->batch.hashes[index] &&
            same(&judge->batch.items[other], &judge->batch.items[index])) {
            return r;
        }
    }
    return -1;
}

/* Makes the request of an item, and sends it. */
static Status add_request(Judge *judge, uint32_t index, Error *error)
{
    const JudgeItem *item = &judge->batch.items[index];
    JsonLine         line = {0};
    if (judge_prompt(&judge->options.prompt, item->problem, item->problem_bytes, item->response, item->bytes, &line) ==
        NULL) {
        json_line_free(&line);
        return out_of_memory(error);
    }
    const uint32_t r               = judge->batch.requests_count++;
    judge->batch.bodies[r]         = line.data;
    judge->batch.requests[r]       = (HttpRequest){.body = line.data, .bytes = line.size};
    judge->batch.item_of[r]        = index;
    judge->batch.request_of[index] = r;
    http_send(judge->client, r);
    return STATUS_OK;
}

/* On the client's thread. */
static bool take_answer(void *user, uint32_t index, char *body, size_t bytes, char *why, size_t why_size)
{
    Judge *judge = user;
    return judge_reply_read(body, bytes, &judge->batch.replies[index], why, why_size);
}

Status judge_begin(Judge *judge, uint32_t count, Error *error)
{
    const size_t n     = count > 0 ? count : 1;
    JudgeBatch  *batch = &judge->batch;
    forget_batch(judge);
    batch->requests   = calloc(n, sizeof *batch->requests);
    batch->bodies     = calloc(n, sizeof *batch->bodies);
    batch->replies    = calloc(n, sizeof *batch->replies);
    batch->items      = calloc(n, sizeof *batch->items);
    batch->hashes     = calloc(n, sizeof *batch->hashes);
    batch->request_of = calloc(n, sizeof *batch->request_of);
    batch->item_of    = calloc(n, sizeof *batch->item_of);
    if (batch->requests == NULL || batch->bodies == NULL || batch->replies == NULL || batch->items == NULL ||
        batch->hashes == NULL || batch->request_of == NULL || batch->item_of == NULL) {
        return out_of_memory(error);
    }
    for (uint32_t i = 0; i < count; i++) {
        batch->request_of[i] = -1;
    }
    batch->count = count;
    return http_begin(judge->client, batch->requests, count, take_answer, judge, error);
}

Status judge_ask(Judge *judge, uint32_t index, const JudgeItem *item, Error *error)
{
    const uint64_t hash   = hash_of(item);
    Status         status = STATUS_OK;
    pthread_mutex_lock(&judge->lock);
    judge->batch.items[index]  = *item;
    judge->batch.hashes[index] = hash;
    const int64_t known        = known_request(judge, index);
    if (known < 0) {
        status = add_request(judge, index, error);
    } else {
        judge->batch.request_of[index] = known;
        if (index < judge->batch.item_of[known]) { /* who asks first by the clock shows nowhere */
            judge->batch.item_of[known] = index;
        }
    }
    pthread_mutex_unlock(&judge->lock);
    return status;
}

/* --- answers ---------------------------------------------------------------------------- */

static void fill_score(const Judge *judge, uint32_t index, JudgeScore *score)
{
    const int64_t r = judge->batch.request_of[index];
    *score          = (JudgeScore){0};
    if (r < 0) {
        return;
    }
    const HttpRequest *request = &judge->batch.requests[r];
    const JudgeReply  *reply   = &judge->batch.replies[r];
    score->asked               = true;
    score->shared              = judge->batch.item_of[r] != index;
    score->fallback            = !request->ok;
    score->grade               = request->ok ? reply->grade : judge->options.fallback;
    score->tries               = request->tries;
    score->seconds             = request->seconds;
    if (request->ok) {
        memcpy(score->rationale, reply->rationale, sizeof score->rationale);
        http_redact(judge->client, score->rationale, strlen(score->rationale));
    } else {
        memcpy(score->error, request->error, sizeof score->error);
    }
}

static void sum_up(const Judge *judge, const JudgeScore *scores, JudgeStats *stats)
{
    *stats = (JudgeStats){0};
    for (uint32_t i = 0; i < judge->batch.count; i++) {
        if (!scores[i].asked) {
            continue;
        }
        if (scores[i].fallback && stats->fallbacks++ == 0) {
            memcpy(stats->error, scores[i].error, sizeof stats->error);
        }
        stats->items++;
        stats->grade += scores[i].grade;
    }
    for (uint32_t r = 0; r < judge->batch.requests_count; r++) {
        stats->prompt_tokens += judge->batch.replies[r].prompt_tokens;
        stats->answer_tokens += judge->batch.replies[r].answer_tokens;
    }
    stats->http  = http_cost(judge->batch.requests, judge->batch.requests_count);
    stats->grade = stats->items > 0 ? stats->grade / stats->items : 0;
}

Status judge_wait(Judge *judge, bool (*stop)(void *user), void *user, JudgeScore *scores, JudgeStats *stats,
                  Error *error)
{
    const Status status = http_wait(judge->client, stop, user, error);
    for (uint32_t i = 0; i < judge->batch.count && status == STATUS_OK; i++) {
        fill_score(judge, i, &scores[i]);
    }
    if (status == STATUS_OK) {
        sum_up(judge, scores, stats);
    }
    forget_batch(judge);
    return status;
}
