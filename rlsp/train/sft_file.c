#include "rlsp/train/sft_file.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rlsp/task/shuffle.h"
#include "rlsp/train/sft_check.h"

/* WINDOW_STEPS: the last of a window's steps is filled up from the others; with 16 they are 94% full at the least. */
enum { WINDOW_STEPS = 16, WINDOW_LINES_MAX = 1 << 20 };

/* A line of the window. */
typedef struct Item {
    uint64_t record;
    uint32_t tokens, step; /* step: within the window */
} Item;

/* Lines [begin, end) of the endless passes, which make up steps [first_step, first_step + steps). steps 0: none. */
typedef struct Window {
    uint64_t begin, end;
    uint32_t first_step, steps;
    Item    *items; /* [count] in order */
    uint32_t count, capacity;
} Window;

struct SftFile {
    const SftEncoder *encoder;
    RecordFile       *records;
    SftCheck         *check;
    uint64_t          seed;
    uint32_t          phase_index;
    Window            window;
    Record            record;
    SftExample        example;
};

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "SFT data: out of host memory");
}

/* --- windows */

/* The record at place `n` of the endless passes. */
static uint64_t record_at(const SftFile *file, uint64_t n)
{
    const uint64_t count = record_file_count(file->records), epoch = n / count, index = n % count;
    return file->encoder->phase->shuffle ? shuffle_index(file->seed, file->phase_index, epoch, count, index) : index;
}

static Status add_item(Window *window, uint64_t record, uint32_t tokens, Error *error)
{
    if (window->count == window->capacity) {
        const uint32_t capacity = window->capacity * 2 + 64;
        Item          *grown    = realloc(window->items, capacity * sizeof *grown);
        if (grown == NULL) {
            return out_of_memory(error);
        }
        window->items    = grown;
        window->capacity = capacity;
    }
    window->items[window->count++] = (Item){.record = record, .tokens = tokens};
    return STATUS_OK;
}

/* A line by its length, the longest first; those of one length in their order. */
typedef struct Rank {
    uint32_t tokens, index;
} Rank;

static int longest_first(const void *a, const void *b)
{
    const Rank *x = a, *y = b;
    return x->tokens != y->tokens ? (x->tokens < y->tokens) - (x->tokens > y->tokens)
                                  : (x->index > y->index) - (x->index < y->index);
}

/* The longest lines first, each to the step that has the fewest tokens so far (Graham 1969, "largest processing time").
 * False: some step has more than `most`. */
static bool deal(Window *window, const Rank *ranks, uint64_t *loads, uint64_t most)
{
    bool fits = true;
    memset(loads, 0, window->steps * sizeof *loads);
    for (uint32_t i = 0; i < window->count; i++) {
        uint32_t least = 0;
        for (uint32_t s = 1; s < window->steps; s++) {
            least = loads[s] < loads[least] ? s : least;
        }
        loads[least] += ranks[i].tokens;
        fits                               = fits && loads[least] <= most;
        window->items[ranks[i].index].step = least;
    }
    return fits;
}

/* Deals the window's lines out to steps. */
static Status fill_steps(Window *window, uint32_t batch_tokens, Error *error)
{
    Rank    *ranks = malloc((window->count + 1) * sizeof *ranks);
    uint64_t sum = 0, longest = 0, *loads = malloc((window->count + 1) * sizeof *loads);
    if (ranks == NULL || loads == NULL) {
        free(ranks);
        free(loads);
        return out_of_memory(error);
    }
    for (uint32_t i = 0; i < window->count; i++) {
        ranks[i] = (Rank){window->items[i].tokens, i};
        sum += ranks[i].tokens;
        longest = ranks[i].tokens > longest ? ranks[i].tokens : longest;
    }
    qsort(ranks, window->count, sizeof *ranks, longest_first);
    const uint64_t most = longest > batch_tokens ? longest : batch_tokens;
    window->steps       = (uint32_t)((sum + most - 1) / most);
    while (!deal(window, ranks, loads, most)) { /* ends: with a step for each line none has more than the longest */
        window->steps++;
    }
    free(ranks);
    free(loads);
    return STATUS_OK;
}

/* The window that begins with line `begin` and step `first_step`. */
static Status open_window(SftFile *file, uint64_t begin, uint32_t first_step, Error *error)
{
    const SftPhase *phase  = file->encoder->phase;
    Window         *window = &file->window;
    const uint64_t  lines = record_file_count(file->records), wanted = (uint64_t)phase->batch_tokens * WINDOW_STEPS;
    uint64_t        sum = 0, missed = 0;
    window->begin = window->end = begin;
    window->first_step          = first_step;
    window->count = window->steps = 0;
    while (phase->batch_tokens > 0 ? sum < wanted && window->count < WINDOW_LINES_MAX
                                   : window->count < phase->batch_size) {
        const uint64_t record = record_at(file, window->end);
        uint32_t       tokens = 0;
        Status         status = sft_check_line(file->check, record, &file->record, &file->example, &tokens, error);
        if (status == STATUS_OK && tokens > 0) {
            status = add_item(window, record, tokens, error);
            sum += tokens;
            missed = 0;
        } else if (status == STATUS_OK && ++missed >= lines) {
            status = sft_check_nothing(file->check, error);
        }
        if (status != STATUS_OK) {
            return status;
        }
        window->end++;
    }
    if (phase->batch_tokens > 0) {
        return fill_steps(window, phase->batch_tokens, error);
    }
    window->steps = 1;
    return STATUS_OK;
}

