/* Reads the PyTorch results of tests/data/parity for tests: a safetensors file
 * as arrays of doubles, a JSON file as a cJSON tree. Independent of engine/io,
 * which has tests of its own. The test fails if anything is not there.
 *
 *     Reference *data   = reference_open(TEST_DATA "/parity/rl/ppo-a.safetensors");
 *     size_t     count;
 *     double    *values = reference_get(data, "in.old_values", &count);   // freed with the fixture
 *     reference_close(data);
 */
#ifndef TESTS_SUPPORT_REFERENCE_H
#define TESTS_SUPPORT_REFERENCE_H

#include <stddef.h>

#include <cjson/cJSON.h>

typedef struct Reference Reference;

Reference *reference_open(const char *path); /* a safetensors file */
void       reference_close(Reference *reference);

/* A tensor's elements (F32, I64 or U8), which live until the test ends; *count may be NULL. */
double *reference_get(Reference *reference, const char *name, size_t *count);

/* Size of dimension `axis` of a tensor. */
size_t reference_dim(Reference *reference, const char *name, int axis);

cJSON *reference_json(const char *path); /* the caller deletes it */

/* Prints "name: largest error E, allowed T" and fails if max |got - want| > tolerance or anything is not finite. */
void reference_check(const char *name, const float *got, const double *want, size_t count, double tolerance);

#endif
