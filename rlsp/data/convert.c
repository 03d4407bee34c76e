#include "rlsp/data/convert.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/io/file.h"
#include "engine/random.h"
#include "rlsp/data/write.h"
#include "rlsp/math/verify.h"

/* A row that may be written. `draw` are two random numbers of its problem: the same problem is always on the same side,
 * however the files are ordered. */
typedef struct Kept {
    uint64_t index, draw[2];
    uint32_t input;
    DataDrop drop; /* DATA_KEPT, or why not after all */
    bool     held;
} Kept;

typedef struct Work {
    const DataConvert *convert;
    DataRules          rules;
    DataReport        *report;
    DataExcluded       excluded;
    RecordFile       **inputs;
    ReducedSet         seen; /* number: the row's place in `kept`, plus 1 */
    Kept              *kept;
    uint64_t           count, capacity;
    Record             record;
    DataRow            row;
    DataFault          fault;
} Work;

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "preparing data: out of host memory");
}

/* `where` is FILE:LINE; the file's own name is kept. */
static void note_drop(Work *work, DataDrop drop, const char *where)
{
    const char *slash = strrchr(where, '/');
    if (work->report->dropped[drop]++ == 0) {
        snprintf(work->report->first[drop], sizeof work->report->first[drop], "%.*s",
                 (int)sizeof work->report->first[drop] - 1, slash != NULL ? slash + 1 : where);
    }
}

/* --- which rows */

static Status read_row(Work *work, uint32_t input, uint64_t index, Error *error)
{
    Status status = record_read(work->inputs[input], index, &work->record, error);
    return status == STATUS_OK ? data_row_read(&work->convert->forms, &work->record, &work->row, &work->fault, error)
                               : status;
}

/* How an earlier row compares with work->row. */
typedef struct Likeness {
    bool answer; /* the same, or one of them unknown        */
    bool text;   /* of the problem, but for its white space */
} Likeness;

static Status compare(Work *work, uint64_t place, Likeness *like, Error *error)
{
    Record      record = {0};
    DataRow     row    = {0};
    const char *answer = work->row.answer, *problem = work->row.problem;
    DataFault   fault;
    MathVerdict verdict = {0};
    Status      status  = record_read(work->inputs[work->kept[place].input], work->kept[place].index, &record, error);
    status = status == STATUS_OK ? data_row_read(&work->convert->forms, &record, &row, &fault, error) : status;
    if (status == STATUS_OK) {
        const Reduced a = data_squeeze(row.problem, strlen(row.problem)), b = data_squeeze(problem, strlen(problem));
        like->text = memcmp(&a, &b, sizeof a) == 0;
        if (row.answer != NULL && answer != NULL) {
            math_verify(row.answer, strlen(row.answer), answer, strlen(answer), NULL, &verdict);
        }
        like->answer = row.answer == NULL || answer == NULL || verdict.correct;
    }
    data_row_free(&row);
    record_free(&record);
    return status;
}

/* A problem with two answers: neither can be trusted. */
static void note_contradiction(Work *work, uint64_t place)
{
    Kept             *earlier = &work->kept[place];
    const RecordFile *file    = work->inputs[earlier->input];
    char              where[RECORD_WHERE_SIZE];
    if (earlier->drop == DATA_KEPT) {
        earlier->drop = DROP_CONTRADICTION;
        snprintf(where, sizeof where, "%.1023s:%" PRIu64, record_file_path(file),
                 record_file_line(file, earlier->index));
        note_drop(work, DROP_CONTRADICTION, where);
    }
    note_drop(work, DROP_CONTRADICTION, work->record.where);
}

/* Whether work->row is new; *number of the set is then to be set. One that is like an earlier row is noted as dropped.
 * Reduced texts lose their signs: "2 - 1" and "2 + 1" are told apart by their answers, and then kept both. */
static Status is_new(Work *work, const Reduced *key, uint64_t **number, bool *new_row, Error *error)
{
    Likeness     like   = {0};
    ReducedFound found  = data_set_put(&work->seen, key, number);
    Status       status = found == REDUCED_KNOWN ? compare(work, **number - 1, &like, error) : STATUS_OK;
    if (status == STATUS_OK && found == REDUCED_KNOWN && !like.answer && !like.text) {
        const Reduced squeezed = data_squeeze(work->row.problem, strlen(work->row.problem));
        found                  = data_set_put(&work->seen, &squeezed, number);
        status                 = found == REDUCED_KNOWN ? compare(work, **number - 1, &like, error) : STATUS_OK;
    }
    *new_row = found == REDUCED_NEW;
    if (found == REDUCED_NO_MEMORY) {
        return out_of_memory(error);
    }
    if (status == STATUS_OK && found == REDUCED_KNOWN) {
        const uint64_t place = **number - 1;
        if (like.answer && work->kept[place].drop == DATA_KEPT) {
            note_drop(work, DROP_DUPLICATE, work->record.where);
        } else {
            note_contradiction(work, place);
        }
    }
    return status;
}

