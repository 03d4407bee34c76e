/* What writes traces as a whole, as a page and as coloured text: nothing that a model wrote can break out of its place,
 * nothing of it is lost, and the marks are those of the viewer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/random.h"
#include "engine/utf8.h"
#include "rlsp/run/json_line.h"
#include "tui/trace/trace_ansi.h"
#include "tui/trace/trace_look.h"
#include "tui/trace/trace_page.h"

static const char prompt[]   = "Numbers 2,5,8,9,10,12. Target 22.\n";
static const char response[] = "2+5+8=15 short 7. Go back.\n"
                               "2+5+8=15 short 7. Go back.\n"
                               "Wait, let me check.\n"
                               "2+8+12=22 short 0. Yes.\n"
                               "Answer: \\boxed{2+8+12}";

/* Breaks out of text, attributes, comments, raw text elements and terminals. */
static const char hostile[] =
    "</div></pre></title></style>--><script>alert(1)</script>\"><img src=x onerror='alert(2)'>"
    "&lt;&#60;]]>\x1b[31m\x1b]0;owned\x07\r\x08\x7f\xC2\x9B\xE2\x80\xAE";

/* A card as trace_card_load makes it. Every text of the event is `word`; the response may hold what JSON cannot. */
static TraceCard make_card(const Task *task, const char *ask, const char *bytes, size_t length, const char *word)
{
    JsonLine line = {0};
    json_line_begin(&line, '{');
    json_line_text_field(&line, "event", "trace");
    json_line_number_field(&line, "step", 12);
    json_line_number_field(&line, "index", 3);
    static const char *const names[] = {"stage", "problem", "answer", "reason", "verdict"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        json_line_text_field(&line, names[i], word);
    }
    json_line_text_field(&line, "prompt", ask);
    json_line_number_field(&line, "reward", 1.25);
    for (int i = 0; i < 2; i++) {
        json_line_key(&line, i == 0 ? "rewards" : "behaviours");
        json_line_begin(&line, '{');
        json_line_number_field(&line, word, 3);
        json_line_number_field(&line, i == 0 ? "format" : "checks", 0);
        json_line_end(&line, '}');
    }
    json_line_end(&line, '}');
    assert_non_null(json_line_finish(&line));
    TraceCard card = {.loaded = true, .match = SIZE_MAX};
    card.meta      = (HistoryTrace){.step = 12, .tokens = 61, .flags = HISTORY_ANSWERED | HISTORY_BACKTRACK};
    card.event     = event_parse(line.data, line.size - 1);
    assert_non_null(card.event);
    json_line_free(&line);
    card.components                  = strdup(word);
    card.parts[CARD_PROMPT].bytes    = event_text(card.event, "prompt");
    card.parts[CARD_PROMPT].length   = strlen(card.parts[CARD_PROMPT].bytes);
    card.parts[CARD_RESPONSE].bytes  = bytes;
    card.parts[CARD_RESPONSE].length = length;
    card.parts[CARD_DETAILS].bytes   = "";
    assert_int_equal(markup_trace(task, ask, bytes, length, &card.markup, NULL), STATUS_OK);
    return card;
}

static char *page_of(const TraceCard *card, const char *word, size_t *size)
{
    static char *text; /* of this call; the compiler would suspect a local one */
    FILE        *out = open_memstream(&text, size);
    trace_page_begin(out, &(TracePage){.run = word, .task = word, .filter = word, .shown = 1, .total = 2});
    const HistoryTrace other = {.offset = 99, .step = 40, .flags = HISTORY_CORRECT};
    trace_page_trace(out, card, (const HistoryTrace *[]){&card->meta, &other}, 2);
    trace_page_end(out);
    fclose(out);
    return text;
}

/* --- a strict reader of pages */

static bool is_among(const char *const *words, const char *word, size_t length)
{
    for (; *words != NULL; words++) {
        if (strlen(*words) == length && strncmp(*words, word, length) == 0) {
            return true;
        }
    }
    return false;
}

