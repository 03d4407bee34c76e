/* A Llama-family decoder in plain float64 loops, written for tests: no kernels, no batches.
 *
 *     double *p = …parameters of the model's flat layout (Model.floats)…;
 *     double *hidden = malloc(length * hidden_size * sizeof *hidden);
 *     model_reference_forward(model, p, ids, length, hidden);                     // after the final norm
 *     model_reference_token(model, p, hidden + t * d, target, 1.0, &logprob, &entropy);
 *     double value = model_reference_value(model, p, hidden + t * d);
 *
 * Plain RoPE, no biases, no q/k norm (family llama, as model.init makes them).
 */
#ifndef TESTS_SUPPORT_MODEL_REFERENCE_H
#define TESTS_SUPPORT_MODEL_REFERENCE_H

#include "engine/model/model.h"

/* hidden [length, hidden_size] of one sequence. */
void model_reference_forward(const Model *model, const double *p, const int32_t *ids, uint32_t length, double *hidden);

/* Of softmax(logits / temperature) where `hidden` [hidden_size] is the final norm's output. */
void model_reference_token(const Model *model, const double *p, const double *hidden, int32_t target,
                           double temperature, double *logprob, double *entropy);

double model_reference_value(const Model *model, const double *p, const double *hidden);

#endif
