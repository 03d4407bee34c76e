/* checkpoint.json: see run_dir.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/io/file.h"
#include "engine/io/json.h"
#include "rlsp/run/json_line.h"
#include "rlsp/run/run_dir.h"

bool checkpoint_set(Checkpoint *checkpoint, const char *name, double value)
{
    uint32_t i = 0;
    while (i < checkpoint->number_count && strcmp(checkpoint->numbers[i].name, name) != 0) {
        i++;
    }
    if (i == CHECKPOINT_NUMBERS_MAX || strlen(name) >= RUN_NAME_SIZE) {
        return false;
    }
    if (i == checkpoint->number_count) {
        checkpoint->number_count++;
        strcpy(checkpoint->numbers[i].name, name);
    }
    checkpoint->numbers[i].value = value;
    return true;
}

double checkpoint_get(const Checkpoint *checkpoint, const char *name, double fallback)
{
    for (uint32_t i = 0; i < checkpoint->number_count; i++) {
        if (strcmp(checkpoint->numbers[i].name, name) == 0) {
            return checkpoint->numbers[i].value;
        }
    }
    return fallback;
}

/* Writes checkpoint.json into a checkpoint directory. */
Status checkpoint_write(const char *path, const Checkpoint *checkpoint, Error *error)
{
    JsonLine line = {0};
    char    *name = path_join(path, "checkpoint.json");
    json_line_begin(&line, '{');
    json_line_number_field(&line, "step", (double)checkpoint->step);
    json_line_text_field(&line, "stage", run_stage_name(checkpoint->stage));
    json_line_number_field(&line, "phase", checkpoint->phase);
    json_line_number_field(&line, "stage_step", checkpoint->stage_step);
    json_line_number_field(&line, "events_bytes", (double)checkpoint->offsets.events);
    json_line_number_field(&line, "traces_bytes", (double)checkpoint->offsets.traces);
    json_line_key(&line, "numbers");
    json_line_begin(&line, '{');
    for (uint32_t i = 0; i < checkpoint->number_count; i++) {
        if (isfinite(checkpoint->numbers[i].value)) {
            json_line_key(&line, checkpoint->numbers[i].name);
            json_line_exact(&line, checkpoint->numbers[i].value);
        }
    }
    json_line_end(&line, '}');
    json_line_end(&line, '}');
    const char *text   = json_line_finish(&line);
    Status      status = text == NULL || name == NULL
                             ? error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while writing the checkpoint %s", path)
                             : file_write_atomic(name, text, line.size, error);
    json_line_free(&line);
    free(name);
    return status;
}

static Status read_object(const JsonObject *object, Checkpoint *checkpoint, Error *error)
{
    static const char *const stages[] = {"sft", "rl"};
    JsonObject               numbers;
    uint32_t                 stage  = 0;
    const uint64_t           most   = (uint64_t)1 << 52;
    Status                   status = json_get_u64(object, "step", JSON_REQUIRED, 0, most, &checkpoint->step, error);
    if (status == STATUS_OK) {
        status = json_get_choice(object, "stage", JSON_REQUIRED, stages, 2, &stage, error);
    }
    if (status == STATUS_OK) {
        status = json_get_u32(object, "phase", JSON_REQUIRED, 0, SFT_PHASES_MAX, &checkpoint->phase, error);
    }
    if (status == STATUS_OK) {
        status = json_get_u32(object, "stage_step", JSON_REQUIRED, 0, UINT32_MAX, &checkpoint->stage_step, error);
    }
    if (status == STATUS_OK) {
        status = json_get_u64(object, "events_bytes", JSON_REQUIRED, 0, most, &checkpoint->offsets.events, error);
    }
    if (status == STATUS_OK) {
        status = json_get_u64(object, "traces_bytes", JSON_REQUIRED, 0, most, &checkpoint->offsets.traces, error);
    }
    if (status == STATUS_OK) {
        status = json_get_object(object, "numbers", JSON_REQUIRED, &numbers, error);
    }
    checkpoint->stage = (RunStage)stage;
    for (const cJSON *item = status == STATUS_OK ? numbers.json->child : NULL; item != NULL; item = item->next) {
        if (!cJSON_IsNumber(item) || !checkpoint_set(checkpoint, item->string, item->valuedouble)) {
            return json_fail(&numbers, item->string, error, "found no number, or one too many");
        }
    }
    return status;
}

Status checkpoint_read(const char *path, Checkpoint *checkpoint, Error *error)
{
    char *name = path_join(path, "checkpoint.json");
    if (name == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory while reading the checkpoint %s", path);
    }
    cJSON     *root = NULL;
    JsonObject object;
    memset(checkpoint, 0, sizeof *checkpoint);
    Status status = json_read_file(name, JSON_FILE_LIMIT, &root, error);
    if (status == STATUS_OK) {
        status = json_root(&object, root, name, error);
    }
    if (status == STATUS_OK) {
        status = read_object(&object, checkpoint, error);
    }
    cJSON_Delete(root);
    free(name);
    return status;
}
