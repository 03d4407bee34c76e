#include "rlsp/trace/trace.h"

#include <string.h>

static const char *const kind_names[TRACE_SPAN_KIND_COUNT] = {
    [TRACE_SPAN_ATTEMPT]               = "attempt",
    [TRACE_SPAN_ATTEMPT_REPEAT]        = "attempt_repeat",
    [TRACE_SPAN_ATTEMPT_ERROR]         = "attempt_error",
    [TRACE_SPAN_VERDICT]               = "verdict",
    [TRACE_SPAN_VERDICT_FALSE]         = "verdict_false",
    [TRACE_SPAN_BACKTRACK]             = "backtrack",
    [TRACE_SPAN_CHECK]                 = "check",
    [TRACE_SPAN_CHECK_WRONG]           = "check_wrong",
    [TRACE_SPAN_ANSWER]                = "answer",
    [TRACE_SPAN_WORDS_BACKTRACK]       = "words_backtrack",
    [TRACE_SPAN_WORDS_VERIFICATION]    = "words_verification",
    [TRACE_SPAN_WORDS_ALTERNATIVE]     = "words_alternative",
    [TRACE_SPAN_WORDS_SELF_CORRECTION] = "words_self_correction",
    [TRACE_SPAN_WORDS_SUBGOAL]         = "words_subgoal",
};

const char *trace_span_kind_name(TraceSpanKind kind)
{
    return kind_names[kind];
}

void trace_span_add(TraceSpans *spans, size_t offset, size_t length, TraceSpanKind kind)
{
    if (spans == NULL) {
        return;
    }
    if (spans->count < spans->capacity) {
        spans->spans[spans->count] = (TraceSpan){offset, length, kind, kind < TRACE_SPAN_WORDS_BACKTRACK};
    }
    spans->count++;
}

void trace_begin(TraceBuilder *builder, TraceStats *stats, TraceSpans *spans)
{
    memset(builder, 0, sizeof *builder);
    memset(stats, 0, sizeof *stats);
    builder->stats = stats;
    builder->spans = spans;
}

/* Where `key` lies or would lie. There is always a free place: the table is twice
 * as large as what it may hold. */
static size_t slot_of(const TraceBuilder *builder, uint64_t key)
{
    size_t size = sizeof builder->seen / sizeof builder->seen[0];
    size_t slot = (size_t)((key * 0x9E3779B97F4A7C15u) >> 32) % size;
    while (builder->seen[slot] != 0 && builder->seen[slot] != key) {
        slot = (slot + 1) % size;
    }
    return slot;
}

/* Settles what can be said of the last attempt once its verdict is known. */
static void close_last(TraceBuilder *builder)
{
    TraceStats *stats = builder->stats;
    if (!builder->open) {
        return;
    }
    const TraceAttempt *last  = &builder->last;
    bool                truth = builder->states_distance ? builder->distance_right : builder->claim_right;
    if (last->right && truth) {
        if (builder->last_slot != SIZE_MAX && !builder->seen_verified[builder->last_slot]) {
            builder->seen_verified[builder->last_slot] = true;
            stats->verified++;
        }
        if (last->hit && stats->verified_hit_attempt == 0) {
            stats->verified_hit_attempt = stats->attempts;
        }
    }
    builder->open = false;
}

void trace_attempt(TraceBuilder *builder, const TraceAttempt *attempt)
{
    TraceStats   *stats = builder->stats;
    TraceSpanKind kind  = TRACE_SPAN_ATTEMPT_ERROR;
    if (builder->open && !builder->last.hit) {
        stats->backtracks++;
    }
    close_last(builder);
    stats->attempts++;
    builder->last_slot = SIZE_MAX;
    if (!attempt->right) {
        stats->errors++;
        *(attempt->legal ? &stats->wrong_arithmetic : &stats->illegal) += 1;
    } else {
        size_t slot   = slot_of(builder, attempt->key);
        bool   is_new = builder->seen[slot] == 0;
        stats->valid++;
        if (is_new && stats->distinct < TRACE_DISTINCT_MAX) {
            builder->seen[slot] = attempt->key;
            builder->last_slot  = slot;
            stats->distinct++;
            kind = TRACE_SPAN_ATTEMPT;
        } else {
            builder->last_slot = is_new ? SIZE_MAX : slot;
            stats->repeated++;
            kind = TRACE_SPAN_ATTEMPT_REPEAT;
        }
        if (attempt->hit && stats->hit_attempt == 0) {
            stats->hit_attempt = stats->attempts;
        }
    }
    trace_span_add(builder->spans, attempt->offset, attempt->length, kind);
    builder->open            = true;
    builder->last            = *attempt;
    builder->claim           = TRACE_CLAIM_NONE;
    builder->claim_right     = false;
    builder->states_distance = false;
    builder->distance_right  = false;
}

void trace_distance(TraceBuilder *builder, size_t offset, size_t length, bool right)
{
    builder->stats->distances++;
    builder->stats->distances_right += right;
    builder->states_distance = true;
    builder->distance_right  = right;
    trace_span_add(builder->spans, offset, length, right ? TRACE_SPAN_VERDICT : TRACE_SPAN_VERDICT_FALSE);
}

void trace_claim(TraceBuilder *builder, size_t offset, size_t length, TraceClaim claim)
{
    if (!builder->open || builder->claim != TRACE_CLAIM_NONE) {
        return; /* about nothing, or about what has been judged already */
    }
    TraceStats *stats    = builder->stats;
    bool        makes    = builder->last.makes_target;
    builder->claim       = claim;
    builder->claim_right = claim == TRACE_CLAIM_YES ? makes : claim == TRACE_CLAIM_NO && !makes;
    stats->verdicts++;
    stats->verdicts_right += builder->claim_right;
    stats->false_yes += claim == TRACE_CLAIM_YES && !makes;
    stats->false_no += claim != TRACE_CLAIM_YES && makes;
    if (length > 0) {
        trace_span_add(builder->spans, offset, length,
                       builder->claim_right ? TRACE_SPAN_VERDICT : TRACE_SPAN_VERDICT_FALSE);
    }
}

void trace_go_back(TraceBuilder *builder, size_t offset, size_t length)
{
    builder->stats->go_back++;
    trace_span_add(builder->spans, offset, length, TRACE_SPAN_BACKTRACK);
}

void trace_check(TraceBuilder *builder, size_t offset, size_t length, bool right)
{
    builder->stats->checks++;
    *(right ? &builder->stats->checks_right : &builder->stats->checks_wrong) += 1;
    trace_span_add(builder->spans, offset, length, right ? TRACE_SPAN_CHECK : TRACE_SPAN_CHECK_WRONG);
}

void trace_end(TraceBuilder *builder, bool answered)
{
    bool rejected = builder->claim == TRACE_CLAIM_NO || builder->claim == TRACE_CLAIM_MISSTATED ||
                    (builder->claim == TRACE_CLAIM_NONE && !builder->last.makes_target);
    builder->stats->gave_up = answered && builder->open && rejected;
    close_last(builder);
}
