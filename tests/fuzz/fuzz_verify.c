/* Lines of `rlsp verify` and bare answers of any bytes: nothing may be read past
 * the end, hang or trap, and a verdict has to be consistent in itself. */
#include <stdlib.h>
#include <string.h>

#include "rlsp/math/box.h"
#include "rlsp/task/expression.h"
#include "rlsp/task/verify_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition)
{
    if (!condition) {
        abort();
    }
}

static void judge(const Task *task, const Problem *problem, const char *text, size_t size)
{
    TaskVerdict verdict;
    task_verify(task, problem, text, size, &verdict);
    require(verdict.reason != NULL && verdict.box_offset <= size);
    require(verdict.answer_offset + verdict.answer_length <= size);
    require(!verdict.correct || (verdict.answered && verdict.has_value && verdict.boxes > 0));
    require(!verdict.correct || (verdict.denominator == 1 && verdict.numerator == problem->target));
    task_verify_answer(task, problem, text, size, &verdict);
    require(verdict.answer_offset + verdict.answer_length <= size);
    require(!verdict.correct || (verdict.denominator == 1 && verdict.numerator == problem->target));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const Problem three = {.count = 3, .numbers = {3, 7, 20}, .target = 53};
    static const Problem four  = {.count = 4, .numbers = {0, 2, 2, 999999999999999}, .target = 1};
    static const Problem six   = {.count = 6, .numbers = {2, 5, 8, 9, 10, 12}, .target = 22};
    /* a copy of exactly `size` bytes, so that a read past the end is seen */
    char *text = malloc(size + (size == 0));
    if (text == NULL) {
        return 0;
    }
    if (size > 0) {
        memcpy(text, data, size);
    }
    judge(&task_countdown, &three, text, size);
    judge(&task_countdown, &four, text, size);
    judge(&task_pick_three, &six, text, size);
    Expression expression;
    if (expression_parse(&expression, text, size)) {
        require(expression.leaf_count >= 2 && expression.step_count == expression.leaf_count - 1);
        require(expression.value.state != VALUE_EXACT || expression.value.denominator > 0);
    }
    size_t at, content, length;
    if (boxes_find_first_shallow(text, size, &at, &content, &length)) {
        require(at < content && content + length < size && text[content + length] == '}');
    }
    JsonLine            out     = {0};
    Error               error   = {0};
    const VerifyOptions options = {.task = size % 2 == 0 ? NULL : &task_pick_three, .explain = true};
    Status              status  = verify_line(&options, text, size, 1, &out, &error);
    require(status == STATUS_OK || status == STATUS_BAD_INPUT);
    require(out.size > 2 && out.data[out.size - 1] == '\n' && memchr(out.data, '\n', out.size - 1) == NULL);
    json_line_free(&out);
    free(text);
    return 0;
}
