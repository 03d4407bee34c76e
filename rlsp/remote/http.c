#include "rlsp/remote/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rlsp/remote/http_parts.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static CURLcode       library;

static void start_library(void)
{
    library = curl_global_init(CURL_GLOBAL_DEFAULT);
}

double http_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

HttpOptions http_options_default(void)
{
    return (HttpOptions){.name            = "http",
                         .timeout         = 30,
                         .connect_timeout = 10,
                         .retries         = 3,
                         .backoff         = 1,
                         .backoff_max     = 30,
                         .concurrency     = 8,
                         .breaker         = 10,
                         .breaker_pause   = 15,
                         .body_limit      = (size_t)4 << 20};
}

/* --- checking --------------------------------------------------------------------- */

/* The part of a URL, malloc'ed ("" if it has none); NULL: out of memory. */
static char *part_of(CURLU *url, CURLUPart part)
{
    char *found = NULL;
    if (curl_url_get(url, part, &found, 0) != CURLUE_OK || found == NULL) {
        return strdup("");
    }
    char *copy = strdup(found);
    curl_free(found);
    return copy;
}

/* Reads the URL; *shown: without what may be secret. */
static Status check_url(const HttpOptions *options, char **shown, Error *error)
{
    CURLU *url      = curl_url();
    char  *parts[6] = {NULL};
    Status status   = STATUS_OK;
    if (strncmp(options->url, "http://", 7) != 0 && strncmp(options->url, "https://", 8) != 0) {
        status = error_set(error, STATUS_BAD_INPUT, "%s.endpoint: a URL has to begin with http:// or https://",
                           options->name);
    } else if (url == NULL) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "%s: out of memory", options->name);
    } else if (curl_url_set(url, CURLUPART_URL, options->url, 0) != CURLUE_OK) {
        status = error_set(error, STATUS_BAD_INPUT, "%s.endpoint: this is no URL", options->name);
    }
    static const CURLUPart wanted[6] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT,
                                        CURLUPART_PATH,   CURLUPART_USER, CURLUPART_PASSWORD};
    for (int i = 0; i < 6 && status == STATUS_OK; i++) {
        parts[i] = part_of(url, wanted[i]);
        status =
            parts[i] != NULL ? STATUS_OK : error_set(error, STATUS_OUT_OF_MEMORY, "%s: out of memory", options->name);
    }
    if (status == STATUS_OK && (parts[4][0] != '\0' || parts[5][0] != '\0')) {
        status =
            error_set(error, STATUS_BAD_INPUT,
                      "%s.endpoint: a URL with a user or a password in it would be written into the run; use key_env",
                      options->name);
    }
    if (status == STATUS_OK && shown != NULL) {
        const size_t size = strlen(options->url) + 16;
        *shown            = malloc(size);
        if (*shown == NULL) {
            status = error_set(error, STATUS_OUT_OF_MEMORY, "%s: out of memory", options->name);
        } else {
            snprintf(*shown, size, "%s://%s%s%s%s", parts[0], parts[1], parts[2][0] != '\0' ? ":" : "", parts[2],
                     parts[3]);
        }
    }
    for (int i = 0; i < 6; i++) {
        free(parts[i]);
    }
    curl_url_cleanup(url);
    return status;
}

/* A wrong value is not repeated in the text: it may be the key itself. */
static Status check_key(const HttpOptions *options, const char **key, Error *error)
{
    const char *name = options->key_env;
    *key             = NULL;
    if (name == NULL || name[0] == '\0') {
        return STATUS_OK;
    }
    for (size_t i = 0; name[i] != '\0'; i++) {
        const char c      = name[i];
        const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!letter && (i == 0 || c < '0' || c > '9')) {
            return error_set(
                error, STATUS_BAD_INPUT,
                "%s.key_env: not the name of an environment variable; put the key into a variable and its name here",
                options->name);
        }
    }
    *key = getenv(name);
    if (*key == NULL || (*key)[0] == '\0') {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s.key_env: no such environment variable, or it is empty; export it before the start",
                         options->name);
    }
    for (const char *at = *key; *at != '\0'; at++) {
        if (*at <= ' ' || *at >= 0x7f) {
            return error_set(error, STATUS_BAD_INPUT,
                             "%s.key_env: the variable's value has a space, line end or other byte that no key has",
                             options->name);
        }
    }
    return STATUS_OK;
}

Status http_options_check(const HttpOptions *options, Error *error)
{
    const char *key;
    Status      status = check_url(options, NULL, error);
    return status == STATUS_OK ? check_key(options, &key, error) : status;
}

/* --- life ------------------------------------------------------------------------- */

