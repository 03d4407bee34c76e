#include "rlsp/train/sft_example.h"

#include <stdlib.h>
#include <string.h>

enum { NO_LOSS = -100 };

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "SFT data: out of host memory");
}

static Status reserve(SftExample *example, size_t more, Error *error)
{
    const uint64_t wanted = example->count + (uint64_t)more;
    if (wanted <= example->capacity) {
        return STATUS_OK;
    }
    const uint64_t capacity = wanted + wanted / 2 + 256;
    int32_t       *ids      = capacity <= INT32_MAX ? realloc(example->ids, capacity * sizeof *ids) : NULL;
    if (ids != NULL) {
        example->ids = ids;
    }
    uint8_t *flags = ids != NULL ? realloc(example->loss, capacity) : NULL;
    if (flags == NULL) {
        return out_of_memory(error);
    }
    example->loss     = flags;
    example->capacity = (uint32_t)capacity;
    return STATUS_OK;
}

static void push(SftExample *example, int32_t id, bool loss) /* there is room */
{
    example->ids[example->count]    = id;
    example->loss[example->count++] = loss;
}

static Status push_text(const SftEncoder *encoder, SftExample *example, const char *text, bool special, bool loss,
                        Error *error)
{
    int32_t *ids    = NULL;
    size_t   count  = 0;
    Status   status = tokenizer_encode(encoder->tokenizer, text, strlen(text), special, &ids, &count, error);
    if (status == STATUS_OK) {
        status = reserve(example, count + 1, error); /* with an end token */
    }
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        push(example, ids[i], loss);
    }
    free(ids);
    return status;
}

/* --- token ids */

static Status encode_ids(const SftEncoder *encoder, const Record *record, SftExample *example, Error *error)
{
    const cJSON *ids = NULL, *labels = NULL;
    Status       status = record_get_array(record, "ids", JSON_REQUIRED, &ids, error);
    if (status == STATUS_OK) {
        status = record_get_array(record, "labels", JSON_OPTIONAL, &labels, error);
    }
    const cJSON *label = labels != NULL ? labels->child : NULL;
    if (status == STATUS_OK) {
        status = reserve(example, (size_t)cJSON_GetArraySize(ids), error);
    }
    for (const cJSON *id = status == STATUS_OK ? ids->child : NULL; id != NULL; id = id->next) {
        bool bad  = !cJSON_IsNumber(id) || !json_is_integer(id) || id->valuedouble < 0 || id->valuedouble > INT32_MAX;
        bool loss = true;
        if (labels != NULL) {
            bad = bad || label == NULL || !cJSON_IsNumber(label) ||
                  (label->valuedouble != NO_LOSS && label->valuedouble != id->valuedouble);
            loss  = !bad && label->valuedouble != NO_LOSS;
            label = label != NULL ? label->next : NULL;
        }
        if (bad) {
            return error_set(
                error, STATUS_BAD_INPUT,
                "%s: 'ids' are non-negative integers, and 'labels' as many, each the id at its place or -100",
                record->where);
        }
        if (id->valuedouble >= encoder->vocab_size) {
            return error_set(error, STATUS_BAD_INPUT, "%s: token id %.0f is outside the model's vocabulary of %u",
                             record->where, id->valuedouble, encoder->vocab_size);
        }
        push(example, (int32_t)id->valuedouble, loss);
    }
    if (status == STATUS_OK && label != NULL) {
        return error_set(error, STATUS_BAD_INPUT, "%s: more 'labels' than 'ids'", record->where);
    }
    return status;
}

/* --- conversations */

