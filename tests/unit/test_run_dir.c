/* run_dir: a run is made once, written by one process, resumed whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "rlsp/run/run_dir.h"

static char      folder[64], run_path[100];
static RunConfig config;

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/rlsp-run-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    snprintf(run_path, sizeof run_path, "%s/a/run", folder);
    return run_config_read(NULL, NULL, 0, &config, NULL) == STATUS_OK ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return file_remove(folder, NULL) == STATUS_OK ? 0 : -1;
}

static RunDir *create(void)
{
    Error   error = {0};
    RunDir *run   = run_dir_create(run_path, &config, &error);
    if (run == NULL) {
        fail_msg("%s", error.text);
    }
    return run;
}

static RunDir *reopen(void)
{
    Error   error = {0};
    RunDir *run   = run_dir_open(run_path, true, &error);
    if (run == NULL) {
        fail_msg("%s", error.text);
    }
    return run;
}

static void expect(const Error *error, Status status, const char *word)
{
    assert_int_equal(error->status, status);
    if (strstr(error->text, word) == NULL) {
        fail_msg("no \"%s\" in: %s", word, error->text);
    }
}

static bool exists(const char *name)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", run_path, name);
    struct stat info;
    return lstat(path, &info) == 0;
}

static void put_file(const char *directory, const char *name, const char *text)
{
    char path[1400];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    assert_int_equal(file_write_atomic(path, text, strlen(text), NULL), STATUS_OK);
}

static void save(RunDir *run, uint64_t step, const char *content)
{
    Error       error      = {0};
    Checkpoint  checkpoint = {.step = step, .stage = STAGE_RL, .phase = 2, .stage_step = 5, .offsets = {10, 20}};
    const char *path       = run_dir_checkpoint_begin(run, step, &error);
    assert_non_null(path);
    put_file(path, "weights", content);
    assert_true(checkpoint_set(&checkpoint, "kl_coef", 0.1 + 0.2));
    if (run_dir_checkpoint_commit(run, &checkpoint, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
}

static void test_create_and_open(void **state)
{
    (void)state;
    Error   error = {0};
    RunDir *run   = create();
    assert_string_equal(run_dir_path(run), run_path);
    run_dir_close(run);
    static RunConfig again;
    run = reopen();
    assert_int_equal(run_dir_config(run, NULL, 0, &again, &error), STATUS_OK);
    assert_string_equal(again.name, config.name);
    run_dir_close(run);
    /* Never over an existing run. */
    assert_null(run_dir_create(run_path, &config, &error));
    expect(&error, STATUS_BAD_INPUT, "--resume");
    error = (Error){0};
    put_file(folder, "note", "mine");
    assert_null(run_dir_create(folder, &config, &error));
    expect(&error, STATUS_BAD_INPUT, "not empty");
    error = (Error){0};
    char note[100];
    snprintf(note, sizeof note, "%s/note", folder);
    assert_null(run_dir_create(note, &config, &error));
    expect(&error, STATUS_BAD_INPUT, "is a file");
    error = (Error){0};
    assert_null(run_dir_open(folder, true, &error));
    expect(&error, STATUS_BAD_INPUT, "no run directory");
    error = (Error){0};
    assert_null(run_dir_open("", false, &error));
    expect(&error, STATUS_BAD_INPUT, "path");
    error = (Error){0};
    assert_null(run_dir_create("/proc/rlsp/run", &config, &error));
    expect(&error, STATUS_FAILED, "/proc/rlsp");
}

static void test_one_writer(void **state)
{
    (void)state;
    Error   error = {0};
    RunDir *run   = create();
    pid_t   child = fork();
    if (child == 0) {
        _exit(run_dir_open(run_path, true, &error) == NULL && strstr(error.text, "another process") != NULL ? 0 : 1);
    }
    int result = -1;
    waitpid(child, &result, 0);
    assert_int_equal(result, 0);
    assert_null(run_dir_open(run_path, true, &error));
    char pid[40];
    snprintf(pid, sizeof pid, "(pid %ld)", (long)getpid());
    expect(&error, STATUS_FAILED, pid);
    error          = (Error){0};
    RunDir *reader = run_dir_open(run_path, false, &error); /* readers are welcome */
    assert_non_null(reader);
    run_dir_close(reader);
    run_dir_close(run);
    run_dir_close(reopen());
}

static void test_checkpoint_round_trip(void **state)
{
    (void)state;
    Error      error = {0};
    uint64_t   steps[4];
    Checkpoint checkpoint;
    RunDir    *run = create();
    assert_int_equal(run_dir_list(run, steps, 4), 0);
    assert_null(run_dir_mark_path(run, "last", &error));
    expect(&error, STATUS_BAD_INPUT, "last");
    save(run, 20, "first");
    save(run, 1000000, "second");
    save(run, 20, "again"); /* of the same step: replaced */
    assert_int_equal(run_dir_list(run, steps, 4), 2);
    assert_int_equal(steps[0], 20);
    assert_int_equal(steps[1], 1000000);
    assert_int_equal(run_dir_list(run, steps, 1), 1);
    assert_int_equal(steps[0], 1000000);
    const char *path = run_dir_mark_path(run, "last", &error);
    assert_non_null(strstr(path, "step-000020"));
    char   name[1400], *text = NULL;
    size_t bytes;
    snprintf(name, sizeof name, "%s/checkpoints/last/weights", run_path);
    assert_int_equal(file_read(name, 100, &text, &bytes, NULL), STATUS_OK);
    assert_string_equal(text, "again");
    free(text);
    assert_int_equal(checkpoint_read(path, &checkpoint, &error), STATUS_OK);
    assert_int_equal(checkpoint.step, 20);
    assert_int_equal(checkpoint.stage, STAGE_RL);
    assert_int_equal(checkpoint.phase, 2);
    assert_int_equal(checkpoint.stage_step, 5);
    assert_int_equal(checkpoint.offsets.events, 10);
    assert_int_equal(checkpoint.offsets.traces, 20);
    assert_true(checkpoint_get(&checkpoint, "kl_coef", 0) == 0.1 + 0.2);
    assert_true(checkpoint_get(&checkpoint, "none", 7) == 7);
    assert_null(run_dir_checkpoint_path(run, 30, &error));
    expect(&error, STATUS_BAD_INPUT, "has no checkpoint");
    assert_false(exists("checkpoints/.step-000020.old"));
    run_dir_close(run);
}

