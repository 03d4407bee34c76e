#include "rlsp/cli/token_lines.h"

#include <stdlib.h>
#include <string.h>

#include "engine/io/json.h"
#include "rlsp/cli/input_lines.h"

/* Room for `more` ids and one more line. */
static Status make_room(TokenLines *lines, size_t more, Error *error)
{
    const size_t used = lines->count > 0 ? lines->starts[lines->count] : 0;
    if (used + more > INT32_MAX || lines->count >= INT32_MAX) {
        return error_set(error, STATUS_BAD_INPUT, "more than %d tokens at once; give them in several files", INT32_MAX);
    }
    if (used + more > lines->id_capacity || lines->ids == NULL) {
        const size_t capacity = 2 * (used + more) + 1024;
        int32_t     *grown    = realloc(lines->ids, capacity * sizeof *grown);
        if (grown == NULL) {
            return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory with %zu tokens", used);
        }
        lines->ids         = grown;
        lines->id_capacity = capacity;
    }
    if ((size_t)lines->count + 2 > lines->line_capacity) {
        const size_t capacity = 2 * lines->line_capacity + 64;
        uint32_t    *grown    = realloc(lines->starts, capacity * sizeof *grown);
        if (grown == NULL) {
            return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory with %u lines", lines->count);
        }
        lines->starts        = grown;
        lines->line_capacity = capacity;
        lines->starts[0]     = 0;
    }
    return STATUS_OK;
}

Status token_lines_add(TokenLines *lines, const int32_t *ids, size_t count, Error *error)
{
    Status status = make_room(lines, count, error);
    if (status == STATUS_OK) {
        const uint32_t at = lines->starts[lines->count];
        memcpy(lines->ids + at, ids, count * sizeof *ids);
        lines->starts[++lines->count] = at + (uint32_t)count;
        lines->longest                = count > lines->longest ? (uint32_t)count : lines->longest;
    }
    return status;
}

static Status add_line(TokenLines *lines, const JsonObject *line, uint32_t vocab, uint32_t most, Error *error)
{
    const cJSON *list;
    Status       status = json_get_array(line, "ids", JSON_REQUIRED, &list, error);
    if (status != STATUS_OK) {
        return status;
    }
    const size_t count = (size_t)cJSON_GetArraySize(list);
    if (count == 0 || count > most) {
        return json_fail(line, "ids", error, "%zu ids; the model takes 1 to %u", count, most);
    }
    status = make_room(lines, count, error);
    if (status != STATUS_OK) {
        return status;
    }
    int32_t *to = lines->ids + lines->starts[lines->count];
    for (const cJSON *item = list->child; item != NULL && status == STATUS_OK; item = item->next) {
        int64_t id = 0;
        status     = json_integer(item, line->file, "key 'ids'", 0, (int64_t)vocab - 1, &id, error);
        *to++      = (int32_t)id;
    }
    if (status == STATUS_OK) {
        lines->count++;
        lines->starts[lines->count] = (uint32_t)(to - lines->ids);
        lines->longest              = count > lines->longest ? (uint32_t)count : lines->longest;
    }
    return status;
}

Status token_lines_read(TokenLines *lines, FILE *file, const char *name, uint32_t vocab, uint32_t most, Error *error)
{
    *lines            = (TokenLines){0};
    InputLines input  = {.file = file, .name = name};
    Status     status = make_room(lines, 0, error);
    while (status == STATUS_OK && input_lines_next(&input, error)) {
        cJSON     *root;
        JsonObject line;
        status = json_parse(input.text, input.bytes, input.where, &root, error);
        if (status == STATUS_OK) {
            status = json_root(&line, root, input.where, error);
        } else {
            json_error_in_line(error);
        }
        if (status == STATUS_OK) {
            status = add_line(lines, &line, vocab, most, error);
        }
        cJSON_Delete(root);
    }
    input_lines_free(&input);
    return error->status;
}

void token_lines_free(TokenLines *lines)
{
    free(lines->ids);
    free(lines->starts);
    *lines = (TokenLines){0};
}
