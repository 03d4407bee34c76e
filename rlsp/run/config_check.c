/* What the values of a config have to do with each other. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "engine/model/weights.h"
#include "rlsp/run/config_keys.h"

static bool is_given(const cJSON *tree, const char *path)
{
    char name[RUN_NAME_SIZE];
    for (const char *dot; tree != NULL && (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
        tree = cJSON_GetObjectItemCaseSensitive(tree, name);
    }
    return tree != NULL && cJSON_GetObjectItemCaseSensitive(tree, path) != NULL;
}

static Status refuse(const char *origin, const char *key, Error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static Status refuse(const char *origin, const char *key, Error *error, const char *format, ...)
{
    char    text[400];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return error_set(error, STATUS_BAD_INPUT, "%s: key '%s': %s", origin, key, text);
}

static bool has_stage(const RunConfig *config, RunStage stage)
{
    return (config->stage_count > 0 && config->stages[0] == stage) ||
           (config->stage_count > 1 && config->stages[1] == stage);
}

/* SFT on files and nothing else: no task is trained, so none is evaluated unless the config speaks of one. */
static bool is_sft_on_files(const RunConfig *config)
{
    bool files = has_stage(config, STAGE_SFT) && !has_stage(config, STAGE_RL);
    for (uint32_t i = 0; i < config->sft.phase_count; i++) {
        files = files && strcmp(config->sft.phases[i].data, "task") != 0;
    }
    return files;
}

/* Values that follow from others unless they are given. */
static void derive(RunConfig *config, const cJSON *given)
{
    RunModelInit *init = &config->model.init;
    RunRl        *rl   = &config->rl;
    if (init->kv_heads == 0) {
        init->kv_heads = init->heads;
    }
    if (init->head_dim == 0) {
        init->head_dim = init->hidden_size / init->heads;
    }
    if (init->residual_scale == 0) {
        init->residual_scale = 1 / sqrt(2.0 * init->layers);
    }
    if (!is_given(given, "model.tokenizer") && config->model.path[0] == '\0' && config->task.kind != TASK_KIND_JSONL) {
        strcpy(config->model.tokenizer, "task");
    }
    if (is_sft_on_files(config) && !is_given(given, "task") && !is_given(given, "eval.problems")) {
        config->eval.problems = 0;
    }
    uint64_t sequences = (uint64_t)rl->prompts_per_step * rl->samples_per_prompt;
    if (!is_given(given, "rl.minibatch_size")) {
        uint64_t quarter   = (sequences + 3) / 4;
        rl->minibatch_size = (uint32_t)(quarter < (uint64_t)CONFIG_MANY ? quarter : (uint64_t)CONFIG_MANY);
    }
    if (!is_given(given, "rl.critic_lr")) {
        rl->critic_lr = fmin(10, 10 * rl->actor_lr);
    }
    if (!is_given(given, "rl.lambda_critic")) {
        rl->lambda_critic = rl->lambda;
    }
    if (!is_given(given, "rl.clip_high")) {
        rl->clip_high = rl->clip;
    }
}

static Status check_model(const RunConfig *config, const char *origin, Error *error)
{
    const RunModelInit *init = &config->model.init;
    if (config->model.path[0] != '\0') {
        if (strcmp(config->model.tokenizer, "task") == 0 && config->task.kind == TASK_KIND_JSONL) {
            return refuse(origin, "model.tokenizer", error,
                          "a jsonl task has no tokenizer of its own; name a directory");
        }
        return STATUS_OK;
    }
    if (config->model.tokenizer[0] == '\0' ||
        (strcmp(config->model.tokenizer, "task") == 0 && config->task.kind == TASK_KIND_JSONL)) {
        return refuse(origin, "model.tokenizer", error,
                      "a model made by model.init needs the directory of a tokenizer.json (or set model.path)");
    }
    if (init->head_dim * (uint64_t)init->heads != init->hidden_size &&
        init->head_dim == init->hidden_size / init->heads) {
        return refuse(origin, "model.init.heads", error,
                      "hidden_size %u is not a multiple of the %u heads; set head_dim", init->hidden_size, init->heads);
    }
    if (init->head_dim == 0 || init->head_dim % 2 != 0) {
        return refuse(origin, "model.init.head_dim", error, "%u is not an even number above 0", init->head_dim);
    }
    if (init->heads % init->kv_heads != 0) {
        return refuse(origin, "model.init.kv_heads", error, "%u does not divide the %u heads", init->kv_heads,
                      init->heads);
    }
    if (has_stage(config, STAGE_RL) && config->rl.max_new_tokens >= init->max_positions) {
        return refuse(origin, "rl.max_new_tokens", error,
                      "%u leaves no room for the prompt within model.init.max_positions = %u",
                      config->rl.max_new_tokens, init->max_positions);
    }
    return STATUS_OK;
}

