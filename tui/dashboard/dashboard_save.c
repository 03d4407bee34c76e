/* The screen as a file. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "tui/dashboard/dashboard_parts.h"
#include "tui/image/picture.h"

enum { CELL_HEIGHT = 20, PICTURES_MOST = 1000 };

/* "rlsp-NAME-STEP.png", or "rlsp-NAME-STEP-WHAT.png", in the current directory; one that is there is kept. */
static void picture_name(const Dashboard *dashboard, const char *what, char *out, size_t size)
{
    const HistoryState *state = history_state(dashboard->runs[0]);
    char                name[64];
    snprintf(name, sizeof name, "%.60s", state->name[0] != '\0' ? state->name : "run");
    for (char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("-_.", *c) == NULL) {
            *c = '-';
        }
    }
    snprintf(out, size, "rlsp-%s-%llu%s.png", name, (unsigned long long)state->step, what);
    for (int i = 2; file_exists(out) && i < PICTURES_MOST; i++) {
        snprintf(out, size, "rlsp-%s-%llu%s-%d.png", name, (unsigned long long)state->step, what, i);
    }
}

static void say_saved(Dashboard *dashboard, Status status, const char *path, const Error *error)
{
    if (status == STATUS_OK) {
        dashboard_say(dashboard, "saved picture %s", path);
    } else {
        dashboard_say(dashboard, "%s", error->text);
    }
}

void save_screen(Dashboard *dashboard)
{
    char  path[128];
    Error error = {0};
    picture_name(dashboard, "", path, sizeof path);
    dashboard->message_until = 0; /* the picture is without */
    dashboard_draw(dashboard);
    say_saved(dashboard, picture_write(dashboard->canvas, CELL_HEIGHT, path, &error), path, &error);
}

void save_curves(Dashboard *dashboard)
{
    static const char *const names[CURVE_PANES] = {"-reward", "-accuracy", "-length", "-health"};
    const HistoryState      *state              = history_state(dashboard->runs[0]);
    char                     path[128];
    Error                    error = {0};
    picture_name(dashboard, names[dashboard->curve], path, sizeof path);
    const Status status = pane_curves_plot(dashboard->curves[dashboard->curve], state->name, path, &error);
    say_saved(dashboard, status, path, &error);
}

static Status write_text(const Canvas *canvas, const char *path, Error *error)
{
    if (strcmp(path, "-") == 0) {
        canvas_write_text(canvas, stdout);
        return STATUS_OK; /* whoever owns stdout looks whether it could be written */
    }
    char  *bytes = NULL;
    size_t count = 0;
    FILE  *out   = open_memstream(&bytes, &count);
    if (out != NULL) {
        canvas_write_text(canvas, out);
    }
    const bool whole  = out != NULL && fclose(out) == 0;
    Status     status = whole ? file_write_atomic(path, bytes, count, error)
                              : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory for the text of a screen");
    free(bytes);
    return status;
}

Status save_as_asked(Dashboard *dashboard, Error *error)
{
    const DashboardOptions *options = dashboard->options;
    Status                  status  = STATUS_OK;
    if (options->picture != NULL) {
        status = picture_write(dashboard->canvas, CELL_HEIGHT, options->picture, error);
    }
    if (status == STATUS_OK && options->text != NULL) {
        status = write_text(dashboard->canvas, options->text, error);
    }
    return status;
}
