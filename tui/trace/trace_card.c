#include "tui/trace/trace_card.h"

#include <stdlib.h>
#include <string.h>

#include "tui/draw/text.h"
#include "tui/trace/trace_look.h"

enum {
    MARGIN           = 2,  /* columns left of the text, where loops are marked */
    MARGIN_MIN_WIDTH = 24, /* narrower bodies have none                        */
    MATCHES_MAX      = 1 << 16
};

/* --- loading */

static void free_lines(TraceCard *card)
{
    for (int p = 0; p < CARD_PARTS; p++) {
        free(card->parts[p].starts);
        card->parts[p].starts = NULL;
        card->parts[p].count  = 0;
    }
    card->width = 0;
}

void trace_card_free(TraceCard *card)
{
    free_lines(card);
    free(card->matches);
    free(card->components);
    free(card->details);
    markup_free(&card->markup);
    event_free(card->event);
    memset(card, 0, sizeof *card);
}

/* Numbers of one inner object ("rewards."), as "name value" with `between` in between. */
typedef struct Listing {
    FILE       *out;
    const char *prefix, *between;
    bool        zeros; /* or only what there is some of */
    int         count;
} Listing;

static void list_number(void *context, const char *name, double value)
{
    Listing *listing = context;
    size_t   prefix  = strlen(listing->prefix);
    if (strncmp(name, listing->prefix, prefix) == 0 && (listing->zeros || value != 0)) {
        fprintf(listing->out, "%s%s %.4g", listing->count++ > 0 ? listing->between : "", name + prefix, value);
    }
}

static int list_numbers(FILE *out, const Event *event, const char *prefix, const char *between, bool zeros)
{
    Listing listing = {out, prefix, between, zeros, 0};
    event_each_number(event, list_number, &listing);
    return listing.count;
}

/* What others said of the response. */
static void write_said(FILE *out, const Event *event)
{
    const char *rationale = event_text(event, "judge.rationale"), *error = event_text(event, "judge.error");
    const char *lost = event_text(event, "remote.error");
    if (event_has(event, "judge.grade")) {
        fprintf(out, "\njudge %.4g%s%s%s", event_number(event, "judge.grade", 0), error != NULL ? " (fallback)" : "",
                rationale != NULL || error != NULL ? ": " : "",
                rationale != NULL ? rationale
                : error != NULL   ? error
                                  : "");
    }
    if (event_has(event, "remote.reward")) {
        fprintf(out, "\nreward server %.4g%s%s", event_number(event, "remote.reward", 0),
                lost != NULL ? " (fallback): " : "", lost != NULL ? lost : "");
    }
}

static void write_details(FILE *out, const Event *event, const HistoryTrace *meta)
{
    const char *answer = event_text(event, "answer"), *reason = event_text(event, "reason");
    const char *stage = event_text(event, "stage"), *verdict = event_text(event, "verdict");
    const char *problem = event_text(event, "problem"), *gold = event_text(event, "gold");
    const char *rule = event_text(event, "rule"), *subject = event_text(event, "subject");
    const char *level = event_text(event, "level");
    bool        says  = reason != NULL && (verdict == NULL || strcmp(reason, verdict) != 0);
    fprintf(out, "%s%s%s%s%s", verdict != NULL ? verdict : "no verdict", answer != NULL ? ": " : "",
            answer != NULL ? answer : "", says ? ", " : "", says ? reason : "");
    if (gold != NULL) {
        fprintf(out, "\ntrue answer: %s%s%s", gold, rule != NULL ? "; judged by: " : "", rule != NULL ? rule : "");
    }
    fprintf(out, "\nreward %.4g (", event_number(event, "reward", 0));
    list_numbers(out, event, "rewards.", ", ", true);
    fputc(')', out);
    write_said(out, event);
    fprintf(out, "\n%u tokens%s; ", meta->tokens, (meta->flags & HISTORY_TRUNCATED) != 0 ? ", cut off" : "");
    if (list_numbers(out, event, "behaviours.", ", ", false) == 0) {
        fprintf(out, "none of the behaviours");
    }
    fprintf(out, "\n%s, step %u, response %.0f%s%s", stage != NULL ? stage : "no stage", meta->step,
            event_number(event, "index", 0), problem != NULL ? ", problem " : "", problem != NULL ? problem : "");
    fprintf(out, "%s%s%s%s", subject != NULL ? ", " : "", subject != NULL ? subject : "",
            level != NULL ? ", level " : "", level != NULL ? level : "");
}

