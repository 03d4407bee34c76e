/* Which lines of a file of SFT data can be used, and how many tokens they have: looked at once each, all or some of
 * them beforehand and on several threads. For sft_file.c only. */
#ifndef RLSP_TRAIN_SFT_CHECK_H
#define RLSP_TRAIN_SFT_CHECK_H

#include "rlsp/train/sft_file.h"

typedef struct SftCheck SftCheck;

/* Looks at all lines, or at a sample, as the encoder's phase says. NULL with *error set: a bad line (the first of the
 * file, under on_error "stop"), or no line that can be used. */
SftCheck *sft_check_new(const SftEncoder *encoder, const RecordFile *records, Error *error);
void      sft_check_free(SftCheck *check); /* NULL is allowed */

/* *tokens: of a line that can be used; 0: it is left out. What has not been looked at is read into `record` and
 * `example`. */
Status sft_check_line(SftCheck *check, uint64_t index, Record *record, SftExample *example, uint32_t *tokens,
                      Error *error);

/* The error that there is nothing to learn from. */
Status sft_check_nothing(const SftCheck *check, Error *error);

const SftFileCounts *sft_check_counts(const SftCheck *check);
uint32_t             sft_check_longest(const SftCheck *check); /* of any line that can be used, at most */

#endif
