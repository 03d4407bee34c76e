#include "rlsp/data/stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/data/reduce.h"
#include "rlsp/math/box.h"
#include "rlsp/math/verify.h"

static const double CLASS_WIDTH = 0.01; /* of the logarithm */

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "reading data: out of host memory");
}

/* --- lengths */

enum {
    CLASSES = sizeof((DataLengths *)0)->classes / sizeof(uint64_t),
    EXACT   = 100
}; /* lengths below EXACT have a class each */

static size_t class_of(uint64_t length)
{
    const double place = length < EXACT ? (double)length : EXACT + log((double)length / EXACT) / CLASS_WIDTH;
    return place < CLASSES ? (size_t)place : CLASSES - 1;
}

void data_lengths_add(DataLengths *lengths, uint64_t length)
{
    lengths->count++;
    lengths->sum += length;
    lengths->most = length > lengths->most ? length : lengths->most;
    lengths->classes[class_of(length)]++;
}

uint64_t data_lengths_quantile(const DataLengths *lengths, double share)
{
    uint64_t     seen   = 0;
    const double wanted = share * (double)lengths->count;
    for (size_t i = 0; i < CLASSES && share < 1; i++) {
        seen += lengths->classes[i];
        if (seen > 0 && (double)seen >= wanted) {
            const double middle = i < EXACT ? (double)i : EXACT * exp(((double)(i - EXACT) + 0.5) * CLASS_WIDTH);
            return middle < (double)lengths->most ? (uint64_t)middle : lengths->most;
        }
    }
    return lengths->most;
}

/* --- names */

static Status count_name(DataCounts *counts, const char *name, Error *error)
{
    name = name != NULL ? name : "(none)";
    for (uint32_t i = 0; i < counts->count; i++) {
        if (strcmp(counts->items[i].name, name) == 0) {
            counts->items[i].count++;
            return STATUS_OK;
        }
    }
    if (counts->count == DATA_NAMES_MAX) {
        counts->other++;
        return STATUS_OK;
    }
    if (counts->items == NULL) {
        counts->items = calloc(DATA_NAMES_MAX, sizeof *counts->items);
    }
    char *copy = counts->items != NULL ? strdup(name) : NULL;
    if (copy == NULL) {
        return out_of_memory(error);
    }
    counts->items[counts->count++] = (DataCount){copy, 1};
    return STATUS_OK;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const DataCount *)a)->name, ((const DataCount *)b)->name);
}

static void sort_names(DataCounts *counts)
{
    if (counts->count > 1) {
        qsort(counts->items, counts->count, sizeof *counts->items, by_name);
    }
}

static void free_names(DataCounts *counts)
{
    for (uint32_t i = 0; i < counts->count; i++) {
        free(counts->items[i].name);
    }
    free(counts->items);
}

/* --- rows */

static Status measure(const Tokenizer *tokenizer, const char *text, const char *where, DataLengths *chars,
                      DataLengths *tokens, Error *error)
{
    int32_t *ids        = NULL;
    size_t   count      = 0;
    uint64_t characters = 0;
    for (const char *at = text; *at != '\0'; at++) {
        characters += ((unsigned char)*at & 0xC0) != 0x80;
    }
    data_lengths_add(chars, characters);
    if (tokenizer == NULL) {
        return STATUS_OK;
    }
    Error  own    = {0};
    Status status = tokenizer_encode(tokenizer, text, strlen(text), false, &ids, &count, &own);
    if (status != STATUS_OK) {
        return error_set(error, status, "%s: %s", where, own.text);
    }
    free(ids);
    data_lengths_add(tokens, count);
    return STATUS_OK;
}

static Status add_row(DataStats *stats, const DataRow *row, const Tokenizer *tokenizer, const char *where,
                      ReducedSet *seen, Error *error)
{
    Status status = STATUS_OK;
    Boxes  boxes;
    stats->forms[row->form]++;
    stats->conversations += row->messages != NULL;
    stats->turns += row->turns;
    if (row->problem != NULL) {
        const Reduced      key   = data_reduce(row->problem, strlen(row->problem));
        const ReducedFound found = data_set_put(seen, &key, NULL);
        stats->problems++;
        stats->figures += data_has_figure(row->problem);
        stats->duplicates += found == REDUCED_KNOWN;
        status = found == REDUCED_NO_MEMORY
                     ? out_of_memory(error)
                     : measure(tokenizer, row->problem, where, &stats->problem_chars, &stats->problem_tokens, error);
    }
    if (row->solution != NULL && status == STATUS_OK) {
        stats->solutions++;
        stats->boxed += boxes_find(row->solution, strlen(row->solution), &boxes);
        status = measure(tokenizer, row->solution, where, &stats->solution_chars, &stats->solution_tokens, error);
    }
    if (row->answer != NULL) {
        const MathGold gold = math_gold(row->answer, strlen(row->answer));
        stats->answers++;
        stats->unreadable += gold != MATH_GOLD_VALUE && gold != MATH_GOLD_WORDS;
    }
    status = status == STATUS_OK ? count_name(&stats->levels, row->level, error) : status;
    return status == STATUS_OK ? count_name(&stats->subjects, row->subject, error) : status;
}

Status data_stats(const char *path, const DataForms *forms, const Tokenizer *tokenizer, DataStats *stats, Error *error)
{
    RecordFile *file   = record_file_open(path, error);
    Record      record = {0};
    DataRow     row    = {0};
    ReducedSet  seen   = {0};
    Status      status = file != NULL ? STATUS_OK : error->status;
    *stats             = (DataStats){0};
    for (uint64_t i = 0; status == STATUS_OK && i < record_file_count(file); i++) {
        DataFault fault;
        Error     own = {0};
        stats->lines++;
        status = record_read(file, i, &record, &own);
        status = status == STATUS_OK ? data_row_read(forms, &record, &row, &fault, &own) : status;
        if (status == STATUS_OK) {
            status = add_row(stats, &row, tokenizer, record.where, &seen, error);
        } else if (status == STATUS_BAD_INPUT) {
            if (stats->bad++ == 0) {
                memcpy(stats->first_bad, own.text, sizeof own.text);
            }
            status = STATUS_OK;
        } else {
            error_set(error, status, "%s", own.text);
        }
    }
    sort_names(&stats->levels);
    sort_names(&stats->subjects);
    data_set_free(&seen);
    data_row_free(&row);
    record_free(&record);
    record_file_close(file);
    return status;
}

void data_stats_free(DataStats *stats)
{
    free_names(&stats->levels);
    free_names(&stats->subjects);
    stats->levels = stats->subjects = (DataCounts){0};
}
