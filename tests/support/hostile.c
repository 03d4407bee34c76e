#include "tests/support/hostile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "rlsp/run/events.h"
#include "tests/support/fixture.h"

/* Escape sequences of the kinds there are, and what looks like one to some terminals. */
const char *const hostile_pieces[HOSTILE_PIECES] = {
    "\033[2J\033[H\033[31mred\033[0m",
    "\033]0;title\a\033]52;c;cm0gLXJm\a\033]8;;http://example.com\033\\link\033]8;;\033\\",
    "\033c\033#8\033(0lqqk\033(B\016\017",
    "\033P$q\"p\033\\\033_Ga=d\033\\\033^pm\033\\\033Xsos\033\\",
    "\033[?1049h\033[?25l\033[5i\033[6n\033[c\033[>q\033[21t",
    "\xC2\x9B"
    "2J\xC2\x9D"
    "0;x\xC2\x9C\xC2\x90q\xC2\x9C\xC2\x85\xC2\x8D", /* C1 in UTF-8 */
    "\x9B"
    "2J\x9D"
    "0;x\x9C\x90q\x9C\x85\x8D", /* C1 as bytes */
    "a\bb\rc\x7F\v\f",
    "\xC0\x9B\xE0\x80\x9B\xF0\x80\x80\x9B\xC1\xBF\xF5\x80\x80\x80\xFE\xFF", /* overlong, beyond the last */
    "\xED\xA0\x80\xED\xB0\x80\xF4\x90\x80\x80\xE4\xBD\xF0\x9F\x98",         /* surrogates, cut off */
    "abc\xE2\x80\xAE"
    "dcba\xE2\x80\xAC\xE2\x81\xA7"
    "x\xE2\x81\xA9\xD8\x9C", /* RLO, PDF, RLI, PDI, ALM */
    "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D \xD8\xB3\xD9\x84\xD8\xA7\xD9\x85",
    "a\xE2\x80\x8B\xE2\x80\x8C\xE2\x80\x8D\xE2\x81\xA0\xEF\xBB\xBF\xC2\xAD\xCD\x8F"
    "b",                                                            /* of no width */
    "\xF3\xA0\x81\xA8\xF3\xA0\x81\xA9\xF3\xA0\x84\x80\xEF\xB8\x8F", /* tags, selectors */
    "\xE4\xBD\xA0\xE5\xA5\xBD\xE3\x80\x80\xEF\xBC\xA1\xED\x95\x9C\xEF\xBD\xB6\xE1\x84\x80\xE1\x85\xA0\xE1\x86\xA8",
    "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA7\xF0\x9F\x91\x8D\xF0\x9F\x8F\xBD"
    "\xF0\x9F\x87\xAB\xF0\x9F\x87\xB7\xE2\x9C\x94\xEF\xB8\x8F#\xEF\xB8\x8F\xE2\x83\xA3",
    "\xE2\x80\xA8line\xE2\x80\xA9paragraph\xC2\xA0\xE2\x80\x83\xEF\xBF\xB9\xEF\xBF\xBB\xEF\xBF\xBE\xEE\x80\x80",
    "\xCC\x81\xCC\x82 e\xCC\x81\xCC\x82\xCC\x83\xCC\x84\xCC\x85\xCC\x86 "
    "\xE0\xA4\x95\xE0\xA5\x8D\xE0\xA4\xB7\xE0\xA4\xBF",
    "2+5+8=\033[1m15\033[0m short \0337. Go back.\n2+8+12=22 \xE2\x80\xAEshort 0. Yes.\nAnswer: \\boxed{2+8\x9B+12}",
    "\t\t\n\n\r\n\r\r\n\n \t \n",
    "%s%n%d %1$*2$d",
};

int hostile_texts(HostileText texts[HOSTILE_TEXTS])
{
    static const char *const units[] = {
        "a",    "\033", "\xE4\xBD\xA0", "\xCC\x81", "\xE2\x80\xAE",
        "\xFF", " ",    "\r",           "\xC2\x9B", "\033[31m word \xF0\x9F\x98\x80\xEF\xB8\x8F"};
    int count = 0;
    for (int i = 0; i < HOSTILE_PIECES; i++) {
        texts[count++] = (HostileText){strdup(hostile_pieces[i]), strlen(hostile_pieces[i])};
    }
    texts[count++] = (HostileText){calloc(512, 1), 510};
    for (int i = 0; i < 255; i++) {
        texts[count - 1].bytes[i]       = (char)(i + 1);
        texts[count - 1].bytes[255 + i] = (char)(255 - i);
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        const size_t unit = strlen(units[i]), repeats = (HOSTILE_LONG + unit - 1) / unit;
        char        *bytes = malloc(repeats * unit + 1);
        assert_non_null(bytes);
        for (size_t j = 0; j < repeats; j++) {
            memcpy(bytes + j * unit, units[i], unit);
        }
        bytes[repeats * unit] = '\0';
        texts[count++]        = (HostileText){bytes, repeats * unit};
    }
    for (int i = 0; i < count; i++) {
        assert_non_null(texts[i].bytes);
    }
    return count;
}

