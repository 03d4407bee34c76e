/* Fingerprint: what a model's files hold, in one sum.
 *
 *     char sum[SHA256_HEX];
 *     fingerprint_model("model_dir", NULL, sum, &error);
 *
 * The SHA-256 of the list that `sha256sum` prints of the files, in the order of their names in C: config.json,
 * generation_config.json, tokenizer.json, tokenizer_config.json, chat_template.jinja, *.safetensors and their index;
 * for an adapter, adapter_config.json and its *.safetensors follow, after "adapter/". So a shell can check it:
 *     cd DIR && sha256sum FILES… | sha256sum
 */
#ifndef RLSP_EVAL_FINGERPRINT_H
#define RLSP_EVAL_FINGERPRINT_H

#include "engine/io/sha256.h"

/* `adapter` NULL: none. Reads every file once, several at a time. */
Status fingerprint_model(const char *directory, const char *adapter, char hex[SHA256_HEX], Error *error);

#endif
