/* Damaged, foreign and unsupported adapters: each is refused with one clear line. And the odd ones that are sound. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "engine/model/lora_io.h"

#define ADAPTER TEST_DATA "/parity/lora/tiny-qwen2"
#define MODELS  TEST_DATA "/parity/models/"

static char        directory[512]; /* the adapter that is tried, made anew for each case */
static ModelConfig model;

/* A fresh copy of the adapter, for the shape of `base`. */
static void start(const char *base)
{
    static const char *scratch;
    Error              error = {0};
    char               to[600], config[600];
    scratch = scratch != NULL ? scratch : fixture_directory();
    snprintf(directory, sizeof directory, "%s", fixture_path(scratch, "adapter"));
    snprintf(config, sizeof config, MODELS "%s/config.json", base);
    assert_int_equal(model_config_read(&model, config, &error), STATUS_OK);
    assert_int_equal(file_remove(directory, &error), STATUS_OK);
    assert_int_equal(file_make_directories(directory, &error), STATUS_OK);
    snprintf(to, sizeof to, "%s/adapter_config.json", directory);
    assert_int_equal(file_copy(ADAPTER "/adapter_config.json", to, &error), STATUS_OK);
    snprintf(to, sizeof to, "%s/adapter_model.safetensors", directory);
    assert_int_equal(file_copy(ADAPTER "/adapter_model.safetensors", to, &error), STATUS_OK);
}

