/* F2: what can be set while it runs. */
#include "tui/dashboard/dashboard_parts.h"

enum { ROWS = 5, BOX_WIDTH = 50, VALUE_COLUMN = 14 };

static const double smoothings[]  = {0, 0.6, 0.9, 0.97};
static const int    rates[]       = {1, 2, 4, 10};
static const char  *glyph_names[] = {"braille", "blocks", "ASCII"};

/* The place of the setting in a list of `count`, moved by `by`, going round. */
static int turn(int at, int by, int count)
{
    return (at + by + count) % count;
}

static int smoothing_at(double smoothing)
{
    int at = 0;
    for (int i = 1; i < 4; i++) {
        at = smoothing > smoothings[i] - 0.01 ? i : at;
    }
    return at;
}

static int rate_at(int rate)
{
    int at = 0;
    for (int i = 1; i < 4; i++) {
        at = rate >= rates[i] ? i : at;
    }
    return at;
}

static void option_text(const Dashboard *dashboard, int row, const char **name, char *value, size_t size)
{
    static const char *const names[ROWS] = {"smoothing", "colours", "glyphs", "refresh", "mouse"};
    *name                                = names[row];
    switch (row) {
    case 0:
        if (dashboard->view.smoothing > 0) {
            snprintf(value, size, "%g", dashboard->view.smoothing);
        } else {
            snprintf(value, size, "off");
        }
        break;
    case 1: snprintf(value, size, dashboard->settings.colours ? "as the terminal can" : "none"); break;
    case 2:
        if (dashboard->settings.glyphs < 0) {
            snprintf(value, size, "as the terminal can: %s", glyph_names[dashboard_glyphs(dashboard)]);
        } else {
            snprintf(value, size, "%s", glyph_names[dashboard->settings.glyphs]);
        }
        break;
    case 3: snprintf(value, size, "at most %d a second", dashboard->settings.rate); break;
    default: snprintf(value, size, dashboard->settings.mouse ? "on" : "off: the terminal selects text"); break;
    }
}

static void change(Dashboard *dashboard, int by)
{
    switch (dashboard->option) {
    case 0: dashboard->view.smoothing = smoothings[turn(smoothing_at(dashboard->view.smoothing), by, 4)]; break;
    case 1: dashboard->settings.colours = !dashboard->settings.colours; break;
    case 2: dashboard->settings.glyphs = turn(dashboard->settings.glyphs + 1, by, 4) - 1; break;
    case 3: dashboard->settings.rate = rates[turn(rate_at(dashboard->settings.rate), by, 4)]; break;
    default:
        dashboard->settings.mouse = !dashboard->settings.mouse;
        if (dashboard->terminal != NULL) {
            dashboard_reopen_terminal(dashboard);
        }
        break;
    }
}

void options_draw(Dashboard *dashboard)
{
    const Area area = dashboard_box(dashboard, BOX_WIDTH, ROWS + 4, "options");
    /* where not all rows fit, those up to the chosen one */
    const int first = dashboard->option >= area.height ? dashboard->option - area.height + 1 : 0;
    for (int i = first; i < ROWS; i++) {
        char        value[64];
        const char *name;
        const bool  chosen = i == dashboard->option;
        option_text(dashboard, i, &name, value, sizeof value);
        area_text(area, 1, i - first, chosen ? INK_ACCENT : INK_TEXT, chosen ? ATTR_BOLD | ATTR_REVERSE : 0, name,
                  SIZE_MAX);
        area_text(area, VALUE_COLUMN, i - first, chosen ? INK_ACCENT : INK_TEXT, 0, value, SIZE_MAX);
    }
    if (area.height > ROWS + 1) {
        area_text(area, 1, ROWS + 1, INK_FAINT, 0, "up down choose  left right change  Esc closes", SIZE_MAX);
    }
}

void options_key(Dashboard *dashboard, TerminalKey key)
{
    switch (key.code) {
    case 'k':
    case KEY_CODE_UP: dashboard->option = turn(dashboard->option, -1, ROWS); break;
    case 'j':
    case KEY_CODE_TAB:
    case KEY_CODE_DOWN: dashboard->option = turn(dashboard->option, 1, ROWS); break;
    case 'h':
    case KEY_CODE_LEFT: change(dashboard, -1); break;
    case 'l':
    case ' ':
    case KEY_CODE_ENTER:
    case KEY_CODE_RIGHT: change(dashboard, 1); break;
    case 'q':
    case 'O':
    case KEY_CODE_F2:
    case KEY_CODE_CLICK:
    case KEY_CODE_ESCAPE: dashboard->overlay = OVERLAY_NONE; break;
    default: break;
    }
}
