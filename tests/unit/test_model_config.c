/* config.json: both spellings, what must be rejected, and what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "engine/model/config.h"
#include "tests/support/fixture.h"

#define PARITY TEST_DATA "/parity"

static ModelConfig read_config(const char *path)
{
    ModelConfig config;
    Error       error = {0};
    if (model_config_read(&config, path, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return config;
}

static void assert_same(const ModelConfig *a, const ModelConfig *b)
{
    assert_int_equal(a->family, b->family);
    assert_int_equal(a->vocab_size, b->vocab_size);
    assert_int_equal(a->hidden_size, b->hidden_size);
    assert_int_equal(a->layers, b->layers);
    assert_int_equal(a->heads, b->heads);
    assert_int_equal(a->kv_heads, b->kv_heads);
    assert_int_equal(a->head_dim, b->head_dim);
    assert_int_equal(a->intermediate_size, b->intermediate_size);
    assert_int_equal(a->max_positions, b->max_positions);
    assert_true(a->rms_norm_eps == b->rms_norm_eps);
    assert_true(a->rope.theta == b->rope.theta);
    assert_int_equal(a->rope.type, b->rope.type);
    assert_true(a->rope.factor == b->rope.factor && a->rope.low_freq_factor == b->rope.low_freq_factor &&
                a->rope.high_freq_factor == b->rope.high_freq_factor);
    assert_int_equal(a->rope.original_max_position_embeddings, b->rope.original_max_position_embeddings);
    assert_int_equal(a->qkv_bias, b->qkv_bias);
    assert_int_equal(a->qk_norm, b->qk_norm);
    assert_int_equal(a->tie_embeddings, b->tie_embeddings);
    assert_int_equal(a->bos_token_id, b->bos_token_id);
    assert_int_equal(a->eos_count, b->eos_count);
    assert_memory_equal(a->eos_token_ids, b->eos_token_ids, sizeof a->eos_token_ids);
}

static void both_spellings_say_the_same(void **state)
{
    (void)state;
    static const char *const models[] = {"tiny-llama", "tiny-qwen2", "tiny-qwen3"};
    for (int i = 0; i < 3; i++) {
        const char *directory = fixture_path(PARITY "/models", models[i]);
        ModelConfig v5        = read_config(fixture_path(directory, "config.json"));
        ModelConfig v4        = read_config(fixture_path(directory, "config.v4.json"));
        assert_same(&v5, &v4);
    }
}

static void values_are_those_of_the_file(void **state)
{
    (void)state;
    ModelConfig llama = read_config(PARITY "/models/tiny-llama/config.json");
    assert_int_equal(llama.family, MODEL_LLAMA);
    assert_int_equal(llama.vocab_size, 384);
    assert_int_equal(llama.intermediate_size, 112);
    assert_int_equal(llama.head_dim, 16);
    assert_int_equal(llama.max_positions, 131072);
    assert_true(llama.rms_norm_eps == 1e-5f);
    assert_true(llama.rope.type == ROPE_LLAMA3 && llama.rope.factor == 8 && llama.rope.theta == 500000);
    assert_true(!llama.tie_embeddings && !llama.qkv_bias && !llama.qk_norm);
    assert_int_equal(llama.bos_token_id, 370);
    assert_int_equal(llama.pad_token_id, 373);
    assert_int_equal(llama.eos_count, 2); /* 377 of config.json, 373 of generation_config.json */
    assert_int_equal(llama.eos_token_ids[0], 377);
    assert_int_equal(llama.eos_token_ids[1], 373);
    ModelConfig qwen2 = read_config(PARITY "/models/tiny-qwen2/config.json");
    assert_true(qwen2.family == MODEL_QWEN2 && qwen2.qkv_bias && qwen2.tie_embeddings &&
                qwen2.rope.type == ROPE_DEFAULT);
    assert_int_equal(qwen2.head_dim, 16);
    ModelConfig qwen3 = read_config(PARITY "/models/tiny-qwen3/config.json");
    assert_true(qwen3.family == MODEL_QWEN3 && qwen3.qk_norm && !qwen3.qkv_bias);
    assert_int_equal(qwen3.head_dim, 32);
    assert_int_equal(qwen3.hidden_size, 80);
}

/* The parameters counted from the shapes are those in the weights. */
static void parameters_are_counted(void **state)
{
    (void)state;
    static const char *const models[] = {"tiny-llama", "tiny-qwen2", "tiny-qwen3"};
    for (int i = 0; i < 3; i++) {
        const char     *directory = fixture_path(PARITY "/models", models[i]);
        ModelConfig     config    = read_config(fixture_path(directory, "config.json"));
        SafetensorsSet *set       = fixture_open(directory);
        uint64_t        total     = 0;
        for (size_t t = 0; t < safetensors_count(set); t++) {
            total += safetensors_at(set, t)->elements;
        }
        assert_int_equal(model_config_parameters(&config), total);
        safetensors_close(set);
    }
}

