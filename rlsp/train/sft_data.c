#include "rlsp/train/sft_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"

enum { JSONL_LIMIT = 1 << 30, NO_LOSS = -100 };

/* A line of a JSONL file, as tokens. */
typedef struct Example {
    uint32_t first, count; /* into SftSource.ids */
} Example;

struct SftSource {
    const SftPhase   *phase;
    const Task       *task;
    const TaskConfig *task_config;
    const Tokenizer  *tokenizer;
    int32_t           eos;
    uint64_t          seed;
    uint32_t          phase_index;
    DemoMix           mix;
    bool              from_task;
    Example          *examples; /* JSONL */
    uint32_t          example_count;
    uint32_t         *order; /* permutation of the epoch it was made for */
    uint64_t          order_epoch;
    int32_t          *ids;
    uint8_t          *loss; /* 1: the token is a target */
    uint64_t          id_count, id_capacity;
    uint64_t          left_out;
    uint32_t          context, vocab_size; /* of the model */
    uint32_t          longest;
};

DemoMix sft_phase_mix(const SftPhase *phase, const Task *task)
{
    DemoMix mix;
    demo_mix_default(task, &mix);
    mix.demos = phase->batch_size;
    mix.listing_rows = phase->listing_rows;
    mix.distance_rows = phase->distance_rows;
    mix.direct_rows = phase->direct_rows;
    if (phase->row_attempts > 0) {
        mix.row_attempts = phase->row_attempts;
    }
    mix.row_copy_weight = phase->row_copy_weight;
    mix.search = phase->search;
    mix.qd = phase->qd;
    mix.habit = phase->habit;
    mix.qt = phase->qt;
    mix.giveup = phase->giveup;
    mix.kmax = phase->kmax;
    mix.check = phase->check;
    mix.verdict_weight = phase->verdict_weight;
    return mix;
}

/* --- JSONL ------------------------------------------------------------------------ */

static Status out_of_memory(Error *error) { return error_set(error, STATUS_OUT_OF_MEMORY, "SFT data: out of host memory"); }

static Status push_token(SftSource *source, int32_t id, bool loss, Error *error)
{
    if (source->id_count == source->id_capacity) {
        uint64_t capacity = source->id_capacity * 2 + 4096;
        int32_t *ids = realloc(source->ids, capacity * sizeof *ids);
        if (ids != NULL) {
            source->ids = ids;
        }
        uint8_t *flags = realloc(source->loss, capacity);
        if (flags != NULL) {
            source->loss = flags;
        }
        if (ids == NULL || flags == NULL) {
            return out_of_memory(error);
        }
        source->id_capacity = capacity;
    }
    source->ids[source->id_count] = id;
    source->loss[source->id_count++] = loss;
    return STATUS_OK;
}

static Status push_text(SftSource *source, const char *text, bool special, bool loss, Error *error)
{
    int32_t *ids = NULL;
    size_t   count = 0;
    Status   status = tokenizer_encode(source->tokenizer, text, strlen(text), special, &ids, &count, error);
    for (size_t i = 0; i < count && status == STATUS_OK; i++) {
        status = push_token(source, ids[i], loss, error);
    }
    free(ids);
    return status;
}

static Status push_ids(SftSource *source, const JsonObject *line, Error *error)
{
    const cJSON *ids = NULL, *labels = NULL;
    Status       status = json_get_array(line, "ids", JSON_REQUIRED, &ids, error);
    if (status == STATUS_OK) {
        status = json_get_array(line, "labels", JSON_OPTIONAL, &labels, error);
    }
    const cJSON *label = labels != NULL ? labels->child : NULL;
    const cJSON *id = status == STATUS_OK ? ids->child : NULL;
    for (; id != NULL && status == STATUS_OK; id = id->next) {
        bool bad = !cJSON_IsNumber(id) || !json_is_integer(id) || id->valuedouble < 0 || id->valuedouble > INT32_MAX;
        bool loss = true;
        if (labels != NULL) {
            bad = bad || label == NULL || !cJSON_IsNumber(label) ||
                  (label->valuedouble != NO_LOSS && label->valuedouble != id->valuedouble);
            loss = !bad && label->valuedouble != NO_LOSS;
            label = label != NULL ? label->next : NULL;
        }
        if (bad) {
            return error_set(error, STATUS_BAD_INPUT,
                             "%s: 'ids' are non-negative integers, and 'labels' as many, each the id at its place or -100", line->file);
        }
        if (id->valuedouble >= source->vocab_size) {
            return error_set(error, STATUS_BAD_INPUT, "%s: token id %.0f is outside the model's vocabulary of %u", line->file, id->valuedouble,
                             source->vocab_size);
        }
        status = push_token(source, (int32_t)id->valuedouble, loss, error);
    }
    if (status == STATUS_OK && label != NULL) {
        return error_set(error, STATUS_BAD_INPUT, "%s: more 'labels' than 'ids'", line->file);
    }
    return status;
}

