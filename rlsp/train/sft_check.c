#include "rlsp/train/sft_check.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rlsp/task/shuffle.h"

enum { SAMPLE_LINES = 1000, THREADS_MAX = 16, TAKE = 16 };

#define LEFT_OUT UINT32_MAX

struct SftCheck {
    const SftEncoder *encoder;
    const RecordFile *records;
    uint32_t         *tokens; /* [records] 0: not looked at yet; LEFT_OUT; else the length */
    SftFileCounts     counts;
};

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "SFT data: out of host memory");
}

/* --- one line */

/* Looks at a line; adds what it finds to `counts`. */
static Status look(const SftCheck *check, uint64_t index, Record *record, SftExample *example, SftFileCounts *counts,
                   Error *error)
{
    Error  own    = {0};
    Status status = record_read(check->records, index, record, &own);
    status        = status == STATUS_OK ? sft_encode(check->encoder, record, example, &own) : status;
    if (status != STATUS_OK && (status != STATUS_BAD_INPUT || check->encoder->phase->on_error == ON_ERROR_STOP)) {
        return error_set(error, status, "%s", own.text);
    }
    counts->checked++;
    check->tokens[index] = LEFT_OUT;
    if (status != STATUS_OK) {
        counts->bad++;
        const uint64_t line = record_file_line(check->records, index);
        if (counts->first_bad == 0 || line < counts->first_bad) {
            counts->first_bad = line;
            memcpy(counts->first_bad_text, own.text, sizeof own.text);
        }
        return STATUS_OK;
    }
    counts->too_short += example->fit == SFT_TOO_SHORT;
    counts->too_long += example->fit == SFT_TOO_LONG;
    counts->no_target += example->fit == SFT_NO_TARGET;
    if (example->fit == SFT_FITS) {
        check->tokens[index] = example->count;
        counts->used++;
        counts->cut += example->cut;
        counts->tokens += example->count;
        counts->targets += example->targets;
        counts->longest = example->count > counts->longest ? example->count : counts->longest;
    }
    return STATUS_OK;
}

static void add_counts(SftFileCounts *sum, const SftFileCounts *more)
{
    sum->checked += more->checked;
    sum->used += more->used;
    sum->too_short += more->too_short;
    sum->too_long += more->too_long;
    sum->no_target += more->no_target;
    sum->bad += more->bad;
    sum->cut += more->cut;
    sum->tokens += more->tokens;
    sum->targets += more->targets;
    sum->longest = more->longest > sum->longest ? more->longest : sum->longest;
    if (more->first_bad > 0 && (sum->first_bad == 0 || more->first_bad < sum->first_bad)) {
        sum->first_bad = more->first_bad;
        memcpy(sum->first_bad_text, more->first_bad_text, sizeof sum->first_bad_text);
    }
}

Status sft_check_line(SftCheck *check, uint64_t index, Record *record, SftExample *example, uint32_t *tokens,
                      Error *error)
{
    Status status = STATUS_OK;
    if (check->tokens[index] == 0) {
        status = look(check, index, record, example, &check->counts, error);
    }
    *tokens = check->tokens[index] == LEFT_OUT ? 0 : check->tokens[index];
    return status;
}

/* --- many, on several threads */

/* Threads take the next lines as they get through theirs. Lines are taken in order, so that of several bad ones the
 * first is found whatever the number of threads: all before it have been taken, and are looked at to their end. */
typedef struct Queue {
    SftCheck            *check;
    uint64_t             count; /* of places; place p is line `p`, or of a sample the shuffled one */
    bool                 sample;
    atomic_uint_fast64_t next;
    pthread_mutex_t      lock;   /* of what follows, and of check->counts */
    uint64_t             failed; /* the first place that failed; UINT64_MAX: none */
    Error                error;
} Queue;

