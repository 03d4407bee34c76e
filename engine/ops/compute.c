#include "engine/ops/compute.h"

#include <stddef.h>

const char *const compute_type_names[] = {"f32", "bf16", "f16", NULL};
