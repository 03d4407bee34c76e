#include "rlsp/cli/conversation.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/json.h"
#include "rlsp/cli/input_lines.h"
#include "rlsp/cli/token_printer.h"

enum { STREAM_STEPS = 4, FIRST_LENGTH = 1024 };

typedef struct Conversation {
    const ConversationSetup *setup;
    cJSON                   *messages;
    Decoder                 *decoder;
    uint32_t                 length; /* tokens that the decoder has room for */
    int32_t                 *read;   /* [length] tokens that the decoder has read */
    uint32_t                 read_count;
    int32_t                 *tokens; /* [max_new] of the answer so far       */
    uint32_t                 count;
    uint32_t                 turn;
    TokenPrinter             printer;
    bool                     asks; /* stdin and stderr are a terminal: show where to type */
} Conversation;

/* --- Ctrl-C */

static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* Ctrl-C interrupts a read (no SA_RESTART) and an answer, not the program. */
static void catch_interrupt(struct sigaction *old)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, old);
}

/* --- messages */

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory with a conversation");
}

static bool add_message(cJSON *messages, const char *role, const char *content)
{
    cJSON *message = cJSON_CreateObject();
    return message != NULL && cJSON_AddItemToArray(messages, message) &&
           cJSON_AddStringToObject(message, "role", role) != NULL &&
           cJSON_AddStringToObject(message, "content", content) != NULL;
}

static cJSON *first_messages(const char *system)
{
    cJSON *messages = cJSON_CreateArray();
    if (messages != NULL && system != NULL && !add_message(messages, "system", system)) {
        cJSON_Delete(messages);
        return NULL;
    }
    return messages;
}

static void drop_last_message(cJSON *messages)
{
    cJSON_DeleteItemFromArray(messages, cJSON_GetArraySize(messages) - 1);
}

Status conversation_encode_prompt(const ChatTemplate *chat, const Tokenizer *tokenizer, const char *system,
                                  const char *prompt, int32_t **ids, size_t *count, Error *error)
{
    cJSON *messages = first_messages(system);
    Status status =
        messages != NULL && add_message(messages, "user", prompt)
            ? chat_encode(chat, tokenizer, messages, &(ChatOptions){.add_generation_prompt = true}, ids, count, error)
            : out_of_memory(error);
    cJSON_Delete(messages);
    return status;
}

/* --- an answer */

/* Room for a conversation of `tokens`, the answer included: what is there, or twice as much as before. */
static Status make_room(Conversation *c, uint32_t tokens, Error *error)
{
    const ConversationSetup *setup  = c->setup;
    uint32_t                 length = c->length > 0 ? c->length : FIRST_LENGTH;
    if (c->decoder != NULL && tokens <= c->length) {
        return STATUS_OK;
    }
    while (length < tokens && length <= UINT32_MAX / 2) {
        length *= 2;
    }
    length = length < setup->config->max_positions ? length : setup->config->max_positions;
    decoder_free(c->decoder); /* first: both may not fit */
    c->decoder = NULL;
    free(c->read);
    c->read_count = 0;
    c->read       = malloc((size_t)length * sizeof *c->read);
    if (c->read == NULL) {
        return out_of_memory(error);
    }
    const DecodeLimits limits = {.slots             = 1,
                                 .max_length        = length,
                                 .max_requests      = 1,
                                 .max_prompt_tokens = length,
                                 .max_new           = setup->max_new,
                                 .steps_per_submit  = STREAM_STEPS,
                                 .lora_rank         = setup->model->lora != NULL ? setup->model->lora->config.rank : 0,
                                 .cache             = setup->cache,
                                 .few_rows          = true};
    c->decoder                = decoder_new(setup->gpu, setup->config, &limits, error);
    c->length                 = length;
    return c->decoder != NULL ? STATUS_OK : error->status;
}

