/* What `rlsp plan` was asked, and which changes of the config would make the run fit. */
#ifndef RLSP_CLI_PLAN_CHANGES_H
#define RLSP_CLI_PLAN_CHANGES_H

#include "rlsp/cli/args.h"
#include "rlsp/train/plan.h"

enum { PLAN_CHANGES_MAX = 24 };

/* A change of the config that saves memory. */
typedef struct PlanChange {
    char     set[96]; /* as --set takes it */
    uint64_t peak;    /* with it alone     */
} PlanChange;

typedef struct PlanRequest {
    const char *path, *out; /* of the config; where the run will be */
    ArgsList    sets;
    GpuInfo     info;
    RunConfig   config;
    RunPlan     plan;
    PlanChange  changes[PLAN_CHANGES_MAX];
    int         change_count;
    ArgsList    together;      /* changes that together make it fit, each the one that saves most at its turn */
    uint64_t    together_peak; /* 0: it fits as it is, or cannot be made to */
} PlanRequest;

/* For a plan that does not fit: fills `changes`, `together` and what belongs to them. Each is planned anew. */
void plan_find_changes(PlanRequest *request);

#endif
