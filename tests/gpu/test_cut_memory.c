/* Devices whose buffers are smaller than what is to lie in them: ranges that are cut between tensors, and a model that
 * is trained, saved and loaded there as on any other. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"

#include "engine/model/workspace.h"
#include "engine/ops/elementwise.h"
#include "engine/ops/logits.h"
#include "rlsp/train/learner.h"

#define MODEL TEST_DATA "/parity/models/tiny-llama"

enum { BUFFER = 256 << 10, TOKENS = 32, STEPS = 3 };

/* For the model, of 590 KiB: products on some devices want 300 KiB of work space. */
enum { MODEL_BUFFER = 512 << 10 };

static void must(bool fine, const Error *error)
{
    if (!fine) {
        fail_msg("%s", error->text);
    }
}

/* `buffer`: bytes that one may have; 0: as many as the device can. */
static Gpu *device(uint64_t buffer)
{
    Error            error   = {0};
    const GpuOptions options = {.select = getenv("RLSP_TEST_DEVICE"), .validate = true, .max_buffer_bytes = buffer};
    Gpu             *gpu     = gpu_open(&options, &error);
    must(gpu != NULL, &error);
    return gpu;
}

/* --- ranges --------------------------------------------------------------------------------- */

/* Five pieces of 96 KiB, two in a buffer; words are written and read over the cuts. */
static void a_range_of_several_buffers(void **state)
{
    (void)state;
    enum { PIECE = 96 << 10, WORDS = 5 * PIECE / 4 };
    Error     error  = {0};
    Gpu      *gpu    = device(BUFFER);
    GpuLayout layout = gpu_layout(gpu);
    for (int i = 0; i < 5; i++) {
        gpu_layout_add(&layout, PIECE);
    }
    assert_int_equal(layout.cut_count, 2);
    assert_int_equal(layout.cuts[0], 2 * PIECE);
    GpuArena *a = gpu_arena_new_cut(gpu, "a", GPU_MEMORY_DEVICE, &layout, &error);
    GpuArena *b = gpu_arena_new_cut(gpu, "b", GPU_MEMORY_HOST, &layout, &error);
    must(a != NULL && b != NULL, &error);
    const GpuSpan all = gpu_arena_take(a, 5 * PIECE), skewed = gpu_arena_take(b, PIECE),
                  rest = gpu_arena_take(b, 4 * PIECE);
    assert_int_equal(gpu_span_whole(all, PIECE), PIECE);
    assert_int_equal(gpu_span_whole(gpu_span_slice(all, 2 * PIECE, PIECE), 0), PIECE);
    assert_int_equal(gpu_span_whole(rest, 0), PIECE);

    uint32_t *words = malloc(WORDS * 4), *back = calloc(WORDS, 4);
    assert_true(words != NULL && back != NULL);
    for (uint32_t i = 0; i < WORDS; i++) {
        words[i] = i * 2654435761u + 1;
    }
    must(gpu_upload(gpu, all, words, all.size, &error) == STATUS_OK, &error);
    GpuStream *stream = gpu_stream_new(gpu, &error);
    must(stream != NULL, &error);
    gpu_stream_begin(stream);
    gpu_copy(stream, rest, gpu_span_slice(all, PIECE / 2, 4 * PIECE)); /* cuts at other places */
    gpu_copy(stream, skewed, gpu_span_slice(all, PIECE / 2 + 4 * PIECE - 512, 512));
    gpu_fill(stream, gpu_span_slice(all, PIECE + 256, 3 * PIECE), 7);
    must(gpu_stream_run(stream, &error) == STATUS_OK, &error);
    must(gpu_download(gpu, rest, back, rest.size, &error) == STATUS_OK, &error);
    assert_memory_equal(back, words + PIECE / 8, 4 * PIECE);
    must(gpu_download(gpu, skewed, back, 1024, &error) == STATUS_OK, &error);
    assert_memory_equal(back, words + PIECE / 8 + PIECE - 128, 512);
    assert_int_equal(back[128], 0); /* arenas begin as zeros */
    must(gpu_download(gpu, all, back, all.size, &error) == STATUS_OK, &error);
    for (uint32_t i = 0; i < WORDS; i++) {
        const bool filled = i >= (PIECE + 256) / 4 && i < (4 * PIECE + 256) / 4;
        assert_int_equal(back[i], filled ? 7 : words[i]);
    }
    free(words);
    free(back);
    gpu_stream_free(stream);
    gpu_arena_free(a);
    gpu_arena_free(b);
    assert_int_equal(gpu_validation_count(gpu), 0);
    gpu_close(gpu);
}

