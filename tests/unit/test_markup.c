/* Markup: what is highlighted in a response, as evidence or as words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/random.h"
#include "rlsp/task/markup.h"

static Markup mark(const Task *task, const char *prompt, const char *response)
{
    Markup markup;
    Error  error = {0};
    assert_int_equal(markup_trace(task, prompt, response, strlen(response), &markup, &error), STATUS_OK);
    size_t at = 0;
    for (size_t i = 0; i < markup.count; i++) {
        assert_int_equal(markup.runs[i].offset, at);
        assert_true(markup.runs[i].length > 0);
        at += markup.runs[i].length;
    }
    assert_int_equal(at, strlen(response));
    return markup;
}

/* The response with its runs in brackets: "[attempt!:Try …]"; "!" evidence, "~" loop, "^" changed; plain text bare. */
static void expect(const Task *task, const char *prompt, const char *response, const char *expected)
{
    Markup markup     = mark(task, prompt, response);
    char   text[4096] = "";
    size_t used       = 0;
    for (size_t i = 0; i < markup.count; i++) {
        const MarkupRun *run   = &markup.runs[i];
        bool             plain = run->kind == MARKUP_PLAIN && !run->loop && !run->changed;
        used += (size_t)snprintf(text + used, sizeof text - used, plain ? "%s%s%s%s%s%.*s" : "[%s%s%s%s:%s%.*s]",
                                 plain ? "" : markup_kind_name(run->kind), !plain && run->evidence ? "!" : "",
                                 run->loop ? "~" : "", run->changed ? "^" : "", "", (int)run->length,
                                 response + run->offset);
    }
    markup_free(&markup);
    assert_string_equal(text, expected);
}

static const char countdown[]  = "Numbers 4,5,16. Target 84.\n";
static const char pick_three[] = "Numbers 2,5,8,9,10,12. Target 22.\n";

static void prompts_are_read_back(void **state)
{
    (void)state;
    for (const Task *const *task = task_all; *task != NULL; task++) {
        for (uint32_t row = 0; row < 200; row++) {
            Problem problem, read;
            char    prompt[TASK_PROMPT_BYTES];
            task_eval_problem(*task, &(*task)->defaults, 7, row, &problem);
            size_t length = (*task)->prompt(&problem, prompt, sizeof prompt);
            assert_true((*task)->read_prompt(prompt, length, &read));
            assert_int_equal(read.count, problem.count);
            assert_memory_equal(read.numbers, problem.numbers, problem.count * sizeof *problem.numbers);
            assert_int_equal(read.target, problem.target);
        }
    }
    static const char *const none[] = {
        "",
        "Numbers",
        "Numbers 4,5,16.\n",
        "Numbers 4,5,16. Target 84",
        "Numbers 4,,16. Target 84.",
        "Numbers 4. Target 4.",
        "Numbers 1,2,3,4,5,6,7,8,9. Target 9.",
        "Numbers 4,5,16. Target 84. And more.",
        "Numbers 4,5,16. Target -84.",
        "numbers 4,5,16. target 84.",
        "Numbers 1,2,99999999999999999999. Target 3.",
    };
    Problem problem;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_false(task_countdown.read_prompt(none[i], strlen(none[i]), &problem));
    }
    assert_true(task_countdown.read_prompt("  Numbers 4,5. Target 9. \n", 25, &problem));
    assert_false(task_pick_three.read_prompt("Numbers 4,5. Target 9.", 22, &problem));
}

static void evidence_of_countdown(void **state)
{
    (void)state;
    expect(&task_countdown, countdown,
           "Try (16+5)+4=21+4=25. Not 84. Go back.\nTry 4+(5+16)=4+21=25. Yes. Go back.\n"
           "Try (16*5)+4=80+4=84. Yes. Check: 16*5=80,80+4=84.\nAnswer: \\boxed{(16*5)+4}",
           "[attempt!:Try (16+5)+4=21+4=25.] [verdict!:Not 84]. [backtrack!:Go back].\n"
           "[attempt_repeat!:Try 4+(5+16)=4+21=25.] [verdict_false!:Yes]. [backtrack!:Go back].\n"
           "[attempt!:Try (16*5)+4=80+4=84.] [verdict!:Yes]. [check!:Check: 16*5=80,80+4=84].\n"
           "Answer: [answer!:\\boxed{(16*5)+4}]");
}

static void evidence_of_pick_three(void **state)
{
    (void)state;
    expect(&task_pick_three, pick_three,
           "2+5+8=15 short 7. Go back.\n2+5+9=17 over 3. Go back.\n2+8+12=22. Yes. Check: 2+8=10,10+12=22.\n"
           "Answer: \\boxed{2+8+12}",
           "[attempt!:2+5+8=15] [verdict!:short 7]. [backtrack!:Go back].\n[attempt_error!:2+5+9=17] "
           "[verdict_false!:over 3]. [backtrack!:Go back].\n[attempt!:2+8+12=22]. [verdict!:Yes]. "
           "[check!:Check: 2+8=10,10+12=22].\nAnswer: [answer!:\\boxed{2+8+12}]");
}

