#include "tests/support/attention_fixture.h"

#include <string.h>

#include "tests/support/gpu_fixture.h"

AttentionVariant attention_variant_named(const char *name)
{
    AttentionVariant list[ATTENTION_VARIANTS];
    const int        count = attention_variants(gpu_info(fixture_gpu()), list);
    for (int i = 0; i < count; i++) {
        if (strcmp(list[i].kernel_name, name) == 0) {
            return list[i];
        }
    }
    fail_msg("no attention kernel is called %s", name);
    return (AttentionVariant){0};
}
