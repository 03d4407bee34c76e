/* The "post_processor" of a tokenizer.json: TemplateProcessing, which puts special
 * tokens around a text's ids, and ByteLevel, which only concerns offsets. */
#include <stdlib.h>
#include <string.h>

#include "engine/text/tokenizer_parts.h"

/* The ids of a special token: special_tokens[name].ids. */
static Status read_ids(const Tokenizer *tokenizer, const JsonObject *processor, const char *name, TemplateItem *item,
                       Error *error)
{
    JsonObject   special, token;
    const cJSON *ids    = NULL;
    Status       status = json_get_object(processor, "special_tokens", JSON_REQUIRED, &special, error);
    if (status == STATUS_OK) {
        status = json_get_object(&special, name, JSON_REQUIRED, &token, error);
    }
    if (status == STATUS_OK) {
        status = json_get_array(&token, "ids", JSON_REQUIRED, &ids, error);
    }
    if (status != STATUS_OK) {
        return status;
    }
    item->ids = malloc(((size_t)cJSON_GetArraySize(ids) + 1) * sizeof *item->ids);
    if (item->ids == NULL) {
        return tokenizer_out_of_memory(processor, error);
    }
    for (const cJSON *value = ids->child; value != NULL; value = value->next) {
        int64_t id;
        status = json_integer(value, processor->file, "the post-processor's special_tokens", 0,
                              (int64_t)tokenizer->vocab.size - 1, &id, error);
        if (status != STATUS_OK) {
            return status;
        }
        item->ids[item->count++] = (int32_t)id;
    }
    return STATUS_OK;
}

/* One element of "single": {"SpecialToken": {"id": …}} or {"Sequence": {"id": "A"}}. */
static Status read_item(const Tokenizer *tokenizer, const JsonObject *processor, const JsonObject *element,
                        TemplateItem *item, Error *error)
{
    JsonObject  special, sequence;
    const char *id     = NULL;
    Status      status = json_get_object(element, "SpecialToken", JSON_OPTIONAL, &special, error);
    if (status == STATUS_OK && special.json != NULL) {
        status = json_get_string(&special, "id", JSON_REQUIRED, &id, error);
        return status == STATUS_OK ? read_ids(tokenizer, processor, id, item, error) : status;
    }
    if (status == STATUS_OK) {
        status = json_get_object(element, "Sequence", JSON_REQUIRED, &sequence, error);
    }
    if (status == STATUS_OK) {
        status = json_get_string(&sequence, "id", JSON_REQUIRED, &id, error);
    }
    if (status == STATUS_OK && strcmp(id, "A") != 0) {
        status =
            json_fail(&sequence, "id", error, "found \"%.20s\" in the template of a single text, wanted \"A\"", id);
    }
    item->sequence = true;
    return status;
}

static Status read_template(Tokenizer *tokenizer, const JsonObject *processor, Error *error)
{
    const cJSON *single;
    Status       status = json_get_array(processor, "single", JSON_REQUIRED, &single, error);
    if (status != STATUS_OK) {
        return status;
    }
    if (tokenizer->template_count == TOKENIZER_MAX_TEMPLATES) {
        return json_fail(processor, "type", error, "more than %d templates", TOKENIZER_MAX_TEMPLATES);
    }
    Template *template = &tokenizer->templates[tokenizer->template_count];
    template->items    = calloc((size_t)cJSON_GetArraySize(single) + 1, sizeof *template->items);
    if (template->items == NULL) {
        return tokenizer_out_of_memory(processor, error);
    }
    tokenizer->template_count++;
    size_t sequences = 0;
    for (const cJSON *value = single->child; value != NULL; value = value->next) {
        JsonObject    element;
        TemplateItem *item = &template->items[template->count];
        status             = json_element_object(processor, "single", template->count++, value, &element, error);
        if (status == STATUS_OK) {
            status = read_item(tokenizer, processor, &element, item, error);
        }
        if (status != STATUS_OK) {
            return status;
        }
        sequences += item->sequence;
    }
    /* More would make the result grow with every template. */
    return sequences == 1 ? STATUS_OK : json_fail(processor, "single", error, "wanted the sequence \"A\" once");
}

static Status read_processor(Tokenizer *tokenizer, const JsonObject *object, Error *error)
{
    const char *type   = NULL;
    Status      status = json_get_string(object, "type", JSON_REQUIRED, &type, error);
    if (status != STATUS_OK || strcmp(type, "ByteLevel") == 0) {
        return status;
    }
    if (strcmp(type, "TemplateProcessing") == 0) {
        return read_template(tokenizer, object, error);
    }
    return json_fail(object, "type", error, "found \"%.40s\"; supported: Sequence, TemplateProcessing, ByteLevel",
                     type);
}

Status tokenizer_read_post_processor(Tokenizer *tokenizer, const JsonObject *root, Error *error)
{
    JsonObject   object;
    const cJSON *processors = NULL;
    Status       status     = json_get_object(root, "post_processor", JSON_NULLABLE, &object, error);
    if (status != STATUS_OK || object.json == NULL) {
        return status;
    }
    const char *type = cJSON_GetStringValue(json_find(&object, "type"));
    if (type == NULL || strcmp(type, "Sequence") != 0) {
        return read_processor(tokenizer, &object, error);
    }
    status       = json_get_array(&object, "processors", JSON_REQUIRED, &processors, error);
    size_t index = 0;
    for (const cJSON *value = status == STATUS_OK ? processors->child : NULL; value != NULL && status == STATUS_OK;
         value              = value->next) {
        JsonObject element;
        status = json_element_object(&object, "processors", index++, value, &element, error);
        if (status == STATUS_OK) {
            status = read_processor(tokenizer, &element, error);
        }
    }
    return status;
}