/* A piece that no buffer holds, and a kernel's tensor over a cut. */
static void what_cannot_be_is_said(void **state)
{
    (void)state;
    Error     error = {0};
    Gpu      *gpu   = device(BUFFER);
    GpuLayout large = gpu_layout(gpu), two = large;
    gpu_layout_add(&large, 256);
    gpu_layout_add(&large, BUFFER + 4);
    assert_null(gpu_arena_new_cut(gpu, "parameters", GPU_MEMORY_DEVICE, &large, &error));
    assert_int_equal(error.status, STATUS_OUT_OF_MEMORY);
    assert_non_null(strstr(error.text, "parameters needs a buffer of 0.3 MiB"));
    error = (Error){0};
    gpu_layout_add(&two, BUFFER);
    gpu_layout_add(&two, 256);
    GpuArena *arena = gpu_arena_new_cut(gpu, "two", GPU_MEMORY_DEVICE, &two, &error);
    must(arena != NULL, &error);
    const GpuSpan both   = gpu_arena_take(arena, BUFFER + 256);
    GpuStream    *stream = gpu_stream_new(gpu, &error);
    must(stream != NULL, &error);
    gpu_stream_begin(stream);
    elementwise_scale(stream, both, 2.0f, (BUFFER + 256) / 4);
    assert_int_equal(gpu_stream_run(stream, &error), STATUS_FAILED);
    assert_non_null(strstr(error.text, "goes over the end of a buffer"));
    gpu_stream_free(stream);
    gpu_arena_free(arena);
    gpu_close(gpu);
}

/* --- a model -------------------------------------------------------------------------------- */

/* What some steps left, besides the files. */
typedef struct Result {
    float    losses[STEPS];
    GradNorm norm; /* of the last step */
    uint32_t buffers;
} Result;

static void same_files(const char *a, const char *b)
{
    size_t of_a, of_b;
    char  *text_a = fixture_text(a, &of_a), *text_b = fixture_text(b, &of_b);
    assert_int_equal(of_a, of_b);
    assert_memory_equal(text_a, text_b, of_a);
    free(text_a);
    free(text_b);
}

static GpuSpan floats(GpuArena *arena, uint64_t count)
{
    return gpu_arena_take(arena, count * 4);
}

