#include "rlsp/data/row.h"

#include <stdlib.h>
#include <string.h>

#include "rlsp/math/extract.h"

const char *const data_form_names[DATA_FORMS + 1] = {"auto", "math", "gsm8k", "authors", "messages", NULL};

/* The names that datasets use, the commoner first. */
static const char *const problem_names[] = {"problem", "question", "Problem",     "Question",
                                            "prompt",  "query",    "instruction", NULL};
static const char *const answer_names[]  = {
     "answer", "Answer", "final_answer", "expected_answer", "ground_truth", "reward_model.ground_truth", "gt", NULL};
static const char *const solution_names[] = {"solution", "Solution",   "qwq",    "generation",
                                             "response", "completion", "output", NULL};
static const char *const subject_names[]  = {"subject", "type", "Subject", "category", NULL};
static const char *const level_names[]    = {"level", "Level", "difficulty", NULL};
static const char *const id_names[]       = {"id", "unique_id", "ID", "uuid", "problem_id", NULL};
static const char *const message_names[]  = {"messages", "conversations", "conversation", NULL};

static Status out_of_memory(const Record *record, Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory at %s", record->where);
}

/* --- texts */

static bool is_space(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* A copy of text[length] without the white space around it; NULL: out of memory. */
static char *trimmed(const char *text, size_t length)
{
    while (length > 0 && is_space(text[0])) {
        text++;
        length--;
    }
    while (length > 0 && is_space(text[length - 1])) {
        length--;
    }
    char *copy = malloc(length + 1);
    if (copy != NULL) {
        memcpy(copy, text, length);
        copy[length] = '\0';
    }
    return copy;
}

/* The last "####"; NULL: none. */
static const char *hashes(const char *text)
{
    const char *found = NULL;
    for (const char *at = strstr(text, "####"); at != NULL; at = strstr(at, "####")) {
        found = at;
        at += strspn(at, "#");
    }
    return found;
}

char *data_answer_of(const char *solution)
{
    const MathExtractPolicy policy = {.choice = MATH_BOX_LAST, .fbox = true};
    MathAnswer              answer;
    if (math_extract(solution, strlen(solution), &policy, &answer)) {
        return trimmed(answer.text, answer.length);
    }
    const char *mark = hashes(solution);
    if (mark == NULL) {
        return NULL;
    }
    mark += strspn(mark, "#");
    mark += strspn(mark, " \t");
    const size_t line = strcspn(mark, "\r\n");
    const bool   last = mark[line + strspn(mark + line, " \t\r\n")] == '\0'; /* else it is a heading */
    return line > 0 && last ? trimmed(mark, line) : NULL;
}

bool data_has_figure(const char *text)
{
    return strstr(text, "[asy]") != NULL || strstr(text, "\\includegraphics") != NULL || strstr(text, "![") != NULL ||
           strstr(text, "\\begin{asy}") != NULL;
}

/* A GSM8K solution: what stands before "####", without <<3*4=12>>. In place. */
static void clean_gsm8k(char *text)
{
    const char *end = hashes(text);
    char       *out = text;
    for (const char *at = text; *at != '\0' && at != end;) {
        const char *close = strncmp(at, "<<", 2) == 0 ? strstr(at, ">>") : NULL;
        if (close != NULL && memchr(at, '\n', (size_t)(close - at)) == NULL) {
            at = close + 2;
        } else {
            *out++ = *at++;
        }
    }
    while (out > text && is_space(out[-1])) {
        out--;
    }
    *out = '\0';
}

/* --- fields */

/* The text of the first of these names that the line has, or of `given`; *text stays NULL if there is none. A null
 * value is none. Where a name's value is no text, it is an error for `given`, and passed over else. */
static Status take(const Record *record, const char *given, const char *const *names, char **text, Error *error)
{
    for (size_t i = 0; given != NULL ? i == 0 : names[i] != NULL; i++) {
        const char  *key   = given != NULL ? given : names[i];
        const cJSON *value = record_find(record, key);
        const char  *found = NULL;
        char         number[RECORD_NUMBER_SIZE];
        if (value == NULL || cJSON_IsNull(value) ||
            (given == NULL && !cJSON_IsString(value) && !cJSON_IsNumber(value))) {
            continue;
        }
        const Status status = record_get_text(record, key, JSON_REQUIRED, number, &found, error);
        if (status != STATUS_OK) {
            return status;
        }
        *text = trimmed(found, strlen(found));
        if (*text == NULL) {
            return out_of_memory(record, error);
        }
        if ((*text)[0] != '\0') {
            return STATUS_OK;
        }
        free(*text);
        *text = NULL;
    }
    return STATUS_OK;
}

/* "Level 5" as "5"; "Level ?" is none. */
static void clean_level(DataRow *row)
{
    if (row->level != NULL && strncmp(row->level, "Level ", 6) == 0) {
        memmove(row->level, row->level + 6, strlen(row->level + 6) + 1);
    }
    if (row->level != NULL && strcmp(row->level, "?") == 0) {
        free(row->level);
        row->level = NULL;
    }
}

static Status take_labels(const Record *record, DataRow *row, Error *error)
{
    Status status = take(record, NULL, subject_names, &row->subject, error);
    status        = status == STATUS_OK ? take(record, NULL, level_names, &row->level, error) : status;
    status        = status == STATUS_OK ? take(record, NULL, id_names, &row->id, error) : status;
    clean_level(row);
    return status;
}

/* --- conversations */

static const char *role_of(const char *name)
{
    static const char *const roles[][2] = {{"user", "user"},     {"human", "user"},      {"assistant", "assistant"},
                                           {"gpt", "assistant"}, {"model", "assistant"}, {"bot", "assistant"},
                                           {"system", "system"}, {"tool", "tool"}};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++) {
        if (strcmp(name, roles[i][0]) == 0) {
            return roles[i][1];
        }
    }
    return NULL;
}