/* The attributes at `at`, each with a quoted value or "checked" or "open"; returns what follows ">". */
static const char *read_attributes(const char *at)
{
    static const char *const known[] = {"lang", "charset", "http-equiv", "content", "name", "class", "title",
                                        "type", "id",      "for",        "checked", "open", "href",  NULL};
    while (*at == ' ') {
        size_t length = strcspn(++at, "=> \"'<");
        if (!is_among(known, at, length)) {
            fail_msg("an attribute that the page does not write: %.40s", at);
        }
        at += length;
        if (*at == '=') {
            assert_int_equal(at[1], '"');
            at += 2 + strcspn(at + 2, "\"<>&");
            assert_int_equal(*at, '"');
            at++;
        }
    }
    assert_int_equal(*at, '>');
    return at + 1;
}

/* Fails where tags are not closed in order, where there is another tag than the page's own, or "&" that is no entity.
 */
static void check_page(const char *page, size_t size)
{
    static const char *const known[] = {"html", "head",  "meta",    "title",   "style", "body",    "h1",
                                        "h2",   "p",     "details", "summary", "dl",    "dt",      "dd",
                                        "i",    "input", "nav",     "label",   "main",  "article", "div",
                                        "span", "mark",  "ul",      "li",      "b",     "a",       NULL};
    static const char *const empty[] = {"meta", "input", NULL};
    char                     open[32][16];
    int                      depth = 0;
    assert_int_equal(strlen(page), size);
    assert_int_equal(utf8_check(page, size), size);
    for (size_t i = 0; i < size; i++) {
        assert_true((unsigned char)page[i] >= ' ' || page[i] == '\n');
        assert_int_not_equal(page[i], 0x7f);
    }
    assert_true(strncmp(page, "<!DOCTYPE html>\n", 16) == 0);
    for (const char *at = page + 16; *at != '\0';) {
        if (*at == '&') {
            static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;", NULL};
            size_t                   length     = strcspn(at, ";") + 1;
            assert_true(is_among(entities, at, length));
            at += length;
        } else if (*at != '<') {
            assert_int_not_equal(*at, depth > 0 && strcmp(open[depth - 1], "style") == 0 ? 0 : '>');
            at++;
        } else if (at[1] == '/') {
            size_t length = strcspn(at + 2, ">");
            assert_true(depth > 0);
            depth--;
            if (strlen(open[depth]) != length || strncmp(open[depth], at + 2, length) != 0) {
                fail_msg("</%.*s> closes <%s>", (int)length, at + 2, open[depth]);
            }
            at += length + 3;
        } else {
            const char *name   = at + 1;
            size_t      length = strcspn(name, " >");
            if (!is_among(known, name, length)) {
                fail_msg("a tag that the page does not write: %.40s", at);
            }
            at = read_attributes(name + length);
            if (!is_among(empty, name, length)) {
                assert_true(depth < 32);
                snprintf(open[depth++], sizeof open[0], "%.*s", (int)length, name);
            }
        }
    }
    assert_int_equal(depth, 0);
}