void hostile_free(HostileText *texts, int count)
{
    for (int i = 0; i < count; i++) {
        free(texts[i].bytes);
    }
}

static void emit_trace(Events *events, int64_t index, const char *text, const char *word)
{
    Error            error   = {0};
    const EventField parts[] = {{"correct", 1, NULL}, {word, 0.5, NULL}};
    const EventTrace trace   = {.stage           = index % 5 == 4 ? word : "rl",
                                .step            = 1 + index / 4,
                                .index           = index,
                                .problem         = word,
                                .prompt          = index % 2 == 0 ? "Numbers 2,5,8,9,10,12. Target 22.\n" : text,
                                .response        = text,
                                .answer          = word,
                                .verdict         = index % 3 == 0   ? "correct"
                                                   : index % 3 == 1 ? "wrong"
                                                                    : word,
                                .reason          = word,
                                .tokens          = 10 + index,
                                .truncated       = index % 2 == 1,
                                .reward          = 0.5,
                                .rewards         = parts,
                                .reward_count    = 2,
                                .behaviours      = parts,
                                .behaviour_count = 2};
    assert_int_equal(events_trace(events, &trace, &error), STATUS_OK);
}

/* Lines that another program wrote, or that something has damaged. */
static void write_foreign(const char *directory)
{
    FILE *out = fopen(fixture_path(directory, "traces.jsonl"), "a");
    assert_non_null(out);
    fputs("{\"event\":\"trace\",\"stage\":\"rl\",\"step\":900,\"index\":0,\"prompt\":\"p\\u0000\\u001b[2Jq\","
          "\"response\":"
          "\"a\\u0000b\\u001b[31m\\u009b2J\\u202e\\ud800x\\udc00\\ud83d\\ude00\\u0007\",\"tokens\":3,\"reward\":1}\n",
          out);
    fputs("{\"event\":\"trace\",\"stage\":\"rl\",\"step\":901,\"index\":1,\"prompt\":\"", out);
    for (int byte = 1; byte < 256; byte++) { /* raw, within the quotes */
        if (strchr("\"\\\n", byte) == NULL) {
            fputc(byte, out);
        }
    }
    fputs("\",\"response\":\"\x1B[31m\x9B\xFF\xC0\xAF raw \x7F\",\"verdict\":\"correct\",\"tokens\":3,\"reward\":1}\n",
          out);
    fputs("{\"event\":\"trace\",\"step\":902,\"prompt\":7,\"response\":[\"\x1B\"],\"reward\":{\"\x1B[2J\":1}}\n", out);
    fputs("\x1B[2J\x9B not an event at all\n", out);
    fputs("{\"event\":\"trace\",\"stage\":\"rl\",\"step\":903,\"prompt\":\"torn \x1B[", out);
    fclose(out);
}

char *hostile_run(const char *name, const HostileText *texts, int count)
{
    Error error     = {0};
    char *directory = strdup(fixture_path(fixture_directory(), name)); /* its buffers take turns */
    assert_non_null(directory);
    assert_int_equal(mkdir(directory, 0777), 0);
    Events *events = events_open(directory, NULL, &error);
    assert_non_null(events);
    const char      *word    = hostile_pieces[0];
    const EventField start[] = {{"format", EVENTS_FORMAT, NULL},  {"name", 0, word},
                                {"task", 0, "pick-three"},        {"device", 0, hostile_pieces[1]},
                                {"driver", 0, hostile_pieces[6]}, {"stage", 0, hostile_pieces[2]}};
    assert_int_equal(events_emit(events, "run_start", 0, start, 6, &error), STATUS_OK);
    assert_int_equal(events_emit(events, "phase_start", 0, start, 6, &error), STATUS_OK);
    for (int step = 1; step <= 30; step++) {
        EventField fields[HOSTILE_PIECES + 1] = {{"reward", 0.1 * step, NULL}};
        for (int i = 0; i < HOSTILE_PIECES; i++) {
            fields[i + 1] = (EventField){hostile_pieces[i], step, NULL}; /* metrics with such names */
        }
        assert_int_equal(events_emit(events, "rl_step", step, fields, HOSTILE_PIECES + 1, &error), STATUS_OK);
    }
    for (int i = 0; i < count; i++) {
        emit_trace(events, i, texts[i].bytes, hostile_pieces[i % HOSTILE_PIECES]);
        events_log(events, "warning", "%s", hostile_pieces[i % HOSTILE_PIECES]);
    }
    events_close(events);
    write_foreign(directory);
    return directory;
}
