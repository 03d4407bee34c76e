/* Bytes as a JSONL file: its records are the lines that a plain reading finds, each of them an object or one line of
 * error that names the line; keys, paths and orders of any kind. */
#include "rlsp/task/records.h"
#include "rlsp/task/shuffle.h"
#include "tests/fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static char path[100];

static int is_blank(const char *line, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (strchr(" \t\r", line[i]) == NULL || line[i] == '\0') {
            return 0;
        }
    }
    return 1;
}

static void look(const Record *record)
{
    static const char *const keys[] = {"a", "a.b", "a.0", "a.0.b", "", ".", "a.", "messages.0.content"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
        char         number[RECORD_NUMBER_SIZE];
        const char  *text   = NULL;
        const cJSON *array  = NULL;
        Error        error  = {0};
        Status       status = record_get_text(record, keys[k], JSON_NULLABLE, number, &text, &error);
        require(status == STATUS_OK ? text == NULL || strlen(text) < record->bytes + RECORD_NUMBER_SIZE
                                    : error.text[0] != '\0');
        error  = (Error){0};
        status = record_get_text(record, keys[k], JSON_REQUIRED, number, &text, &error);
        require(status == STATUS_OK || strchr(error.text, '\n') == NULL);
        require((record_get_array(record, keys[k], JSON_OPTIONAL, &array, NULL) == STATUS_OK) ||
                record_find(record, keys[k]) != NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (path[0] == '\0') {
        scratch_path(path, "data.jsonl");
    }
    scratch_put(path, "w", data, size);
    Error       error  = {0};
    Record      record = {0};
    RecordFile *file   = record_file_open(path, &error);
    require(file != NULL);
    const char *text  = (const char *)data;
    size_t      at    = size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? 3 : 0;
    uint64_t    found = 0, line = 0;
    while (at < size) {
        const char  *newline = memchr(text + at, '\n', size - at);
        const size_t bytes   = newline != NULL ? (size_t)(newline - text) - at : size - at;
        line++;
        if (!is_blank(text + at, bytes)) {
            error = (Error){0};
            require(found < record_file_count(file) && record_file_line(file, found) == line &&
                    record_file_offset(file, found) == at);
            const Status status = record_read(file, found, &record, &error);
            require(record.bytes == bytes && memcmp(record.text, text + at, bytes) == 0 && record.text[bytes] == '\0');
            if (status == STATUS_OK) {
                look(&record);
            } else {
                char where[200];
                snprintf(where, sizeof where, "%s:%llu", path, (unsigned long long)line);
                require(status == STATUS_BAD_INPUT && error.status == status && strstr(error.text, where) != NULL &&
                        strchr(error.text, '\n') == NULL);
            }
            found++;
        }
        at += bytes + 1;
    }
    require(found == record_file_count(file) && line - found == record_file_blank(file) &&
            record_file_offset(file, found) == size);
    uint64_t sum = 0;
    for (uint64_t i = 0; i < found; i++) {
        const uint64_t place = shuffle_index(size, data[0], line, found, i);
        require(place < found);
        sum += place;
    }
    require(found == 0 || sum == found * (found - 1) / 2);
    record_free(&record);
    record_file_close(file);
    return 0;
}
