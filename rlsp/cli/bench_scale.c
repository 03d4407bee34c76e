/* rlsp bench scale: time per step against model size, batch and length, over two decades each, and a cost model:
 *
 *     t = a + b kernels                              between kernels and around a run
 *       + b calls + flops / P + bytes / B            matrix products (bytes: where decoding is bound by weights)
 *       + b calls + flops / P, or bytes / B          attention (decoding: bytes of the cache)
 *       + b calls + bytes / B                        the rest: norms, optimizer, sampling
 *
 * A step's time is divided by the shares of its profile, and each line fitted to its share of all points: fitted to
 * the whole alone, products could not be told from all else that grows with the work. Then all of it is scaled by one
 * factor, so that the whole is neither above nor below the points. */
#include "rlsp/cli/bench_scale.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is measured: widths (heads of `head_dim`), sequences of a batch, lengths at one number of tokens. */
typedef struct ScaleRange {
    uint32_t layers, head_dim, vocab, width; /* width: of the sweeps over batch and length */
    uint32_t widths[SCALE_POINTS];           /* ends with 0 */
    uint32_t size_batch, size_length;        /* of the sweep over sizes  */
    uint32_t batches[SCALE_POINTS], batch_length;
    uint32_t lengths[SCALE_POINTS], length_tokens;
    uint32_t slots[SCALE_POINTS], contexts[SCALE_POINTS], context_slots; /* decode */
} ScaleRange;

static const ScaleRange on_cpu = {.layers        = 2,
                                  .head_dim      = 32,
                                  .vocab         = 256,
                                  .width         = 64,
                                  .widths        = {32, 64, 128, 256, 384},
                                  .size_batch    = 4,
                                  .size_length   = 32,
                                  .batches       = {1, 4, 16, 64, 128},
                                  .batch_length  = 32,
                                  .lengths       = {16, 64, 256, 1024, 2048},
                                  .length_tokens = 2048,
                                  .slots         = {1, 4, 16, 64, 128},
                                  .contexts      = {16, 64, 256, 1024},
                                  .context_slots = 16};
static const ScaleRange on_gpu = {.layers        = 4,
                                  .head_dim      = 64,
                                  .vocab         = 8192,
                                  .width         = 512,
                                  .widths        = {128, 256, 512, 1024, 2048},
                                  .size_batch    = 8,
                                  .size_length   = 512,
                                  .batches       = {1, 2, 4, 8, 16, 32, 64, 128},
                                  .batch_length  = 256,
                                  .lengths       = {128, 256, 512, 1024, 2048, 4096, 8192, 16384},
                                  .length_tokens = 16384,
                                  .slots         = {1, 2, 4, 8, 16, 32, 64, 128, 256},
                                  .contexts      = {64, 256, 1024, 4096, 8192},
                                  .context_slots = 64};

static void choose(BenchModel *model, const ScaleRange *r, uint32_t width, uint32_t sequences, uint32_t length)
{
    const uint32_t heads = width / r->head_dim;
    *model               = (BenchModel){.name      = "scale",
                                        .sequences = sequences,
                                        .length    = length,
                                        .config    = {.family            = MODEL_LLAMA,
                                                      .vocab_size        = r->vocab,
                                                      .hidden_size       = width,
                                                      .layers            = r->layers,
                                                      .heads             = heads,
                                                      .kv_heads          = heads % 2 == 0 ? heads / 2 : heads,
                                                      .head_dim          = r->head_dim,
                                                      .intermediate_size = 3 * width,
                                                      .rms_norm_eps      = 1e-5f,
                                                      .rope              = {.theta = 10000},
                                                      .tie_embeddings    = true,
                                                      .bos_token_id      = -1,
                                                      .pad_token_id      = -1}};
}

