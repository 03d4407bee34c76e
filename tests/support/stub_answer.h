/* What the stub server says to a request. */
#ifndef TESTS_SUPPORT_STUB_ANSWER_H
#define TESTS_SUPPORT_STUB_ANSWER_H

#include <stddef.h>

#include "tests/support/stub_server.h"

/* The body of the answer, malloc'ed; NULL: the request cannot be read. `head`: bytes before the request's body. The
 * faults that lie in the content are made here. */
char *stub_answer(const char *request, size_t head, StubFault fault);

#endif
