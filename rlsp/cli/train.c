/* rlsp train: the stages of a config, in this process or, behind a dashboard or detached, in one of its own. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "rlsp/cli/cli.h"
#include "rlsp/cli/model.h"
#include "rlsp/cli/options.h"
#include "rlsp/cli/profile.h"
#include "rlsp/cli/train_process.h"
#include "rlsp/run/json_line.h"
#include "rlsp/run/progress.h"
#include "rlsp/train/session.h"
#include "tui/dashboard/dashboard.h"

static volatile sig_atomic_t stop_requested;

/* The first Ctrl-C (or SIGTERM) finishes the step and saves; the second ends the program now. A terminal that closes
 * asks for the first only, however often: its shell and the system both say so. */
static void on_stop(int number)
{
    if (stop_requested && number != SIGHUP) {
        _exit(130);
    }
    if (stop_requested) {
        return;
    }
    stop_requested            = 1;
    static const char text[]  = "\nrlsp: finishing this step, then saving (again: stop now, without saving)\n";
    ssize_t           written = write(2, text, sizeof text - 1);
    (void)written;
}

static void catch_signals(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_stop;
    action.sa_flags   = SA_RESTART;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    struct sigaction hang_up;
    if (sigaction(SIGHUP, NULL, &hang_up) == 0 && hang_up.sa_handler != SIG_IGN) { /* else: nohup */
        sigaction(SIGHUP, &action, NULL);
    }
}

/* What one `rlsp train` does, in whichever process. */
typedef struct Trainer {
    SessionOptions    session;
    const char       *run; /* directory                                   */
    bool              profile, detach, json;
    Progress         *progress; /* NULL: no lines                              */
    uint64_t          cursor;   /* in the ring of events                       */
    const TrainChild *child;    /* not NULL: this is a trainer's own process   */
    bool              to_log;   /* what is printed goes to the run's log.txt   */
} Trainer;

/* After every step: prints lines. A trainer that was left alone prints to its log from then on. */
static void follow(void *user, Events *events)
{
    Trainer *trainer = user;
    for (Event *event; (event = events_ring_next(events, false, &trainer->cursor)) != NULL; event_free(event)) {
        if (trainer->progress != NULL) {
            progress_event(trainer->progress, event);
        }
        if (trainer->json) {
            event_print(event, stdout);
        }
    }
    if (trainer->json) {
        fflush(stdout);
    }
    if (trainer->child != NULL && !trainer->to_log && control_closed(trainer->session.control)) {
        train_child_print_to_log(trainer->run);
        trainer->to_log = true;
    }
}

static void say(void *user, const char *line)
{
    (void)user;
    fprintf(stderr, "rlsp train: %s\n", line);
}

static void print_profile(Gpu *gpu, double steps)
{
    Profile profile;
    Error   error = {0};
    profile_take(gpu, &profile);
    ceilings_measure(gpu, &profile.ceilings, &error); /* without them where they fail: too little memory */
    profile_print(stderr, &profile, steps > 0 ? steps : 1);
}

static Status train(Trainer *trainer, Error *error)
{
    if (trainer->session.config != NULL && trainer->session.config->model.path[0] != '\0') {
        cli_say_loading("train", trainer->session.config->model.path);
    }
    Session *session = session_open(&trainer->session, error);
    if (session == NULL) {
        return error->status;
    }
    const GpuInfo *info = gpu_info(session->gpu);
    fprintf(stderr, "rlsp train: device %d, %s (%s)%s\n", info->index, info->name, info->driver,
            info->type == GPU_CPU ? ": a CPU Vulkan device, no GPU is used" : "");
    fprintf(stderr, "rlsp train: %s, %llu parameters, run in %s\n", session->config.name,
            (unsigned long long)model_parameter_count(session->policy), run_dir_path(session->run));
    if (trainer->child != NULL) {
        train_child_ready(trainer->child);
        if (trainer->detach) {
            train_child_print_to_log(trainer->run);
            trainer->to_log = true;
        }
    }
    const uint64_t before = session->step;
    Status         status = session_train(session, error);
    if (trainer->profile) {
        print_profile(session->gpu, (double)(session->step - before));
    }
    status = status == STATUS_OK ? cli_check_validation(session->gpu, error) : status;
    session_close(session);
    return status;
}

