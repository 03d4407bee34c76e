/* make_model CONFIG.json OUT [f32|bf16|f16]
 *
 * Writes a Hugging Face directory OUT with the shapes of CONFIG.json and random weights, in shards of 5 GiB: for
 * measuring what a model of that size needs, without its weights. Matrices are uniform with standard deviation
 * 1 / sqrt(fan_in), embeddings 0.02, norms 1, biases 0. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/model/model_parts.h"

static Status fill(void *context, uint64_t first, uint64_t count, float *out, Error *error)
{
    const ModelTensor *tensor = context;
    const bool         norm = strstr(tensor->name, "norm") != NULL, embedding = strstr(tensor->name, "embed") != NULL;
    const float        bound = (float)(sqrt(3.0) * (embedding ? 0.02 : 1.0 / sqrt((double)tensor->shape[1])));
    (void)error;
    for (uint64_t i = 0; i < count; i++) {
        /* SplitMix64 (Steele et al. 2014) of the element's place. */
        uint64_t z = (tensor->offset + first + i + 1) * 0x9E3779B97F4A7C15u;
        z          = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
        z          = (z ^ z >> 27) * 0x94D049BB133111EBu;
        out[i] = tensor->rank == 1 ? (norm ? 1.0f : 0.0f) : bound * ((float)(int32_t)((z ^ z >> 31) >> 32) * 0x1p-31f);
    }
    return STATUS_OK;
}

static int fail(const Error *error)
{
    fprintf(stderr, "make_model: %s\n", error->text);
    return 1;
}

int main(int argc, char **argv)
{
    const char *const names[] = {"f32", "bf16", "f16"};
    const Dtype       types[] = {DTYPE_F32, DTYPE_BF16, DTYPE_F16};
    int               type    = argc == 4 ? -1 : 1;
    for (int i = 0; i < 3 && argc == 4; i++) {
        type = strcmp(argv[3], names[i]) == 0 ? i : type;
    }
    if (argc < 3 || argc > 4 || type < 0) {
        fprintf(stderr, "usage: make_model CONFIG.json OUT [f32|bf16|f16]\n");
        return 2;
    }
    Error       error = {0};
    ModelConfig config;
    if (model_config_read(&config, argv[1], &error) != STATUS_OK ||
        file_make_directories(argv[2], &error) != STATUS_OK) {
        return fail(&error);
    }
    Model            *model   = model_plan(NULL, &config, false, WEIGHT_F32, &error);
    SafetensorsEntry *entries = model != NULL ? calloc(model->tensor_count, sizeof *entries) : NULL;
    char             *to      = path_join(argv[2], "config.json");
    if (entries == NULL || to == NULL || file_copy(argv[1], to, &error) != STATUS_OK) {
        return fail(&error);
    }
    for (uint32_t i = 0; i < model->tensor_count; i++) {
        ModelTensor *t = &model->tensors[i];
        entries[i]     = (SafetensorsEntry){.name     = t->name,
                                            .dtype    = types[type],
                                            .rank     = t->rank,
                                            .shape    = {t->shape[0], t->shape[1]},
                                            .read_f32 = fill,
                                            .context  = t};
    }
    if (safetensors_write_model(argv[2], entries, model->tensor_count, SAFETENSORS_SHARD_BYTES, &error) != STATUS_OK) {
        return fail(&error);
    }
    printf("%s: %llu parameters, %s\n", argv[2], (unsigned long long)model_parameter_count(model), names[type]);
    free(to);
    free(entries);
    model_free(model);
    return 0;
}
