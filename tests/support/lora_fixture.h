/* What the tests of adapters share: small models with and without one, their logits and gradients.
 *
 *     Model  *base  = lora_fixture_base(LORA_MODELS "tiny-llama");
 *     Model  *model = lora_fixture_adapted(base, lora_fixture_random(base, &config, 1));
 *     LoraRig rig   = lora_rig_open(&base->config, config.rank, KEEP_ACTIVATIONS);
 *     lora_rig_set_random(&rig, base->config.vocab_size);
 *     float *logits = lora_rig_logits(&rig, model);
 */
#ifndef TESTS_SUPPORT_LORA_FIXTURE_H
#define TESTS_SUPPORT_LORA_FIXTURE_H

#include "tests/support/gpu_fixture.h"

#include "engine/model/workspace.h"

#define LORA_MODELS TEST_DATA "/parity/models/" /* TEST_DATA is the test program's */

enum { LORA_RIG_TOKENS = 64, LORA_RIG_FLOATS = 1 << 18 };

/* A workspace and gradients for any small model. */
typedef struct LoraRig {
    Workspace *work;
    Batch     *batch;
    GpuArena  *arena;
    GpuSpan    gradients, m, v; /* [LORA_RIG_FLOATS] */
    GpuSpan    norm, partial, sums;
    GpuSpan    logprob, entropy, lse, dlogprob, weight; /* [LORA_RIG_TOKENS] */
} LoraRig;

LoraRig lora_rig_open(const ModelConfig *config, uint32_t rank, Recompute recompute);
void    lora_rig_close(LoraRig *r);

/* `sequences` of `width` tokens; row t predicts labels[t + 1], -100 not. */
void lora_rig_set(LoraRig *r, const int64_t *ids, const int64_t *labels, uint32_t sequences, uint32_t width);
void lora_rig_set_random(LoraRig *r, uint32_t vocab);

/* The logits of the batch, until the test ends. */
float *lora_rig_logits(LoraRig *r, const Model *model);

/* Forward, mean loss, backward into r->gradients; the loss. */
double lora_rig_backward(LoraRig *r, const Model *model);

/* A model of a directory, and one with an adapter (taken; NULL: none) on it. */
Model *lora_fixture_base(const char *directory);
Model *lora_fixture_adapted(const Model *base, Lora *lora);

/* An adapter whose A and B, and value head, are all random. */
Lora *lora_fixture_random(const Model *base, const LoraConfig *config, bool value_head, uint32_t seed);

/* Fails with the error's text; prints an error beside its tolerance, and fails if it is larger. */
void lora_fixture_must(bool good, const Error *error);
void lora_fixture_report(const char *model, const char *what, double error, double tolerance);

#endif
