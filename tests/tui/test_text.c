/* Text of unknown origin: every byte shown, none obeyed; lines that fit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "engine/utf8.h"
#include "tui/draw/canvas.h"

/* What the glyphs of a text are, as UTF-8: a newline is "|". */
static const char *shown(const char *bytes, size_t length)
{
    static char out[1024];
    size_t      used   = 0;
    TextReader  reader = text_reader(bytes, length);
    for (TextGlyph glyph; text_next(&reader, &glyph);) {
        assert_true(used + 64 < sizeof out);
        for (int i = 0; i < CELL_CODES && glyph.codes[i] != 0; i++) {
            used += utf8_encode(glyph.codes[i], out + used);
        }
        if (glyph.newline) {
            out[used++] = '|';
        }
    }
    out[used] = '\0';
    return out;
}

#define assert_shown(text, expected) assert_string_equal(shown(text, sizeof(text) - 1), expected)

#define BAD "\xEF\xBF\xBD"

static void test_nothing_is_obeyed(void **state)
{
    (void)state;
    assert_shown("plain text, 12 + 3", "plain text, 12 + 3");
    assert_shown("\033[31mred\033[0m", "^[[31mred^[[0m");
    assert_shown("\0\001\a\x1F\x7F", "^@^A^G^_^?");
    assert_shown("a\tb\nc\r\nd\re", "a b|c|d^Me");
    assert_shown("\r\r\n", "^M|");
    assert_shown("\xC2\x9B"
                 "31m\xC2\x85",
                 BAD "31m" BAD); /* C1: CSI, NEL */
    assert_shown("a\xE2\x80\xAE"
                 "b\xE2\x81\xA6"
                 "c\xE2\x80\x8F",
                 "a" BAD "b" BAD "c" BAD);                                         /* RLO, LRI, RLM */
    assert_shown("\xE2\x80\x8B\xEF\xBB\xBF\xC2\xAD\xE2\x80\x8D", BAD BAD BAD BAD); /* ZWSP, BOM, soft hyphen, ZWJ */
    assert_shown("\xE2\x80\xA8\xE2\x80\xA9\xF3\xA0\x81\x81", BAD BAD BAD);         /* line, paragraph separator, tag */
    assert_shown("\xEF\xBF\xBE\xF4\x8F\xBF\xBF\xCD\xB8", BAD BAD BAD); /* two non-characters, an unassigned one */
}

static void test_broken_utf8(void **state)
{
    (void)state;
    assert_shown("\xFF\xFE", BAD BAD);
    assert_shown("\x80"
                 "a\xBF",
                 BAD "a" BAD);
    assert_shown("\xC0\xAF\xE0\x80\xAF", BAD BAD BAD BAD BAD); /* overlong */
    assert_shown("\xED\xA0\x80", BAD BAD BAD);                 /* a surrogate */
    assert_shown("\xF4\x90\x80\x80", BAD BAD BAD BAD);         /* above U+10FFFF */
    assert_shown("\xE4\xBD", BAD BAD);                         /* cut off */
    assert_shown("\xE4\xBD\nx", BAD BAD "|x");
    assert_shown("\xC3\xA9\xA9", "\xC3\xA9" BAD); /* a continuation too many */
    assert_shown("\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80");
}

static void test_marks_join(void **state)
{
    (void)state;
    TextGlyph  glyph;
    TextReader reader = text_reader("e\xCC\x81x", 4);
    assert_true(text_next(&reader, &glyph));
    assert_int_equal(glyph.codes[0], 'e');
    assert_int_equal(glyph.codes[1], 0x301);
    assert_int_equal(glyph.width, 1);
    assert_int_equal(glyph.length, 3);
    assert_true(text_next(&reader, &glyph));
    assert_int_equal(glyph.codes[0], 'x');
    assert_int_equal(glyph.offset, 3);
    assert_false(text_next(&reader, &glyph));

    /* Four marks on one letter: three fit, the fourth stands on a circle. */
    assert_shown("e\xCC\x81\xCC\x82\xCC\x83\xCC\x84", "e\xCC\x81\xCC\x82\xCC\x83\xE2\x97\x8C\xCC\x84");
    assert_int_equal(text_width("e\xCC\x81\xCC\x82\xCC\x83\xCC\x84", 9), 2);
    /* Nothing to join: at the start, behind a line break, behind an escaped byte. */
    assert_shown("\xCC\x81\n\xCC\x81\x01\xCC\x81", "\xE2\x97\x8C\xCC\x81|\xE2\x97\x8C\xCC\x81^A\xE2\x97\x8C\xCC\x81");
    /* A variation selector makes widths unsure: the character stays, it goes; alone or in a heap it shows. */
    assert_shown("\xE2\x9C\x94\xEF\xB8\x8F!", "\xE2\x9C\x94!");
    assert_int_equal(text_width("\xE2\x9C\x94\xEF\xB8\x8F!", 7), 2);
    assert_shown("\xEF\xB8\x8F", BAD);
    assert_shown("a\xEF\xB8\x8F\xEF\xB8\x8F\xEF\xB8\x8F\xEF\xB8\x8F\xEF\xB8\x8F", "a" BAD BAD);
}