static void *work(void *argument)
{
    Queue         *queue   = argument;
    SftCheck      *check   = queue->check;
    Record        *record  = calloc(1, sizeof *record);
    SftExample     example = {0};
    SftFileCounts  counts  = {0};
    const uint64_t lines   = record_file_count(check->records);
    bool           failed  = false;
    while (!failed) {
        const uint64_t begin = atomic_fetch_add(&queue->next, TAKE);
        for (uint64_t place = begin; place < begin + TAKE && place < queue->count && !failed; place++) {
            Error own = {0};
            if (record == NULL) {
                out_of_memory(&own);
            } else {
                look(check, queue->sample ? shuffle_index(0, 0, 0, lines, place) : place, record, &example, &counts,
                     &own);
            }
            failed = own.status != STATUS_OK;
            if (failed) {
                atomic_store(&queue->next, queue->count); /* nobody takes more */
                pthread_mutex_lock(&queue->lock);
                if (place < queue->failed) {
                    queue->failed = place;
                    queue->error  = own;
                }
                pthread_mutex_unlock(&queue->lock);
            }
        }
        if (begin + TAKE >= queue->count) {
            break;
        }
    }
    pthread_mutex_lock(&queue->lock);
    add_counts(&check->counts, &counts);
    pthread_mutex_unlock(&queue->lock);
    if (record != NULL) {
        record_free(record);
    }
    free(record);
    sft_example_free(&example);
    return NULL;
}

static Status look_at_many(SftCheck *check, Error *error)
{
    const uint64_t lines  = record_file_count(check->records);
    const bool     sample = check->encoder->phase->check_data == CHECK_SAMPLE && lines > SAMPLE_LINES;
    Queue      queue = {.check = check, .count = sample ? SAMPLE_LINES : lines, .sample = sample, .failed = UINT64_MAX};
    const long cores = sysconf(_SC_NPROCESSORS_ONLN);
    pthread_t  threads[THREADS_MAX];
    int        started = 0;
    atomic_init(&queue.next, 0);
    if (pthread_mutex_init(&queue.lock, NULL) != 0) {
        return out_of_memory(error);
    }
    while (started + 1 < cores && started + 1 < THREADS_MAX && (uint64_t)(started + 1) * TAKE < queue.count &&
           pthread_create(&threads[started], NULL, work, &queue) == 0) {
        started++;
    }
    work(&queue);
    while (started > 0) {
        pthread_join(threads[--started], NULL);
    }
    pthread_mutex_destroy(&queue.lock);
    return queue.failed == UINT64_MAX ? STATUS_OK : error_set(error, queue.error.status, "%s", queue.error.text);
}

/* --- life */

Status sft_check_nothing(const SftCheck *check, Error *error)
{
    const SftFileCounts *c = &check->counts;
    if (c->lines == 0) {
        return error_set(error, STATUS_BAD_INPUT, "%s: no examples: the file is empty", check->encoder->phase->data);
    }
    char bad[sizeof c->first_bad_text + 80] = "";
    if (c->bad > 0) {
        snprintf(bad, sizeof bad, ", %" PRIu64 " bad, the first: %s", c->bad, c->first_bad_text);
    }
    return error_set(error, STATUS_BAD_INPUT,
                     "%s: no examples: of %" PRIu64 " lines %" PRIu64 " are longer than max_length, %" PRIu64
                     " shorter than two tokens, %" PRIu64 " without a token to learn%s",
                     check->encoder->phase->data, c->lines, c->too_long, c->too_short, c->no_target, bad);
}

SftCheck *sft_check_new(const SftEncoder *encoder, const RecordFile *records, Error *error)
{
    SftCheck      *check = calloc(1, sizeof *check);
    const uint64_t lines = record_file_count(records);
    if (check == NULL || (check->tokens = calloc(lines + 1, sizeof *check->tokens)) == NULL) {
        free(check);
        out_of_memory(error);
        return NULL;
    }
    check->encoder      = encoder;
    check->records      = records;
    check->counts.lines = lines;
    Status status       = look_at_many(check, error);
    if (status == STATUS_OK && check->counts.used == 0 && check->counts.checked == lines) {
        status = sft_check_nothing(check, error);
    }
    if (status != STATUS_OK) {
        sft_check_free(check);
        return NULL;
    }
    return check;
}

void sft_check_free(SftCheck *check)
{
    if (check != NULL) {
        free(check->tokens);
        free(check);
    }
}

const SftFileCounts *sft_check_counts(const SftCheck *check)
{
    return &check->counts;
}

uint32_t sft_check_longest(const SftCheck *check)
{
    const SftEncoder *encoder = check->encoder;
    if (check->counts.checked == check->counts.lines) {
        return check->counts.longest;
    }
    return encoder->phase->max_length > 0 && encoder->phase->max_length < encoder->context ? encoder->phase->max_length
                                                                                           : encoder->context;
}
