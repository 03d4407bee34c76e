/* A run of the decoder: requests, slots, results. */
#include <stdlib.h>
#include <string.h>

#include "engine/model/decode_parts.h"

/* Slots are moved together down to so many. */
enum { NARROWEST = 16 };

void stop_tokens_add(StopTokens *stops, int64_t id, uint32_t vocab_size)
{
    for (uint32_t i = 0; i < stops->count; i++) {
        if (stops->ids[i] == id) {
            return;
        }
    }
    if (id >= 0 && id < (int64_t)vocab_size && stops->count < STOP_TOKENS_MAX) {
        stops->ids[stops->count++] = (int32_t)id;
    }
}

void stop_tokens_add_model(StopTokens *stops, const ModelConfig *config)
{
    for (uint32_t i = 0; i < config->eos_count; i++) {
        stop_tokens_add(stops, config->eos_token_ids[i], config->vocab_size);
    }
}

/* --- before a run ------------------------------------------------------------------- */

static Status check_input(const Decoder *d, const DecodeInput *input, Error *error)
{
    const DecodeLimits *l = &d->limits;
    if (input->requests > l->max_requests || input->prompt_starts[input->requests] > l->max_prompt_tokens) {
        return error_set(error, STATUS_BAD_INPUT,
                         "generating: %u requests with %u prompt tokens are more than planned (%u, %u)",
                         input->requests, input->prompt_starts[input->requests], l->max_requests, l->max_prompt_tokens);
    }
    if (input->stop_count > STOP_TOKENS_MAX) {
        return error_set(error, STATUS_BAD_INPUT, "generating: %u stop tokens; at most %d are possible",
                         input->stop_count, STOP_TOKENS_MAX);
    }
    if (input->kept > 0 && (input->requests != 1 || input->kept > d->read || input->kept >= input->prompt_starts[1])) {
        return error_set(
            error, STATUS_BAD_INPUT,
            "generating: %u tokens of the prompt cannot be kept; the run before was of one request and has read %u",
            input->kept, d->read);
    }
    for (uint32_t r = 0; r < input->requests; r++) {
        uint32_t length = input->prompt_starts[r + 1] - input->prompt_starts[r];
        if (length == 0 || length >= l->max_length) {
            return error_set(error, STATUS_BAD_INPUT,
                             "prompt %u has %u tokens; there must be 1 to %u (a context of %u)", r + 1, length,
                             l->max_length - 1, l->max_length);
        }
        if (input->max_new != NULL && (input->max_new[r] == 0 || input->max_new[r] > l->max_new)) {
            return error_set(error, STATUS_BAD_INPUT, "prompt %u asks for %u new tokens; 1 to %u are possible", r + 1,
                             input->max_new[r], l->max_new);
        }
        for (uint32_t i = input->prompt_starts[r]; i < input->prompt_starts[r + 1]; i++) {
            if (input->prompts[i] < 0 || (uint32_t)input->prompts[i] >= d->config.vocab_size) {
                return error_set(error, STATUS_BAD_INPUT, "prompt %u has token id %d, outside the vocabulary of %u",
                                 r + 1, (int)input->prompts[i], d->config.vocab_size);
            }
        }
    }
    return STATUS_OK;
}

/* Every slot's first request. */
static void first_requests(Decoder *d, const DecodeInput *input)
{
    memset(d->slot_words, 0, (size_t)SLOT_FIELDS * d->slot_stride * 4);
    for (uint32_t s = 0; s < d->slot_stride; s++) {
        decoder_slot(d, SLOT_REQUEST)[s] = SLOT_IDLE;
        decoder_slot(d, SLOT_CACHE)[s]   = s < d->limits.slots ? s : 0;
        if (s < d->width && s < input->requests) {
            decoder_slot(d, SLOT_TOKEN)[s]    = (uint32_t)input->prompts[input->prompt_starts[s] + input->kept];
            decoder_slot(d, SLOT_POSITION)[s] = input->kept;
            decoder_slot(d, SLOT_LENGTH)[s]   = input->kept + 1;
            decoder_slot(d, SLOT_REQUEST)[s]  = s;
            decoder_slot(d, SLOT_SEQUENCE)[s] = input->sequence[s];
        }
    }
}

