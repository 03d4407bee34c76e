#include "engine/model/lora_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"

enum { PIECE_FLOATS = 1 << 20, NAME_SIZE = 128 };

static void tensor_name(char name[NAME_SIZE], uint32_t layer, Projection target, bool b)
{
    snprintf(name, NAME_SIZE, "base_model.model.model.layers.%u.%s.lora_%c.weight", layer, projection_module(target),
             b ? 'B' : 'A');
}

static bool has(const LoraConfig *config, Projection target)
{
    return (config->targets >> target & 1) != 0;
}

static Status out_of_memory(Error *error)
{
    return error_set(error, STATUS_OUT_OF_MEMORY, "an adapter: out of host memory");
}

/* --- adapter_model.safetensors, reading --------------------------------------------------- */

const Safetensor *lora_files_tensor(const LoraFiles *files, uint32_t layer, Projection target, bool b)
{
    char name[NAME_SIZE];
    tensor_name(name, layer, target, b);
    return safetensors_find(files->set, name);
}

/* Where the config names its targets by a pattern: those that the file has, in some layer, A of. PEFT wraps what the
 * pattern fits, but matrices that the file does not hold stay as they are. */
static Status find_targets(LoraFiles *files, const ModelConfig *model, const char *directory, Error *error)
{
    for (uint32_t i = 0; i < model->layers * PROJECTIONS; i++) {
        const Projection target = i % PROJECTIONS;
        files->config.targets |= lora_files_tensor(files, i / PROJECTIONS, target, false) != NULL ? 1u << target : 0;
    }
    return files->config.targets != 0
               ? STATUS_OK
               : error_set(error, STATUS_BAD_INPUT, "the adapter in %s has no lora_A of any matrix of the base model",
                           directory);
}

/* Every tensor that the config asks for, and none that nothing would read. */
static Status check_tensors(const LoraFiles *files, const ModelConfig *model, const char *directory, Error *error)
{
    size_t expected = 0;
    char   name[NAME_SIZE];
    for (uint32_t i = 0; i < model->layers * PROJECTIONS; i++) {
        const Projection  target = i % PROJECTIONS;
        const MatrixShape matrix = projection_shape(model, target);
        for (int b = 0; b < 2 && has(&files->config, target); b++, expected++) {
            const uint64_t shape[2] = {b ? matrix.rows : files->config.rank, b ? files->config.rank : matrix.columns};
            tensor_name(name, i / PROJECTIONS, target, b == 1);
            if (safetensors_expect(files->set, name, 2, shape, error) == NULL) {
                error_prefix(error, "the adapter in %s does not fit its adapter_config.json and the base model",
                             directory);
                return STATUS_BAD_INPUT;
            }
        }
    }
    for (size_t i = 0; i < safetensors_count(files->set) && expected != safetensors_count(files->set); i++) {
        const Safetensor *found = safetensors_at(files->set, i);
        bool              known = false;
        for (uint32_t j = 0; j < 2 * model->layers * PROJECTIONS && !known; j++) {
            tensor_name(name, j / 2 / PROJECTIONS, j / 2 % PROJECTIONS, j % 2 == 1);
            known = has(&files->config, j / 2 % PROJECTIONS) && strcmp(name, found->name) == 0;
        }
        if (!known) {
            return error_set(error, STATUS_BAD_INPUT,
                             "%s: tensor '%s' belongs to no matrix that adapter_config.json names, or the base model "
                             "has no such layer",
                             found->file, found->name);
        }
    }
    return STATUS_OK;
}

Status lora_files_open(LoraFiles *files, const char *directory, const ModelConfig *model, Error *error)
{
    char *config  = path_join(directory, "adapter_config.json"),
         *weights = path_join(directory, "adapter_model.safetensors");
    char *pickle  = path_join(directory, "adapter_model.bin");
    *files        = (LoraFiles){0};
    Status status = config != NULL && weights != NULL && pickle != NULL ? STATUS_OK : out_of_memory(error);
    status        = status == STATUS_OK ? lora_config_read(&files->config, config, error) : status;
    if (status == STATUS_OK && !file_exists(weights) && file_exists(pickle)) {
        status = error_set(error, STATUS_BAD_INPUT,
                           "%s: only adapter_model.safetensors is read; save the adapter with safe_serialization=True",
                           pickle);
    }
    if (status == STATUS_OK) {
        files->set = safetensors_open(weights, error);
        status     = files->set != NULL ? STATUS_OK : error->status;
        if (status == STATUS_OK && files->config.targets == 0) {
            status = find_targets(files, model, directory, error);
        }
        status = status == STATUS_OK ? check_tensors(files, model, directory, error) : status;
    }
    free(config);
    free(weights);
    free(pickle);
    if (status != STATUS_OK) {
        lora_files_close(files);
    }
    return status;
}

void lora_files_close(LoraFiles *files)
{
    safetensors_close(files->set);
    files->set = NULL;
}

/* --- to the device, and from it ---------------------------------------------------------------- */

static Status upload(const Lora *lora, uint64_t at, const Safetensor *tensor, float *piece, Error *error)
{
    Status status = STATUS_OK;
    for (uint64_t done = 0; done < tensor->elements && status == STATUS_OK;) {
        const uint64_t count = tensor->elements - done < PIECE_FLOATS ? tensor->elements - done : PIECE_FLOATS;
        status               = safetensor_to_f32(tensor, piece, done, count, error);
        status               = status == STATUS_OK
                                   ? gpu_upload(lora->gpu, gpu_span_slice(lora->parameters, (at + done) * 4, count * 4), piece,
                                                count * 4, error)
                                   : status;
        done += count;
    }
    return status;
}

