/* What takes long is told: after a while, then now and then, and never what is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rlsp/train/session_control.h"
#include "tests/support/fixture.h"

static int shown;

static void on_step(void *user, Events *events)
{
    (void)user;
    (void)events;
    shown++;
}

/* The text of the next notice; NULL: none. */
static const char *next_notice(Session *session, uint64_t *cursor)
{
    static char text[200];
    Event      *event = events_ring_next(session->events, false, cursor);
    if (event == NULL) {
        return NULL;
    }
    snprintf(text, sizeof text, "%s: %s", event_text(event, "level"), event_text(event, "text"));
    event_free(event);
    return text;
}

static void tells(void **state)
{
    (void)state;
    Error    error   = {0};
    uint64_t cursor  = 0;
    Session  session = {.options = {.on_step = on_step}};
    session.events   = events_open(fixture_directory(), NULL, &error);
    assert_non_null(session.events);
    session_tell(&session); /* nothing to tell of */
    session_doing(&session, true, "step %d: sampling", 3);
    session_tell(&session); /* it has just begun */
    assert_null(next_notice(&session, &cursor));
    session.doing_since -= 11;
    session_tell(&session);
    session_tell(&session); /* and not again at once */
    assert_string_equal(next_notice(&session, &cursor), "info: step 3: sampling; 11 s so far");
    assert_null(next_notice(&session, &cursor));
    session_doing(&session, false, "step 3: sampling, 2 of 4 responses to go");
    session.doing_since -= 61;
    session.told -= 61;
    session_tell(&session);
    assert_string_equal(next_notice(&session, &cursor), "info: step 3: sampling, 2 of 4 responses to go; 72 s so far");
    session_doing(&session, true, "step 3: learning"); /* something else: its own time counts */
    session_tell(&session);
    assert_null(next_notice(&session, &cursor));
    session_doing(&session, true, "%s", "");
    session.doing_since -= 100;
    session_tell(&session);
    assert_null(next_notice(&session, &cursor));
    assert_int_equal(shown, 2);
    events_close(session.events);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(tells)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
