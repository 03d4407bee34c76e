/* Damaged and mismatched model directories through model_load: each is refused with one clear line, none crashes,
 * none takes device memory first. The bad files of tests/data/parity, and mismatches made here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"

#include "engine/io/file.h"
#include "engine/model/model.h"

#define PARITY TEST_DATA "/parity"

static char directory[512]; /* the model directory that is tried, made anew for each case */

/* A directory with the files of a model; NULL: none of it. */
static void start_from(const char *model)
{
    static const char *const names[] = {"config.json", "model.safetensors", "model.safetensors.index.json",
                                        "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"};
    Error                    error   = {0};
    char                     from[600], to[600];
    static const char       *scratch;
    scratch = scratch != NULL ? scratch : fixture_directory();
    snprintf(directory, sizeof directory, "%s", fixture_path(scratch, "model"));
    assert_int_equal(file_remove(directory, &error), STATUS_OK);
    assert_int_equal(file_make_directories(directory, &error), STATUS_OK);
    for (size_t i = 0; i < sizeof names / sizeof *names && model != NULL; i++) {
        snprintf(from, sizeof from, PARITY "/models/%s/%s", model, names[i]);
        snprintf(to, sizeof to, "%s/%s", directory, names[i]);
        if (file_exists(from)) {
            assert_int_equal(symlink(from, to), 0);
        }
    }
}

/* Puts a file into the directory in place of what is there. */
static void replace(const char *name, const char *from)
{
    Error error = {0};
    char  to[600];
    snprintf(to, sizeof to, "%s/%s", directory, name);
    assert_int_equal(file_remove(to, &error), STATUS_OK);
    assert_int_equal(symlink(from, to), 0);
}

static Model *load(Error *error)
{
    *error = (Error){0};
    return model_load(fixture_gpu(), directory, false, error);
}

/* The directory is refused, in one line that holds `word`. */
static void refused(const char *what, const char *word)
{
    Error  error;
    Model *model = load(&error);
    if (model != NULL) {
        fail_msg("%s: accepted", what);
    }
    if (error.status != STATUS_BAD_INPUT || error.text[0] == '\0' || strchr(error.text, '\n') != NULL ||
        strstr(error.text, word) == NULL) {
        fail_msg("%s: status %d, \"%s\"; wanted a line with \"%s\"", what, error.status, error.text, word);
    }
}

/* Calls visit for every entry of a manifest; returns how many there were. */
static int each(const char *folder, void (*visit)(const char *path, const char *name, const cJSON *entry))
{
    char path[600];
    snprintf(path, sizeof path, PARITY "/%s/manifest.json", folder);
    cJSON       *manifest = fixture_json(path);
    const cJSON *entry;
    int          count = 0;
    cJSON_ArrayForEach(entry, cJSON_GetObjectItem(manifest, "files"))
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(entry, "file"));
        snprintf(path, sizeof path, PARITY "/%s/%s", folder, name);
        visit(path, name, entry);
        count++;
    }
    cJSON_Delete(manifest);
    return count;
}

static const char *text_of(const cJSON *entry, const char *key, const char *fallback)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(entry, key));
    return text != NULL ? text : fallback;
}

static void try_config(const char *path, const char *name, const cJSON *entry)
{
    start_from(text_of(entry, "with_weights_of", "tiny-llama"));
    replace("config.json", path);
    assert_string_equal(text_of(entry, "expect", ""), "reject");
    refused(name, directory);
}

static void bad_configs(void **state)
{
    (void)state;
    assert_true(each("json_bad/config", try_config) >= 49);
}

static void try_index(const char *path, const char *name, const cJSON *entry)
{
    start_from(text_of(entry, "use_in", ""));
    replace("model.safetensors.index.json", path);
    assert_string_equal(text_of(entry, "expect", ""), "reject");
    refused(name, directory);
}

static void bad_indexes(void **state)
{
    (void)state;
    assert_true(each("json_bad/index", try_index) >= 9);
}

/* Sound files are refused too: they are not this model's weights. */
static void try_weights(const char *path, const char *name, const cJSON *entry)
{
    start_from("tiny-llama");
    replace("model.safetensors", path);
    refused(name, strcmp(text_of(entry, "expect", ""), "accept") == 0 ? "model.embed_tokens.weight" : directory);
}

static void bad_safetensors(void **state)
{
    (void)state;
    assert_true(each("safetensors_bad", try_weights) >= 60);
}

static void missing_files(void **state)
{
    (void)state;
    char path[600];
    start_from(NULL);
    refused("an empty directory", "config.json");
    start_from("tiny-llama");
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    unlink(path);
    refused("no weights", "holds neither");
    snprintf(path, sizeof path, "%s/pytorch_model.bin", directory);
    assert_int_equal(file_write_atomic(path, "PK", 2, NULL), STATUS_OK);
    refused("a pickle", "save_pretrained");
    start_from("tiny-llama");
    replace("model.safetensors", PARITY); /* a directory */
    refused("a directory for a file", directory);
    snprintf(directory, sizeof directory, "/nonexistent/model");
    refused("no directory", "/nonexistent/model");
}

/* --- weights that differ from the config ------------------------------------------- */

