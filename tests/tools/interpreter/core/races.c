/* Who touched which word last, and whether that was ordered before who touches it now.
 *
 * Two invocations are ordered by a barrier of the workgroup between them that speaks of that memory, or within a
 * subgroup by one of the subgroup; those of different workgroups never are within a dispatch. A matrix's lanes are one
 * party: which of them holds which element nobody knows, so what they wrote together they may read together only after
 * a barrier, as other lanes may; what they read together they may write.
 */
#include "tests/tools/interpreter/core/run.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    WROTE          = 1,
    WROTE_ATOMIC   = 2,
    READ           = 4,
    READ_BY_GROUPS = 8,  /* several workgroups */
    READ_BY_MANY   = 16, /* several parties since the last barrier */
    COLLECTIVE     = 0x8000,
    EVERYONE       = 0xffff
};

typedef struct Who {
    uint32_t group, epoch;
    uint16_t party, subgroup_epoch;
} Who;

typedef struct Touch {
    uint32_t when; /* dispatch, or life of shared memory: of another all is forgotten */
    uint32_t flags;
    Who      writer, reader;
} Touch;

typedef struct Touched {
    uint32_t grain; /* bytes that a Touch is of: 4 until something narrower touches one */
    uint32_t shift; /* its logarithm */
    size_t   count;
    Touch   *touches;
} Touched;

void races_forget(void **touched)
{
    Touched *all = *touched;
    if (all)
        free(all->touches);
    free(all);
    *touched = NULL;
}

static Touched *open(void **touched, uint64_t bytes, uint32_t grain)
{
    Touched *all = *touched;
    if (!all) {
        all = *touched = calloc(1, sizeof *all);
        if (!all)
            return NULL;
        all->grain = grain;
    }
    const uint32_t ratio = all->grain > grain ? all->grain / grain : 1;
    if (all->touches && ratio == 1)
        return all;
    all->grain           = grain < all->grain ? grain : all->grain;
    all->shift           = (uint32_t)__builtin_ctz(all->grain);
    const size_t count   = (size_t)(bytes / all->grain) + 2;
    Touch       *touches = calloc(count, sizeof *touches);
    if (!touches)
        return NULL;
    for (size_t i = 0; i < all->count * ratio && i < count && all->touches; i++)
        touches[i] = all->touches[i / ratio];
    free(all->touches);
    all->touches = touches;
    all->count   = count;
    return all;
}

/* The subgroup that a party is of or in; UINT32_MAX: of none alone. */
static uint32_t subgroup_of(const Run *run, uint32_t party)
{
    if (party == EVERYONE)
        return UINT32_MAX;
    return party & COLLECTIVE ? party & ~(uint32_t)COLLECTIVE : party >> run->subgroup_shift;
}

/* Whether what `then` did comes before what `now` does, wherever each runs. */
static bool ordered(const Run *run, const Who *then, const Who *now, bool reading_first)
{
    if (then->group != now->group)
        return false;
    if (then->epoch != now->epoch)
        return true;
    if (then->party == now->party && (!(now->party & COLLECTIVE) || reading_first))
        return true;
    const uint32_t subgroup = subgroup_of(run, then->party);
    return subgroup != UINT32_MAX && subgroup == subgroup_of(run, now->party) &&
           then->subgroup_epoch != now->subgroup_epoch;
}

static const char *name_party(uint32_t party, char text[48])
{
    if (party == EVERYONE)
        return "the workgroup's matrix";
    if (party & COLLECTIVE)
        snprintf(text, 48, "the matrix of subgroup %u", party & ~(uint32_t)COLLECTIVE);
    else
        snprintf(text, 48, "invocation %u", party);
    return text;
}

