/* rlsp plan: what a run will need of a device, and what would make it fit. */
#include "rlsp/cli/plan_changes.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "rlsp/cli/cli.h"
#include "rlsp/cli/options.h"
#include "rlsp/run/json_line.h"

enum { DEVICES_MAX = 64 };

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

/* --- the disk */

/* Bytes that are free where `path` is or will be: asks the nearest of its folders that is there. */
static bool free_bytes(const char *path, uint64_t *bytes)
{
    char           place[RUN_PATH_SIZE];
    struct statvfs info;
    snprintf(place, sizeof place, "%s", path);
    while (statvfs(place, &info) != 0) {
        char *slash = strrchr(place, '/');
        if (strcmp(place, ".") == 0 || strcmp(place, "/") == 0) {
            return false;
        }
        if (slash == NULL) {
            snprintf(place, sizeof place, ".");
        } else {
            slash[slash == place] = '\0'; /* the root's slash stays */
        }
    }
    *bytes = (uint64_t)info.f_bavail * info.f_frsize;
    return true;
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

/* "on disk: up to 4 checkpoints of 600.1 KiB, …" */
static void print_disk(const PlanRequest *request)
{
    const RunPlan *plan = &request->plan;
    char           one[24], all[24];
    uint64_t       space;
    amount(one, plan->checkpoint_bytes);
    amount(all, plan->disk_bytes);
    if (plan->checkpoints > 0) {
        printf("\non disk: up to %u checkpoint%s of %s, %s in all", plan->checkpoints,
               plan->checkpoints == 1 ? "" : "s", one, all);
    } else {
        printf("\non disk: %s for each checkpoint, and all are kept", one);
    }
    if (free_bytes(request->out, &space)) {
        printf("; %s: %s free%s", request->out, amount(one, space), space < plan->disk_bytes ? ", too little" : "");
    }
    printf("\n");
}

/* "8.03 billion", "494 million". */
static const char *count_text(char text[24], uint64_t count)
{
    const double number = (double)count;
    snprintf(text, 24, "%.3g %s", number / (number >= 999.5e6 ? 1e9 : 1e6), number >= 999.5e6 ? "billion" : "million");
    return text;
}

static void print_text(const PlanRequest *request)
{
    const RunPlan *plan      = &request->plan;
    const uint64_t available = run_plan_available(plan);
    bool           host      = false;
    char           text[24];
    for (int i = 0; i < plan->row_count; i++) {
        host = host || plan->rows[i].host;
    }
    char trained[24];
    printf("%s: %s parameters, %s trained, in %s, prompts of up to %u tokens\n", request->config.name,
           count_text(text, plan->parameters), count_text(trained, plan->trained), compute_type_name(plan->compute),
           plan->prompt_tokens);
    printf("on %s: %s%s\n\n", plan->device.name, amount(text, available),
           plan->device.memory_free_bytes > 0 ? " free" : "");
    print_rows(plan, false);
    printf("  %-52s %12s  (%s)\n", "peak", amount(text, plan->peak_bytes), run_stage_name(plan->stage));
    if (host) {
        printf("\nof the host's memory\n");
        print_rows(plan, true);
    }
    print_disk(request);
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

static bool print_json(const PlanRequest *request)
{
    const RunPlan *plan = &request->plan;
    JsonLine       line = {0};
    uint64_t       space;
    json_line_begin(&line, '{');
    json_line_text_field(&line, "name", request->config.name);
    json_line_number_field(&line, "parameters", (double)plan->parameters);
    json_line_number_field(&line, "trained_parameters", (double)plan->trained);
    json_line_text_field(&line, "precision", compute_type_name(plan->compute));
    json_line_number_field(&line, "prompt_tokens", plan->prompt_tokens);
    json_line_text_field(&line, "device", plan->device.name);
    json_line_number_field(&line, "available_bytes", (double)run_plan_available(plan));
    json_line_number_field(&line, "peak_bytes", (double)plan->peak_bytes);
    json_line_text_field(&line, "stage", run_stage_name(plan->stage));
    json_line_key(&line, "fits");
    json_line_bool(&line, plan->peak_bytes <= run_plan_available(plan));
    json_line_number_field(&line, "checkpoint_bytes", (double)plan->checkpoint_bytes);
    json_line_number_field(&line, "checkpoints", plan->checkpoints > 0 ? (double)plan->checkpoints : (double)NAN);
    json_line_number_field(&line, "disk_bytes", plan->checkpoints > 0 ? (double)plan->disk_bytes : (double)NAN);
    json_line_number_field(&line, "disk_free_bytes", free_bytes(request->out, &space) ? (double)space : (double)NAN);
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
    static PlanRequest request;
    bool               json   = false;
    double             memory = 0.0;
    const char        *device = NULL;
    char               place[RUN_NAME_SIZE + 8];
    const ArgsOption   options[] = {
          args_required(args_text("config", &request.path, "F",
                                  "the run's config; its model.path need hold no more than config.json")),
          option_set(&request.sets),
          args_text("device", &device, "N",
                    "plan for the device of this number or with this in its name (the config's, else the best)"),
          args_real("memory", &memory, "GIB",
                    "plan for a GPU that is not here, with so much memory of its own; it is taken to multiply bf16 and "
                      "f16 on matrix units, which precision=f32 leaves alone",
                    0.001, 1e6),
          args_text("out", &request.out, "DIR", "where the run will be, whose free space is told (runs/NAME)"),
          args_flag("json", &json, "print one JSON object"),
    };
    const ArgsCommand command = {
        .name         = "plan",
        .usage        = "--config F [--set a.b=v]… [--device N | --memory GIB] [--out DIR] [--json]",
        .summary      = "Says what a run will need of a device's memory, part by part, and of the disk, whether it\n"
                        "fits the device, and which changes of the config would make it fit. Nothing is loaded:\n"
                        "everything that training opens is only counted.",
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
    if (request.out == NULL) {
        snprintf(place, sizeof place, "runs/%s", request.config.name);
        request.out = place;
    }
    if (request.plan.peak_bytes > run_plan_available(&request.plan)) {
        plan_find_changes(&request);
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