static Status push_line(SftSource *source, const char *text, size_t length, const char *where, Error *error)
{
    cJSON      *root = NULL;
    JsonObject  line;
    const char *prompt = NULL, *completion = NULL, *whole = NULL;
    Status      status = json_parse(text, length, where, &root, error);
    if (status == STATUS_OK) {
        status = json_root(&line, root, where, error);
    }
    if (status == STATUS_OK) {
        if (json_find(&line, "ids") != NULL) {
            status = push_ids(source, &line, error);
        } else if (json_find(&line, "text") != NULL) {
            status = json_get_string(&line, "text", JSON_REQUIRED, &whole, error);
            status = status == STATUS_OK ? push_text(source, whole, true, true, error) : status;
            status = status == STATUS_OK ? push_token(source, source->eos, true, error) : status;
        } else if (json_find(&line, "prompt") != NULL) {
            status = json_get_string(&line, "prompt", JSON_REQUIRED, &prompt, error);
            status = status == STATUS_OK ? json_get_string(&line, "completion", JSON_REQUIRED, &completion, error) : status;
            status = status == STATUS_OK ? push_text(source, prompt, true, false, error) : status;
            status = status == STATUS_OK ? push_text(source, completion, false, true, error) : status;
            status = status == STATUS_OK ? push_token(source, source->eos, true, error) : status;
        } else {
            status = error_set(error, STATUS_BAD_INPUT, "%s: needs \"ids\", \"text\", or \"prompt\" and \"completion\"", where);
        }
    }
    cJSON_Delete(root);
    return status;
}

static Status add_example(SftSource *source, uint64_t first, const char *where, Error *error)
{
    uint64_t count = source->id_count - first;
    if (count < 2 || (source->phase->max_length > 0 && count > source->phase->max_length)) {
        source->left_out++;
        source->id_count = first;
        return STATUS_OK;
    }
    if (count > source->context) {
        return error_set(error, STATUS_BAD_INPUT, "%s: %llu tokens, more than the model's context of %u; set sft.max_length to leave such lines out",
                         where, (unsigned long long)count, source->context);
    }
    if (source->id_count > UINT32_MAX) {
        return error_set(error, STATUS_BAD_INPUT, "%s: the file has more than %u tokens; split it", where, UINT32_MAX);
    }
    source->longest = count > source->longest ? (uint32_t)count : source->longest;
    if ((source->example_count & (source->example_count - 1)) == 0) {
        uint32_t capacity = source->example_count > 0 ? source->example_count * 2 : 64;
        Example *grown = realloc(source->examples, capacity * sizeof *grown);
        if (grown == NULL) {
            return out_of_memory(error);
        }
        source->examples = grown;
    }
    source->examples[source->example_count++] = (Example){(uint32_t)first, (uint32_t)count};
    return STATUS_OK;
}

static Status read_jsonl(SftSource *source, Error *error)
{
    char  *text = NULL;
    size_t length = 0;
    Status status = file_read(source->phase->data, JSONL_LIMIT, &text, &length, error);
    size_t number = 0;
    for (char *at = text, *end = text + length; status == STATUS_OK && at < end;) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        char *stop = newline != NULL ? newline : end;
        char  where[RUN_PATH_SIZE + 32];
        snprintf(where, sizeof where, "%s:%zu", source->phase->data, ++number);
        if (stop > at && strspn(at, " \t\r") < (size_t)(stop - at)) {
            uint64_t first = source->id_count;
            status = push_line(source, at, (size_t)(stop - at), where, error);
            status = status == STATUS_OK ? add_example(source, first, where, error) : status;
        }
        at = stop + 1;
    }
    free(text);
    if (status == STATUS_OK && source->example_count == 0) {
        status = error_set(error, STATUS_BAD_INPUT, "%s: no examples%s", source->phase->data,
                           source->left_out > 0 ? " (all are shorter than two tokens or longer than max_length)" : "");
    }
    if (status == STATUS_OK) {
        source->order = malloc(source->example_count * sizeof *source->order);
        source->order_epoch = UINT64_MAX;
        status = source->order != NULL ? STATUS_OK : out_of_memory(error);
    }
    return status;
}

