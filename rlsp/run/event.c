/* An event as parsed from its line (events.h). */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/json.h"
#include "rlsp/run/events.h"

struct Event {
    cJSON *json; /* an object whose "event" is a string */
};

Event *event_parse(const char *line, size_t length)
{
    cJSON *json = NULL;
    Event *event;
    if (line == NULL || length == 0 || json_parse(line, length, "event", &json, NULL) != STATUS_OK) {
        return NULL;
    }
    if (!cJSON_IsString(cJSON_GetObjectItemCaseSensitive(json, "event")) || (event = malloc(sizeof *event)) == NULL) {
        cJSON_Delete(json);
        return NULL;
    }
    event->json = json;
    return event;
}

void event_free(Event *event)
{
    if (event != NULL) {
        cJSON_Delete(event->json);
        free(event);
    }
}

bool event_print(const Event *event, FILE *out)
{
    char *text = cJSON_PrintUnformatted(event->json);
    if (text != NULL) {
        fputs(text, out);
        fputc('\n', out);
        cJSON_free(text);
    }
    return text != NULL;
}

const char *event_type(const Event *event)
{
    return cJSON_GetObjectItemCaseSensitive(event->json, "event")->valuestring;
}

int64_t event_step(const Event *event)
{
    double step = event_number(event, "step", 0);
    return step > -9e15 && step < 9e15 ? (int64_t)step : 0;
}

/* "reward", or "rewards.explore" for a member of an inner object. */
static const cJSON *find(const Event *event, const char *name)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(event->json, name);
    const char  *dot  = strchr(name, '.');
    if (item == NULL && dot != NULL && dot - name < 64) {
        char outer[64];
        memcpy(outer, name, (size_t)(dot - name));
        outer[dot - name] = '\0';
        item = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(event->json, outer), dot + 1);
    }
    return item;
}

bool event_has(const Event *event, const char *name)
{
    return find(event, name) != NULL;
}

double event_number(const Event *event, const char *name, double fallback)
{
    const cJSON *item = find(event, name);
    if (cJSON_IsBool(item)) {
        return cJSON_IsTrue(item);
    }
    return cJSON_IsNumber(item) ? item->valuedouble : fallback;
}

const char *event_text(const Event *event, const char *name)
{
    const cJSON *item = find(event, name);
    return cJSON_IsString(item) ? item->valuestring : NULL;
}

void event_each_number(const Event *event, void (*visit)(void *context, const char *name, double value), void *context)
{
    const cJSON *item, *inner;
    cJSON_ArrayForEach(item, event->json)
    {
        if (cJSON_IsNumber(item)) {
            visit(context, item->string, item->valuedouble);
        } else if (cJSON_IsObject(item)) {
            cJSON_ArrayForEach(inner, item)
            {
                char name[128];
                snprintf(name, sizeof name, "%.60s.%.60s", item->string, inner->string);
                if (cJSON_IsNumber(inner)) {
                    visit(context, name, inner->valuedouble);
                }
            }
        }
    }
}
