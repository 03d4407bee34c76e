#include "tui/pane/pane_behaviour.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tui/pane/metric_mean.h"
#include "tui/pane/pane_behaviour_rows.h"

enum {
    SHORT_NAME  = 8,
    MIDDLE_NAME = 14,
    LONG_NAME   = 29,
    NOW_WIDTH   = 6,
    START_WIDTH = 7,
    ODDS_WIDTH  = 9, /* each of two */
    WIDE_ODDS   = 14,
    TREND_MIN   = 8,
    TREND_MAX   = 40
};

/* What there is room for; 0: left out. */
typedef struct Columns {
    int name, now, odds, start, trend;
    int wording; /* of names: 0 long to 2 short */
} Columns;

/* Columns come in the order of what they tell; names grow in between. */
static Columns columns_of(int width)
{
    Columns c    = {.name = SHORT_NAME, .now = NOW_WIDTH, .wording = 2};
    int     left = width - c.name - c.now;
    if (left < 0) {
        c.name = width > c.now ? width - c.now : 0;
        return c;
    }
    if (left >= 2 * ODDS_WIDTH) {
        c.odds = ODDS_WIDTH;
        left -= 2 * ODDS_WIDTH;
    }
    if (c.odds > 0 && left >= MIDDLE_NAME - SHORT_NAME) {
        left -= MIDDLE_NAME - SHORT_NAME;
        c.name    = MIDDLE_NAME;
        c.wording = 1;
    }
    if (c.wording == 1 && left >= START_WIDTH) {
        left -= START_WIDTH;
        c.start = START_WIDTH;
    }
    if (c.start > 0 && left >= TREND_MIN + 2) {
        left -= TREND_MIN + 2;
        c.trend = TREND_MIN;
    }
    if (c.trend > 0 && left >= LONG_NAME - MIDDLE_NAME) {
        left -= LONG_NAME - MIDDLE_NAME;
        c.name    = LONG_NAME;
        c.wording = 0;
    }
    if (c.wording == 0 && left >= 2 * (WIDE_ODDS - ODDS_WIDTH) + TREND_MIN) {
        left -= 2 * (WIDE_ODDS - ODDS_WIDTH);
        c.odds = WIDE_ODDS;
    }
    if (c.trend > 0) {
        c.trend += left < TREND_MAX - TREND_MIN ? left : TREND_MAX - TREND_MIN;
    }
    return c;
}

static void share_text(double share, char out[16])
{
    if (!isfinite(share)) {
        snprintf(out, 16, "-");
    } else if (share > 0 && share < 0.0995) {
        snprintf(out, 16, "%.1f%%", 100 * share);
    } else {
        snprintf(out, 16, "%.0f%%", 100 * fmin(9.99, fmax(-9.99, share)));
    }
}

static void rate_text(double rate, bool per_tokens, char out[16])
{
    if (!per_tokens) {
        share_text(rate, out);
    } else if (!isfinite(rate)) {
        snprintf(out, 16, "-");
    } else {
        snprintf(out, 16,
                 rate > 0 && rate < 0.095  ? "%.2f"
                 : rate > 0 && rate < 9.95 ? "%.1f"
                                           : "%.0f",
                 fmax(-999, fmin(99999, rate)));
    }
}

/* The whole of RL in `width` columns, from 0 to the largest. */
static void trend_draw(const History *history, const BehaviourKind *kind, bool per_tokens, Area row, Glyphs glyphs)
{
    static const char *const ascii = " .:-=+*"; /* as blocks: never so high that rows touch */
    double                   values[TREND_MAX], most = 0;
    const size_t             steps = behaviour_steps(history);
    const int                width = row.width < TREND_MAX ? row.width : TREND_MAX;
    const int                used  = steps < (size_t)width ? (int)steps : width;
    for (int x = 0; x < used; x++) {
        values[x] = behaviour_rate(history, kind, per_tokens, steps * (size_t)x / (size_t)used,
                                   steps * (size_t)(x + 1) / (size_t)used);
        most      = values[x] > most ? values[x] : most;
    }
    for (int x = 0; x < used; x++) {
        if (isfinite(values[x])) {
            int level = most > 0 ? (int)(values[x] / most * 6.999) : 0;
            level     = level < 0 ? 0 : level > 6 ? 6 : level;
            area_put(row, x, 0, glyphs == GLYPHS_ASCII ? (uint32_t)ascii[level] : 0x2581 + (uint32_t)level,
                     kind->words ? INK_FAINT : INK_SERIES_0, kind->words ? ATTR_DIM : 0);
        }
    }
}

