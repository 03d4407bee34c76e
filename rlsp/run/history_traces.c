/* The index of traces.jsonl: an entry per line, made in one pass over it. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/run/history_parts.h"

enum { FIRST_CAPACITY = 1 << 12, LET_GO = HISTORY_TRACES / 8 };

/* --- a line */

/* FNV-1a's steps on eight bytes at once, with a rotation so that all bits of the prime count. Of the bytes as they
 * stand in the line: one writer writes a prompt in one way. */
static uint32_t hash(const char *text, size_t bytes)
{
    const uint64_t prime = 0x100000001b3u;
    uint64_t       sum   = 0xcbf29ce484222325u ^ bytes;
    for (size_t at = 0; at < bytes; at += 8) {
        uint64_t word = 0;
        memcpy(&word, text + at, bytes - at < 8 ? bytes - at : 8);
        sum = (sum ^ word) * prime;
        sum = sum << 29 | sum >> 35;
    }
    sum *= prime;
    return (uint32_t)(sum ^ sum >> 32);
}

static uint32_t up_to(double value, uint32_t limit)
{
    return value > 0 ? value < limit ? (uint32_t)value : limit : 0;
}

/* What is looked for and needs another field to be judged. */
typedef struct Found {
    bool   is_trace, has_step;
    double valid, distinct, repetition;
} Found;

static void take_text(HistoryTrace *trace, Found *found, const ScanField *field)
{
    if (scan_key_is(field, "prompt")) {
        trace->problem = hash(field->text, field->text_bytes);
    } else if (scan_key_is(field, "answer")) {
        trace->flags |= HISTORY_ANSWERED;
    } else if (scan_key_is(field, "verdict")) {
        const bool correct = scan_is(field->text, field->text_bytes, "correct");
        const bool wrong   = scan_is(field->text, field->text_bytes, "wrong");
        trace->flags |= (uint16_t)((correct ? HISTORY_CORRECT : 0) | (correct || wrong ? HISTORY_ANSWERED : 0));
    } else if (scan_key_is(field, "stage")) {
        const bool evaluation = field->text_bytes >= 4 && memcmp(field->text, "eval", 4) == 0;
        const bool sample     = scan_is(field->text, field->text_bytes, "sample");
        trace->flags |= (uint16_t)((evaluation ? HISTORY_EVALUATION : 0) | (sample ? HISTORY_SAMPLE : 0));
    } else if (scan_key_is(field, "event")) {
        found->is_trace = scan_is(field->text, field->text_bytes, "trace");
    }
}

static void take_number(HistoryTrace *trace, Found *found, const ScanField *field)
{
    if (scan_key_is(field, "step")) {
        found->has_step = field->number >= 0;
        trace->step     = up_to(field->number, UINT32_MAX);
    } else if (scan_key_is(field, "tokens")) {
        trace->tokens = up_to(field->number, UINT32_MAX);
    } else if (scan_key_is(field, "reward")) {
        trace->reward = (float)field->number;
    }
}

static void take_behaviour(HistoryTrace *trace, Found *found, const ScanField *field)
{
    if (scan_key_is(field, "attempts")) {
        trace->attempts = (uint16_t)up_to(field->number, UINT16_MAX);
    } else if (scan_key_is(field, "valid")) {
        found->valid = field->number;
    } else if (scan_key_is(field, "distinct")) {
        found->distinct = field->number;
    } else if (scan_key_is(field, "backtracks")) {
        trace->flags |= field->number > 0 ? HISTORY_BACKTRACK : 0;
    } else if (scan_key_is(field, "checks")) {
        trace->flags |= field->number > 0 ? HISTORY_CHECK : 0;
    } else if (scan_key_is(field, "repetition")) {
        found->repetition = fmax(found->repetition, field->number);
    }
}

static void take_inner_number(HistoryTrace *trace, Found *found, const ScanField *field)
{
    if (scan_is(field->outer, field->outer_bytes, "behaviours")) {
        take_behaviour(trace, found, field);
    } else if (scan_is(field->outer, field->outer_bytes, "rewards")) {
        if (scan_key_is(field, "explore")) {
            trace->explore = (float)field->number;
        } else if (scan_key_is(field, "repetition")) {
            found->repetition = fmax(found->repetition, field->number);
        }
    }
}

bool traces_read_line(const TraceIndex *index, const Line *line, HistoryTrace *trace)
{
    JsonScan  scan  = json_scan(line->text, line->bytes);
    Found     found = {0};
    ScanField field;
    *trace = (HistoryTrace){.offset = line->offset, .bytes = (uint32_t)line->bytes, .reward = NAN, .explore = NAN};
    while (json_scan_next(&scan, &field)) {
        if (field.kind == SCAN_NUMBER) {
            if (field.outer != NULL) {
                take_inner_number(trace, &found, &field);
            } else {
                take_number(trace, &found, &field);
            }
        } else if (field.kind == SCAN_TEXT && field.outer == NULL) {
            take_text(trace, &found, &field);
        } else if (field.kind == SCAN_TRUE && field.outer == NULL && scan_key_is(&field, "truncated")) {
            trace->flags |= HISTORY_TRUNCATED;
        }
    }
    if (found.distinct < found.valid || found.repetition > index->repetition_max) {
        trace->flags |= HISTORY_REPEATS;
    }
    return json_scan_whole(&scan) && found.is_trace && found.has_step;
}

/* --- the index */

bool traces_add(TraceIndex *index, const HistoryTrace *trace)
{
    if (index->count == HISTORY_TRACES) { /* many at once: what has indices of traces has to find its place again */
        index->count -= LET_GO;
        memmove(index->entries, index->entries + LET_GO, index->count * sizeof *index->entries);
    }
    if (index->count == index->capacity) {
        const size_t  capacity = index->capacity > 0 ? 2 * index->capacity : FIRST_CAPACITY;
        HistoryTrace *entries  = realloc(index->entries, capacity * sizeof *entries);
        if (entries == NULL) {
            return false;
        }
        index->entries  = entries;
        index->capacity = capacity;
    }
    index->entries[index->count++] = *trace;
    return true;
}

void traces_clear(TraceIndex *index)
{
    index->count        = 0;
    index->window_bytes = 0;
}

void traces_close(TraceIndex *index)
{
    free(index->entries);
    free(index->window);
    free(index->plain);
    *index = (TraceIndex){0};
}

size_t history_trace_count(const History *history)
{
    return history->index->count;
}

const HistoryTrace *history_trace(const History *history, size_t index)
{
    return index < history->index->count ? &history->index->entries[index] : NULL;
}
