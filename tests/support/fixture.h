/* What many tests need: reference tensors, scratch directories, distances.
 * Everything here ends the test (cmocka's fail) with a message if it goes wrong.
 *
 *     SafetensorsSet *expected = fixture_open(TEST_DATA "/parity/models/tiny-llama/expected.safetensors");
 *     uint64_t count;
 *     float   *logits = fixture_f32(expected, "full.logits", &count);     // free(logits)
 *     assert_true(fixture_max_abs(logits, mine, count) < 1e-4);
 *     safetensors_close(expected);
 */
#ifndef TESTS_SUPPORT_FIXTURE_H
#define TESTS_SUPPORT_FIXTURE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/io/json.h"
#include "engine/io/safetensors.h"

SafetensorsSet *fixture_open(const char *path);

/* The whole tensor, malloc'ed; its number of elements in *count (may be NULL). */
float   *fixture_f32(const SafetensorsSet *set, const char *name, uint64_t *count);
int64_t *fixture_i64(const SafetensorsSet *set, const char *name, uint64_t *count);

/* Fails unless both tensors have the same bytes. */
void fixture_same_bytes(const Safetensor *a, const Safetensor *b);

/* A parsed JSON file (cJSON_Delete), and a whole file as text (free). */
cJSON *fixture_json(const char *path);
char  *fixture_text(const char *path, size_t *bytes);

/* A fresh directory, removed with all it holds when the program ends; not to be freed. */
const char *fixture_directory(void);

/* "directory/name" in one of 8 static buffers that take turns. */
const char *fixture_path(const char *directory, const char *name);

double fixture_max_abs(const float *a, const float *b, uint64_t count); /* largest |a - b|; NaN in either: infinity */
double fixture_rel_l2(const float *a, const float *reference, uint64_t count); /* |a - reference| / |reference| */

#endif
