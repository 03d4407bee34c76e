/* Extraction: which part of a response is its answer.
 *
 *     MathAnswer answer;
 *     if (math_extract(response, length, NULL, &answer)) … answer.text, answer.length
 *
 * By default the last complete \boxed{…} that is no quotation; see rlsp/math/box.h. Only the response is to be
 * given, never the prompt. One pass, any bytes, nothing is allocated.
 */
#ifndef RLSP_MATH_EXTRACT_H
#define RLSP_MATH_EXTRACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum MathBoxChoice {
    MATH_BOX_LAST,
    MATH_BOX_FIRST,
    MATH_BOX_ONLY /* several that hold different texts are no answer */
} MathBoxChoice;

typedef struct MathExtractPolicy {
    MathBoxChoice choice;
    bool          fbox;    /* \fbox{…} is a box too                                                     */
    bool          phrases; /* for evaluation of models that were not told of boxes, never for a reward:
                              "final answer is $…$. I hope", then a box, "the answer is …", "#### …",
                              then the last number */
} MathExtractPolicy;

typedef enum MathExtractWay { MATH_BY_BOX, MATH_BY_PHRASE, MATH_BY_HASHES, MATH_BY_LAST_NUMBER } MathExtractWay;

typedef struct MathAnswer {
    bool           found;
    const char    *text; /* in the response; not empty if found */
    size_t         length;
    MathExtractWay way;
    size_t         offset; /* of the box's backslash or of the answer; the response's length if none */
    uint32_t       boxes;  /* complete ones, quotations not counted                                  */
    bool           boxes_differ;
} MathAnswer;

/* answer->found. `policy` NULL: all of it 0. An empty box is no answer. */
bool math_extract(const char *response, size_t length, const MathExtractPolicy *policy, MathAnswer *answer);

/* "box", "phrase", "hashes", "last number" */
const char *math_extract_way(MathExtractWay way);

#endif