/* Checks what a template would pass over in silence; *answers counts the assistant's turns. */
static Status check_messages(const Record *record, const char *key, const cJSON *messages, uint32_t *answers,
                             Error *error)
{
    size_t place = 0;
    for (const cJSON *message = messages->child; message != NULL; message = message->next, place++) {
        const cJSON *role    = cJSON_GetObjectItemCaseSensitive(message, "role");
        const cJSON *content = cJSON_GetObjectItemCaseSensitive(message, "content");
        const cJSON *calls   = cJSON_GetObjectItemCaseSensitive(message, "tool_calls");
        if (!cJSON_IsString(role)) {
            const bool shared = cJSON_GetObjectItemCaseSensitive(message, "from") != NULL;
            return error_set(
                error, STATUS_BAD_INPUT, "%s: %s[%zu] has no \"role\"%s", record->where, key, place,
                shared ? " (ShareGPT's \"from\" and \"value\": `rlsp data convert --sft messages` turns them)" : "");
        }
        if (!cJSON_IsString(content) && !cJSON_IsArray(content) && calls == NULL) {
            return error_set(error, STATUS_BAD_INPUT, "%s: %s[%zu] has no \"content\" that is a string", record->where,
                             key, place);
        }
        *answers += strcmp(role->valuestring, "assistant") == 0;
    }
    if (place == 0) {
        return error_set(error, STATUS_BAD_INPUT, "%s: '%s' is empty", record->where, key);
    }
    return STATUS_OK;
}

/* A list that refers to its messages: a system message if the phase has one and they have not, `first`'s, `second`'s.
 */
static cJSON *join_messages(const SftPhase *phase, const cJSON *first, const cJSON *second)
{
    cJSON       *list = cJSON_CreateArray();
    const cJSON *role = first->child != NULL ? cJSON_GetObjectItemCaseSensitive(first->child, "role") : NULL;
    bool         ok   = list != NULL;
    if (ok && phase->system[0] != '\0' && !(cJSON_IsString(role) && strcmp(role->valuestring, "system") == 0)) {
        cJSON *system = cJSON_CreateObject();
        ok            = system != NULL && cJSON_AddItemToArray(list, system) &&
             cJSON_AddStringToObject(system, "role", "system") != NULL &&
             cJSON_AddStringToObject(system, "content", phase->system) != NULL;
    }
    for (cJSON *message = first->child; message != NULL && ok; message = message->next) {
        ok = cJSON_AddItemReferenceToArray(list, message) != 0;
    }
    for (cJSON *message = second != NULL ? second->child : NULL; message != NULL && ok; message = message->next) {
        ok = cJSON_AddItemReferenceToArray(list, message) != 0;
    }
    if (!ok) {
        cJSON_Delete(list);
        return NULL;
    }
    return list;
}

/* The assistant's last `turns` turns stay marked: stretches of marked tokens, since a header stands between two. */
static void keep_last_turns(ChatTokens *tokens, uint32_t turns)
{
    uint32_t seen = 0;
    for (size_t i = tokens->count; i-- > 0;) {
        seen += tokens->assistant[i] && (i + 1 == tokens->count || !tokens->assistant[i + 1]);
        if (seen > turns) {
            for (size_t j = 0; j <= i; j++) {
                tokens->assistant[j] = false;
            }
            return;
        }
    }
}

/* `turns`: how many of the assistant's last turns are learnt. */
static Status encode_messages(const SftEncoder *encoder, const Record *record, const cJSON *messages, uint32_t turns,
                              SftExample *example, Error *error)
{
    if (encoder->chat == NULL) {
        return error_set(error, STATUS_BAD_INPUT, "%s: %s", record->where, encoder->no_chat->text);
    }
    const cJSON *tools     = json_find(&record->object, "tools");
    const cJSON *variables = json_find(&record->object, "chat_template_kwargs");
    ChatOptions  options   = {.now       = CHAT_FIXED_DATE,
                              .tools     = cJSON_IsArray(tools) ? tools : NULL,
                              .variables = cJSON_IsObject(variables) ? variables : NULL};
    ChatTokens   tokens    = {0};
    Error        own       = {0};
    const bool   all       = encoder->phase->loss_on == LOSS_ON_ALL;
    Status       status =
        all ? chat_encode(encoder->chat, encoder->tokenizer, messages, &options, &tokens.ids, &tokens.count, &own)
                  : chat_encode_masked(encoder->chat, encoder->tokenizer, messages, &options, &tokens, &own);
    if (status != STATUS_OK) {
        error_set(error, status, "%s: %s", record->where, own.text);
    } else {
        status = reserve(example, tokens.count, error);
    }
    if (status == STATUS_OK && !all) {
        keep_last_turns(&tokens, turns);
    }
    for (size_t i = 0; i < tokens.count && status == STATUS_OK; i++) {
        push(example, tokens.ids[i], all || tokens.assistant[i]);
    }
    chat_tokens_free(&tokens);
    return status;
}

