/* Private to engine/text/chat*.c. */
#ifndef ENGINE_TEXT_CHAT_PARTS_H
#define ENGINE_TEXT_CHAT_PARTS_H

#include "engine/text/chat_template.h"
#include "engine/text/jinja.h"

struct ChatTemplate {
    JinjaTemplate *jinja;
    cJSON         *special; /* {"bos_token": "<s>", …} */
    cJSON         *given;   /* chat_template_set; NULL: nothing */
};

/* chat_render with {% generation %} spans; jinja_output_free frees. */
Status chat_output(const ChatTemplate *chat, const cJSON *messages, const ChatOptions *options, JinjaOutput *output,
                   Error *error);

#endif
