/* The trainer that this command started: commands to it, what it prints, whether it is still there. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tui/dashboard/dashboard_parts.h"

enum { LOG_LOOK_BACK = 400, READS_PER_TURN = 16 };

static bool has_trainer(Dashboard *dashboard)
{
    if (!dashboard->trainer.alive) {
        dashboard_say(dashboard, dashboard->options->child > 0
                                     ? "the trainer has ended"
                                     : "this run is only watched: keys for its trainer work where it was started");
    }
    return dashboard->trainer.alive;
}

static bool send(Dashboard *dashboard, ControlCommand command, const char *text)
{
    Error error = {0};
    if (control_send(dashboard->options->control, command, text, &error) != STATUS_OK) {
        dashboard_say(dashboard, "%s", error.text);
        return false;
    }
    return true;
}

void trainer_command(Dashboard *dashboard, ControlCommand command, const char *text)
{
    if (has_trainer(dashboard) && send(dashboard, command, text)) {
        dashboard_say(dashboard, command == CONTROL_SAMPLE
                                     ? "the prompt will be sampled after this step, as the newest trace"
                                     : "asked for a checkpoint; it is saved between two steps");
    }
}

void trainer_pause_or_resume(Dashboard *dashboard)
{
    if (!has_trainer(dashboard)) {
        return;
    }
    const bool pause = !dashboard->trainer.wants_pause;
    if (send(dashboard, pause ? CONTROL_PAUSE : CONTROL_RESUME, NULL)) {
        dashboard->trainer.wants_pause = pause;
        dashboard_say(dashboard, pause ? "it will pause after this step" : "going on");
    }
}

void trainer_stop(Dashboard *dashboard)
{
    if (!has_trainer(dashboard)) {
        return;
    }
    if (send(dashboard, CONTROL_STOP, NULL) || kill(dashboard->options->child, SIGTERM) == 0) {
        dashboard->trainer.stopping = true;
        dashboard_say(dashboard, "finishing the step, then saving");
    }
}

void trainer_kill(Dashboard *dashboard)
{
    if (has_trainer(dashboard)) {
        dashboard->trainer.stopping = true; /* its end is what is waited for */
        kill(dashboard->options->child, SIGKILL);
    }
}

void trainer_signalled(Dashboard *dashboard)
{
    if (dashboard->trainer.alive) {
        trainer_stop(dashboard);
    }
    dashboard_leave(dashboard, dashboard->options->child > 0 ? DASHBOARD_STOPPED : DASHBOARD_LEFT);
}

/* --- what it prints */

static void end_line(Dashboard *dashboard)
{
    TrainerLook *trainer                = &dashboard->trainer;
    trainer->line[trainer->line_length] = '\0';
    if (trainer->line_length > 0) {
        history_log_add(dashboard->runs[0], trainer->line);
        dashboard->dirty = true;
    }
    trainer->line_length = 0;
}

static void take_output(Dashboard *dashboard, const char *bytes, size_t count)
{
    TrainerLook *trainer = &dashboard->trainer;
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\n' || bytes[i] == '\r' || trainer->line_length + 1 == sizeof trainer->line) {
            end_line(dashboard);
        }
        if (bytes[i] != '\n' && bytes[i] != '\r' && bytes[i] != '\0') {
            trainer->line[trainer->line_length++] = bytes[i];
        }
    }
}

void trainer_read(Dashboard *dashboard)
{
    const int descriptor = dashboard->options->output;
    if (!dashboard->trainer.output_open) {
        return;
    }
    fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK);
    for (int i = 0; i < READS_PER_TURN; i++) {
        char          bytes[4096];
        const ssize_t got = read(descriptor, bytes, sizeof bytes);
        if (got > 0) {
            take_output(dashboard, bytes, (size_t)got);
        } else if (got < 0 && errno == EINTR) {
            continue;
        } else {
            if (got == 0 || errno != EAGAIN) {
                dashboard->trainer.output_open = false;
                end_line(dashboard);
            }
            break;
        }
    }
}

/* --- whether it is there */

static void notice_end(Dashboard *dashboard, const siginfo_t *info)
{
    TrainerLook *trainer = &dashboard->trainer;
    trainer_read(dashboard);
    trainer->alive = false;
    if (trainer->stopping) {
        dashboard_leave(dashboard, DASHBOARD_STOPPED);
        return;
    }
    if (dashboard->overlay == OVERLAY_LEAVE || dashboard->overlay == OVERLAY_KILL ||
        dashboard->overlay == OVERLAY_PROMPT) {
        dashboard->overlay = OVERLAY_NONE; /* nobody is left to be asked about */
    }
    if (info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED) {
        char line[160];
        snprintf(line, sizeof line, "error: the trainer was ended by signal %d (%s)", info->si_status,
                 strsignal(info->si_status));
        history_log_add(dashboard->runs[0], line);
        dashboard_say(dashboard, "%s; q leaves", line + strlen("error: "));
    } else if (info->si_status == 0) {
        dashboard_say(dashboard, "the run is done; q leaves");
    } else {
        dashboard_say(dashboard, "the trainer has ended, the log says why; q leaves");
    }
}

/* The trainer says in the log that it has paused or goes on. */
static bool log_says_paused(const History *run)
{
    const int count = history_log_count(run);
    for (int i = count - 1; i >= 0 && i >= count - LOG_LOOK_BACK; i--) {
        const char *line = history_log_line(run, i);
        if (strstr(line, "resumed") != NULL || strstr(line, "going on from step") != NULL) {
            return false;
        }
        if (strstr(line, "paused after step") != NULL || strstr(line, "paused in the evaluation") != NULL) {
            return true;
        }
    }
    return false;
}

/* What the trainer has to say ("saved a checkpoint of step 20") also where there is no room for the log. */
static void say_news(Dashboard *dashboard)
{
    const History *run   = dashboard->runs[0];
    const int      count = history_log_count(run);
    const char    *last  = count > 0 ? history_log_line(run, count - 1) : "";
    TrainerLook   *look  = &dashboard->trainer;
    if (dashboard->reading || strncmp(last, look->news, sizeof look->news - 1) == 0) {
        return;
    }
    snprintf(look->news, sizeof look->news, "%s", last);
    if (look->listening) {
        dashboard_say(dashboard, "%s", pane_log_text(last));
    }
    look->listening = true; /* what was there from the start is no news */
}

void trainer_look(Dashboard *dashboard)
{
    if (dashboard->trainer.alive) {
        say_news(dashboard);
    }
    if (dashboard->trainer.alive) {
        siginfo_t info;
        memset(&info, 0, sizeof info);
        const int  result = waitid(P_PID, (id_t)dashboard->options->child, &info, WEXITED | WNOHANG | WNOWAIT);
        const bool gone   = result == 0 ? info.si_pid != 0 : errno == ECHILD;
        if (gone) {
            notice_end(dashboard, &info);
        }
    }
    dashboard->paused = (dashboard->options->child <= 0 || dashboard->trainer.alive) &&
                        !history_state(dashboard->runs[0])->ended && log_says_paused(dashboard->runs[0]);
}
