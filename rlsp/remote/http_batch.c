/* A batch of requests on its thread: which goes out when, and what becomes of it. */
#include <assert.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "rlsp/remote/http_parts.h"

/* Takes in what was sent meanwhile. False: the batch is taken back, or done. */
static bool take_sent(HttpClient *client)
{
    pthread_mutex_lock(&client->mutex);
    for (; client->taken_count < client->sent_count; client->taken_count++) {
        client->jobs[client->sent[client->taken_count]].sent = true;
        client->left++;
    }
    client->whole   = client->ended;
    const bool goes = !client->cancelled && (client->left > 0 || !client->whole);
    pthread_mutex_unlock(&client->mutex);
    return goes;
}

static bool waits(const HttpJob *job)
{
    return job->sent && !job->running && !job->done;
}

static void finish_job(HttpClient *client, uint32_t index, bool ok)
{
    client->jobs[index].done   = true;
    client->requests[index].ok = ok;
    client->left--;
}

/* A try has ended: done, again later, or failed. */
static void end_try(HttpSlot *slot, CURLcode code)
{
    HttpClient       *client  = slot->client;
    HttpRequest      *request = &client->requests[slot->index];
    HttpJob          *job     = &client->jobs[slot->index];
    const HttpOutcome outcome = http_slot_end(slot, code);
    const double      now     = http_clock();
    job->running              = false;
    if (outcome.retry_after > 0) { /* it is there, and says when: no matter for the breaker */
        client->gate = fmax(client->gate, now + outcome.retry_after);
        if (slot->probe) {
            breaker_forget_probe(&client->breaker);
        }
    } else if (outcome.ok) {
        breaker_success(&client->breaker);
    } else {
        breaker_failure(&client->breaker, slot->probe, now);
    }
    if (!outcome.ok) {
        snprintf(client->last_error, sizeof client->last_error, "%s", request->error);
    }
    if (outcome.ok || !outcome.again || request->tries > client->retry.retries) {
        finish_job(client, slot->index, outcome.ok);
    } else {
        job->not_before = now + retry_delay(&client->retry, client->serial + slot->index, request->tries);
    }
}

static void release(HttpSlot *slot)
{
    curl_multi_remove_handle(slot->client->multi, slot->easy);
    http_slot_clear(slot);
    slot->busy = false;
}

static HttpSlot *free_slot(HttpClient *client)
{
    for (uint32_t i = 0; i < client->options.concurrency; i++) {
        if (!client->slots[i].busy) {
            return &client->slots[i];
        }
    }
    return NULL;
}

/* Sends request `index` on `slot`. What cannot even be sent (no memory) has failed. */
static void begin_try(HttpClient *client, HttpSlot *slot, uint32_t index)
{
    client->requests[index].tries++;
    if (http_slot_begin(slot, index) && curl_multi_add_handle(client->multi, slot->easy) == CURLM_OK) {
        slot->busy                  = true;
        client->jobs[index].running = true;
        return;
    }
    snprintf(client->requests[index].error, HTTP_ERROR_BYTES, "out of memory for a request");
    breaker_failure(&client->breaker, slot->probe, http_clock());
    finish_job(client, index, false);
}

/* Sends what may go out now. */
static void begin_tries(HttpClient *client)
{
    const double now  = http_clock();
    HttpSlot    *slot = free_slot(client);
    for (uint32_t i = 0; i < client->count && slot != NULL && now >= client->gate; i++) {
        if (!waits(&client->jobs[i]) || now < client->jobs[i].not_before) {
            continue;
        }
        if (!breaker_allows(&client->breaker, now, &slot->probe)) {
            break;
        }
        begin_try(client, slot, i);
        slot = free_slot(client);
    }
    if (!breaker_gave_up(&client->breaker, now)) {
        return;
    }
    for (uint32_t i = 0; i < client->count; i++) { /* the server has had its second chance */
        if (waits(&client->jobs[i])) {
            snprintf(client->requests[i].error, HTTP_ERROR_BYTES,
                     "not asked, the server fails again and again; last: %.160s", client->last_error);
            finish_job(client, i, false);
        }
    }
}

/* Seconds until something may go out by itself. */
static double until_next(const HttpClient *client)
{
    double next = INFINITY;
    for (uint32_t i = 0; i < client->count; i++) {
        if (waits(&client->jobs[i])) {
            next = fmin(next, client->jobs[i].not_before);
        }
    }
    next = fmax(fmax(next, client->gate), breaker_next(&client->breaker));
    return fmax(0, fmin(1, next - http_clock()));
}

