#include "tests/support/model_reference.h"

#include <math.h>
#include <stdlib.h>

/* y [out] = W [out, in] x [in]. */
static void multiply(double *y, const double *w, const double *x, uint32_t out, uint32_t in)
{
    for (uint32_t o = 0; o < out; o++) {
        double sum = 0.0;
        for (uint32_t i = 0; i < in; i++) {
            sum += w[(uint64_t)o * in + i] * x[i];
        }
        y[o] = sum;
    }
}

static void normalise(double *y, const double *x, const double *weight, uint32_t width, double eps)
{
    double square = 0.0;
    for (uint32_t i = 0; i < width; i++) {
        square += x[i] * x[i];
    }
    const double scale = 1.0 / sqrt(square / width + eps);
    for (uint32_t i = 0; i < width; i++) {
        y[i] = x[i] * scale * weight[i];
    }
}

/* Half-split RoPE of one head at `position`. */
static void rotate(double *head, uint32_t head_dim, uint32_t position, double theta)
{
    const uint32_t half = head_dim / 2;
    for (uint32_t i = 0; i < half; i++) {
        const double angle = position * pow(theta, -2.0 * i / head_dim), c = cos(angle), s = sin(angle);
        const double a = head[i], b = head[i + half];
        head[i]        = a * c - b * s;
        head[i + half] = a * s + b * c;
    }
}

/* out [heads * head_dim] of the token at `t`, from packed qkv [t + 1, qkv]. */
static void attend(double *out, const double *qkv, uint32_t t, const ModelConfig *c, double *score)
{
    const uint32_t hd = c->head_dim, width = (c->heads + 2 * c->kv_heads) * hd;
    for (uint32_t h = 0; h < c->heads; h++) {
        const uint32_t kv      = h / (c->heads / c->kv_heads);
        double         largest = -INFINITY, sum = 0.0;
        for (uint32_t u = 0; u <= t; u++) {
            score[u] = 0.0;
            for (uint32_t i = 0; i < hd; i++) {
                score[u] += qkv[t * width + h * hd + i] * qkv[u * width + (c->heads + kv) * hd + i];
            }
            score[u] /= sqrt(hd);
            largest = fmax(largest, score[u]);
        }
        for (uint32_t u = 0; u <= t; u++) {
            score[u] = exp(score[u] - largest);
            sum += score[u];
        }
        for (uint32_t i = 0; i < hd; i++) {
            out[h * hd + i] = 0.0;
            for (uint32_t u = 0; u <= t; u++) {
                out[h * hd + i] += score[u] / sum * qkv[u * width + (c->heads + c->kv_heads + kv) * hd + i];
            }
        }
    }
}

void model_reference_forward(const Model *model, const double *p, const int32_t *ids, uint32_t length, double *hidden)
{
    const ModelConfig *c = &model->config;
    const uint32_t     d = c->hidden_size, hd = c->head_dim, q = c->heads * hd, qkv = q + 2 * c->kv_heads * hd,
                   ff = c->intermediate_size;
    const double eps  = (double)c->rms_norm_eps;
    double      *x = malloc(sizeof(double) * length * d), *packed = malloc(sizeof(double) * length * qkv);
    double      *norm = malloc(sizeof(double) * d), *heads = malloc(sizeof(double) * q),
           *change = malloc(sizeof(double) * d);
    double *wide = malloc(sizeof(double) * 2 * ff), *score = malloc(sizeof(double) * length);
    for (uint32_t t = 0; t < length; t++) {
        for (uint32_t i = 0; i < d; i++) {
            x[t * d + i] = p[model->embedding + (uint64_t)ids[t] * d + i];
        }
    }
    for (uint32_t l = 0; l < c->layers; l++) {
        const ModelLayer *layer = &model->layers[l];
        for (uint32_t t = 0; t < length; t++) {
            normalise(norm, x + t * d, p + layer->input_norm, d, eps);
            multiply(packed + t * qkv, p + layer->qkv, norm, qkv, d);
            for (uint32_t h = 0; h < c->heads + c->kv_heads; h++) { /* q heads, then k heads */
                rotate(packed + t * qkv + h * hd, hd, t, c->rope.theta);
            }
        }
        for (uint32_t t = 0; t < length; t++) {
            attend(heads, packed, t, c, score);
            multiply(change, p + layer->o, heads, d, q);
            for (uint32_t i = 0; i < d; i++) {
                x[t * d + i] += change[i];
            }
            normalise(norm, x + t * d, p + layer->post_norm, d, eps);
            multiply(wide, p + layer->gate_up, norm, 2 * ff, d);
            for (uint32_t i = 0; i < ff; i++) {
                wide[i] = wide[i] / (1.0 + exp(-wide[i])) * wide[ff + i];
            }
            multiply(change, p + layer->down, wide, d, ff);
            for (uint32_t i = 0; i < d; i++) {
                x[t * d + i] += change[i];
            }
        }
    }
    for (uint32_t t = 0; t < length; t++) {
        normalise(hidden + t * d, x + t * d, p + model->final_norm, d, eps);
    }
    free(x);
    free(packed);
    free(norm);
    free(heads);
    free(change);
    free(wide);
    free(score);
}

void model_reference_token(const Model *model, const double *p, const double *hidden, int32_t target,
                           double temperature, double *logprob, double *entropy)
{
    const uint32_t vocab = model->config.vocab_size, d = model->config.hidden_size;
    double        *logits = malloc(sizeof(double) * vocab), largest = -INFINITY, sum = 0.0, mean = 0.0;
    multiply(logits, p + model->head, hidden, vocab, d);
    for (uint32_t v = 0; v < vocab; v++) {
        logits[v] /= temperature;
        largest = fmax(largest, logits[v]);
    }
    for (uint32_t v = 0; v < vocab; v++) {
        sum += exp(logits[v] - largest);
        mean += exp(logits[v] - largest) * logits[v];
    }
    const double lse = largest + log(sum);
    *logprob         = logits[target] - lse;
    *entropy         = lse - mean / sum;
    free(logits);
}

double model_reference_value(const Model *model, const double *p, const double *hidden)
{
    double value = p[model->value_bias];
    for (uint32_t i = 0; i < model->config.hidden_size; i++) {
        value += p[model->value_weight + i] * hidden[i];
    }
    return value;
}
