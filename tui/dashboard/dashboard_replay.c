/* Replay: runs of the past, as they went, faster. */
#include <math.h>

#include "tui/dashboard/dashboard_parts.h"

static const double fastest = 1e6, slowest = 0.125, leap = 0.05; /* leap: share of the whole */

/* Runs of different days begin together. */
static void show_until_now(Dashboard *dashboard)
{
    Replay *replay = &dashboard->replay;
    replay->at     = fmax(0, fmin(replay->at, replay->length));
    for (int i = 0; i < dashboard->options->run_count; i++) {
        history_until(dashboard->runs[i], replay->first[i] + replay->at);
    }
}

bool replay_begin(Dashboard *dashboard)
{
    Replay *replay = &dashboard->replay;
    if (!replay->on || replay->begun) {
        return false;
    }
    for (int i = 0; i < dashboard->options->run_count; i++) {
        const HistoryState *state = history_state(dashboard->runs[i]);
        replay->first[i]          = state->first_time;
        replay->length            = fmax(replay->length, state->last_time - state->first_time);
    }
    if (replay->length <= 0) {
        dashboard_say(dashboard, "there is nothing to replay yet");
        replay->on = false;
        return false;
    }
    replay->begun = true;
    replay->moved = dashboard_now();
    show_until_now(dashboard);
    return true;
}

void replay_advance(Dashboard *dashboard)
{
    Replay *replay = &dashboard->replay;
    if (!replay->begun) {
        return;
    }
    const double now = dashboard_now();
    if (!replay->paused) {
        replay->at += (now - replay->moved) * replay->speed;
    }
    replay->moved = now;
    show_until_now(dashboard);
}

bool replay_key(Dashboard *dashboard, TerminalKey key)
{
    Replay *replay = &dashboard->replay;
    if (!replay->begun) {
        return false;
    }
    switch (key.code) {
    case ' ':
    case 'p': replay->paused = !replay->paused; break;
    case '<': replay->speed = fmax(replay->speed / 2, slowest); break;
    case '>': replay->speed = fmin(replay->speed * 2, fastest); break;
    case ',': replay->at -= leap * replay->length; break;
    case '.': replay->at += leap * replay->length; break;
    case '{':
    case KEY_CODE_HOME: replay->at = 0; break;
    case '}':
    case KEY_CODE_END: replay->at = replay->length; break;
    default: return false;
    }
    show_until_now(dashboard);
    return true;
}