static bool race(Run *run, const Op *op, const Region *region, uint32_t lane, uint64_t offset, const Who *then,
                 const Who *now, const char *did, const char *does)
{
    char first[48], second[48], other[48] = "";
    char place[64];
    if (region->space == SPACE_SHARED)
        memory_name_shared(run, region, place);
    else if (region->space == SPACE_BUFFER)
        snprintf(place, sizeof place, "buffer of binding %u", region->binding);
    else
        snprintf(place, sizeof place, "memory at 0x%llx", (unsigned long long)region->memory->address);
    if (then->group != now->group)
        snprintf(other, sizeof other, " of workgroup %u", then->group);
    return run_fault(run, op->id, lane, "race: %s, word %llu: %s%s %s it, %s %s it, with no barrier between them",
                     place, (unsigned long long)offset / 4, name_party(then->party, first), other, did,
                     name_party(now->party, second), does);
}

bool races_touch(Run *run, const Op *op, const Region *region, uint32_t lane, uint64_t offset, uint32_t bytes,
                 Touching how)
{
    const bool     shared  = region->space == SPACE_SHARED;
    void         **touched = shared ? &run->shared_touched : &region->memory->touched;
    const uint64_t all     = shared ? run->program->shared : region->memory->bytes;
    Touched       *touches = open(touched, all, bytes < 4 ? bytes : 4);
    if (!touches)
        return run_fault(run, op->id, lane, "out of memory for who touched what");
    const uint32_t invocation = run->now->first + lane;
    const uint32_t subgroup   = run->collective == EVERYONE
                                    ? 0
                                    : (run->collective >= 0 ? (uint32_t)run->collective & ~(uint32_t)COLLECTIVE
                                                            : invocation >> run->subgroup_shift);
    const Epochs  *inner      = &run->subgroup_epochs[subgroup];
    const Who      now        = {.group          = run->group_index,
                                 .epoch          = shared ? run->epochs.shared : run->epochs.buffers,
                                 .party          = (uint16_t)(run->collective >= 0 ? (uint32_t)run->collective : invocation),
                                 .subgroup_epoch = (uint16_t)(shared ? inner->shared : inner->buffers)};
    const uint32_t when       = shared ? run->life : run->number;
    char           name[64];
    for (uint64_t byte = 0; byte < bytes; byte += touches->grain) {
        const uint64_t at    = region->origin + offset + byte;
        Touch         *touch = &touches->touches[at >> touches->shift];
        if (touch->when != when) {
            touch->when  = when;
            touch->flags = 0;
        }
        if (shared && how != TOUCH_WRITE && !(touch->flags & WROTE))
            return run_fault(run, op->id, lane, "%s, byte %llu: it is read and nobody wrote it",
                             memory_name_shared(run, region, name), (unsigned long long)(offset + byte));
        const bool both_atomic = how == TOUCH_ATOMIC && (touch->flags & WROTE_ATOMIC);
        if ((touch->flags & WROTE) && !both_atomic && !ordered(run, &touch->writer, &now, false))
            return race(run, op, region, lane, offset, &touch->writer, &now, "wrote",
                        how == TOUCH_READ ? "reads" : "writes");
        if (how == TOUCH_READ) {
            const bool before = touch->flags & READ;
            if (before && touch->reader.group != now.group)
                touch->flags |= READ_BY_GROUPS;
            else if (before && !ordered(run, &touch->reader, &now, true))
                touch->flags |= READ_BY_MANY;
            else if (!before || touch->reader.epoch != now.epoch)
                touch->flags &= ~(uint32_t)READ_BY_MANY;
            touch->flags |= READ;
            touch->reader = now;
            continue;
        }
        if (touch->flags & READ) {
            const bool same = touch->reader.group == now.group;
            if ((touch->flags & READ_BY_GROUPS) || !ordered(run, &touch->reader, &now, true) ||
                (same && touch->reader.epoch == now.epoch && (touch->flags & READ_BY_MANY)))
                return race(run, op, region, lane, offset, &touch->reader, &now, "read", "writes");
        }
        touch->flags  = WROTE | (how == TOUCH_ATOMIC ? WROTE_ATOMIC : 0);
        touch->writer = now;
    }
    return true;
}
