/* Statements of a template, run. A loop's variables and those set in it last one round;
 * "if" makes no scope of its own. */
#include <stdlib.h>
#include <string.h>

#include "engine/text/jinja_parts.h"

static JinjaLeave run_body(JinjaRun *run, const JinjaNode *node);

/* --- text that grows */

void jinja_text_add(JinjaRun *run, JinjaText *out, JinjaString string)
{
    if (run->failed || string.bytes == 0) {
        return;
    }
    if (string.bytes >= out->capacity - out->bytes) { /* room for a NUL too */
        const size_t capacity = 2 * (out->bytes + string.bytes) + 256;
        char        *text     = capacity - out->capacity <= run->memory ? realloc(out->text, capacity) : NULL;
        if (text == NULL) {
            jinja_out_of_memory(run);
            return;
        }
        run->memory -= capacity - out->capacity;
        out->text     = text;
        out->capacity = capacity;
    }
    memcpy(out->text + out->bytes, string.text, string.bytes);
    out->bytes += string.bytes;
    jinja_charge(run, string.bytes / 256);
}

/* What a body writes, as a value. */
static JinjaValue captured(JinjaRun *run, const JinjaNode *body)
{
    JinjaText  text  = {0};
    JinjaText *outer = run->out;
    run->out         = &text;
    run_body(run, body);
    run->out = outer;
    const JinjaString copy =
        run->failed ? (JinjaString){"", 0} : jinja_copy(run, text.bytes > 0 ? text.text : "", text.bytes);
    run->memory += text.capacity;
    free(text.text);
    return jinja_string(copy.text, copy.bytes);
}

/* --- assignment */

static void assign_one(JinjaRun *run, const JinjaNode *target, JinjaValue value)
{
    if (target->kind == JINJA_NAME) {
        jinja_dict_set(run, &run->frame->variables, target->name, value);
        return;
    }
    const JinjaValue object = jinja_eval(run, target->a);
    if (!run->failed && object.kind != JINJA_NAMESPACE) {
        jinja_fail(run, "only a namespace's members can be set");
    }
    if (!run->failed) {
        jinja_dict_set(run, object.dict, target->name, value);
    }
}

static void assign(JinjaRun *run, const JinjaNode *node, JinjaValue value)
{
    if (node->count == 1) {
        assign_one(run, node->list[0], value);
        return;
    }
    const JinjaValue list = jinja_sequence(run, value);
    if (!run->failed && list.list->count != node->count) {
        jinja_fail(run, "%zu values for %zu names", list.list->count, node->count);
    }
    for (size_t i = 0; i < node->count && !run->failed; i++) {
        assign_one(run, node->list[i], list.list->items[i]);
    }
}

/* --- loops */

/* The elements that the loop's own "if" lets through. */
static JinjaValue chosen(JinjaRun *run, const JinjaNode *node, JinjaValue list)
{
    JinjaValue result = jinja_list(run, list.list->count);
    JinjaFrame frame  = {.outer = run->frame};
    size_t     kept   = 0;
    run->frame        = &frame;
    for (size_t i = 0; i < list.list->count && !run->failed; i++) {
        frame.variables.count = 0;
        assign(run, node, list.list->items[i]);
        if (!run->failed && jinja_true(jinja_eval(run, node->b)) && !run->failed) {
            result.list->items[kept++] = list.list->items[i];
        }
    }
    run->frame = frame.outer;
    if (!run->failed) {
        result.list->count = kept;
    }
    return result;
}

static void run_for(JinjaRun *run, const JinjaNode *node)
{
    JinjaValue list = jinja_sequence(run, jinja_eval(run, node->a));
    if (!run->failed && node->b != NULL) {
        list = chosen(run, node, list);
    }
    if (run->failed || list.list->count == 0) {
        if (!run->failed && node->otherwise != NULL) {
            run_body(run, node->otherwise);
        }
        return;
    }
    JinjaFrame frame = {.outer = run->frame};
    JinjaLoop *loop  = jinja_alloc(&run->arena, sizeof *loop); /* a template may keep it: ns.x = loop */
    if (loop == NULL) {
        jinja_out_of_memory(run);
        return;
    }
    *loop      = (JinjaLoop){.items = list.list};
    run->frame = &frame;
    for (; loop->index < list.list->count && !run->failed; loop->index++) {
        frame.variables.count = 0; /* the entries' memory is used again */
        jinja_dict_set(run, &frame.variables, (JinjaString){"loop", 4}, (JinjaValue){.kind = JINJA_LOOP, .loop = loop});
        assign(run, node, list.list->items[loop->index]);
        if (!run->failed && run_body(run, node->body) == JINJA_LEAVE_BREAK) {
            break;
        }
    }
    run->frame = frame.outer;
}

/* --- macros */

static void bind_arguments(JinjaRun *run, const JinjaNode *macro, const JinjaNode *call, JinjaFrame *frame)
{
    for (size_t i = 0; i < call->count && !run->failed; i++) {
        const JinjaNode *argument = call->list[i];
        const bool       keyword  = argument->kind == JINJA_KEYWORD;
        const JinjaNode *named    = i < macro->count ? macro->list[i] : NULL;
        for (size_t j = 0; keyword && j < macro->count; j++) {
            named = j == 0 ? NULL : named;
            named = jinja_same(macro->list[j]->name, argument->name) ? macro->list[j] : named;
        }
        const JinjaValue value = jinja_eval(run, keyword ? argument->a : argument);
        if (run->failed || named == NULL) {
            jinja_fail(run, "the macro \"%.*s\" has no such argument",
                       (int)(macro->name.bytes < 60 ? macro->name.bytes : 60), macro->name.text);
            return;
        }
        jinja_dict_set(run, &frame->variables, named->name, value);
    }
}