/* The text of an element that begins with `start`, without tags, entities resolved. */
static void text_of(const char *page, const char *start, char *out)
{
    static const char *const entities[][2] = {
        {"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}};
    const char *at = strstr(page, start);
    assert_non_null(at);
    at += strlen(start);
    while (strncmp(at, "</div>", 6) != 0) {
        if (*at == '<') {
            at = strchr(at, '>') + 1;
        } else if (*at == '&') {
            for (size_t i = 0; i < sizeof entities / sizeof *entities; i++) {
                if (strncmp(at, entities[i][0], strlen(entities[i][0])) == 0) {
                    *out++ = entities[i][1][0];
                }
            }
            at = strchr(at, ';') + 1;
        } else {
            *out++ = *at++;
        }
    }
    *out = '\0';
}

/* --- pages */

static void nothing_is_lost_and_marks_are_the_viewers(void **state)
{
    (void)state;
    TraceCard card = make_card(&task_pick_three, prompt, response, strlen(response), "word");
    size_t    size = 0;
    char     *page = page_of(&card, "run", &size), text[4096];
    check_page(page, size);
    text_of(page, "<div class=\"text response\">", text);
    assert_string_equal(text, response);
    text_of(page, "<div class=\"text prompt\">", text);
    assert_string_equal(text, prompt);
    assert_non_null(strstr(page, "<article id=\"t0\" class=\"v1 backtrack\">"));
    assert_non_null(strstr(page, "<li>word <b>3</b></li><li>format <b>0</b></li>")); /* a reward of 0 is shown */
    assert_null(strstr(page, "checks")); /* a behaviour that is not there is not */
    assert_non_null(strstr(page, "<li><b>step 12</b> <span"));
    assert_non_null(strstr(page, "<li><a href=\"#t99\">step 40</a> <span class=\"c5\" title=\"correct\">"));
    int         evidence = 0, words = 0;
    const char *at = strstr(page, "<div class=\"text response\">");
    for (size_t i = 0; i < card.markup.count; i++) {
        const MarkupRun *run  = &card.markup.runs[i];
        TraceLook        look = trace_look(run);
        char class[32];
        if (run->kind == MARKUP_PLAIN && !run->loop && !run->changed) {
            continue;
        }
        snprintf(class, sizeof class, "<span class=\"c%d%s%s%s%s\"", (int)look.ink, look.attrs & ATTR_BOLD ? " b" : "",
                 look.attrs & ATTR_DIM ? " d" : "", look.attrs & ATTR_UNDERLINE ? " u" : "", run->loop ? " loop" : "");
        at = strstr(at + 1, "<span");
        assert_non_null(at);
        assert_memory_equal(at, class, strlen(class));
        evidence += run->evidence;
        words += run->kind >= TRACE_SPAN_WORDS_BACKTRACK && run->kind < MARKUP_PLAIN && !run->evidence;
    }
    assert_true(evidence > 3 && words > 0);
    assert_non_null(strstr(page, "title=\"words verification, words only\">let me check</span>"));
    free(page);
    trace_card_free(&card);
}

static void hostile_text_stays_text(void **state)
{
    (void)state;
    TraceCard card = make_card(NULL, hostile, hostile, strlen(hostile), hostile);
    size_t    size = 0;
    char     *page = page_of(&card, hostile, &size);
    check_page(page, size);
    assert_non_null(strstr(page, "&lt;/pre&gt;"));
    assert_non_null(strstr(page, "&lt;script&gt;"));
    assert_non_null(strstr(page, "&amp;lt;&amp;#60;"));
    assert_non_null(strstr(page, "<i>^[</i>[31m<i>^[</i>]0;owned<i>^G"));
    free(page);
    trace_card_free(&card);
}

static void any_bytes_make_a_whole_page(void **state)
{
    (void)state;
    Random random = random_stream(1, RANDOM_TASK, 1, 1);
    for (int round = 0; round < 200; round++) {
        char   bytes[257];
        size_t length = random_below(&random, 257), size = 0;
        for (size_t i = 0; i < length; i++) {
            static const char often[] = "<>&\"'\x1b\xC3\x80\n= ";
            uint32_t          any     = random_below(&random, 256);
            bytes[i]                  = any % 2 ? often[any / 2 % sizeof often] : (char)any;
        }
        TraceCard card = make_card(&task_pick_three, prompt, bytes, length, "w");
        trace_card_find(&card, "<");
        char *page = page_of(&card, "run", &size);
        check_page(page, size);
        free(page);
        trace_card_free(&card);
    }
    static const char broken[] = "a\xFF\x00z\xC3";
    TraceCard         card     = make_card(NULL, prompt, broken, 5, "w");
    size_t            size     = 0;
    char             *page     = page_of(&card, "run", &size);
    check_page(page, size);
    assert_non_null(strstr(page, "a\xEF\xBF\xBD<i>^@</i>z\xEF\xBF\xBD</div>"));
    free(page);
    trace_card_free(&card);
}

static void a_search_is_marked_across_runs(void **state)
{
    (void)state;
    TraceCard card = make_card(&task_pick_three, prompt, response, strlen(response), "word");
    size_t    size = 0;
    trace_card_find(&card, "short 0. yes.\nanswer");
    assert_int_equal(card.match_count, 1);
    char *page = page_of(&card, "run", &size), text[4096] = "";
    check_page(page, size);
    for (const char *at = strstr(page, "<mark>"); at != NULL; at = strstr(at + 1, "<mark>")) {
        const char *inner = strstr(at, "</mark>");
        for (const char *c = at + 6; c < inner; c++) {
            c           = *c == '<' ? strchr(c, '>') : c;
            size_t used = strlen(text);
            if (*c != '>') {
                text[used] = *c;
            }
        }
    }
    assert_string_equal(text, "short 0. Yes.\nAnswer");
    free(page);
    trace_card_free(&card);
}

static void a_trace_that_cannot_be_read(void **state)
{
    (void)state;
    TraceCard card = {.loaded = true, .meta = {.step = 7}};
    size_t    size = 0;
    char     *page = page_of(&card, "run", &size);
    check_page(page, size);
    assert_non_null(strstr(page, "step 7: this trace cannot be read"));
    free(page);
}

/* --- coloured text */

/* Takes the SGR sequences out; fails at any other control byte. */
static void strip(const char *text, char *out)
{
    for (; *text != '\0'; text++) {
        if (*text == '\033') {
            assert_int_equal(text[1], '[');
            text += 2 + strspn(text + 2, "0123456789;");
            assert_int_equal(*text, 'm');
        } else {
            assert_true((unsigned char)*text >= ' ' || *text == '\n');
            assert_int_not_equal(*text, 0x7f);
            *out++ = *text;
        }
    }
    *out = '\0';
}

static char *ansi_of(const TraceCard *card, Colours colours, char *plain)
{
    char  *text = NULL;
    size_t size = 0;
    FILE  *out  = open_memstream(&text, &size);
    trace_ansi_write(out, card, colours);
    trace_ansi_legend(out, colours);
    fclose(out);
    assert_int_equal(utf8_check(text, size), size);
    strip(text, plain);
    return text;
}

static void coloured_text(void **state)
{
    (void)state;
    TraceCard card = make_card(&task_pick_three, prompt, response, strlen(response), "word");
    char      plain[8192];
    for (Colours colours = COLOURS_NONE; colours <= COLOURS_TRUE; colours++) {
        char *text = ansi_of(&card, colours, plain);
        assert_non_null(strstr(plain, "wrong  step 12  word 3  61 tokens  word"));
        assert_non_null(strstr(plain, "\n  Numbers 2,5,8,9,10,12. Target 22.\n"));
        assert_non_null(strstr(plain, "\n  2+5+8=15 short 7. Go back.\n"));
        assert_non_null(strstr(plain, "\n  2+8+12=22 short 0. Yes.\n  Answer: \\boxed{2+8+12}\n"));
        assert_true((strstr(text, ";38;2;") != NULL) == (colours == COLOURS_TRUE));
        assert_true((strstr(text, ";38;5;") != NULL) == (colours == COLOURS_256));
        assert_non_null(strstr(text, "\033[0;1")); /* evidence */
        for (int i = 0; i < trace_legend_count; i++) {
            assert_non_null(strstr(plain, trace_legend[i].meaning));
        }
        free(text);
    }
    trace_card_free(&card);
}

static void hostile_text_never_reaches_a_terminal(void **state)
{
    (void)state;
    char      plain[8192];
    TraceCard card = make_card(NULL, hostile, hostile, strlen(hostile), hostile);
    free(ansi_of(&card, COLOURS_256, plain));
    assert_non_null(strstr(plain, "^[[31m^[]0;owned^G"));
    trace_card_free(&card);
    char  *line = NULL;
    size_t size = 0;
    FILE  *out  = open_memstream(&line, &size);
    assert_int_equal(trace_text_line(out, "\033[31mred\nrow", 9), 9);
    fclose(out);
    assert_string_equal(line, "^[[31mre\xE2\x80\xA6");
    free(line);
}

static void loops_have_an_arrow(void **state)
{
    (void)state;
    char text[2000] = "", plain[8192];
    for (int i = 0; i < 12; i++) {
        strcat(text, "and so it goes on and on without an end to it\n");
    }
    TraceCard card = make_card(NULL, prompt, text, strlen(text), "w");
    assert_true(card.markup.loop_bytes > 0);
    free(ansi_of(&card, COLOURS_16, plain));
    assert_non_null(strstr(plain, "\n  and so it goes"));
    assert_non_null(strstr(plain, "\n\xE2\x86\xBA and so it goes"));
    trace_card_free(&card);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_and_marks_are_the_viewers),
        cmocka_unit_test(hostile_text_stays_text),
        cmocka_unit_test(any_bytes_make_a_whole_page),
        cmocka_unit_test(a_search_is_marked_across_runs),
        cmocka_unit_test(a_trace_that_cannot_be_read),
        cmocka_unit_test(coloured_text),
        cmocka_unit_test(hostile_text_never_reaches_a_terminal),
        cmocka_unit_test(loops_have_an_arrow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