static void test_checkpoint_numbers(void **state)
{
    (void)state;
    Checkpoint checkpoint = {0};
    char       name[20];
    for (int i = 0; i < CHECKPOINT_NUMBERS_MAX; i++) {
        snprintf(name, sizeof name, "n%d", i);
        assert_true(checkpoint_set(&checkpoint, name, i));
    }
    assert_false(checkpoint_set(&checkpoint, "one more", 1));
    assert_true(checkpoint_set(&checkpoint, "n3", 33));
    assert_true(checkpoint_get(&checkpoint, "n3", 0) == 33);
}

static void test_killed_while_saving(void **state)
{
    (void)state;
    Error    error = {0};
    uint64_t steps[4];
    RunDir  *run = create();
    save(run, 1, "x");
    assert_non_null(run_dir_checkpoint_begin(run, 2, &error)); /* and here it is killed */
    run_dir_close(run);
    char old[300], whole[300];
    snprintf(whole, sizeof whole, "%s/checkpoints/step-000001", run_path);
    snprintf(old, sizeof old, "%s/checkpoints/.step-000001.old", run_path);
    assert_int_equal(rename(whole, old), 0); /* or between the two renames of a replacement */
    snprintf(whole, sizeof whole, "%s/checkpoints/step-000003", run_path);
    assert_int_equal(mkdir(whole, 0777), 0); /* not ours: without checkpoint.json */
    assert_true(exists("checkpoints/.step-000002.part"));
    run = reopen();
    assert_false(exists("checkpoints/.step-000002.part"));
    assert_int_equal(run_dir_list(run, steps, 4), 1);
    assert_int_equal(steps[0], 1);
    assert_non_null(run_dir_checkpoint_begin(run, 5, &error));
    run_dir_checkpoint_abort(run);
    assert_false(exists("checkpoints/.step-000005.part"));
    run_dir_close(run);
}

static void test_prune_keeps_best_and_last(void **state)
{
    (void)state;
    Error    error = {0};
    uint64_t steps[20];
    RunDir  *run = create();
    for (uint64_t i = 1; i <= 6; i++) {
        save(run, i, "x");
    }
    assert_int_equal(run_dir_mark_best(run, 2, &error), STATUS_OK);
    assert_int_equal(run_dir_mark_best(run, 77, &error), STATUS_BAD_INPUT);
    assert_int_equal(run_dir_prune(run, 0, NULL), STATUS_OK);
    assert_int_equal(run_dir_list(run, steps, 20), 6);
    assert_int_equal(run_dir_prune(run, 2, NULL), STATUS_OK);
    assert_int_equal(run_dir_list(run, steps, 20), 3);
    assert_int_equal(steps[0], 2);
    assert_int_equal(steps[1], 5);
    assert_int_equal(steps[2], 6);
    assert_non_null(strstr(run_dir_mark_path(run, "best", NULL), "step-000002"));
    save(run, 3, "x"); /* "last" is the one written last, whatever its number */
    assert_int_equal(run_dir_prune(run, 1, NULL), STATUS_OK);
    assert_int_equal(run_dir_list(run, steps, 20), 3);
    assert_int_equal(steps[1], 3);
    assert_false(exists("checkpoints/.step-000005.part"));
    run_dir_close(run);
}

static void test_bad_checkpoint_json(void **state)
{
    (void)state;
    Checkpoint  checkpoint;
    const char *texts[] = {"{",
                           "[]",
                           "{\"step\": 1}",
                           "{\"step\": -1}",
                           "{\"step\":1,\"stage\":\"x\",\"phase\":0,\"stage_step\":0,\"events_bytes\":0,"
                           "\"traces_bytes\":0,\"numbers\":{}}",
                           "{\"step\":1,\"stage\":\"rl\",\"phase\":0,\"stage_step\":0,\"events_bytes\":0,"
                           "\"traces_bytes\":0,\"numbers\":{\"a\":\"b\"}}"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        Error error = {0};
        put_file(folder, "checkpoint.json", texts[i]);
        assert_int_equal(checkpoint_read(folder, &checkpoint, &error), STATUS_BAD_INPUT);
        expect(&error, STATUS_BAD_INPUT, "checkpoint.json");
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_create_and_open),     TEST(test_one_writer),          TEST(test_checkpoint_round_trip),
        TEST(test_checkpoint_numbers),  TEST(test_killed_while_saving), TEST(test_prune_keeps_best_and_last),
        TEST(test_bad_checkpoint_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