/* --- the ways to run it --------------------------------------------------------------- */

static void say_what_is_there(const char *run)
{
    char      *best     = path_join(run, "checkpoints/best");
    const bool has_best = best != NULL && file_exists(best);
    fprintf(stderr, "rlsp train: done; the model is %s/checkpoints/%s, and rlsp watch %s shows the run\n", run,
            has_best ? "best" : "last", run);
    free(best);
}

/* In this process, a line per step. */
static int train_here(Trainer *trainer, Error *error)
{
    catch_signals();
    trainer->progress = trainer->json ? NULL : progress_new(stderr, isatty(2) == 1);
    Status status     = train(trainer, error);
    progress_free(trainer->progress);
    control_free(trainer->session.control);
    if (status != STATUS_OK) {
        fprintf(stderr, "rlsp train: %s\n", error->text);
        return error_exit_code(status);
    }
    say_what_is_there(trainer->run);
    return cli_finish_output("train");
}

/* The body of a trainer's own process. */
static int train_child(const TrainChild *child, void *user)
{
    Trainer *trainer = user;
    Error    error   = {0};
    catch_signals();
    trainer->json            = false; /* what is printed here is for the log */
    trainer->child           = child;
    trainer->session.control = control_new(child->control);
    Status status            = trainer->session.control != NULL ? train(trainer, &error)
                                                                : error_set(&error, STATUS_OUT_OF_MEMORY, "out of memory");
    control_free(trainer->session.control);
    if (status != STATUS_OK) {
        fprintf(stderr, "rlsp train: %s\n", error.text);
        train_child_ends(child, error.text);
    }
    return error_exit_code(status);
}

/* Starts a trainer and waits until its run is open. False: it could not be, which was said; *code is the exit code. */
static bool start_child(Trainer *trainer, TrainProcess *process, int *code, Error *error)
{
    if (train_process_start(process, train_child, trainer, error) != STATUS_OK) {
        fprintf(stderr, "rlsp train: %s\n", error->text);
        *code = error_exit_code(error->status);
        return false;
    }
    if (!train_process_ready(process)) {
        *code = train_process_finish(process, trainer->run, false);
        return false;
    }
    return true;
}

/* Starts a trainer and leaves it alone once its run is open. */
static int train_detached(Trainer *trainer, Error *error)
{
    TrainProcess process;
    int          code;
    if (!start_child(trainer, &process, &code, error)) {
        return code;
    }
    if (trainer->json) {
        JsonLine line = {0};
        json_line_begin(&line, '{');
        json_line_text_field(&line, "run", trainer->run);
        json_line_key(&line, "pid");
        json_line_number(&line, (double)process.pid);
        json_line_end(&line, '}');
        cli_print_line(&line); /* the run goes on without it */
    } else {
        printf("run %s\npid %ld\n", trainer->run, (long)process.pid);
    }
    train_process_leave(&process);
    return cli_finish_output("train");
}

/* The trainer in a process of its own, and the dashboard here. Where the terminal cannot show it: lines. */
static int train_shown(Trainer *trainer, Error *error)
{
    TrainProcess process;
    int          code;
    if (!start_child(trainer, &process, &code, error)) {
        return code;
    }
    DashboardEnd           end;
    const DashboardOptions options = {.runs      = &trainer->run,
                                      .run_count = 1,
                                      .control   = process.control,
                                      .output    = process.output,
                                      .child     = process.pid};
    if (dashboard_run(&options, &end, error) != STATUS_OK) {
        fprintf(stderr, "rlsp train: a line per step instead of the dashboard: %s\n", error->text);
        train_process_follow(&process, trainer->run);
        return train_process_finish(&process, trainer->run, false);
    }
    if (end == DASHBOARD_DETACHED) {
        fprintf(stderr, "rlsp train: pid %ld trains on; rlsp watch %s shows it, kill %ld stops it after saving\n",
                (long)process.pid, trainer->run, (long)process.pid);
        train_process_leave(&process);
        return 0;
    }
    code = train_process_finish(&process, trainer->run, true);
    if (code == 0) {
        say_what_is_there(trainer->run);
    }
    return code;
}

