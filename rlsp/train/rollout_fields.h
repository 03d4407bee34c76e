/* Rollout fields: what the responses of a step were like, as fields of its event.
 *
 *     EventField fields[ROLLOUT_FIELDS];
 *     rollout_fields(rollout->items, rollout->sequences, max_new_tokens, fields);
 *
 * Means over the responses: reward and its parts, accuracy, length with its distribution (percentiles as in
 * evaluations: rlsp/eval/lengths.h), behaviours by parsed evidence and by words alone, and, for each behaviour, how
 * often those responses are right that show it, and those that do not. Where no response does, or none does not, that
 * is not-a-number.
 */
#ifndef RLSP_TRAIN_ROLLOUT_FIELDS_H
#define RLSP_TRAIN_ROLLOUT_FIELDS_H

#include "rlsp/run/events.h"
#include "rlsp/train/rollout_item.h"

enum {
    ROLLOUT_LENGTH_BINS = 16, /* bin i: from i to i + 1 sixteenths of max_new_tokens */
    ROLLOUT_BEHAVIOURS  = 3 + TRACE_WORDS_COUNT,
    ROLLOUT_FIELDS      = 27 + 2 * TRACE_WORDS_COUNT + 2 * ROLLOUT_BEHAVIOURS + 1 + ROLLOUT_LENGTH_BINS
};

/* `items` [count], count > 0; the names are constants. */
void rollout_fields(const RolloutItem *items, uint32_t count, uint32_t max_new_tokens,
                    EventField fields[ROLLOUT_FIELDS]);

#endif