JinjaValue jinja_call_macro(JinjaRun *run, const JinjaNode *macro, const JinjaNode *call)
{
    JinjaFrame  frame = {0};
    JinjaFrame *outer = run->frame, *top = outer;
    if (run->calls == JINJA_CALL_DEPTH) {
        return jinja_fail(run, "more than %d macros in each other", JINJA_CALL_DEPTH);
    }
    bind_arguments(run, macro, call, &frame);
    while (top->outer != NULL) { /* a macro sees the template's own variables, not its caller's */
        top = top->outer;
    }
    frame.outer = top;
    run->frame  = &frame;
    for (size_t i = 0; i < macro->count && !run->failed; i++) {
        const JinjaNode *parameter = macro->list[i];
        if (jinja_dict_find(&frame.variables, parameter->name) == NULL) {
            const JinjaValue value =
                parameter->a != NULL ? jinja_eval(run, parameter->a) : jinja_undefined(parameter->name);
            jinja_dict_set(run, &frame.variables, parameter->name, value);
        }
    }
    run->calls++;
    JinjaValue result = captured(run, macro->body);
    run->calls--;
    run->frame = outer;
    return result;
}

/* --- statements */

static void run_generation(JinjaRun *run, const JinjaNode *node)
{
    const size_t begin  = run->out->bytes;
    JinjaOutput *result = run->result;
    run_body(run, node->body);
    if (run->failed || run->out->text == NULL || run->out->bytes == begin) {
        return;
    }
    if (run->calls > 0) { /* its place in the whole is not known */
        jinja_fail(run, "generation inside of a macro is not supported");
        return;
    }
    if (result->span_count == run->span_capacity) {
        const size_t capacity = 2 * run->span_capacity + 16;
        JinjaSpan   *spans    = realloc(result->spans, capacity * sizeof *spans);
        if (spans == NULL) {
            jinja_out_of_memory(run);
            return;
        }
        result->spans      = spans;
        run->span_capacity = capacity;
    }
    result->spans[result->span_count++] = (JinjaSpan){begin, run->out->bytes};
}

static JinjaLeave run_one(JinjaRun *run, const JinjaNode *node)
{
    JinjaValue value;
    jinja_charge(run, 1);
    run->line = node->line;
    if (run->failed) {
        return JINJA_STAY;
    }
    switch (node->kind) {
    case JINJA_TEXT: jinja_text_add(run, run->out, node->value.string); break;
    case JINJA_PRINT:
        value = jinja_eval(run, node->a);
        if (!run->failed) {
            jinja_text_add(run, run->out, jinja_text_of(run, value));
        }
        break;
    case JINJA_IF:
        value = jinja_eval(run, node->a);
        if (!run->failed) {
            const JinjaNode *branch = jinja_true(value) ? node->body : node->otherwise;
            return branch != NULL ? run_body(run, branch) : JINJA_STAY;
        }
        break;
    case JINJA_FOR: run_for(run, node); break;
    case JINJA_SET:
        value = node->a != NULL ? jinja_eval(run, node->a) : captured(run, node->body);
        if (!run->failed) {
            assign(run, node, value);
        }
        break;
    case JINJA_GENERATION: run_generation(run, node); break;
    case JINJA_DEFINE:
        jinja_dict_set(run, &run->frame->variables, node->name, (JinjaValue){.kind = JINJA_MACRO, .macro = node});
        break;
    case JINJA_BREAK: return JINJA_LEAVE_BREAK;
    case JINJA_CONTINUE: return JINJA_LEAVE_CONTINUE;
    default: break;
    }
    return JINJA_STAY;
}

static JinjaLeave run_body(JinjaRun *run, const JinjaNode *node)
{
    JinjaLeave leave = JINJA_STAY;
    for (; node != NULL && leave == JINJA_STAY && !run->failed; node = node->next) {
        leave = run_one(run, node);
    }
    return leave;
}

Status jinja_render(const JinjaTemplate *template, const cJSON *variables, const JinjaOptions *options,
                    JinjaOutput *output, Error *error)
{
    const size_t bytes = options->bytes > 0 ? options->bytes : (size_t)512 << 20;
    JinjaFrame   frame = {0};
    JinjaText    text  = {0};
    Error        own   = {0};
    JinjaRun     run   = {.arena    = {.limit = bytes / 2},
                          .template = template,
                          .options  = options,
                          .frame    = &frame,
                          .out      = &text,
                          .result   = output,
                          .memory   = bytes / 2,
                          .steps    = options->steps > 0 ? options->steps : 20000000,
                          .error    = error != NULL ? error : &own};
    *output            = (JinjaOutput){0};
    run.line           = 1;
    for (const cJSON *item = variables->child; item != NULL && !run.failed; item = item->next) {
        jinja_dict_set(&run, &run.globals, (JinjaString){item->string, strlen(item->string)},
                       jinja_from_json(&run, item));
    }
    run_body(&run, template->body);
    if (!run.failed && text.text == NULL && (text.text = malloc(1)) == NULL) {
        jinja_out_of_memory(&run);
    }
    jinja_arena_free(&run.arena);
    if (run.failed) {
        free(text.text);
        jinja_output_free(output);
        return run.error->status;
    }
    text.text[text.bytes] = '\0';
    output->text          = text.text;
    output->bytes         = text.bytes;
    return STATUS_OK;
}

void jinja_output_free(JinjaOutput *output)
{
    free(output->text);
    free(output->spans);
    *output = (JinjaOutput){0};
}
