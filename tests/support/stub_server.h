/* StubServer: a judge and reward server on 127.0.0.1 that behaves, or misbehaves in a chosen way.
 *
 *     StubServer *server = stub_start(&(StubOptions){.fault = STUB_500, .faulty = 2});   // right from the third
 * request on snprintf(url, sizeof url, "http://127.0.0.1:%d/v1", stub_port(server)); …
 *     assert_int_equal(stub_requests(server), 3);
 *     stub_stop(server);
 *
 * POST …/chat/completions: an OpenAI-compatible answer with {"rationale", "grade"}; the grade counts how many different
 * lines the response has: (lines - 1) / 6, at most 1. POST anywhere else: {"rewards": […]}, one for each of "query",
 * the same measure over the query's lines.
 */
#ifndef TESTS_SUPPORT_STUB_SERVER_H
#define TESTS_SUPPORT_STUB_SERVER_H

#include <stdbool.h>
#include <stdint.h>

typedef enum StubFault {
    STUB_NONE,
    STUB_SLOW, /* the answer comes after `seconds`                               */
    STUB_500,  /* with a body that repeats the request's Authorization           */
    STUB_429,  /* with Retry-After: 1                                            */
    STUB_400,
    STUB_401,
    STUB_BAD_JSON,     /* the HTTP body is no JSON                                       */
    STUB_NO_GRADE,     /* the judge's text has none                                      */
    STUB_OUT_OF_RANGE, /* grade 1.5; rewards: one too few                                */
    STUB_NAN,          /* grade NaN; rewards: NaN                                        */
    STUB_EMPTY,        /* 200 with no body                                               */
    STUB_TRUNCATED,    /* the body stops in the middle of what Content-Length promises   */
    STUB_SHORT_LENGTH, /* Content-Length is too small: the body is cut                   */
    STUB_DROP,         /* the connection is closed without an answer                     */
    STUB_RESET,        /* and reset                                                      */
    STUB_ENDLESS,      /* a body that never ends                                         */
    STUB_HEADERS,      /* headers that never end                                         */
    STUB_REDIRECT,     /* 302 to a place that would answer                               */
    STUB_LORIS,        /* a byte every tenth of a second                                 */
    STUB_GARBAGE,      /* no HTTP at all                                                 */
    STUB_ECHO,         /* a right answer whose rationale repeats the key, escaped        */
    STUB_FAULTS
} StubFault;

extern const char *const stub_fault_names[STUB_FAULTS]; /* "none", "slow", "500", … */

typedef struct StubOptions {
    int         port; /* 0: any                                              */
    StubFault   fault;
    uint32_t    faulty;  /* so many first requests have it; 0: all               */
    uint32_t    one_in;  /* only every so manieth request has it; 0: each        */
    double      seconds; /* STUB_SLOW                                            */
    const char *log;     /* a file that gets every request, head and body; or NULL */
} StubOptions;

typedef struct StubServer StubServer;

/* NULL: no such port, or out of memory. */
StubServer *stub_start(const StubOptions *options);
void        stub_stop(StubServer *server); /* NULL is allowed */

int      stub_port(const StubServer *server);
uint32_t stub_requests(StubServer *server);    /* so far                             */
uint32_t stub_connections(StubServer *server); /* so far                             */
uint32_t stub_at_once(StubServer *server);     /* most requests answered at one time */
/* The last request, head and body; to be freed; NULL: none yet. */
char *stub_last(StubServer *server);

#endif