static Status load_value_head(Lora *lora, const char *directory, float *piece, Error *error)
{
    char *path = path_join(directory, "value_head.safetensors");
    if (path == NULL) {
        return out_of_memory(error);
    }
    SafetensorsSet *set    = file_exists(path) ? safetensors_open(path, error) : NULL;
    Status          status = set == NULL && file_exists(path) ? error->status : STATUS_OK;
    if (set != NULL) {
        const uint64_t    shapes[2] = {lora->model.hidden_size, 1};
        const Safetensor *weight    = safetensors_expect(set, "value_head.weight", 1, &shapes[0], error);
        const Safetensor *bias =
            weight != NULL ? safetensors_expect(set, "value_head.bias", 1, &shapes[1], error) : NULL;
        status = bias != NULL ? upload(lora, lora->value_weight, weight, piece, error) : error->status;
        status = status == STATUS_OK ? upload(lora, lora->value_bias, bias, piece, error) : status;
    }
    safetensors_close(set);
    free(path);
    return status;
}

static Status load_all(Lora *lora, const LoraFiles *files, const char *directory, Error *error)
{
    float *piece  = malloc(PIECE_FLOATS * sizeof *piece);
    Status status = piece != NULL ? STATUS_OK : out_of_memory(error);
    for (uint32_t i = 0; i < lora->model.layers * PROJECTIONS && status == STATUS_OK; i++) {
        for (int b = 0; b < 2 && has(&lora->config, i % PROJECTIONS) && status == STATUS_OK; b++) {
            const LoraPlace *place = &lora->places[i];
            status                 = upload(lora, b ? place->b : place->a,
                                            lora_files_tensor(files, i / PROJECTIONS, i % PROJECTIONS, b == 1), piece, error);
        }
    }
    if (status == STATUS_OK && lora->value_head) {
        status = load_value_head(lora, directory, piece, error);
    }
    free(piece);
    return status;
}

Lora *lora_load(Gpu *gpu, const ModelConfig *model, const char *directory, bool value_head, Error *error)
{
    LoraFiles files;
    Lora     *lora = NULL;
    if (lora_files_open(&files, directory, model, error) == STATUS_OK) {
        lora = lora_new(gpu, model, &files.config, value_head, error);
        if (lora != NULL && load_all(lora, &files, directory, error) != STATUS_OK) {
            lora_free(lora);
            lora = NULL;
        }
    }
    lora_files_close(&files);
    return lora;
}

/* A matrix on the device, as the writer of safetensors asks for it. */
typedef struct Source {
    const Lora *lora;
    uint64_t    at;
    char        name[NAME_SIZE];
} Source;

static Status read_source(void *context, uint64_t first, uint64_t count, float *out, Error *error)
{
    const Source *source = context;
    return gpu_download(source->lora->gpu,
                        gpu_span_slice(source->lora->parameters, (source->at + first) * 4, count * 4), out, count * 4,
                        error);
}

static Status save_value_head(const Lora *lora, const char *directory, Error *error)
{
    char                  *path       = path_join(directory, "value_head.safetensors");
    Source                 sources[2] = {{lora, lora->value_weight, ""}, {lora, lora->value_bias, ""}};
    const SafetensorsEntry entries[2] = {{.name     = "value_head.weight",
                                          .dtype    = DTYPE_F32,
                                          .rank     = 1,
                                          .shape    = {lora->model.hidden_size},
                                          .read_f32 = read_source,
                                          .context  = &sources[0]},
                                         {.name     = "value_head.bias",
                                          .dtype    = DTYPE_F32,
                                          .rank     = 1,
                                          .shape    = {1},
                                          .read_f32 = read_source,
                                          .context  = &sources[1]}};
    const Status           status = path != NULL ? safetensors_write(path, entries, 2, error) : out_of_memory(error);
    free(path);
    return status;
}

Status lora_save(const Lora *lora, const char *directory, const char *base, Error *error)
{
    const uint32_t most       = 2 * lora->model.layers * PROJECTIONS;
    char          *config     = path_join(directory, "adapter_config.json"),
         *weights             = path_join(directory, "adapter_model.safetensors");
    SafetensorsEntry *entries = calloc(most, sizeof *entries);
    Source           *sources = calloc(most, sizeof *sources);
    uint32_t          count   = 0;
    Status            status  = config != NULL && weights != NULL && entries != NULL && sources != NULL
                                    ? file_make_directories(directory, error)
                                    : out_of_memory(error);
    for (uint32_t i = 0; i < most && status == STATUS_OK; i++) {
        const Projection target = i / 2 % PROJECTIONS;
        const bool       b      = i % 2 == 1;
        if (!has(&lora->config, target)) {
            continue;
        }
        const MatrixShape shape = projection_shape(&lora->model, target);
        sources[count]          = (Source){.lora = lora, .at = b ? lora->places[i / 2].b : lora->places[i / 2].a};
        tensor_name(sources[count].name, i / 2 / PROJECTIONS, target, b);
        entries[count] =
            (SafetensorsEntry){.name     = sources[count].name,
                               .dtype    = DTYPE_F32,
                               .rank     = 2,
                               .read_f32 = read_source,
                               .context  = &sources[count],
                               .shape    = {b ? shape.rows : lora->config.rank, b ? lora->config.rank : shape.columns}};
        count++;
    }
    status = status == STATUS_OK ? lora_config_write(&lora->config, config, base, error) : status;
    status = status == STATUS_OK ? safetensors_write(weights, entries, count, error) : status;
    if (status == STATUS_OK && lora->value_head) {
        status = save_value_head(lora, directory, error);
    }
    free(config);
    free(weights);
    free(entries);
    free(sources);
    return status;
}