/* Writes tiny-llama's tensors but for `without`, with `extra` [rows] beside, and `reshaped` as a vector. */
static void write_weights(const char *without, const char *extra, const char *reshaped, Dtype extra_dtype)
{
    Error             error = {0};
    char              path[600];
    SafetensorsSet   *set     = fixture_open(PARITY "/models/tiny-llama/model.safetensors");
    const size_t      count   = safetensors_count(set);
    SafetensorsEntry *entries = calloc(count + 1, sizeof *entries);
    size_t            written = 0;
    static const char zeros[1 << 17];
    for (size_t i = 0; i < count; i++) {
        const Safetensor *t = safetensors_at(set, i);
        if (without != NULL && strcmp(t->name, without) == 0) {
            continue;
        }
        SafetensorsEntry *e = &entries[written++];
        *e                  = (SafetensorsEntry){.name = t->name, .dtype = t->dtype, .rank = t->rank, .from = t};
        memcpy(e->shape, t->shape, sizeof e->shape);
        if (reshaped != NULL && strcmp(t->name, reshaped) == 0) {
            e->rank     = 1;
            e->shape[0] = t->elements;
        }
    }
    if (extra != NULL) {
        entries[written++] =
            (SafetensorsEntry){.name = extra, .dtype = extra_dtype, .rank = 1, .shape = {8}, .data = zeros};
    }
    start_from("tiny-llama");
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    unlink(path);
    assert_int_equal(safetensors_write(path, entries, written, &error), STATUS_OK);
    free(entries);
    safetensors_close(set);
}

static void mismatched_tensors(void **state)
{
    (void)state;
    static const char *const some[] = {"model.embed_tokens.weight", "lm_head.weight", "model.norm.weight",
                                       "model.layers.2.mlp.up_proj.weight", "model.layers.0.input_layernorm.weight"};
    for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
        write_weights(some[i], NULL, NULL, DTYPE_F32);
        refused("a tensor is missing", some[i]);
    }
    write_weights(NULL, NULL, "model.layers.1.self_attn.o_proj.weight", DTYPE_F32);
    refused("another shape", "model.layers.1.self_attn.o_proj.weight");
    static const char *const extras[] = {"model.layers.3.mlp.up_proj.weight", "model.layers.0.self_attn.q_proj.bias",
                                         "model.layers.0.self_attn.q_norm.weight", "base_model.lora_A.weight",
                                         "inv_freq"};
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        write_weights(NULL, extras[i], NULL, DTYPE_F32);
        refused("a tensor that the model has no place for", extras[i]);
    }
    write_weights("model.norm.weight", "model.norm.weight", NULL, DTYPE_I64);
    refused("integers for weights", "model.norm.weight");
}

static void harmless_tensors(void **state)
{
    (void)state;
    static const char *const extras[] = {"model.layers.0.self_attn.rotary_emb.inv_freq", "model.rotary_emb.inv_freq",
                                         "value_head.weight"};
    for (size_t i = 0; i < sizeof extras / sizeof *extras; i++) {
        Error error;
        write_weights(NULL, extras[i], NULL, DTYPE_F32);
        Model *model = load(&error);
        if (model == NULL) {
            fail_msg("%s beside the weights: %s", extras[i], error.text);
        }
        model_free(model);
    }
    Error error = {0}; /* wanted, it must have the right shape */
    assert_null(model_load(fixture_gpu(), directory, true, &error));
    assert_non_null(strstr(error.text, "value_head.weight"));
}

/* tiny-qwen2, which is tied, with a head of its own in its file. */
static void write_tied(bool same)
{
    Error             error = {0};
    char              path[600];
    SafetensorsSet   *set       = fixture_open(PARITY "/models/tiny-qwen2/model.safetensors");
    const size_t      count     = safetensors_count(set);
    const Safetensor *embedding = safetensors_find(set, "model.embed_tokens.weight");
    SafetensorsEntry *entries   = calloc(count + 1, sizeof *entries);
    float            *values    = fixture_f32(set, embedding->name, NULL);
    for (size_t i = 0; i < count; i++) {
        const Safetensor *t = safetensors_at(set, i);
        entries[i]          = (SafetensorsEntry){.name = t->name, .dtype = t->dtype, .rank = t->rank, .from = t};
        memcpy(entries[i].shape, t->shape, sizeof t->shape);
    }
    values[embedding->elements - 1] += same ? 0.0f : 1.0f;
    entries[count] = (SafetensorsEntry){.name = "lm_head.weight", .dtype = DTYPE_F32, .rank = 2, .f32 = values};
    memcpy(entries[count].shape, embedding->shape, sizeof embedding->shape);
    start_from("tiny-qwen2");
    snprintf(path, sizeof path, "%s/model.safetensors", directory);
    unlink(path);
    assert_int_equal(safetensors_write(path, entries, count + 1, &error), STATUS_OK);
    free(values);
    free(entries);
    safetensors_close(set);
}

static void a_tied_head_is_the_embedding(void **state)
{
    (void)state;
    Error error;
    write_tied(true);
    Model *model = load(&error);
    if (model == NULL) {
        fail_msg("the embedding as a head beside it: %s", error.text);
    }
    model_free(model);
    write_tied(false);
    refused("another head beside a tied embedding", "tie_word_embeddings");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(bad_configs),
        fixture_test(bad_indexes),
        fixture_test(bad_safetensors),
        fixture_test(missing_files),
        fixture_test(mismatched_tensors),
        fixture_test(harmless_tensors),
        fixture_test(a_tied_head_is_the_embedding),
    };
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
