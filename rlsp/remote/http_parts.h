/* The inside of HttpClient, shared by http.c (life, batches) and http_transfer.c (one try). */
#ifndef RLSP_REMOTE_HTTP_PARTS_H
#define RLSP_REMOTE_HTTP_PARTS_H

#include <curl/curl.h>
#include <pthread.h>

#include "rlsp/remote/breaker.h"
#include "rlsp/remote/http.h"
#include "rlsp/remote/retry.h"

enum { HTTP_HEADER_LIMIT = 64 << 10 }; /* bytes of an answer's headers */

/* A request of the batch that runs. */
typedef struct HttpJob {
    bool   sent, running, done;
    double not_before;
} HttpJob;

/* A handle with its try. */
typedef struct HttpSlot {
    HttpClient *client;
    CURL       *easy;
    char       *body; /* of the answer, malloc'ed; NULL: none yet */
    size_t      bytes, capacity, header_bytes;
    bool        too_large, out_of_memory;
    bool        busy, probe;
    uint32_t    index; /* of its request */
    char        detail[CURL_ERROR_SIZE];
} HttpSlot;

struct HttpClient {
    HttpOptions        options; /* its texts point to the copies below */
    char               name[64], *url, *shown;
    char              *key; /* NULL: none */
    size_t             key_bytes;
    struct curl_slist *headers;
    RetryPolicy        retry;
    Breaker            breaker;
    double             gate;   /* no new request before this time (Retry-After) */
    uint32_t           serial; /* of the first request of the batch              */
    CURLM             *multi;
    HttpSlot          *slots; /* [concurrency] */

    /* the batch; the thread's while it runs */
    HttpRequest *requests;
    HttpJob     *jobs;
    uint32_t     count, left; /* of the batch at most; sent and not done */
    bool         whole;       /* no more will be sent                    */
    HttpAccept   accept;
    void        *user;
    char         last_error[HTTP_ERROR_BYTES];

    pthread_t       thread;
    bool            started;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t  changed;
    bool            finished, cancelled, ended; /* ended: no more will be sent */
    uint32_t       *sent;                       /* [count] the requests that were, in their order */
    uint32_t        sent_count, taken_count;    /* of them, those that the thread has seen        */
};

/* What a try came to. */
typedef struct HttpOutcome {
    bool   ok, again;
    double retry_after; /* seconds; 0: not said */
} HttpOutcome;

double http_clock(void); /* seconds, monotonic */

/* Sets the slot's handle up for request `index`; false: out of memory. */
bool http_slot_begin(HttpSlot *slot, uint32_t index);
/* Judges a finished try; fills the request's seconds and, where it failed, error. */
HttpOutcome http_slot_end(HttpSlot *slot, CURLcode code);
/* Forgets the answer. */
void http_slot_clear(HttpSlot *slot);

#endif
