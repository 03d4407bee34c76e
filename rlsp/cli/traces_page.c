/* rlsp traces --html. */
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "rlsp/cli/traces.h"
#include "tui/trace/trace_page.h"

enum { SAME_MAX = 12 };

/* Appends what was written into memory to the file, and empties it. */
static Status flush_page(FILE *memory, char *const *bytes, AtomicFile *file, Error *error)
{
    if (fflush(memory) != 0 || ferror(memory)) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing the page");
    }
    long size = ftell(memory);
    rewind(memory);
    return file != NULL ? atomic_file_write(file, *bytes, (size_t)size, error)
                        : (fwrite(*bytes, 1, (size_t)size, stdout), STATUS_OK);
}

/* --- the same problem */

typedef struct Place {
    uint32_t problem;
    size_t   at; /* on the page */
} Place;

static int compare(const void *left, const void *right)
{
    const Place *a = left, *b = right;
    return a->problem != b->problem ? (a->problem > b->problem) - (a->problem < b->problem)
                                    : (a->at > b->at) - (a->at < b->at);
}

/* Where the traces stand, those of a problem together; NULL: out of memory. */
static Place *sort_places(const TracesChosen *chosen)
{
    Place *places = malloc((chosen->count + 1) * sizeof *places);
    for (size_t i = 0; places != NULL && i < chosen->count; i++) {
        places[i] = (Place){history_trace(chosen->history, chosen->indices[i])->problem, i};
    }
    if (places != NULL) {
        qsort(places, chosen->count, sizeof *places, compare);
    }
    return places;
}

/* The traces of the problem of trace `i`, it too, as many as there is room for, those near it. Returns their number. */
static size_t same_problem(const TracesChosen *chosen, const Place *places, size_t i,
                           const HistoryTrace *same[SAME_MAX])
{
    const Place  place = {history_trace(chosen->history, chosen->indices[i])->problem, i};
    const Place *mine  = bsearch(&place, places, chosen->count, sizeof *places, compare);
    size_t       first = (size_t)(mine - places), last = first, count = 0;
    for (bool more = true; more && last - first + 1 < SAME_MAX;) {
        more = false;
        if (first > 0 && places[first - 1].problem == place.problem) {
            first--;
            more = true;
        }
        if (last + 1 < chosen->count && places[last + 1].problem == place.problem && last - first + 1 < SAME_MAX) {
            last++;
            more = true;
        }
    }
    while (first <= last) {
        same[count++] = history_trace(chosen->history, chosen->indices[places[first++].at]);
    }
    return count;
}

/* --- the page */

static Status write_traces(const TracesChosen *chosen, const TracePage *page, const Place *places, FILE *memory,
                           char *const *bytes, AtomicFile *file, Error *error)
{
    TraceCard card = {0};
    trace_page_begin(memory, page);
    Status status = flush_page(memory, bytes, file, error);
    for (size_t i = 0; i < chosen->count && status == STATUS_OK && (file != NULL || !ferror(stdout)); i++) {
        const HistoryTrace *same[SAME_MAX];
        const size_t        count = same_problem(chosen, places, i, same);
        traces_load(&card, chosen, i);
        trace_page_trace(memory, &card, same, count);
        status = flush_page(memory, bytes, file, error);
    }
    trace_card_free(&card);
    if (status == STATUS_OK) {
        trace_page_end(memory);
        status = flush_page(memory, bytes, file, error);
    }
    return status;
}

Status traces_write_page(const TracesChosen *chosen, const char *filter, const char *path, Error *error)
{
    const HistoryState *state = history_state(chosen->history);
    const TracePage page = {state->name[0] != '\0' ? state->name : history_path(chosen->history), state->task, filter,
                            chosen->count, history_trace_count(chosen->history)};
    const bool      file_wanted = strcmp(path, "-") != 0;
    AtomicFile     *file        = file_wanted ? atomic_file_open(path, error) : NULL;
    if (file_wanted && file == NULL) {
        return error->status;
    }
    char  *bytes  = NULL;
    size_t size   = 0;
    Place *places = sort_places(chosen);
    FILE  *memory = open_memstream(&bytes, &size);
    Status status = places != NULL && memory != NULL
                        ? write_traces(chosen, &page, places, memory, &bytes, file, error)
                        : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing %s", path);
    if (memory != NULL) {
        fclose(memory);
    }
    free(bytes);
    free(places);
    if (status != STATUS_OK || file == NULL) {
        atomic_file_abort(file);
        return status;
    }
    return atomic_file_commit(file, error);
}
