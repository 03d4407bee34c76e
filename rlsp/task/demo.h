/* Demonstrations for SFT, made on the fly: all phases of both recipes.
 *
 *     DemoMix mix;
 *     demo_mix_default(task, &mix);  // then the config's values
 *     for (uint32_t row = 0; row < demo_rows(&mix); row++) {
 *         Random random = random_stream(seed, RANDOM_DEMO, step, row);
 *         Demo   demo;
 *         demo_draw(task, &config, &mix, demo_kind_of_row(&mix, row), &random, &demo);
 *     }
 *
 * What to train on: tokenize demo.prompt and demo.response as one text, <bos>
 * before, <eos> after. The prompt (and <bos>) has weight 0; a token of the response
 * has the weight of the span in which its first byte lies (demo_weight_at); <eos>
 * has eos_weight. Spans cover the response without gaps and begin only where the
 * split regex of task_split_regex cuts, so that tokenizing span by span and joining
 * the ids gives the same ids as tokenizing the whole.
 *
 * Loss of a step: sum(weight * ce) / sum(weight) over the demonstrations, plus
 * row_loss times the same over the rows (listing, distance, direct), which is what
 * demo_is_row tells apart.
 */
#ifndef RLSP_TASK_DEMO_H
#define RLSP_TASK_DEMO_H

#include "rlsp/task/task.h"

enum { DEMO_RESPONSE_BYTES = 4096, DEMO_SPANS_MAX = 512, DEMO_ATTEMPTS_MAX = 32 };

typedef enum DemoKind {
    DEMO_SEARCH_OR_DIRECT, /* a demonstration: search with probability `search`, else direct */
    DEMO_LISTING,          /* prompt without target, attempts without verdicts               */
    DEMO_DISTANCE,         /* pick-three: with target, each attempt with its distance        */
    DEMO_DIRECT            /* pick-three: a direct answer with a uniformly drawn triple      */
} DemoKind;

/* Names follow the config's sft block. */
typedef struct DemoMix {
    /* rows per step */
    uint32_t demos, listing_rows, distance_rows, direct_rows;
    uint32_t row_attempts;    /* attempts in a listing or distance row: 3, pick-three 7       */
    double   row_copy_weight; /* listing rows: tokens that do not follow "=": .5, pick-three 1 */
    /* demonstrations */
    double   search;         /* share that search                                            */
    double   qd;             /* countdown: P(a direct answer is correct)                     */
    double   habit;          /* pick-three: P(a direct answer is the three largest)          */
    double   qt;             /* P(an attempt is a solution); pick-three's "hit"              */
    double   giveup;         /* P(giving up after a miss)                                    */
    uint32_t kmax;           /* attempts at most                                             */
    double   check;          /* P("Check: …" after a hit)                                    */
    double   verdict_weight; /* of the tokens " Not" and " Yes"                              */
} DemoMix;

/* A stretch of the response with one loss weight. */
typedef struct DemoSpan {
    uint32_t offset, length; /* bytes */
    float    weight;
} DemoSpan;

typedef struct Demo {
    DemoKind kind;
    Problem  problem; /* listing rows: target 0 */
    char     prompt[TASK_PROMPT_BYTES];
    char     response[DEMO_RESPONSE_BYTES];
    uint32_t prompt_length, response_length; /* bytes */
    DemoSpan spans[DEMO_SPANS_MAX];
    uint32_t span_count;
    float    eos_weight;
    bool     search;   /* it searches                                            */
    bool     correct;  /* its answer is right                                    */
    uint32_t attempts; /* written ones                                           */
} Demo;

/* The mix of the recipe's last SFT phase (countdown M; pick-three stage 1). */
void demo_mix_default(const Task *task, DemoMix *mix);

/* Ranges, and kinds that the task has not. Errors name the key as sft.KEY. */
Status demo_mix_check(const Task *task, const DemoMix *mix, Error *error);

uint32_t demo_rows(const DemoMix *mix);                      /* demos + all rows  */
DemoKind demo_kind_of_row(const DemoMix *mix, uint32_t row); /* demos come first  */
bool     demo_is_row(DemoKind kind);                         /* not a demonstration */
float    demo_weight_at(const Demo *demo, uint32_t response_byte);

/* Makes one. Problems come from the train split (listing rows: from any, as they
 * hold no target and no answer). */
void demo_draw(const Task *task, const TaskConfig *config, const DemoMix *mix, DemoKind kind, Random *random,
               Demo *demo);

#endif