static const char *member(const cJSON *message, const char *one, const char *other)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(message, one);
    return cJSON_GetStringValue(value != NULL ? value : cJSON_GetObjectItemCaseSensitive(message, other));
}

static Status take_messages(const Record *record, const char *key, const cJSON *list, DataRow *row, Error *error)
{
    size_t place  = 0;
    row->messages = cJSON_CreateArray();
    if (row->messages == NULL) {
        return out_of_memory(record, error);
    }
    for (const cJSON *message = list->child; message != NULL; message = message->next, place++) {
        const char *name = member(message, "role", "from"), *content = member(message, "content", "value");
        const char *role = name != NULL ? role_of(name) : NULL;
        if (role == NULL || content == NULL) {
            return error_set(error, STATUS_BAD_INPUT,
                             "%s: %s[%zu]: wanted {\"role\", \"content\"} or {\"from\", \"value\"} with texts, the "
                             "role one of user, assistant, "
                             "system, tool, human, gpt",
                             record->where, key, place);
        }
        cJSON *copy = cJSON_CreateObject();
        if (copy == NULL || !cJSON_AddItemToArray(row->messages, copy)) {
            cJSON_Delete(copy);
            return out_of_memory(record, error);
        }
        if (cJSON_AddStringToObject(copy, "role", role) == NULL ||
            cJSON_AddStringToObject(copy, "content", content) == NULL) {
            return out_of_memory(record, error);
        }
        char **text = strcmp(role, "assistant") == 0                      ? &row->solution
                      : strcmp(role, "user") == 0 && row->problem == NULL ? &row->problem
                                                                          : NULL;
        row->turns += text == &row->solution;
        if (text != NULL) {
            free(*text);
            *text = trimmed(content, strlen(content));
            if (*text == NULL) {
                return out_of_memory(record, error);
            }
        }
    }
    return STATUS_OK;
}

/* The conversation of a line; *key is its name. NULL: none. */
static const cJSON *find_messages(const Record *record, const char **key)
{
    for (size_t i = 0; message_names[i] != NULL; i++) {
        const cJSON *list = json_find(&record->object, message_names[i]);
        if (cJSON_IsArray(list) && list->child != NULL) {
            *key = message_names[i];
            return list;
        }
    }
    return NULL;
}

/* --- rows */