/* Measures a point of the model that is chosen; for decoding `length` is the prompt. */
static Status measure(Bench *bench, ScaleSweep *sweep, double x, Error *error)
{
    ScalePoint *p              = &sweep->points[sweep->count];
    BenchCost   costs[CLASSES] = {{0}};
    double      all            = 0;
    Status      status;
    *p = (ScalePoint){.x          = x,
                      .parameters = (double)model_config_parameters(&bench->model.config),
                      .sequences  = bench->model.sequences,
                      .length     = bench->model.length};
    if (sweep->decode) {
        bench->sequences  = p->sequences;
        bench->prompt     = p->length;
        bench->new_tokens = 17;
        status            = bench_decode_point(bench, &p->seconds, costs, error);
    } else {
        status = bench_train_point(bench, &p->seconds, costs, error);
    }
    for (int c = 0; c < CLASSES; c++) {
        const bool by_flops = c == CLASS_PRODUCTS || (c == CLASS_ATTENTION && !sweep->decode);
        const bool by_bytes = c == CLASS_OTHER || sweep->decode;
        p->amount[c][0]     = costs[c].calls;
        p->amount[c][1]     = c == CLASS_REST ? 1 : by_flops ? costs[c].flops : 0;
        p->amount[c][2]     = by_bytes ? costs[c].bytes : 0;
        all += costs[c].seconds > 0 ? costs[c].seconds : 0;
    }
    if (status == STATUS_OK && p->seconds > 0 && all > 0) {
        for (int c = 0; c < CLASSES; c++) {
            p->spent[c] = costs[c].seconds > 0 ? p->seconds * costs[c].seconds / all : 0;
        }
        sweep->count++;
        fprintf(stderr, "%s: %.4g %s, %.3g ms\n", sweep->name, x, sweep->x_name, 1e3 * p->seconds);
    }
    return status;
}

static ScaleSweep *sweep_new(BenchScale *scale, const char *name, const char *x_name, bool decode)
{
    ScaleSweep *sweep = &scale->sweeps[scale->count++];
    *sweep            = (ScaleSweep){.name = name, .x_name = x_name, .decode = decode};
    return sweep;
}

static Status run_sweeps(Bench *bench, BenchScale *scale, const ScaleRange *r, Error *error)
{
    Status      status = STATUS_OK;
    ScaleSweep *sweep  = sweep_new(scale, "training, size", "parameters", false);
    for (int i = 0; i < SCALE_POINTS && r->widths[i] > 0 && status == STATUS_OK; i++) {
        choose(&bench->model, r, r->widths[i], r->size_batch, r->size_length);
        status = measure(bench, sweep, (double)model_config_parameters(&bench->model.config), error);
    }
    sweep = sweep_new(scale, "training, batch", "tokens a step", false);
    for (int i = 0; i < SCALE_POINTS && r->batches[i] > 0 && status == STATUS_OK; i++) {
        choose(&bench->model, r, r->width, r->batches[i], r->batch_length);
        status = measure(bench, sweep, (double)r->batches[i] * r->batch_length, error);
    }
    sweep = sweep_new(scale, "training, length", "tokens a sequence", false);
    for (int i = 0; i < SCALE_POINTS && r->lengths[i] > 0 && status == STATUS_OK; i++) {
        choose(&bench->model, r, r->width, r->length_tokens / r->lengths[i], r->lengths[i]);
        status = measure(bench, sweep, r->lengths[i], error);
    }
    sweep = sweep_new(scale, "decoding, size", "parameters", true);
    for (int i = 0; i < SCALE_POINTS && r->widths[i] > 0 && status == STATUS_OK; i++) {
        choose(&bench->model, r, r->widths[i], r->context_slots, r->contexts[0]);
        status = measure(bench, sweep, (double)model_config_parameters(&bench->model.config), error);
    }
    sweep = sweep_new(scale, "decoding, batch", "sequences", true);
    for (int i = 0; i < SCALE_POINTS && r->slots[i] > 0 && status == STATUS_OK; i++) {
        choose(&bench->model, r, r->width, r->slots[i], r->contexts[0]);
        status = measure(bench, sweep, r->slots[i], error);
    }
    sweep = sweep_new(scale, "decoding, length", "tokens before", true);
    for (int i = 0; i < SCALE_POINTS && r->contexts[i] > 0 && status == STATUS_OK; i++) {
        choose(&bench->model, r, r->width, r->context_slots, r->contexts[i]);
        status = measure(bench, sweep, r->contexts[i], error);
    }
    return status;
}

