/* What a tokenizer.json says of the text before and after its model: normalizer, pre-tokenizers, decoder. */
#include <stdio.h>
#include <string.h>

#include "engine/text/tokenizer_parts.h"

static const char *type_of(const JsonObject *object)
{
    const char *type = cJSON_GetStringValue(json_find(object, "type"));
    return type == NULL ? "" : type;
}

/* Calls `read` for the object itself or, if its type is Sequence, for each element of its list. */
static Status each_in_sequence(Tokenizer *tokenizer, const JsonObject *object, const char *list,
                               Status (*read)(Tokenizer *, const JsonObject *, Error *), Error *error)
{
    if (strcmp(type_of(object), "Sequence") != 0) {
        return read(tokenizer, object, error);
    }
    const cJSON *elements;
    Status       status = json_get_array(object, list, JSON_REQUIRED, &elements, error);
    size_t       index  = 0;
    for (const cJSON *item = status == STATUS_OK ? elements->child : NULL; item != NULL && status == STATUS_OK;
         item              = item->next) {
        JsonObject element;
        status = json_element_object(object, list, index++, item, &element, error);
        if (status == STATUS_OK) {
            status = read(tokenizer, &element, error);
        }
    }
    return status;
}

static Status read_normalizer(Tokenizer *tokenizer, const JsonObject *object, Error *error)
{
    if (strcmp(type_of(object), "NFC") != 0) {
        return tokenizer_unsupported(object, "NFC, null", error);
    }
    tokenizer->nfc = true;
    return STATUS_OK;
}

static Status read_split(Tokenizer *tokenizer, const JsonObject *object, Error *error)
{
    JsonObject  pattern;
    const char *text = NULL, *behavior = NULL;
    bool        invert = false, literal;
    Status      status = json_get_object(object, "pattern", JSON_REQUIRED, &pattern, error);
    if (status != STATUS_OK ||
        (status = json_get_string(object, "behavior", JSON_REQUIRED, &behavior, error)) != STATUS_OK ||
        (status = json_get_bool(object, "invert", JSON_OPTIONAL, &invert, error)) != STATUS_OK) {
        return status;
    }
    literal = json_find(&pattern, "Regex") == NULL;
    status  = json_get_string(&pattern, literal ? "String" : "Regex", JSON_REQUIRED, &text, error);
    if (status != STATUS_OK) {
        return status;
    }
    bool isolated = strcmp(behavior, "Isolated") == 0, removed = strcmp(behavior, "Removed") == 0;
    if (!isolated && !removed) {
        return json_fail(object, "behavior", error, "found \"%.40s\"; supported: Isolated, Removed", behavior);
    }
    char where[400];
    snprintf(where, sizeof where, "%s: key '%s.pattern'", object->file, object->path);
    return pretokenizer_add_split(&tokenizer->pretokenizer, text, literal, isolated || invert, isolated || !invert,
                                  where, error);
}

static Status read_digits(Tokenizer *tokenizer, const JsonObject *object, Error *error)
{
    bool   single = false;
    Status status = json_get_bool(object, "individual_digits", JSON_OPTIONAL, &single, error);
    return status != STATUS_OK ? status
                               : pretokenizer_add_split(&tokenizer->pretokenizer, single ? "\\p{N}" : "\\p{N}+", false,
                                                        true, true, object->file, error);
}

static Status read_byte_level(Tokenizer *tokenizer, const JsonObject *object, Error *error)
{
    bool   prefix = true, regex = true;
    Status status = json_get_bool(object, "add_prefix_space", JSON_OPTIONAL, &prefix, error);
    if (status == STATUS_OK) {
        status = json_get_bool(object, "use_regex", JSON_OPTIONAL, &regex, error);
    }
    return status != STATUS_OK
               ? status
               : pretokenizer_add_byte_level(&tokenizer->pretokenizer, prefix, regex, object->file, error);
}

static Status read_pretokenizer(Tokenizer *tokenizer, const JsonObject *object, Error *error)
{
    const char *type = type_of(object);
    if (strcmp(type, "Split") == 0) {
        return read_split(tokenizer, object, error);
    }
    if (strcmp(type, "Digits") == 0) {
        return read_digits(tokenizer, object, error);
    }
    if (strcmp(type, "ByteLevel") == 0) {
        return read_byte_level(tokenizer, object, error);
    }
    return tokenizer_unsupported(object, "Sequence, Split, Digits, ByteLevel", error);
}

/* ByteLevel turns the text into another alphabet: nothing may come after it, and a byte-level model needs it. */
static Status check_pretokenizer(const JsonObject *object, Error *error)
{
    const cJSON *list  = json_find(object, "pretokenizers");
    int          count = cJSON_GetArraySize(list), byte_level = 0;
    if (strcmp(type_of(object), "ByteLevel") == 0) {
        return STATUS_OK;
    }
    for (int i = 0; i < count; i++) {
        const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(list, i), "type"));
        byte_level += type != NULL && strcmp(type, "ByteLevel") == 0;
        if (byte_level > 0 && i + 1 < count) {
            byte_level = 2;
        }
    }
    return byte_level == 1 ? STATUS_OK : json_fail(object, "type", error, "one ByteLevel pre-tokenizer must come last");
}

static Status read_decoder(Tokenizer *tokenizer, const JsonObject *object, Error *error)
{
    (void)tokenizer;
    return strcmp(type_of(object), "ByteLevel") == 0 ? STATUS_OK : tokenizer_unsupported(object, "ByteLevel", error);
}

Status tokenizer_read_pipeline(Tokenizer *tokenizer, const JsonObject *root, Error *error)
{
    JsonObject normalizer, pretokenizer, decoder;
    Status     status;
    if ((status = json_get_object(root, "normalizer", JSON_NULLABLE, &normalizer, error)) != STATUS_OK ||
        (status = json_get_object(root, "pre_tokenizer", JSON_REQUIRED, &pretokenizer, error)) != STATUS_OK ||
        (status = json_get_object(root, "decoder", JSON_REQUIRED, &decoder, error)) != STATUS_OK) {
        return status;
    }
    if (normalizer.json != NULL &&
        (status = each_in_sequence(tokenizer, &normalizer, "normalizers", read_normalizer, error)) != STATUS_OK) {
        return status;
    }
    if ((status = each_in_sequence(tokenizer, &pretokenizer, "pretokenizers", read_pretokenizer, error)) != STATUS_OK ||
        (status = check_pretokenizer(&pretokenizer, error)) != STATUS_OK) {
        return status;
    }
    return each_in_sequence(tokenizer, &decoder, "decoders", read_decoder, error);
}