/* Phrases prove nothing: nothing was tried before, or after, or what was tried was right. */
static void going_back_needs_a_failure_and_another_attempt(void **state)
{
    (void)state;
    expect(&task_countdown, countdown, "Go back. Try (16+5)+4=21+4=25. Go back.\n\\boxed{16}",
           "[words_backtrack:Go back]. [attempt!:Try (16+5)+4=21+4=25.] [words_backtrack:Go "
           "back].\n[answer!:\\boxed{16}]");
    expect(&task_countdown, countdown, "Try (16*5)+4=80+4=84. Go back. Try (16+5)+4=21+4=25. Wait",
           "[attempt!:Try (16*5)+4=80+4=84.] [words_backtrack:Go back]. [attempt!:Try (16+5)+4=21+4=25.] "
           "[words_backtrack:Wait]");
    expect(&task_countdown, countdown, "Wait, let me check: alternatively Go back",
           "[words_backtrack:Wait], [words_verification:let me check]: [words_alternative:alternatively] "
           "[words_backtrack:Go back]");
}

static void unknown_tasks_have_words_and_a_box(void **state)
{
    (void)state;
    const char *text = "Try (16+5)+4=21+4=25. Go back. \\boxed{wait}";
    expect(NULL, NULL, text, "Try (16+5)+4=21+4=25. [words_backtrack:Go back]. [answer!:\\boxed{wait}]");
    expect(&task_countdown, "What is 2+2?", text,
           "Try (16+5)+4=21+4=25. [words_backtrack:Go back]. [answer!:\\boxed{wait}]");
    expect(&task_countdown, NULL, "", "");
    Markup markup = mark(NULL, NULL, text);
    assert_false(markup.parsed);
    assert_int_equal(markup.stats.words[TRACE_WORDS_BACKTRACK], 2);
    markup_free(&markup);
    markup = mark(&task_countdown, countdown, text);
    assert_true(markup.parsed);
    assert_int_equal(markup.stats.attempts, 1);
    markup_free(&markup);
}

static void changed_values(void **state)
{
    (void)state;
    expect(NULL, NULL, "12*3=34. Wait, 12 * 3 = 36, so 12*3=36.",
           "12*3=34. [words_backtrack:Wait], 12 * 3 = [plain!^:36], so 12*3=36.");
    expect(NULL, NULL, "x=3, x=4, 2x+1=7 2x+1=9, a+1=2 a+1=3, 5=5 5=6 2.5+3=1 7.5+3=2",
           "x=3, x=4, 2x+1=7 2x+1=9, a+1=2 a+1=3, 5=5 5=6 2.5+3=1 7.5+3=2");
    expect(NULL, NULL, "2+2=4*1 2+2=5*1 3+4 = 1,007 3+4=1007 3+4=10.5",
           "2+2=4*1 2+2=5*1 3+4 = 1,007 3+4=1007 3+4=[plain!^:10.5]");
    expect(NULL, NULL, "target 84 5+3=8 and 7 5+3=9", "target 84 5+3=8 and 7 5+3=[plain!^:9]");
    expect(NULL, NULL, "\\boxed{4} no, \\boxed{ 5 }", "\\boxed{4} no, [answer!:\\boxed{ ][answer!^:5][answer!: }]");
    expect(NULL, NULL, "\\boxed{4}, so \\boxed{ 4 }", "\\boxed{4}, so [answer!:\\boxed{ 4 }]");
    /* a slip that the check finds: 16*1 was 15, then the same sum anew */
    expect(&task_countdown, countdown, "Try 16*(5-4)=16*1=15. Not 84. Check: 5-4=1,16*1=16. Go back.",
           "[attempt_error!:Try 16*(5-4)=16*1=15.] [verdict!:Not 84]. [check!:Check: 5-4=1,16*1=][check!^:16]. "
           "[words_backtrack:Go back].");
    expect(&task_pick_three, pick_three, "2+8+12=21. Check: 2+8=10,10+12=22.",
           "[attempt_error!:2+8+12=21]. [check!:Check: 2+8=10,10+12=][check!^:22].");
}

