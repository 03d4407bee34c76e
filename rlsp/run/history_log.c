/* The last lines of the log, in a ring. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rlsp/run/history_parts.h"

enum { LOG_LINE_BYTES = 2048 }; /* more of a line is cut off */

/* A line that there is no memory for is left out. */
void log_add(LogLines *log, const char *text, size_t bytes, bool of_event)
{
    while (bytes > 0 && (text[bytes - 1] == '\n' || text[bytes - 1] == '\r')) {
        bytes--;
    }
    bytes      = bytes < LOG_LINE_BYTES ? bytes : LOG_LINE_BYTES;
    char *copy = malloc(bytes + 1);
    if (copy == NULL) {
        return;
    }
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    for (char *nul = copy; (nul = memchr(nul, '\0', (size_t)(copy + bytes - nul))) != NULL;) {
        *nul = ' ';
    }
    if (log->count == HISTORY_LOG_LINES) {
        free(log->slots[log->first].text);
        log->first = (log->first + 1) % HISTORY_LOG_LINES;
        log->count--;
    }
    log->slots[(log->first + log->count++) % HISTORY_LOG_LINES] = (LogLine){copy, of_event};
}

void log_clear(LogLines *log, bool only_events)
{
    int kept = 0;
    for (int i = 0; i < log->count; i++) {
        LogLine *line = &log->slots[(log->first + i) % HISTORY_LOG_LINES];
        if (only_events && !line->of_event) {
            log->slots[(log->first + kept++) % HISTORY_LOG_LINES] = *line;
        } else {
            free(line->text);
        }
    }
    log->count = kept;
}

/* --- the time before a line: 2026-11-24T14:38:41Z */

/* Days since 1970 of a date of the Gregorian calendar. */
static double days(int year, int month, int day)
{
    year -= month <= 2; /* the year begins in March, so that leap days end it */
    const int from_march = (month + 9) % 12;
    return 365.0 * year + floor(year / 4.0) - floor(year / 100.0) + floor(year / 400.0) +
           floor((153 * from_march + 2) / 5.0) + day - 719469;
}

double log_time(const char *text, size_t bytes)
{
    char stamp[21] = "";
    int  year, month, day, hour, minute, second;
    if (bytes < 20 || text[19] != 'Z') {
        return NAN;
    }
    memcpy(stamp, text, 20);
    if (sscanf(stamp, "%4d-%2d-%2dT%2d:%2d:%2dZ", &year, &month, &day, &hour, &minute, &second) != 6 || month < 1 ||
        month > 12) {
        return NAN;
    }
    return 86400 * days(year, month, day) + 3600.0 * hour + 60.0 * minute + second;
}

void log_stamp(double time_unix, char out[32])
{
    const bool sane = time_unix > 0 && time_unix < 1e11;
    time_t     when = sane ? (time_t)time_unix : 0;
    struct tm  utc;
    gmtime_r(&when, &utc);
    strftime(out, 32, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

int history_log_count(const History *history)
{
    return history->log.count;
}

const char *history_log_line(const History *history, int index)
{
    const LogLines *log = &history->log;
    return index >= 0 && index < log->count ? log->slots[(log->first + index) % HISTORY_LOG_LINES].text : NULL;
}

void history_log_add(History *history, const char *line)
{
    log_add(&history->log, line, strlen(line), false);
}
