/* Chat templates and conversations written in a test. */
#ifndef TESTS_SUPPORT_CHAT_FIXTURE_H
#define TESTS_SUPPORT_CHAT_FIXTURE_H

#include "engine/text/chat_template.h"

/* The JSON of a text; the caller deletes it. The test fails where it is none. */
cJSON *chat_fixture_json(const char *text);

/* A template with nothing but itself, and the special tokens of a tokenizer_config.json's text (NULL: none). */
ChatTemplate *chat_fixture_template(const char *text, const char *config);

#endif