/* The example at place `n` of the endless sequence of epochs. */
static const Example *example_at(SftSource *source, uint64_t n)
{
    uint64_t epoch = n / source->example_count, place = n % source->example_count;
    if (source->order_epoch != epoch) {
        Random random = random_stream(source->seed, RANDOM_SHUFFLE, (uint32_t)epoch, source->phase_index);
        for (uint32_t i = 0; i < source->example_count; i++) {
            source->order[i] = i;
        }
        for (uint32_t i = source->example_count - 1; source->phase->shuffle && i > 0; i--) {
            uint32_t j = random_below(&random, i + 1), kept = source->order[i];
            source->order[i] = source->order[j];
            source->order[j] = kept;
        }
        source->order_epoch = epoch;
    }
    return &source->examples[source->order[place]];
}

/* --- batches ------------------------------------------------------------------------- */

static Status batch_reserve(SftBatch *batch, uint32_t ids, Error *error)
{
    const uint32_t used = batch->sequences > 0 ? batch->starts[batch->sequences] : 0;
    if (used + ids > batch->id_capacity) {
        uint32_t capacity = (used + ids) * 2;
        int32_t *grown = realloc(batch->ids, capacity * sizeof *grown);
        if (grown != NULL) {
            batch->ids = grown;
        }
        float *weights = realloc(batch->weight, capacity * sizeof *weights);
        if (weights != NULL) {
            batch->weight = weights;
        }
        if (grown == NULL || weights == NULL) {
            return out_of_memory(error);
        }
        batch->id_capacity = capacity;
    }
    if (batch->sequences + 2 > batch->sequence_capacity) {
        uint32_t  capacity = batch->sequence_capacity * 2 + 64;
        uint32_t *grown = realloc(batch->starts, capacity * sizeof *grown);
        if (grown == NULL) {
            return out_of_memory(error);
        }
        batch->starts = grown;
        batch->sequence_capacity = capacity;
        batch->starts[0] = 0;
    }
    return STATUS_OK;
}

void sft_batch_free(SftBatch *batch)
{
    free(batch->ids);
    free(batch->weight);
    free(batch->starts);
    *batch = (SftBatch){0};
}

/* Appends <bos> prompt response <eos> with the demonstration's weights; adds their sum to *sum. */
static Status append_demo(SftSource *source, const Demo *demo, SftBatch *batch, double *sum, Error *error)
{
    char text[TASK_PROMPT_BYTES + DEMO_RESPONSE_BYTES];
    memcpy(text, demo->prompt, demo->prompt_length);
    memcpy(text + demo->prompt_length, demo->response, demo->response_length);
    int32_t *ids = NULL;
    size_t   count = 0;
    Status   status = tokenizer_encode(source->tokenizer, text, demo->prompt_length + demo->response_length, true, &ids, &count, error);
    status = status == STATUS_OK ? batch_reserve(batch, (uint32_t)count + 1, error) : status;
    if (status == STATUS_OK) {
        uint32_t at = batch->starts[batch->sequences], offset = 0;
        for (size_t i = 0; i < count; i++, at++) {
            size_t bytes = 0;
            if (!tokenizer_is_special(source->tokenizer, ids[i])) {
                tokenizer_token_bytes(source->tokenizer, ids[i], &bytes);
            }
            bool response = bytes > 0 && offset >= demo->prompt_length;
            batch->ids[at] = ids[i];
            batch->weight[at] = response ? demo_weight_at(demo, offset - demo->prompt_length) : 0.0f;
            *sum += (double)batch->weight[at];
            offset += (uint32_t)bytes;
        }
        batch->ids[at] = source->eos;
        batch->weight[at] = demo->eos_weight;
        *sum += (double)demo->eos_weight;
        batch->starts[++batch->sequences] = at + 1;
    }
    free(ids);
    return status;
}

