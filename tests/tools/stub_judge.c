/* stub_judge: a judge that counts lines, to try `reward.explore.kind: judge` without a language model, and to see what
 * happens when a judge misbehaves.
 *
 *     build/release/stub_judge --port 8080 &
 *     build/release/rlsp train --config configs/countdown-judge.json
 *
 * Prints its URL, then serves until it is stopped (Ctrl-C); then says how much it was asked. See
 * tests/support/stub_server.h. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/stub_server.h"

static int usage(void)
{
    fprintf(
        stderr,
        "usage: stub_judge [--port N] [--fault NAME] [--faulty N] [--one-in N] [--seconds X] [--log FILE]\nfaults:");
    for (int i = 0; i < STUB_FAULTS; i++) {
        fprintf(stderr, " %s", stub_fault_names[i]);
    }
    fprintf(stderr, "\n");
    return 2;
}

static int fault_of(const char *name)
{
    for (int i = 0; i < STUB_FAULTS; i++) {
        if (strcmp(stub_fault_names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

int main(int argc, char **argv)
{
    StubOptions options = {.seconds = 5};
    for (int i = 1; i < argc; i += 2) {
        const char *value = i + 1 < argc ? argv[i + 1] : NULL;
        const int   fault = value != NULL && strcmp(argv[i], "--fault") == 0 ? fault_of(value) : -1;
        if (value == NULL) {
            return usage();
        } else if (strcmp(argv[i], "--port") == 0) {
            options.port = atoi(value);
        } else if (fault >= 0) {
            options.fault = (StubFault)fault;
        } else if (strcmp(argv[i], "--faulty") == 0) {
            options.faulty = (uint32_t)atoi(value);
        } else if (strcmp(argv[i], "--one-in") == 0) {
            options.one_in = (uint32_t)atoi(value);
        } else if (strcmp(argv[i], "--seconds") == 0) {
            options.seconds = atof(value);
        } else if (strcmp(argv[i], "--log") == 0) {
            options.log = value;
        } else {
            return usage();
        }
    }
    sigset_t ends;
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    StubServer *server = stub_start(&options);
    if (server == NULL) {
        fprintf(stderr, "stub_judge: cannot listen on port %d of 127.0.0.1; is it in use?\n", options.port);
        return 1;
    }
    printf("http://127.0.0.1:%d/v1\n", stub_port(server));
    fflush(stdout);
    int number;
    sigwait(&ends, &number);
    fprintf(stderr, "stub_judge: %u requests on %u connections, at most %u at once\n", stub_requests(server),
            stub_connections(server), stub_at_once(server));
    stub_stop(server);
    return 0;
}
