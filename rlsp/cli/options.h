/* Options that several subcommands have: rows of an ArgsOption table (args.h), each with one text.
 *
 *     const ArgsOption options[] = {args_required(option_model(&model)), option_device(&device), …};
 */
#ifndef RLSP_CLI_OPTIONS_H
#define RLSP_CLI_OPTIONS_H

#include "engine/model/weights.h"
#include "engine/ops/compute.h"
#include "rlsp/cli/args.h"
#include "rlsp/run/config.h"

/* Of a command whose output is JSON lines in any case. */
static inline ArgsOption option_json_always(bool *json)
{
    return args_flag("json", json, "nothing more: the output is JSON already");
}

/* --- a config */

static inline ArgsOption option_config(const char **path)
{
    return args_text("config", path, "F", "the run's config (JSON)");
}

static inline ArgsOption option_set(ArgsList *sets)
{
    return args_list("set", sets, "a.b=v", "override a key of the config; may be repeated");
}

/* --- a model */

static inline ArgsOption option_model(const char **directory)
{
    return args_text("model", directory, "DIR", "a Hugging Face model directory");
}

static inline ArgsOption option_adapter(const char **directory)
{
    return args_text("adapter", directory, "DIR", "a PEFT adapter (LoRA) of that model");
}

static inline ArgsOption option_weights(int *format) /* WeightFormat, or WEIGHTS_AS_STORED */
{
    return args_choice("weights", format, "W",
                       "how the model is kept on the device, rounded when loaded; auto: as its files are (auto)",
                       weights_names);
}

static inline ArgsOption option_precision(int *compute) /* ComputeType */
{
    return args_choice("precision", compute, "P", "what the model's matrix products multiply; sums are f32 (f32)",
                       compute_type_names);
}

static inline ArgsOption option_kv_cache(int *cache) /* ComputeType */
{
    return args_choice("kv-cache", cache, "T",
                       "how keys and values are kept; bf16 and f16 are rounded, in half the memory (f32)",
                       compute_type_names);
}

/* --- sampling */

static inline ArgsOption option_top_k(int64_t *k, double most)
{
    return args_integer("top-k", k, "K", "the K likeliest tokens only; 0: off (0)", 0, most);
}

static inline ArgsOption option_top_p(double *p)
{
    return args_real("top-p", p, "P", "the likeliest tokens that reach this probability; 0: off (0)", 0, 1);
}

static inline ArgsOption option_min_p(double *p)
{
    return args_real("min-p", p, "P", "tokens at least P times as likely as the likeliest; 0: off (0)", 0, 1);
}

/* --- a device */

static inline ArgsOption option_device(const char **device)
{
    return args_text("device", device, "N", "a device's number or part of its name, as rlsp devices lists them");
}

static inline ArgsOption option_kernels(int *kernels) /* RunKernels */
{
    return args_choice(
        "kernels", kernels, "K",
        "which kernels multiply matrices; probe: those measured once to be fastest on this device; auto: "
        "probe on GPUs (auto)",
        run_kernels_names);
}

static inline ArgsOption option_validate(bool *validate)
{
    return args_flag("validate", validate, "run under the Vulkan validation layer and fail if it said anything");
}

#endif
