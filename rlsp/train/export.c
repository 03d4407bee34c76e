#include "rlsp/train/export.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/io/file.h"
#include "engine/io/safetensors.h"
#include "engine/model/lora_io.h"
#include "rlsp/train/export_config.h"
#include "rlsp/train/export_gguf.h"
#include "rlsp/train/export_source.h"
#include "rlsp/version.h"

enum { CARD_SIZE = 6 * RUN_PATH_SIZE };

/* An export under way. */
typedef struct Export {
    const RunExport *what;
    ExportSource     from;
    char             partial[EXPORT_PATH_SIZE]; /* what is written, and becomes what->out */
    char             out[RUN_PATH_SIZE];        /* without a slash at its end             */
} Export;

static const char *const tokenizer_files[] = {
    "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "vocab.json",
    "merges.txt",     "chat_template.jinja"};
static const char *const base_files[] = {"generation_config.json", "LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE",
                                         "USE_POLICY.md"};

static const char *inside(char path[2 * EXPORT_PATH_SIZE], const char *directory, const char *name)
{
    snprintf(path, 2 * EXPORT_PATH_SIZE, "%s/%s", directory, name);
    return path;
}

/* Copies a file if it is there. */
static Status copy(const Export *e, const char *directory, const char *name, Error *error)
{
    char from[2 * EXPORT_PATH_SIZE], to[2 * EXPORT_PATH_SIZE];
    return export_holds(directory, name) ? file_copy(inside(from, directory, name), inside(to, e->partial, name), error)
                                         : STATUS_OK;
}

/* The checkpoint's file, else the one that lies where it comes from (NULL: nowhere). */
static Status copy_first(const Export *e, const char *origin, const char *name, Error *error)
{
    const char *from = export_holds(e->from.checkpoint, name) ? e->from.checkpoint : origin;
    return from != NULL ? copy(e, from, name, error) : STATUS_OK;
}

/* The checkpoint's tokenizer; with it what the directory that it was taken from has beyond that, and what of the base
 * is no weight: a model trained with another one's tokenizer gets no file of its own former one. */
static Status copy_tokenizer(const Export *e, Error *error)
{
    const char *given  = e->from.config.model.tokenizer;
    const char *origin = given[0] == '\0' ? e->from.base : strcmp(given, "task") == 0 ? NULL : given;
    Status      status = STATUS_OK;
    for (size_t i = 0; i < sizeof tokenizer_files / sizeof *tokenizer_files && status == STATUS_OK; i++) {
        status = copy_first(e, origin, tokenizer_files[i], error);
    }
    for (size_t i = 0; i < sizeof base_files / sizeof *base_files && status == STATUS_OK; i++) {
        status = copy_first(e, e->from.base, base_files[i], error);
    }
    return status;
}

/* --- weights */

static bool same_shape(const ModelConfig *a, const ModelConfig *b)
{
    return a->family == b->family && a->vocab_size == b->vocab_size && a->hidden_size == b->hidden_size &&
           a->layers == b->layers && a->heads == b->heads && a->kv_heads == b->kv_heads && a->head_dim == b->head_dim &&
           a->intermediate_size == b->intermediate_size && a->tie_embeddings == b->tie_embeddings &&
           a->rope.theta == b->rope.theta && a->rope.type == b->rope.type && a->rope.factor == b->rope.factor;
}

/* The base's, as whoever made it wrote it; the checkpoint's where the base has gone, or is another model by now. */
static Status copy_config(const Export *e, Dtype dtype, Error *error)
{
    char        from[2 * EXPORT_PATH_SIZE], own[2 * EXPORT_PATH_SIZE], to[2 * EXPORT_PATH_SIZE];
    ModelConfig base, trained;
    inside(from, e->from.base, "config.json");
    inside(own, e->from.checkpoint, "config.json");
    return model_config_read(&base, from, NULL) == STATUS_OK && model_config_read(&trained, own, NULL) == STATUS_OK &&
                   same_shape(&base, &trained)
               ? export_config(from, inside(to, e->partial, "config.json"), dtype, error)
               : copy(e, e->from.checkpoint, "config.json", error);
}

/* A whole model, without the value head that only training needs. */
static Status copy_model(const Export *e, Error *error)
{
    SafetensorsSet *set = safetensors_open(e->from.checkpoint, error);
    if (set == NULL) {
        return error->status;
    }
    SafetensorsEntry *entries = calloc(safetensors_count(set) + 1, sizeof *entries);
    Status            status  = entries != NULL ? STATUS_OK : error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    size_t            count   = 0;
    for (size_t i = 0; i < safetensors_count(set) && status == STATUS_OK; i++) {
        const Safetensor *from = safetensors_at(set, i);
        if (strncmp(from->name, "value_head.", 11) != 0) {
            SafetensorsEntry *entry = &entries[count++];
            *entry = (SafetensorsEntry){.name = from->name, .dtype = from->dtype, .rank = from->rank, .from = from};
            memcpy(entry->shape, from->shape, sizeof entry->shape);
        }
    }
    if (status == STATUS_OK) {
        status = safetensors_write_model(e->partial, entries, count, e->what->shard_bytes, error);
    }
    const Dtype dtype = count > 0 ? entries[0].dtype : DTYPE_F32;
    free(entries);
    safetensors_close(set);
    return status == STATUS_OK ? copy_config(e, dtype, error) : status;
}