static Status check_adapter(const RunConfig *config, const char *origin, Error *error)
{
    const WeightFormat weights = (WeightFormat)config->model.weights;
    if (config->adapter.kind == ADAPTER_NONE && weights != WEIGHT_F32 && weights != WEIGHTS_AS_STORED) {
        return refuse(
            origin, "model.weights", error,
            "\"%s\" is for a frozen model: training in full keeps f32; take \"auto\", or adapter.kind \"lora\"",
            weights_names[weights]);
    }
    bool sft = false;
    for (uint32_t i = 0; i < config->stage_count; i++) {
        sft = sft || config->stages[i] == STAGE_SFT;
    }
    if (config->adapter.dropout > 0 && (config->adapter.kind == ADAPTER_NONE || !sft)) {
        return refuse(origin, "adapter.dropout", error, "is for adapters in SFT, and this run has %s; leave it out",
                      config->adapter.kind == ADAPTER_NONE ? "no adapter" : "RL alone");
    }
    for (uint32_t i = 0; config->adapter.kind == ADAPTER_LORA && i < config->adapter.target_count; i++) {
        if (projection_find(config->adapter.targets[i]) == PROJECTIONS) {
            return refuse(origin, "adapter.targets", error,
                          "\"%s\" is none of q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj",
                          config->adapter.targets[i]);
        }
    }
    return STATUS_OK;
}

static Status check_phase(const RunConfig *config, uint32_t index, const char *origin, Error *error)
{
    const SftPhase *phase     = &config->sft.phases[index];
    bool            from_task = strcmp(phase->data, "task") == 0;
    uint64_t        rows      = (uint64_t)phase->listing_rows + phase->distance_rows + phase->direct_rows;
    char            where[48] = "sft";
    if (config->sft.phases_given) {
        snprintf(where, sizeof where, "sft.phases.%u", index);
    }
    char key[80];
    snprintf(key, sizeof key, "%s.data", where);
    if (phase->data[0] == '\0') {
        return refuse(origin, key, error, "empty; name a JSONL file, or \"task\"");
    }
    if (from_task && config->task.kind == TASK_KIND_JSONL) {
        return refuse(origin, key, error, "a jsonl task makes no demonstrations; name a JSONL file");
    }
    if (from_task && (phase->epochs > 0 || phase->batch_tokens > 0)) {
        snprintf(key, sizeof key, "%s.%s", where, phase->epochs > 0 ? "epochs" : "batch_tokens");
        return refuse(origin, key, error,
                      "demonstrations of a task have no end and are counted; set steps and batch_size");
    }
    if (!from_task && phase->check_data == CHECK_SAMPLE && (phase->epochs > 0 || phase->max_length == 0)) {
        snprintf(key, sizeof key, "%s.check_data", where);
        return refuse(origin, key, error,
                      phase->epochs > 0
                          ? "\"sample\" cannot tell how many steps the epochs take; set steps, or check_data \"all\""
                          : "\"sample\" cannot tell how long the longest sequence is; set max_length");
    }
    if (!from_task && rows > 0) {
        return refuse(origin, key, error, "listing, distance and direct rows need data \"task\"");
    }
    if (config->task.kind != TASK_KIND_PICK_THREE && (phase->distance_rows > 0 || phase->direct_rows > 0)) {
        snprintf(key, sizeof key, "%s.%s", where, phase->distance_rows > 0 ? "distance_rows" : "direct_rows");
        return refuse(origin, key, error, "only pick-three has such rows");
    }
    if (phase->batch_size + phase->batch_tokens + rows == 0) {
        snprintf(key, sizeof key, "%s.batch_size", where);
        return refuse(origin, key, error, "0, and no rows either: a step would have nothing to learn from");
    }
    return STATUS_OK;
}