static const char *inside(const char *name)
{
    static char path[600];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

/* Sets a key of adapter_config.json to a JSON text; NULL: removes it. */
static void set(const char *key, const char *json)
{
    Error  error = {0};
    cJSON *root  = fixture_json(inside("adapter_config.json"));
    cJSON_DeleteItemFromObjectCaseSensitive(root, key);
    if (json != NULL) {
        cJSON *value = cJSON_Parse(json);
        assert_non_null(value);
        cJSON_AddItemToObject(root, key, value);
    }
    assert_int_equal(json_write_file(inside("adapter_config.json"), root, &error), STATUS_OK);
    cJSON_Delete(root);
}

static void refused(const char *what, const char *word)
{
    Error error = {0};
    Lora *lora  = lora_load(fixture_gpu(), &model, directory, true, &error);
    if (lora != NULL) {
        fail_msg("%s: accepted", what);
    }
    if (error.status != STATUS_BAD_INPUT || strchr(error.text, '\n') != NULL || strstr(error.text, word) == NULL ||
        strstr(error.text, directory) == NULL) {
        fail_msg("%s: status %d, \"%s\"; wanted a line with \"%s\"", what, error.status, error.text, word);
    }
}

static void accepted(const char *what)
{
    Error error = {0};
    Lora *lora  = lora_load(fixture_gpu(), &model, directory, true, &error);
    if (lora == NULL) {
        fail_msg("%s: refused: %s", what, error.text);
    }
    lora_free(lora);
}

/* The weights again, without the tensor `left_out`, with `reshaped` as one long row, and with `added`; each may be
 * NULL. */
static void rewrite(const char *left_out, const char *reshaped, const char *added)
{
    Error             error   = {0};
    float             zero    = 0.0f;
    SafetensorsSet   *set     = fixture_open(ADAPTER "/adapter_model.safetensors");
    SafetensorsEntry *entries = calloc(safetensors_count(set) + 1, sizeof *entries);
    size_t            count   = 0;
    for (size_t i = 0; i < safetensors_count(set); i++) {
        const Safetensor *from = safetensors_at(set, i);
        if (left_out != NULL && strcmp(from->name, left_out) == 0) {
            continue;
        }
        const bool whole = reshaped == NULL || strcmp(from->name, reshaped) != 0;
        entries[count++] =
            (SafetensorsEntry){.name  = from->name,
                               .dtype = from->dtype,
                               .rank  = 2,
                               .shape = {whole ? from->shape[0] : 1, whole ? from->shape[1] : from->elements},
                               .from  = from};
    }
    if (added != NULL) {
        entries[count++] = (SafetensorsEntry){.name = added, .dtype = DTYPE_F32, .rank = 1, .shape = {1}, .f32 = &zero};
    }
    assert_int_equal(safetensors_write(inside("adapter_model.safetensors"), entries, count, &error), STATUS_OK);
    free(entries);
    safetensors_close(set);
}

/* A config that asks for what is not supported, or makes no sense; the error names the key. */
static void configs(void **state)
{
    (void)state;
    static const char *const bad[][2] = {{"peft_type", "\"IA3\""},
                                         {"peft_type", NULL},
                                         {"peft_type", "3"},
                                         {"r", "0"},
                                         {"r", "-4"},
                                         {"r", "4.5"},
                                         {"r", "1000000"},
                                         {"r", "\"4\""},
                                         {"r", NULL},
                                         {"lora_alpha", NULL},
                                         {"lora_alpha", "\"16\""},
                                         {"lora_alpha", "1e300"},
                                         {"use_rslora", "1"},
                                         {"bias", "\"all\""},
                                         {"bias", "\"lora_only\""},
                                         {"use_dora", "true"},
                                         {"fan_in_fan_out", "true"},
                                         {"rank_pattern", "{\"q_proj\": 8}"},
                                         {"alpha_pattern", "{\"q_proj\": 8}"},
                                         {"layers_to_transform", "[0]"},
                                         {"layer_replication", "[[0, 2]]"},
                                         {"modules_to_save", "[\"lm_head\"]"},
                                         {"exclude_modules", "[\"q_proj\"]"},
                                         {"trainable_token_indices", "[1, 2]"},
                                         {"target_parameters", "[\"experts\"]"},
                                         {"megatron_config", "{\"tp\": 2}"},
                                         {"a_new_option", "7"},
                                         {"init_lora_weights", "\"pissa\""},
                                         {"init_lora_weights", "\"olora\""},
                                         {"init_lora_weights", "3"},
                                         {"target_modules", "[]"},
                                         {"target_modules", NULL},
                                         {"target_modules", "[\"q_proj\", \"lm_head\"]"},
                                         {"target_modules", "[\"embed_tokens\"]"},
                                         {"target_modules", "[4]"},
                                         {"target_modules", "\"\""},
                                         {"target_modules", "[\"self_attn.\"]"},
                                         {"target_modules", "[\"model.layers.0.self_attn.w_proj\"]"},
                                         {"target_modules", "{\"q_proj\": 1}"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char what[128];
        snprintf(what, sizeof what, "%s = %s", bad[i][0], bad[i][1] != NULL ? bad[i][1] : "(none)");
        start("tiny-qwen2");
        set(bad[i][0], bad[i][1]);
        refused(what, bad[i][0]);
    }
    Error error = {0};
    start("tiny-qwen2");
    assert_int_equal(file_write_atomic(inside("adapter_config.json"), "[1]", 3, &error), STATUS_OK);
    refused("no object", "adapter_config.json");
    assert_int_equal(file_write_atomic(inside("adapter_config.json"), "{\"r\": 4,", 8, &error), STATUS_OK);
    refused("torn JSON", "adapter_config.json");
    assert_int_equal(file_remove(inside("adapter_config.json"), &error), STATUS_OK);
    refused("no config", "adapter_config.json");
}

/* Options that PEFT writes and that say nothing, or that are off. */
static void odd_but_sound(void **state)
{
    (void)state;
    static const char *const good[][2] = {{"peft_version", "\"0.18.0\""},
                                          {"lora_dropout", "0.05"},
                                          {"qalora_group_size", "16"},
                                          {"use_qalora", "false"},
                                          {"megatron_core", "\"megatron.core\""},
                                          {"loftq_config", "{}"},
                                          {"eva_config", "null"},
                                          {"modules_to_save", "[]"},
                                          {"lora_alpha", "8.5"},
                                          {"use_rslora", "true"},
                                          {"use_rslora", NULL},
                                          {"bias", NULL},
                                          {"init_lora_weights", "\"gaussian\""},
                                          {"target_modules", "\"all-linear\""},
                                          {"target_modules", "\"model.layers.(0|1).*_proj\""},
                                          {"target_modules", "[\"self_attn.q_proj\", \"mlp.up_proj\", \"k_proj\"]"},
                                          {"alpha_pattern", NULL},
                                          {"base_model_name_or_path", "null"}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        start("tiny-qwen2");
        set(good[i][0], good[i][1]);
        accepted(good[i][0]);
    }
}

/* The tensors must be those that config and base ask for. */
static void tensors(void **state)
{
    (void)state;
    Error error = {0};
    start("tiny-llama");
    refused("another base", "has shape");
    start("tiny-qwen3");
    refused("another base", "has shape");
    start("tiny-qwen2");
    model.layers = 3;
    refused("a base of more layers", "model.layers.2.");
    model.layers = 1;
    refused("a base of fewer layers", "model.layers.1.");
    start("tiny-qwen2");
    set("r", "8");
    refused("another rank", "lora_A.weight");
    start("tiny-qwen2");
    set("target_modules", "[\"q_proj\", \"v_proj\"]");
    refused("tensors that no target asks for", "belongs to no matrix");
    set("target_modules", "\".*_proj\"");
    rewrite(NULL, NULL, "base_model.model.lm_head.lora_A.weight");
    refused("a tensor that no matrix of a pattern's has", "belongs to no matrix");
    rewrite("base_model.model.model.layers.1.mlp.down_proj.lora_A.weight", NULL, NULL);
    refused("a layer that is left out", "model.layers.1.mlp.down_proj.lora_A");
    static const char *const names[] = {"base_model.model.model.layers.1.mlp.down_proj.lora_A.weight",
                                        "base_model.model.model.layers.0.self_attn.v_proj.lora_B.weight"};
    for (int i = 0; i < 2; i++) {
        start("tiny-qwen2");
        rewrite(names[i], NULL, NULL);
        refused("a tensor that is missing", names[i]);
        rewrite(names[i], NULL, "base_model.model.model.layers.0.mlp.down_proj.lora_magnitude_vector");
        refused("one that is missing, and another in its place", names[i]);
        rewrite(NULL, names[i], NULL);
        refused("a tensor of another shape", names[i]);
    }
    start("tiny-qwen2");
    rewrite(NULL, NULL, "base_model.model.lm_head.weight");
    refused("a tensor too many", "base_model.model.lm_head.weight");
    rewrite(NULL, NULL, NULL);
    accepted("the adapter, written again");
    start("tiny-qwen2");
    assert_int_equal(file_remove(inside("adapter_model.safetensors"), &error), STATUS_OK);
    refused("no weights", "adapter_model.safetensors");
    assert_int_equal(file_write_atomic(inside("adapter_model.bin"), "PK", 2, &error), STATUS_OK);
    refused("a pickle", "safe_serialization");
    assert_int_equal(file_write_atomic(inside("adapter_model.safetensors"), "\x08\0\0\0\0\0\0\0{}      ", 16, &error),
                     STATUS_OK);
    refused("no tensors", "q_proj.lora_A.weight");
    start("tiny-qwen2");
    assert_int_equal(truncate(inside("adapter_model.safetensors"), 30000), 0);
    refused("a torn file", "adapter_model.safetensors");
    start("tiny-qwen2");
    assert_int_equal(file_write_atomic(inside("value_head.safetensors"), "\x08\0\0\0\0\0\0\0{}      ", 16, &error),
                     STATUS_OK);
    refused("an empty value head", "value_head.weight");
    start("tiny-qwen2");
    accepted("the adapter as it is");
}

/* Merging tells the same, and leaves nothing under a weight's name. */
static void merging(void **state)
{
    (void)state;
    Error       error = {0};
    const char *out   = fixture_directory();
    start("tiny-qwen2");
    assert_int_equal(lora_merge(MODELS "tiny-llama", directory, out, SAFETENSORS_SHARD_BYTES, &error),
                     STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "has shape"));
    assert_false(file_exists(fixture_path(out, "model.safetensors")));
    assert_int_equal(lora_merge(MODELS "tiny-qwen2", MODELS "tiny-qwen2", out, SAFETENSORS_SHARD_BYTES, &error),
                     STATUS_BAD_INPUT);
    assert_int_equal(lora_merge(directory, directory, out, SAFETENSORS_SHARD_BYTES, &error), STATUS_BAD_INPUT);
    assert_int_equal(lora_merge(MODELS "tiny-qwen2-bf16", directory, out, SAFETENSORS_SHARD_BYTES, &error), STATUS_OK);
    SafetensorsSet *merged = fixture_open(fixture_path(out, "model.safetensors"));
    assert_int_equal(safetensors_find(merged, "model.layers.0.self_attn.q_proj.weight")->dtype, DTYPE_BF16);
    safetensors_close(merged);
    /* a shape that cannot be */
    assert_null(lora_new(fixture_gpu(), &model, &(LoraConfig){.rank = 0, .alpha = 1, .targets = 1}, false, &error));
    assert_null(lora_new(fixture_gpu(), &model, &(LoraConfig){.rank = 4, .alpha = 1, .targets = 0}, false, &error));
    assert_null(lora_new(fixture_gpu(), &model, &(LoraConfig){.rank = 4, .alpha = 1, .targets = 128}, false, &error));
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(configs), fixture_test(odd_but_sound), fixture_test(tensors),
                                       fixture_test(merging)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