static bool show_progress(void *user, uint32_t active)
{
    Conversation *c     = user;
    Error         error = {0};
    (void)active;
    if (decoder_peek(c->decoder, 0, c->tokens, &c->count, &error) == STATUS_OK) {
        token_printer_show(&c->printer, c->tokens, c->count, &error);
    }
    return error.status != STATUS_OK || ferror(stdout) || interrupted;
}

static bool is_stop(const ConversationSetup *setup, int32_t id)
{
    for (uint32_t i = 0; i < setup->stop_count; i++) {
        if (setup->stops[i] == id) {
            return true;
        }
    }
    return false;
}

/* The answer joins the conversation; the message does not stay if there is none. */
static Status keep_answer(Conversation *c, Error *error)
{
    char  *text;
    size_t bytes;
    while (c->count > 0 && is_stop(c->setup, c->tokens[c->count - 1])) {
        c->count--;
    }
    if (c->count == 0 && interrupted) {
        drop_last_message(c->messages);
        return STATUS_OK;
    }
    Status status = tokenizer_decode(c->setup->tokenizer, c->tokens, c->count, true, &text, &bytes, error);
    if (status == STATUS_OK) {
        status = add_message(c->messages, "assistant", text) ? STATUS_OK : out_of_memory(error);
        free(text);
    }
    return status;
}

/* Tokens of the prompt that the decoder has read already; the last must be read again, to go on from it. */
static uint32_t kept_tokens(const Conversation *c, const int32_t *ids, uint32_t count)
{
    uint32_t kept = 0;
    while (kept < c->read_count && kept + 1 < count && c->read[kept] == ids[kept]) {
        kept++;
    }
    return kept;
}

/* Notes what the decoder has read: the prompt, and the answer but for its last token. */
static void note_read(Conversation *c, const int32_t *ids, uint32_t count)
{
    memcpy(c->read, ids, count * sizeof *ids);
    c->read_count = count;
    for (uint32_t i = 0; i + 1 < c->count && c->read_count < c->length; i++) {
        c->read[c->read_count++] = c->tokens[i];
    }
}

static Status answer(Conversation *c, const int32_t *ids, uint32_t count, uint32_t max_new, Error *error)
{
    const ConversationSetup *setup     = c->setup;
    const uint32_t           starts[2] = {0, count};
    const DecodeInput        input     = {.prompts       = ids,
                                          .prompt_starts = starts,
                                          .sequence      = &c->turn,
                                          .max_new       = &max_new,
                                          .requests      = 1,
                                          .stop_ids      = setup->stops,
                                          .stop_count    = setup->stop_count,
                                          .ignore_stop   = setup->stop_count == 0,
                                          .kept          = kept_tokens(c, ids, count),
                                          .sample        = setup->sample,
                                          .progress      = show_progress,
                                          .user          = c};
    DecodeOutput             output;
    c->count      = 0;
    Status status = decoder_run(c->decoder, setup->model, &input, &output, error);
    if (status == STATUS_OK && output.lengths[0] > 0) { /* 0: it was stopped */
        c->count = output.lengths[0];
        memcpy(c->tokens, output.tokens, c->count * sizeof *c->tokens);
    }
    if (status == STATUS_OK) {
        if (c->count > 0) {
            note_read(c, ids, count);
        } else { /* stopped within the prompt */
            c->read_count = 0;
        }
        status = token_printer_show(&c->printer, c->tokens, c->count, error);
    }
    if (status == STATUS_OK) {
        status = token_printer_end(&c->printer, error);
        putchar('\n');
        fflush(stdout);
    }
    return status == STATUS_OK ? keep_answer(c, error) : status;
}

/* One turn: a line that the user has typed. What is wrong with the message alone is told, and the conversation goes on.
 */