static void *run_batch(void *user)
{
    HttpClient *client = user;
    while (take_sent(client)) {
        int running = 0, queued = 0;
        begin_tries(client);
        curl_multi_perform(client->multi, &running);
        bool any = false;
        for (CURLMsg *message; (message = curl_multi_info_read(client->multi, &queued)) != NULL;) {
            if (message->msg == CURLMSG_DONE) {
                const CURLcode code = message->data.result;
                HttpSlot      *slot = NULL;
                curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&slot);
                end_try(slot, code);
                release(slot);
                any = true;
            }
        }
        if (!any && (client->left > 0 || !client->whole)) {
            const bool full = free_slot(client) == NULL; /* then only an answer changes anything */
            curl_multi_poll(client->multi, NULL, 0, full ? 1000 : (int)(1000 * until_next(client)) + 1, NULL);
        }
    }
    for (uint32_t i = 0; i < client->options.concurrency; i++) { /* of a batch that was taken back */
        if (client->slots[i].busy) {
            if (client->slots[i].probe) {
                breaker_forget_probe(&client->breaker);
            }
            snprintf(client->requests[client->slots[i].index].error, HTTP_ERROR_BYTES, "taken back");
            release(&client->slots[i]);
        }
    }
    pthread_mutex_lock(&client->mutex);
    client->finished = true;
    pthread_cond_broadcast(&client->changed);
    pthread_mutex_unlock(&client->mutex);
    return NULL;
}

/* --- the caller's side ---------------------------------------------------------------- */

Status http_begin(HttpClient *client, HttpRequest *requests, uint32_t capacity, HttpAccept accept, void *user,
                  Error *error)
{
    if (client->started) {
        return error_set(error, STATUS_FAILED, "%s: a batch of requests is running already", client->name);
    }
    free(client->jobs);
    free(client->sent);
    client->jobs = calloc(capacity > 0 ? capacity : 1, sizeof *client->jobs);
    client->sent = calloc(capacity > 0 ? capacity : 1, sizeof *client->sent);
    if (client->jobs == NULL || client->sent == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "%s: out of memory for %u requests", client->name, capacity);
    }
    client->requests = requests;
    client->count    = capacity;
    client->left = client->sent_count = client->taken_count = 0;
    client->accept                                          = accept;
    client->user                                            = user;
    client->whole = client->ended = client->finished = client->cancelled = false;
    sigset_t all, before; /* signals are the main thread's */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    client->started = pthread_create(&client->thread, NULL, run_batch, client) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return client->started
               ? STATUS_OK
               : error_set(error, STATUS_FAILED, "%s: no thread could be started for the requests", client->name);
}

void http_send(HttpClient *client, uint32_t index)
{
    HttpRequest *request = &client->requests[index];
    request->ok          = false;
    request->tries       = 0;
    request->seconds     = 0;
    request->error[0]    = '\0';
    pthread_mutex_lock(&client->mutex);
    assert(client->started && !client->ended && client->sent_count < client->count);
    client->sent[client->sent_count++] = index;
    pthread_mutex_unlock(&client->mutex);
    curl_multi_wakeup(client->multi);
}

/* 50 ms from now, on the clock of condition variables. */
static struct timespec soon(void)
{
    struct timespec when;
    clock_gettime(CLOCK_REALTIME, &when);
    when.tv_nsec += 50000000;
    if (when.tv_nsec >= 1000000000) {
        when.tv_nsec -= 1000000000;
        when.tv_sec++;
    }
    return when;
}

Status http_wait(HttpClient *client, bool (*stop)(void *user), void *user, Error *error)
{
    bool stopped = false;
    if (!client->started) {
        return STATUS_OK;
    }
    pthread_mutex_lock(&client->mutex);
    client->ended = true;
    curl_multi_wakeup(client->multi);
    while (!client->finished) {
        pthread_mutex_unlock(&client->mutex);
        const bool asked = !stopped && stop != NULL && stop(user);
        pthread_mutex_lock(&client->mutex);
        if (asked && !client->finished) {
            stopped = client->cancelled = true;
            curl_multi_wakeup(client->multi);
        }
        const struct timespec when = soon();
        if (!client->finished) {
            pthread_cond_timedwait(&client->changed, &client->mutex, &when);
        }
    }
    pthread_mutex_unlock(&client->mutex);
    pthread_join(client->thread, NULL);
    client->started = false;
    client->serial += client->sent_count;
    return stopped ? error_set(error, STATUS_STOPPED, "%s: stopped while requests were under way", client->name)
                   : STATUS_OK;
}
