#include "tui/trace/trace_ansi.h"

#include <string.h>

#include "engine/utf8.h"
#include "tui/draw/text.h"
#include "tui/trace/trace_look.h"
#include "tui/trace/trace_pieces.h"

static void put_glyph(FILE *out, const TextGlyph *glyph)
{
    for (int i = 0; i < CELL_CODES && glyph->codes[i] != 0; i++) {
        char bytes[4];
        fwrite(bytes, 1, utf8_encode(glyph->codes[i], bytes), out);
    }
}

int trace_text_line(FILE *out, const char *text, int columns)
{
    size_t length = strlen(text);
    while (length > 0 && strchr(" \n", text[length - 1]) != NULL) {
        length--;
    }
    bool       cut   = text_width(text, length) > columns;
    int        limit = cut ? columns - 1 : columns, column = 0;
    TextReader reader = text_reader(text, length);
    for (TextGlyph glyph; column < limit && text_next(&reader, &glyph);) {
        if (glyph.newline) {
            glyph = (TextGlyph){.codes = {' '}, .width = 1};
        }
        if (column + glyph.width > limit) {
            break;
        }
        put_glyph(out, &glyph);
        column += glyph.width;
    }
    if (cut && columns > 0) {
        fputs("\xE2\x80\xA6", out);
        column++;
    }
    return column;
}

/* Everything off, then what this look has; the terminal's own foreground where the theme leaves it. */
static void put_look(FILE *out, Ink ink, int attrs, Colours colours)
{
    const ThemeInk *theme = theme_ink(ink);
    attrs |= theme->attrs | (colours == COLOURS_NONE ? theme->mono_attrs : 0);
    fputs("\033[0", out);
    fputs((attrs & ATTR_BOLD) != 0 ? ";1" : "", out);
    fputs((attrs & ATTR_DIM) != 0 ? ";2" : "", out);
    fputs((attrs & ATTR_UNDERLINE) != 0 ? ";4" : "", out);
    fputs((attrs & ATTR_REVERSE) != 0 ? ";7" : "", out);
    if (colours == COLOURS_TRUE && theme->ansi256 >= 0) {
        fprintf(out, ";38;2;%d;%d;%d", theme->red, theme->green, theme->blue);
    } else if (colours == COLOURS_256 && theme->ansi256 >= 0) {
        fprintf(out, ";38;5;%d", theme->ansi256);
    } else if (colours == COLOURS_16 && theme->ansi16 >= 0) {
        fprintf(out, ";%d", theme->ansi16 < 8 ? 30 + theme->ansi16 : 90 + theme->ansi16 - 8);
    }
    fputc('m', out);
}

static void put(FILE *out, Ink ink, int attrs, Colours colours, const char *text)
{
    put_look(out, ink, attrs, colours);
    trace_text_line(out, text, 1 << 20);
    fputs("\033[0m", out);
}

/* Whether repeated text comes before the end of the line that begins at `offset`. */
static bool line_loops(const TraceCard *card, size_t offset)
{
    const char *bytes   = card->parts[CARD_RESPONSE].bytes;
    size_t      length  = card->parts[CARD_RESPONSE].length;
    const char *newline = memchr(bytes + offset, '\n', length - offset);
    size_t      end     = newline != NULL ? (size_t)(newline - bytes) : length;
    for (size_t i = markup_run_at(&card->markup, offset); i < card->markup.count; i++) {
        if (card->markup.runs[i].offset >= end) {
            return false;
        }
        if (card->markup.runs[i].loop) {
            return true;
        }
    }
    return false;
}

static void put_margin(FILE *out, const TraceCard *card, int part, size_t offset, Colours colours)
{
    if (part == CARD_RESPONSE && line_loops(card, offset)) {
        put(out, INK_WARN, 0, colours, "\xE2\x86\xBA"); /* an arrow that goes round */
        fputc(' ', out);
    } else {
        fputs("  ", out);
    }
}

