/* Models and adapters in GGUF files: names, the order of rows, types, hyperparameters, and what is refused. That
 * llama.cpp computes the same with them is tests/tools/roundtrip_llama_cpp.sh's to show. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/file.h"
#include "engine/model/lora_io.h"
#include "engine/model/model_gguf.h"
#include "tests/support/fixture.h"
#include "tests/support/gguf_reader.h"

#define MODELS TEST_DATA "/parity/models/"

/* Writes the model, or with `alone` the adapter, and reads it back. */
static GgufFile *written(const char *model, const char *adapter, bool alone, GgufType type)
{
    const char *path  = fixture_path(fixture_directory(), "out.gguf");
    Error       error = {0};
    GgufWriter *gguf  = gguf_new();
    GgufModel  *open  = NULL;
    ModelConfig base;
    if (!alone) {
        open = gguf_model_open(model, adapter, type, gguf, &error);
    } else if (model_config_read(&base, fixture_path(model, "config.json"), &error) == STATUS_OK) {
        open = gguf_adapter_open(adapter, &base, type, gguf, &error);
    }
    if (open == NULL) {
        fail_msg("%s", error.text);
    }
    if (alone) {
        gguf_adapter_add_keys(gguf, open);
    } else {
        gguf_model_add_keys(gguf, gguf_model_config(open));
    }
    if (gguf_write(gguf, path, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    gguf_model_close(open);
    gguf_free(gguf);
    return gguf_read(path);
}

/* The tensor is the file's, its rows those of `heads` heads in llama's order, or 0: in their own. */
static void same(const GgufFile *file, const char *name, const SafetensorsSet *set, const char *from, uint32_t heads)
{
    uint64_t columns, rows, count;
    float   *found = gguf_f32(file, name, &columns, &rows), *wanted = fixture_f32(set, from, &count);
    assert_int_equal(columns * rows, count);
    for (uint64_t row = 0; row < rows; row++) {
        uint64_t source = row;
        if (heads > 0) { /* (head, half, pair) becomes (head, pair, half) */
            const uint64_t size = rows / heads, head = row / size, pair = row % size / 2, half = row % 2;
            source = head * size + half * (size / 2) + pair;
        }
        if (memcmp(found + row * columns, wanted + source * columns, columns * sizeof *found) != 0) {
            fail_msg("%s: row %llu is not row %llu of %s", name, (unsigned long long)row, (unsigned long long)source,
                     from);
        }
    }
    free(found);
    free(wanted);
}

static void llama_has_its_rows_reordered(void **state)
{
    (void)state;
    GgufFile       *file = written(MODELS "tiny-llama", NULL, false, GGUF_TYPES);
    SafetensorsSet *set  = fixture_open(MODELS "tiny-llama");
    assert_int_equal(gguf_tensor_count(file), 3 + 3 * 9 + 1);
    same(file, "token_embd.weight", set, "model.embed_tokens.weight", 0);
    same(file, "output.weight", set, "lm_head.weight", 0);
    same(file, "output_norm.weight", set, "model.norm.weight", 0);
    for (int l = 0; l < 3; l++) {
        static const struct {
            const char *to, *from;
            uint32_t    heads;
        } names[] = {{"attn_norm", "input_layernorm", 0}, {"ffn_norm", "post_attention_layernorm", 0},
                     {"attn_q", "self_attn.q_proj", 4},   {"attn_k", "self_attn.k_proj", 2},
                     {"attn_v", "self_attn.v_proj", 0},   {"attn_output", "self_attn.o_proj", 0},
                     {"ffn_gate", "mlp.gate_proj", 0},    {"ffn_up", "mlp.up_proj", 0},
                     {"ffn_down", "mlp.down_proj", 0}};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            char to[80], from[80];
            snprintf(to, sizeof to, "blk.%d.%s.weight", l, names[i].to);
            snprintf(from, sizeof from, "model.layers.%d.%s.weight", l, names[i].from);
            same(file, to, set, from, names[i].heads);
        }
    }
    safetensors_close(set);
    gguf_close(file);
}

static void llama_says_what_it_is(void **state)
{
    (void)state;
    GgufFile *file = written(MODELS "tiny-llama", NULL, false, GGUF_TYPES);
    assert_int_equal(gguf_u32(file, "llama.vocab_size"), 384);
    assert_int_equal(gguf_u32(file, "llama.context_length"), 131072);
    assert_int_equal(gguf_u32(file, "llama.embedding_length"), 64);
    assert_int_equal(gguf_u32(file, "llama.block_count"), 3);
    assert_int_equal(gguf_u32(file, "llama.feed_forward_length"), 112);
    assert_int_equal(gguf_u32(file, "llama.attention.head_count"), 4);
    assert_int_equal(gguf_u32(file, "llama.attention.head_count_kv"), 2);
    assert_int_equal(gguf_u32(file, "llama.attention.key_length"), 16);
    assert_int_equal(gguf_u32(file, "llama.attention.value_length"), 16);
    assert_int_equal(gguf_u32(file, "llama.rope.dimension_count"), 16);
    assert_true(gguf_float(file, "llama.rope.freq_base") == 500000);
    assert_true(gguf_float(file, "llama.attention.layer_norm_rms_epsilon") == 1e-5f);
    assert_false(gguf_has(file, "llama.rope.scaling.type"));

    /* Pairs of wavelengths below 2048 stay, those above 8192 are slowed by 8. */
    uint64_t columns, rows;
    float   *factors = gguf_f32(file, "rope_freqs.weight", &columns, &rows);
    assert_int_equal(columns, 8);
    for (int i = 0; i < 8; i++) {
        const double wavelength = 2 * acos(-1) * pow(500000, i / 8.0), smooth = (8192 / wavelength - 1) / 3;
        const double wanted = wavelength < 2048 ? 1 : wavelength > 8192 ? 8 : 1 / ((1 - smooth) / 8 + smooth);
        if (fabs((double)factors[i] - wanted) > 1e-6 * wanted) {
            fail_msg("pair %d: %g, wanted %g", i, (double)factors[i], wanted);
        }
    }
    free(factors);
    gguf_close(file);
}

static void qwens_keep_their_order(void **state)
{
    (void)state;
    GgufFile       *file = written(MODELS "tiny-qwen2", NULL, false, GGUF_TYPES);
    SafetensorsSet *set  = fixture_open(MODELS "tiny-qwen2");
    assert_null(gguf_tensor(file, "output.weight")); /* tied */
    assert_null(gguf_tensor(file, "rope_freqs.weight"));
    same(file, "blk.1.attn_q.weight", set, "model.layers.1.self_attn.q_proj.weight", 0);
    same(file, "blk.1.attn_k.bias", set, "model.layers.1.self_attn.k_proj.bias", 0);
    same(file, "blk.0.attn_v.bias", set, "model.layers.0.self_attn.v_proj.bias", 0);
    assert_int_equal(gguf_u32(file, "qwen2.block_count"), 2);
    safetensors_close(set);
    gguf_close(file);

    file = written(MODELS "tiny-qwen3", NULL, false, GGUF_TYPES);
    set  = fixture_open(MODELS "tiny-qwen3");
    same(file, "blk.1.attn_q.weight", set, "model.layers.1.self_attn.q_proj.weight", 0);
    same(file, "blk.0.attn_q_norm.weight", set, "model.layers.0.self_attn.q_norm.weight", 0);
    same(file, "blk.1.attn_k_norm.weight", set, "model.layers.1.self_attn.k_norm.weight", 0);
    assert_int_equal(gguf_u32(file, "qwen3.attention.key_length"), 32);
    safetensors_close(set);
    gguf_close(file);
}

/* ggml's numbers: f32 0, f16 1, q8_0 8, bf16 30. Vectors are f32 always. */
static void types_are_as_stored_or_as_asked(void **state)
{
    (void)state;
    static const struct {
        const char *model;
        GgufType    type;
        uint32_t    number;
    } cases[] = {{MODELS "tiny-qwen2-bf16", GGUF_TYPES, 30},
                 {MODELS "tiny-qwen2-f16", GGUF_TYPES, 1},
                 {MODELS "tiny-qwen2-bf16", GGUF_F32, 0},
                 {MODELS "tiny-qwen2", GGUF_BF16, 30},
                 {MODELS "tiny-qwen2", GGUF_Q8_0, 8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        GgufFile *file = written(cases[i].model, NULL, false, cases[i].type);
        assert_int_equal(gguf_tensor(file, "blk.0.ffn_up.weight")->type, cases[i].number);
        assert_int_equal(gguf_tensor(file, "token_embd.weight")->type, cases[i].number);
        assert_int_equal(gguf_tensor(file, "blk.0.attn_q.bias")->type, 0);
        assert_int_equal(gguf_tensor(file, "output_norm.weight")->type, 0);
        gguf_close(file);
    }
    SafetensorsSet *set  = fixture_open(MODELS "tiny-qwen2-bf16");
    GgufFile       *file = written(MODELS "tiny-qwen2-bf16", NULL, false, GGUF_TYPES);
    same(file, "blk.0.ffn_up.weight", set, "model.layers.0.mlp.up_proj.weight", 0);
    same(file, "blk.0.attn_q.bias", set, "model.layers.0.self_attn.q_proj.bias", 0);
    safetensors_close(set);
    gguf_close(file);
}

/* --- adapters */

/* An adapter of q and down of tiny-llama: A and B count. */
static const char *adapter(bool rslora, double alpha)
{
    enum { RANK = 4, ENTRIES = 3 * 2 * 2 };
    static float     values[4096];
    static char      names[ENTRIES][100];
    SafetensorsEntry entries[ENTRIES];
    const char      *directory = fixture_directory();
    const LoraConfig config    = {
           .rank = RANK, .alpha = alpha, .rslora = rslora, .targets = 1 << PROJECTION_Q | 1 << PROJECTION_DOWN};
    for (int i = 0; i < 4096; i++) {
        values[i] = (float)sin(i) / 4;
    }
    for (int i = 0; i < ENTRIES; i++) {
        const bool b = i % 2 == 1, down = i / 2 % 2 == 1;
        snprintf(names[i], sizeof names[i], "base_model.model.model.layers.%d.%s.lora_%c.weight", i / 4,
                 down ? "mlp.down_proj" : "self_attn.q_proj", b ? 'B' : 'A');
        entries[i] = (SafetensorsEntry){.name  = names[i],
                                        .dtype = DTYPE_F32,
                                        .rank  = 2,
                                        .shape = {b ? 64 : RANK, b ? RANK : (down ? 112 : 64)},
                                        .f32   = values + i * 5};
    }
    assert_int_equal(lora_config_write(&config, fixture_path(directory, "adapter_config.json"), "base", NULL),
                     STATUS_OK);
    assert_int_equal(safetensors_write(fixture_path(directory, "adapter_model.safetensors"), entries, ENTRIES, NULL),
                     STATUS_OK);
    return directory;
}

static void adapters_have_pairs_and_a_scale(void **state)
{
    (void)state;
    const char     *directory = adapter(false, 12);
    GgufFile       *file      = written(MODELS "tiny-llama", directory, true, GGUF_TYPES);
    SafetensorsSet *set       = fixture_open(fixture_path(directory, "adapter_model.safetensors"));
    assert_int_equal(gguf_tensor_count(file), 12);
    assert_string_equal(gguf_text(file, "adapter.type"), "lora");
    assert_true(gguf_float(file, "adapter.lora.alpha") == 12);
    for (int l = 0; l < 3; l++) {
        static const char *const names[][2] = {{"attn_q", "self_attn.q_proj"}, {"ffn_down", "mlp.down_proj"}};
        for (int i = 0; i < 4; i++) {
            char to[80], from[100];
            snprintf(to, sizeof to, "blk.%d.%s.weight.lora_%c", l, names[i / 2][0], "ab"[i % 2]);
            snprintf(from, sizeof from, "base_model.model.model.layers.%d.%s.lora_%c.weight", l, names[i / 2][1],
                     "AB"[i % 2]);
            same(file, to, set, from, i == 1 ? 4 : 0); /* q's B alone */
        }
    }
    const GgufInfo *a = gguf_tensor(file, "blk.0.ffn_down.weight.lora_a");
    assert_true(a->shape[0] == 112 && a->shape[1] == 4);
    safetensors_close(set);
    gguf_close(file);

    /* alpha / rank there, alpha / sqrt(rank) here */
    file = written(MODELS "tiny-llama", adapter(true, 12), true, GGUF_F16);
    assert_true(gguf_float(file, "adapter.lora.alpha") == 24);
    assert_int_equal(gguf_tensor(file, "blk.0.ffn_down.weight.lora_a")->type, 1);
    gguf_close(file);
}

static void merged_weights_are_sums(void **state)
{
    (void)state;
    const char *directory = adapter(false, 12), *merged = fixture_directory();
    Error       error = {0};
    GgufFile   *file  = written(MODELS "tiny-llama", directory, false, GGUF_TYPES);
    if (lora_merge(MODELS "tiny-llama", directory, merged, SAFETENSORS_SHARD_BYTES, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    SafetensorsSet *set = fixture_open(merged), *base = fixture_open(MODELS "tiny-llama");
    same(file, "blk.2.attn_q.weight", set, "model.layers.2.self_attn.q_proj.weight", 4);
    same(file, "blk.1.ffn_down.weight", set, "model.layers.1.mlp.down_proj.weight", 0);
    same(file, "blk.1.ffn_up.weight", base, "model.layers.1.mlp.up_proj.weight", 0);
    uint64_t count;
    float   *sum = fixture_f32(set, "model.layers.1.mlp.down_proj.weight", &count);
    float   *was = fixture_f32(base, "model.layers.1.mlp.down_proj.weight", &count);
    assert_true(fixture_max_abs(sum, was, count) > 0.01);
    free(sum);
    free(was);
    safetensors_close(set);
    safetensors_close(base);
    gguf_close(file);
}

/* --- what is refused, and rope scaling by keys */

/* tiny-llama, or another, with a part of its config.json replaced. */
static const char *changed(const char *model, const char *old, const char *new)
{
    const char *directory = fixture_directory();
    char       *text = fixture_text(fixture_path(model, "config.json"), NULL), *at = strstr(text, old);
    char        other[4096];
    assert_non_null(at);
    snprintf(other, sizeof other, "%.*s%s%s", (int)(at - text), text, new, at + strlen(old));
    assert_int_equal(file_write_atomic(fixture_path(directory, "config.json"), other, strlen(other), NULL), STATUS_OK);
    assert_int_equal(
        file_copy(fixture_path(model, "model.safetensors"), fixture_path(directory, "model.safetensors"), NULL),
        STATUS_OK);
    free(text);
    return directory;
}

static void refused(const char *directory, const char *word)
{
    Error       error = {0};
    GgufWriter *gguf  = gguf_new();
    GgufModel  *model = gguf_model_open(directory, NULL, GGUF_TYPES, gguf, &error);
    assert_null(model);
    assert_int_equal(error.status, STATUS_BAD_INPUT);
    if (strstr(error.text, word) == NULL) {
        fail_msg("no '%s' in: %s", word, error.text);
    }
    gguf_free(gguf);
}

#define QWEN2_ROPE "\"rope_type\": \"default\""

static void rope_scaling_is_told_or_refused(void **state)
{
    (void)state;
    GgufFile *file = written(changed(MODELS "tiny-qwen2", QWEN2_ROPE, "\"rope_type\": \"linear\", \"factor\": 4.0"),
                             NULL, false, GGUF_TYPES);
    assert_string_equal(gguf_text(file, "qwen2.rope.scaling.type"), "linear");
    assert_true(gguf_float(file, "qwen2.rope.scaling.factor") == 4);
    gguf_close(file);

    file = written(changed(MODELS "tiny-qwen2", QWEN2_ROPE,
                           "\"rope_type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 8192, "
                           "\"beta_fast\": 20, \"attention_factor\": 1.5"),
                   NULL, false, GGUF_TYPES);
    assert_string_equal(gguf_text(file, "qwen2.rope.scaling.type"), "yarn");
    assert_int_equal(gguf_u32(file, "qwen2.rope.scaling.original_context_length"), 8192);
    assert_true(gguf_float(file, "qwen2.rope.scaling.yarn_beta_fast") == 20);
    assert_true(gguf_float(file, "qwen2.rope.scaling.yarn_beta_slow") == 1);
    assert_true(fabs((double)gguf_float(file, "qwen2.rope.scaling.attn_factor") - 1.5 / (1 + 0.1 * log(4))) < 1e-6);
    gguf_close(file);

    refused(changed(MODELS "tiny-qwen2", QWEN2_ROPE,
                    "\"rope_type\": \"llama3\", \"factor\": 8.0, \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, "
                    "\"original_max_position_embeddings\": 8192"),
            "llama3 rope scaling for llama alone, not for qwen2");
    refused(changed(MODELS "tiny-qwen2", QWEN2_ROPE, "\"rope_type\": \"yarn\", \"factor\": 4.0, \"truncate\": false"),
            "truncate");
}

static void other_weights_than_the_configs_are_refused(void **state)
{
    (void)state;
    refused(changed(MODELS "tiny-llama", "\"intermediate_size\": 112", "\"intermediate_size\": 128"), "gate_proj");
    refused(changed(MODELS "tiny-llama", "\"num_hidden_layers\": 3", "\"num_hidden_layers\": 2"),
            "belongs to no part of the model");
    refused(changed(MODELS "tiny-llama", "\"tie_word_embeddings\": false", "\"tie_word_embeddings\": true"),
            "the head is the embedding");

    Error       error = {0};
    ModelConfig base;
    GgufWriter *gguf = gguf_new();
    assert_int_equal(model_config_read(&base, MODELS "tiny-llama/config.json", NULL), STATUS_OK);
    assert_null(gguf_adapter_open(adapter(false, 0), &base, GGUF_TYPES, gguf, &error));
    assert_non_null(strstr(error.text, "lora_alpha is 0"));
    gguf_free(gguf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(llama_has_its_rows_reordered),    cmocka_unit_test(llama_says_what_it_is),
        cmocka_unit_test(qwens_keep_their_order),          cmocka_unit_test(types_are_as_stored_or_as_asked),
        cmocka_unit_test(adapters_have_pairs_and_a_scale), cmocka_unit_test(merged_weights_are_sums),
        cmocka_unit_test(rope_scaling_is_told_or_refused), cmocka_unit_test(other_weights_than_the_configs_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