/* A conversation, or two of which the second continues the first and is what is learnt. */
static Status encode_conversation(const SftEncoder *encoder, const Record *record, const char *key, const cJSON *first,
                                  const char *second_key, const cJSON *second, SftExample *example, Error *error)
{
    const RunLossOn loss_on = encoder->phase->loss_on;
    uint32_t        answers = 0, continued = 0;
    Status          status = check_messages(record, key, first, &answers, error);
    if (status == STATUS_OK && second != NULL) {
        status = check_messages(record, second_key, second, &continued, error);
    }
    answers = second != NULL ? continued : answers;
    if (status == STATUS_OK && answers == 0 && loss_on != LOSS_ON_ALL) {
        status =
            error_set(error, STATUS_BAD_INPUT, "%s: '%s' has no turn of the assistant, so there is nothing to learn",
                      record->where, second != NULL ? second_key : key);
    }
    cJSON *list = status == STATUS_OK ? join_messages(encoder->phase, first, second) : NULL;
    if (status == STATUS_OK) {
        status = list != NULL
                     ? encode_messages(encoder, record, list, loss_on == LOSS_ON_LAST ? 1 : answers, example, error)
                     : out_of_memory(error);
    }
    cJSON_Delete(list);
    return status;
}

/* --- prompt and completion */

/* prefix prompt suffix, malloc'ed. */
static char *wrap(const SftPhase *phase, const char *prompt)
{
    const size_t a = strlen(phase->prefix), b = strlen(prompt), c = strlen(phase->suffix);
    char        *text = malloc(a + b + c + 1);
    if (text != NULL) {
        memcpy(text, phase->prefix, a);
        memcpy(text + a, prompt, b);
        memcpy(text + a + b, phase->suffix, c + 1);
    }
    return text;
}

static cJSON *message_of(const char *role, const char *content)
{
    cJSON *list = cJSON_CreateArray(), *message = cJSON_CreateObject();
    if (list == NULL || message == NULL || !cJSON_AddItemToArray(list, message)) {
        cJSON_Delete(message);
        cJSON_Delete(list);
        return NULL;
    }
    if (cJSON_AddStringToObject(message, "role", role) == NULL ||
        cJSON_AddStringToObject(message, "content", content) == NULL) {
        cJSON_Delete(list);
        return NULL;
    }
    return list;
}

static Status encode_pair(const SftEncoder *encoder, const Record *record, SftExample *example, Error *error)
{
    const SftPhase *phase = encoder->phase;
    const cJSON *first = record_find(record, phase->prompt_key), *second = record_find(record, phase->completion_key);
    const char  *prompt = NULL, *completion = NULL;
    char         number[2][RECORD_NUMBER_SIZE];
    if (cJSON_IsArray(first) && cJSON_IsArray(second)) {
        return encode_conversation(encoder, record, phase->prompt_key, first, phase->completion_key, second, example,
                                   error);
    }
    Status status = record_get_text(record, phase->prompt_key, JSON_REQUIRED, number[0], &prompt, error);
    status        = status == STATUS_OK
                        ? record_get_text(record, phase->completion_key, JSON_REQUIRED, number[1], &completion, error)
                        : status;
    if (status == STATUS_OK && completion[0] == '\0') {
        status = error_set(error, STATUS_BAD_INPUT, "%s: '%s' is empty, so there is nothing to learn", record->where,
                           phase->completion_key);
    }
    if (status != STATUS_OK) {
        return status;
    }
    char *wrapped = wrap(phase, prompt);
    if (wrapped == NULL) {
        return out_of_memory(error);
    }
    if (phase->prompt == PROMPT_CHAT) {
        cJSON *user = message_of("user", wrapped), *assistant = message_of("assistant", completion);
        status = user != NULL && assistant != NULL
                     ? encode_conversation(encoder, record, phase->prompt_key, user, phase->completion_key, assistant,
                                           example, error)
                     : out_of_memory(error);
        cJSON_Delete(user);
        cJSON_Delete(assistant);
    } else {
        Error own = {0};
        status    = push_text(encoder, example, wrapped, true, phase->loss_on == LOSS_ON_ALL, &own);
        status    = status == STATUS_OK ? push_text(encoder, example, completion, false, true, &own) : status;
        if (status == STATUS_OK) {
            push(example, encoder->eos, true);
        } else {
            error_set(error, status, "%s: %s", record->where, own.text);
        }
    }
    free(wrapped);
    return status;
}

