/* Prompts in chunks. Between submits the host looks which running requests are still in their prompts, and runs what
 * these have left, but for the last token, through the transformer, many tokens at a time. The next step reads the
 * last token as any other, and samples. A request that a slot takes on the device starts without the host, token by
 * token, and is found here; which way a token was read shows in no bit of its keys and values. */
#include <string.h>

#include "engine/model/decode_parts.h"

/* A slot with less left of its prompt goes on step by step: a chunk reads all weights once more. */
enum { LEAST_TOKENS = 4 };

/* Slots waiting[first] to waiting[end - 1] have the same prompt, of which tokens [next, last) are still to be read
 * for some of them. */
typedef struct SharedPrompt {
    const int32_t *tokens;
    uint32_t       first, end, next, last;
} SharedPrompt;

static uint32_t prompt_length(const DecodeInput *input, uint32_t request)
{
    return input->prompt_starts[request + 1] - input->prompt_starts[request];
}

/* Lists the slots that have prompts to read, in the order of their requests, where equal prompts are neighbours. */
static uint32_t find_waiting(Decoder *d, const DecodeInput *input)
{
    const uint32_t *request = decoder_slot(d, SLOT_REQUEST), *position = decoder_slot(d, SLOT_POSITION);
    uint32_t        count = 0;
    for (uint32_t s = 0; s < d->width; s++) {
        if (request[s] == SLOT_IDLE || position[s] + 1 + LEAST_TOKENS > prompt_length(input, request[s])) {
            continue;
        }
        uint32_t at = count++;
        for (; at > 0 && request[d->waiting[at - 1]] > request[s]; at--) {
            d->waiting[at] = d->waiting[at - 1];
        }
        d->waiting[at] = s;
    }
    return count;
}

static bool same_prompt(const DecodeInput *input, uint32_t a, uint32_t b)
{
    const uint32_t length = prompt_length(input, a);
    return length == prompt_length(input, b) &&
           memcmp(input->prompts + input->prompt_starts[a], input->prompts + input->prompt_starts[b],
                  length * sizeof *input->prompts) == 0;
}

static SharedPrompt shared_prompt(const Decoder *d, const DecodeInput *input, uint32_t first, uint32_t waiting)
{
    const uint32_t *request  = d->slot_words + (size_t)SLOT_REQUEST * d->slot_stride;
    const uint32_t *position = d->slot_words + (size_t)SLOT_POSITION * d->slot_stride;
    const uint32_t  r        = request[d->waiting[first]];
    SharedPrompt p = {input->prompts + input->prompt_starts[r], first, first, UINT32_MAX, prompt_length(input, r) - 1};
    for (; p.end < waiting && same_prompt(input, r, request[d->waiting[p.end]]); p.end++) {
        const uint32_t at = position[d->waiting[p.end]];
        p.next            = at < p.next ? at : p.next;
    }
    return p;
}

static uint32_t *row_words(Decoder *d, uint32_t field)
{
    return d->chunk_words + (size_t)field * d->chunk_stride;
}

/* Takes as many tokens of the prompt as the chunk, which has `rows`, has room for; returns how many rows it has then.
 */
static uint32_t add_rows(Decoder *d, SharedPrompt *p, uint32_t rows)
{
    for (; rows < d->chunk_rows && p->next < p->last; rows++, p->next++) {
        row_words(d, ROW_TOKEN)[rows]  = (uint32_t)p->tokens[p->next];
        row_words(d, ROW_LENGTH)[rows] = p->next + 1;
        row_words(d, ROW_CACHE)[rows]  = decoder_slot(d, SLOT_CACHE)[d->waiting[p->first]];
        row_words(d, ROW_BEGIN)[rows]  = p->first;
        row_words(d, ROW_END)[rows]    = p->end;
    }
    return rows;
}

static Status run_chunk(Decoder *d, const Model *model, uint32_t rows, Error *error)
{
    Status status = gpu_upload(d->gpu, d->chunk, d->chunk_words, d->chunk.size, error);
    if (status == STATUS_OK) {
        if (d->chunk_recorded != rows) {
            decoder_record_chunk(d, model, rows);
            d->chunk_recorded = rows;
        }
        status = gpu_stream_run(d->chunks, error);
    }
    return status;
}

static uint32_t running_slots(const Decoder *d)
{
    uint32_t running = 0;
    for (uint32_t s = 0; s < d->width; s++) {
        running += d->slot_words[(size_t)SLOT_REQUEST * d->slot_stride + s] != SLOT_IDLE;
    }
    return running;
}

/* The slots stand before the last token of their prompts. */
static Status finish(Decoder *d, const DecodeInput *input, uint32_t waiting, Error *error)
{
    for (uint32_t i = 0; i < waiting; i++) {
        const uint32_t s = d->waiting[i], r = decoder_slot(d, SLOT_REQUEST)[s], length = prompt_length(input, r);
        decoder_slot(d, SLOT_TOKEN)[s]    = (uint32_t)input->prompts[input->prompt_starts[r] + length - 1];
        decoder_slot(d, SLOT_POSITION)[s] = length - 1;
        decoder_slot(d, SLOT_LENGTH)[s]   = length;
    }
    return decoder_put_slots(d, error);
}

Status decoder_read_prompts(Decoder *d, const Model *model, const DecodeInput *input, DecodeOutput *output, bool *stop,
                            Error *error)
{
    const uint32_t waiting = find_waiting(d, input), running = running_slots(d);
    uint32_t      *targets = d->chunk_words + (size_t)ROW_FIELDS * d->chunk_stride, rows = 0;
    Status         status = STATUS_OK;
    for (uint32_t i = 0; i < waiting; i++) {
        targets[i] = decoder_slot(d, SLOT_CACHE)[d->waiting[i]];
    }
    for (uint32_t first = 0; first < waiting && status == STATUS_OK && !*stop;) {
        SharedPrompt prompt = shared_prompt(d, input, first, waiting);
        const bool   ends   = prompt.end == waiting;
        while (status == STATUS_OK && !*stop && (prompt.next < prompt.last || (ends && rows > 0))) {
            rows = add_rows(d, &prompt, rows);
            if (rows < d->chunk_rows && !ends) {
                break;
            }
            status = run_chunk(d, model, rows, error);
            output->prompt_rows += rows;
            rows  = 0;
            *stop = status == STATUS_OK && input->progress != NULL && input->progress(input->user, running);
        }
        first = prompt.end;
    }
    return status == STATUS_OK && !*stop && waiting > 0 ? finish(d, input, waiting, error) : status;
}
