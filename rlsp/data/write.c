#include "rlsp/data/write.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/math/box.h"

/* A number where the text is one as JSON spells it, else a text; null where there is none. */
static void put_level(JsonLine *line, const char *level)
{
    json_line_key(line, "level");
    if (level == NULL) {
        json_line_null(line);
    } else if (strlen(level) < 10 && strspn(level, "0123456789") == strlen(level) &&
               (level[0] != '0' || level[1] == '\0')) {
        json_line_number(line, strtod(level, NULL));
    } else {
        json_line_string(line, level, strlen(level));
    }
}

static void put_id(JsonLine *line, const DataRow *row, const Record *record)
{
    const char *slash = strrchr(record->where, '/');
    json_line_text_field(line, "id", row->id != NULL ? row->id : slash != NULL ? slash + 1 : record->where);
}

/* The solution, with the answer in a box where it has none and that is wanted. */
static void put_solution(const DataConvert *convert, const DataRow *row, const char *text, JsonLine *line,
                         uint64_t *boxed)
{
    static const char before[] = "\n\n\\boxed{";
    Boxes             boxes;
    const size_t      length = strlen(text);
    if (!convert->box_answers || row->answer == NULL || boxes_find(text, length, &boxes)) {
        json_line_string(line, text, length);
        return;
    }
    const size_t answer = strlen(row->answer), bytes = length + sizeof before - 1 + answer + 1;
    char        *whole = malloc(bytes + 1);
    if (whole == NULL) {
        line->failed = true;
        return;
    }
    memcpy(whole, text, length);
    memcpy(whole + length, before, sizeof before - 1);
    memcpy(whole + length + sizeof before - 1, row->answer, answer);
    memcpy(whole + bytes - 1, "}", 2);
    json_line_string(line, whole, bytes);
    free(whole);
    (*boxed)++;
}

static void put_message(JsonLine *line, const char *role)
{
    json_line_begin(line, '{');
    json_line_text_field(line, "role", role);
    json_line_key(line, "content");
}

static void put_chat(const DataConvert *convert, const DataRow *row, JsonLine *line, uint64_t *boxed)
{
    json_line_key(line, "messages");
    json_line_begin(line, '[');
    if (row->messages == NULL) {
        put_message(line, "user");
        json_line_string(line, row->problem, strlen(row->problem));
        json_line_end(line, '}');
        put_message(line, "assistant");
        put_solution(convert, row, row->solution, line, boxed);
        json_line_end(line, '}');
    }
    for (const cJSON *message = row->messages != NULL ? row->messages->child : NULL; message != NULL;
         message              = message->next) {
        const char *role    = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "role"));
        const char *content = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "content"));
        put_message(line, role);
        json_line_string(line, content, strlen(content));
        json_line_end(line, '}');
    }
    json_line_end(line, ']');
}

const char *data_write(const DataConvert *convert, const DataRow *row, const Record *record, JsonLine *line,
                       uint64_t *boxed)
{
    json_line_clear(line);
    json_line_begin(line, '{');
    switch (convert->output) {
    case DATA_PROBLEMS:
        json_line_text_field(line, "problem", row->problem);
        json_line_text_field(line, "answer", row->answer);
        if (row->solution != NULL) {
            json_line_key(line, "solution");
            put_solution(convert, row, row->solution, line, boxed);
        }
        json_line_text_field(line, "subject", row->subject);
        put_level(line, row->level);
        break;
    case DATA_CHATS: put_chat(convert, row, line, boxed); break;
    case DATA_PAIRS:
        json_line_text_field(line, "prompt", row->problem);
        json_line_key(line, "completion");
        put_solution(convert, row, row->solution, line, boxed);
        break;
    }
    put_id(line, row, record);
    json_line_end(line, '}');
    return json_line_finish(line);
}