static Status turn(Conversation *c, const char *text, Error *error)
{
    const ConversationSetup *setup   = c->setup;
    const uint32_t           context = setup->config->max_positions;
    const ChatOptions        options = {.add_generation_prompt = true};
    int32_t                 *ids     = NULL;
    size_t                   count   = 0;
    if (!add_message(c->messages, "user", text)) {
        return out_of_memory(error);
    }
    Error  told   = {0};
    Status status = chat_encode(setup->chat, setup->tokenizer, c->messages, &options, &ids, &count, &told);
    if (status == STATUS_OK && count >= context) {
        error_set(&told, STATUS_BAD_INPUT,
                  "the conversation has %zu tokens and leaves no room in the model's context of %u; /new begins again",
                  count, context);
    }
    if (told.status != STATUS_OK && !c->asks) { /* nobody is there to type something else */
        free(ids);
        return error_set(error, told.status, "%s", told.text);
    }
    if (told.status != STATUS_OK) {
        fprintf(stderr, "rlsp generate: %s\n", told.text);
        drop_last_message(c->messages);
        free(ids);
        return STATUS_OK;
    }
    const uint32_t room = context - (uint32_t)count, max_new = setup->max_new < room ? setup->max_new : room;
    status = make_room(c, (uint32_t)count + max_new, error);
    status = status == STATUS_OK ? answer(c, ids, (uint32_t)count, max_new, error) : status;
    c->turn++;
    free(ids);
    return status;
}

/* --- the conversation */

static Status begin_again(Conversation *c, Error *error)
{
    cJSON_Delete(c->messages);
    c->messages = first_messages(c->setup->system);
    return c->messages != NULL ? STATUS_OK : out_of_memory(error);
}

/* Reads a line; false at the end of stdin or with *error set. An interrupted line is an empty one. */
static bool read_line(Conversation *c, char **line, size_t *capacity, Error *error)
{
    if (c->asks) {
        fputs("> ", stderr);
        fflush(stderr);
    }
    size_t bytes;
    interrupted = 0;
    errno       = 0;
    bool more   = input_line_read(stdin, "stdin", line, &bytes, capacity, error);
    if (!more && ferror(stdin) && errno == EINTR) {
        clearerr(stdin);
        fputc('\n', stderr);
        (*line)[0] = '\0';
        more       = true;
    }
    return more;
}

static Status talk(Conversation *c, Error *error)
{
    char  *line     = NULL;
    size_t capacity = 0;
    Status status   = begin_again(c, error);
    while (status == STATUS_OK && !ferror(stdout) && read_line(c, &line, &capacity, error)) {
        if (strcmp(line, "/new") == 0) {
            status = begin_again(c, error);
        } else if (line[0] != '\0') {
            interrupted = 0;
            status      = turn(c, line, error);
        }
    }
    status = status == STATUS_OK ? error->status : status;
    if (status == STATUS_OK && ferror(stdin)) {
        status = error_set(error, STATUS_FAILED, "cannot read stdin: %s", strerror(errno));
    }
    free(line);
    return status;
}

Status conversation_run(const ConversationSetup *setup, Error *error)
{
    struct sigaction  old;
    ConversationSetup own = *setup;
    Conversation      c   = {.setup = &own, .asks = isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1};
    own.max_new           = own.max_new < own.config->max_positions ? own.max_new : own.config->max_positions;
    c.printer             = (TokenPrinter){.tokenizer = setup->tokenizer, .terminal = isatty(STDOUT_FILENO) == 1};
    c.tokens              = malloc(((size_t)own.max_new + 1) * sizeof *c.tokens);
    if (c.tokens == NULL) {
        return out_of_memory(error);
    }
    if (c.asks) {
        fputs("Ctrl-C ends an answer, Ctrl-D leaves, /new begins again.\n", stderr);
        catch_interrupt(&old);
    }
    Status status = talk(&c, error);
    if (c.asks) {
        sigaction(SIGINT, &old, NULL);
        fputc('\n', stderr);
    }
    token_printer_free(&c.printer);
    decoder_free(c.decoder);
    cJSON_Delete(c.messages);
    free(c.tokens);
    free(c.read);
    return status;
}