/* The two sit side by side; `end` is the column after the first. */
static void odds_draw(const BehaviourOdds *odds, bool words, Area row, int end, int width)
{
    char text[24];
    for (int i = 0; i < 2; i++) {
        const double share  = i == 0 ? odds->with : odds->without;
        const double traces = i == 0 ? odds->traces_with : odds->traces_without;
        const bool   few    = !isfinite(share) || traces < BEHAVIOUR_FEW;
        const int    better = behaviour_verdict(odds) * (i == 0 ? 1 : 0);
        share_text(share, text);
        if (isfinite(share) && odds->held_out) {
            snprintf(text + strlen(text), 8, "*");
        }
        area_text_right(row, end + i * width, 0,
                        words || few ? INK_FAINT
                        : better > 0 ? INK_GOOD
                        : better < 0 ? INK_WARN
                                     : INK_TEXT,
                        words        ? ATTR_DIM
                        : better > 0 ? ATTR_BOLD
                                     : 0,
                        text);
    }
}

static void row_draw(const PaneBehaviour *pane, const History *history, const BehaviourKind *kind, const Columns *c,
                     Area row, Glyphs glyphs)
{
    const Ink    ink   = kind->words ? INK_FAINT : INK_TEXT;
    const int    attrs = kind->words ? ATTR_DIM : 0;
    const size_t steps = behaviour_steps(history), newest = metric_recent_steps(steps);
    char         text[16];
    int          end = c->name;
    area_text(area_part(row, 0, 0, c->name > 1 ? c->name - 1 : 0, 1), 0, 0, ink, attrs, kind->names[c->wording],
              SIZE_MAX);
    if (c->start > 0) {
        rate_text(behaviour_rate(history, kind, pane->per_tokens, 0, metric_start_steps(steps)), pane->per_tokens,
                  text);
        area_text_right(row, end += c->start, 0, INK_FAINT, attrs, text);
    }
    rate_text(behaviour_rate(history, kind, pane->per_tokens, steps > newest ? steps - newest : 0, steps),
              pane->per_tokens, text);
    end += c->now;
    area_text_right(row, end < row.width ? end : row.width, 0, ink, kind->words ? ATTR_DIM : ATTR_BOLD, text);
    if (c->odds > 0) {
        BehaviourOdds odds = behaviour_odds(history, kind);
        odds_draw(&odds, kind->words, row, end + c->odds, c->odds);
        end += 2 * c->odds;
    }
    if (c->trend > 0) {
        trend_draw(history, kind, pane->per_tokens, area_part(row, end + 2, 0, c->trend, 1), glyphs);
    }
}

static void header_draw(const Columns *c, Area row)
{
    int end = c->name;
    area_text(area_part(row, 0, 0, c->name > 1 ? c->name - 1 : 0, 1), 0, 0, INK_TITLE, 0,
              c->wording < 2 ? "what is seen" : "seen", SIZE_MAX);
    if (c->start > 0) {
        area_text_right(row, end += c->start, 0, INK_FAINT, 0, "start");
    }
    area_text_right(row, end += c->now, 0, INK_FAINT, 0, "now");
    if (c->odds > 0) {
        area_text_right(row, end + c->odds, 0, INK_FAINT, 0, c->odds > ODDS_WIDTH ? "right if so" : "right if");
        area_text_right(row, end + 2 * c->odds, 0, INK_FAINT, 0, c->odds > ODDS_WIDTH ? "right if not" : "if not");
        end += 2 * c->odds;
    }
    if (c->trend > 0) {
        area_text(row, end + 2, 0, INK_FAINT, 0, "trend", SIZE_MAX);
    }
}

