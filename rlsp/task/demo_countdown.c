#include <assert.h>

#include "rlsp/task/chain.h"
#include "rlsp/task/demo_text.h"

/* The chains of a problem, those that hit first, each part in no particular order. */
typedef struct Choices {
    ChainList list;
    uint32_t  hits;
    uint32_t  fresh_misses; /* those after the hits that have not been tried */
} Choices;

static void swap(Chain *a, Chain *b)
{
    Chain kept = *a;
    *a         = *b;
    *b         = kept;
}

static void choices_find(Choices *choices, const Problem *problem, uint32_t max_target)
{
    chains_find(&choices->list, problem->numbers, problem->count, max_target);
    choices->hits = 0;
    for (uint32_t i = 0; i < choices->list.count; i++) {
        if (chain_value(&choices->list.chains[i]) == problem->target) {
            swap(&choices->list.chains[i], &choices->list.chains[choices->hits++]);
        }
    }
    choices->fresh_misses = choices->list.count - choices->hits;
}

static const Chain *draw_hit(Choices *choices, Random *random)
{
    return &choices->list.chains[random_below(random, choices->hits)];
}

/* A miss that was not drawn before: drawn ones go behind the fresh ones. */
static const Chain *draw_miss(Choices *choices, Random *random)
{
    Chain   *misses = choices->list.chains + choices->hits;
    uint32_t drawn  = random_below(random, choices->fresh_misses);
    choices->fresh_misses--;
    swap(&misses[drawn], &misses[choices->fresh_misses]);
    return &misses[choices->fresh_misses];
}

/* With probability p a hit, else a fresh miss; a hit where no miss is left. */
static const Chain *draw_either(Choices *choices, double p, Random *random, bool *hit)
{
    *hit = demo_chance(random, p) || choices->fresh_misses == 0;
    return *hit ? draw_hit(choices, random) : draw_miss(choices, random);
}

static void put_listing(const DemoMix *mix, Choices *choices, Random *random, Demo *demo)
{
    char text[CHAIN_TEXT_BYTES];
    for (uint32_t i = 0; i < mix->row_attempts && choices->fresh_misses > 0; i++) {
        chain_write_attempt(draw_miss(choices, random), text);
        demo_put(demo, mix->row_copy_weight, i == 0 ? "" : "\n");
        demo_put_results(demo, mix->row_copy_weight, text);
        demo->attempts++;
    }
}

static void put_answer(Demo *demo, const Chain *chain)
{
    char text[CHAIN_TEXT_BYTES];
    chain_write_box(chain, text);
    demo_putf(demo, 1, "Answer: \\boxed{%s}", text);
    demo->correct = chain_value(chain) == demo->problem.target;
}

static void put_search(const DemoMix *mix, Choices *choices, Random *random, Demo *demo)
{
    char         text[CHAIN_TEXT_BYTES];
    const Chain *chain;
    bool         hit, give_up = false;
    do {
        chain = draw_either(choices, mix->qt, random, &hit);
        chain_write_attempt(chain, text);
        demo_put(demo, 1, text);
        demo->attempts++;
        if (!hit) {
            demo_put(demo, mix->verdict_weight, " Not");
            demo_putf(demo, 1, " %d.", (int)demo->problem.target);
            give_up = demo->attempts == mix->kmax || demo_chance(random, mix->giveup);
            demo_put(demo, 1, give_up ? "" : " Go back.\n");
        }
    } while (!hit && !give_up);
    if (hit) {
        demo_put(demo, mix->verdict_weight, " Yes");
        demo_put(demo, 1, ".");
        if (demo_chance(random, mix->check)) {
            chain_write_check(chain, text);
            demo_putf(demo, 1, " Check: %s", text);
        }
    }
    demo_put(demo, 1, "\n");
    put_answer(demo, chain);
}

void demo_countdown(const TaskConfig *config, const DemoMix *mix, Random *random, Demo *demo)
{
    Choices choices;
    choices_find(&choices, &demo->problem, config->max_target);
    if (demo->kind == DEMO_LISTING) { /* target 0 is out of reach: every chain is a "miss" */
        put_listing(mix, &choices, random, demo);
        return;
    }
    assert(choices.hits > 0);
    demo->search = demo_chance(random, mix->search);
    if (demo->search) {
        put_search(mix, &choices, random, demo);
    } else {
        bool hit;
        put_answer(demo, draw_either(&choices, mix->qd, random, &hit));
    }
}
