#include "rlsp/train/session_adapter.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "engine/model/lora_io.h"

enum { PATH_SIZE = RUN_PATH_SIZE + 64 };

void session_base_path(const RunConfig *config, const char *run, char *path)
{
    if (config->model.path[0] != '\0') {
        snprintf(path, PATH_SIZE, "%s", config->model.path);
    } else {
        snprintf(path, PATH_SIZE, "%.1000s/base", run);
    }
}

static LoraConfig lora_config(const RunConfig *config)
{
    LoraConfig lora = {.rank    = config->adapter.rank,
                       .alpha   = config->adapter.alpha,
                       .rslora  = config->adapter.rslora,
                       .dropout = config->adapter.dropout};
    for (uint32_t i = 0; i < config->adapter.target_count; i++) {
        lora.targets |= 1u << projection_find(config->adapter.targets[i]); /* known ones: config_check */
    }
    return lora;
}

static Lora *open_lora(const Session *session, bool value_head, Error *error)
{
    const RunConfig   *config = &session->config;
    const ModelConfig *model  = &session->base->config;
    const char        *from   = session->resuming ? session->checkpoint_path : config->adapter.path;
    const LoraConfig   wanted = lora_config(config);
    Lora              *lora   = from[0] != '\0' ? lora_load(session->gpu, model, from, value_head, error)
                                                : lora_new(session->gpu, model, &wanted, value_head, error);
    if (lora != NULL && from[0] == '\0' && lora_init(lora, config->seed, error) != STATUS_OK) {
        lora_free(lora);
        return NULL;
    }
    if (lora != NULL) {
        lora->config.dropout = config->adapter.dropout; /* of this run, whatever an earlier one had */
    }
    return lora;
}

/* A new policy with a value head takes the base's, which model_load has zeroed if the file has none. */
static Status copy_value_head(const Session *session, const Lora *lora, Error *error)
{
    const Model *base   = session->base;
    const bool   wanted = lora->value_head && base->value_head && !session->resuming;
    if (!wanted) {
        return STATUS_OK;
    }
    const uint64_t width = base->config.hidden_size;
    gpu_stream_begin(session->stream);
    gpu_copy(session->stream, model_span(lora->parameters, lora->value_weight, width),
             model_span(base->parameters, base->value_weight, width));
    gpu_copy(session->stream, model_span(lora->parameters, lora->value_bias, 1),
             model_span(base->parameters, base->value_bias, 1));
    return gpu_stream_run(session->stream, error);
}

static void tell(const Session *session, const Lora *lora)
{
    char   targets[128] = "";
    size_t used         = 0;
    for (Projection t = 0; t < PROJECTIONS; t++) {
        if ((lora->config.targets >> t & 1) != 0) {
            used += (size_t)snprintf(targets + used, sizeof targets - used, " %s", projection_name(t));
        }
    }
    events_log(session->events, "info",
               "adapter of rank %u, alpha %g on%s: %llu parameters beside %llu frozen ones in %s, %.1f MiB",
               lora->config.rank, lora->config.alpha, targets, (unsigned long long)lora_parameter_count(lora),
               (unsigned long long)model_parameter_count(session->base), weight_format_name(session->base->weights),
               (double)model_bytes(session->base) / 1048576.0);
}

Status session_adapter_open(Session *session, Error *error)
{
    session->base   = session->policy;
    session->policy = NULL;
    Lora *lora      = open_lora(session, session->config.model.critic == CRITIC_SHARED, error);
    if (lora == NULL || copy_value_head(session, lora, error) != STATUS_OK) {
        lora_free(lora);
        return error->status;
    }
    session->policy = model_with_lora(session->base, lora, error);
    if (session->policy == NULL) {
        return error->status;
    }
    if (session->events != NULL) {
        tell(session, lora);
    }
    return STATUS_OK;
}

Status session_adapter_save(const Session *session, const Model *model, const char *directory, Error *error)
{
    char path[PATH_SIZE], whole[2 * PATH_SIZE] = "";
    session_base_path(&session->config, run_dir_path(session->run), path);
    if (path[0] != '/' && getcwd(whole, sizeof whole - sizeof path) != NULL) { /* PEFT reads it from anywhere */
        strcat(whole, "/");
    }
    strcat(whole, path);
    return lora_save(model->lora, directory, whole, error);
}

/* `lora` on the session's base; it is taken, NULL fails. */
static Model *on_base(const Session *session, Lora *lora, Error *error)
{
    return lora != NULL ? model_with_lora(session->base, lora, error) : NULL;
}

Model *session_adapter_critic(const Session *session, bool resumed, Error *error)
{
    const Lora *actor = session->policy->lora;
    char        path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/critic", session->checkpoint_path);
    if (resumed) {
        return on_base(session, lora_load(session->gpu, &session->base->config, path, true, error), error);
    }
    Lora *lora = lora_new(session->gpu, &session->base->config, &actor->config, true, error);
    if (lora != NULL && lora_copy(lora, actor, error) != STATUS_OK) {
        lora_free(lora);
        return NULL;
    }
    return on_base(session, lora, error);
}

Model *session_adapter_reference(const Session *session, bool resumed, Error *error)
{
    const RunConfig *config = &session->config;
    char             path[PATH_SIZE];
    if (config->stages[0] == STAGE_RL && config->adapter.path[0] == '\0') { /* B is still zero where the stage begins */
        return model_with_lora(session->base, NULL, error);
    }
    if (gpu_is_dry(session->gpu)) { /* no file to go through */
        return on_base(session,
                       lora_new(session->gpu, &session->base->config, &session->policy->lora->config, false, error),
                       error);
    }
    snprintf(path, sizeof path, "%.1000s/reference", run_dir_path(session->run));
    if (!resumed && session_adapter_save(session, session->policy, path, error) != STATUS_OK) {
        return NULL;
    }
    return on_base(session, lora_load(session->gpu, &session->base->config, path, false, error), error);
}