static Status check_rl(const RunConfig *config, const char *origin, Error *error)
{
    const RunRl *rl        = &config->rl;
    uint64_t     sequences = (uint64_t)rl->prompts_per_step * rl->samples_per_prompt;
    if (sequences > (uint64_t)CONFIG_MANY) {
        return refuse(origin, "rl.prompts_per_step", error,
                      "times rl.samples_per_prompt makes %llu sequences, too many", (unsigned long long)sequences);
    }
    if (rl->minibatch_size > sequences) {
        return refuse(origin, "rl.minibatch_size", error, "%u is more than the %llu sequences of a step",
                      rl->minibatch_size, (unsigned long long)sequences);
    }
    if ((rl->advantage == ADVANTAGE_GRPO || rl->advantage == ADVANTAGE_RLOO) && rl->samples_per_prompt < 2) {
        return refuse(origin, "rl.samples_per_prompt", error,
                      "%u; advantage grpo and rloo compare at least 2 responses to a prompt", rl->samples_per_prompt);
    }
    if (config->task.kind == TASK_KIND_JSONL && config->task.data[0] == '\0') {
        return refuse(origin, "task.data", error, "empty; the rl stage of a jsonl task needs a file of problems");
    }
    const RunExploreReward *explore = &config->reward.explore;
    const RunRemoteReward  *remote  = &config->reward.remote;
    if (explore->kind == EXPLORE_KIND_JUDGE && (explore->judge.endpoint[0] == '\0' || explore->model[0] == '\0')) {
        return refuse(origin, explore->judge.endpoint[0] == '\0' ? "reward.explore.endpoint" : "reward.explore.model",
                      error, "empty; the judge needs both");
    }
    if (config->task.kind == TASK_KIND_JSONL && (explore->kind == EXPLORE_KIND_EFFORT || explore->of_attempts)) {
        return refuse(origin, explore->of_attempts ? "reward.explore.of_attempts" : "reward.explore.kind", error,
                      "attempts are only found in responses to the built-in tasks; for a jsonl task use length, "
                      "fraction or judge");
    }
    if (remote->mode != REMOTE_KIND_NONE && remote->server.endpoint[0] == '\0') {
        return refuse(origin, "reward.remote.endpoint", error, "empty; reward.remote.mode needs it");
    }
    const bool explores = (explore->kind != EXPLORE_KIND_NONE && explore->weight != 0) ||
                          (remote->mode == REMOTE_KIND_EXPLORE && remote->weight != 0);
    if (config->reward.correct == 0 && !explores && remote->mode != REMOTE_KIND_TOTAL) {
        return refuse(origin, "reward.correct", error, "0, and no exploration reward either: nothing is rewarded");
    }
    return STATUS_OK;
}

Status config_settle(RunConfig *config, const cJSON *given, const char *origin, Error *error)
{
    derive(config, given);
    if (config->name[0] == '\0' || strchr(config->name, '/') != NULL || config->name[0] == '.') {
        return refuse(origin, "name", error, "\"%s\" cannot name a directory under runs/", config->name);
    }
    Status status = check_model(config, origin, error);
    if (status == STATUS_OK) {
        status = check_adapter(config, origin, error);
    }
    for (uint32_t i = 0; status == STATUS_OK && has_stage(config, STAGE_SFT) && i < config->sft.phase_count; i++) {
        status = check_phase(config, i, origin, error);
    }
    if (status == STATUS_OK && has_stage(config, STAGE_RL)) {
        status = check_rl(config, origin, error);
    }
    return status;
}