static Status keep_row(Work *work, uint32_t input, uint64_t index, Error *error)
{
    const Reduced key     = data_reduce(work->row.problem, strlen(work->row.problem));
    uint64_t     *number  = NULL;
    bool          new_row = true;
    if (!work->convert->keep_duplicates) {
        const Status status = is_new(work, &key, &number, &new_row, error);
        if (status != STATUS_OK || !new_row) {
            return status;
        }
        *number = work->count + 1;
    }
    if (work->count == work->capacity) {
        const uint64_t capacity = work->capacity * 2 + 256;
        Kept          *grown    = realloc(work->kept, capacity * sizeof *grown);
        if (grown == NULL) {
            return out_of_memory(error);
        }
        work->kept     = grown;
        work->capacity = capacity;
    }
    const uint64_t seed       = work->convert->seed;
    const uint32_t counter[4] = {(uint32_t)key.half[0], (uint32_t)(key.half[0] >> 32), (uint32_t)key.half[1],
                                 (uint32_t)(key.half[1] >> 32)};
    uint32_t       draw[4];
    philox4x32(draw, counter, (uint32_t[]){(uint32_t)seed, (uint32_t)(seed >> 32)});
    work->kept[work->count++] = (Kept){.index = index,
                                       .input = input,
                                       .drop  = DATA_KEPT,
                                       .draw  = {(uint64_t)draw[0] << 32 | draw[1], (uint64_t)draw[2] << 32 | draw[3]}};
    return STATUS_OK;
}

static Status look_at_row(Work *work, uint32_t input, uint64_t index, Error *error)
{
    Error    own    = {0};
    DataDrop drop   = DATA_KEPT;
    Status   status = read_row(work, input, index, &own);
    work->report->lines++;
    if (status == STATUS_BAD_INPUT && work->convert->skip_bad) {
        if (work->report->dropped[DROP_BAD_LINE] == 0) {
            snprintf(work->report->first_bad, sizeof work->report->first_bad, "%.*s",
                     (int)sizeof work->report->first_bad - 1, own.text);
        }
        note_drop(work, DROP_BAD_LINE, work->record.where);
        return STATUS_OK;
    }
    if (status != STATUS_OK) {
        return error_set(error, status, "%s%s", own.text,
                         status == STATUS_BAD_INPUT ? "; --skip-bad goes on without such lines" : "");
    }
    work->report->forms[work->row.form]++;
    status = data_filter(&work->rules, &work->excluded, &work->row, work->fault, work->record.where, &drop, error);
    if (status == STATUS_OK && drop != DATA_KEPT) {
        note_drop(work, drop, work->record.where);
        return STATUS_OK;
    }
    return status == STATUS_OK ? keep_row(work, input, index, error) : status;
}

/* --- drawing */

typedef struct Rank {
    uint64_t draw, place;
} Rank;

static int by_draw(const void *a, const void *b)
{
    const Rank *x = a, *y = b;
    return x->draw != y->draw ? (x->draw > y->draw) - (x->draw < y->draw)
                              : (x->place > y->place) - (x->place < y->place);
}

/* The rows that are still kept and not held out, the least draw first. malloc'ed; *count of them. */
static Rank *rank_rows(const Work *work, int which, uint64_t *count)
{
    Rank *ranks = malloc((work->count + 1) * sizeof *ranks);
    *count      = 0;
    for (uint64_t i = 0; ranks != NULL && i < work->count; i++) {
        if (work->kept[i].drop == DATA_KEPT && !work->kept[i].held) {
            ranks[(*count)++] = (Rank){work->kept[i].draw[which], i};
        }
    }
    if (ranks != NULL) {
        qsort(ranks, *count, sizeof *ranks, by_draw);
    }
    return ranks;
}

static Status hold_out(Work *work, Error *error)
{
    const DataConvert *convert = work->convert;
    uint64_t           there;
    Rank              *ranks  = rank_rows(work, 0, &there);
    Status             status = ranks != NULL ? STATUS_OK : out_of_memory(error);
    const uint64_t     wanted = convert->held_out == NULL
                                    ? 0
                                    : (uint64_t)(convert->held < 1 ? ceil(convert->held * (double)there) : convert->held);
    if (status == STATUS_OK && there == 0) {
        status = error_set(error, STATUS_BAD_INPUT, "no row is left; nothing was written");
    } else if (status == STATUS_OK && wanted >= there) {
        status =
            error_set(error, STATUS_BAD_INPUT,
                      "%" PRIu64 " rows were to be held out, and there are %" PRIu64 ": none would be left to train on",
                      wanted, there);
    }
    for (uint64_t i = 0; i < wanted && status == STATUS_OK; i++) {
        work->kept[ranks[i].place].held = true;
    }
    free(ranks);
    return status;
}