/* Uploads prompts, requests and slots; no request is finished. */
static Status prepare(Decoder *d, const DecodeInput *input, Error *error)
{
    const uint32_t n = input->requests, started = d->width < n ? d->width : n;
    const uint32_t counters[2] = {started, started}; /* the next request, running */
    uint32_t      *table       = calloc((size_t)REQUEST_FIELDS * n, 4);
    if (table == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "generating: out of host memory");
    }
    for (uint32_t r = 0; r < n; r++) {
        table[r]         = input->prompt_starts[r];
        table[n + r]     = input->prompt_starts[r + 1] - input->prompt_starts[r];
        table[2 * n + r] = input->max_new != NULL ? input->max_new[r] : d->limits.max_new;
        table[3 * n + r] = input->sequence[r];
    }
    first_requests(d, input);
    memset(d->host, 0, (size_t)n * 4);
    memset(d->told, 0, n * sizeof *d->told);
    const struct {
        GpuSpan     to;
        const void *from;
        uint64_t    bytes;
    } uploads[6]  = {{d->slots, d->slot_words, (uint64_t)SLOT_FIELDS * d->slot_stride * 4},
                     {d->request_table, table, (uint64_t)REQUEST_FIELDS * n * 4},
                     {d->prompts, input->prompts, (uint64_t)input->prompt_starts[n] * 4},
                     {d->counters, counters, sizeof counters},
                     {d->lengths, d->host, (uint64_t)n * 4},
                     {d->stopped, d->host, (uint64_t)n * 4}};
    Status status = STATUS_OK;
    for (int i = 0; i < 6 && status == STATUS_OK; i++) {
        status = gpu_upload(d->gpu, uploads[i].to, uploads[i].from, uploads[i].bytes, error);
    }
    free(table);
    return status;
}

/* --- running ------------------------------------------------------------------------ */

Status decoder_put_slots(Decoder *d, Error *error)
{
    return gpu_upload(d->gpu, d->slots, d->slot_words, (uint64_t)SLOT_FIELDS * d->slot_stride * 4, error);
}

/* The queue is empty and at most `width` requests are left: moves them into the first slots, so that steps compute
 * fewer rows. Each takes its row of the cache along. */
static Status narrow(Decoder *d, uint32_t width, Error *error)
{
    uint32_t to = 0;
    for (uint32_t from = width; from < d->width; from++) {
        if (decoder_slot(d, SLOT_REQUEST)[from] == SLOT_IDLE) {
            continue;
        }
        while (decoder_slot(d, SLOT_REQUEST)[to] != SLOT_IDLE) {
            to++;
        }
        for (uint32_t field = 0; field < SLOT_FIELDS; field++) {
            uint32_t *words = decoder_slot(d, field), word = words[to];
            words[to]   = words[from];
            words[from] = word;
        }
    }
    d->width = width;
    return decoder_put_slots(d, error);
}

/* Hands on what has finished since the last submit. */
static Status tell_finished(Decoder *d, const DecodeInput *input, Error *error)
{
    const uint32_t *lengths = gpu_span_map(d->host_lengths), *stopped = gpu_span_map(d->host_stopped);
    const uint64_t  row  = (uint64_t)d->limits.max_new * 4;
    uint32_t        news = 0;
    for (uint32_t r = 0; r < input->requests; r++) {
        if (lengths[r] > 0 && !d->told[r]) {
            d->news[news]      = gpu_span_slice(d->tokens, r * row, (uint64_t)lengths[r] * 4);
            d->news_to[news]   = d->host + r * row; /* where its tokens belong */
            d->news_of[news++] = r;
        }
    }
    const Status status = gpu_download_many(d->gpu, d->news, d->news_to, news, error);
    for (uint32_t i = 0; i < news && status == STATUS_OK; i++) {
        const uint32_t r = d->news_of[i];
        d->told[r]       = true;
        input->finished(input->user, r, d->news_to[i], lengths[r], stopped[r] != 0);
    }
    return status;
}

/* Runs the steps that are recorded, once. */
static Status run_steps(Decoder *d, const DecodeInput *input, DecodeOutput *output, bool *stop, Error *error)
{
    Status status = gpu_stream_run(d->stream, error);
    if (status == STATUS_OK) {
        const uint32_t *counters = gpu_span_map(d->host_counters);
        memcpy(d->slot_words, gpu_span_map(d->host_slots), (size_t)SLOT_FIELDS * d->slot_stride * 4);
        output->steps += d->steps;
        status = input->finished != NULL ? tell_finished(d, input, error) : STATUS_OK;
        *stop  = (input->progress != NULL && input->progress(input->user, counters[1])) || counters[1] == 0;
    }
    return status;
}

static Status run_all(Decoder *d, const Model *model, const DecodeInput *input, DecodeOutput *output, Error *error)
{
    Status status     = STATUS_OK;
    bool   stop       = false;
    d->chunk_recorded = 0;
    for (uint32_t recorded = 0; status == STATUS_OK && !stop;) {
        status = decoder_read_prompts(d, model, input, output, &stop, error);
        if (status != STATUS_OK || stop) {
            break;
        }
        if (recorded != d->width) {
            decoder_record_steps(d, model, input);
            recorded = d->width;
        }
        status                   = run_steps(d, input, output, &stop, error);
        const uint32_t *counters = gpu_span_map(d->host_counters);
        uint32_t        width    = d->width;
        while (width / 2 >= NARROWEST && counters[1] <= width / 2) {
            width /= 2;
        }
        if (status == STATUS_OK && !stop && width < d->width && counters[0] >= input->requests) {
            status = narrow(d, width, error);
        }
    }
    return status;
}

