#include "rlsp/cli/bench_fit.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Solves a x = b, a [n, n] symmetric and positive, by Cholesky's decomposition; false: it is not positive enough. */
static bool solve(int n, double a[FIT_TERMS][FIT_TERMS], double b[FIT_TERMS])
{
    for (int i = 0; i < n; i++) {
        for (int j = 0; j <= i; j++) {
            double sum = a[i][j];
            for (int k = 0; k < j; k++) {
                sum -= a[i][k] * a[j][k];
            }
            if (i == j && sum <= 1e-12 * a[i][i]) {
                return false;
            }
            a[i][j] = i == j ? sqrt(sum) : sum / a[j][j];
        }
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++) {
            b[i] -= a[i][k] * b[k];
        }
        b[i] /= a[i][i];
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int k = i + 1; k < n; k++) {
            b[i] -= a[k][i] * b[k];
        }
        b[i] /= a[i][i];
    }
    return true;
}

static double fitted_of(int terms, const double *amount, const double *coefficient)
{
    double sum = 0;
    for (int j = 0; j < terms; j++) {
        sum += coefficient[j] * amount[j];
    }
    return sum;
}

/* Root of the mean square of (fitted - time) / weight. */
static double error_of(int count, int terms, const double (*amount)[FIT_TERMS], const double *time,
                       const double *weight, const double *coefficient)
{
    double sum = 0;
    for (int i = 0; i < count; i++) {
        const double off = (fitted_of(terms, amount[i], coefficient) - time[i]) / weight[i];
        sum += off * off;
    }
    return count > 0 ? sqrt(sum / count) : 0;
}

/* Least squares on the terms of a set; false: a coefficient is negative, or they cannot be told apart. */
static bool fit_set(unsigned set, int count, int terms, const double (*amount)[FIT_TERMS], const double *time,
                    const double *weight, const double *scale, double *coefficient)
{
    double a[FIT_TERMS][FIT_TERMS] = {{0}}, b[FIT_TERMS] = {0};
    int    used[FIT_TERMS], n                            = 0;
    for (int j = 0; j < terms; j++) {
        if (set >> j & 1) {
            used[n++] = j;
        }
    }
    for (int i = 0; i < count; i++) {
        for (int j = 0; j < n; j++) {
            const double x = amount[i][used[j]] * scale[used[j]] / weight[i];
            b[j] += x * time[i] / weight[i];
            for (int k = 0; k <= j; k++) {
                a[j][k] += x * amount[i][used[k]] * scale[used[k]] / weight[i];
            }
        }
    }
    if (!solve(n, a, b)) {
        return false;
    }
    memset(coefficient, 0, (size_t)terms * sizeof *coefficient);
    for (int j = 0; j < n; j++) {
        if (!(b[j] >= 0)) {
            return false;
        }
        coefficient[used[j]] = b[j] * scale[used[j]];
    }
    return true;
}

/* One round. */
static void fit_weighted(int count, int terms, const double (*amount)[FIT_TERMS], const double *time,
                         const double *weight, double *coefficient)
{
    double   scale[FIT_TERMS], best = INFINITY;
    unsigned possible = 0;
    for (int j = 0; j < terms; j++) { /* amounts are flops, bytes and ones: all of a size before they are squared */
        double largest = 0;
        for (int i = 0; i < count; i++) {
            largest = fmax(largest, amount[i][j] / weight[i]);
        }
        scale[j] = largest > 0 ? 1 / largest : 0;
        possible |= largest > 0 ? 1u << j : 0;
        coefficient[j] = 0;
    }
    for (unsigned set = 1; set < 1u << terms; set++) {
        double tried[FIT_TERMS];
        if ((set & ~possible) != 0 || !fit_set(set, count, terms, amount, time, weight, scale, tried)) {
            continue;
        }
        const double error = error_of(count, terms, amount, time, weight, tried);
        if (error < best) {
            best = error;
            memcpy(coefficient, tried, (size_t)terms * sizeof *coefficient);
        }
    }
}

double fit_costs(int count, int terms, const double (*amount)[FIT_TERMS], const double *time, double *coefficient)
{
    enum { ROUNDS = 30 };
    double weight[FIT_POINTS];
    count = count < FIT_POINTS ? count : FIT_POINTS;
    memcpy(weight, time, (size_t)count * sizeof *weight);
    memset(coefficient, 0, (size_t)terms * sizeof *coefficient);
    for (int round = 0; round < ROUNDS; round++) {
        fit_weighted(count, terms, amount, time, weight, coefficient);
        for (int i = 0; i < count; i++) {
            const double fitted = fitted_of(terms, amount[i], coefficient);
            weight[i] =
                sqrt(time[i] * fmax(fitted, time[i] * 1e-3)); /* a point that nothing explains must not take over */
        }
    }
    return error_of(count, terms, amount, time, time, coefficient);
}
