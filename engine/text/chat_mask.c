/* Which tokens of a conversation the assistant writes. A template is a program, so its
 * text alone does not tell; it is run again with an answer left out, and with a mark
 * behind an answer, and the texts are compared. */
#include <stdlib.h>
#include <string.h>

#include "engine/io/json.h"
#include "engine/text/chat_parts.h"
#include "engine/text/tokenizer_parts.h"
#include "engine/utf8.h"

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory with a conversation");
}

/* --- where in the text */

/* One conversation that is looked at. */
typedef struct Search {
    const ChatTemplate *chat;
    const cJSON        *messages;
    ChatOptions         options; /* without the generation prompt */
    JinjaOutput         whole;
    char                mark[5]; /* a character that the text does not hold */
    bool                sample;  /* chat_end_token's own conversation: it is not asked again */
} Search;

static size_t common_prefix(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
    size_t at = 0;
    while (at < a_bytes && at < b_bytes && a[at] == b[at]) {
        at++;
    }
    while (at > 0 && at < a_bytes && ((unsigned char)a[at] & 0xC0) == 0x80) { /* whole characters */
        at--;
    }
    return at;
}

/* A character for private use that the text has not. */
static bool choose_mark(Search *search)
{
    for (uint32_t point = 0xE000; point < 0xF900; point++) {
        search->mark[utf8_encode(point, search->mark)] = '\0';
        if (strstr(search->whole.text, search->mark) == NULL && strlen(search->whole.text) == search->whole.bytes) {
            return true;
        }
    }
    return false;
}

/* The first `count` messages; of message `changed` the content is `content`. All but that is referred to. */
static cJSON *some_messages(const cJSON *messages, size_t count, size_t changed, const char *content, size_t bytes)
{
    cJSON *list = cJSON_CreateArray();
    bool   ok   = list != NULL;
    size_t i    = 0;
    for (cJSON *message = messages->child; message != NULL && i < count && ok; message = message->next, i++) {
        if (i != changed) {
            ok = cJSON_AddItemReferenceToArray(list, message) != 0;
            continue;
        }
        cJSON *copy = cJSON_CreateObject();
        ok          = copy != NULL && cJSON_AddItemToArray(list, copy) != 0;
        for (cJSON *member = message->child; member != NULL && ok; member = member->next) {
            if (strcmp(member->string, "content") != 0) {
                ok = cJSON_AddItemReferenceToObject(copy, member->string, member) != 0;
                continue;
            }
            cJSON *text = cJSON_CreateStringReference(content);
            ok          = text != NULL && cJSON_AddItemToObject(copy, "content", text) != 0;
            if (ok) {
                text->valueint = (int)bytes; /* as json_string_bytes reads it */
            }
        }
    }
    if (!ok) {
        cJSON_Delete(list);
        return NULL;
    }
    return list;
}

/* How many bytes the text of a changed conversation has in common with the whole, and its length; false: it could not
 * be rendered, which need be no fault of the user's. */
static bool compare(const Search *search, cJSON *messages, bool prompt, size_t *common, size_t *bytes)
{
    JinjaOutput output;
    ChatOptions options           = search->options;
    options.add_generation_prompt = prompt;
    bool ok = messages != NULL && chat_output(search->chat, messages, &options, &output, NULL) == STATUS_OK;
    cJSON_Delete(messages);
    if (ok) {
        *common = common_prefix(search->whole.text, search->whole.bytes, output.text, output.bytes);
        *bytes  = output.bytes;
        jinja_output_free(&output);
    }
    return ok;
}

/* Compares with the mark before or behind the content of message `place`. */
static bool compare_marked(const Search *search, size_t place, const cJSON *content, bool behind, size_t *common)
{
    const size_t count = (size_t)cJSON_GetArraySize(search->messages), bytes = json_string_bytes(content),
                 mark = strlen(search->mark);
    char  *marked     = malloc(bytes + mark + 1);
    size_t total;
    if (marked == NULL || bytes > (size_t)INT32_MAX - mark) {
        free(marked);
        return false;
    }
    memcpy(marked + (behind ? 0 : mark), content->valuestring, bytes);
    memcpy(marked + (behind ? bytes : 0), search->mark, mark);
    marked[bytes + mark] = '\0';
    bool ok =
        compare(search, some_messages(search->messages, count, place, marked, bytes + mark), false, common, &total);
    free(marked);
    return ok;
}

static Status cannot_tell(size_t place, Error *error)
{
    return error_set(error, STATUS_BAD_INPUT,
                     "messages[%zu]: the chat template does not write this answer as the continuation of what comes "
                     "before it, so its "
                     "tokens cannot be told; give the line as \"ids\" and \"labels\"",
                     place);
}