static Status collect(Decoder *d, uint32_t requests, DecodeOutput *output, Error *error)
{
    const uint64_t tokens = (uint64_t)requests * d->limits.max_new * 4, lengths = (uint64_t)requests * 4;
    uint8_t       *at = d->host;
    const struct {
        GpuSpan  from;
        uint64_t bytes;
    } pieces[4] = {{d->tokens, tokens}, {d->logprobs, tokens}, {d->lengths, lengths}, {d->stopped, lengths}};
    for (int i = 0; i < 4 && requests > 0; i++) {
        Status status = gpu_download(d->gpu, pieces[i].from, at, pieces[i].bytes, error);
        if (status != STATUS_OK) {
            return status;
        }
        at += pieces[i].bytes;
    }
    output->max_new  = d->limits.max_new;
    output->tokens   = (const int32_t *)(const void *)d->host;
    output->logprobs = (const float *)(const void *)(d->host + tokens);
    output->lengths  = (const uint32_t *)(const void *)(d->host + 2 * tokens);
    output->stopped  = (const uint32_t *)(const void *)(d->host + 2 * tokens + lengths);
    return STATUS_OK;
}

/* Tokens that a run's only request has read: all but its last, or up to where it was stopped. */
static uint32_t tokens_read(const Decoder *d, const DecodeInput *input, const DecodeOutput *output)
{
    return output->lengths[0] > 0 ? input->prompt_starts[1] + output->lengths[0] - 1
                                  : decoder_slot(d, SLOT_POSITION)[0];
}

/* Steps of a submit: no more than the request with the most new tokens takes. */
static uint32_t steps_of(const Decoder *d, const DecodeInput *input)
{
    uint32_t most = 0;
    for (uint32_t r = 0; r < input->requests; r++) {
        const uint32_t tokens = input->max_new != NULL ? input->max_new[r] : d->limits.max_new;
        most                  = tokens > most ? tokens : most;
    }
    return most < d->limits.steps_per_submit ? most : d->limits.steps_per_submit;
}

Status decoder_run(Decoder *d, const Model *model, const DecodeInput *input, DecodeOutput *output, Error *error)
{
    output->steps = output->prompt_rows = 0;
    d->width                            = d->limits.slots;
    d->requests                         = input->requests;
    if (model->lora != NULL && model->lora->config.rank > d->limits.lora_rank) {
        return error_set(error, STATUS_FAILED,
                         "generating: the model has an adapter of rank %u, the decoder was made for %u",
                         model->lora->config.rank, d->limits.lora_rank);
    }
    Status status = check_input(d, input, error);
    if (status == STATUS_OK && input->requests > 0) {
        d->read = 0;
        status  = prepare(d, input, error);
        if (status == STATUS_OK && input->kept == 0) { /* else they are packed since the run before */
            status = decoder_pack(d, model, error);
        }
    }
    if (status == STATUS_OK && input->requests > 0) {
        d->steps = steps_of(d, input);
        status   = run_all(d, model, input, output, error);
    }
    status = status == STATUS_OK ? collect(d, input->requests, output, error) : status;
    if (status == STATUS_OK && input->requests == 1) {
        d->read = tokens_read(d, input, output);
    }
    return status;
}

Status decoder_peek(Decoder *d, uint32_t request, int32_t *tokens, uint32_t *count, Error *error)
{
    uint32_t prompt_length, generated = 0;
    Status   status = gpu_download(d->gpu, gpu_span_slice(d->request_table, ((uint64_t)d->requests + request) * 4, 4),
                                   &prompt_length, 4, error);
    if (status == STATUS_OK) { /* 0 as long as it runs */
        status = gpu_download(d->gpu, gpu_span_slice(d->lengths, (uint64_t)request * 4, 4), &generated, 4, error);
    }
    for (uint32_t s = 0; status == STATUS_OK && generated == 0 && s < d->width; s++) {
        const uint32_t position = decoder_slot(d, SLOT_POSITION)[s];
        if (decoder_slot(d, SLOT_REQUEST)[s] == request && position >= prompt_length) {
            generated = position + 1 - prompt_length; /* the token at `position` is the latest */
        }
    }
    if (status == STATUS_OK && generated > 0) {
        status = gpu_download(
            d->gpu, gpu_span_slice(d->tokens, (uint64_t)request * d->limits.max_new * 4, (uint64_t)generated * 4),
            tokens, (uint64_t)generated * 4, error);
    }
    *count = status == STATUS_OK ? generated : 0;
    return status;
}