static bool add_header(HttpClient *client, const char *text)
{
    struct curl_slist *longer = curl_slist_append(client->headers, text);
    client->headers           = longer != NULL ? longer : client->headers;
    return longer != NULL;
}

static bool set_headers(HttpClient *client)
{
    /* without "Expect:" curl would wait for a 100 before larger bodies */
    bool good = add_header(client, "Content-Type: application/json") &&
                add_header(client, "Accept: application/json") && add_header(client, "Expect:");
    if (good && client->key != NULL) {
        const size_t size   = client->key_bytes + sizeof "Authorization: Bearer ";
        char        *header = malloc(size);
        good                = header != NULL;
        if (good) {
            snprintf(header, size, "Authorization: Bearer %s", client->key);
            good = add_header(client, header);
        }
        free(header);
    }
    return good;
}

HttpClient *http_open(const HttpOptions *options, Error *error)
{
    const char *key    = NULL;
    HttpClient *client = calloc(1, sizeof *client);
    pthread_once(&once, start_library);
    if (client == NULL || library != CURLE_OK) {
        error_set(error, client == NULL ? STATUS_OUT_OF_MEMORY : STATUS_FAILED, "%s: libcurl cannot be started",
                  options->name);
        free(client);
        return NULL;
    }
    pthread_mutex_init(&client->mutex, NULL);
    pthread_cond_init(&client->changed, NULL);
    client->options = *options;
    snprintf(client->name, sizeof client->name, "%s", options->name);
    client->options.name = client->name;
    client->retry        = (RetryPolicy){
               .retries = options->retries, .first = options->backoff, .longest = options->backoff_max, .seed = options->seed};
    client->breaker = (Breaker){.limit = options->breaker, .pause = options->breaker_pause};
    bool good = check_url(options, &client->shown, error) == STATUS_OK && check_key(options, &key, error) == STATUS_OK;
    if (good) {
        client->key       = key != NULL ? strdup(key) : NULL;
        client->key_bytes = key != NULL ? strlen(key) : 0;
        client->url       = strdup(options->url);
        client->slots     = calloc(options->concurrency, sizeof *client->slots);
        client->multi     = curl_multi_init();
        good              = client->url != NULL && client->slots != NULL && client->multi != NULL &&
               (key == NULL || client->key != NULL) && set_headers(client);
    }
    if (!good) {
        error_set(error, STATUS_OUT_OF_MEMORY, "%s: out of memory", options->name);
        http_close(client);
        return NULL;
    }
    client->options.url     = client->url;
    client->options.key_env = NULL;
    for (uint32_t i = 0; i < options->concurrency; i++) {
        client->slots[i].client = client;
    }
    curl_multi_setopt(client->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)options->concurrency);
    curl_multi_setopt(client->multi, CURLMOPT_MAXCONNECTS, (long)options->concurrency);
    return client;
}

static bool always(void *user)
{
    (void)user;
    return true;
}

void http_close(HttpClient *client)
{
    if (client == NULL) {
        return;
    }
    if (client->started) {
        http_wait(client, always, NULL, NULL);
    }
    for (uint32_t i = 0; client->slots != NULL && i < client->options.concurrency; i++) {
        curl_easy_cleanup(client->slots[i].easy);
        http_slot_clear(&client->slots[i]);
    }
    curl_multi_cleanup(client->multi);
    for (struct curl_slist *header = client->headers; header != NULL; header = header->next) {
        memset(header->data, 0, strlen(header->data));
    }
    curl_slist_free_all(client->headers);
    if (client->key != NULL) {
        memset(client->key, 0, client->key_bytes);
    }
    pthread_cond_destroy(&client->changed);
    pthread_mutex_destroy(&client->mutex);
    free(client->key);
    free(client->slots);
    free(client->jobs);
    free(client->sent);
    free(client->shown);
    free(client->url);
    free(client);
}

HttpCost http_cost(const HttpRequest *requests, uint32_t count)
{
    HttpCost cost = {0};
    for (uint32_t i = 0; i < count; i++) {
        cost.tries += requests[i].tries;
        cost.retries += requests[i].tries > 0 ? requests[i].tries - 1 : 0;
        cost.seconds += requests[i].seconds / count;
        cost.seconds_most = requests[i].seconds > cost.seconds_most ? requests[i].seconds : cost.seconds_most;
    }
    return cost;
}

void http_redact(const HttpClient *client, char *text, size_t bytes)
{
    const size_t length = client->key_bytes;
    for (size_t i = 0; length >= HTTP_KEY_SECRET && i + length <= bytes; i++) {
        if (memcmp(text + i, client->key, length) == 0) {
            memset(text + i, '*', length);
        }
    }
}

const char *http_url_shown(const HttpClient *client)
{
    return client->shown;
}