/* Fits one kind's points, class by class, and says what each would take. */
static void fit(BenchScale *scale, bool decode)
{
    double    amount[SCALE_SWEEPS * SCALE_POINTS][FIT_TERMS], time[SCALE_SWEEPS * SCALE_POINTS], sum = 0;
    ScaleFit *result = decode ? &scale->decode : &scale->train;
    int       count = 0, points = 0;
    for (int c = 0; c < CLASSES; c++) {
        double coefficient[FIT_TERMS];
        count = 0;
        for (int s = 0; s < scale->count; s++) {
            const ScaleSweep *sweep = &scale->sweeps[s];
            for (int i = 0; i < sweep->count && sweep->decode == decode; i++) {
                memcpy(amount[count], sweep->points[i].amount[c], sizeof sweep->points[i].amount[c]);
                time[count] = sweep->points[i].spent[c];
                count += time[count] > 0 ? 1 : 0;
            }
        }
        result->class_error[c] = fit_costs(count, SCALE_AMOUNTS, (const double(*)[FIT_TERMS])amount, time, coefficient);
        memcpy(result->coefficient[c], coefficient, sizeof result->coefficient[c]);
    }
    for (int round = 0; round < 2; round++) { /* the second with the factor */
        double logs = 0;
        points      = 0;
        sum         = 0;
        for (int s = 0; s < scale->count; s++) {
            ScaleSweep *sweep = &scale->sweeps[s];
            for (int i = 0; i < sweep->count && sweep->decode == decode; i++, points++) {
                ScalePoint *p = &sweep->points[i];
                p->fitted     = 0;
                for (int t = 0; t < SCALE_TERMS; t++) {
                    p->fitted += scale_part(result, p, (ScaleTerm)t);
                }
                sum += (p->fitted / p->seconds - 1) * (p->fitted / p->seconds - 1);
                logs += p->fitted > 0 ? log(p->seconds / p->fitted) : 0;
            }
        }
        for (int c = 0; c < CLASSES && round == 0 && points > 0; c++) {
            for (int a = 0; a < SCALE_AMOUNTS; a++) {
                result->coefficient[c][a] *= exp(logs / points);
            }
        }
    }
    result->error = points > 0 ? sqrt(sum / points) : 0;
}

double scale_part(const ScaleFit *result, const ScalePoint *point, ScaleTerm term)
{
    const BenchClass of[SCALE_TERMS] = {CLASS_REST, CLASSES, CLASS_PRODUCTS, CLASS_ATTENTION, CLASS_OTHER};
    double           sum             = 0;
    if (term == TERM_KERNELS) {
        for (int c = 0; c < CLASSES; c++) {
            sum += result->coefficient[c][0] * point->amount[c][0];
        }
        return sum;
    }
    return result->coefficient[of[term]][1] * point->amount[of[term]][1] +
           result->coefficient[of[term]][2] * point->amount[of[term]][2];
}

Status bench_scale(Bench *bench, Error *error)
{
    BenchScale *scale = calloc(1, sizeof *scale);
    if (scale == NULL) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "out of memory");
    }
    if (!gpu_info(bench->gpu)->tier.timestamps) {
        free(scale);
        return error_set(error, STATUS_FAILED,
                         "this device has no timestamps, so that nothing counts what a step is made of");
    }
    Status status = run_sweeps(bench, scale, gpu_info(bench->gpu)->type == GPU_CPU ? &on_cpu : &on_gpu, error);
    if (status == STATUS_OK) {
        fit(scale, false);
        fit(scale, true);
        if (bench->json) {
            scale_json(&bench->line, scale);
        } else {
            scale_print(scale);
        }
        status =
            bench->output != NULL ? scale_plot(scale, gpu_info(bench->gpu)->name, bench->output, error) : STATUS_OK;
    }
    free(scale);
    return status;
}
