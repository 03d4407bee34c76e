/* One try of one request: setting it up, taking the answer in, saying what it came to. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/remote/http_parts.h"

static size_t take_body(char *data, size_t size, size_t count, void *user)
{
    HttpSlot    *slot  = user;
    const size_t bytes = size * count;
    if (bytes > slot->client->options.body_limit - slot->bytes) {
        slot->too_large = true;
        return 0;
    }
    if (slot->bytes + bytes + 1 > slot->capacity) {
        const size_t capacity = 2 * (slot->bytes + bytes) + 1024;
        char        *grown    = realloc(slot->body, capacity);
        if (grown == NULL) {
            slot->out_of_memory = true;
            return 0;
        }
        slot->body     = grown;
        slot->capacity = capacity;
    }
    memcpy(slot->body + slot->bytes, data, bytes);
    slot->bytes += bytes;
    slot->body[slot->bytes] = '\0';
    return bytes;
}

static size_t take_header(char *data, size_t size, size_t count, void *user)
{
    (void)data;
    HttpSlot *slot = user;
    slot->header_bytes += size * count;
    slot->too_large = slot->too_large || slot->header_bytes > HTTP_HEADER_LIMIT;
    return slot->too_large ? 0 : size * count;
}

bool http_slot_begin(HttpSlot *slot, uint32_t index)
{
    const HttpClient  *client  = slot->client;
    const HttpOptions *options = &client->options;
    const HttpRequest *request = &client->requests[index];
    const double connect = options->connect_timeout < options->timeout ? options->connect_timeout : options->timeout;
    if (slot->easy == NULL && (slot->easy = curl_easy_init()) == NULL) {
        return false;
    }
    CURL *easy = slot->easy;
    curl_easy_reset(easy); /* keeps its connections */
    slot->index     = index;
    slot->detail[0] = '\0';
    bool good       = curl_easy_setopt(easy, CURLOPT_URL, client->url) == CURLE_OK;
    good            = good && curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->headers) == CURLE_OK;
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request->body);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->bytes);
    curl_easy_setopt(easy, CURLOPT_HEADEROPT, (long)CURLHEADER_SEPARATE); /* a proxy does not get the key */
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT,
                     request->tries > 1 ? 1L : 0L); /* the old one may hold what is left of a bad answer */
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)(1000 * options->timeout) + 1);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(1000 * connect) + 1);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "rlsp");
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, slot->detail);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, slot);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, slot);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, slot);
#if LIBCURL_VERSION_NUM >= 0x075500
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS, CURLPROTO_HTTP | CURLPROTO_HTTPS);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L); /* a name server that does not answer keeps nobody waiting */
#endif
    return good;
}

void http_slot_clear(HttpSlot *slot)
{
    free(slot->body);
    slot->body  = NULL;
    slot->bytes = slot->capacity = slot->header_bytes = 0;
    slot->too_large = slot->out_of_memory = false;
}

/* What the server said about its failure, as one short printable line: its first bytes. */
static void excerpt(const HttpSlot *slot, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < slot->bytes && used + 1 < size; i++) {
        const unsigned char c = (unsigned char)slot->body[i];
        if (c > ' ' && c < 0x7f) {
            out[used++] = (char)c;
        } else if (used > 0 && out[used - 1] != ' ') {
            out[used++] = ' ';
        }
    }
    out[used] = '\0';
}

/* Errors that asking again does not mend. */
static bool lasting(CURLcode code)
{
    switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return true;
    default: return false;
    }
}

static HttpOutcome failed_transfer(const HttpSlot *slot, CURLcode code, HttpRequest *request)
{
    const HttpOptions *options = &slot->client->options;
    if (slot->too_large) {
        snprintf(request->error, sizeof request->error, "the answer has more than %zu bytes",
                 slot->header_bytes > HTTP_HEADER_LIMIT ? (size_t)HTTP_HEADER_LIMIT : options->body_limit);
        return (HttpOutcome){.again = false};
    }
    if (slot->out_of_memory) {
        snprintf(request->error, sizeof request->error, "out of memory for the answer");
    } else if (code == CURLE_OPERATION_TIMEDOUT) {
        snprintf(request->error, sizeof request->error, "no answer within %g s", options->timeout);
    } else {
        snprintf(request->error, sizeof request->error, "%.200s",
                 slot->detail[0] != '\0' ? slot->detail : curl_easy_strerror(code));
    }
    return (HttpOutcome){.again = !lasting(code)};
}

static HttpOutcome failed_status(const HttpSlot *slot, long status, HttpRequest *request)
{
    char       said[120];
    curl_off_t after = 0;
    excerpt(slot, said, sizeof said);
    if (status >= 300 && status <= 399) {
        snprintf(request->error, sizeof request->error, "HTTP %ld: redirects are not followed; name the final URL",
                 status);
    } else {
        snprintf(request->error, sizeof request->error, "HTTP %ld%s%s", status, said[0] != '\0' ? ": " : "", said);
    }
    if (status == 429 || status == 503) {
        curl_easy_getinfo(slot->easy, CURLINFO_RETRY_AFTER, &after);
    }
    return (HttpOutcome){.again       = retry_status(status),
                         .retry_after = after <= 0                        ? 0
                                        : (double)after < RETRY_AFTER_MAX ? (double)after
                                                                          : RETRY_AFTER_MAX};
}

HttpOutcome http_slot_end(HttpSlot *slot, CURLcode code)
{
    HttpClient  *client   = slot->client;
    HttpRequest *request  = &client->requests[slot->index];
    long         status   = 0;
    char         why[160] = "";
    curl_easy_getinfo(slot->easy, CURLINFO_TOTAL_TIME, &request->seconds);
    curl_easy_getinfo(slot->easy, CURLINFO_RESPONSE_CODE, &status);
    request->error[0] = '\0';
    if (slot->body != NULL) {
        http_redact(client, slot->body, slot->bytes);
    }
    if (code != CURLE_OK) {
        return failed_transfer(slot, code, request);
    }
    if (status < 200 || status > 299) {
        return failed_status(slot, status, request);
    }
    char empty[1] = "";
    if (!client->accept(client->user, slot->index, slot->body != NULL ? slot->body : empty, slot->bytes, why,
                        sizeof why)) {
        snprintf(request->error, sizeof request->error, "%s", why);
        return (HttpOutcome){.again = true};
    }
    return (HttpOutcome){.ok = true};
}