/* Where the answer in message `place` stands: from behind what comes before every answer to the end of its content; or,
 * with `turn` set, to somewhere behind the end of its turn, before the next message's content. */
static Status find_answer(const Search *search, size_t place, const cJSON *message, JinjaSpan *span, bool *turn,
                          Error *error)
{
    const cJSON *content = cJSON_GetObjectItemCaseSensitive(message, "content");
    const cJSON *calls   = cJSON_GetObjectItemCaseSensitive(message, "tool_calls");
    const bool   text    = cJSON_IsString(content);
    size_t       common = 0, bytes = 0;
    *turn = cJSON_IsArray(calls) && calls->child != NULL;
    const bool begun =
        (place > 0 &&
         compare(search, some_messages(search->messages, place, SIZE_MAX, NULL, 0), true, &common, &bytes) &&
         common == bytes) ||
        (text && compare_marked(search, place, content, false, &common));
    span->begin = common;
    bool ended  = begun && !*turn && text && compare_marked(search, place, content, true, &span->end);
    if (begun && !ended) { /* calls of functions stand behind the content: the turn's end is before the next message */
        const cJSON *next = cJSON_GetObjectItemCaseSensitive(message->next, "content");
        *turn             = true;
        span->end         = search->whole.bytes;
        ended             = message->next == NULL ||
                (cJSON_IsString(next) && compare_marked(search, place + 1, next, false, &span->end));
    }
    if (!begun || !ended || span->end < span->begin) {
        return cannot_tell(place, error);
    }
    return STATUS_OK;
}

/* --- which tokens */

/* Walks along the text; ends[i] is where token i ends. False: the tokens do not spell the text. */
static bool locate(const Tokenizer *tokenizer, const char *text, size_t bytes, const ChatTokens *tokens, size_t *ends)
{
    size_t at = 0;
    for (size_t i = 0; i < tokens->count; i++) {
        size_t      length;
        const char *token = tokenizer_token_bytes(tokenizer, tokens->ids[i], &length);
        /* Added tokens may have taken in the white space beside them. */
        while (token != NULL && at < bytes && (length > bytes - at || memcmp(text + at, token, length) != 0) &&
               strchr(" \t\r\n", text[at]) != NULL && text[at] != '\0') {
            at++;
        }
        if (token == NULL || length > bytes - at || memcmp(text + at, token, length) != 0) {
            return false;
        }
        at += length;
        ends[i] = at;
    }
    return true;
}

/* The length of a prefix of the text as the tokenizer sees it: NFC. */
static bool normal_length(const Tokenizer *tokenizer, const char *text, size_t *bytes)
{
    size_t     length = *bytes;
    char      *normal = tokenizer->nfc ? tokenizer_nfc(text, *bytes, &length) : NULL;
    const bool ok     = normal != NULL || !tokenizer->nfc;
    free(normal);
    *bytes = length;
    return ok;
}

/* How a span's tokens are marked. */
typedef enum Marking {
    MARK_EXACT,   /* what the span touches, as transformers has it for {% generation %} */
    MARK_CONTENT, /* what begins in the span, and the special token behind it, which ends the turn */
    MARK_TURN     /* what begins in the span, up to the last token that ends a turn */
} Marking;

/* False: a turn has no end. */
static bool mark_tokens(const Tokenizer *tokenizer, ChatTokens *tokens, const size_t *ends, JinjaSpan span,
                        Marking marking, int32_t end_token)
{
    size_t last = SIZE_MAX, next = tokens->count;
    for (size_t i = 0; i < tokens->count; i++) {
        const size_t begin = i == 0 ? 0 : ends[i - 1];
        if ((marking == MARK_EXACT ? ends[i] > span.begin : begin >= span.begin) && begin < span.end) {
            tokens->assistant[i] = true;
            last                 = tokens->ids[i] == end_token ? i : last;
        } else if (begin >= span.end && next == tokens->count) {
            next = i;
        }
    }
    if (marking == MARK_CONTENT && next < tokens->count && tokenizer_is_special(tokenizer, tokens->ids[next])) {
        tokens->assistant[next] = true;
    }
    for (size_t i = next; marking == MARK_TURN && last != SIZE_MAX && i-- > last + 1;) {
        tokens->assistant[i] = false;
    }
    return marking != MARK_TURN || last != SIZE_MAX;
}

/* The span counted in the text as the tokenizer sees it. */
static Status normal_span(const Search *search, const Tokenizer *tokenizer, JinjaSpan *span, Error *error)
{
    return normal_length(tokenizer, search->whole.text, &span->begin) &&
                   normal_length(tokenizer, search->whole.text, &span->end)
               ? STATUS_OK
               : out_of_memory(error);
}

