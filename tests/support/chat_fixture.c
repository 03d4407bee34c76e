#include "tests/support/chat_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine/io/json.h"

cJSON *chat_fixture_json(const char *text)
{
    cJSON *root;
    Error  error = {0};
    if (json_parse(text, strlen(text), "test", &root, &error) != STATUS_OK) {
        fail_msg("%s", error.text);
    }
    return root;
}

ChatTemplate *chat_fixture_template(const char *text, const char *config)
{
    Error         error  = {0};
    cJSON        *tokens = config != NULL ? chat_fixture_json(config) : NULL;
    ChatTemplate *chat   = chat_template_parse(text, strlen(text), "test", tokens, &error);
    if (chat == NULL) {
        fail_msg("%s", error.text);
    }
    cJSON_Delete(tokens);
    return chat;
}
