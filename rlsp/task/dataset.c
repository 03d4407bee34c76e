#include "rlsp/task/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/math/verify.h"
#include "rlsp/task/records.h"

enum { TEXT_BLOCK = 1 << 20 };

/* A block of texts, one behind another. */
struct DatasetText {
    DatasetText *next;
    size_t       used, size;
    char         bytes[];
};

static Status out_of_memory(const Dataset *dataset, Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "reading problems: out of host memory after %u of them",
                     dataset->count);
}

/* A copy that lives as long as the dataset; NULL: out of memory. */
static const char *keep(Dataset *dataset, const char *text, size_t length)
{
    DatasetText *block = dataset->texts;
    if (block == NULL || block->size - block->used < length + 1) {
        const size_t size = length + 1 > TEXT_BLOCK ? length + 1 : TEXT_BLOCK;
        block             = malloc(sizeof *block + size);
        if (block == NULL) {
            return NULL;
        }
        *block         = (DatasetText){.next = dataset->texts, .size = size};
        dataset->texts = block;
    }
    char *copy = block->bytes + block->used;
    memcpy(copy, text, length);
    copy[length] = '\0';
    block->used += length + 1;
    return copy;
}

/* The text of a key. `need` JSON_NULLABLE: *kept stays NULL where it is missing. */
static Status take(Dataset *dataset, const Record *record, const char *key, JsonNeed need, const char **kept,
                   size_t *length, Error *error)
{
    char        number[RECORD_NUMBER_SIZE];
    const char *text = NULL;
    *kept            = NULL;
    *length          = 0;
    if (key[0] == '\0') {
        return STATUS_OK;
    }
    if (record_get_text(record, key, need, number, &text, error) != STATUS_OK) {
        return error->status;
    }
    if (text == NULL) {
        return STATUS_OK;
    }
    *length = strlen(text);
    if (need == JSON_REQUIRED && strspn(text, " \t\r\n") == *length) {
        return json_fail(&record->object, key, error, "empty");
    }
    *kept = keep(dataset, text, *length);
    return *kept != NULL ? STATUS_OK : out_of_memory(dataset, error);
}

static Status add(Dataset *dataset, const Record *record, const RunTask *config, Error *error)
{
    TaskItem item = {.line = record->line};
    size_t   ignored;
    Status   status =
        take(dataset, record, config->prompt_key, JSON_REQUIRED, &item.problem, &item.problem_length, error);
    if (status == STATUS_OK) {
        status = take(dataset, record, config->answer_key, JSON_REQUIRED, &item.answer, &item.answer_length, error);
    }
    if (status == STATUS_OK) {
        status = take(dataset, record, config->id_key, JSON_NULLABLE, &item.id, &ignored, error);
    }
    if (status == STATUS_OK) {
        status = take(dataset, record, config->subject_key, JSON_NULLABLE, &item.subject, &ignored, error);
    }
    if (status == STATUS_OK) {
        status = take(dataset, record, config->level_key, JSON_NULLABLE, &item.level, &ignored, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    if (dataset->count == dataset->item_capacity) {
        const uint32_t capacity = dataset->item_capacity * 2 + 256;
        TaskItem      *items    = realloc(dataset->items, capacity * sizeof *items);
        if (items == NULL) {
            return out_of_memory(dataset, error);
        }
        dataset->items         = items;
        dataset->item_capacity = capacity;
    }
    const MathGold gold = math_gold(item.answer, item.answer_length);
    if (gold == MATH_GOLD_NOT_UNDERSTOOD || gold == MATH_GOLD_TOO_MUCH) {
        dataset->as_text_line = dataset->as_text == 0 ? (uint32_t)item.line : dataset->as_text_line;
        dataset->as_text++;
    }
    dataset->items[dataset->count++] = item;
    return STATUS_OK;
}

static Status read_all(Dataset *dataset, const RecordFile *file, const RunTask *config, Error *error)
{
    Record         record = {0};
    Status         status = STATUS_OK;
    const uint64_t count  = record_file_count(file);
    if (count == 0) {
        return error_set(error, STATUS_BAD_INPUT,
                         "%s holds no problems; wanted lines {\"%s\": …, \"%s\": …}, one for each",
                         record_file_path(file), config->prompt_key, config->answer_key);
    }
    if (count > INT32_MAX) {
        return error_set(error, STATUS_BAD_INPUT, "%s: found %llu problems, wanted %d at most", record_file_path(file),
                         (unsigned long long)count, INT32_MAX);
    }
    for (uint64_t i = 0; i < count && status == STATUS_OK; i++) {
        status = record_read(file, i, &record, error);
        status = status == STATUS_OK ? add(dataset, &record, config, error) : status;
    }
    record_free(&record);
    return status;
}

Dataset *dataset_open(const char *path, const RunTask *config, Error *error)
{
    RecordFile *file    = record_file_open(path, error);
    Dataset    *dataset = file != NULL ? calloc(1, sizeof *dataset) : NULL;
    if (file != NULL && dataset == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "reading problems: out of host memory");
    }
    if (dataset != NULL && read_all(dataset, file, config, error) != STATUS_OK) {
        dataset_free(dataset);
        dataset = NULL;
    }
    record_file_close(file);
    return dataset;
}

void dataset_free(Dataset *dataset)
{
    if (dataset != NULL) {
        while (dataset->texts != NULL) {
            DatasetText *next = dataset->texts->next;
            free(dataset->texts);
            dataset->texts = next;
        }
        free(dataset->items);
        free(dataset);
    }
}

void dataset_leave_out(Dataset *dataset, const bool *marked)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < dataset->count; i++) {
        if (!marked[i]) {
            dataset->items[kept++] = dataset->items[i];
        } else if (dataset->left_out++ == 0) {
            dataset->left_out_line = (uint32_t)dataset->items[i].line;
        }
    }
    dataset->count = kept;
}
