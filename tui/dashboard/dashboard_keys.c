/* Where keys go: what is open, then the pane with the focus, then the whole screen, then the pane that a key belongs
 * to. */
#include <string.h>

#include "tui/dashboard/dashboard_parts.h"

enum { CTRL_C = 3, CTRL_L = 12, WHEEL_LINES = 3 };

/* Keys that work from anywhere, for the trace viewer and for the curves. */
static const char trace_keys[] = "[]f/nNvLgG", curve_keys[] = "ys+-0rmMe";

static void focus(Dashboard *dashboard, Pane pane)
{
    dashboard->focus = pane;
    if (pane <= PANE_HEALTH) {
        dashboard->curve = pane;
    }
}

/* --- the pane with the focus */

static bool pane_key(Dashboard *dashboard, Pane pane, TerminalKey key)
{
    switch (pane) {
    case PANE_REWARD:
    case PANE_ACCURACY:
    case PANE_LENGTH:
    case PANE_HEALTH: return pane_curves_key(dashboard->curves[pane], key);
    case PANE_TRACES: return pane_traces_key(dashboard->traces, key);
    case PANE_BEHAVIOUR: return pane_behaviour_key(&dashboard->behaviour, key);
    case PANE_LOG: return pane_log_key(&dashboard->log, key);
    default: return false;
    }
}

static bool pane_captures(const Dashboard *dashboard, Pane pane)
{
    return pane <= PANE_HEALTH   ? pane_curves_captures(dashboard->curves[pane])
           : pane == PANE_TRACES ? pane_traces_captures(dashboard->traces)
                                 : false;
}

/* A key for a pane without the focus: it gets the focus if it is not to be seen, or asks something. */
static bool send_to(Dashboard *dashboard, Pane pane, TerminalKey key)
{
    const bool taken = pane_key(dashboard, pane, key);
    if (taken && (dashboard->layout.panes[pane].width == 0 || pane_captures(dashboard, pane))) {
        focus(dashboard, pane);
    }
    return taken;
}

/* --- the mouse */

static void wheel(Dashboard *dashboard, TerminalKey key)
{
    const Pane pane = layout_pane_at(&dashboard->layout, key.x, key.y);
    const bool up   = key.code == KEY_CODE_WHEEL_UP;
    if (pane == PANE_COUNT) {
        return;
    }
    if (pane <= PANE_HEALTH && !pane_captures(dashboard, pane)) {
        pane_key(dashboard, pane, (TerminalKey){.code = up ? '+' : '-'});
    } else if (pane == PANE_TRACES) {
        pane_key(dashboard, pane, key); /* which knows how far */
    } else {
        for (int i = 0; i < WHEEL_LINES; i++) {
            pane_key(dashboard, pane, (TerminalKey){.code = up ? KEY_CODE_UP : KEY_CODE_DOWN});
        }
    }
}

static bool mouse_key(Dashboard *dashboard, TerminalKey key)
{
    if (key.code == KEY_CODE_CLICK) {
        const Pane pane = layout_pane_at(&dashboard->layout, key.x, key.y);
        if (pane != PANE_COUNT) {
            focus(dashboard, pane);
        }
        return true;
    }
    if (key.code == KEY_CODE_WHEEL_UP || key.code == KEY_CODE_WHEEL_DOWN) {
        wheel(dashboard, key);
        return true;
    }
    return false;
}

/* --- the whole screen */

static bool screen_key(Dashboard *dashboard, int code)
{
    if (code >= '1' && code < '1' + PANE_COUNT) {
        focus(dashboard, (Pane)(code - '1'));
        return true;
    }
    switch (code) {
    case '?':
    case KEY_CODE_F1:
        dashboard->overlay     = OVERLAY_HELP;
        dashboard->help_scroll = 0;
        return true;
    case KEY_CODE_F2:
    case 'O': dashboard->overlay = OVERLAY_OPTIONS; return true;
    case KEY_CODE_TAB: focus(dashboard, (dashboard->focus + 1) % PANE_COUNT); return true;
    case KEY_CODE_BACK_TAB: focus(dashboard, (dashboard->focus + PANE_COUNT - 1) % PANE_COUNT); return true;
    case 'z': dashboard->maximised = !dashboard->maximised; return true;
    case KEY_CODE_ESCAPE: dashboard->maximised = false; return true;
    case ' ':
    case 'p': trainer_pause_or_resume(dashboard); return true;
    case 'c': trainer_command(dashboard, CONTROL_CHECKPOINT, NULL); return true;
    case 'o': ask_prompt(dashboard); return true;
    case 'w': save_screen(dashboard); return true;
    case 'W': save_curves(dashboard); return true;
    case 'q': ask_leave(dashboard); return true;
    default: return false;
    }
}

static void free_key(Dashboard *dashboard, TerminalKey key)
{
    if (mouse_key(dashboard, key) || pane_key(dashboard, dashboard->focus, key)) {
        return;
    }
    if (replay_key(dashboard, key) || screen_key(dashboard, key.code) || key.code <= 0 || key.code > 126) {
        return;
    }
    if (strchr(trace_keys, key.code) != NULL) {
        send_to(dashboard, PANE_TRACES, key);
    } else if (strchr(curve_keys, key.code) != NULL) {
        send_to(dashboard, dashboard->curve, key);
    }
}

static void overlay_key(Dashboard *dashboard, TerminalKey key)
{
    switch (dashboard->overlay) {
    case OVERLAY_HELP: help_key(dashboard, key); break;
    case OVERLAY_OPTIONS: options_key(dashboard, key); break;
    default: ask_key(dashboard, key); break;
    }
}

void dashboard_key(Dashboard *dashboard, TerminalKey key)
{
    const bool asking = dashboard->overlay == OVERLAY_LEAVE || dashboard->overlay == OVERLAY_KILL;
    switch (key.code) {
    case KEY_CODE_SIZE_CHANGED: return;
    case KEY_CODE_STOP: trainer_signalled(dashboard); return;
    case KEY_CODE_HANG_UP:
        dashboard_leave(dashboard, dashboard->trainer.alive ? DASHBOARD_DETACHED : DASHBOARD_LEFT);
        return;
    case CTRL_L:
        if (dashboard->terminal != NULL) {
            terminal_redraw(dashboard->terminal);
        }
        return;
    case CTRL_C:
        if (!asking) {
            ask_leave(dashboard);
            return;
        }
        break;
    default: break;
    }
    if (dashboard->overlay != OVERLAY_NONE) {
        overlay_key(dashboard, key);
    } else if (pane_captures(dashboard, dashboard->focus) && key.code != KEY_CODE_CLICK) {
        pane_key(dashboard, dashboard->focus, key);
    } else {
        free_key(dashboard, key);
    }
}
