/* Frozen weights of random numbers, and products with them against float64. */
#ifndef TESTS_SUPPORT_WEIGHT_FIXTURE_H
#define TESTS_SUPPORT_WEIGHT_FIXTURE_H

#include "engine/ops/weight_parts.h"
#include "tests/support/gpu_fixture.h"

typedef struct WeightCase {
    uint32_t m, rows, columns; /* of the batch, of the weight */
    uint32_t pad;              /* added to the strides of A and C */
    bool     bias, add, accumulate, workspace;
} WeightCase;

enum { WEIGHT_CASES = 13 };
extern const WeightCase weight_cases[WEIGHT_CASES];

/* A weight of random numbers; its exact values in *values [rows, columns]. */
Weight fixture_weight(WeightFormat format, uint32_t rows, uint32_t columns, double **values);

/* A product of random rows with such a weight, twice: against float64, and the same bits again. `forced`: the kernel
 * that it takes; NULL: the device's choice. */
void fixture_check_weight(WeightFormat format, MatmulLayout layout, const WeightCase *t, ComputeType compute,
                          const MatmulVariant *forced);

#endif