static void put_part(FILE *out, const TraceCard *card, int part, Colours colours)
{
    TracePieces pieces = trace_pieces(card, part);
    if (card->parts[part].length > 0) {
        put_margin(out, card, part, 0, colours);
    }
    for (TracePiece piece; trace_pieces_next(&pieces, &piece);) {
        TraceLook look    = piece.run != NULL ? trace_look(piece.run) : (TraceLook){INK_TITLE, 0};
        look              = piece.match ? (TraceLook){INK_MATCH, ATTR_BOLD} : look;
        size_t     at     = (size_t)(piece.bytes - card->parts[part].bytes);
        TextReader reader = text_reader(piece.bytes, piece.length);
        bool       plain  = look.ink == INK_TEXT && look.attrs == 0;
        if (!plain) {
            put_look(out, look.ink, look.attrs, colours);
        }
        for (TextGlyph glyph; text_next(&reader, &glyph);) {
            if (!glyph.newline) {
                put_glyph(out, &glyph);
                continue;
            }
            fputs(plain ? "\n" : "\033[0m\n", out);
            if (at + glyph.offset + glyph.length < card->parts[part].length) {
                put_margin(out, card, part, at + glyph.offset + glyph.length, colours);
            }
            if (!plain) {
                put_look(out, look.ink, look.attrs, colours);
            }
        }
        fputs(plain ? "" : "\033[0m", out);
    }
    fputc('\n', out);
}

/* The numbers of "behaviours" that are not 0. */
static void put_behaviour(void *context, const char *name, double value)
{
    static const char prefix[] = "behaviours.";
    if (strncmp(name, prefix, sizeof prefix - 1) == 0 && value != 0) {
        FILE *out = context;
        fputs("  ", out);
        trace_text_line(out, name + sizeof prefix - 1, 60);
        fprintf(out, " %.4g", value);
    }
}

static void put_head(FILE *out, const TraceCard *card, Colours colours)
{
    static const char *const names[] = {"correct", "wrong", "no answer"};
    static const Ink         inks[]  = {INK_GOOD, INK_BAD, INK_WARN};
    const HistoryTrace      *meta    = &card->meta;
    const char              *stage = event_text(card->event, "stage"), *answer = event_text(card->event, "answer");
    const char              *reason = event_text(card->event, "reason"), *verdict = event_text(card->event, "verdict");
    const char *gold = event_text(card->event, "gold"), *rationale = event_text(card->event, "judge.rationale");
    int         kind = (meta->flags & HISTORY_CORRECT) != 0 ? 0 : (meta->flags & HISTORY_ANSWERED) != 0 ? 1 : 2;
    put(out, inks[kind], ATTR_BOLD, colours, names[kind]);
    fprintf(out, "  step %u  ", meta->step);
    trace_text_line(out, stage != NULL ? stage : "no stage", 20);
    fprintf(out, " %.0f  %u tokens%s", event_number(card->event, "index", 0), meta->tokens,
            (meta->flags & HISTORY_TRUNCATED) != 0 ? "  cut off" : "");
    if (answer != NULL) {
        fputs("  ", out);
        put(out, INK_ANSWER, ATTR_BOLD, colours, answer);
    }
    if (reason != NULL && (verdict == NULL || strcmp(reason, verdict) != 0)) {
        fputs(": ", out);
        trace_text_line(out, reason, 120);
    }
    if (gold != NULL) {
        fputs("; true answer: ", out);
        trace_text_line(out, gold, 120);
    }
    fprintf(out, "\nreward %.4g:  ", event_number(card->event, "reward", 0));
    trace_text_line(out, card->components, 1 << 20);
    if (rationale != NULL) {
        fprintf(out, "\njudge %.4g:  ", event_number(card->event, "judge.grade", 0));
        trace_text_line(out, rationale, 400);
    }
    fputs("\nbehaviours:", out);
    event_each_number(card->event, put_behaviour, out);
    fputc('\n', out);
}

void trace_ansi_write(FILE *out, const TraceCard *card, Colours colours)
{
    if (card->event == NULL) {
        fprintf(out, "step %u: this trace cannot be read any more\n", card->meta.step);
        return;
    }
    put_head(out, card, colours);
    put_part(out, card, CARD_PROMPT, colours);
    put_part(out, card, CARD_RESPONSE, colours);
}

void trace_ansi_legend(FILE *out, Colours colours)
{
    for (int i = 0; i < trace_legend_count; i++) {
        const TraceLook look = trace_look(&trace_legend[i].run);
        put(out, look.ink, look.attrs, colours, trace_legend[i].name);
        fprintf(out, "%*s%s\n", (int)(12 - strlen(trace_legend[i].name)), "", trace_legend[i].meaning);
    }
}