static Status write_weights(const Export *e, Error *error)
{
    if (!e->from.adapter) {
        return copy_model(e, error);
    }
    if (e->what->merge) {
        return lora_merge(e->from.base, e->from.checkpoint, e->partial, e->what->shard_bytes, error);
    }
    const Status status = copy(e, e->from.checkpoint, "adapter_config.json", error);
    return status == STATUS_OK ? copy(e, e->from.checkpoint, "adapter_model.safetensors", error) : status;
}

/* --- the model card */

/* What is in a name that would not be one in YAML or Markdown becomes '-'. */
static void plain_name(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from);
    for (; *to != '\0'; to++) {
        *to = (unsigned char)*to < ' ' || strchr("\"\\`<>|", *to) != NULL ? '-' : *to;
    }
}

static Status write_card(const Export *e, uint64_t step, Error *error)
{
    char text[CARD_SIZE], path[2 * EXPORT_PATH_SIZE], base[RUN_PATH_SIZE], hub[RUN_PATH_SIZE], name[RUN_NAME_SIZE];
    const bool peft = e->from.adapter && !e->what->merge, from_base = e->from.config.model.path[0] != '\0';
    plain_name(base, sizeof base, from_base ? e->from.config.model.path : "");
    plain_name(name, sizeof name, e->from.config.name);
    export_hub_name(hub, sizeof hub, base);
    const int bytes = snprintf(
        text, sizeof text,
        "---\nlibrary_name: %s\n%s%s%stags:\n- rlsp\n- reinforcement-learning\n%s---\n\n# %s\n\n%s, step %llu of the "
        "run `%s`, "
        "trained with rlsp %s (Reinforcement Learning via Self-Play, arXiv 2502.06773).\n\nBase model: %s%s%s.\n\n%s",
        peft ? "peft" : "transformers", from_base ? "base_model: \"" : "", from_base ? hub : "",
        from_base ? "\"\n" : "", peft ? "- lora\n" : "", name,
        peft              ? "A LoRA adapter"
        : e->from.adapter ? "A model with its LoRA adapter merged in"
                          : "A model",
        (unsigned long long)step, name, rlsp_version, from_base ? "`" : "",
        from_base ? base : "none, the run made its own from a seed", from_base ? "`" : "",
        peft ? "```python\nfrom peft import AutoPeftModelForCausalLM\nmodel = "
               "AutoPeftModelForCausalLM.from_pretrained(\"this directory\")\n```\n"
             : "```python\nfrom transformers import AutoModelForCausalLM\nmodel = "
               "AutoModelForCausalLM.from_pretrained(\"this directory\")\n```\n");
    return file_write_atomic(inside(path, e->partial, "README.md"), text,
                             (size_t)bytes < sizeof text ? (size_t)bytes : sizeof text - 1, error);
}

/* --- where it comes from and goes to */

/* Room for the directory under another name beside it. An empty one that is there is replaced. */
static Status open_out(Export *e, Error *error)
{
    char  *out    = e->out;
    size_t length = strlen(e->what->out);
    if (length == 0 || length >= RUN_PATH_SIZE) {
        return error_set(error, STATUS_BAD_INPUT, "--out: a path of 1 to %d bytes is wanted", RUN_PATH_SIZE - 1);
    }
    snprintf(out, sizeof e->out, "%s", e->what->out);
    while (length > 1 && out[length - 1] == '/') {
        out[--length] = '\0';
    }
    if (file_exists(out) && rmdir(out) != 0) {
        return error_set(error, STATUS_BAD_INPUT, "%s: %s; an export goes into a new directory", out,
                         errno == ENOTDIR ? "is a file" : "is there already and not empty");
    }
    snprintf(e->partial, sizeof e->partial, "%s.part-%ld", out, (long)getpid());
    return file_make_directories(e->partial, error);
}

/* A Hugging Face or a PEFT directory. */
static Status export_directory(Export *e, Error *error)
{
    Status status = open_out(e, error);
    status        = status == STATUS_OK ? write_weights(e, error) : status;
    status        = status == STATUS_OK ? copy_tokenizer(e, error) : status;
    status        = status == STATUS_OK ? write_card(e, e->from.step, error) : status;
    status        = status == STATUS_OK ? file_rename(e->partial, e->out, error) : status;
    if (status != STATUS_OK && e->partial[0] != '\0') {
        file_remove(e->partial, NULL);
    }
    return status;
}

static Status open_source(Export *e, Error *error)
{
    const RunExport *what = e->what;
    if (!export_is_model(what->run)) {
        const Status status = export_source_run(&e->from, what->run, what->step, error);
        return status == STATUS_OK && what->merge && !e->from.adapter
                   ? error_set(error, STATUS_BAD_INPUT,
                               "%s trained whole models, there is no adapter to merge; leave --merge out", what->run)
                   : status;
    }
    if (!what->gguf || what->merge) {
        return error_set(error, STATUS_BAD_INPUT, "%s is a model, not a run: it can be written as GGUF alone (--gguf)",
                         what->run);
    }
    export_source_model(&e->from, what->run);
    return STATUS_OK;
}

Status run_export(const RunExport *what, RunExported *done, Error *error)
{
    Export *e = calloc(1, sizeof *e);
    if (e == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "exporting: out of host memory");
    }
    e->what         = what;
    GgufType type   = what->type;
    Status   status = open_source(e, error);
    if (status == STATUS_OK) {
        status = what->gguf ? export_gguf(&e->from, what->merge, what->out, &type, error) : export_directory(e, error);
    }
    if (status == STATUS_OK && done != NULL) {
        *done = (RunExported){
            .run = e->from.run, .step = e->from.step, .adapter = e->from.adapter && !what->merge, .type = type};
    }
    free(e);
    return status;
}