/* The texts beside the response; false when out of memory. */
static bool describe(TraceCard *card)
{
    size_t bytes = 0;
    FILE  *out   = open_memstream(&card->components, &bytes);
    if (out != NULL) {
        list_numbers(out, card->event, "rewards.", "  ", true);
        fclose(out);
    }
    out = open_memstream(&card->details, &bytes);
    if (out != NULL) {
        write_details(out, card->event, &card->meta);
        fclose(out);
    }
    return card->components != NULL && card->details != NULL;
}

static void set_part(TraceCard *card, int part, const char *bytes)
{
    size_t length = bytes != NULL ? strlen(bytes) : 0;
    while (part == CARD_PROMPT && length > 0 && bytes[length - 1] == '\n') {
        length--;
    }
    card->parts[part].bytes  = bytes != NULL ? bytes : "";
    card->parts[part].length = length;
}

bool trace_card_load(TraceCard *card, const History *history, size_t index)
{
    const HistoryTrace *meta = history_trace(history, index);
    if (card->loaded && card->meta.offset == meta->offset && card->meta.bytes == meta->bytes &&
        card->meta.step == meta->step && card->meta.tokens == meta->tokens && card->meta.problem == meta->problem) {
        return card->event != NULL;
    }
    trace_card_free(card);
    card->meta   = *meta;
    card->loaded = true;
    card->match  = SIZE_MAX;
    card->event  = history_trace_read(history, index);
    for (int p = 0; p < CARD_PARTS; p++) {
        set_part(card, p, NULL);
    }
    if (card->event == NULL) {
        return false;
    }
    set_part(card, CARD_PROMPT, event_text(card->event, "prompt"));
    set_part(card, CARD_RESPONSE, event_text(card->event, "response"));
    const Task *task = task_find(history_state(history)->task);
    if (!describe(card) || markup_trace(task, event_text(card->event, "prompt"), card->parts[CARD_RESPONSE].bytes,
                                        card->parts[CARD_RESPONSE].length, &card->markup, NULL) != STATUS_OK) {
        HistoryTrace kept = card->meta;
        trace_card_free(card);
        card->meta   = kept;
        card->loaded = true;
        for (int p = 0; p < CARD_PARTS; p++) {
            set_part(card, p, NULL);
        }
        return false;
    }
    set_part(card, CARD_DETAILS, card->details);
    return true;
}

const char *trace_card_prompt(const TraceCard *card)
{
    const char *prompt = card->event != NULL ? event_text(card->event, "prompt") : NULL;
    return prompt != NULL ? prompt : "";
}

/* --- lines */

/* After each part there is an empty line. */
size_t trace_card_lines(const TraceCard *card)
{
    size_t lines = 0;
    for (int p = 0; p < CARD_PARTS; p++) {
        lines += card->parts[p].count + 1;
    }
    return lines + 1; /* the legend */
}

/* The part and its line that line `line` of the body is; false: an empty one. */
static bool find_line(const TraceCard *card, size_t line, int *part, size_t *inner)
{
    for (int p = 0; p < CARD_PARTS; p++) {
        if (line < card->parts[p].count) {
            *part  = p;
            *inner = line;
            return true;
        }
        line -= card->parts[p].count;
        if (line == 0) {
            return false;
        }
        line--;
    }
    return false;
}

