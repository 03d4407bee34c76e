#include "tests/support/stub_answer.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_MAX = 64, LINES_FULL = 6 };

/* (different lines - 1) / 6, within 0 and 1. */
static double effort_of(const char *text)
{
    const char *lines[LINES_MAX];
    size_t      lengths[LINES_MAX];
    int         count = 0;
    for (const char *at = text; *at != '\0' && count < LINES_MAX;) {
        const size_t length = strcspn(at, "\n");
        bool         known  = length == 0;
        for (int i = 0; i < count && !known; i++) {
            known = lengths[i] == length && memcmp(lines[i], at, length) == 0;
        }
        if (!known) {
            lines[count]     = at;
            lengths[count++] = length;
        }
        at += length + (at[length] == '\n');
    }
    const double effort = (count - 1) / (double)LINES_FULL;
    return effort < 0 ? 0 : effort > 1 ? 1 : effort;
}

static char *judge_answer(const cJSON *request, const char *head_text, StubFault fault)
{
    const cJSON *messages = cJSON_GetObjectItemCaseSensitive(request, "messages");
    const cJSON *asked    = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(messages, 1), "content");
    cJSON       *data     = cJSON_IsString(asked) ? cJSON_Parse(asked->valuestring) : NULL;
    const cJSON *response = cJSON_GetObjectItemCaseSensitive(data, "response");
    char         grade[800], *text = NULL;
    if (!cJSON_IsString(response)) {
        cJSON_Delete(data);
        return NULL;
    }
    const double effort = effort_of(response->valuestring);
    const char  *key    = strstr(head_text, "Bearer ");
    switch (fault) {
    case STUB_NO_GRADE: snprintf(grade, sizeof grade, "I would rather not say."); break;
    case STUB_OUT_OF_RANGE: snprintf(grade, sizeof grade, "{\"rationale\": \"great\", \"grade\": 1.5}"); break;
    case STUB_NAN: snprintf(grade, sizeof grade, "{\"rationale\": \"great\", \"grade\": NaN}"); break;
    case STUB_ECHO: /* its first letter escaped, so that the bytes on the wire are not the key's */
        key = key != NULL ? key + strlen("Bearer ") : "-";
        snprintf(grade, sizeof grade, "{\"rationale\": \"you sent \\u%04x%.*s\", \"grade\": %.9g}",
                 (unsigned)(unsigned char)key[0], (int)strcspn(key + 1, "\r\n"), key + 1, effort);
        break;
    default:
        snprintf(grade, sizeof grade, "{\"rationale\": \"%.0f different lines\", \"grade\": %.9g}",
                 effort * LINES_FULL + 1, effort);
        break;
    }
    cJSON *answer = cJSON_CreateObject(), *choice = cJSON_CreateObject(),
          *message = cJSON_AddObjectToObject(choice, "message"), *usage;
    cJSON_AddStringToObject(message, "role", "assistant");
    cJSON_AddStringToObject(message, "content", grade);
    cJSON_AddStringToObject(answer, "object", "chat.completion");
    cJSON_AddItemToArray(cJSON_AddArrayToObject(answer, "choices"), choice);
    usage = cJSON_AddObjectToObject(answer, "usage");
    cJSON_AddNumberToObject(usage, "prompt_tokens", (double)strlen(asked->valuestring) / 4);
    cJSON_AddNumberToObject(usage, "completion_tokens", (double)strlen(grade) / 4);
    text = cJSON_PrintUnformatted(answer);
    cJSON_Delete(answer);
    cJSON_Delete(data);
    return text;
}

static char *reward_answer(const cJSON *request, StubFault fault)
{
    const cJSON *queries = cJSON_GetObjectItemCaseSensitive(request, "query");
    const int    count = cJSON_GetArraySize(queries), short_by = fault == STUB_OUT_OF_RANGE;
    if (!cJSON_IsArray(queries)) {
        return NULL;
    }
    char  *text = malloc((size_t)count * 32 + 64);
    size_t used = text != NULL ? (size_t)sprintf(text, "{\"rewards\": [") : 0;
    for (int i = 0; text != NULL && i < count - short_by; i++) {
        const cJSON *query = cJSON_GetArrayItem(queries, i);
        if (fault == STUB_NAN) {
            used += (size_t)sprintf(text + used, "%sNaN", i > 0 ? ", " : "");
        } else {
            used += (size_t)sprintf(text + used, "%s%.9g", i > 0 ? ", " : "",
                                    cJSON_IsString(query) ? effort_of(query->valuestring) : 0);
        }
    }
    if (text != NULL) {
        strcpy(text + used, "]}");
    }
    return text;
}

char *stub_answer(const char *request, size_t head, StubFault fault)
{
    char      *first = strndup(request, head);
    const bool judge = first != NULL && strstr(first, "/chat/completions ") != NULL;
    cJSON     *json  = cJSON_Parse(request + head);
    char      *text  = first == NULL || json == NULL ? NULL
                       : judge                       ? judge_answer(json, first, fault)
                                                     : reward_answer(json, fault);
    cJSON_Delete(json);
    free(first);
    return text;
}
