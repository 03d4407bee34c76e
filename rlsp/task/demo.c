#include "rlsp/task/demo.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "rlsp/task/common.h"
#include "rlsp/task/demo_text.h"

void demo_mix_default(const Task *task, DemoMix *mix)
{
    *mix = (DemoMix){
        .demos           = 224,
        .listing_rows    = 16,
        .row_attempts    = 3,
        .row_copy_weight = 0.5,
        .search          = 0.06,
        .qd              = 0.5,
        .qt              = 0.25,
        .giveup          = 0.3,
        .kmax            = 8,
        .check           = 0.3,
        .verdict_weight  = 5,
    };
    if (task == &task_pick_three) {
        mix->listing_rows    = 8;
        mix->row_attempts    = 7;
        mix->row_copy_weight = 1;
        mix->search          = 0.13;
        mix->qd              = 0;
        mix->habit           = 0.9;
        mix->qt              = 0.2;
        mix->giveup          = 0.6;
        mix->kmax            = 5;
        mix->verdict_weight  = 1;
    }
}

static Status refuse(Error *error, const char *key, double found, const char *wanted)
{
    return error_set(error, STATUS_BAD_INPUT, "sft.%s: found %g, wanted %s", key, found, wanted);
}

Status demo_mix_check(const Task *task, const DemoMix *mix, Error *error)
{
    const struct {
        const char *key;
        double      value;
    } shares[] = {{"search", mix->search}, {"qd", mix->qd},         {"habit", mix->habit},
                  {"qt", mix->qt},         {"giveup", mix->giveup}, {"check", mix->check}};
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        if (!(shares[i].value >= 0 && shares[i].value <= 1)) {
            return refuse(error, shares[i].key, shares[i].value, "a probability, 0 to 1");
        }
    }
    if (mix->kmax < 1 || mix->kmax > DEMO_ATTEMPTS_MAX) {
        return refuse(error, "kmax", mix->kmax, "1 to 32 attempts");
    }
    if (mix->row_attempts < 1 || mix->row_attempts > 20) {
        return refuse(error, "row_attempts", mix->row_attempts, "1 to 20 attempts");
    }
    if (!(mix->verdict_weight >= 0) || !(mix->row_copy_weight >= 0)) {
        return refuse(error, mix->verdict_weight >= 0 ? "row_copy_weight" : "verdict_weight",
                      mix->verdict_weight >= 0 ? mix->row_copy_weight : mix->verdict_weight, "0 or more");
    }
    if (task != &task_pick_three && (mix->distance_rows > 0 || mix->direct_rows > 0)) {
        return refuse(error, mix->distance_rows > 0 ? "distance_rows" : "direct_rows",
                      mix->distance_rows > 0 ? mix->distance_rows : mix->direct_rows,
                      "0: only pick-three has such rows");
    }
    return demo_rows(mix) > 0 ? STATUS_OK : error_set(error, STATUS_BAD_INPUT, "sft: no demonstrations and no rows");
}

uint32_t demo_rows(const DemoMix *mix)
{
    return mix->demos + mix->listing_rows + mix->distance_rows + mix->direct_rows;
}

DemoKind demo_kind_of_row(const DemoMix *mix, uint32_t row)
{
    if (row < mix->demos) {
        return DEMO_SEARCH_OR_DIRECT;
    }
    row -= mix->demos;
    if (row < mix->listing_rows) {
        return DEMO_LISTING;
    }
    return row - mix->listing_rows < mix->distance_rows ? DEMO_DISTANCE : DEMO_DIRECT;
}

bool demo_is_row(DemoKind kind)
{
    return kind != DEMO_SEARCH_OR_DIRECT;
}

float demo_weight_at(const Demo *demo, uint32_t response_byte)
{
    for (uint32_t i = 0; i < demo->span_count; i++) {
        if (response_byte < demo->spans[i].offset + demo->spans[i].length) {
            return demo->spans[i].weight;
        }
    }
    return demo->eos_weight;
}

static void put(Demo *demo, double weight, const char *text, size_t length)
{
    float w = (float)weight;
    /* Texts of the tasks fit by far: kmax and row_attempts are bounded by demo_mix_check. */
    if (length == 0 || demo->response_length + length >= DEMO_RESPONSE_BYTES) {
        return;
    }
    DemoSpan *last = demo->span_count > 0 ? &demo->spans[demo->span_count - 1] : NULL;
    if (last != NULL && (last->weight == w || demo->span_count == DEMO_SPANS_MAX)) {
        last->length += (uint32_t)length;
    } else {
        demo->spans[demo->span_count++] = (DemoSpan){demo->response_length, (uint32_t)length, w};
    }
    memcpy(demo->response + demo->response_length, text, length);
    demo->response_length += (uint32_t)length;
    demo->response[demo->response_length] = '\0';
}

void demo_put(Demo *demo, double weight, const char *text)
{
    put(demo, weight, text, strlen(text));
}

void demo_putf(Demo *demo, double weight, const char *format, ...)
{
    char    text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    demo_put(demo, weight, text);
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

void demo_put_results(Demo *demo, double copy_weight, const char *text)
{
    for (const char *at = text; *at != '\0';) {
        const char *end = at;
        if (is_digit(*at)) {
            const char *before = at;
            while (before > text && before[-1] == '(') {
                before--;
            }
            while (is_digit(*end)) {
                end++;
            }
            put(demo, before > text && before[-1] == '=' ? 1 : copy_weight, at, (size_t)(end - at));
        } else {
            while (*end != '\0' && !is_digit(*end)) {
                end++;
            }
            put(demo, copy_weight, at, (size_t)(end - at));
        }
        at = end;
    }
}

bool demo_chance(Random *random, double p)
{
    return random_uniform(random) < p;
}

/* For a given problem, which a task drew (so it can be solved). */
static void demo_for_problem(const Task *task, const TaskConfig *config, const DemoMix *mix, DemoKind kind,
                             const Problem *problem, Random *random, Demo *demo)
{
    memset(demo, 0, sizeof *demo);
    demo->kind       = kind;
    demo->problem    = *problem;
    demo->eos_weight = kind == DEMO_LISTING ? (float)mix->row_copy_weight : 1;
    if (kind == DEMO_LISTING) {
        demo->problem.target = 0;
    }
    demo->prompt_length =
        (uint32_t)task_write_prompt(&demo->problem, kind != DEMO_LISTING, demo->prompt, sizeof demo->prompt);
    if (task == &task_countdown) {
        demo_countdown(config, mix, random, demo);
    } else {
        demo_pick_three(config, mix, random, demo);
    }
}

void demo_draw(const Task *task, const TaskConfig *config, const DemoMix *mix, DemoKind kind, Random *random,
               Demo *demo)
{
    Problem problem;
    task->draw(config, &problem, random, kind == DEMO_LISTING ? SPLIT_ANY : SPLIT_TRAIN);
    demo_for_problem(task, config, mix, kind, &problem, random, demo);
}