/* Demonstrations, then rows; each group's weights are divided by their sum, rows times row_loss. */
static Status step_from_task(SftSource *source, uint32_t step, SftBatch *batch, Error *error)
{
    const uint32_t rows = demo_rows(&source->mix);
    double         sums[2] = {0.0, 0.0};
    uint32_t       demo_sequences = 0;
    Demo          *demo = malloc(sizeof *demo);
    Status         status = demo != NULL ? STATUS_OK : out_of_memory(error);
    for (uint32_t row = 0; row < rows && status == STATUS_OK; row++) {
        DemoKind kind = demo_kind_of_row(&source->mix, row);
        Random   random = random_stream(source->seed, RANDOM_DEMO, step | source->phase_index << 24, row);
        demo_draw(source->task, source->task_config, &source->mix, kind, &random, demo);
        status = append_demo(source, demo, batch, &sums[demo_is_row(kind)], error);
        demo_sequences += !demo_is_row(kind);
    }
    free(demo);
    for (uint32_t s = 0; s < batch->sequences && status == STATUS_OK; s++) {
        bool   is_row = s >= demo_sequences;
        double scale = (is_row && demo_sequences > 0 ? source->phase->row_loss : 1.0) / (sums[is_row] > 0.0 ? sums[is_row] : 1.0);
        for (uint32_t i = batch->starts[s]; i < batch->starts[s + 1]; i++) {
            batch->weight[i] = (float)((double)batch->weight[i] * scale);
        }
    }
    return status;
}

static Status step_from_file(SftSource *source, uint32_t step, SftBatch *batch, Error *error)
{
    uint64_t targets = 0;
    for (uint32_t j = 0; j < source->phase->batch_size; j++) {
        const Example *example = example_at(source, (uint64_t)step * source->phase->batch_size + j);
        Status         status = batch_reserve(batch, example->count, error);
        if (status != STATUS_OK) {
            return status;
        }
        uint32_t at = batch->starts[batch->sequences];
        memcpy(batch->ids + at, source->ids + example->first, example->count * sizeof *batch->ids);
        for (uint32_t i = 0; i < example->count; i++) {
            bool loss = i > 0 && source->loss[example->first + i]; /* nothing predicts the first token */
            batch->weight[at + i] = loss ? 1.0f : 0.0f;
            targets += loss;
        }
        batch->starts[++batch->sequences] = at + example->count;
    }
    for (uint32_t i = 0; i < batch->starts[batch->sequences] && targets > 0; i++) {
        batch->weight[i] = (float)((double)batch->weight[i] / (double)targets);
    }
    return STATUS_OK;
}

Status sft_source_step(SftSource *source, uint32_t step, SftBatch *batch, Error *error)
{
    batch->sequences = 0;
    batch->targets = 0;
    Status status = batch_reserve(batch, 1, error);
    if (status == STATUS_OK) {
        status = source->from_task ? step_from_task(source, step, batch, error) : step_from_file(source, step, batch, error);
    }
    for (uint32_t s = 0; s < batch->sequences && status == STATUS_OK; s++) {
        uint32_t length = batch->starts[s + 1] - batch->starts[s];
        if (length > source->longest) {
            status = error_set(error, STATUS_BAD_INPUT, "SFT data \"%s\", step %u: a demonstration has %u tokens, the model's context is %u; lower sft.kmax",
                               source->phase->data, step, length, source->longest);
        }
        for (uint32_t i = batch->starts[s]; i < batch->starts[s + 1]; i++) {
            batch->targets += batch->weight[i] != 0.0f;
        }
    }
    return status;
}

/* --- life -------------------------------------------------------------------------------- */

SftSource *sft_source_new(const SftPhase *phase, const Task *task, const TaskConfig *task_config, const Tokenizer *tokenizer,
                          int32_t eos, const ModelConfig *model, uint64_t seed, uint32_t phase_index, Error *error)
{
    SftSource *source = calloc(1, sizeof *source);
    if (source == NULL) {
        out_of_memory(error);
        return NULL;
    }
    *source = (SftSource){.phase = phase, .task = task, .task_config = task_config, .tokenizer = tokenizer, .eos = eos,
                          .seed = seed, .phase_index = phase_index, .from_task = strcmp(phase->data, "task") == 0,
                          .context = model->max_positions, .vocab_size = model->vocab_size};
    Status status;
    if (source->from_task) {
        const uint32_t most = TASK_PROMPT_BYTES + DEMO_RESPONSE_BYTES + 2; /* a token has at least one byte; bos, eos */
        source->longest = most < source->context ? most : source->context;
        source->mix = sft_phase_mix(phase, task);
        status = demo_mix_check(task, &source->mix, error);
    } else {
        status = read_jsonl(source, error);
    }
    if (status != STATUS_OK) {
        sft_source_free(source);
        return NULL;
    }
    return source;
}

void sft_source_free(SftSource *source)
{
    if (source != NULL) {
        free(source->examples);
        free(source->order);
        free(source->ids);
        free(source->loss);
        free(source);
    }
}

uint64_t sft_source_left_out(const SftSource *source) { return source->left_out; }

uint32_t sft_source_longest(const SftSource *source) { return source->longest; }