static void test_widths(void **state)
{
    (void)state;
    assert_int_equal(text_width("", 0), 0);
    assert_int_equal(text_width(NULL, 0), 0);
    assert_int_equal(text_width("abc", 3), 3);
    assert_int_equal(text_width("\xE4\xBD\xA0\xE5\xA5\xBD", 6), 4); /* two wide ones */
    assert_int_equal(text_width("\xF0\x9F\x98\x80", 4), 2);
    assert_int_equal(text_width("\033", 1), 2);
    assert_int_equal(text_width("a\nb\r\nc", 6), 5); /* on one line a break is a space */
    assert_int_equal(text_code_width('a'), 1);
    assert_int_equal(text_code_width(' '), 1);
    assert_int_equal(text_code_width(0x4F60), 2);
    const uint32_t none[] = {0, '\n', 0x1B, 0x7F, 0x80, 0x9B, 0xAD, 0x301, 0x202E, 0xD800, 0x110000, 0xFFFFFFFF};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(text_code_width(none[i]), 0);
    }
}

/* --- wrapping */

/* The lines of a text, with "/" between them. */
static const char *wrapped(const char *text, int width)
{
    static char   out[512];
    size_t        count, used = 0;
    size_t *const starts = text_wrap(text, strlen(text), width, &count);
    assert_non_null(starts);
    assert_true(count > 0 && starts[0] == 0 && starts[count] == strlen(text));
    for (size_t i = 0; i < count; i++) {
        used += (size_t)snprintf(out + used, sizeof out - used, "%s%.*s", i > 0 ? "/" : "",
                                 (int)(starts[i + 1] - starts[i]), text + starts[i]);
        assert_true(used < sizeof out);
    }
    free(starts);
    return out;
}

static void test_wrap(void **state)
{
    (void)state;
    assert_string_equal(wrapped("", 5), "");
    assert_string_equal(wrapped("one two three", 100), "one two three");
    assert_string_equal(wrapped("one two three", 8), "one two /three");
    assert_string_equal(wrapped("one two three", 7), "one two /three"); /* the space past the last column */
    assert_string_equal(wrapped("one two three", 6), "one /two /three");
    assert_string_equal(wrapped("one two three", 4), "one /two /thre/e");
    assert_string_equal(wrapped("abcdefgh", 3), "abc/def/gh");
    assert_string_equal(wrapped("a\nb", 9), "a\n/b");
    assert_string_equal(wrapped("a\n", 9), "a\n");
    assert_string_equal(wrapped("a\n\nb\r\nc", 9), "a\n/\n/b\r\n/c");
    assert_string_equal(wrapped("abc\nd", 3), "abc\n/d"); /* no empty line where the break comes at the edge */
    assert_string_equal(wrapped("abc    d", 3), "abc /   /d");
    assert_string_equal(wrapped("ab\x01"
                                "c",
                                3),
                        "ab/\x01"
                        "c"); /* ^A is not torn */
    assert_string_equal(wrapped("a\xE4\xBD\xA0\xE4\xBD\xA0", 2), "a/\xE4\xBD\xA0/\xE4\xBD\xA0");
    assert_string_equal(wrapped("\xE4\xBD\xA0\xE4\xBD\xA0", 1), "\xE4\xBD\xA0/\xE4\xBD\xA0");
    assert_string_equal(wrapped("b e\xCC\x81g", 2), "b /e\xCC\x81g");
    assert_string_equal(wrapped("abc", 0), "a/b/c"); /* no width is one column */
    assert_string_equal(wrapped("abc", -7), "a/b/c");
}

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

/* Bytes of the kinds that matter, more often than chance would have them. */
static size_t random_text(uint32_t *random, char *text, size_t capacity)
{
    static const char *const pieces[] = {" ",
                                         " ",
                                         "word",
                                         "\n",
                                         "\r\n",
                                         "\t",
                                         "\033[2J",
                                         "\xE4\xBD\xA0",
                                         "\xCC\x81",
                                         "\xEF\xB8\x8F",
                                         "\xF0\x9F\x98\x80",
                                         "\xC2\x9B",
                                         "\xE2\x80\xAE",
                                         "\r",
                                         "\x7F"};
    size_t                   used = 0, target = next_random(random) % capacity;
    while (used + 8 < target) {
        const uint32_t pick = next_random(random) % 24;
        if (pick < sizeof pieces / sizeof *pieces) {
            memcpy(text + used, pieces[pick], strlen(pieces[pick]));
            used += strlen(pieces[pick]);
        } else {
            text[used++] = (char)next_random(random);
        }
    }
    return used;
}