/* Files that are fine by themselves and wrong only beside the weights of with_weights_of. */
static bool only_weights_tell(const char *name)
{
    return strncmp(name, "shape_mismatch_", 15) == 0 || strcmp(name, "wrong_family.json") == 0;
}

static void bad_configs_are_rejected(void **state)
{
    (void)state;
    cJSON *manifest = fixture_json(PARITY "/json_bad/config/manifest.json");
    int    rejected = 0;
    for (const cJSON *item = cJSON_GetObjectItem(manifest, "files")->child; item != NULL; item = item->next) {
        const char *name = cJSON_GetObjectItem(item, "file")->valuestring;
        ModelConfig config;
        Error       error  = {0};
        Status      status = model_config_read(&config, fixture_path(PARITY "/json_bad/config", name), &error);
        if (only_weights_tell(name)) {
            if (status != STATUS_OK) {
                fail_msg("%s", error.text);
            }
            continue;
        }
        if (status != STATUS_BAD_INPUT) {
            fail_msg("%s should be rejected: %s", name, cJSON_GetObjectItem(item, "why")->valuestring);
        }
        assert_non_null(strstr(error.text, name));
        assert_null(strchr(error.text, '\n'));
        rejected++;
    }
    assert_int_equal(rejected, 44);
    cJSON_Delete(manifest);
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    static const char *const models[] = {"tiny-llama", "tiny-qwen2", "tiny-qwen3"};
    const char              *path     = fixture_path(fixture_directory(), "config.json");
    for (int i = 0; i < 3; i++) {
        ModelConfig config  = read_config(fixture_path(fixture_path(PARITY "/models", models[i]), "config.json"));
        Error       error   = {0};
        config.rms_norm_eps = i == 1 ? 1.5e-7f : config.rms_norm_eps;
        if (model_config_write(&config, path, &error) != STATUS_OK) {
            fail_msg("%s", error.text);
        }
        ModelConfig back = read_config(path);
        assert_same(&config, &back);
        assert_int_equal(config.pad_token_id, back.pad_token_id);
    }
    /* transformers 4 warns about rope factors that are not floats. */
    ModelConfig llama = read_config(PARITY "/models/tiny-llama/config.json");
    assert_int_equal(model_config_write(&llama, path, NULL), STATUS_OK);
    char *text = fixture_text(path, NULL);
    assert_non_null(strstr(text, "\"rms_norm_eps\":\t1e-05"));
    assert_non_null(strstr(text, "\"factor\":\t8.0"));
    assert_non_null(strstr(text, "\"rope_theta\":\t500000.0"));
    free(text);
}

static void impossible_configs_are_not_written(void **state)
{
    (void)state;
    const char *path = fixture_path(fixture_directory(), "config.json");
    ModelConfig good = read_config(PARITY "/models/tiny-llama/config.json"), bad = good;
    Error       error = {0};
    bad.kv_heads      = 3;
    assert_int_equal(model_config_write(&bad, path, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "3 key/value heads"));
    bad         = good;
    bad.qk_norm = true;
    assert_int_equal(model_config_check(&bad, "init", NULL), STATUS_BAD_INPUT);
    bad          = good;
    bad.head_dim = 15;
    assert_int_equal(model_config_check(&bad, "init", NULL), STATUS_BAD_INPUT);
    bad                       = good;
    bad.rope.high_freq_factor = 1;
    assert_int_equal(model_config_check(&bad, "init", NULL), STATUS_BAD_INPUT);
    assert_int_equal(model_config_check(&good, "init", NULL), STATUS_OK);
    assert_false(file_exists(path));
}

static void write_and_read(const char *text, Status wanted, const char *says)
{
    const char *path  = fixture_path(fixture_directory(), "config.json");
    Error       error = {0};
    ModelConfig config;
    assert_int_equal(file_write_atomic(path, text, strlen(text), NULL), STATUS_OK);
    assert_int_equal(model_config_read(&config, path, &error), wanted);
    if (strstr(error.text, says) == NULL) {
        fail_msg("the error does not say '%s': %s", says, error.text);
    }
}

#define BASE                                                                                                           \
    "{\"model_type\":\"llama\",\"hidden_size\":64,\"num_hidden_layers\":2,\"num_attention_heads\":4,"                  \
    "\"intermediate_size\":128,\"vocab_size\":100"

