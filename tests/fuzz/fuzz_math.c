/* Answers of any bytes against references of any bytes: the input's first line is the reference, the rest the
 * answer. Nothing may be read past the end, hang, trap or leak; the work stays within its budget; a text equals
 * itself; a verdict is the same twice.
 *
 * Seeds: a file for each line of math_seeds.txt, the tab in it made a newline; -dict=math.dict. */
#include <stdlib.h>
#include <string.h>

#include "rlsp/math/exact.h"
#include "rlsp/math/extract.h"
#include "rlsp/math/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

/* A copy of exactly `size` bytes, so that a read past the end is seen. */
static char *copy(const uint8_t *data, size_t size)
{
    char *text = malloc(size + (size == 0));
    require(text != NULL);
    if (size > 0) {
        memcpy(text, data, size);
    }
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *line        = size > 0 ? memchr(data, '\n', size) : NULL;
    size_t         gold_length = line == NULL ? size : (size_t)(line - data);
    size_t         length      = line == NULL ? size : size - gold_length - 1;
    char          *gold        = copy(data, gold_length);
    char          *answer      = copy(line == NULL ? data : line + 1, length);

    MathVerdict first, second;
    math_verify(gold, gold_length, answer, length, NULL, &first);
    math_verify(gold, gold_length, answer, length, NULL, &second);
    require(first.code == second.code && first.work == second.work && first.rule == second.rule);
    require(first.correct == (first.code == MATH_CORRECT) && first.reason != NULL && first.rule != NULL);
    require(first.work <= MATH_WORK + MATH_WORK / 4);
    MathOptions options    = math_options_default();
    options.problem        = gold;
    options.problem_length = gold_length;
    math_verify(answer, length, gold, gold_length, &options, &second);
    math_verify(answer, length, answer, length, NULL, &second);
    require(second.correct || second.code == MATH_EMPTY);

    static const MathExtractPolicy policies[] = {
        {MATH_BOX_LAST, false, false}, {MATH_BOX_FIRST, true, true}, {MATH_BOX_ONLY, false, true}};
    for (size_t i = 0; i < sizeof policies / sizeof policies[0]; i++) {
        MathAnswer found;
        math_extract(answer, length, &policies[i], &found);
        require(!found.found ||
                (found.length > 0 && found.text >= answer && found.text + found.length <= answer + length));
        require(found.offset <= length);
    }
    free(gold);
    free(answer);
    return 0;
}
