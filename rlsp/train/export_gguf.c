#include "rlsp/train/export_gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/model/model_gguf.h"
#include "engine/text/tokenizer_gguf.h"

enum { QUANTIZATION_VERSION = 2, CARD_LIMIT = 1 << 20, LICENCE_SIZE = 80 };

/* --- who made it of what */

/* "license: …" of the header of a model card; "" if there is none. */
static void read_licence(const char *directory, char licence[LICENCE_SIZE])
{
    char  *path = path_join(directory, "README.md"), *text = NULL;
    size_t bytes;
    licence[0] = '\0';
    if (path != NULL && file_exists(path) && file_read(path, CARD_LIMIT, &text, &bytes, NULL) == STATUS_OK &&
        strncmp(text, "---\n", 4) == 0) {
        const char *end  = strstr(text + 3, "\n---");
        const char *line = strstr(text, "\nlicense: ");
        if (line != NULL && end != NULL && line < end) {
            line += strlen("\nlicense: ");
            snprintf(licence, LICENCE_SIZE, "%.*s", (int)strcspn(line, "\r\n"), line);
        }
    }
    free(text);
    free(path);
}

/* "owner/name" is of the hub; other names are of directories. */
static void add_base_model(GgufWriter *gguf, const char *base)
{
    char  hub[RUN_PATH_SIZE], text[RUN_PATH_SIZE + 40];
    char *slash;
    export_hub_name(hub, sizeof hub, base);
    gguf_add_u32(gguf, "general.base_model.count", 1);
    if ((slash = strchr(hub, '/')) != NULL) {
        snprintf(text, sizeof text, "https://huggingface.co/%s", hub);
        gguf_add_text(gguf, "general.base_model.0.repo_url", text);
        *slash = '\0';
        gguf_add_text(gguf, "general.base_model.0.organization", hub);
    }
    gguf_add_text(gguf, "general.base_model.0.name", slash != NULL ? slash + 1 : hub);
}

static void add_origin(GgufWriter *gguf, const ExportSource *source)
{
    static const char *const tags[] = {"rlsp", "reinforcement-learning"};
    char                     name[RUN_PATH_SIZE], licence[LICENCE_SIZE];
    export_hub_name(name, sizeof name, source->base);
    gguf_add_text(gguf, "general.name", source->run ? source->config.name : name);
    read_licence(source->base, licence);
    if (licence[0] != '\0') {
        gguf_add_text(gguf, "general.license", licence);
    }
    if (!source->run) {
        return;
    }
    if (source->config.model.path[0] != '\0') {
        add_base_model(gguf, source->config.model.path);
    }
    gguf_add_list(gguf, "general.tags", sizeof tags / sizeof *tags);
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        gguf_list_text(gguf, tags[i], strlen(tags[i]));
    }
}

/* --- the file */

static Status add_tokenizer(GgufWriter *gguf, const ExportSource *source, const ModelConfig *config, Error *error)
{
    const char      *given     = source->run ? source->config.model.tokenizer : "";
    const char      *origin    = given[0] != '\0' && strcmp(given, "task") != 0 ? given : source->base;
    const char      *directory = export_holds(source->checkpoint, "tokenizer.json") ? source->checkpoint : origin;
    const GgufTokens tokens    = {.vocab_size = config->vocab_size,
                                  .bos        = config->bos_token_id,
                                  .pad        = config->pad_token_id,
                                  .eos        = config->eos_token_ids,
                                  .eos_count  = config->eos_count};
    return tokenizer_gguf_add(directory, &tokens, gguf, error);
}

/* NULL with *error set. */
static GgufModel *open_adapter(const ExportSource *source, GgufType type, GgufWriter *gguf, Error *error)
{
    ModelConfig base;
    GgufModel  *model = NULL;
    char       *path  = path_join(source->base, "config.json");
    if (type == GGUF_Q8_0) {
        error_set(error, STATUS_BAD_INPUT, "--type q8_0: an adapter is written as f32, f16 or bf16");
    } else if (path == NULL) {
        error_set(error, STATUS_OUT_OF_MEMORY, "exporting: out of host memory");
    } else if (model_config_read(&base, path, error) == STATUS_OK) {
        model = gguf_adapter_open(source->checkpoint, &base, type, gguf, error);
    }
    free(path);
    return model;
}

static Status write_file(GgufWriter *gguf, const ExportSource *source, bool merge, const char *path, GgufType *type,
                         Error *error)
{
    const bool alone  = source->adapter && !merge;
    GgufModel *model  = alone ? open_adapter(source, *type, gguf, error)
                              : gguf_model_open(source->adapter ? source->base : source->checkpoint,
                                               source->adapter ? source->checkpoint : NULL, *type, gguf, error);
    Status     status = model != NULL ? STATUS_OK : error->status;
    if (status == STATUS_OK) {
        const ModelConfig *config = gguf_model_config(model);
        *type                     = gguf_main_type(gguf);
        gguf_add_text(gguf, "general.architecture", gguf_architecture(config));
        gguf_add_text(gguf, "general.type", alone ? "adapter" : "model");
        add_origin(gguf, source);
        gguf_add_u32(gguf, "general.quantization_version", QUANTIZATION_VERSION);
        gguf_add_u32(gguf, "general.file_type", gguf_file_type(*type));
        if (alone) {
            gguf_adapter_add_keys(gguf, model);
        } else {
            gguf_model_add_keys(gguf, config);
            status = add_tokenizer(gguf, source, config, error);
        }
    }
    status = status == STATUS_OK ? gguf_write(gguf, path, error) : status;
    gguf_model_close(model);
    return status;
}

Status export_gguf(const ExportSource *source, bool merge, const char *path, GgufType *type, Error *error)
{
    GgufWriter *gguf = gguf_new();
    if (gguf == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "exporting: out of host memory");
    }
    const Status status = write_file(gguf, source, merge, path, type, error);
    gguf_free(gguf);
    return status;
}
