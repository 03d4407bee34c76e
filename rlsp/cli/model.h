/* The model of a command that runs one, as its options say (options.h).
 *
 *     CliModel model = {.device = {.command = "score"}, .weights = WEIGHTS_AS_STORED};   // then the options
 *     cli_model_config(&model, &config, &error);     // bad input is told before a device is started
 *     Model *loaded = cli_model_open(&model, &gpu, &error);
 *     …model_free(loaded), gpu_close(gpu)…
 */
#ifndef RLSP_CLI_MODEL_H
#define RLSP_CLI_MODEL_H

#include "engine/model/model.h"
#include "rlsp/cli/device.h"

typedef struct CliModel {
    CliDevice   device;
    const char *directory, *adapter; /* adapter NULL: none */
    int         weights;             /* WeightFormat, or WEIGHTS_AS_STORED */
} CliModel;

/* Says on stderr that a model of more than a GiB is being loaded, how large it is and from where: it takes a while. */
void cli_say_loading(const char *command, const char *directory);

/* What the directory's config.json says. */
Status cli_model_config(const CliModel *model, ModelConfig *config, Error *error);

/* Opens the device, and the model on it. NULL with *error set, and *gpu NULL. */
Model *cli_model_open(const CliModel *model, Gpu **gpu, Error *error);

#endif
