/* Retry: whether a request that failed is sent again, and when.
 *
 *     RetryPolicy policy = {.retries = 3, .first = 1, .longest = 30, .seed = seed};
 *     if (tries <= policy.retries && retry_status(503)) …after retry_delay(&policy, serial, tries) seconds…
 */
#ifndef RLSP_REMOTE_RETRY_H
#define RLSP_REMOTE_RETRY_H

#include <stdbool.h>
#include <stdint.h>

/* No server may make us wait longer than this by Retry-After. */
#define RETRY_AFTER_MAX 60.0

typedef struct RetryPolicy {
    uint32_t retries;        /* further tries               */
    double   first, longest; /* seconds before the first; bound */
    uint64_t seed;
} RetryPolicy;

/* Seconds before try number `tries` + 1 of request `serial`, tries >= 1: exponential backoff with jitter,
 * first * 2^(tries - 1) bounded by `longest`, times a factor in [0.5, 1) drawn from (seed, serial, tries): the same in
 * every run, different for requests that failed together. */
double retry_delay(const RetryPolicy *policy, uint32_t serial, uint32_t tries);

/* Whether an HTTP status may be gone when asked again: 408, 425, 429 and 5xx. */
bool retry_status(long status);

#endif
