#include "tui/trace/trace_page.h"

#include <string.h>

#include "engine/utf8.h"
#include "tui/draw/text.h"
#include "tui/draw/theme.h"
#include "tui/trace/trace_look.h"
#include "tui/trace/trace_page_style.h"
#include "tui/trace/trace_pieces.h"

/* --- text */

static void put_code(FILE *out, uint32_t code)
{
    char bytes[4];
    switch (code) {
    case '&': fputs("&amp;", out); break;
    case '<': fputs("&lt;", out); break;
    case '>': fputs("&gt;", out); break;
    case '"': fputs("&quot;", out); break;
    case '\'': fputs("&#39;", out); break;
    default: fwrite(bytes, 1, utf8_encode(code, bytes), out);
    }
}

/* Text of unknown origin. What stands for control bytes is set apart, in <i>, from what only looks like it. */
static void put_bytes(FILE *out, const char *bytes, size_t length)
{
    TextReader reader  = text_reader(bytes, length);
    bool       escaped = false;
    for (TextGlyph glyph; text_next(&reader, &glyph);) {
        if (glyph.escaped != escaped) {
            fputs(glyph.escaped ? "<i>" : "</i>", out);
            escaped = glyph.escaped;
        }
        if (glyph.newline) {
            fputc('\n', out);
        }
        for (int i = 0; !glyph.newline && i < CELL_CODES && glyph.codes[i] != 0; i++) {
            put_code(out, glyph.codes[i]);
        }
    }
    fputs(escaped ? "</i>" : "", out);
}

