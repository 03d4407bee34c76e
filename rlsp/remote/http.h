/* HttpClient: many JSON POSTs to one URL, at once, with all that can go wrong.
 *
 *     HttpOptions options = http_options_default();
 *     options.name = "reward.explore", options.url = "http://127.0.0.1:8080/v1/chat/completions";
 *     HttpClient *client = http_open(&options, &error);
 *     HttpRequest requests[2] = {{.body = a, .bytes = strlen(a)}};
 *     http_begin(client, requests, 2, accept, user, &error);      // a batch; the work is on a thread
 *     http_send(client, 0);                                       // returns at once
 *     …requests[1] = {.body = b, .bytes = strlen(b)}, http_send(client, 1)…
 *     http_wait(client, stop, stop_user, &error);                 // requests[i].ok, .tries, .error
 *     http_close(client);
 *
 * A request succeeds when the server says 2xx and `accept` takes the body. Otherwise it is tried again (`retries`
 * times, with backoff and jitter; no earlier than Retry-After says on 429 and 503, which holds for all requests),
 * unless trying again is of no use: other 4xx, redirects (which are not followed), answers that are too large,
 * certificates that are wrong. A server that fails again and again is left alone for a while (breaker.h).
 *
 * Only http and https; at most `concurrency` connections, which are used again; proxies by the environment, as curl
 * does (http_proxy, https_proxy, no_proxy). No signal is used, and the thread takes none.
 *
 * The key is read from the environment once and sent as "Authorization: Bearer KEY". It never leaves the client: where
 * a server sends it back, it is blotted out before anyone sees the body. (Keys of less than HTTP_KEY_SECRET bytes are
 * no secret.) Error texts name the host and the path of the URL, not its query.
 */
#ifndef RLSP_REMOTE_HTTP_H
#define RLSP_REMOTE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/error.h"

enum { HTTP_ERROR_BYTES = 240, HTTP_KEY_SECRET = 6 };

typedef struct HttpOptions {
    const char *name; /* the config's block, for errors: "reward.explore"      */
    const char *url;
    const char *key_env;         /* name of the environment variable; "" or NULL: no key  */
    double      timeout;         /* seconds of a whole try                                */
    double      connect_timeout; /* seconds of it to connect, at most                     */
    uint32_t    retries;
    double      backoff;       /* seconds before the first retry; doubles               */
    double      backoff_max;   /* and is bounded by this                                */
    uint32_t    concurrency;   /* requests at once, 1..256                              */
    uint32_t    breaker;       /* failures in a row after which it pauses; 0: never     */
    double      breaker_pause; /* seconds                                               */
    size_t      body_limit;    /* bytes of an answer                                    */
    uint64_t    seed;          /* of the jitter                                         */
} HttpOptions;

typedef struct HttpRequest {
    const char *body; /* JSON; the caller's, from http_send to the end of http_wait */
    size_t      bytes;

    /* out */
    bool     ok;
    uint32_t tries;                   /* 0: not asked, since the breaker was open      */
    double   seconds;                 /* of the last try                               */
    char     error[HTTP_ERROR_BYTES]; /* of the last try, one line; "" where ok        */
} HttpRequest;

/* What some requests have cost. */
typedef struct HttpCost {
    uint32_t tries, retries;        /* sent; of them again                            */
    double   seconds, seconds_most; /* of a request's last try: the mean, the longest */
} HttpCost;

/* Takes the body of an answer to request `index` (NUL-terminated, and may be changed). False: it is not what was asked
 * for; `why` says so in a few words. Called on the client's thread, one at a time. */
typedef bool (*HttpAccept)(void *user, uint32_t index, char *body, size_t bytes, char *why, size_t why_size);

typedef struct HttpClient HttpClient;

/* timeout 30, connect_timeout 10, retries 3, backoff 1 to 30, concurrency 8, breaker 10 pausing 15 s, answers of 4 MiB.
 */
HttpOptions http_options_default(void);

/* Whether http_open would take them: the URL, the key's variable. STATUS_BAD_INPUT names the key of the config. */
Status http_options_check(const HttpOptions *options, Error *error);

/* Copies the options. NULL with an error. */
HttpClient *http_open(const HttpOptions *options, Error *error);
/* Takes back what is still running. NULL is allowed. */
void http_close(HttpClient *client);

/* Begins a batch of up to `capacity` requests; one at a time. The array is the client's until http_wait returns, but
 * for the bodies of requests that have not been sent. */
Status http_begin(HttpClient *client, HttpRequest *requests, uint32_t capacity, HttpAccept accept, void *user,
                  Error *error);

/* Request `index` of the batch may go out, as soon as the concurrency lets it. Each one once, on any thread. */
void http_send(HttpClient *client, uint32_t index);

/* No more are sent; waits for those that were. `stop` (may be NULL) is asked some 20 times a second; where it says true
 * the requests are taken back and STATUS_STOPPED is returned. Requests that failed are no error here. */
Status http_wait(HttpClient *client, bool (*stop)(void *user), void *user, Error *error);

HttpCost http_cost(const HttpRequest *requests, uint32_t count);

/* Overwrites the key in a text that came from the server by other ways than a body. */
void http_redact(const HttpClient *client, char *text, size_t bytes);

/* "http://host:port/path", for messages. */
const char *http_url_shown(const HttpClient *client);

#endif