static Status seek(SftFile *file, uint32_t step, Error *error)
{
    Window *window = &file->window;
    Status  status = STATUS_OK;
    if (step < window->first_step) {
        *window = (Window){.items = window->items, .capacity = window->capacity};
    }
    while (status == STATUS_OK && step >= (uint64_t)window->first_step + window->steps) {
        status = open_window(file, window->end, window->first_step + window->steps, error);
    }
    if (status != STATUS_OK) {
        window->steps = 0; /* half a window is none */
        window->end   = window->begin;
    }
    return status;
}

Status sft_file_steps(SftFile *file, double epochs, uint32_t *steps, Error *error)
{
    const SftPhase *phase = file->encoder->phase;
    const double    lines = ceil(epochs * (double)record_file_count(file->records));
    double          count = ceil(epochs * (double)sft_check_counts(file->check)->used / fmax(1, phase->batch_size));
    if (phase->batch_tokens > 0) {
        Window *window = &file->window;
        sft_file_go(file, (SftPlace){0, 0});
        do {
            Status status = open_window(file, window->end, window->first_step + window->steps, error);
            if (status != STATUS_OK) {
                return status;
            }
            count = (double)window->first_step + window->steps;
        } while ((double)window->end < lines && count < UINT32_MAX / 2);
        const double over =
            ((double)window->end - lines) / (double)(window->end - window->begin); /* of the last window */
        count -= floor(over * window->steps);
        sft_file_go(file, (SftPlace){0, 0});
    }
    if (count >= UINT32_MAX / 2) {
        return error_set(error, STATUS_BAD_INPUT, "%s: sft.epochs %g take too many steps to count", phase->data,
                         epochs);
    }
    *steps = count < 1 ? 1 : (uint32_t)count;
    return STATUS_OK;
}

/* --- steps */

static Status add_line(SftFile *file, const Item *item, SftBatch *batch, Error *error)
{
    SftExample *example = &file->example;
    Status      status  = record_read(file->records, item->record, &file->record, error);
    status              = status == STATUS_OK ? sft_encode(file->encoder, &file->record, example, error) : status;
    if (status == STATUS_OK && (example->fit != SFT_FITS || example->count != item->tokens)) {
        status = error_set(error, STATUS_FAILED,
                           "%s: the line has changed since the run began; leave the file alone while it is in use",
                           file->record.where);
    }
    status = status == STATUS_OK ? sft_batch_reserve(batch, example->count, error) : status;
    if (status != STATUS_OK) {
        return status;
    }
    const uint32_t at = batch->starts[batch->sequences];
    memcpy(batch->ids + at, example->ids, example->count * sizeof *batch->ids);
    for (uint32_t i = 0; i < example->count; i++) {
        batch->weight[at + i] = example->loss[i] ? 1.0f : 0.0f;
    }
    batch->targets += example->targets;
    batch->starts[++batch->sequences] = at + example->count;
    return STATUS_OK;
}

Status sft_file_step(SftFile *file, uint32_t step, SftBatch *batch, Error *error)
{
    const Window *window = &file->window;
    Status        status = sft_batch_clear(batch, error);
    status               = status == STATUS_OK ? seek(file, step, error) : status;
    for (uint32_t i = 0; status == STATUS_OK && i < window->count; i++) {
        if (window->items[i].step == step - window->first_step) {
            status = add_line(file, &window->items[i], batch, error);
        }
    }
    for (uint32_t i = 0; status == STATUS_OK && i < batch->starts[batch->sequences]; i++) {
        batch->weight[i] = (float)((double)batch->weight[i] / (double)batch->targets);
    }
    return status;
}

SftPlace sft_file_place(const SftFile *file)
{
    return (SftPlace){file->window.begin, file->window.first_step};
}

void sft_file_go(SftFile *file, SftPlace place)
{
    Window *window     = &file->window;
    window->begin      = place.begin;
    window->end        = place.begin;
    window->first_step = place.step;
    window->count = window->steps = 0;
}

/* --- life */

SftFile *sft_file_open(const SftEncoder *encoder, uint64_t seed, uint32_t phase_index, Error *error)
{
    SftFile *file = calloc(1, sizeof *file);
    if (file == NULL) {
        out_of_memory(error);
        return NULL;
    }
    *file         = (SftFile){.encoder = encoder, .seed = seed, .phase_index = phase_index};
    file->records = record_file_open(encoder->phase->data, error);
    file->check   = file->records != NULL ? sft_check_new(encoder, file->records, error) : NULL;
    if (file->check == NULL) {
        sft_file_free(file);
        return NULL;
    }
    return file;
}

void sft_file_free(SftFile *file)
{
    if (file != NULL) {
        sft_check_free(file->check);
        record_file_close(file->records);
        record_free(&file->record);
        sft_example_free(&file->example);
        free(file->window.items);
        free(file);
    }
}

const SftFileCounts *sft_file_counts(const SftFile *file)
{
    return sft_check_counts(file->check);
}

uint32_t sft_file_longest(const SftFile *file)
{
    return sft_check_longest(file->check);
}
