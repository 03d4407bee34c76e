/* Responses of any bytes, with prompts of any bytes, as markup: runs have to cover the text end to end, and
 * evidence has to come from a reading. The prompt is what stands before the first NUL. */
#include <stdlib.h>
#include <string.h>

#include "rlsp/task/markup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static void mark(const Task *task, const char *prompt, const char *text, size_t size)
{
    Markup markup;
    size_t at = 0, looped = 0, changed = 0;
    require(markup_trace(task, prompt, text, size, &markup, NULL) == STATUS_OK);
    for (size_t i = 0; i < markup.count; i++) {
        const MarkupRun *run = &markup.runs[i];
        require(run->offset == at && run->length > 0 && run->kind >= 0 && run->kind <= MARKUP_PLAIN);
        require(run->evidence == (run->kind < TRACE_SPAN_WORDS_BACKTRACK || run->changed));
        require(markup.parsed || run->kind >= TRACE_SPAN_ANSWER);
        require(markup_run_at(&markup, at) == i && markup_run_at(&markup, at + run->length - 1) == i);
        at += run->length;
        looped += run->loop ? run->length : 0;
        changed += run->changed;
    }
    require(at == size && looped == markup.loop_bytes && (markup.changes > 0 || changed == 0));
    require(task != NULL || !markup.parsed);
    markup_free(&markup);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *nul = size > 0 ? memchr(data, 0, size) : NULL;
    if (nul == NULL) {
        return 0;
    }
    const size_t rest = size - (size_t)(nul + 1 - data);
    char        *text = malloc(rest + (rest == 0)); /* exactly as long: nothing past it may be read */
    if (text == NULL) {
        return 0;
    }
    if (rest > 0) {
        memcpy(text, nul + 1, rest);
    }
    mark(NULL, NULL, text, rest);
    mark(&task_countdown, (const char *)data, text, rest);
    mark(&task_pick_three, (const char *)data, text, rest);
    mark(&task_countdown, "Numbers 4,5,16. Target 84.\n", text, rest);
    mark(&task_pick_three, "Numbers 2,5,8,9,10,12. Target 22.\n", text, rest);
    free(text);
    return 0;
}