static void put_text(FILE *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

/* Names from the program's own tables, with spaces. */
static void put_name(FILE *out, const char *name)
{
    for (; *name != '\0'; name++) {
        put_code(out, *name == '_' ? ' ' : (unsigned char)*name);
    }
}

/* --- what was thought */

/* The look as classes of the style sheet, and in words for whoever points at it. */
static void open_span(FILE *out, const MarkupRun *run)
{
    const TraceLook look = trace_look(run);
    fprintf(out, "<span class=\"c%d%s%s%s%s\" title=\"", (int)look.ink, (look.attrs & ATTR_BOLD) != 0 ? " b" : "",
            (look.attrs & ATTR_DIM) != 0 ? " d" : "", (look.attrs & ATTR_UNDERLINE) != 0 ? " u" : "",
            run->loop ? " loop" : "");
    const char *between = "";
    if (run->kind != MARKUP_PLAIN) {
        put_name(out, markup_kind_name(run->kind));
        fputs(run->evidence ? "" : ", words only", out);
        between = ", ";
    }
    fprintf(out, "%s%s", run->changed ? between : "", run->changed ? "a changed value" : "");
    between = run->changed ? ", " : between;
    fprintf(out, "%s%s\">", run->loop ? between : "", run->loop ? "repeated text" : "");
}

static void put_part(FILE *out, const TraceCard *card, int part, const char *class)
{
    TracePieces pieces = trace_pieces(card, part);
    fprintf(out, "<div class=\"text %s\">", class);
    for (TracePiece piece; trace_pieces_next(&pieces, &piece);) {
        const MarkupRun *run  = piece.run;
        bool             span = run != NULL && (run->kind != MARKUP_PLAIN || run->loop || run->changed);
        fputs(piece.match ? "<mark>" : "", out);
        if (span) {
            open_span(out, run);
        }
        put_bytes(out, piece.bytes, piece.length);
        fputs(span ? "</span>" : "", out);
        fputs(piece.match ? "</mark>" : "", out);
    }
    fputs("</div>\n", out);
}

/* --- a trace */

typedef struct Listing {
    FILE       *out;
    const char *prefix;
    bool        zeros;
    int         count;
} Listing;

static void put_number(void *context, const char *name, double value)
{
    Listing *listing = context;
    size_t   prefix  = strlen(listing->prefix);
    if (strncmp(name, listing->prefix, prefix) == 0 && (listing->zeros || value != 0)) {
        listing->count++;
        fputs("<li>", listing->out);
        put_text(listing->out, name + prefix);
        fprintf(listing->out, " <b>%.4g</b></li>", value);
    }
}

/* A list with a heading before it. */
static void put_numbers(FILE *out, const Event *event, const char *prefix, bool zeros, const char *none)
{
    Listing listing = {out, prefix, zeros, 0};
    event_each_number(event, put_number, &listing);
    if (listing.count == 0) {
        fprintf(out, "<li>%s</li>", none);
    }
    fputs("</ul>\n", out);
}

static int verdict_of(const HistoryTrace *meta)
{
    return (meta->flags & HISTORY_CORRECT) != 0 ? 0 : (meta->flags & HISTORY_ANSWERED) != 0 ? 1 : 2;
}

static const char *const verdict_signs[] = {"\xE2\x9C\x93", "\xE2\x9C\x97", "\xE2\x88\x85"};
static const char *const verdict_words[] = {"correct", "wrong", "no answer"};
static const Ink         verdict_inks[]  = {INK_GOOD, INK_BAD, INK_WARN};

/* What became of the problem at other steps. */
static void put_same(FILE *out, const HistoryTrace *meta, const HistoryTrace *const *same, size_t same_count)
{
    fputs(same_count > 1 ? "<ul><li>the same problem</li>" : "", out);
    for (size_t i = 0; i < same_count && same_count > 1; i++) {
        const int verdict = verdict_of(same[i]);
        if (same[i]->offset == meta->offset) {
            fprintf(out, "<li><b>step %u</b>", same[i]->step);
        } else {
            fprintf(out, "<li><a href=\"#t%llu\">step %u</a>", (unsigned long long)same[i]->offset, same[i]->step);
        }
        fprintf(out, " <span class=\"c%d\" title=\"%s\">%s</span></li>", (int)verdict_inks[verdict],
                verdict_words[verdict], verdict_signs[verdict]);
    }
    fputs(same_count > 1 ? "</ul>\n" : "", out);
}

/* Of a dataset's problem. */
static void put_truth(FILE *out, const Event *event)
{
    const struct {
        const char *name, *text;
    } facts[] = {{"true answer ", event_text(event, "gold")},
                 {"judged by: ", event_text(event, "rule")},
                 {"subject ", event_text(event, "subject")},
                 {"level ", event_text(event, "level")}};
    int count = 0;
    for (size_t i = 0; i < sizeof facts / sizeof *facts; i++) {
        if (facts[i].text != NULL) {
            fprintf(out, "%s%s", count++ == 0 ? "<p>" : "; ", facts[i].name);
            put_text(out, facts[i].text);
        }
    }
    fputs(count > 0 ? "</p>\n" : "", out);
}

static void put_head(FILE *out, const TraceCard *card)
{
    const HistoryTrace *meta    = &card->meta;
    const int           verdict = verdict_of(meta);
    const char         *stage = event_text(card->event, "stage"), *answer = event_text(card->event, "answer");
    const char         *reason = event_text(card->event, "reason"), *named = event_text(card->event, "verdict");
    const char *problem = event_text(card->event, "problem"), *rationale = event_text(card->event, "judge.rationale");
    fprintf(out, "<h2><span class=\"c%d\">%s %s</span> step %u, ", (int)verdict_inks[verdict], verdict_signs[verdict],
            verdict_words[verdict], meta->step);
    put_text(out, stage != NULL ? stage : "no stage");
    fprintf(out, " %.0f", event_number(card->event, "index", 0));
    fprintf(out, ", %u tokens%s</h2>\n", meta->tokens, (meta->flags & HISTORY_TRUNCATED) != 0 ? ", cut off" : "");
    if (problem != NULL) {
        fputs("<p>problem ", out);
        put_text(out, problem);
        fputs("</p>\n", out);
    }
    if (answer != NULL || (reason != NULL && (named == NULL || strcmp(reason, named) != 0))) {
        fputs("<p>", out);
        if (answer != NULL) {
            fprintf(out, "answer <b class=\"c%d\">", (int)INK_ANSWER);
            put_text(out, answer);
            fputs("</b>", out);
        }
        if (reason != NULL && (named == NULL || strcmp(reason, named) != 0)) {
            fputs(answer != NULL ? ": " : "", out);
            put_text(out, reason);
        }
        fputs("</p>\n", out);
    }
    put_truth(out, card->event);
    if (rationale != NULL) {
        fprintf(out, "<p>judge <b>%.4g</b>: ", event_number(card->event, "judge.grade", 0));
        put_text(out, rationale);
        fputs("</p>\n", out);
    }
    fprintf(out, "<ul><li>reward <b>%.4g</b></li>", event_number(card->event, "reward", 0));
    put_numbers(out, card->event, "rewards.", true, "no parts");
    fputs("<ul><li>behaviours</li>", out);
    put_numbers(out, card->event, "behaviours.", false, "none");
}

void trace_page_trace(FILE *out, const TraceCard *card, const HistoryTrace *const *same, size_t same_count)
{
    const uint16_t flags = card->meta.flags;
    fprintf(out, "<article id=\"t%llu\" class=\"v%d%s%s%s%s\">\n", (unsigned long long)card->meta.offset,
            verdict_of(&card->meta), (flags & HISTORY_BACKTRACK) != 0 ? " backtrack" : "",
            (flags & HISTORY_CHECK) != 0 ? " check" : "", (flags & HISTORY_TRUNCATED) != 0 ? " cut" : "",
            (flags & HISTORY_EVALUATION) != 0 ? " eval" : "");
    if (card->event == NULL) {
        fprintf(out, "<h2>step %u: this trace cannot be read any more</h2>\n</article>\n", card->meta.step);
        return;
    }
    put_head(out, card);
    put_same(out, &card->meta, same, same_count);
    put_part(out, card, CARD_PROMPT, "prompt");
    put_part(out, card, CARD_RESPONSE, "response");
    fputs("</article>\n", out);
}

/* --- the page */

static uint32_t colour(Ink ink, bool dark)
{
    const ThemeInk *theme = theme_ink(ink);
    return dark ? (uint32_t)(theme->red << 16 | theme->green << 8 | theme->blue)
                : (uint32_t)(theme->paper_red << 16 | theme->paper_green << 8 | theme->paper_blue);
}

/* Each ink a class; its colour depends on the ground. */
static void put_colours(FILE *out, bool dark)
{
    fprintf(out, ":root{--good:#%06x;--bad:#%06x;--warn:#%06x}", colour(INK_GOOD, dark), colour(INK_BAD, dark),
            colour(INK_WARN, dark));
    for (int ink = 0; ink < INK_COUNT; ink++) {
        if (ink != INK_TEXT) {
            fprintf(out, ".c%d{color:#%06x}", ink, colour((Ink)ink, dark));
        }
    }
}

static void put_legend(FILE *out)
{
    fputs(trace_page_intro, out);
    fputs("<dl>\n", out);
    for (int i = 0; i < trace_legend_count; i++) {
        fputs("<dt>", out);
        open_span(out, &trace_legend[i].run);
        fprintf(out, "%s</span></dt><dd>%s</dd>\n", trace_legend[i].name, trace_legend[i].meaning);
    }
    fputs("</dl>\n</details>\n", out);
}

void trace_page_begin(FILE *out, const TracePage *page)
{
    fputs(trace_page_top, out);
    fputs("<title>", out);
    put_text(out, page->run);
    fputs(": traces</title>\n<style>\n", out);
    fputs(trace_page_style, out);
    put_colours(out, false);
    fputs("\n@media (prefers-color-scheme:dark){", out);
    put_colours(out, true);
    fputs("}\n</style>\n</head>\n<body>\n<h1>", out);
    put_text(out, page->run);
    fprintf(out, "</h1>\n<p>%zu of %zu traces", page->shown, page->total);
    if (page->filter[0] != '\0') {
        fputs(": ", out);
        put_text(out, page->filter);
    }
    if (page->task[0] != '\0') {
        fputs(". Task: ", out);
        put_text(out, page->task);
    }
    fputs(".</p>\n", out);
    put_legend(out);
    fputs(trace_page_choices, out);
    fputs("<main>\n", out);
}

void trace_page_end(FILE *out)
{
    fputs("</main>\n</body>\n</html>\n", out);
}
