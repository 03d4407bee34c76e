/* Drawing a card. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tui/draw/text.h"
#include "tui/trace/trace_card_parts.h"
#include "tui/trace/trace_look.h"

enum {
    MARGIN           = 2, /* columns left of the text, where loops are marked */
    MARGIN_MIN_WIDTH = 24 /* narrower bodies have none                        */
};

/* Where a line is being read: the run and the match at the byte, or the next one. */
typedef struct Cursor {
    size_t run, match;
} Cursor;

static TraceLook look_at(const TraceCard *card, int part, size_t offset, Cursor *cursor, bool *loop)
{
    static const TraceLook plain[CARD_PARTS] = {
        [CARD_PROMPT] = {INK_TITLE, 0}, [CARD_RESPONSE] = {INK_TEXT, 0}, [CARD_DETAILS] = {INK_FAINT, 0}};
    TraceLook look = plain[part];
    if (part == CARD_RESPONSE) {
        const Markup *markup = &card->markup;
        while (cursor->run + 1 < markup->count &&
               offset >= markup->runs[cursor->run].offset + markup->runs[cursor->run].length) {
            cursor->run++;
        }
        if (cursor->run < markup->count) {
            look  = trace_look(&markup->runs[cursor->run]);
            *loop = *loop || markup->runs[cursor->run].loop;
        }
    }
    while (cursor->match < card->match_count && card->matches[cursor->match].part == part &&
           card->matches[cursor->match].offset + card->match_bytes <= offset) {
        cursor->match++;
    }
    if (cursor->match < card->match_count && card->matches[cursor->match].part == part &&
        card->matches[cursor->match].offset <= offset) {
        look = (TraceLook){INK_MATCH, cursor->match == card->match ? ATTR_BOLD | ATTR_REVERSE : ATTR_BOLD};
    }
    return look;
}

static void draw_line(const TraceCard *card, Area area, int row, int margin, int part, size_t line, Glyphs glyphs)
{
    static const uint32_t loop_marks[] = {
        [GLYPHS_BRAILLE] = 0x21BA, /* an arrow that goes round */
        [GLYPHS_BLOCKS]  = 0x2592,
        [GLYPHS_ASCII]   = '~',
    };
    const char *bytes = card->parts[part].bytes;
    size_t      start = card->parts[part].starts[line], end = card->parts[part].starts[line + 1];
    TextReader  reader = text_reader(bytes + start, end - start);
    Cursor      cursor = {markup_run_at(&card->markup, start), trace_card_match_after(card, part, start)};
    TraceLook   look   = {INK_TEXT, 0};
    size_t      from = start, to = start; /* what is drawn in one look */
    int         column = margin;
    bool        loop   = false;
    for (TextGlyph glyph; text_next(&reader, &glyph) && !glyph.newline;) {
        TraceLook next = look_at(card, part, start + glyph.offset, &cursor, &loop);
        if (from < to && (next.ink != look.ink || next.attrs != look.attrs)) {
            column += area_text(area, column, row, look.ink, look.attrs, bytes + from, to - from);
            from = start + glyph.offset;
        }
        look = next;
        to   = start + glyph.offset + glyph.length;
    }
    area_text(area, column, row, look.ink, look.attrs, bytes + from, to - from);
    if (loop && margin > 0) {
        area_put(area, 0, row, loop_marks[glyphs], INK_WARN, 0);
    }
}

/* One thing of the verdict line, two columns after the one before it; left out if it does not fit whole. */
static void put_item(Area row, int *column, Ink ink, int attrs, const char *text)
{
    int width = text_width(text, strlen(text)), gap = *column > 0 ? 2 : 0;
    if (width > 0 && *column + gap + width <= row.width) {
        *column += gap;
        *column += area_text(row, *column, 0, ink, attrs, text, SIZE_MAX);
    }
}

static void put_count(Area row, int *column, Ink ink, const Event *event, const char *name, const char *one,
                      const char *many)
{
    char   text[48];
    double count = event_number(event, name, 0);
    if (count > 0) {
        snprintf(text, sizeof text, "%.0f %s", count, count > 1 ? many : one);
        put_item(row, column, ink, 0, text);
    }
}

