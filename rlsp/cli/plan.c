/* rlsp plan: what a run will need of a device, and what would make it fit. */
#include "rlsp/train/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/run/json_line.h"

enum { CHANGES_MAX = 24, DEVICES_MAX = 64 };

/* A change of the config that may save memory. */
typedef struct Change {
    char     set[96]; /* as --set takes it */
    uint64_t peak;    /* with it alone     */
} Change;

typedef struct Request {
    const char *path;
    ArgsList    sets;
    GpuInfo     info;
    RunConfig   config;
    RunPlan     plan;
    Change      changes[CHANGES_MAX];
    int         change_count;
    ArgsList    together;      /* changes that together make it fit, each the one that saves most at its turn */
    uint64_t    together_peak; /* 0: it fits as it is, or cannot be made to */
} Request;

static double gib(uint64_t bytes)
{
    return (double)bytes / 1073741824.0;
}

/* "12.34 GiB" or "567.8 MiB" or "1.2 KiB", in the caller's buffer. */
static const char *amount(char text[24], uint64_t bytes)
{
    if (bytes >= (uint64_t)1 << 30) {
        snprintf(text, 24, "%.2f GiB", gib(bytes));
    } else if (bytes >= 100 << 10) {
        snprintf(text, 24, "%.1f MiB", (double)bytes / 1048576.0);
    } else {
        snprintf(text, 24, "%.1f KiB", (double)bytes / 1024.0);
    }
    return text;
}

/* --- devices */

/* The device that `select` means, as gpu_open chooses. */
static Status find_device(const char *select, GpuInfo *info, Error *error)
{
    GpuInfo *infos = calloc(DEVICES_MAX, sizeof *infos);
    int      count = infos != NULL ? gpu_list(infos, DEVICES_MAX, error) : 0;
    int      found = count > 0 ? gpu_choose(infos, count, select, error) : -1;
    if (found >= 0) {
        *info = infos[found];
    }
    free(infos);
    return found >= 0
               ? STATUS_OK
               : error_set(error, STATUS_FAILED, "no Vulkan device; --memory GIB plans for a GPU that is not here");
}

/* --- what would make it fit */

static Status plan_with(const Request *request, const ArgsList *sets, RunPlan *plan, Error *error)
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

static void add_change(Request *request, const char *format, ...)
{
    if (request->change_count < CHANGES_MAX) {
        va_list values;
        va_start(values, format);
        vsnprintf(request->changes[request->change_count++].set, sizeof request->changes[0].set, format, values);
        va_end(values);
    }
}