static const char summary[] =
    "Trains a model: the stages (sft, rl) that a config lists. In a terminal the dashboard shows it (? lists its\n"
    "keys), and the trainer is a process of its own that goes on if the terminal closes. With --batch, Ctrl-C, or a\n"
    "terminal that closes, finishes the step, saves and exits 130; nohup keeps it from the latter.";

int cli_train(int argc, char **argv)
{
    const char      *config_path = NULL, *out = NULL, *resume = NULL, *device = NULL;
    bool             batch = false, detach = false, profile = false, validate = false, json = false;
    int64_t          control   = -1;
    ArgsList         sets      = {0};
    const ArgsOption options[] = {
        option_config(&config_path),
        option_set(&sets),
        args_text("out", &out, "DIR", "the run's directory (runs/NAME)"),
        args_text("resume", &resume, "DIR", "go on with a run from its last checkpoint"),
        option_device(&device),
        args_flag("batch", &batch, "a line per step instead of the dashboard, as where there is no terminal"),
        args_flag("detach", &detach, "train in the background: print the run's directory and process id, and return"),
        args_integer(
            "control", &control, "FD",
            "read commands from this open descriptor, a line each: pause, resume, checkpoint, sample \"TEXT\", stop", 0,
            1 << 20),
        args_flag("profile", &profile, "time every kernel and print a table at the end; no dashboard"),
        args_flag("json", &json,
                  "every event as a line of JSON on stdout, as in events.jsonl; no dashboard. With --detach: the run "
                  "and its process id"),
        option_validate(&validate),
    };
    const ArgsCommand command = {.name         = "train",
                                 .usage        = "--config F [--set a.b=v]… [--out DIR] | --resume DIR",
                                 .summary      = summary,
                                 .options      = options,
                                 .option_count = sizeof options / sizeof *options};
    int               exit_code;
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
    if (detach && (control >= 0 || profile)) {
        error_set(&error, STATUS_BAD_INPUT,
                  "--detach leaves nobody who could give --control or read --profile; leave it out");
        return args_fail(&command, &error);
    }
    if (control >= 0 && fcntl((int)control, F_GETFD) < 0) {
        error_set(&error, STATUS_BAD_INPUT,
                  "--control %lld is no open descriptor; open one, as in '--control 3 3<pipe'", (long long)control);
        return args_fail(&command, &error);
    }
    Trainer trainer = {.run = resume != NULL ? resume : out, .profile = profile, .detach = detach, .json = json};
    trainer.session = (SessionOptions){.config   = config_path != NULL ? &config : NULL,
                                       .out      = out,
                                       .resume   = resume,
                                       .device   = device,
                                       .profile  = profile,
                                       .validate = validate,
                                       .stop     = &stop_requested,
                                       .say      = say,
                                       .on_step  = follow,
                                       .user     = &trainer};
    if (detach) {
        return train_detached(&trainer, &error);
    }
    if (!batch && !json && control < 0 && !profile) {
        if (isatty(0) && isatty(1)) {
            return train_shown(&trainer, &error);
        }
        fprintf(stderr, "rlsp train: standard %s is no terminal: a line per step\n", isatty(1) ? "input" : "output");
    }
    if (control >= 0 && (trainer.session.control = control_new((int)control)) == NULL) {
        error_set(&error, STATUS_OUT_OF_MEMORY, "out of memory");
        return args_fail(&command, &error);
    }
    return train_here(&trainer, &error);
}
