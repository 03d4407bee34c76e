/* Chat templates are small programs in Jinja; this runs them, as transformers does
 * (Jinja 3.1, trim_blocks and lstrip_blocks on).
 *
 *     JinjaTemplate *template = jinja_parse(text, bytes, "chat_template.jinja", &error);
 *     JinjaOutput    output;
 *     if (jinja_render(template, variables, &(JinjaOptions){.now = time(NULL)}, &output, &error) == STATUS_OK) …
 *     jinja_output_free(&output);
 *     jinja_free(template);
 *
 * It knows what the templates of language models use: for, if, set, macro, generation,
 * break and continue; every operator; the filters, tests, methods and functions that
 * are listed in jinja_call.c and jinja_methods.c. Anything else is an error that names
 * the line, never a guess. A template cannot read files, and its steps, its memory and
 * its depth are bounded.
 */
#ifndef ENGINE_TEXT_JINJA_H
#define ENGINE_TEXT_JINJA_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "engine/error.h"

typedef struct JinjaTemplate JinjaTemplate;

/* Parses UTF-8; errors call the template `name`. NULL with *error set (STATUS_BAD_INPUT: a mistake in
 * it, or something that is not supported). */
JinjaTemplate *jinja_parse(const char *text, size_t bytes, const char *name, Error *error);
void           jinja_free(JinjaTemplate *template); /* NULL is allowed */

typedef struct JinjaOptions {
    time_t   now;   /* for strftime_now, in local time                */
    uint64_t steps; /* at most so many; 0: 20 million                 */
    size_t   bytes; /* of memory at most, the result included; 0: 512 MiB */
} JinjaOptions;

/* A part of the result, [begin, end) in bytes. */
typedef struct JinjaSpan {
    size_t begin, end;
} JinjaSpan;

typedef struct JinjaOutput {
    char      *text; /* malloc'ed, with a NUL behind it */
    size_t     bytes;
    JinjaSpan *spans; /* what stood in {% generation %} blocks, in order */
    size_t     span_count;
} JinjaOutput;

/* Renders with the members of `variables` (an object, read by json_parse or built by cJSON) as the
 * template's variables. A template may be rendered by several threads at once. STATUS_BAD_INPUT: what
 * the template raises itself, or what would raise in Python (None + "x"), or a limit. */
Status jinja_render(const JinjaTemplate *template, const cJSON *variables, const JinjaOptions *options,
                    JinjaOutput *output, Error *error);
void   jinja_output_free(JinjaOutput *output);

#endif
