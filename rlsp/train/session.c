#include "rlsp/train/session.h"

#include <stdio.h>
#include <time.h>

enum { MICRO_TOKENS = 16384 };

double session_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

GpuMemoryKind session_moments(const Session *session)
{
    return session->config.optimizer.memory == OPTIMIZER_HOST ? GPU_MEMORY_HOST : GPU_MEMORY_DEVICE;
}

void session_memory_fields(const Session *session, EventField fields[SESSION_MEMORY_FIELDS])
{
    fields[0] = (EventField){"time_memory_bytes", (double)gpu_memory_used(session->gpu), NULL};
    fields[1] = (EventField){"time_memory_peak_bytes", (double)gpu_memory_peak(session->gpu), NULL};
}

Status session_emit(Session *session, const char *type, const EventField *fields, int count, Error *error)
{
    Status status = events_emit(session->events, type, (int64_t)session->step, fields, count, error);
    if (session->options.on_step != NULL) {
        session->options.on_step(session->options.user, session->events);
    }
    return status;
}

/* What the activations of so many tokens take, found by planning them. */
static uint64_t activation_bytes(const Session *session, uint32_t tokens, uint32_t longest)
{
    Error           error     = {0};
    Gpu            *dry       = gpu_open_dry(gpu_info(session->gpu), &error);
    const Recompute recompute = session->config.recompute == RECOMPUTE_BLOCK ? RECOMPUTE_BLOCKS : KEEP_ACTIVATIONS;
    Workspace      *work =
        dry != NULL ? workspace_new(dry, &session->policy->config, tokens, tokens, longest, true, recompute, &error)
                         : NULL;
    const uint64_t bytes = work != NULL ? gpu_memory_used(dry) : 0;
    workspace_free(work);
    gpu_close(dry);
    return bytes;
}

uint32_t session_micro_tokens(const Session *session, uint32_t configured, uint32_t longest, Error *error)
{
    const ModelConfig *c     = &session->policy->config;
    const uint64_t     limit = gpu_info(session->gpu)->max_binding_bytes,
                   lora      = (uint64_t)LORA_WIDEST_GROUP * model_lora_rank(session->policy);
    uint64_t widest          = (uint64_t)(c->heads + 2 * c->kv_heads) * c->head_dim; /* of what is bound whole */
    widest                   = c->hidden_size > widest ? c->hidden_size : widest;
    widest                   = lora > widest ? lora : widest;
    uint64_t tokens          = configured;
    if (tokens == 0) {
        const uint64_t mlp = 2 * (uint64_t)c->intermediate_size; /* would be taken in pieces */
        tokens             = limit / (4 * (mlp > widest ? mlp : widest));
        tokens             = tokens > MICRO_TOKENS ? MICRO_TOKENS : tokens;
        tokens             = tokens > longest ? tokens : longest;
        while (tokens / 2 >= longest && tokens > 1 &&
               activation_bytes(session, (uint32_t)tokens, longest) > gpu_info(session->gpu)->memory_bytes / 4) {
            tokens /= 2;
        }
    }
    tokens = tokens > longest ? tokens : longest;
    if (tokens * widest * 4 > limit) {
        error_set(error, STATUS_BAD_INPUT,
                  "a micro-batch of %u tokens (the longest sequence has %u) is more than this device binds at once "
                  "(%.0f MiB, %u tokens of this model); use shorter sequences or a smaller tokens_per_micro_batch",
                  (uint32_t)tokens, longest, (double)limit / 1048576.0, (uint32_t)(limit / (4 * widest)));
        return 0;
    }
    return (uint32_t)tokens;
}

/* --- stages ---------------------------------------------------------------------------- */

/* What the run took, part by part; `rlsp plan` says it beforehand. */
static void log_memory(Session *session)
{
    GpuMemoryRow rows[GPU_MEMORY_ROWS];
    const int    count      = gpu_memory_rows(session->gpu, rows, GPU_MEMORY_ROWS);
    char         text[1024] = "";
    size_t       used       = 0;
    for (int i = 0; i < count && i < 8 && used < sizeof text; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s %.1f", i > 0 ? ", " : "", rows[i].name,
                                 (double)rows[i].bytes / 1048576.0);
    }
    events_log(session->events, "info", "peak device memory %.1f MiB (%s)",
               (double)gpu_memory_peak(session->gpu) / 1048576.0, text);
}

Status session_train(Session *session, Error *error)
{
    Status status = STATUS_OK;
    for (uint32_t i = 0; i < session->config.stage_count && status == STATUS_OK; i++) {
        const RunStage stage = session->config.stages[i];
        if (session->resuming && session->resumed.stage == STAGE_RL && stage == STAGE_SFT) {
            continue;
        }
        status = stage == STAGE_SFT ? sft_train(session, error) : rl_train(session, error);
    }
    if (session->events != NULL) {
        log_memory(session);
    }
    if (status == STATUS_OK) {
        const EventField fields[] = {{"reason", 0, "done"}};
        status                    = session_emit(session, "run_end", fields, 1, error);
    } else if (session->events != NULL) {
        events_log(session->events, status == STATUS_STOPPED ? "info" : "error", "%s", error->text);
    }
    return status;
}