static void loops_are_found(void **state)
{
    (void)state;
    /* twice the same six words is a quotation; three times is a loop from the second on */
    expect(NULL, NULL, "a b c d e f a b c d e f g", "a b c d e f a b c d e f g");
    expect(NULL, NULL, "one two three four five six one two three four five six one two three four five six",
           "one two three four five six [plain~:one two three four five six one two three four five six]");
    /* a long stretch said twice */
    expect(NULL, NULL, "k a b c d e f g h i j l m n. x a b c d e f g h i j l m n. y",
           "k a b c d e f g h i j l m n. x [plain~:a b c d e f g h i j l m n.] y");
    /* without spaces */
    char text[260], marked[300];
    memset(text, 0, sizeof text);
    for (size_t i = 0; i < 100; i++) {
        memcpy(text + 2 * i, i % 2 == 0 ? "1+" : "2+", 2);
    }
    snprintf(marked, sizeof marked, "%.4s[plain~:%s]", text, text + 4);
    expect(NULL, NULL, text, marked);
    /* an honest search repeats its own phrases and is none */
    Markup markup = mark(&task_pick_three, pick_three,
                         "2+5+8=15 short 7. Go back.\n2+5+9=16 short 6. Go back.\n2+5+10=17 short 5. Go back.\n"
                         "2+5+12=19 short 3. Go back.\n2+8+9=19 short 3. Go back.\n2+8+10=20 short 2. Go back.\n");
    assert_int_equal(markup.loop_bytes, 0);
    markup_free(&markup);
}

/* Multi-byte characters stay whole, a run is found by any of its bytes. */
static void characters_are_not_cut(void **state)
{
    (void)state;
    char text[900] = "";
    for (int i = 0; i < 90; i++) {
        strcat(text, i % 3 == 0 ? "\xE4\xB8\x80" : i % 3 == 1 ? "\xF0\x9F\x98\x80" : "\xC3\xA9");
    }
    Markup markup = mark(NULL, NULL, text);
    assert_true(markup.loop_bytes > 200);
    for (size_t i = 0; i < markup.count; i++) {
        assert_int_not_equal((unsigned char)text[markup.runs[i].offset] & 0xC0, 0x80);
    }
    for (size_t at = 0; at < strlen(text); at++) {
        size_t run = markup_run_at(&markup, at);
        assert_true(run < markup.count && markup.runs[run].offset <= at &&
                    at < markup.runs[run].offset + markup.runs[run].length);
    }
    assert_int_equal(markup_run_at(&markup, strlen(text)), markup.count);
    markup_free(&markup);
}

/* Any bytes: pieces of the tasks' language, of words and of nonsense, and pieces of pieces. */
static void hostile_texts(void **state)
{
    (void)state;
    static const char *const pieces[] = {
        "Try ",     "(16+5)+4",  "=21+4",    "=25",      ". ", "Go back", "Yes",
        "Not 84",   "Check: ",   "16*5=80,", "\\boxed{", "}",  "\\",      "\x1b[31m",
        "\xFF\xFE", "2+8+12=22", " over 3",  "=",        "+",  "(",       "9999999999999999999",
        "wait ",    "\n",        "{",
    };
    Random random = random_stream(3, RANDOM_TASK, 0, 0);
    for (int round = 0; round < 300; round++) {
        char   text[4000];
        size_t length = 0;
        while (length < 200 + (size_t)(round * 11)) {
            const char *piece = pieces[random_below(&random, sizeof pieces / sizeof *pieces)];
            size_t      bytes = random_below(&random, 8) == 0 ? 1 : strlen(piece);
            memcpy(text + length, piece, bytes);
            length += bytes;
        }
        char *exact = malloc(length); /* nothing past it may be read: no NUL either */
        assert_non_null(exact);
        memcpy(exact, text, length);
        const Task *task = round % 3 == 0 ? NULL : round % 3 == 1 ? &task_countdown : &task_pick_three;
        Markup      markup;
        assert_int_equal(
            markup_trace(task, task == &task_countdown ? countdown : pick_three, exact, length, &markup, NULL),
            STATUS_OK);
        size_t at = 0;
        for (size_t i = 0; i < markup.count; i++) {
            assert_int_equal(markup.runs[i].offset, at);
            at += markup.runs[i].length;
        }
        assert_int_equal(at, length);
        markup_free(&markup);
        free(exact);
    }
}

static void long_lines_are_linear(void **state)
{
    (void)state;
    static const char *const units[] = {"Go back", "1+1=2=", "\\boxed{", "a", "= ", "Try 1", " ", "(("};
    for (size_t u = 0; u < sizeof units / sizeof *units; u++) {
        size_t bytes = strlen(units[u]), length = (size_t)4000000 / bytes * bytes;
        char  *text = malloc(length + 1);
        assert_non_null(text);
        for (size_t i = 0; i < length; i += bytes) {
            memcpy(text + i, units[u], bytes);
        }
        text[length]  = '\0';
        Markup markup = mark(&task_countdown, countdown, text);
        assert_true(markup.loop_bytes > length / 2 || u == 4 || u == 6 || u == 3);
        markup_free(&markup);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prompts_are_read_back),
        cmocka_unit_test(evidence_of_countdown),
        cmocka_unit_test(evidence_of_pick_three),
        cmocka_unit_test(going_back_needs_a_failure_and_another_attempt),
        cmocka_unit_test(unknown_tasks_have_words_and_a_box),
        cmocka_unit_test(changed_values),
        cmocka_unit_test(loops_are_found),
        cmocka_unit_test(characters_are_not_cut),
        cmocka_unit_test(hostile_texts),
        cmocka_unit_test(long_lines_are_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
