/* Writing a demonstration piece by piece; not for others. */
#ifndef RLSP_TASK_DEMO_TEXT_H
#define RLSP_TASK_DEMO_TEXT_H

#include "rlsp/task/demo.h"

/* Appends text whose tokens have one weight; joins the last span if that has the
 * same. Where the weight changes, the split regex must cut between the texts. */
void                                       demo_put(Demo *demo, double weight, const char *text);
__attribute__((format(printf, 3, 4))) void demo_putf(Demo *demo, double weight, const char *format, ...);

/* Appends text of which numbers that follow "=" (or "=(") weigh 1, the rest `copy_weight`. */
void demo_put_results(Demo *demo, double copy_weight, const char *text);

/* True with probability p. Always draws, so that streams do not depend on p. */
bool demo_chance(Random *random, double p);

void demo_countdown(const TaskConfig *config, const DemoMix *mix, Random *random, Demo *demo);
void demo_pick_three(const TaskConfig *config, const DemoMix *mix, Random *random, Demo *demo);

#endif
