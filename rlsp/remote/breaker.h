/* Breaker: keeps a client from hammering a server that is down.
 *
 *     Breaker breaker = {.limit = 10, .pause = 15};
 *     bool    probe;
 *     if (breaker_allows(&breaker, now, &probe)) …ask…
 *     breaker_success(&breaker);   or   breaker_failure(&breaker, probe, now);
 *
 * Closed: everything may be asked. After `limit` failures in a row it opens: nothing may be asked for `pause` seconds,
 * then one request goes out as a probe. If that succeeds the breaker is closed again; if it fails the pause begins
 * anew, and what waits should give up (breaker_gave_up) rather than wait a second time. Any success closes it.
 *
 * Time is whatever clock the caller has, in seconds. Not for several threads at once.
 */
#ifndef RLSP_REMOTE_BREAKER_H
#define RLSP_REMOTE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Breaker {
    uint32_t limit; /* failures in a row; 0: never opens */
    double   pause; /* seconds                           */

    /* private; zero at first */
    uint32_t failures;
    bool     open, probing, probe_failed;
    double   until;
} Breaker;

/* Whether a request may go out now. *probe: it is the probe; tell breaker_failure. */
bool breaker_allows(Breaker *breaker, double now, bool *probe);
void breaker_success(Breaker *breaker);
void breaker_failure(Breaker *breaker, bool probe, double now);
/* The probe was taken back before it had an end. */
void breaker_forget_probe(Breaker *breaker);

/* Open, a probe has failed, and the next one is not due. */
bool breaker_gave_up(const Breaker *breaker, double now);

/* When breaker_allows may change its answer by itself; 0: it will not. */
double breaker_next(const Breaker *breaker);

#endif