static Status mark_all(Search *search, const Tokenizer *tokenizer, ChatTokens *tokens, const size_t *ends, Error *error)
{
    Status  status    = STATUS_OK;
    size_t  place     = 0;
    int32_t end_token = -1;
    if (search->whole.span_count > 0) {
        for (size_t i = 0; i < search->whole.span_count && status == STATUS_OK; i++) {
            JinjaSpan span = search->whole.spans[i];
            status         = normal_span(search, tokenizer, &span, error);
            mark_tokens(tokenizer, tokens, ends, span, MARK_EXACT, -1);
        }
        return status;
    }
    if (!choose_mark(search)) {
        return error_set(
            error, STATUS_BAD_INPUT,
            "messages hold a NUL, or every character for private use; the assistant's tokens cannot be told");
    }
    for (const cJSON *message = search->messages->child; message != NULL && status == STATUS_OK;
         message              = message->next, place++) {
        JinjaSpan   span;
        bool        turn;
        const char *role = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(message, "role"));
        if (role == NULL || strcmp(role, "assistant") != 0) {
            continue;
        }
        status = find_answer(search, place, message, &span, &turn, error);
        status = status == STATUS_OK ? normal_span(search, tokenizer, &span, error) : status;
        if (status == STATUS_OK && turn && end_token == -1 && !search->sample) {
            end_token = chat_end_token(search->chat, tokenizer);
        }
        if (status == STATUS_OK &&
            !mark_tokens(tokenizer, tokens, ends, span, turn ? MARK_TURN : MARK_CONTENT, turn ? end_token : -1)) {
            status = cannot_tell(place, error);
        }
    }
    return status;
}

static Status encode_masked(const ChatTemplate *chat, const Tokenizer *tokenizer, const cJSON *messages,
                            const ChatOptions *options, bool sample, ChatTokens *tokens, Error *error)
{
    Search search                        = {.chat = chat, .messages = messages, .options = *options, .sample = sample};
    search.options.add_generation_prompt = false;
    *tokens                              = (ChatTokens){0};
    size_t *ends = NULL, bytes = 0;
    char   *normal = NULL;
    Status  status = chat_output(chat, messages, &search.options, &search.whole, error);
    if (status == STATUS_OK) {
        status = tokenizer_encode(tokenizer, search.whole.text, search.whole.bytes, false, &tokens->ids, &tokens->count,
                                  error);
    }
    if (status == STATUS_OK) {
        bytes             = search.whole.bytes;
        ends              = malloc((tokens->count + 1) * sizeof *ends);
        tokens->assistant = calloc(tokens->count + 1, sizeof *tokens->assistant);
        normal            = tokenizer->nfc ? tokenizer_nfc(search.whole.text, bytes, &bytes) : NULL;
        if (ends == NULL || tokens->assistant == NULL || (tokenizer->nfc && normal == NULL)) {
            status = out_of_memory(error);
        }
    }
    if (status == STATUS_OK && !locate(tokenizer, normal != NULL ? normal : search.whole.text, bytes, tokens, ends)) {
        status = error_set(error, STATUS_BAD_INPUT,
                           "the tokens of these messages do not spell their text, so the assistant's cannot be told");
    }
    if (status == STATUS_OK) {
        status = mark_all(&search, tokenizer, tokens, ends, error);
    }
    free(normal);
    free(ends);
    jinja_output_free(&search.whole);
    return status;
}

Status chat_encode_masked(const ChatTemplate *chat, const Tokenizer *tokenizer, const cJSON *messages,
                          const ChatOptions *options, ChatTokens *tokens, Error *error)
{
    return encode_masked(chat, tokenizer, messages, options, false, tokens, error);
}

void chat_tokens_free(ChatTokens *tokens)
{
    free(tokens->ids);
    free(tokens->assistant);
    *tokens = (ChatTokens){0};
}

int32_t chat_end_token(const ChatTemplate *chat, const Tokenizer *tokenizer)
{
    static const char sample[] = "[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"a\"}]";
    cJSON            *messages = cJSON_Parse(sample);
    ChatTokens        tokens   = {0};
    int32_t           id       = -1;
    if (messages != NULL &&
        encode_masked(chat, tokenizer, messages, &(ChatOptions){0}, true, &tokens, NULL) == STATUS_OK) {
        for (size_t i = 0; i < tokens.count; i++) {
            id = tokens.assistant[i] && tokenizer_is_special(tokenizer, tokens.ids[i]) ? tokens.ids[i] : id;
        }
    }
    chat_tokens_free(&tokens);
    cJSON_Delete(messages);
    return id;
}