/* The verdict first, then what there is room for. */
static void draw_head(const TraceCard *card, Area row, Glyphs glyphs)
{
    static const struct {
        const char *signs[GLYPHS_ASCII + 1], *word;
        Ink         ink;
    } verdicts[] = {
        {{"\xE2\x9C\x93", "\xE2\x88\x9A", "+"}, "correct", INK_GOOD}, /* a tick; the root sign stands for it */
        {{"\xE2\x9C\x97", "x", "x"}, "wrong", INK_BAD},
        {{"\xE2\x88\x85", "-", "-"}, "no answer", INK_WARN},
    };
    const HistoryTrace *meta = &card->meta;
    int                 kind = (meta->flags & HISTORY_CORRECT) != 0 ? 0 : (meta->flags & HISTORY_ANSWERED) != 0 ? 1 : 2;
    Ink                 ink  = verdicts[kind].ink;
    char                text[160];
    int                 column = area_text(row, 0, 0, ink, ATTR_BOLD, verdicts[kind].signs[glyphs], SIZE_MAX);
    if (row.width - column > (int)strlen(verdicts[kind].word)) {
        column += 1 + area_text(row, column + 1, 0, ink, ATTR_BOLD, verdicts[kind].word, SIZE_MAX);
    }
    if (card->event == NULL) {
        put_item(row, &column, INK_WARN, 0, "this trace cannot be read any more");
        return;
    }
    if ((meta->flags & HISTORY_TRUNCATED) != 0) {
        put_item(row, &column, INK_WARN, 0, "cut off");
    }
    snprintf(text, sizeof text, "step %u", meta->step);
    put_item(row, &column, INK_TEXT, 0, text);
    snprintf(text, sizeof text, "reward %.3g", (double)meta->reward);
    put_item(row, &column, INK_TEXT, ATTR_BOLD, text);
    snprintf(text, sizeof text, "%u tokens", meta->tokens);
    put_item(row, &column, INK_TEXT, 0, text);
    const char *answer = event_text(card->event, "answer"), *stage = event_text(card->event, "stage");
    if (answer != NULL && strlen(answer) < 40) {
        put_item(row, &column, INK_ANSWER, ATTR_BOLD, answer);
    }
    const char *gold = event_text(card->event, "gold");
    if (gold != NULL && strlen(gold) < 40 && kind != 0) {
        snprintf(text, sizeof text, "true: %.40s", gold);
        put_item(row, &column, INK_TEXT, 0, text);
    }
    put_count(row, &column, INK_ATTEMPT, card->event, "behaviours.attempts", "attempt", "attempts");
    put_count(row, &column, INK_BACKTRACK, card->event, "behaviours.backtracks", "backtrack", "backtracks");
    put_count(row, &column, INK_CHECK, card->event, "behaviours.checks", "check", "checks");
    snprintf(text, sizeof text, "%.30s %.0f", stage != NULL ? stage : "", event_number(card->event, "index", 0));
    put_item(row, &column, INK_FAINT, 0, text);
}

/* The components of the reward below the head: as many rows as they need and `most` allows. Returns how many. */
static int draw_components(const TraceCard *card, Area area, int most)
{
    size_t  count = 0;
    size_t *starts =
        most > 0 && area.width > 0 ? text_wrap(card->components, strlen(card->components), area.width, &count) : NULL;
    int rows = 0;
    for (; starts != NULL && rows < most && (size_t)rows < count && card->components[0] != '\0'; rows++) {
        area_text(area, 0, 1 + rows, INK_FAINT, 0, card->components + starts[rows], starts[rows + 1] - starts[rows]);
    }
    free(starts);
    return rows;
}

/* What the looks mean, as far as there is room. */
static void draw_legend(Area area, int row, int margin)
{
    for (int i = 0, column = margin; i < trace_legend_count; i++) {
        const TraceLook look = trace_look(&trace_legend[i].run);
        if (column + (int)strlen(trace_legend[i].name) > area.width) {
            break;
        }
        column += 2 + area_text(area, column, row, look.ink, look.attrs, trace_legend[i].name, SIZE_MAX);
    }
}

void trace_card_draw(TraceCard *card, Area area, Glyphs glyphs)
{
    if (area.width < 1 || area.height < 1 || !card->loaded) {
        return;
    }
    draw_head(card, area_part(area, 0, 0, area.width, 1), glyphs);
    int top = 1;
    if (card->event != NULL && area.height >= 5) {
        top += draw_components(card, area, area.height >= 10 ? (area.height - 4) / 3 : 1);
    }
    int margin = area.width >= MARGIN_MIN_WIDTH ? MARGIN : 0;
    card->page = area.height - top;
    if (card->event == NULL || card->page < 1 || !trace_card_wrap(card, area.width - margin)) {
        return;
    }
    if (card->seek && card->match < card->match_count) {
        trace_card_seek(card);
    }
    size_t lines = trace_card_lines(card), last = lines > (size_t)card->page ? lines - (size_t)card->page : 0;
    card->scroll = card->scroll < last ? card->scroll : last;
    for (int row = 0; row < card->page && card->scroll + (size_t)row < lines; row++) {
        int    part;
        size_t line;
        if (trace_card_find_line(card, card->scroll + (size_t)row, &part, &line)) {
            draw_line(card, area, top + row, margin, part, line, glyphs);
        } else if (card->scroll + (size_t)row + 1 == lines) {
            draw_legend(area, top + row, margin);
        }
    }
}
