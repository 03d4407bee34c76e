#include "rlsp/train/sft_data.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct SftSource {
    SftSetup      setup;
    SftDemos      demos;
    ChatTemplate *chat; /* NULL: none, because of no_chat */
    Error         no_chat;
    SftEncoder    encoder;
    SftFile      *file; /* NULL: the task makes the data */
    uint32_t      longest;

    /* The step that is made ahead. While `thread` runs, it alone touches what follows, and `file`. */
    bool      running;
    pthread_t thread;
    bool      ready; /* `ahead` holds step ahead_step, or ahead_error says why not */
    uint32_t  ahead_step;
    SftBatch  ahead;
    Status    ahead_status;
    Error     ahead_error;
};

/* --- steps */

static Status check_lengths(const SftSource *source, uint32_t step, SftBatch *batch, Error *error)
{
    for (uint32_t s = 0; s < batch->sequences; s++) {
        const uint32_t length = batch->starts[s + 1] - batch->starts[s];
        if (length > source->longest) {
            return error_set(
                error, STATUS_BAD_INPUT,
                "SFT data \"%s\", step %u: a demonstration has %u tokens, the model's context is %u; lower sft.kmax",
                source->setup.phase->data, step, length, source->longest);
        }
    }
    batch->targets = 0;
    for (uint32_t i = 0; i < batch->starts[batch->sequences]; i++) {
        batch->targets += batch->weight[i] != 0.0f;
    }
    return STATUS_OK;
}

static Status make_step(SftSource *source, uint32_t step, SftBatch *batch, Error *error)
{
    if (source->file != NULL) {
        return sft_file_step(source->file, step, batch, error);
    }
    Status status = sft_batch_clear(batch, error);
    status        = status == STATUS_OK ? sft_demos_step(&source->demos, step, batch, error) : status;
    return status == STATUS_OK ? check_lengths(source, step, batch, error) : status;
}

static void *make_ahead(void *argument)
{
    SftSource *source    = argument;
    source->ahead_error  = (Error){0};
    source->ahead_status = make_step(source, source->ahead_step, &source->ahead, &source->ahead_error);
    return NULL;
}

static void wait_for_thread(SftSource *source)
{
    if (source->running) {
        pthread_join(source->thread, NULL);
        source->running = false;
        source->ready   = true;
    }
}

Status sft_source_step(SftSource *source, uint32_t step, SftBatch *batch, Error *error)
{
    Status status;
    wait_for_thread(source);
    if (source->ready && source->ahead_step == step) {
        const SftBatch used = *batch;
        *batch              = source->ahead;
        source->ahead       = used;
        status              = source->ahead_status;
        if (status != STATUS_OK) {
            error_set(error, status, "%s", source->ahead_error.text);
        }
    } else {
        status = make_step(source, step, batch, error);
    }
    source->ready      = false;
    source->ahead_step = step + 1;
    source->running =
        status == STATUS_OK && step < UINT32_MAX && pthread_create(&source->thread, NULL, make_ahead, source) == 0;
    return status;
}

SftPlace sft_source_place(SftSource *source)
{
    wait_for_thread(source);
    return source->file != NULL ? sft_file_place(source->file) : (SftPlace){0, 0};
}

void sft_source_go(SftSource *source, SftPlace place)
{
    wait_for_thread(source);
    source->ready = false;
    if (source->file != NULL) {
        sft_file_go(source->file, place);
    }
}

const SftFileCounts *sft_source_counts(SftSource *source)
{
    wait_for_thread(source);
    return source->file != NULL ? sft_file_counts(source->file) : NULL;
}

uint32_t sft_source_longest(SftSource *source)
{
    return source->longest;
}

Status sft_source_steps(SftSource *source, uint32_t *steps, Error *error)
{
    const SftPhase *phase = source->setup.phase;
    *steps                = phase->steps;
    wait_for_thread(source);
    source->ready = false;
    return source->file != NULL && phase->epochs > 0 ? sft_file_steps(source->file, phase->epochs, steps, error)
                                                     : STATUS_OK;
}

/* --- life */

static Status open_demos(SftSource *source, Error *error)
{
    const SftSetup *setup = &source->setup;
    const uint32_t  most  = TASK_PROMPT_BYTES + DEMO_RESPONSE_BYTES + 2; /* a token has at least one byte; bos, eos */
    source->longest       = most < setup->context ? most : setup->context;
    source->demos         = (SftDemos){.phase       = setup->phase,
                                       .task        = setup->task,
                                       .task_config = setup->task_config,
                                       .tokenizer   = setup->tokenizer,
                                       .eos         = setup->eos,
                                       .seed        = setup->seed,
                                       .phase_index = setup->phase_index,
                                       .mix         = sft_phase_mix(setup->phase, setup->task)};
    return demo_mix_check(setup->task, &source->demos.mix, error);
}

static Status open_file(SftSource *source, Error *error)
{
    const SftSetup *setup = &source->setup;
    const char *given = setup->chat_template != NULL && setup->chat_template[0] != '\0' ? setup->chat_template : NULL;
    source->chat      = chat_template_open(setup->directory, given, &source->no_chat); /* said where a line needs it */
    if (source->chat == NULL && given != NULL) {
        return error_set(error, source->no_chat.status, "%s", source->no_chat.text);
    }
    const uint32_t variables =
        source->chat != NULL && setup->task_settings != NULL ? setup->task_settings->chat_set_count : 0;
    for (uint32_t i = 0; i < variables; i++) {
        if (chat_template_set(source->chat, setup->task_settings->chat_set[i], "task.chat_set", error) != STATUS_OK) {
            return error->status;
        }
    }
    source->encoder = (SftEncoder){.phase      = setup->phase,
                                   .tokenizer  = setup->tokenizer,
                                   .chat       = source->chat,
                                   .no_chat    = &source->no_chat,
                                   .eos        = setup->eos,
                                   .context    = setup->context,
                                   .vocab_size = setup->vocab_size};
    source->file    = sft_file_open(&source->encoder, setup->seed, setup->phase_index, error);
    if (source->file == NULL) {
        return error->status;
    }
    source->longest = sft_file_longest(source->file);
    return STATUS_OK;
}

SftSource *sft_source_new(const SftSetup *setup, Error *error)
{
    SftSource *source = calloc(1, sizeof *source);
    if (source == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "SFT data: out of host memory");
        return NULL;
    }
    source->setup = *setup;
    if ((strcmp(setup->phase->data, "task") == 0 ? open_demos : open_file)(source, error) != STATUS_OK) {
        sft_source_free(source);
        return NULL;
    }
    return source;
}

void sft_source_free(SftSource *source)
{
    if (source != NULL) {
        wait_for_thread(source);
        sft_batch_free(&source->ahead);
        sft_file_free(source->file);
        chat_template_free(source->chat);
        free(source);
    }
}
