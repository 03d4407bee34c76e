/* Which model a bench takes: a preset, a shape, or a directory. */
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "rlsp/cli/bench.h"

enum { SHAPE_NUMBERS = 6 };

typedef struct Preset {
    const char *name;
    uint32_t    hidden_size, layers, heads, kv_heads, intermediate_size, vocab_size;
    bool        tied;
    uint32_t    sequences, length; /* of a training step */
} Preset;

/* tiny and small are SPEED.md's; 1b and 8b have the shapes of Llama 3.2 1B and Llama 3.1 8B. */
static const Preset presets[] = {
    {"tiny", 128, 4, 4, 4, 384, 1024, true, 32, 128},
    {"small", 256, 6, 8, 4, 768, 4096, true, 8, 256},
    {"1b", 2048, 16, 32, 8, 8192, 128256, true, 8, 1024},
    {"8b", 4096, 32, 32, 8, 14336, 128256, false, 1, 1024},
};
enum { PRESETS = sizeof presets / sizeof presets[0] };

static void take(BenchModel *model, const Preset *p)
{
    model->config    = (ModelConfig){.family            = MODEL_LLAMA,
                                     .vocab_size        = p->vocab_size,
                                     .hidden_size       = p->hidden_size,
                                     .layers            = p->layers,
                                     .heads             = p->heads,
                                     .kv_heads          = p->kv_heads,
                                     .head_dim          = p->heads > 0 ? p->hidden_size / p->heads : 0,
                                     .intermediate_size = p->intermediate_size,
                                     .rms_norm_eps      = 1e-5f,
                                     .rope              = {.theta = 10000},
                                     .tie_embeddings    = p->tied,
                                     .bos_token_id      = -1,
                                     .pad_token_id      = -1};
    model->name      = p->name;
    model->sequences = p->sequences;
    model->length    = p->length;
}

/* "d,layers,heads,kv_heads,ff,vocab", as a model with tied embeddings. */
static Status read_shape(BenchModel *model, const char *text, Error *error)
{
    Preset          shape = {.name = text, .tied = true, .sequences = 8, .length = 256};
    uint32_t *const to[]  = {&shape.hidden_size,       &shape.layers,    &shape.heads, &shape.kv_heads,
                             &shape.intermediate_size, &shape.vocab_size};
    const char     *at    = text;
    bool            good  = true;
    for (int i = 0; i < SHAPE_NUMBERS && good; i++) {
        char      *end   = NULL;
        const long value = *at >= '0' && *at <= '9' ? strtol(at, &end, 10) : 0;
        good             = value > 0 && value <= 1 << 24 && *end == (i + 1 < SHAPE_NUMBERS ? ',' : '\0');
        *to[i]           = good ? (uint32_t)value : 0;
        at               = good ? end + 1 : at;
    }
    if (!good || shape.hidden_size % shape.heads != 0) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--shape: found \"%.60s\", wanted width,layers,heads,kv_heads,feed_forward,vocabulary, heads "
                         "dividing width",
                         text);
    }
    take(model, &shape);
    return STATUS_OK;
}

/* A Hugging Face directory or its config.json. Weights are read where there are any. */
static Status read_directory(BenchModel *model, const char *path, Error *error)
{
    const size_t length = strlen(path);
    const bool   file   = length > 5 && strcmp(path + length - 5, ".json") == 0;
    char        *config = file ? NULL : path_join(path, "config.json");
    char        *single = file ? NULL : path_join(path, "model.safetensors");
    char        *shards = file ? NULL : path_join(path, "model.safetensors.index.json");
    Status       status = STATUS_OK;
    take(model, &(Preset){.name = path, .sequences = 8, .length = 256});
    if (!file && (config == NULL || single == NULL || shards == NULL)) {
        status = error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    } else {
        status           = model_config_read(&model->config, file ? path : config, error);
        model->directory = !file && (file_exists(single) || file_exists(shards)) ? path : NULL;
    }
    free(config);
    free(single);
    free(shards);
    return status;
}

Status bench_model_choose(BenchModel *model, const char *name, const char *shape, Error *error)
{
    if (shape != NULL) {
        return name == NULL ? read_shape(model, shape, error)
                            : error_set(error, STATUS_BAD_INPUT, "--model and --shape both say which model; give one");
    }
    for (int i = 0; i < PRESETS; i++) {
        if (strcmp(name != NULL ? name : "tiny", presets[i].name) == 0) {
            take(model, &presets[i]);
            return STATUS_OK;
        }
    }
    if (strchr(name, '/') == NULL && strchr(name, '.') == NULL) {
        return error_set(error, STATUS_BAD_INPUT,
                         "--model: no preset \"%.40s\"; there are tiny, small, 1b and 8b, and paths of config.json or "
                         "of a model's directory",
                         name);
    }
    return read_directory(model, name, error);
}

static Model *model_in_f32(Bench *bench, uint32_t positions, Error *error)
{
    const BenchModel *m = &bench->model;
    if (m->directory != NULL) {
        return model_load_frozen(bench->gpu, m->directory, false, bench->weights, error);
    }
    if (bench->weights != WEIGHT_F32) {
        error_set(error, STATUS_BAD_INPUT,
                  "--weights needs a directory with weights; tests/bench/make_model makes one with random ones");
        return NULL;
    }
    ModelConfig config = m->config;
    if (config.max_positions < positions) {
        config.max_positions = positions;
    }
    Model *model =
        model_config_check(&config, m->name, error) == STATUS_OK ? model_new(bench->gpu, &config, false, error) : NULL;
    if (model != NULL &&
        model_init(model, &(ModelInit){.embedding_std = 0.02, .linear_scale = 1}, 1, error) != STATUS_OK) {
        model_free(model);
        return NULL;
    }
    return model;
}

Model *bench_model_new(Bench *bench, uint32_t positions, Error *error)
{
    Model *model = model_in_f32(bench, positions, error);
    if (model != NULL && model_set_compute(model, bench->compute, error) != STATUS_OK) {
        model_free(model);
        return NULL;
    }
    return model;
}
