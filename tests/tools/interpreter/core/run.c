#include "tests/tools/interpreter/core/run.h"

#include "tests/tools/interpreter/core/decode.h"
#include "tests/tools/interpreter/core/half.h"
#include "tests/tools/interpreter/core/matrices.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDE = 32 /* lanes of a bundle, if subgroups are smaller */ };

static uint32_t dispatches, lives; /* that anything has run: 0 is nobody's */

bool run_fault(const Run *run, uint32_t id, uint32_t lane, const char *format, ...)
{
    char            name[48], who[48] = "";
    const uint32_t *definition = module_id(run->module, id)->definition;
    if (lane != UINT32_MAX)
        snprintf(who, sizeof who, ", invocation %u", run->now->first + lane);
    int     at = snprintf(run->error, SHADER_ERROR, "%%%u %s, workgroup (%u, %u, %u)%s: ", id,
                      definition ? opcode_name(instruction_code(definition), name) : "", run->group[0], run->group[1],
                          run->group[2], who);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->error + at, (size_t)(SHADER_ERROR - at), format, arguments);
    va_end(arguments);
    return false;
}

static uint32_t input(const Run *run, uint32_t built_in, uint32_t word, uint32_t invocation)
{
    const uint32_t *size = run->module->workgroup, subgroup = run->dispatch->subgroup;
    const uint32_t  local[3] = {invocation % size[0], invocation / size[0] % size[1], invocation / size[0] / size[1]};
    switch (built_in) {
    case BuiltInNumWorkgroups: return run->dispatch->groups[word];
    case BuiltInWorkgroupSize: return size[word];
    case BuiltInWorkgroupId: return run->group[word];
    case BuiltInLocalInvocationId: return local[word];
    case BuiltInGlobalInvocationId: return run->group[word] * size[word] + local[word];
    case BuiltInLocalInvocationIndex: return invocation;
    case BuiltInSubgroupSize: return subgroup;
    case BuiltInNumSubgroups: return (run->invocations + subgroup - 1) / subgroup;
    case BuiltInSubgroupId: return invocation / subgroup;
    case BuiltInSubgroupLocalInvocationId: return invocation % subgroup;
    default: return 0;
    }
}

static void fill_matrices(Run *run, const Filled *filled)
{
    for (uint32_t party = 0; party < run->lanes / run->party; party++) {
        const bool  value = filled->value != NULL;
        const float x     = value ? matrix_element(decode_kind(run->module, filled->matrix),
                                                   matrix_is_float(run->module, filled->matrix), filled->value[0])
                                  : float_of(POISON);
        float      *to    = matrix_at(run, party, filled->slot);
        for (uint32_t i = 0; i < filled->words; i++)
            to[i] = x;
    }
}

/* Constants when a dispatch begins, variables with every workgroup. */
static void fill(Run *run, bool each)
{
    for (size_t i = 0; i < run->program->filled.count; i++) {
        const Filled *filled = &run->program->filled.at[i];
        if (filled->each != each)
            continue;
        if (filled->matrix) {
            fill_matrices(run, filled);
            continue;
        }
        for (uint32_t word = 0; word < filled->words; word++) {
            uint32_t      *to    = registers_at(run, filled->slot + word);
            const uint32_t value = filled->value ? filled->value[word] : POISON;
            for (uint32_t lane = 0; lane < run->lanes; lane++)
                to[lane] = value;
        }
    }
}

