/* Private to tui/dashboard*.c. */
#ifndef RLSP_TUI_DASHBOARD_PARTS_H
#define RLSP_TUI_DASHBOARD_PARTS_H

#include "rlsp/run/control.h"
#include "rlsp/run/history.h"
#include "tui/dashboard/dashboard.h"
#include "tui/pane/layout.h"
#include "tui/pane/pane_behaviour.h"
#include "tui/pane/pane_curves.h"
#include "tui/pane/pane_lengths.h"
#include "tui/pane/pane_log.h"
#include "tui/pane/pane_machine.h"
#include "tui/pane/pane_traces.h"
#include "tui/terminal/terminal.h"

/* PANE_REWARD to PANE_HEALTH are panes of curves. */
enum { CURVE_PANES = PANE_HEALTH + 1, DASHBOARD_LINE = 1024 };

/* What lies over the panes and takes the keys. */
typedef enum Overlay {
    OVERLAY_NONE,
    OVERLAY_HELP,
    OVERLAY_OPTIONS,
    OVERLAY_LEAVE,
    OVERLAY_KILL,
    OVERLAY_PROMPT
} Overlay;

/* Finished runs played back: what was written in their first `at` seconds is shown. */
typedef struct Replay {
    bool   on, begun, paused;
    double speed;
    double first[DASHBOARD_RUNS_MAX]; /* Unix time of their first events    */
    double length, at;                /* seconds of the longest; from the start */
    double moved;                     /* when `at` was moved last (dashboard_now) */
} Replay;

/* The trainer that this command started, where there is one. */
typedef struct TrainerLook {
    bool   alive;
    bool   stopping;    /* it was asked to stop                     */
    bool   wants_pause; /* the last of pause and resume that was asked for */
    bool   output_open;
    char   line[DASHBOARD_LINE]; /* [line_length] a line of its output that has no end yet */
    size_t line_length;
    char   news[DASHBOARD_LINE]; /* the newest line of the log */
    bool   listening;            /* the log has been read once */
} TrainerLook;

typedef struct Dashboard {
    const DashboardOptions *options;
    History                *runs[DASHBOARD_RUNS_MAX];
    Terminal               *terminal; /* NULL: a picture is wanted */
    Canvas                 *canvas;

    /* what is on the screen */
    Layout        layout;
    Pane          focus, curve; /* curve: the pane of curves that had the focus last */
    bool          maximised;
    CurveView     view;
    PaneCurves   *curves[CURVE_PANES];
    PaneTraces   *traces;
    PaneBehaviour behaviour;
    PaneLog       log;

    Overlay overlay;
    int     help_scroll, help_page, help_lines; /* the latter two of the last drawing */
    int     option;                             /* the row of the options that is chosen */
    struct {
        char   text[CONTROL_TEXT_MAX]; /* with newlines and backslashes as in "\n" and "\\" */
        size_t cursor;
    } prompt;

    char   message[240];
    double message_until; /* dashboard_now */

    struct {
        bool colours;
        int  glyphs; /* -1: as the terminal can */
        int  rate;   /* screens per second, at most */
        bool mouse;
    } settings;

    Replay      replay;
    TrainerLook trainer;
    double      loaded; /* share of all runs' bytes that has been read */
    bool        paused; /* the run says so                             */

    /* the loop */
    bool         dirty, searching, reading; /* to be drawn at once; there is more to search, to read */
    bool         leaving;
    DashboardEnd end;
} Dashboard;

/* dashboard.c */
double dashboard_now(void); /* seconds, monotonic */
double dashboard_unix_time(void);
Glyphs dashboard_glyphs(const Dashboard *dashboard);
void   dashboard_say(Dashboard *dashboard, const char *format, ...) __attribute__((format(printf, 2, 3)));
void   dashboard_leave(Dashboard *dashboard, DashboardEnd end);
/* The terminal anew, after the mouse was switched on or off; if it fails the dashboard leaves. */
void dashboard_reopen_terminal(Dashboard *dashboard);

/* dashboard_keys.c */
void dashboard_key(Dashboard *dashboard, TerminalKey key);

/* dashboard_draw.c */
void dashboard_draw(Dashboard *dashboard); /* all of it, into the canvas */
/* What the head says of the run's state ("running", "ended: done"). */
Ink dashboard_state_text(const Dashboard *dashboard, char *out, size_t size);
/* A framed box in the middle of the screen, cleared; returns its inside. */
Area dashboard_box(Dashboard *dashboard, int width, int height, const char *title);

/* dashboard_help.c */
void help_draw(Dashboard *dashboard);
void help_key(Dashboard *dashboard, TerminalKey key);

/* dashboard_options.c */
void options_draw(Dashboard *dashboard);
void options_key(Dashboard *dashboard, TerminalKey key);

/* dashboard_ask.c: the questions when leaving, the prompt to be sampled */
void ask_draw(Dashboard *dashboard);
void ask_key(Dashboard *dashboard, TerminalKey key);
void ask_leave(Dashboard *dashboard); /* leaves at once if there is nothing to ask */
void ask_prompt(Dashboard *dashboard);

/* dashboard_trainer.c: the process that this command started */
void trainer_command(Dashboard *dashboard, ControlCommand command, const char *text);
void trainer_pause_or_resume(Dashboard *dashboard);
void trainer_stop(Dashboard *dashboard);
void trainer_kill(Dashboard *dashboard);
void trainer_signalled(Dashboard *dashboard); /* SIGTERM to this process: the trainer stops too */
void trainer_read(Dashboard *dashboard);      /* what it printed goes to the log */
void trainer_look(Dashboard *dashboard);      /* whether it is still there; whether the run is paused */

/* dashboard_replay.c */
bool replay_begin(Dashboard *dashboard); /* at the start of the runs, once they have been read; true: now */
void replay_advance(Dashboard *dashboard);
bool replay_key(Dashboard *dashboard, TerminalKey key);

/* dashboard_save.c: pictures and text of the screen */
void   save_screen(Dashboard *dashboard); /* key w */
void   save_curves(Dashboard *dashboard); /* key W: the pane of curves that had the focus last, as a plot */
Status save_as_asked(Dashboard *dashboard, Error *error);

#endif