/* What can be changed without changing what is learnt, then what does. */
static void list_changes(Request *request)
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
static int best_change(const Request *request, const ArgsList *sets, uint64_t peak, uint64_t available,
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

static void find_changes(Request *request)
{
    const uint64_t available         = run_plan_available(&request->plan);
    bool           used[CHANGES_MAX] = {false};
    ArgsList       sets              = request->sets;
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

/* --- output */

static void print_rows(const RunPlan *plan, bool host)
{
    for (int i = 0; i < plan->row_count; i++) {
        if (plan->rows[i].host == host) {
            char text[24];
            printf("  %-52s %12s\n", plan->rows[i].name, amount(text, plan->rows[i].bytes));
        }
    }
}

/* "8.03 billion", "494 million". */
static const char *count_text(char text[24], uint64_t count)
{
    const double number = (double)count;
    snprintf(text, 24, "%.3g %s", number / (number >= 999.5e6 ? 1e9 : 1e6), number >= 999.5e6 ? "billion" : "million");
    return text;
}

static void print_text(const Request *request)
{
    const RunPlan *plan      = &request->plan;
    const uint64_t available = run_plan_available(plan);
    bool           host      = false;
    char           text[24];
    for (int i = 0; i < plan->row_count; i++) {
        host = host || plan->rows[i].host;
    }
    char trained[24];
    printf("%s: %s parameters, %s trained, prompts of up to %u tokens\n", request->config.name,
           count_text(text, plan->parameters), count_text(trained, plan->trained), plan->prompt_tokens);
    printf("on %s: %s%s\n\n", plan->device.name, amount(text, available),
           plan->device.memory_free_bytes > 0 ? " free" : "");
    print_rows(plan, false);
    printf("  %-52s %12s  (%s)\n", "peak", amount(text, plan->peak_bytes), run_stage_name(plan->stage));
    if (host) {
        printf("\nof the host's memory\n");
        print_rows(plan, true);
    }
    for (int i = 0; i < plan->note_count; i++) {
        printf("\nnote: %s\n", plan->notes[i]);
    }
    if (plan->peak_bytes <= available) {
        printf("\nIt fits: %s are left.\n", amount(text, available - plan->peak_bytes));
        return;
    }
    printf("\nIt does not fit: %s are missing.\n", amount(text, plan->peak_bytes - available));
    for (int i = 0; i < request->change_count; i++) {
        printf("  %-52s %12s%s\n", request->changes[i].set, amount(text, request->changes[i].peak),
               request->changes[i].peak <= available ? "  fits" : "");
    }
    if (request->together_peak == 0) {
        printf("None of these makes it fit%s.\n", request->change_count > 1 ? ", nor do all together" : "");
        return;
    }
    printf("With these it fits:");
    for (int i = 0; i < request->together.count; i++) {
        printf(" --set %s", request->together.items[i]);
    }
    printf("   %s\n", amount(text, request->together_peak));
}

static bool print_json(const Request *request)
{
    const RunPlan *plan = &request->plan;
    JsonLine       line = {0};
    json_line_begin(&line, '{');
    json_line_text_field(&line, "name", request->config.name);
    json_line_number_field(&line, "parameters", (double)plan->parameters);
    json_line_number_field(&line, "trained_parameters", (double)plan->trained);
    json_line_number_field(&line, "prompt_tokens", plan->prompt_tokens);
    json_line_text_field(&line, "device", plan->device.name);
    json_line_number_field(&line, "available_bytes", (double)run_plan_available(plan));
    json_line_number_field(&line, "peak_bytes", (double)plan->peak_bytes);
    json_line_text_field(&line, "stage", run_stage_name(plan->stage));
    json_line_key(&line, "fits");
    json_line_bool(&line, plan->peak_bytes <= run_plan_available(plan));
    json_line_key(&line, "parts");
    json_line_begin(&line, '[');
    for (int i = 0; i < plan->row_count; i++) {
        json_line_begin(&line, '{');
        json_line_text_field(&line, "name", plan->rows[i].name);
        json_line_number_field(&line, "bytes", (double)plan->rows[i].bytes);
        json_line_key(&line, "host");
        json_line_bool(&line, plan->rows[i].host);
        json_line_end(&line, '}');
    }
    json_line_end(&line, ']');
    json_line_key(&line, "changes");
    json_line_begin(&line, '[');
    for (int i = 0; i < request->change_count; i++) {
        json_line_begin(&line, '{');
        json_line_text_field(&line, "set", request->changes[i].set);
        json_line_number_field(&line, "peak_bytes", (double)request->changes[i].peak);
        json_line_end(&line, '}');
    }
    json_line_end(&line, ']');
    json_line_key(&line, "fits_with");
    json_line_begin(&line, '[');
    for (int i = 0; i < request->together.count && request->together_peak > 0; i++) {
        json_line_string(&line, request->together.items[i], strlen(request->together.items[i]));
    }
    json_line_end(&line, ']');
    json_line_key(&line, "notes");
    json_line_begin(&line, '[');
    for (int i = 0; i < plan->note_count; i++) {
        json_line_string(&line, plan->notes[i], strlen(plan->notes[i]));
    }
    json_line_end(&line, ']');
    json_line_end(&line, '}');
    return cli_print_line(&line);
}

int cli_plan(int argc, char **argv)
{
    static Request   request;
    bool             json      = false;
    double           memory    = 0.0;
    const char      *device    = NULL;
    const ArgsOption options[] = {
        {.name        = "config",
         .type        = ARGS_TEXT,
         .value       = &request.path,
         .placeholder = "FILE",
         .help        = "of the run; model.path need hold no more than config.json",
         .required    = true},
        {.name        = "set",
         .type        = ARGS_LIST,
         .value       = &request.sets,
         .placeholder = "a.b=v",
         .help        = "override a key; may be repeated"},
        {.name        = "device",
         .type        = ARGS_TEXT,
         .value       = &device,
         .placeholder = "N|NAME",
         .help        = "plan for this device (default: the config's, else the best)"},
        {.name        = "memory",
         .type        = ARGS_REAL,
         .value       = &memory,
         .placeholder = "GIB",
         .help        = "plan for a GPU that is not here, with so much memory of its own",
         .min         = 0.001,
         .max         = 1e6},
        {.name = "json", .type = ARGS_FLAG, .value = &json, .help = "one JSON object"},
    };
    const ArgsCommand command = {
        .name         = "plan",
        .usage        = "--config FILE [--set a.b=v]… [--device N | --memory GIB] [--json]",
        .summary      = "Says what a run will need of a device's memory, part by part, whether it fits, and which\n"
                        "changes of the config would make it fit. Nothing is loaded: everything that training\n"
                        "opens is only counted.",
        .options      = options,
        .option_count = sizeof options / sizeof *options};
    int exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error  error  = {0};
    Status status = run_config_read(request.path, request.sets.items, request.sets.count, &request.config, &error);
    if (status == STATUS_OK && memory > 0.0) {
        request.info = gpu_info_typical((uint64_t)(memory * 1073741824.0));
    } else if (status == STATUS_OK) {
        status = find_device(device != NULL ? device : request.config.device, &request.info, &error);
    }
    status = status == STATUS_OK ? run_plan(&request.config, &request.info, &request.plan, &error) : status;
    if (status != STATUS_OK) {
        return args_fail(&command, &error);
    }
    if (request.plan.peak_bytes > run_plan_available(&request.plan)) {
        find_changes(&request);
    }
    if (json && !print_json(&request)) {
        error_set(&error, STATUS_OUT_OF_MEMORY, "out of memory while printing the plan");
        return args_fail(&command, &error);
    }
    if (!json) {
        print_text(&request);
    }
    return cli_finish_output(command.name);
}