/* The line of the body that holds a byte of a part. */
static size_t line_of(const TraceCard *card, int part, size_t offset)
{
    size_t line = 0, low = 0, high = card->parts[part].count;
    for (int p = 0; p < part; p++) {
        line += card->parts[p].count + 1;
    }
    while (low + 1 < high) {
        size_t middle = low + (high - low) / 2;
        if (card->parts[part].starts[middle] <= offset) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return line + low;
}

/* Wraps for a width; the text at the top stays there when the width changes. */
static bool wrap(TraceCard *card, int width)
{
    if (card->width == width) {
        return true;
    }
    int    part = 0;
    size_t line = 0, offset = 0;
    bool   kept = card->width > 0 && card->scroll > 0 && find_line(card, card->scroll, &part, &line);
    if (kept) {
        offset = card->parts[part].starts[line];
    }
    free_lines(card);
    for (int p = 0; p < CARD_PARTS; p++) {
        card->parts[p].starts = text_wrap(card->parts[p].bytes, card->parts[p].length, width, &card->parts[p].count);
        if (card->parts[p].starts == NULL) {
            free_lines(card);
            return false;
        }
    }
    card->width  = width;
    card->scroll = kept ? line_of(card, part, offset) : card->scroll;
    return true;
}

/* --- search */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool matches_at(const char *bytes, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (lower(bytes[i]) != lower(text[i])) {
            return false;
        }
    }
    return true;
}

void trace_card_find(TraceCard *card, const char *text)
{
    size_t capacity = 0, length = text != NULL ? strlen(text) : 0;
    free(card->matches);
    card->matches     = NULL;
    card->match_count = 0;
    card->match_bytes = length;
    card->match       = SIZE_MAX;
    card->seek        = false;
    for (int p = CARD_PROMPT; length > 0 && p <= CARD_RESPONSE; p++) {
        for (size_t i = 0; i + length <= card->parts[p].length && card->match_count < MATCHES_MAX;) {
            if (!matches_at(card->parts[p].bytes + i, text, length)) {
                i++;
                continue;
            }
            if (card->match_count == capacity) {
                capacity        = capacity > 0 ? 2 * capacity : 16;
                CardMatch *more = realloc(card->matches, capacity * sizeof *more);
                if (more == NULL) {
                    return; /* those found so far are shown */
                }
                card->matches = more;
            }
            card->matches[card->match_count++] = (CardMatch){p, i};
            i += length;
        }
    }
}

void trace_card_show_match(TraceCard *card, size_t match)
{
    if (match < card->match_count) {
        card->match = match;
        card->seek  = true;
    }
}

/* Scrolls so that the match can be seen, a third from the top if it could not be. */
static void seek(TraceCard *card)
{
    const CardMatch *match = &card->matches[card->match];
    size_t           line = line_of(card, match->part, match->offset), page = (size_t)card->page;
    if (line < card->scroll || line >= card->scroll + page) {
        card->scroll = line > page / 3 ? line - page / 3 : 0;
    }
    card->seek = false;
}

/* The first match that ends after a byte of a part. */
static size_t match_after(const TraceCard *card, int part, size_t offset)
{
    size_t low = 0, high = card->match_count;
    while (low < high) {
        size_t           middle = low + (high - low) / 2;
        const CardMatch *match  = &card->matches[middle];
        if (match->part < part || (match->part == part && match->offset + card->match_bytes <= offset)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* --- drawing */

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
    Cursor      cursor = {markup_run_at(&card->markup, start), match_after(card, part, start)};
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
    if (card->event == NULL || card->page < 1 || !wrap(card, area.width - margin)) {
        return;
    }
    if (card->seek && card->match < card->match_count) {
        seek(card);
    }
    size_t lines = trace_card_lines(card), last = lines > (size_t)card->page ? lines - (size_t)card->page : 0;
    card->scroll = card->scroll < last ? card->scroll : last;
    for (int row = 0; row < card->page && card->scroll + (size_t)row < lines; row++) {
        int    part;
        size_t line;
        if (find_line(card, card->scroll + (size_t)row, &part, &line)) {
            draw_line(card, area, top + row, margin, part, line, glyphs);
        } else if (card->scroll + (size_t)row + 1 == lines) {
            draw_legend(area, top + row, margin);
        }
    }
}