static void unsupported_features_are_named(void **state)
{
    (void)state;
    write_and_read(BASE "}", STATUS_OK, "");
    write_and_read(BASE ",\"attention_bias\":true}", STATUS_BAD_INPUT, "attention_bias");
    write_and_read(BASE ",\"mlp_bias\":true}", STATUS_BAD_INPUT, "mlp_bias");
    write_and_read(BASE ",\"use_sliding_window\":true}", STATUS_BAD_INPUT, "use_sliding_window");
    write_and_read(BASE ",\"layer_types\":[\"full_attention\",\"sliding_attention\"]}", STATUS_BAD_INPUT,
                   "layer_types");
    write_and_read(BASE ",\"quantization_config\":{\"bits\":4}}", STATUS_BAD_INPUT, "quantization_config");
    write_and_read(BASE ",\"rope_scaling\":{\"type\":\"dynamic\",\"factor\":2.0}}", STATUS_BAD_INPUT,
                   "rope_scaling.rope_type");
    write_and_read(BASE ",\"rope_parameters\":{\"rope_type\":\"longrope\",\"rope_theta\":1e4}}", STATUS_BAD_INPUT,
                   "longrope");
    write_and_read(BASE ",\"rope_parameters\":{\"rope_type\":\"yarn\",\"rope_theta\":1e4}}", STATUS_BAD_INPUT,
                   "rope_parameters.factor");
    write_and_read(BASE ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4,\"beta_slow\":40}}", STATUS_BAD_INPUT,
                   "yarn rope scaling");
    write_and_read(BASE ",\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4},\"rope_theta\":1}", STATUS_BAD_INPUT,
                   "yarn rope scaling");
    write_and_read(BASE ",\"partial_rotary_factor\":0.5}", STATUS_BAD_INPUT, "partial_rotary_factor");
    write_and_read(BASE ",\"eos_token_id\":[1,2,3,4,5,6,7,8,9]}", STATUS_BAD_INPUT, "eos_token_id");
    write_and_read(BASE ",\"eos_token_id\":[1,1,1,1,1,1,1,1,1],\"pad_token_id\":-1}", STATUS_OK, "");
    write_and_read("{\"architectures\":[\"LlamaForCausalLM\"],\"hidden_size\":60,\"num_hidden_layers\":2,"
                   "\"num_attention_heads\":7,\"intermediate_size\":8,\"vocab_size\":9}",
                   STATUS_BAD_INPUT, "does not divide hidden_size");
}

/* One that a hand has added to what transformers 5 wrote must not go unseen. */
static void two_rope_objects_must_say_the_same(void **state)
{
    (void)state;
    write_and_read(BASE ",\"rope_parameters\":{\"rope_type\":\"default\",\"rope_theta\":1e6},"
                        "\"rope_scaling\":{\"rope_type\":\"yarn\",\"factor\":4.0}}",
                   STATUS_BAD_INPUT, "keep one of the two");
    write_and_read(BASE ",\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":4},"
                        "\"rope_scaling\":{\"type\":\"linear\",\"factor\":4.0}}",
                   STATUS_OK, "");
    write_and_read(BASE ",\"rope_parameters\":{\"rope_type\":\"linear\",\"factor\":4},\"rope_scaling\":null}",
                   STATUS_OK, "");
}

/* Ids that no token has; -1 and null are how some say that there is none. */
static void special_tokens_are_of_the_vocabulary(void **state)
{
    (void)state;
    write_and_read(BASE ",\"eos_token_id\":[0,99],\"bos_token_id\":99,\"pad_token_id\":null}", STATUS_OK, "");
    write_and_read(BASE ",\"eos_token_id\":-1,\"bos_token_id\":-1}", STATUS_OK, "");
    write_and_read(BASE ",\"eos_token_id\":100}", STATUS_BAD_INPUT,
                   "'eos_token_id': found the number 100, wanted an integer from -1 to 99");
    write_and_read(BASE ",\"eos_token_id\":[5,100]}", STATUS_BAD_INPUT, "'eos_token_id'");
    write_and_read(BASE ",\"bos_token_id\":4294967295}", STATUS_BAD_INPUT, "'bos_token_id'");
    write_and_read(BASE ",\"pad_token_id\":9223372036854775807}", STATUS_BAD_INPUT, "'pad_token_id'");
    static const char *const beside[] = {"{\"eos_token_id\":[7,100]}", "{\"bos_token_id\":100}",
                                         "{\"pad_token_id\":100}"};
    for (size_t i = 0; i < sizeof beside / sizeof *beside; i++) {
        const char *directory = fixture_directory();
        ModelConfig config;
        Error       error = {0};
        assert_int_equal(file_write_atomic(fixture_path(directory, "config.json"), BASE "}", strlen(BASE "}"), NULL),
                         STATUS_OK);
        assert_int_equal(
            file_write_atomic(fixture_path(directory, "generation_config.json"), beside[i], strlen(beside[i]), NULL),
            STATUS_OK);
        assert_int_equal(model_config_read(&config, fixture_path(directory, "config.json"), &error), STATUS_BAD_INPUT);
        assert_non_null(strstr(error.text, "generation_config.json: key '"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_spellings_say_the_same),
        cmocka_unit_test(values_are_those_of_the_file),
        cmocka_unit_test(parameters_are_counted),
        cmocka_unit_test(bad_configs_are_rejected),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(impossible_configs_are_not_written),
        cmocka_unit_test(unsupported_features_are_named),
        cmocka_unit_test(two_rope_objects_must_say_the_same),
        cmocka_unit_test(special_tokens_are_of_the_vocabulary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