static Status take_rows(Work *work, Error *error)
{
    uint64_t there;
    Rank    *ranks = rank_rows(work, 1, &there);
    for (uint64_t i = work->convert->take; ranks != NULL && work->convert->take > 0 && i < there; i++) {
        work->kept[ranks[i].place].drop = DROP_NOT_TAKEN;
        work->report->dropped[DROP_NOT_TAKEN]++;
    }
    free(ranks);
    return ranks != NULL ? STATUS_OK : out_of_memory(error);
}

/* --- writing */

static Status write_rows(Work *work, AtomicFile *out, AtomicFile *held_out, Error *error)
{
    JsonLine line   = {0};
    Status   status = STATUS_OK;
    for (uint64_t i = 0; i < work->count && status == STATUS_OK; i++) {
        const Kept *kept = &work->kept[i];
        if (kept->drop != DATA_KEPT) {
            continue;
        }
        status           = read_row(work, kept->input, kept->index, error);
        const char *text = status == STATUS_OK
                               ? data_write(work->convert, &work->row, &work->record, &line, &work->report->boxed)
                               : NULL;
        status           = status == STATUS_OK && text == NULL ? out_of_memory(error) : status;
        status = status == STATUS_OK ? atomic_file_write(kept->held ? held_out : out, text, line.size, error) : status;
        *(kept->held ? &work->report->held_out : &work->report->written) += status == STATUS_OK;
    }
    json_line_free(&line);
    return status;
}

static Status write_files(Work *work, Error *error)
{
    const DataConvert *convert = work->convert;
    AtomicFile        *out     = atomic_file_open(convert->out, error);
    AtomicFile *held_out = out != NULL && convert->held_out != NULL ? atomic_file_open(convert->held_out, error) : NULL;
    const bool  open     = out != NULL && (held_out != NULL || convert->held_out == NULL);
    Status      status   = open ? write_rows(work, out, held_out, error) : error->status;
    status               = status == STATUS_OK ? atomic_file_sync(out, error) : status;
    if (status == STATUS_OK && held_out != NULL) { /* both or none */
        status   = atomic_file_commit(held_out, error);
        held_out = NULL;
    }
    if (status == STATUS_OK) {
        return atomic_file_commit(out, error);
    }
    atomic_file_abort(out);
    atomic_file_abort(held_out);
    return status;
}

/* --- all of it */

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* What is read must not be replaced while it is read, nor a file be written twice. */
static Status check_paths(const DataConvert *convert, Error *error)
{
    const char *const outputs[] = {convert->out, convert->held_out};
    for (int o = 0; o < 2; o++) {
        for (int i = 0; outputs[o] != NULL && i < convert->input_count; i++) {
            if (same_file(outputs[o], convert->inputs[i])) {
                return error_set(error, STATUS_BAD_INPUT,
                                 "%s is read and would be replaced; give another name for the output", outputs[o]);
            }
        }
    }
    if (convert->held_out != NULL &&
        (strcmp(convert->out, convert->held_out) == 0 || same_file(convert->out, convert->held_out))) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s would be written twice; give the held-out rows a file of their own", convert->out);
    }
    return STATUS_OK;
}

static Status run(Work *work, Error *error)
{
    const DataConvert *convert = work->convert;
    Status             status  = check_paths(convert, error);
    for (int i = 0; i < convert->excluded_count && status == STATUS_OK; i++) {
        status = data_exclude(&work->excluded, convert->excluded[i], &work->rules, error);
    }
    work->report->excluded = work->excluded.problems.count;
    for (int f = 0; f < convert->input_count && status == STATUS_OK; f++) {
        work->inputs[f] = record_file_open(convert->inputs[f], error);
        status          = work->inputs[f] != NULL ? STATUS_OK : error->status;
        for (uint64_t i = 0; status == STATUS_OK && i < record_file_count(work->inputs[f]); i++) {
            status = look_at_row(work, (uint32_t)f, i, error);
        }
    }
    status = status == STATUS_OK ? hold_out(work, error) : status;
    status = status == STATUS_OK ? take_rows(work, error) : status;
    return status == STATUS_OK ? write_files(work, error) : status;
}

Status data_convert(const DataConvert *convert, DataReport *report, Error *error)
{
    Work work                = {.convert = convert, .rules = convert->rules, .report = report};
    *report                  = (DataReport){0};
    work.rules.solutions     = convert->output != DATA_PROBLEMS;
    work.rules.several_turns = convert->output == DATA_CHATS;
    work.inputs              = calloc((size_t)convert->input_count + 1, sizeof *work.inputs);
    const Status status      = work.inputs != NULL ? run(&work, error) : out_of_memory(error);
    for (int f = 0; work.inputs != NULL && f < convert->input_count; f++) {
        record_file_close(work.inputs[f]);
    }
    free(work.inputs);
    free(work.kept);
    data_set_free(&work.seen);
    data_excluded_free(&work.excluded);
    data_row_free(&work.row);
    record_free(&work.record);
    return status;
}