static DataForm form_of(const DataForms *forms, const Record *record)
{
    const char  *key;
    const cJSON *answer = json_find(&record->object, "answer");
    if (forms->form != DATA_AUTO) {
        return forms->form;
    }
    if (forms->problem_key == NULL && json_find(&record->object, "problem") == NULL &&
        find_messages(record, &key) != NULL) {
        return DATA_MESSAGES;
    }
    if (forms->answer_key == NULL && json_find(&record->object, "question") != NULL && cJSON_IsString(answer) &&
        hashes(answer->valuestring) != NULL) {
        return DATA_GSM8K;
    }
    return json_find(&record->object, "input") != NULL && json_find(&record->object, "problem") != NULL ? DATA_AUTHORS
                                                                                                        : DATA_MATH;
}

/* The texts of a row that is no conversation. */
static Status take_texts(const DataForms *forms, const Record *record, DataRow *row, Error *error)
{
    Status status = take(record, forms->problem_key, problem_names, &row->problem, error);
    if (status == STATUS_OK && row->problem == NULL && forms->problem_key == NULL &&
        cJSON_IsArray(record_find(record, "prompt"))) {
        status =
            take_messages(record, "prompt", record_find(record, "prompt"), row, error); /* a prompt as a conversation */
        cJSON_Delete(row->messages);
        row->messages = NULL;
        row->turns    = 0;
    }
    status = status == STATUS_OK ? take(record, forms->answer_key, answer_names, &row->answer, error) : status;
    return status == STATUS_OK ? take(record, forms->solution_key, solution_names, &row->solution, error) : status;
}

/* Puts the answer that `text` holds in the place of row->answer. */
static void set_answer(DataRow *row, char *answer)
{
    free(row->answer);
    row->answer = answer;
}

static Status read_row(const DataForms *forms, const Record *record, DataRow *row, Error *error)
{
    const char  *key      = "messages";
    const cJSON *messages = NULL;
    row->form             = form_of(forms, record);
    if (row->form == DATA_MESSAGES) {
        messages = find_messages(record, &key);
        return messages != NULL ? take_messages(record, key, messages, row, error)
                                : error_set(error, STATUS_BAD_INPUT,
                                            "%s: no conversation under 'messages' or 'conversations'", record->where);
    }
    Status status = take_texts(forms, record, row, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (row->form == DATA_GSM8K && row->answer != NULL && hashes(row->answer) != NULL) {
        free(row->solution);
        row->solution = row->answer;
        row->answer   = data_answer_of(hashes(row->solution));
        row->derived  = true;
        clean_gsm8k(row->solution);
    } else if (row->answer != NULL && (strstr(row->answer, "\\boxed") != NULL || hashes(row->answer) != NULL)) {
        char *inner = data_answer_of(row->answer); /* a whole solution in the answer's place */
        if (inner != NULL && row->solution == NULL) {
            row->solution = row->answer;
            row->answer   = inner;
            row->derived  = true;
        } else if (inner != NULL) {
            set_answer(row, inner);
        }
    }
    return STATUS_OK;
}

Status data_row_read(const DataForms *forms, const Record *record, DataRow *row, DataFault *fault, Error *error)
{
    data_row_free(row);
    *fault        = DATA_FINE;
    Status status = read_row(forms, record, row, error);
    status        = status == STATUS_OK ? take_labels(record, row, error) : status;
    if (status != STATUS_OK) {
        return status;
    }
    if (row->answer == NULL && row->solution != NULL && row->turns <= 1) {
        row->answer  = data_answer_of(row->solution);
        row->derived = row->answer != NULL;
    }
    *fault = row->problem == NULL || row->problem[0] == '\0' ? DATA_NO_PROBLEM
             : row->turns > 1                                ? DATA_SEVERAL_TURNS
             : row->answer == NULL || row->answer[0] == '\0' ? DATA_NO_ANSWER
                                                             : DATA_FINE;
    return STATUS_OK;
}

void data_row_free(DataRow *row)
{
    free(row->problem);
    free(row->answer);
    free(row->solution);
    free(row->subject);
    free(row->level);
    free(row->id);
    cJSON_Delete(row->messages);
    *row = (DataRow){0};
}
