/* progress: the lines of a run, on a terminal and elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/run/progress.h"

static void feed(Progress *progress, const char *line)
{
    Event *event = event_parse(line, strlen(line));
    assert_non_null(event);
    progress_event(progress, event);
    event_free(event);
}

/* What the lines come to. The caller frees it. */
static char *run(bool terminal, const char *const *lines)
{
    char     *text     = NULL;
    size_t    size     = 0;
    FILE     *out      = open_memstream(&text, &size);
    Progress *progress = progress_new(out, terminal);
    for (; *lines != NULL; lines++) {
        feed(progress, *lines);
    }
    progress_free(progress);
    fclose(out);
    return text;
}

static const char *const story[] = {
    "{\"event\":\"phase_start\",\"step\":0,\"stage\":\"sft\",\"name\":\"skill\",\"steps\":3,\"time_unix\":100}",
    "{\"event\":\"sft_step\",\"step\":1,\"stage_step\":1,\"loss\":2.5,\"lr\":0.001,\"time_unix\":110}",
    "{\"event\":\"sft_step\",\"step\":2,\"stage_step\":2,\"loss\":1.5,\"lr\":0.001,\"time_unix\":220}",
    "{\"event\":\"sft_step\",\"step\":3,\"stage_step\":3,\"loss\":1.25,\"lr\":0.001,\"time_unix\":330}",
    "{\"event\":\"phase_start\",\"step\":3,\"stage\":\"rl\",\"name\":\"rl\",\"steps\":60,\"time_unix\":1000}",
    "{\"event\":\"eval\",\"step\":3,\"accuracy\":0.25,\"length\":14.5}",
    "{\"event\":\"rl_step\",\"step\":4,\"stage_step\":1,\"reward\":0.125,\"kl\":null,\"time_unix\":1010}",
    "{\"event\":\"log\",\"step\":4,\"level\":\"warning\",\"text\":\"bad\\u001b[2Jtext\\u009b\"}",
    "{\"event\":\"eval\",\"step\":63,\"accuracy\":0.625,\"greedy_accuracy\":0.5,\"length\":71}",
    "{\"event\":\"run_end\",\"step\":5,\"reason\":\"done\"}",
    NULL,
};

static void test_plain(void **state)
{
    (void)state;
    char *text = run(false, story);
    assert_string_equal(text, "sft skill      1/3       loss 2.5  lr 0.001  eta 20s\n"
                              "sft skill      2/3       loss 1.5  lr 0.001  eta 1m 00s\n"
                              "sft skill      3/3       loss 1.25  lr 0.001\n"
                              "eval at step 3 (rl)  sampled 0.25  length 14.5\n"
                              "rl      1/60      reward 0.125  eta 9m 50s\n"
                              "warning: bad [2Jtext \n"
                              "eval at step 63 (rl)  greedy 0.5  sampled 0.625  length 71\n"
                              "step             greedy    sampled     length\n"
                              "3 rl                  -      0.250       14.5\n"
                              "63 rl             0.500      0.625       71.0\n"
                              "end of the run: done\n");
    free(text);
}

static void test_terminal(void **state)
{
    (void)state;
    char *text = run(true, story);
    assert_non_null(strstr(text, "eta 20s\r\033[Ksft skill      2/3"));
    assert_non_null(strstr(text, "sft skill      3/3       loss 1.25  lr 0.001\neval at step 3 (rl)"));
    free(text);
    /* A run that stops in the middle leaves the cursor on a new line. */
    const char *const cut[] = {story[0], story[1], NULL};
    text                    = run(true, cut);
    assert_true(text[strlen(text) - 1] == '\n');
    free(text);
}

static void test_thinning(void **state)
{
    (void)state;
    char     *text     = NULL;
    size_t    size     = 0;
    FILE     *out      = open_memstream(&text, &size);
    Progress *progress = progress_new(out, false);
    feed(progress, "{\"event\":\"phase_start\",\"stage\":\"sft\",\"name\":\"a\",\"steps\":1003}");
    for (int i = 1; i <= 1003; i++) {
        char line[100];
        snprintf(line, sizeof line, "{\"event\":\"sft_step\",\"step\":%d,\"loss\":1}", i);
        feed(progress, line);
    }
    progress_free(progress);
    fclose(out);
    int lines = 0;
    for (size_t i = 0; i < size; i++) {
        lines += text[i] == '\n';
    }
    assert_true(lines >= 40 && lines <= 60);
    assert_non_null(strstr(text, "1003/1003"));
    free(text);
}

static void test_many_evals(void **state)
{
    (void)state;
    const char *lines[203];
    char        texts[200][100];
    for (int i = 0; i < 200; i++) {
        snprintf(texts[i], sizeof texts[i], "{\"event\":\"eval\",\"step\":%d,\"accuracy\":0.5}", i);
        lines[i] = texts[i];
    }
    lines[200] = "{\"event\":\"run_end\"}";
    lines[201] = "{\"event\":\"unheard_of\"}";
    lines[202] = NULL;
    char *text = run(false, lines);
    char *end  = strstr(text, "step            sampled");
    assert_non_null(end);
    assert_non_null(strstr(end, "\n0 "));
    assert_non_null(strstr(end, "\n199 "));
    assert_null(strstr(end, "\n100 "));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_terminal),
        cmocka_unit_test(test_thinning),
        cmocka_unit_test(test_many_evals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
