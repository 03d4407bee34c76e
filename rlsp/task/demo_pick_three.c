#include <assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "rlsp/task/demo_text.h"

enum { TRIPLES_MAX = 20 }; /* three of six */

typedef struct Triple {
    int64_t a, b, c, sum; /* ascending */
} Triple;

/* All triples, those that hit first. */
typedef struct Choices {
    Triple   triples[TRIPLES_MAX];
    Triple   largest;
    uint32_t count, hits;
    uint32_t fresh_misses;
} Choices;

static void swap(Triple *a, Triple *b)
{
    Triple kept = *a;
    *a          = *b;
    *b          = kept;
}

static void choices_find(Choices *choices, const Problem *problem)
{
    const int64_t *n = problem->numbers;
    choices->count = choices->hits = 0;
    for (uint32_t i = 0; i < problem->count; i++) {
        for (uint32_t j = i + 1; j < problem->count; j++) {
            for (uint32_t k = j + 1; k < problem->count && choices->count < TRIPLES_MAX; k++) {
                Triple triple                      = {n[i], n[j], n[k], n[i] + n[j] + n[k]};
                choices->largest                   = triple; /* numbers ascend: the last one stays */
                choices->triples[choices->count++] = triple;
                if (triple.sum == problem->target) {
                    swap(&choices->triples[choices->count - 1], &choices->triples[choices->hits++]);
                }
            }
        }
    }
    choices->fresh_misses = choices->count - choices->hits;
}

static const Triple *draw_any(Choices *choices, Random *random)
{
    return &choices->triples[random_below(random, choices->count)];
}

static const Triple *draw_hit(Choices *choices, Random *random)
{
    return &choices->triples[random_below(random, choices->hits)];
}

/* A miss that was not drawn before: drawn ones go behind the fresh ones. */
static const Triple *draw_miss(Choices *choices, Random *random)
{
    Triple  *misses = choices->triples + choices->hits;
    uint32_t drawn  = random_below(random, choices->fresh_misses);
    choices->fresh_misses--;
    swap(&misses[drawn], &misses[choices->fresh_misses]);
    return &misses[choices->fresh_misses];
}

static void put_sum(Demo *demo, double copy_weight, const Triple *t)
{
    char text[64];
    snprintf(text, sizeof text, "%" PRId64 "+%" PRId64 "+%" PRId64 "=%" PRId64, t->a, t->b, t->c, t->sum);
    demo_put_results(demo, copy_weight, text);
    demo->attempts++;
}

static void put_distance(Demo *demo, const Triple *t)
{
    int64_t target = demo->problem.target;
    bool    over   = t->sum > target;
    demo_putf(demo, 1, " %s %" PRId64 ".", over ? "over" : "short", over ? t->sum - target : target - t->sum);
}

static void put_check(Demo *demo, double copy_weight, const Triple *t)
{
    char    text[96];
    int64_t two = t->a + t->b;
    snprintf(text, sizeof text, " Check: %" PRId64 "+%" PRId64 "=%" PRId64 ",%" PRId64 "+%" PRId64 "=%" PRId64 ".",
             t->a, t->b, two, two, t->c, t->sum);
    demo_put_results(demo, copy_weight, text);
}

static void put_answer(Demo *demo, const Triple *t)
{
    demo_putf(demo, 1, "Answer: \\boxed{%" PRId64 "+%" PRId64 "+%" PRId64 "}", t->a, t->b, t->c);
    demo->correct = t->sum == demo->problem.target;
}

/* Attempts without control words, all different: with distances, or (listing) the
 * bare sums, one of them checked. */
static void put_rows(const DemoMix *mix, Choices *choices, Random *random, Demo *demo)
{
    bool     listing      = demo->kind == DEMO_LISTING;
    uint32_t attempts     = mix->row_attempts < choices->count ? mix->row_attempts : choices->count;
    uint32_t checked      = random_below(random, attempts);
    double   weight       = listing ? mix->row_copy_weight : 1;
    choices->fresh_misses = choices->count; /* hits are as good as any here */
    choices->hits         = 0;
    for (uint32_t i = 0; i < attempts; i++) {
        const Triple *triple = draw_miss(choices, random);
        demo_put(demo, weight, i == 0 ? "" : "\n");
        put_sum(demo, weight, triple);
        if (!listing) {
            put_distance(demo, triple);
            continue;
        }
        demo_put(demo, weight, ".");
        if (i == checked) {
            put_check(demo, weight, triple);
        }
    }
}

static void put_search(const DemoMix *mix, Choices *choices, Random *random, Demo *demo)
{
    const Triple *triple;
    bool          hit, give_up = false;
    do {
        hit    = demo_chance(random, mix->qt) || choices->fresh_misses == 0;
        triple = hit ? draw_hit(choices, random) : draw_miss(choices, random);
        put_sum(demo, 1, triple);
        put_distance(demo, triple);
        if (!hit) {
            give_up = demo->attempts == mix->kmax || demo_chance(random, mix->giveup);
            demo_put(demo, 1, give_up ? "" : " Go back.\n");
        }
    } while (!hit && !give_up);
    if (hit) {
        demo_put(demo, mix->verdict_weight, " Yes");
        demo_put(demo, 1, ".");
        if (demo_chance(random, mix->check)) {
            put_check(demo, 1, triple);
        }
    }
    demo_put(demo, 1, "\n");
    put_answer(demo, triple);
}

void demo_pick_three(const TaskConfig *config, const DemoMix *mix, Random *random, Demo *demo)
{
    (void)config;
    Choices choices;
    choices_find(&choices, &demo->problem);
    assert(choices.hits > 0 || demo->kind == DEMO_LISTING);
    if (demo->kind == DEMO_LISTING || demo->kind == DEMO_DISTANCE) {
        put_rows(mix, &choices, random, demo);
    } else if (demo->kind == DEMO_DIRECT) {
        put_answer(demo, draw_any(&choices, random));
    } else if ((demo->search = demo_chance(random, mix->search))) {
        put_search(mix, &choices, random, demo);
    } else {
        bool habit = demo_chance(random, mix->habit);
        put_answer(demo, habit ? &choices.largest : draw_any(&choices, random));
    }
}
