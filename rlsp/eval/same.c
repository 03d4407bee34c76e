#include "rlsp/eval/same.h"

#include <string.h>

#include "rlsp/math/exact.h"
#include "rlsp/math/verify.h"
#include "rlsp/task/expression.h"

/* A number that is the same for a+b+c in every order; 0: not a sum of numbers. */
static uint64_t sum_key(const char *text, size_t length)
{
    int64_t  terms[EXPRESSION_LEAVES_MAX];
    size_t   position = 0, count = 0;
    uint64_t key = 0;
    for (;;) {
        int64_t term;
        if (count == EXPRESSION_LEAVES_MAX || !digits_read(text, length, &position, &term)) {
            return 0;
        }
        size_t place = count++;
        for (; place > 0 && terms[place - 1] > term; place--) {
            terms[place] = terms[place - 1];
        }
        terms[place] = term;
        if (position == length) {
            break;
        }
        if (text[position++] != '+') {
            return 0;
        }
    }
    for (size_t i = 0; i < count; i++) {
        key = (key + (uint64_t)terms[i]) * 0x9E3779B97F4A7C15u + 1;
    }
    return key;
}

/* Of an answer's expression, up to the order of summands and factors; 0: its text has to do. */
static uint64_t expression_key(const char *text)
{
    Expression expression;
    size_t     length = strlen(text);
    return expression_parse(&expression, text, length) ? expression.key : sum_key(text, length);
}

EvalSame eval_same(const Task *task)
{
    return (EvalSame){.task = task, .work = 20 * (int64_t)MATH_WORK};
}

bool eval_same_answer(void *user, const char *a, const char *b)
{
    EvalSame *same = user;
    if (same->task == &task_jsonl) {
        MathVerdict verdict = {.correct = false};
        if (same->work > 0) {
            math_verify(a, strlen(a), b, strlen(b), NULL, &verdict);
            same->work -= verdict.work;
        }
        return verdict.correct;
    }
    const uint64_t key = expression_key(a);
    return key != 0 && key == expression_key(b);
}
