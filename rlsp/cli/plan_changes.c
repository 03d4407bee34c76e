#include "rlsp/cli/plan_changes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static Status plan_with(const PlanRequest *request, const ArgsList *sets, RunPlan *plan, Error *error)
{
    RunConfig *config = malloc(sizeof *config);
    if (config == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "planning: out of memory");
    }
    Status status = run_config_read(request->path, sets->items, sets->count, config, error);
    status        = status == STATUS_OK ? run_plan(config, &request->info, plan, error) : status;
    free(config);
    return status;
}

static void add_change(PlanRequest *request, const char *format, ...)
{
    if (request->change_count < PLAN_CHANGES_MAX) {
        va_list values;
        va_start(values, format);
        vsnprintf(request->changes[request->change_count++].set, sizeof request->changes[0].set, format, values);
        va_end(values);
    }
}

/* What can be changed without changing what is learnt, then what does. */
static void list_changes(PlanRequest *request)
{
    const RunConfig *config = &request->config;
    bool             rl = false, sft = false;
    for (uint32_t i = 0; i < config->stage_count; i++) {
        rl  = rl || config->stages[i] == STAGE_RL;
        sft = sft || config->stages[i] == STAGE_SFT;
    }
    if (config->recompute == RECOMPUTE_NONE) {
        add_change(request, "recompute=block");
    }
    if (rl && config->rl.tokens_per_micro_batch != 1) {
        add_change(request, "rl.tokens_per_micro_batch=1"); /* a sequence at a time */
    }
    if (sft && config->sft.tokens_per_micro_batch != 1) {
        add_change(request, "sft.tokens_per_micro_batch=1");
    }
    if (rl && config->model.kv_cache != PRECISION_BF16 && config->model.kv_cache != PRECISION_F16) {
        add_change(request, "model.kv_cache=bf16"); /* rounds what is sampled from */
    }
    for (uint32_t slots = 128; slots >= 4; slots /= 2) {
        if (config->rl.decode_slots == 0 || slots < config->rl.decode_slots) {
            add_change(request, "rl.decode_slots=%u", slots);
        }
    }
    if (config->optimizer.memory == OPTIMIZER_DEVICE) {
        add_change(request, "optimizer.memory=host");
    }
    if (rl && config->rl.advantage == ADVANTAGE_GAE && config->model.critic == CRITIC_SEPARATE) {
        add_change(request, "model.critic=shared");
    }
    if (config->adapter.kind == ADAPTER_NONE) {
        add_change(request, "adapter.kind=lora");
    }
}

/* The first of the changes that makes it fit beside those of `sets`; else the one that saves most. -1: none saves
 * anything. */
static int best_change(const PlanRequest *request, const ArgsList *sets, uint64_t peak, uint64_t available,
                       const bool *used, uint64_t *reached)
{
    int best = -1;
    *reached = peak;
    for (int i = 0; i < request->change_count; i++) {
        ArgsList with = *sets;
        RunPlan  plan;
        Error    error = {0};
        if (used[i] || with.count == ARGS_LIST_MAX) {
            continue;
        }
        with.items[with.count++] = request->changes[i].set;
        if (plan_with(request, &with, &plan, &error) != STATUS_OK || plan.peak_bytes >= *reached) {
            continue;
        }
        best     = i;
        *reached = plan.peak_bytes;
        if (plan.peak_bytes <= available) {
            return i;
        }
    }
    return best;
}

void plan_find_changes(PlanRequest *request)
{
    const uint64_t available              = run_plan_available(&request->plan);
    bool           used[PLAN_CHANGES_MAX] = {false};
    ArgsList       sets                   = request->sets;
    list_changes(request);
    int kept = 0;
    for (int i = 0; i < request->change_count; i++) {
        ArgsList with = request->sets;
        RunPlan  plan;
        Error    error = {0};
        if (with.count < ARGS_LIST_MAX) {
            with.items[with.count++] = request->changes[i].set;
        }
        if (plan_with(request, &with, &plan, &error) == STATUS_OK && plan.peak_bytes < request->plan.peak_bytes) {
            request->changes[kept]        = request->changes[i];
            request->changes[kept++].peak = plan.peak_bytes;
        }
    }
    request->change_count = kept;
    for (uint64_t peak = request->plan.peak_bytes; peak > available;) {
        uint64_t  reached;
        const int i = best_change(request, &sets, peak, available, used, &reached);
        if (i < 0 || sets.count == ARGS_LIST_MAX) {
            return; /* nothing more helps */
        }
        used[i]                                            = true;
        sets.items[sets.count++]                           = request->changes[i].set;
        request->together.items[request->together.count++] = request->changes[i].set;
        peak                                               = reached;
        request->together_peak                             = reached <= available ? reached : 0;
    }
}
