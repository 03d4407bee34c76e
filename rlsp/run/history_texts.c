/* The texts of traces, read from the file when they are asked for. */
#include <stdlib.h>
#include <string.h>

#include "rlsp/run/history_parts.h"

enum { WINDOW_BYTES = 512 << 10 }; /* a search goes from neighbour to neighbour, either way */

static bool reserve(char **buffer, size_t *capacity, size_t bytes)
{
    if (*capacity < bytes) {
        char *grown = realloc(*buffer, bytes);
        if (grown == NULL) {
            return false;
        }
        *buffer   = grown;
        *capacity = bytes;
    }
    return true;
}

/* The file was written anew: what the window holds is not looked at again. */
static bool stale(TraceIndex *index)
{
    index->window_bytes = 0;
    return false;
}

/* The trace's line, in the window; false: it is not (any more) in the file. */
static bool find_line(const History *history, size_t at, Line *line)
{
    TraceIndex         *index = history->index;
    const HistoryTrace *trace = history_trace(history, at);
    if (trace == NULL) {
        return false;
    }
    const uint64_t end = trace->offset + trace->bytes;
    if (trace->offset < index->window_offset || end > index->window_offset + index->window_bytes) {
        const uint64_t start = trace->offset / WINDOW_BYTES * WINDOW_BYTES;
        const size_t   least = (size_t)(end - start), bytes = least < WINDOW_BYTES ? WINDOW_BYTES : least;
        index->window_bytes = 0;
        if (!reserve(&index->window, &index->window_capacity, bytes)) {
            return false;
        }
        index->window_offset = start;
        index->window_bytes  = line_file_read(&history->traces, start, index->window, bytes);
        if (index->window_bytes < least) {
            return false;
        }
    }
    *line = (Line){
        .text = index->window + (trace->offset - index->window_offset), .bytes = trace->bytes, .offset = trace->offset};
    const bool whole = line->text[line->bytes - 1] == '\n' && memchr(line->text, '\n', line->bytes - 1) == NULL;
    return whole || stale(index);
}

Event *history_trace_read(const History *history, size_t index)
{
    Line         line;
    HistoryTrace found;
    if (!find_line(history, index, &line)) {
        return NULL;
    }
    const HistoryTrace *trace = history_trace(history, index);
    if (!traces_read_line(history->index, &line, &found) || found.step != trace->step ||
        found.problem != trace->problem || found.tokens != trace->tokens) {
        stale(history->index);
        return NULL;
    }
    return event_parse(line.text, line.bytes);
}

/* --- search */

static inline unsigned char lower(char byte)
{
    return (unsigned char)(byte >= 'A' && byte <= 'Z' ? byte + ('a' - 'A') : byte);
}

static bool contains(const char *text, size_t bytes, const char *wanted, size_t wanted_bytes)
{
    const unsigned char first = lower(wanted[0]);
    for (size_t at = 0; at + wanted_bytes <= bytes; at++) {
        if (lower(text[at]) == first) {
            size_t same = 1;
            while (same < wanted_bytes && lower(text[at + same]) == lower(wanted[same])) {
                same++;
            }
            if (same == wanted_bytes) {
                return true;
            }
        }
    }
    return false;
}

/* The same in a text of the line: escapes are undone first, where there are any. */
static bool field_contains(TraceIndex *index, const ScanField *field, const char *wanted, size_t wanted_bytes)
{
    const char *text  = field->text;
    size_t      bytes = field->text_bytes;
    if (memchr(text, '\\', bytes) != NULL) {
        if (!reserve(&index->plain, &index->plain_capacity, bytes)) {
            return false;
        }
        bytes = scan_unescape(text, bytes, index->plain);
        text  = index->plain;
    }
    return contains(text, bytes, wanted, wanted_bytes);
}

bool history_trace_contains(const History *history, size_t index, const char *text)
{
    Line         line;
    ScanField    field;
    const size_t bytes = strlen(text);
    if (!find_line(history, index, &line)) {
        return false;
    }
    JsonScan scan = json_scan(line.text, line.bytes);
    while (json_scan_next(&scan, &field)) {
        if (field.kind == SCAN_TEXT && field.outer == NULL &&
            (scan_key_is(&field, "prompt") || scan_key_is(&field, "response")) &&
            (bytes == 0 || field_contains(history->index, &field, text, bytes))) {
            return true;
        }
    }
    return false;
}