static void begin_workgroup(Run *run)
{
    run->epochs  = (Epochs){0};
    run->flushed = false;
    run->life    = ++lives ? lives : ++lives;
    memset(run->subgroup_epochs, 0, (run->invocations / run->dispatch->subgroup + 1) * sizeof *run->subgroup_epochs);
    for (uint32_t i = 0; i < run->program->shared / 4; i++) {
        const uint32_t nobodys = POISON;
        memcpy(run->shared + 4 * (size_t)i, &nobodys, 4);
    }
    for (uint32_t i = 0; i < run->bundles; i++) {
        run->now        = &run->bundle[i];
        run->now->steps = 0;
        fill(run, true);
        for (size_t k = 0; k < run->program->inputs.count; k++) {
            const Input *in = &run->program->inputs.at[k];
            for (uint32_t word = 0; word < in->words; word++)
                for (uint32_t lane = 0; lane < run->lanes; lane++)
                    registers_at(run, in->slot + word)[lane] =
                        input(run, in->built_in, word < 3 ? word : 2, run->now->first + lane);
        }
        for (uint32_t lane = 0; lane < run->lanes; lane++)
            run->now->next[lane] = lane < run->now->present ? run->program->functions.at[0].block : ENDED;
    }
}

/* All have run as far as they could: whether they wait at one barrier, which then lets them go. *ended: none is left.
 */
static bool meet(Run *run, bool *ended)
{
    uint32_t at = ENDED, waiting = 0, gone = 0, absent = 0;
    for (uint32_t i = 0; i < run->bundles; i++)
        for (uint32_t lane = 0; lane < run->bundle[i].present; lane++) {
            const uint32_t next = run->bundle[i].next[lane];
            run->now            = &run->bundle[i];
            if (next == ENDED) {
                absent = run->bundle[i].first + lane;
                gone++;
                continue;
            }
            if (at != ENDED && next != at)
                return run_fault(run, run->program->blocks.at[(next & ~WAITS) - 1].id, lane,
                                 "it waits at this block's barrier, others at %%%u's",
                                 run->program->blocks.at[(at & ~WAITS) - 1].id);
            at = next;
            waiting++;
        }
    *ended = waiting == 0;
    if (waiting == 0)
        return true;
    const Block *block = &run->program->blocks.at[(at & ~WAITS) - 1];
    if (gone)
        return run_fault(run, block->id, UINT32_MAX, "%u invocations wait at this block's barrier, %u have ended (%u)",
                         waiting, gone, absent);
    if (block->value & SemanticsWorkgroup)
        run->epochs.shared++;
    if ((block->value & SemanticsUniform) || run->flushed)
        run->epochs.buffers++;
    run->flushed = false;
    for (uint32_t i = 0; i < run->bundles; i++)
        for (uint32_t lane = 0; lane < run->bundle[i].present; lane++)
            run->bundle[i].next[lane] &= ~WAITS;
    return true;
}

/* The i'th of so many in a dispatch's order: forwards, backwards, or from the middle, as it is told. */
static uint32_t in_order(uint32_t order, uint32_t i, uint32_t count)
{
    switch (order % 3) {
    case 0: return i;
    case 1: return count - 1 - i;
    default: return (i + count / 2) % count;
    }
}

static bool run_workgroup(Run *run)
{
    begin_workgroup(run);
    for (uint32_t round = 0;; round++) {
        for (uint32_t i = 0; i < run->bundles; i++) {
            run->now         = &run->bundle[in_order(run->dispatch->variant + round, i, run->bundles)];
            run->frame       = &run->frames[0];
            run->frame->next = run->now->next;
            if (!execute(run))
                return false;
        }
        bool ended;
        if (!meet(run, &ended))
            return false;
        if (ended)
            return true;
    }
}

static void release(Run *run)
{
    for (uint32_t i = 0; run->bundle && i < run->bundles; i++) {
        free(run->bundle[i].registers);
        free(run->bundle[i].matrices);
        free(run->bundle[i].next);
    }
    for (int i = 0; i <= CALLS; i++) {
        if (i > 0)
            free(run->frames[i].next);
        free(run->frames[i].mask);
        free(run->frames[i].taken);
    }
    free(run->bundle);
    free(run->scratch);
    free(run->shared);
    free(run->subgroup_epochs);
    races_forget(&run->shared_touched);
}