static void words_header_draw(Area row)
{
    static const char *const texts[] = {"words alone: what it says, which proves nothing",
                                        "words alone, which prove nothing", "words alone, no proof", "words", "w"};
    int                      i       = 0;
    while (i < 4 && (int)strlen(texts[i]) > row.width) {
        i++;
    }
    area_text(row, 0, 0, INK_FAINT, ATTR_DIM, texts[i], SIZE_MAX);
}

/* What room is left over explains the numbers: the first that fits of each pair. */
static void notes_draw(Area area, bool odds, bool held_out)
{
    static const struct {
        const char *texts[2];
        bool        held_out;
    } notes[] = {
        {{"* of the last held-out evaluation", "* held-out"}, true},
        {{"right if: P(correct | it does), if not: P(correct | none)", "right if: P(correct | it does)"}, false},
        {{"bold: more, or less, than chance explains", "bold: not by chance"}, false},
        {{"no cause: hard problems take more tries", "hard problems take more"}, false},
    };
    int row = 0;
    for (size_t i = 0; odds && i < sizeof notes / sizeof *notes; i++) {
        const int length = (int)strlen(notes[i].texts[0]), which = length > area.width;
        if (held_out || !notes[i].held_out) {
            area_text(area, 0, row++, INK_FAINT, ATTR_DIM, notes[i].texts[which], SIZE_MAX);
        }
    }
}

void pane_behaviour_draw(PaneBehaviour *pane, const History *history, Area area, Glyphs glyphs)
{
    if (area.width < 1 || area.height < 1) {
        return;
    }
    if (behaviour_steps(history) == 0) {
        area_text(area, 0, 0, INK_FAINT, 0, "no traces yet", SIZE_MAX);
        return;
    }
    const Columns columns = columns_of(area.width);
    const int     header = area.height >= 3, height = area.height - header;
    const int     lines = behaviour_kind_count + 1; /* with the words' header */
    if (pane->scroll > lines - height) {
        pane->scroll = lines - height;
    }
    pane->scroll = pane->scroll < 0 ? 0 : pane->scroll;
    if (header) {
        header_draw(&columns, area_part(area, 0, 0, area.width, 1));
    }
    int  line = 0;
    bool note = false;
    for (int i = 0; i < behaviour_kind_count; i++) {
        const BehaviourKind *kind = &behaviour_kinds[i];
        for (int head = kind->words && !behaviour_kinds[i - 1].words; head >= 0; head--) {
            const int y = line++ - pane->scroll;
            if (y < 0 || y >= height) {
                continue;
            }
            Area row = area_part(area, 0, header + y, area.width, 1);
            if (head > 0) {
                words_header_draw(row);
            } else {
                row_draw(pane, history, kind, &columns, row, glyphs);
            }
        }
        note = note || (columns.odds > 0 && behaviour_odds(history, kind).held_out);
    }
    if (height > lines + 1) {
        notes_draw(area_part(area, 0, header + lines + 1, area.width, height - lines - 1), columns.odds > 0, note);
    }
}

void pane_behaviour_title(const PaneBehaviour *pane, Glyphs glyphs, char *out, size_t size)
{
    snprintf(out, size, "behaviours%s%s", glyphs == GLYPHS_ASCII ? " - " : " \xC2\xB7 ",
             pane->per_tokens ? "times per 1,000 tokens" : "share of traces");
}

bool pane_behaviour_key(PaneBehaviour *pane, TerminalKey key)
{
    enum { PAGE = 5 };
    switch (key.code) {
    case 't': pane->per_tokens = !pane->per_tokens; return true;
    case 'j':
    case KEY_CODE_WHEEL_DOWN:
    case KEY_CODE_DOWN: pane->scroll++; break;
    case 'k':
    case KEY_CODE_WHEEL_UP:
    case KEY_CODE_UP: pane->scroll--; break;
    case KEY_CODE_PAGE_DOWN: pane->scroll += PAGE; break;
    case KEY_CODE_PAGE_UP: pane->scroll -= PAGE; break;
    case 'g':
    case KEY_CODE_HOME: pane->scroll = 0; break;
    case 'G':
    case KEY_CODE_END: pane->scroll = behaviour_kind_count; break;
    default: return false;
    }
    pane->scroll = pane->scroll < 0 ? 0 : pane->scroll > behaviour_kind_count ? behaviour_kind_count : pane->scroll;
    return true;
}
