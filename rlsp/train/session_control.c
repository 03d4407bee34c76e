#include "rlsp/train/session_control.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/train/sample.h"

/* Seconds asleep before the stop flag, which wakes nobody, is looked at again. */
static const double nap = 0.25;

/* Seconds of one thing before it is told, and between two tellings. */
static const double patience = 10.0, interval = 60.0;

/* Whether the user wants an end: by a signal or by a command. */
static bool stopping(const Session *session)
{
    return session->wishes.stop || (session->options.stop != NULL && *session->options.stop != 0);
}

void session_forget_wishes(Session *session)
{
    for (uint32_t i = 0; i < session->wishes.sample_count; i++) {
        free(session->wishes.samples[i]);
    }
    session->wishes.sample_count = 0;
}

/* Says it now, not with the next step. */
static void say(Session *session, const char *text)
{
    events_notice(session->events, "%s", text);
    if (session->options.on_step != NULL) {
        session->options.on_step(session->options.user, session->events);
    }
}

void session_doing(Session *session, bool begin, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(session->doing, sizeof session->doing, format, arguments);
    va_end(arguments);
    if (begin) {
        session->doing_since = session_clock();
        session->told        = 0.0;
    }
}

void session_tell(void *user)
{
    Session     *session = user;
    const double now     = session_clock();
    if (session->doing[0] != '\0' && now - session->doing_since >= patience &&
        (session->told == 0.0 || now - session->told >= interval)) {
        char text[200];
        snprintf(text, sizeof text, "%s; %.0f s so far", session->doing, now - session->doing_since);
        session->told = now;
        say(session, text);
    }
}

static void add_sample(Session *session, const char *prompt)
{
    SessionWishes *wishes = &session->wishes;
    char          *copy   = wishes->sample_count < SESSION_SAMPLES ? strdup(prompt) : NULL;
    if (copy == NULL) {
        events_log(session->events, "warning", "a prompt was left out: %u are waiting for the end of the step",
                   wishes->sample_count);
        return;
    }
    wishes->samples[wishes->sample_count++] = copy;
}

/* Reads the commands that have come. */
static void read_wishes(Session *session)
{
    SessionWishes *wishes  = &session->wishes;
    Control       *control = session->options.control;
    char           text[CONTROL_TEXT_MAX + 1];
    if (control == NULL) {
        return;
    }
    for (ControlCommand command; (command = control_next(control, text, sizeof text)) != CONTROL_NONE;) {
        switch (command) {
        case CONTROL_PAUSE: wishes->pause = true; break;
        case CONTROL_RESUME: wishes->pause = false; break;
        case CONTROL_CHECKPOINT: wishes->checkpoint = true; break;
        case CONTROL_SAMPLE: add_sample(session, text); break;
        case CONTROL_STOP: wishes->stop = true; break;
        case CONTROL_NONE: break;
        }
    }
    wishes->alone = control_closed(control);
}

bool session_wants_end(Session *session)
{
    read_wishes(session);
    return stopping(session);
}

/* A run that nobody could wake does not sleep. */
static bool pausing(const Session *session)
{
    return session->wishes.pause && !session->wishes.alone && !stopping(session);
}

/* --- between steps ---------------------------------------------------------------- */

static Status save(Session *session, const SessionPlace *place, Error *error)
{
    const unsigned long long step = session->step;
    if (session->saved && session->saved_step == session->step) {
        events_notice(session->events, "step %llu has its checkpoint already", step);
        return STATUS_OK;
    }
    Status status = session_checkpoint(session, place, SAVE_ASKED, error);
    if (status == STATUS_OK) {
        events_notice(session->events, "saved a checkpoint of step %llu", step);
    }
    return status;
}

/* A device that failed is the end of the run; anything else is only the end of the wish. */
static Status forgive(Session *session, const char *what, Status status, Error *error)
{
    if (status == STATUS_OK || status == STATUS_STOPPED || status == STATUS_DEVICE_LOST) {
        return status;
    }
    events_log(session->events, "warning", "%s: %s", what, error->text);
    *error = (Error){0};
    return STATUS_OK;
}

static bool stop_sampling(void *session, uint32_t active)
{
    (void)active;
    return session_wants_end(session);
}

static Status sample_all(Session *session, Error *error)
{
    SessionWishes *wishes = &session->wishes;
    Status         status = STATUS_OK;
    if (wishes->sample_step != session->step) {
        wishes->sample_step = session->step;
        wishes->sampled     = 0;
    }
    for (uint32_t i = 0; i < wishes->sample_count && status == STATUS_OK && !stopping(session); i++) {
        const SampleRequest request = {wishes->samples[i], wishes->sampled++, stop_sampling};
        status                      = session_sample(session, &request, error);
        if (status == STATUS_OK) {
            events_notice(session->events, "sampled the prompt after step %llu", (unsigned long long)session->step);
        }
        status = forgive(session, "the prompt was not sampled", status, error);
        if (status == STATUS_STOPPED) { /* saving comes first */
            *error = (Error){0};
            status = STATUS_OK;
        }
    }
    session_forget_wishes(session);
    return status;
}

/* All but the pause and the end. */
static Status fulfil(Session *session, const SessionPlace *place, Error *error)
{
    Status     status = STATUS_OK;
    const bool any    = session->wishes.checkpoint || session->wishes.sample_count > 0;
    if (session->wishes.checkpoint) {
        session->wishes.checkpoint = false;
        status                     = forgive(session, "no checkpoint was saved", save(session, place, error), error);
    }
    status = status == STATUS_OK ? sample_all(session, error) : status;
    if (any && session->options.on_step != NULL) {
        session->options.on_step(session->options.user, session->events);
    }
    return status;
}

/* Sleeps until something has to be done. */
static void sleep_on(Session *session)
{
    control_wait(session->options.control, nap);
    read_wishes(session);
}

static void say_awake(Session *session)
{
    if (!stopping(session)) {
        say(session, session->wishes.alone ? "resumed: the dashboard has gone" : "resumed");
    }
    session->wishes.pause = false;
}

Status session_between_steps(Session *session, const SessionPlace *place, Error *error)
{
    read_wishes(session);
    Status status = fulfil(session, place, error);
    if (status == STATUS_OK && pausing(session)) {
        char text[80];
        snprintf(text, sizeof text, "paused after step %llu", (unsigned long long)session->step);
        say(session, text);
        while (status == STATUS_OK && pausing(session)) {
            sleep_on(session);
            status = fulfil(session, place, error);
        }
        say_awake(session);
    }
    if (status != STATUS_OK || !stopping(session)) {
        return status;
    }
    if (!session->saved || session->saved_step != session->step) {
        status = session_checkpoint(session, place, SAVE_ASKED, error);
    }
    return status == STATUS_OK
               ? error_set(error, STATUS_STOPPED,
                           "stopped after step %llu; everything is saved, rlsp train --resume %s goes on",
                           (unsigned long long)session->step, run_dir_path(session->run))
               : status;
}

bool session_attend(void *user)
{
    Session *session = user;
    read_wishes(session);
    if (pausing(session)) {
        say(session, "paused in the evaluation");
        while (pausing(session)) {
            sleep_on(session);
        }
        say_awake(session);
    }
    return stopping(session);
}