static Status encode_text(const SftEncoder *encoder, const Record *record, SftExample *example, Error *error)
{
    const char *text = NULL;
    char        number[RECORD_NUMBER_SIZE];
    Error       own    = {0};
    Status      status = record_get_text(record, encoder->phase->text_key, JSON_REQUIRED, number, &text, error);
    if (status != STATUS_OK) {
        return status;
    }
    status = push_text(encoder, example, text, true, true, &own);
    if (status != STATUS_OK) {
        return error_set(error, status, "%s: %s", record->where, own.text);
    }
    push(example, encoder->eos, true);
    return STATUS_OK;
}

/* --- a line */

static RunSftFormat format_of(const SftEncoder *encoder, const Record *record)
{
    const SftPhase *phase = encoder->phase;
    if (phase->format != SFT_FORMAT_AUTO) {
        return phase->format;
    }
    return json_find(&record->object, "ids") != NULL          ? SFT_FORMAT_IDS
           : record_find(record, phase->messages_key) != NULL ? SFT_FORMAT_MESSAGES
           : record_find(record, phase->text_key) != NULL     ? SFT_FORMAT_TEXT
           : record_find(record, phase->prompt_key) != NULL   ? SFT_FORMAT_PROMPT_COMPLETION
                                                              : SFT_FORMAT_AUTO;
}

static Status encode_by_format(const SftEncoder *encoder, const Record *record, SftExample *example, Error *error)
{
    const SftPhase *phase    = encoder->phase;
    const cJSON    *messages = NULL;
    Status          status;
    switch (format_of(encoder, record)) {
    case SFT_FORMAT_IDS: return encode_ids(encoder, record, example, error);
    case SFT_FORMAT_TEXT: return encode_text(encoder, record, example, error);
    case SFT_FORMAT_PROMPT_COMPLETION: return encode_pair(encoder, record, example, error);
    case SFT_FORMAT_MESSAGES:
        status = record_get_array(record, phase->messages_key, JSON_REQUIRED, &messages, error);
        return status == STATUS_OK
                   ? encode_conversation(encoder, record, phase->messages_key, messages, NULL, NULL, example, error)
                   : status;
    case SFT_FORMAT_AUTO: break;
    }
    return error_set(error, STATUS_BAD_INPUT,
                     "%s: needs \"ids\", \"%s\", \"%s\", or \"%s\" and \"%s\"; name the file's own keys in "
                     "sft.messages_key, text_key, prompt_key and "
                     "completion_key",
                     record->where, phase->messages_key, phase->text_key, phase->prompt_key, phase->completion_key);
}

Status sft_encode(const SftEncoder *encoder, const Record *record, SftExample *example, Error *error)
{
    const SftPhase *phase = encoder->phase;
    const uint32_t  limit =
        phase->max_length > 0 && phase->max_length < encoder->context ? phase->max_length : encoder->context;
    example->count = example->targets = 0;
    example->cut                      = false;
    Status status                     = encode_by_format(encoder, record, example, error);
    if (status != STATUS_OK) {
        return status;
    }
    const uint32_t count = example->count;
    if (count > limit && phase->max_length > 0 && phase->too_long == TOO_LONG_CUT) {
        example->count = limit;
        example->cut   = true;
    }
    if (example->count > limit && phase->max_length == 0) {
        return error_set(
            error, STATUS_BAD_INPUT,
            "%s: %u tokens, more than the model's context of %u; set sft.max_length to leave such lines out",
            record->where, count, encoder->context);
    }
    for (uint32_t i = 0; i < example->count; i++) {
        example->loss[i] = i > 0 && example->loss[i];
        example->targets += example->loss[i];
    }
    example->fit = example->count < 2       ? SFT_TOO_SHORT
                   : example->count > limit ? SFT_TOO_LONG
                   : example->targets == 0  ? SFT_NO_TARGET
                                            : SFT_FITS;
    return STATUS_OK;
}

void sft_example_free(SftExample *example)
{
    free(example->ids);
    free(example->loss);
    *example = (SftExample){0};
}
