/* What `rlsp plan` says beforehand against what a run has taken: for SFT, PPO on whole models and PPO with an adapter,
 * on this device as it is and as one with memory of its own. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/model/workspace.h"
#include "rlsp/train/plan.h"
#include "rlsp/train/session.h"
#include "tests/support/fixture.h"
#include "tests/support/gpu_fixture.h"

static const char *const text =
    "{\"name\":\"planned\",\"stages\":[\"sft\",\"rl\"],\"task\":{\"kind\":\"countdown\"},"
    "\"model\":{\"init\":{\"hidden_size\":64,\"layers\":3,\"heads\":4,\"kv_heads\":2,\"head_dim\":16,\"intermediate_"
    "size\":128,\"max_positions\":160}},"
    "\"sft\":{\"data\":\"task\",\"steps\":1,\"batch_size\":8,\"lr\":1e-3,\"tokens_per_micro_batch\":512},"
    "\"rl\":{\"steps\":1,\"prompts_per_step\":4,\"samples_per_prompt\":2,\"minibatch_size\":8,\"max_new_tokens\":40,"
    "\"tokens_per_micro_batch\":300},"
    "\"eval\":{\"problems\":6,\"samples\":1,\"max_new_tokens\":40}}";

static void read_config(const char *const *sets, int count, RunConfig *config)
{
    Error error = {0};
    if (run_config_parse(text, "test", sets, count, config, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
}

/* Trains, and compares its peak with the plan for the same device. */
static void check(const char *what, const char *const *sets, int count)
{
    static RunConfig config;
    static RunPlan   plan;
    Error            error = {0};
    char             directory[512];
    read_config(sets, count, &config);
    snprintf(directory, sizeof directory, "%s", fixture_path(fixture_directory(), "run"));
    const SessionOptions options = {
        .config = &config, .out = directory, .device = getenv("RLSP_TEST_DEVICE"), .validate = true};
    Session *session = session_open(&options, &error);
    if (session == NULL || session_train(session, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    const uint64_t peak = gpu_memory_peak(session->gpu);
    const GpuInfo  info = *gpu_info(session->gpu);
    GpuMemoryRow   rows[GPU_MEMORY_ROWS];
    const int      row_count = gpu_memory_rows(session->gpu, rows, GPU_MEMORY_ROWS);
    session_close(session);
    if (run_plan(&config, &info, &plan, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    printf("    %-32s planned %8.3f MiB, measured %8.3f MiB\n", what, (double)plan.peak_bytes / 1048576.0,
           (double)peak / 1048576.0);
    assert_int_equal(plan.note_count, 0);
    assert_true(fabs((double)plan.peak_bytes - (double)peak) <= 0.01 * (double)peak);
    assert_int_equal(plan.row_count, row_count); /* and it is made of the same parts */
    uint64_t sum    = 0;
    int      caches = 0; /* rollouts and evaluations take turns */
    for (int i = 0; i < row_count; i++) {
        caches += strstr(plan.rows[i].name, "KV cache") != NULL;
        sum += plan.rows[i].host ? 0 : plan.rows[i].bytes;
    }
    assert_int_equal(sum, plan.peak_bytes);
    assert_true(caches <= 1); /* none where SFT has the peak */
}

static void sft_alone(void **state)
{
    (void)state;
    check("SFT", (const char *const[]){"stages=[\"sft\"]"}, 1);
}

static void ppo_on_whole_models(void **state)
{
    (void)state;
    check("SFT, then PPO on whole models", NULL, 0);
    check("the same in bf16", (const char *const[]){"precision=bf16"}, 1);
    check("the same in f16, blocks recomputed", (const char *const[]){"precision=f16", "recompute=block"}, 2);
    check("the same, blocks recomputed", (const char *const[]){"recompute=block"}, 1);
}

static void ppo_with_a_shared_critic(void **state)
{
    (void)state;
    check("PPO with a shared critic", (const char *const[]){"stages=[\"rl\"]", "model.critic=shared"}, 2);
}

static void ppo_with_an_adapter(void **state)
{
    (void)state;
    check("PPO with LoRA", (const char *const[]){"stages=[\"rl\"]", "adapter.kind=lora", "adapter.rank=8"}, 3);
    check("PPO with LoRA on int8",
          (const char *const[]){"stages=[\"rl\"]", "adapter.kind=lora", "adapter.rank=8", "model.weights=int8"}, 4);
    check("PPO with LoRA on bf16, in bf16",
          (const char *const[]){"stages=[\"rl\"]", "adapter.kind=lora", "adapter.rank=8", "model.weights=bf16",
                                "precision=bf16"},
          5);
    check("SFT, then PPO with LoRA", (const char *const[]){"adapter.kind=lora", "adapter.rank=4"}, 2);
}

static void grpo_and_moments_on_the_host(void **state)
{
    (void)state;
    check("GRPO, moments on the host, scoring beside sampling",
          (const char *const[]){"stages=[\"rl\"]", "rl.advantage=grpo", "optimizer.memory=host", "rl.overlap=on"}, 4);
}

/* What each switch is for shows in the plan, also for devices that are not here. */
static void switches_save_what_they_promise(void **state)
{
    (void)state;
    static RunConfig config;
    static RunPlan   whole, other;
    Error            error = {0};
    const GpuInfo    info  = gpu_info_typical((uint64_t)8 << 30);
    read_config((const char *const[]){"stages=[\"rl\"]"}, 1, &config);
    assert_int_equal(run_plan(&config, &info, &whole, &error), STATUS_OK);
    static const char *const sets[] = {"recompute=block", "optimizer.memory=host", "adapter.kind=lora",
                                       "rl.decode_slots=2", "model.critic=shared"};
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        read_config((const char *const[]){"stages=[\"rl\"]", sets[i]}, 2, &config);
        assert_int_equal(run_plan(&config, &info, &other, &error), STATUS_OK);
        printf("    %-32s %8.3f MiB, %8.3f MiB without\n", sets[i], (double)other.peak_bytes / 1048576.0,
               (double)whole.peak_bytes / 1048576.0);
        assert_true(other.peak_bytes < whole.peak_bytes);
    }
    /* Two moments of 4 bytes for each parameter of policy and critic leave the device. */
    read_config((const char *const[]){"stages=[\"rl\"]", "optimizer.memory=host"}, 2, &config);
    assert_int_equal(run_plan(&config, &info, &other, &error), STATUS_OK);
    const double saved = (double)(whole.peak_bytes - other.peak_bytes), moments = 16.0 * (double)whole.parameters;
    assert_true(fabs(saved - moments) < 0.01 * moments);
}

/* config.json alone is enough, and what had to be assumed is said. */
static void a_model_that_is_not_there(void **state)
{
    (void)state;
    static RunConfig config;
    static RunPlan   plan;
    Error            error = {0};
    char             json[1024];
    snprintf(json, sizeof json,
             "{\"name\":\"x\",\"stages\":[\"rl\"],\"model\":{\"path\":\"%s/plan/"
             "qwen2.5-32b\"},\"task\":{\"kind\":\"jsonl\",\"data\":\"none.jsonl\",\"max_prompt_tokens\":100},"
             "\"rl\":{\"prompts_per_step\":2,\"samples_per_prompt\":2,\"max_new_tokens\":100},\"adapter\":{\"kind\":"
             "\"lora\"},\"eval\":{\"problems\":2}}",
             TEST_DATA);
    assert_int_equal(run_config_parse(json, "test", NULL, 0, &config, &error), STATUS_OK);
    const GpuInfo info = gpu_info_typical((uint64_t)80 << 30);
    if (run_plan(&config, &info, &plan, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    assert_true(plan.parameters > 32700000000u && plan.parameters < 32800000000u);
    const uint64_t as_said = plan.peak_bytes; /* torch_dtype: bfloat16 */
    assert_true(as_said > 2 * plan.parameters && as_said < 3 * plan.parameters);
    assert_int_equal(plan.prompt_tokens, 100);
    assert_int_equal(plan.note_count, 1);
    assert_non_null(strstr(plan.notes[0], "max_prompt_tokens"));
    config.model.weights = WEIGHT_INT4;
    assert_int_equal(run_plan(&config, &info, &plan, &error), STATUS_OK);
    assert_true(plan.peak_bytes < as_said - plan.parameters);
    snprintf(config.model.path, sizeof config.model.path, "/nowhere");
    assert_int_equal(run_plan(&config, &info, &plan, &error), STATUS_BAD_INPUT);
    assert_non_null(strstr(error.text, "/nowhere"));
}

/* Parameters of more than a device gives at once: said where it cannot join several allocations. */
static void more_than_one_allocation(void **state)
{
    (void)state;
    static RunConfig config;
    static RunPlan   plan;
    Error            error = {0};
    GpuInfo          info  = gpu_info_typical((uint64_t)80 << 30);
    read_config(NULL, 0, &config);
    info.max_allocation_bytes = 256 << 10;
    assert_int_equal(run_plan(&config, &info, &plan, &error), STATUS_OK);
    assert_int_equal(plan.note_count, 0);
    info.tier.sparse_memory = false;
    assert_int_equal(run_plan(&config, &info, &plan, &error), STATUS_OK);
    assert_int_equal(plan.note_count, 1);
    assert_non_null(strstr(plan.notes[0], "at once"));
    info.max_buffer_bytes = 256 << 10;
    assert_int_equal(run_plan(&config, &info, &plan, &error), STATUS_OK);
    assert_int_equal(plan.note_count, 1);
    assert_non_null(strstr(plan.notes[0], "refused"));
}

/* On a card of 24 GB whose buffers have at most 4 GiB, as Mesa's for AMD, or 2, as AMD's own driver: Llama-3.1-8B with
 * an adapter, whose cache of rollouts alone takes 6; and in 80 GB all of it in f32, of 30 GiB for the weights. */
static void no_buffer_of_gigabytes(void **state)
{
    (void)state;
    static RunConfig  config;
    static RunPlan    plan;
    static const char path[] = "model.path=" TEST_DATA "/plan/llama-3.1-8b";
    static const struct {
        const char *config;
        uint64_t    card, peak, buffer;
    } cases[] = {{"llama-3.1-8b-math-lora-24gb.json", 24, 12, ((uint64_t)1 << 32) - 4},
                 {"llama-3.1-8b-math-lora-24gb.json", 24, 12, (uint64_t)1 << 31},
                 {"llama-3.1-8b-math.json", 80, 100, ((uint64_t)1 << 32) - 4},
                 {"llama-3.1-8b-math.json", 80, 100, (uint64_t)1 << 31}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *set[] = {path, "model.weights=auto"};
        Error       error = {0};
        GpuInfo     info  = gpu_info_typical(cases[i].card << 30);
        char        file[512];
        snprintf(file, sizeof file, TEST_DATA "/../../configs/%s", cases[i].config);
        info.max_buffer_bytes = cases[i].buffer;
        if (run_config_read(file, set, 1, &config, &error) != STATUS_OK ||
            run_plan(&config, &info, &plan, &error) != STATUS_OK) {
            fail_msg("%s", error.text);
        }
        assert_true(plan.peak_bytes > cases[i].peak << 30);
        for (int n = 0; n < plan.note_count; n++) {
            assert_null(strstr(plan.notes[n], "refused"));
        }
    }
}

/* Some cards as their drivers tell of them, all that a plan could look at: nothing of it counts, units in 16 bits
 * apart, so that a plan for a card that is not here (--memory) is that on the card itself. */
static void any_card_of_a_size(void **state)
{
    (void)state;
    static const char        path[]  = "model.path=" TEST_DATA "/plan/llama-3.1-8b";
    static const char *const types[] = {"precision=f32", "precision=bf16", "precision=f16", "precision=auto"};
    static const struct {
        const char *name;
        uint32_t    vendor, subgroup, least, most, shared;
        uint64_t    binding, allocation, buffer;
        GpuMatrix   f16, bf16;
    } cards[] = {{"NVIDIA H100",
                  0x10de,
                  32,
                  32,
                  32,
                  49152,
                  UINT32_MAX,
                  0xffe00000,
                  (uint64_t)1 << 40,
                  {GPU_MATRIX_F16, 16, 16, 16, 0},
                  {GPU_MATRIX_BF16, 16, 8, 16, 0}},
                 {"AMD RX 7900 XTX",
                  0x1002,
                  64,
                  32,
                  64,
                  65536,
                  UINT32_MAX,
                  (uint64_t)1 << 31,
                  (uint64_t)1 << 31,
                  {GPU_MATRIX_F16, 16, 16, 16, 0},
                  {GPU_MATRIX_BF16, 16, 16, 16, 0}},
                 {"Intel Arc B580",
                  0x8086,
                  32,
                  16,
                  32,
                  65536,
                  (uint64_t)1 << 30,
                  (uint64_t)4 << 30,
                  (uint64_t)4 << 30,
                  {GPU_MATRIX_F16, 8, 16, 16, 0},
                  {GPU_MATRIX_BF16, 8, 16, 16, 0}}};
    static RunConfig config;
    static RunPlan   planned, on_card;
    Error            error = {0};
    for (size_t t = 0; t < sizeof types / sizeof *types; t++) {
        const char   *sets[]  = {path, "model.weights=auto", types[t]};
        const GpuInfo typical = gpu_info_typical((uint64_t)80 << 30);
        assert_int_equal(
            run_config_read(TEST_DATA "/../../configs/llama-3.1-8b-math-lora-80gb.json", sets, 3, &config, &error),
            STATUS_OK);
        assert_int_equal(run_plan(&config, &typical, &planned, &error), STATUS_OK);
        for (size_t i = 0; i < sizeof cards / sizeof *cards; i++) {
            GpuInfo card              = typical;
            card.vendor_id            = cards[i].vendor;
            card.subgroup_size        = cards[i].subgroup;
            card.min_subgroup         = cards[i].least;
            card.max_subgroup         = cards[i].most;
            card.shared_bytes         = cards[i].shared;
            card.max_binding_bytes    = cards[i].binding;
            card.max_allocation_bytes = cards[i].allocation;
            card.max_buffer_bytes     = cards[i].buffer;
            card.matrices[0]          = cards[i].f16;
            card.matrices[1]          = cards[i].bf16;
            assert_int_equal(run_plan(&config, &card, &on_card, &error), STATUS_OK);
            printf("    %-16s %-16s %.3f GiB, planned without %.3f\n", cards[i].name, types[t],
                   (double)on_card.peak_bytes / 1073741824.0, (double)planned.peak_bytes / 1073741824.0);
            assert_int_equal(on_card.compute, planned.compute);
            assert_int_equal(on_card.peak_bytes, planned.peak_bytes);
        }
    }
}

/* The work space of one block, whose feed-forward part is so wide that operands are rounded once, and which it takes.
 */
static uint64_t block_bytes(Gpu *gpu, ComputeType compute)
{
    enum { TOKENS = 512 };
    const ModelConfig config = {.hidden_size       = 64,
                                .layers            = 1,
                                .heads             = 4,
                                .kv_heads          = 2,
                                .head_dim          = 16,
                                .intermediate_size = 4096,
                                .vocab_size        = 128,
                                .max_positions     = TOKENS,
                                .compute           = compute,
                                .rope              = {.theta = 1e4, .factor = 1}};
    Error             error  = {0};
    const uint64_t    before = gpu_memory_used(gpu);
    Workspace        *work   = workspace_new(gpu, &config, TOKENS, TOKENS, TOKENS, true, KEEP_ACTIVATIONS, &error);
    if (work == NULL) {
        fail_msg("%s", error.text);
    }
    const uint64_t bytes = gpu_memory_used(gpu) - before;
    workspace_free(work);
    return bytes;
}

/* This device, taken for a GPU, against one that is not here and has as much memory. */
static void this_device_as_a_card(void **state)
{
    (void)state;
    Gpu *gpu = fixture_device(
        &(GpuOptions){.select = getenv("RLSP_TEST_DEVICE"), .validate = true, .as_gpu = true, .separate_memory = true});
    const GpuInfo *info    = gpu_info(gpu);
    GpuInfo        typical = gpu_info_typical(info->memory_bytes);
    bool           has[3]  = {false};
    for (uint32_t i = 0; i < info->matrix_count; i++) {
        has[info->matrices[i].type == GPU_MATRIX_BF16 ? COMPUTE_BF16 : COMPUTE_F16] |= info->matrices[i].workgroup == 0;
    }
    for (ComputeType compute = COMPUTE_F32; compute <= COMPUTE_F16; compute++) {
        Error          error    = {0};
        const uint64_t measured = block_bytes(gpu, compute);
        typical.matrix_count    = has[compute] || compute == COMPUTE_F32 ? 2 : 0; /* the device decides */
        Gpu           *dry      = gpu_open_dry(&typical, &error);
        const uint64_t planned  = dry != NULL ? block_bytes(dry, compute) : 0;
        printf("    %-4s %8.3f MiB, planned %8.3f MiB%s\n", compute_type_name(compute), (double)measured / 1048576.0,
               (double)planned / 1048576.0, has[compute] ? ", on matrix units" : "");
        assert_int_equal(planned, measured);
        gpu_close(dry);
    }
    fixture_device_close(gpu);
}

int main(void)
{
    const struct CMUnitTest tests[] = {fixture_test(sft_alone),
                                       fixture_test(ppo_on_whole_models),
                                       fixture_test(ppo_with_a_shared_critic),
                                       fixture_test(ppo_with_an_adapter),
                                       fixture_test(grpo_and_moments_on_the_host),
                                       fixture_test(switches_save_what_they_promise),
                                       fixture_test(a_model_that_is_not_there),
                                       fixture_test(more_than_one_allocation),
                                       fixture_test(no_buffer_of_gigabytes),
                                       fixture_test(any_card_of_a_size),
                                       fixture_test(this_device_as_a_card)};
    return cmocka_run_group_tests(tests, gpu_fixture_open, gpu_fixture_close);
}
