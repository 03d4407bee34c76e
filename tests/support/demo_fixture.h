/* Demonstrations of the built-in tasks, drawn for tests. */
#ifndef TESTS_SUPPORT_DEMO_FIXTURE_H
#define TESTS_SUPPORT_DEMO_FIXTURE_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "rlsp/task/demo.h"

enum { DEMO_FIXTURE_STREAM = 4 };

/* The task's own settings, with so many numbers (0: its own). */
TaskConfig demo_fixture_config(const Task *task, uint32_t numbers);
/* Demonstration `row` of a stream, always the same. */
void demo_fixture_draw(const Task *task, const TaskConfig *config, const DemoMix *mix, DemoKind kind, uint32_t row,
                       Demo *demo);
/* A regex of UTF-8; to be freed. */
pcre2_code *demo_fixture_regex(const char *pattern);

#endif