static bool glyphs_equal(const TextGlyph *a, const TextGlyph *b, size_t shift)
{
    return memcmp(a->codes, b->codes, sizeof a->codes) == 0 && a->width == b->width && a->newline == b->newline &&
           a->escaped == b->escaped && a->offset == b->offset + shift && a->length == b->length;
}

/* Glyphs cover the bytes end to end, hold nothing that a terminal obeys, and lines read one by one are the
 * glyphs of the whole text, in lines no wider than they should be. */
static void check_random(const char *text, size_t length, int width)
{
    size_t     count, at = 0;
    size_t    *starts = text_wrap(text, length, width, &count);
    TextReader whole  = text_reader(text, length);
    TextGlyph  glyph;
    assert_non_null(starts);
    for (size_t i = 0; i < count; i++) {
        TextReader line    = text_reader(text + starts[i], starts[i + 1] - starts[i]);
        int        columns = 0, glyphs = 0;
        bool       ended = false, hangs = false;
        assert_true(starts[i] < starts[i + 1] || (length == 0 && count == 1));
        for (TextGlyph part; text_next(&line, &part);) {
            assert_true(text_next(&whole, &glyph));
            assert_true(glyphs_equal(&glyph, &part, starts[i]));
            assert_false(ended); /* a line break ends its line */
            ended = part.newline;
            if (glyph.offset == at) {
                at += glyph.length;
            } else {
                assert_true(glyph.escaped && glyph.offset + 1 == at);
            }
            assert_true(part.newline ? part.codes[0] == 0 : text_code_width(part.codes[0]) == part.width);
            for (int c = 1; c < CELL_CODES; c++) {
                assert_true(part.codes[c] == 0 || (part.codes[c] >= 0x300 && text_code_width(part.codes[c]) == 0));
            }
            assert_true(columns < width || part.newline || (columns == width && part.codes[0] == ' ') || glyphs == 1);
            assert_false(hangs && !part.newline); /* behind the space past the edge there is nothing more */
            hangs = hangs || (columns == width && part.codes[0] == ' ');
            columns += part.width;
            glyphs++;
        }
        assert_true(columns <= width + hangs || glyphs - ended == 1 || (glyphs - ended == 2 && width == 1));
    }
    assert_false(text_next(&whole, &glyph));
    assert_int_equal(at, length);
    free(starts);
}

static void test_random(void **state)
{
    (void)state;
    uint32_t random = 7;
    for (int round = 0; round < 20000; round++) {
        char         room[200];
        const size_t length = random_text(&random, room, sizeof room);
        char        *text   = malloc(length + (length == 0)); /* exactly as long: nothing past it may be read */
        assert_non_null(text);
        memcpy(text, room, length);
        check_random(text, length, 1 + (int)(next_random(&random) % 20));
        free(text);
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* A hundred thousand characters are as fast in one word as in many, ten times as many take about ten times as long. */
static void test_long_lines(void **state)
{
    (void)state;
    enum { LENGTH = 1000000 };
    char *text = malloc(LENGTH);
    assert_non_null(text);
    for (int kind = 0; kind < 3; kind++) {
        double best[2] = {1e9, 1e9};
        for (size_t i = 0; i < LENGTH; i++) {
            text[i] = kind == 0 ? 'a' : kind == 1 ? (i == 5 ? ' ' : 'a') : '\xCC' + (char)(i % 2 == 1 ? -0x4B : 0);
        }
        for (int repeat = 0; repeat < 5; repeat++) {
            for (int large = 0; large < 2; large++) {
                const size_t length = large ? LENGTH : LENGTH / 10;
                size_t       count;
                const double before = seconds();
                size_t      *starts = text_wrap(text, length, 80, &count);
                const double spent  = seconds() - before;
                best[large]         = spent < best[large] ? spent : best[large];
                assert_non_null(starts);
                assert_true(count >= length / 500 && count <= length / 79 + 2);
                free(starts);
            }
        }
        assert_true(best[1] < 40 * best[0]);
        assert_true(best[0] < 1);
    }
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing_is_obeyed),
        cmocka_unit_test(test_broken_utf8),
        cmocka_unit_test(test_marks_join),
        cmocka_unit_test(test_widths),
        cmocka_unit_test(test_wrap),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_long_lines),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
