/* run_config: defaults, extends, overrides, and every class of error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "rlsp/run/config.h"

static char      folder[] = "/tmp/rlsp-config-XXXXXX";
static RunConfig config;

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return file_remove(folder, NULL) == STATUS_OK ? 0 : -1;
}

/* Writes a file into the folder and returns its path (of a few, in turn). */
static const char *file(const char *name, const char *text)
{
    static char paths[8][200];
    static int  next;
    char       *path = paths[next++ % 8];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    assert_int_equal(file_write_atomic(path, text, strlen(text), NULL), STATUS_OK);
    return path;
}

static void expect_ok(const char *path, const char *const *sets, int count)
{
    Error error = {0};
    if (run_config_read(path, sets, count, &config, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
}

/* The text is refused, and every one of the words stands in the message. */
static void expect_error_words(Status status, const Error *error, const char *what, const char *words)
{
    char copy[400];
    snprintf(copy, sizeof copy, "%s", words);
    if (status != STATUS_BAD_INPUT) {
        fail_msg("accepted: %s", what);
    }
    char *rest = NULL;
    for (char *word = strtok_r(copy, "|", &rest); word != NULL; word = strtok_r(NULL, "|", &rest)) {
        if (strstr(error->text, word) == NULL) {
            fail_msg("%s: no \"%s\" in: %s", what, word, error->text);
        }
    }
    assert_null(strchr(error->text, '\n'));
}

static void expect_refused(const char *text, const char *words)
{
    Error  error  = {0};
    Status status = run_config_parse(text, "file.json", NULL, 0, &config, &error);
    expect_error_words(status, &error, text, words);
    assert_non_null(strstr(error.text, "file.json"));
}

static void expect_set_refused(const char *text, const char *set, const char *words)
{
    Error  error  = {0};
    Status status = run_config_parse(text, "file.json", &set, 1, &config, &error);
    expect_error_words(status, &error, set, words);
}

static void test_defaults(void **state)
{
    (void)state;
    expect_ok(NULL, NULL, 0);
    assert_int_equal(config.stage_count, 2);
    assert_int_equal(config.stages[1], STAGE_RL);
    assert_int_equal(config.task.kind, TASK_KIND_COUNTDOWN);
    assert_string_equal(config.model.tokenizer, "task");
    assert_int_equal(config.model.init.head_dim, 24);
    assert_int_equal(config.model.init.kv_heads, 4);
    assert_true(fabs(config.model.init.residual_scale - 1 / sqrt(8.0)) < 1e-15);
    assert_int_equal(config.rl.minibatch_size, 64);
    assert_true(config.rl.clip_high == config.rl.clip && config.rl.lambda_critic == config.rl.lambda);
    assert_int_equal(config.sft.phase_count, 1);
    assert_false(config.sft.phases_given);
    assert_int_equal(config.adapter.target_count, 7);
    assert_int_equal(config.eval.problems, 400);
    /* SFT on a file has no task to evaluate, unless one is named. */
    const char *sets[] = {"stages=[\"sft\"]", "sft.data=/data.jsonl", "model.path=/model", "task.kind=countdown"};
    expect_ok(NULL, sets, 3);
    assert_int_equal(config.eval.problems, 0);
    expect_ok(NULL, sets, 4);
    assert_int_equal(config.eval.problems, 400);
    expect_ok(NULL, sets + 1, 2); /* with RL */
    assert_int_equal(config.eval.problems, 400);
}

static void test_extends_and_phases(void **state)
{
    (void)state;
    file("base.json", "{\"name\": \"base\", \"seed\": 5, \"rl\": {\"steps\": 3, \"clip\": 0.1},"
                      "\"sft\": {\"lr\": 0.5, \"phases\": [{\"name\": \"a\", \"steps\": 7}, {\"lr\": 0.25}]}}");
    const char *path = file("child.json", "{\"extends\": \"base.json\", \"comment\": \"x\", \"rl\": {\"steps\": 9}}");
    expect_ok(path, NULL, 0);
    assert_string_equal(config.name, "base");
    assert_int_equal(config.seed, 5);
    assert_int_equal(config.rl.steps, 9);
    assert_true(config.rl.clip == 0.1 && config.rl.clip_high == 0.1);
    assert_int_equal(config.sft.phase_count, 2);
    assert_string_equal(config.sft.phases[0].name, "a");
    assert_int_equal(config.sft.phases[0].steps, 7);
    assert_true(config.sft.phases[0].lr == 0.5 && config.sft.phases[1].lr == 0.25);
    assert_int_equal(config.sft.phases[1].steps, 100);

    const char *sets[] = {"sft.phases.*.steps=2",
                          "sft.phases.1.lr=1e-3",
                          "stages=rl",
                          "device=llvm",
                          "rl.betas=[0.5,0.6]",
                          "reward={\"correct\": 0.25, \"explore\": {\"kind\": \"effort\"}}",
                          "name=42"};
    expect_ok(path, sets, 7);
    assert_int_equal(config.sft.phases[0].steps, 2);
    assert_int_equal(config.sft.phases[1].steps, 2);
    assert_true(config.sft.phases[1].lr == 1e-3 && config.rl.betas[1] == 0.6);
    assert_int_equal(config.stage_count, 1);
    assert_int_equal(config.stages[0], STAGE_RL);
    assert_string_equal(config.device, "llvm");
    assert_string_equal(config.name, "42");
    assert_true(config.reward.correct == 0.25);
    assert_int_equal(config.reward.explore.kind, EXPLORE_KIND_EFFORT);
    path = file("plain.json", "{\"extends\": \"base.json\", \"sft\": {\"phases\": []}, \"device\": 1}");
    expect_ok(path, NULL, 0);
    assert_int_equal(config.sft.phase_count, 1);
    assert_true(config.sft.phases[0].lr == 0.5);
    assert_string_equal(config.device, "1");
}

static void test_name_from_file(void **state)
{
    (void)state;
    expect_ok(file("my-run.json", "{}"), NULL, 0);
    assert_string_equal(config.name, "my-run");
}

static void test_paths(void **state)
{
    (void)state;
    char expected[300];
    file("demos.jsonl", "");
    expect_ok(
        file("paths.json", "{\"sft\": {\"data\": \"./x/../demos.jsonl\"}, \"model\": {\"path\": \"../nowhere\"}}"),
        NULL, 0);
    snprintf(expected, sizeof expected, "%s/demos.jsonl", folder);
    /* "x" is not there, so the spelling cannot be followed; the name it stands for is kept beside the config. */
    assert_string_equal(config.sft.phases[0].data, expected);
    assert_string_equal(config.model.path, "/tmp/nowhere");
    char *json = run_config_print(&config);
    assert_non_null(strstr(json, expected));
    free(json);
    /* The working directory comes second. */
    char working[512], here[800];
    assert_non_null(getcwd(working, sizeof working));
    DIR           *directory = opendir(".");
    struct dirent *entry;
    while ((entry = readdir(directory)) != NULL && entry->d_name[0] == '.') {
    }
    assert_non_null(entry);
    snprintf(here, sizeof here, "{\"model\": {\"path\": \"%s\"}}", entry->d_name);
    expect_ok(file("here.json", here), NULL, 0);
    snprintf(here, sizeof here, "%s/%s", working, entry->d_name);
    assert_string_equal(config.model.path, here);
    closedir(directory);
    /* Words that a key takes are no paths; for another key they are. */
    expect_ok(file("words.json", "{\"model\": {\"chat_template\": \"llama3\"}, \"task\": {\"data\": \"task\"}}"), NULL,
              0);
    assert_string_equal(config.model.chat_template, "llama3");
    snprintf(expected, sizeof expected, "%s/task", folder);
    assert_string_equal(config.task.data, expected);
    expect_ok(file("words.json", "{\"model\": {\"chat_template\": \"task\"}}"), NULL, 0);
    assert_string_equal(config.model.chat_template, expected);
}

/* What is printed reads back to the same bytes, doubles included. */
static void test_print_reads_back(void **state)
{
    (void)state;
    static RunConfig first;
    Error            error = {0};
    const char      *text =
        "{\"name\": \"quote\\\"\\u00e9\", \"rl\": {\"actor_lr\": 0.30000000000000004, \"kl_coef\": 0.3333333333333333,"
        "\"gamma\": 0.9999999999999999}, \"sft\": {\"phases\": [{\"lr\": 1e-7}, {\"name\": \"m\"}]}, \"stages\": "
        "[\"rl\"]}";
    assert_int_equal(run_config_parse(text, "t", NULL, 0, &first, &error), STATUS_OK);
    assert_true(first.rl.gamma == 0.9999999999999999);
    char *json = run_config_print(&first);
    assert_non_null(json);
    if (run_config_parse(json, "t", NULL, 0, &config, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    char *again = run_config_print(&config);
    assert_string_equal(json, again);
    assert_true(config.rl.actor_lr == 0.30000000000000004 && config.rl.gamma == 0.9999999999999999);
    assert_int_equal(config.sft.phase_count, 2);
    assert_int_equal(memcmp(config.sft.phases[1].name, first.sft.phases[1].name, RUN_NAME_SIZE), 0);
    assert_int_equal(config.rl.minibatch_size, first.rl.minibatch_size);
    free(json);
    free(again);
}

static void test_unknown_keys(void **state)
{
    (void)state;
    expect_refused("{\"rl\": {\"stps\": 3}}", "'rl.stps'|nearest is 'rl.steps'");
    expect_refused("{\"rl\": {\"eps\": 0}}", "'rl.eps'"); /* 0 / 0 where there was no gradient yet */
    expect_refused("{\"sft\": {\"eps\": 0}}", "'sft.eps'");
    expect_refused("{\"kl_coef\": 3}", "'kl_coef'|nearest is 'rl.kl_coef'");
    expect_refused("{\"rewards\": {\"correct\": 1}}", "'rewards'|nearest is 'reward'");
    expect_refused("{\"reward\": {\"explore\": {\"knd\": \"none\"}}}", "'reward.explore.knd'|'reward.explore.kind'");
    expect_refused("{\"sft\": {\"phases\": [{}, {\"serch\": 1}]}}", "'sft.phases.1.serch'|'sft.search'");
    expect_refused("{\"sft\": {\"phases\": [{\"phases\": []}]}}", "'sft.phases.0.phases'|sft block");
    expect_refused("{\"extends\": \"x.json\"}", "'extends'");
    expect_refused("{\"seed.x\": 1}", "'seed.x'");
    expect_set_refused("{}", "rl.stps=3", "--set rl.stps=3|'rl.steps'");
    expect_set_refused("{}", "rl.steps.x=3", "unknown key 'rl.steps.x'");
}

static void test_wrong_types(void **state)
{
    (void)state;
    expect_refused("[]", "object");
    expect_refused("{\"rl\": 3}", "'rl'|object");
    expect_refused("{\"rl\": {\"steps\": \"many\"}}", "'rl.steps'|\"many\"|whole number");
    expect_refused("{\"rl\": {\"steps\": 1.5}}", "'rl.steps'|1.5|whole number");
    expect_refused("{\"rl\": {\"steps\": null}}", "'rl.steps'|null");
    expect_refused("{\"rl\": {\"whiten\": 1}}", "'rl.whiten'|true or false");
    expect_refused("{\"rl\": {\"betas\": [0.9]}}", "'rl.betas'|two numbers");
    expect_refused("{\"rl\": {\"betas\": {\"a\": 1, \"b\": 2}}}", "'rl.betas'|an object");
    expect_refused("{\"name\": 3}", "'name'|string");
    expect_refused("{\"stages\": \"rl\"}", "'stages'|array");
    expect_refused("{\"adapter\": {\"targets\": [3]}}", "'adapter.targets'|strings");
    expect_refused("{\"sft\": {\"phases\": [3]}}", "'sft.phases.0'|object");
    expect_refused("{\"sft\": {\"phases\": {}}}", "'sft.phases'|array");
    expect_refused("{\"comment\": 3}", "'comment'|string");
    expect_set_refused("{}", "rl.steps=many", "--set rl.steps=many|\"many\"|whole number");
    expect_set_refused("{}", "rl.betas=[1", "--set rl.betas=[1");
}

static void test_impossible_values(void **state)
{
    (void)state;
    expect_refused("{\"rl\": {\"steps\": 0}}", "'rl.steps'|found 0|at least 1");
    expect_refused("{\"rl\": {\"steps\": 1e300}}", "'rl.steps'");
    expect_refused("{\"rl\": {\"temperature\": 0}}", "'rl.temperature'|found 0|0.01");
    expect_refused("{\"rl\": {\"top_p\": 1.1}}", "'rl.top_p'|1.1");
    expect_refused("{\"rl\": {\"betas\": [0.9, 1]}}", "'rl.betas'");
    expect_refused("{\"seed\": -1}", "'seed'|-1");
    expect_refused("{\"stages\": []}", "'stages'");
    expect_refused("{\"stages\": [\"sft\", \"sft\"]}", "'stages'");
    expect_refused("{\"stages\": [\"rl\", \"sft\"]}", "'stages'");
    expect_refused("{\"rl\": {\"advantage\": \"ppo\"}}", "'rl.advantage'|\"ppo\"|\"gae\", \"grpo\"");
    expect_refused("{\"name\": \"a/b\"}", "'name'");
    expect_refused("{\"name\": \"\"}", "'name'");
    expect_refused("{\"name\": \"0123456789012345678901234567890123456789012345678901234567890123\"}", "'name'|bytes");
    expect_refused("{\"adapter\": {\"targets\": []}}", "'adapter.targets'");
    expect_refused("{\"adapter\": {\"targets\": [\"a\",\"b\",\"c\",\"d\",\"e\",\"f\",\"g\",\"h\",\"i\"]}}",
                   "'adapter.targets'");
    expect_refused("{\"sft\": {\"phases\": [{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{}]}}", "'sft.phases'|16");
    expect_refused("{\"sft\": {\"phases\": [{\"lr\": -1}]}}", "'sft.phases.0.lr'|-1");
}

static void test_values_that_do_not_fit_together(void **state)
{
    (void)state;
    expect_refused("{\"model\": {\"init\": {\"hidden_size\": 97}}}", "'model.init.heads'|97");
    expect_refused("{\"model\": {\"init\": {\"head_dim\": 15}}}", "'model.init.head_dim'|15");
    expect_refused("{\"model\": {\"init\": {\"kv_heads\": 3}}}", "'model.init.kv_heads'|3");
    expect_refused("{\"rl\": {\"max_new_tokens\": 256}}", "'rl.max_new_tokens'|max_positions");
    expect_refused("{\"rl\": {\"prompts_per_step\": 8, \"minibatch_size\": 64}}", "'rl.minibatch_size'|64|8");
    expect_refused("{\"rl\": {\"prompts_per_step\": 1000000, \"samples_per_prompt\": 1000000}}",
                   "'rl.prompts_per_step'");
    expect_refused("{\"rl\": {\"advantage\": \"rloo\"}}", "'rl.samples_per_prompt'");
    expect_refused("{\"task\": {\"kind\": \"jsonl\"}}", "'model.tokenizer'");
    expect_refused("{\"task\": {\"kind\": \"jsonl\"}, \"model\": {\"path\": \"/m\"}}", "'sft.data'|JSONL");
    expect_refused("{\"task\": {\"kind\": \"jsonl\"}, \"model\": {\"path\": \"/m\"}, \"stages\": [\"rl\"]}",
                   "'task.data'");
    expect_refused("{\"sft\": {\"distance_rows\": 4}}", "'sft.distance_rows'|pick-three");
    expect_refused("{\"sft\": {\"phases\": [{\"batch_size\": 0}]}}", "'sft.phases.0.batch_size'");
    expect_refused("{\"sft\": {\"data\": \"/d.jsonl\", \"listing_rows\": 4}}", "'sft.data'");
    expect_refused("{\"reward\": {\"explore\": {\"kind\": \"judge\"}}}", "'reward.explore.endpoint'");
    expect_refused("{\"reward\": {\"explore\": {\"kind\": \"judge\", \"endpoint\": \"http://h/v1\"}}}",
                   "'reward.explore.model'");
    expect_refused("{\"reward\": {\"remote\": {\"mode\": \"explore\"}}}", "'reward.remote.endpoint'");
    expect_refused("{\"reward\": {\"correct\": 0}}", "'reward.correct'");
}

static void test_bad_overrides(void **state)
{
    (void)state;
    const char *phased = "{\"sft\": {\"phases\": [{\"steps\": 1}]}}";
    expect_set_refused("{}", "rl.steps", "key=value");
    expect_set_refused("{}", "=3", "key=value");
    expect_set_refused("{}", "sft.phases.0.steps=3", "0 phases");
    expect_set_refused(phased, "sft.phases.1.steps=3", "1 phases");
    expect_set_refused(phased, "sft.phases.x.steps=3", "sft.phases.N");
    expect_set_refused(phased, "sft.phases.0=3", "sft.phases.N");
    expect_set_refused(phased, "sft.phases.0.steps=x", "'sft.phases.0.steps'");
    expect_set_refused(phased, "sft.steps=3", "sft.phases.*.steps");
    expect_set_refused("{}", "rl=3", "'rl'|object");
    expect_set_refused("{}", "stages=sft,up", "'stages'|\"up\"");
}

static void expect_file_refused(const char *path, const char *words)
{
    Error  error  = {0};
    Status status = run_config_read(path, NULL, 0, &config, &error);
    expect_error_words(status, &error, path, words);
}

static void test_bad_files(void **state)
{
    (void)state;
    expect_file_refused("/nonexistent/x.json", "/nonexistent/x.json");
    expect_file_refused(folder, folder);
    expect_file_refused(file("syntax.json", "{\n\"rl\": {,}}"), "syntax.json|2");
    expect_file_refused(file("twice.json", "{\"seed\": 1, \"seed\": 2}"), "twice.json|seed");
    expect_file_refused(file("missing.json", "{\"extends\": \"gone.json\"}"), "missing.json|extends|gone.json");
    expect_file_refused(file("number.json", "{\"extends\": 3}"), "number.json|extends");
    expect_file_refused(file("self.json", "{\"extends\": \"self.json\"}"), "self.json|circle");
    file("round.json", "{\"extends\": \"about.json\"}");
    expect_file_refused(file("about.json", "{\"extends\": \"./round.json\"}"), "circle");
    /* An error in the base names the base, one in the child the child. */
    file("wrong.json", "{\"rl\": {\"stps\": 3}}");
    expect_file_refused(file("heir.json", "{\"extends\": \"wrong.json\"}"), "wrong.json: unknown key");
    char name[40], text[60];
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "deep%d.json", i);
        snprintf(text, sizeof text, "{\"extends\": \"deep%d.json\"}", i + 1);
        file(name, text);
    }
    snprintf(name, sizeof name, "deep%d.json", 0);
    expect_file_refused(file(name, "{\"extends\": \"deep1.json\"}"), "more than 16");
}

static void test_every_key_is_sound(void **state)
{
    (void)state;
    char  *text = NULL;
    size_t size = 0;
    FILE  *out  = open_memstream(&text, &size);
    run_config_print_keys(out);
    fclose(out);
    assert_non_null(strstr(text, "rl.kl_coef  (number"));
    assert_non_null(strstr(text, "default \"countdown\""));
    free(text);
}

static void test_schedules(void **state)
{
    (void)state;
    assert_true(run_schedule_factor(SCHEDULE_CONSTANT, 0, 10, 4, 0.1) == 0.25);
    assert_true(run_schedule_factor(SCHEDULE_CONSTANT, 3, 10, 4, 0.1) == 1);
    assert_true(run_schedule_factor(SCHEDULE_CONSTANT, 9, 10, 4, 0.1) == 1);
    assert_true(run_schedule_factor(SCHEDULE_LINEAR, 4, 14, 4, 0.1) == 1);
    assert_true(fabs(run_schedule_factor(SCHEDULE_LINEAR, 9, 14, 4, 0.1) - 0.55) < 1e-12);
    assert_true(fabs(run_schedule_factor(SCHEDULE_COSINE, 9, 14, 4, 0.1) - 0.55) < 1e-12);
    assert_true(fabs(run_schedule_factor(SCHEDULE_COSINE, 14, 14, 4, 0.1) - 0.1) < 1e-12);
    assert_true(run_schedule_factor(SCHEDULE_COSINE, 2, 2, 4, 0.1) == 0.75);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_extends_and_phases),
        cmocka_unit_test(test_name_from_file),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_print_reads_back),
        cmocka_unit_test(test_unknown_keys),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_impossible_values),
        cmocka_unit_test(test_values_that_do_not_fit_together),
        cmocka_unit_test(test_bad_overrides),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_every_key_is_sound),
        cmocka_unit_test(test_schedules),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