/* Steps on a device with such buffers; the model and its optimizer's state go to `folder`. */
static Result train(uint64_t buffer, ComputeType compute, const char *folder)
{
    Error error = {0};
    char  optimizer[600], again[600];
    snprintf(optimizer, sizeof optimizer, "%s/optimizer.safetensors", folder);
    snprintf(again, sizeof again, "%s/again.safetensors", folder);
    Result result = {0};
    Gpu   *gpu    = device(buffer);
    Model *model  = model_load(gpu, MODEL, true, &error);
    must(model != NULL && model_set_compute(model, compute, &error) == STATUS_OK, &error);
    Learner   *learner = learner_new(model, buffer > 0 ? GPU_MEMORY_HOST : GPU_MEMORY_DEVICE, &error);
    Workspace *work    = workspace_new(gpu, &model->config, TOKENS, TOKENS, TOKENS, true, KEEP_ACTIVATIONS, &error);
    Batch     *batch   = batch_new(gpu, &model->config, TOKENS, TOKENS, 1, &error);
    GpuArena  *arena   = gpu_arena_new(gpu, "losses", GPU_MEMORY_DEVICE, 8192, &error);
    GpuStream *s       = gpu_stream_new(gpu, &error);
    must(learner != NULL && work != NULL && batch != NULL && arena != NULL && s != NULL, &error);
    result.buffers = model->layout.cut_count + 1;

    int32_t ids[TOKENS], rows[TOKENS], targets[TOKENS];
    float   weight[TOKENS];
    for (int i = 0; i < TOKENS; i++) {
        ids[i]     = 7 * i % 380;
        targets[i] = (11 * i + 5) % 380;
        rows[i]    = i;
        weight[i]  = 1.0f / TOKENS;
    }
    must(batch_set(batch, &(BatchInput){ids, (const uint32_t[]){0, TOKENS}, 1, rows, targets, TOKENS}, &error) ==
             STATUS_OK,
         &error);
    const GpuSpan logprob = floats(arena, TOKENS), entropy = floats(arena, TOKENS), lse = floats(arena, TOKENS),
                  d = floats(arena, TOKENS), w = floats(arena, TOKENS), sums = floats(arena, 2);
    must(gpu_upload(gpu, w, weight, sizeof weight, &error) == STATUS_OK, &error);
    const AdamwOptions options = {.lr = 1e-3, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1};
    for (int step = 0; step < STEPS; step++) {
        gpu_stream_begin(s);
        learner_zero_gradients(s, learner);
        gpu_fill(s, sums, 0);
        transformer_forward(s, work, model, batch);
        head_logprobs(s, work, model, batch, 1.0f, logprob, entropy, lse);
        cross_entropy(s, d, sums, logprob, w, TOKENS);
        learner_scale_loss(s, learner, d, TOKENS);
        head_backward(s, work, model, learner->gradients, batch, 1.0f, lse, entropy, d, (GpuSpan){0});
        transformer_backward(s, work, model, learner->gradients, batch);
        learner_step(s, learner, &options, 0); /* not clipped: the sum of squares differs in its last bits */
        must(gpu_stream_run(s, &error) == STATUS_OK && learner_finish(learner, &result.norm, &error) == STATUS_OK &&
                 gpu_download(gpu, sums, &result.losses[step], 4, &error) == STATUS_OK,
             &error);
    }
    must(model_save(model, folder, DTYPE_F32, &error) == STATUS_OK, &error);
    must(learner_save(learner, optimizer, &error) == STATUS_OK && learner_reset(learner, &error) == STATUS_OK &&
             learner_load(learner, optimizer, &error) == STATUS_OK && learner_save(learner, again, &error) == STATUS_OK,
         &error);
    same_files(optimizer, again);
    assert_int_equal(gpu_validation_count(gpu), 0);
    gpu_stream_free(s);
    gpu_arena_free(arena);
    batch_free(batch);
    workspace_free(work);
    learner_free(learner);
    model_free(model);
    gpu_close(gpu);
    return result;
}

/* The same to the bit, but for the norm, whose sums are others where a block ends at a cut. */
static void a_model_learns_as_on_any_device(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) {
        const ComputeType compute = i == 0 ? COMPUTE_F32 : COMPUTE_F16;
        char              one[512], cut[512], a[600], b[600];
        snprintf(one, sizeof one, "%s", fixture_path(fixture_directory(), i == 0 ? "one" : "one-f16"));
        snprintf(cut, sizeof cut, "%s", fixture_path(fixture_directory(), i == 0 ? "cut" : "cut-f16"));
        const Result whole = train(0, compute, one), parts = train(MODEL_BUFFER, compute, cut);
        assert_int_equal(whole.buffers, 1);
        assert_int_equal(parts.buffers, 2);
        assert_memory_equal(whole.losses, parts.losses, sizeof whole.losses);
        assert_true(whole.losses[STEPS - 1] < whole.losses[0]);
        assert_true(whole.norm.norm > 0 && fabs((double)parts.norm.norm / (double)whole.norm.norm - 1) < 1e-6);
        static const char *const files[] = {"model.safetensors", "optimizer.safetensors"};
        for (int f = 0; f < 2; f++) {
            snprintf(a, sizeof a, "%s/%s", one, files[f]);
            snprintf(b, sizeof b, "%s/%s", cut, files[f]);
            same_files(a, b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_range_of_several_buffers),
                                       cmocka_unit_test(what_cannot_be_is_said),
                                       cmocka_unit_test(a_model_learns_as_on_any_device)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
