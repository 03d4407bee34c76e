/* What tests of attention share. */
#ifndef TESTS_SUPPORT_ATTENTION_FIXTURE_H
#define TESTS_SUPPORT_ATTENTION_FIXTURE_H

#include "engine/ops/attention_parts.h"

/* The variant of that kernel on the fixture's device; the test fails if there is none of the name. */
AttentionVariant attention_variant_named(const char *name);

#endif