static bool prepare(Run *run)
{
    const uint32_t *size = run->module->workgroup, subgroup = run->dispatch->subgroup;
    run->invocations = size[0] * size[1] * size[2];
    run->lanes       = subgroup < WIDE && !run->dispatch->races ? WIDE : subgroup;
    if (run->module->whole || run->lanes > run->invocations) /* whole subgroups */
        run->lanes = (run->invocations + subgroup - 1) / subgroup * subgroup;
    run->party           = run->module->whole ? run->lanes : subgroup;
    run->bundles         = (run->invocations + run->lanes - 1) / run->lanes;
    run->bundle          = calloc(run->bundles, sizeof *run->bundle);
    run->scratch         = calloc((size_t)run->program->largest + 4, run->lanes * sizeof *run->scratch);
    run->shared          = calloc((size_t)run->program->shared + 16, 1);
    run->subgroup_epochs = calloc(run->invocations / subgroup + 2, sizeof *run->subgroup_epochs);
    bool there           = run->bundle && run->scratch && run->shared && run->subgroup_epochs;
    for (int i = 0; i <= CALLS; i++) {
        run->frames[i].next  = i > 0 ? calloc(run->lanes, sizeof(uint32_t)) : NULL;
        run->frames[i].mask  = calloc(run->lanes, sizeof(uint32_t));
        run->frames[i].taken = calloc(run->lanes, sizeof(uint32_t));
        there &= (i == 0 || run->frames[i].next) && run->frames[i].mask && run->frames[i].taken;
    }
    for (uint32_t i = 0; there && i < run->bundles; i++) {
        Bundle *bundle  = &run->bundle[i];
        bundle->first   = i * run->lanes;
        bundle->present = run->invocations - bundle->first < run->lanes ? run->invocations - bundle->first : run->lanes;
        bundle->registers = calloc((size_t)run->program->slots + 1, run->lanes * sizeof(uint32_t));
        bundle->matrices  = calloc((size_t)run->program->matrix_words + 1, run->lanes / run->party * sizeof(float));
        bundle->next      = calloc(run->lanes, sizeof(uint32_t));
        there             = bundle->registers && bundle->matrices && bundle->next;
        run->now          = bundle;
        if (there)
            fill(run, false);
    }
    if (!there)
        snprintf(run->error, SHADER_ERROR, "out of memory");
    return there;
}

ShaderResult shader_run(const ShaderDispatch *dispatch, char error[SHADER_ERROR])
{
    const uint32_t subgroup = dispatch->subgroup;
    if (subgroup < 4 || subgroup > 128 || (subgroup & (subgroup - 1)) != 0) {
        snprintf(error, SHADER_ERROR, "subgroups of %u lanes", subgroup);
        return SHADER_FAULT;
    }
    Run run              = {.dispatch       = dispatch,
                            .module         = &dispatch->shader->module,
                            .program        = &dispatch->shader->program,
                            .error          = error,
                            .subgroup_shift = (uint32_t)__builtin_ctz(subgroup),
                            .collective     = -1};
    run.number           = ++dispatches ? dispatches : ++dispatches;
    bool           done  = prepare(&run);
    const uint64_t count = (uint64_t)dispatch->groups[0] * dispatch->groups[1] * dispatch->groups[2];
    for (uint64_t i = 0; done && i < count; i++) {
        const uint32_t number = in_order(dispatch->variant / 3, (uint32_t)i, (uint32_t)count);
        run.group_index       = number;
        run.group[0]          = dispatch->base[0] + number % dispatch->groups[0];
        run.group[1]          = dispatch->base[1] + number / dispatch->groups[0] % dispatch->groups[1];
        run.group[2]          = dispatch->base[2] + number / dispatch->groups[0] / dispatch->groups[1];
        done                  = run_workgroup(&run);
    }
    release(&run);
    return done ? SHADER_DONE : run.endless ? SHADER_ENDLESS : SHADER_FAULT;
}

void shader_forget(ShaderMemory *memory)
{
    races_forget(&memory->touched);
}
