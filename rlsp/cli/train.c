/* rlsp train: the stages of a config, headless. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rlsp/cli/args.h"
#include "rlsp/cli/cli.h"
#include "rlsp/run/progress.h"
#include "rlsp/train/session.h"

static volatile sig_atomic_t stop_requested;

/* The first Ctrl-C (or SIGTERM) finishes the step and saves; the second ends the program now. */
static void on_stop(int number)
{
    (void)number;
    if (stop_requested) {
        _exit(130);
    }
    stop_requested = 1;
    static const char text[] = "\nrlsp: finishing this step, then saving (again: stop now, without saving)\n";
    ssize_t           written = write(2, text, sizeof text - 1);
    (void)written;
}

static void catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_stop;
    action.sa_flags = SA_RESTART;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Reads the ring of events and prints lines. */
typedef struct Follower {
    Progress *progress;
    uint64_t  cursor;
} Follower;

static void follow(void *user, Events *events)
{
    Follower *follower = user;
    for (Event *event; (event = events_ring_next(events, false, &follower->cursor)) != NULL; event_free(event)) {
        if (follower->progress != NULL) {
            progress_event(follower->progress, event);
        }
    }
}

static void print_profile(const Gpu *gpu)
{
    GpuProfileRow rows[64];
    const int     count = gpu_profile_rows(gpu, rows, 64);
    double        total = 0.0;
    for (int i = 0; i < count; i++) {
        total += rows[i].seconds;
    }
    fprintf(stderr, "%-28s %10s %10s %10s %7s\n", "kernel", "calls", "seconds", "us/call", "share");
    for (int i = 0; i < count; i++) {
        fprintf(stderr, "%-28s %10llu %10.3f %10.1f %6.1f%%\n", rows[i].kernel, (unsigned long long)rows[i].calls, rows[i].seconds,
                1e6 * rows[i].seconds / (double)rows[i].calls, 100.0 * rows[i].seconds / total);
    }
}

static Status train(const SessionOptions *options, bool profile, Error *error)
{
    Session *session = session_open(options, error);
    if (session == NULL) {
        return error->status;
    }
    const GpuInfo *info = gpu_info(session->gpu);
    fprintf(stderr, "rlsp train: device %d, %s (%s)%s\n", info->index, info->name, info->driver,
            info->type == GPU_CPU ? ": a CPU Vulkan device, no GPU is used" : "");
    fprintf(stderr, "rlsp train: %s, %llu parameters, run in %s\n", session->config.name,
            (unsigned long long)model_parameter_count(session->policy), run_dir_path(session->run));
    Status status = session_train(session, error);
    if (profile) {
        print_profile(session->gpu);
    }
    if (status == STATUS_OK && gpu_validation_count(session->gpu) > 0) {
        status = error_set(error, STATUS_FAILED, "validation: %s", gpu_validation_first(session->gpu));
    }
    session_close(session);
    return status;
}

int cli_train(int argc, char **argv)
{
    const char *config_path = NULL, *out = NULL, *resume = NULL, *device = NULL;
    bool        batch = false, profile = false, validate = false;
    ArgsList    sets = {0};
    const ArgsOption options[] = {
        {"config", ARGS_TEXT, &config_path, "F", "the run's config (JSON)", 0, 0, NULL, false},
        {"set", ARGS_LIST, &sets, "a.b=v", "overrides a key of the config; may be given several times", 0, 0, NULL, false},
        {"out", ARGS_TEXT, &out, "DIR", "run directory (default: runs/NAME)", 0, 0, NULL, false},
        {"resume", ARGS_TEXT, &resume, "DIR", "goes on with a run from its last checkpoint", 0, 0, NULL, false},
        {"device", ARGS_TEXT, &device, "N", "index or part of a name, see 'rlsp devices'", 0, 0, NULL, false},
        {"batch", ARGS_FLAG, &batch, NULL, "one line per step (this version has no other display)", 0, 0, NULL, false},
        {"profile", ARGS_FLAG, &profile, NULL, "times every kernel and prints a table at the end", 0, 0, NULL, false},
        {"validate", ARGS_FLAG, &validate, NULL, "runs under the Vulkan validation layer and fails if it said anything", 0, 0, NULL, false},
    };
    const ArgsCommand command = {.name = "train",
                                 .usage = "--config F [--set a.b=v]... [--out DIR] | --resume DIR",
                                 .summary = "Trains a model: the stages (sft, rl) that a config lists. Ctrl-C finishes the step, saves and exits 130.",
                                 .options = options,
                                 .option_count = sizeof options / sizeof *options};
    int exit_code;
    if (!args_begin(&command, argc, argv, &exit_code)) {
        return exit_code;
    }
    Error     error = {0};
    RunConfig config;
    char      default_out[RUN_NAME_SIZE + 8];
    if ((config_path == NULL) == (resume == NULL) || (resume != NULL && (out != NULL || sets.count > 0))) {
        error_set(&error, STATUS_BAD_INPUT, "give either --config (with --set and --out), or --resume alone");
        return args_fail(&command, &error);
    }
    if (config_path != NULL) {
        if (run_config_read(config_path, sets.items, sets.count, &config, &error) != STATUS_OK) {
            return args_fail(&command, &error);
        }
        snprintf(default_out, sizeof default_out, "runs/%s", config.name);
        out = out != NULL ? out : default_out;
    }
    catch_signals();
    Follower             follower = {.progress = progress_new(stderr, isatty(2) == 1)};
    const SessionOptions session_options = {.config = config_path != NULL ? &config : NULL, .out = out, .resume = resume, .device = device,
                                            .profile = profile, .validate = validate, .stop = &stop_requested, .on_step = follow, .user = &follower};
    Status status = train(&session_options, profile, &error);
    progress_free(follower.progress);
    if (status != STATUS_OK) {
        return args_fail(&command, &error);
    }
    return cli_finish_output("train");
}
