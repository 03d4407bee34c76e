#include "rlsp/task/chain.h"

#include <stdarg.h>
#include <stdio.h>

/* Adds to `list` every chain that continues `chain`, whose first `done` steps are
 * made, with the numbers not in `used` (a bit each). */
static void chain_extend(ChainList *list, const Chain *chain, uint32_t done, const int64_t *numbers, uint32_t count,
                         uint32_t used, int64_t max_target)
{
    static const char ops[] = {'+', '-', '*'};
    if (done + 1 == count || done == CHAIN_NUMBERS_MAX - 1) {
        list->chains[list->count++] = *chain;
        return;
    }
    int64_t result = done == 0 ? chain->start : chain->step[done - 1].value;
    for (uint32_t i = 0; i < count; i++) {
        /* the first pair is unordered: it starts with the larger number */
        if ((used >> i & 1u) != 0 || (done == 0 && numbers[i] > chain->start)) {
            continue;
        }
        bool    reversed = numbers[i] > result;
        int64_t left = reversed ? numbers[i] : result, right = reversed ? result : numbers[i];
        for (unsigned k = 0; k < sizeof ops; k++) {
            int64_t value = ops[k] == '+' ? left + right : ops[k] == '-' ? left - right : left * right;
            if (value < 1 || value > max_target) {
                continue;
            }
            Chain longer               = *chain;
            longer.steps               = done + 1;
            longer.step[done].op       = ops[k];
            longer.step[done].reversed = reversed;
            longer.step[done].number   = (int32_t)numbers[i];
            longer.step[done].value    = (int32_t)value;
            chain_extend(list, &longer, done + 1, numbers, count, used | 1u << i, max_target);
        }
    }
}

void chains_find(ChainList *list, const int64_t *numbers, uint32_t count, uint32_t max_target)
{
    list->count = 0;
    for (uint32_t i = 0; i < count; i++) {
        Chain chain = {.start = (int32_t)numbers[i]};
        chain_extend(list, &chain, 0, numbers, count, 1u << i, max_target);
    }
}

int32_t chain_value(const Chain *chain)
{
    return chain->step[chain->steps - 1].value;
}

__attribute__((format(printf, 3, 4))) static void append(char out[CHAIN_TEXT_BYTES], size_t *length, const char *format,
                                                         ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(out + *length, CHAIN_TEXT_BYTES - *length, format, args);
    va_end(args);
    if (n > 0) {
        *length += (size_t)n;
        *length = *length < CHAIN_TEXT_BYTES ? *length : CHAIN_TEXT_BYTES - 1;
    }
}

/* The chain with its first `done` results put in: done 0 is the box string. The
 * operations nest outwards, so what stands left of the core is written in reverse. */
static void chain_write_from(const Chain *chain, uint32_t done, char out[CHAIN_TEXT_BYTES], size_t *length)
{
    for (uint32_t s = chain->steps; s-- > done + 1;) {
        if (chain->step[s].reversed) {
            append(out, length, "%d%c", chain->step[s].number, chain->step[s].op);
        }
        append(out, length, "(");
    }
    int32_t core = done == 0 ? chain->start : chain->step[done - 1].value;
    if (chain->step[done].reversed) {
        append(out, length, "%d%c%d", chain->step[done].number, chain->step[done].op, core);
    } else {
        append(out, length, "%d%c%d", core, chain->step[done].op, chain->step[done].number);
    }
    for (uint32_t s = done + 1; s < chain->steps; s++) {
        append(out, length, ")");
        if (!chain->step[s].reversed) {
            append(out, length, "%c%d", chain->step[s].op, chain->step[s].number);
        }
    }
}

size_t chain_write_box(const Chain *chain, char out[CHAIN_TEXT_BYTES])
{
    size_t length = 0;
    chain_write_from(chain, 0, out, &length);
    return length;
}

size_t chain_write_attempt(const Chain *chain, char out[CHAIN_TEXT_BYTES])
{
    size_t length = 0;
    append(out, &length, "Try ");
    for (uint32_t done = 0; done < chain->steps; done++) {
        chain_write_from(chain, done, out, &length);
        append(out, &length, "=");
    }
    append(out, &length, "%d.", chain_value(chain));
    return length;
}

size_t chain_write_check(const Chain *chain, char out[CHAIN_TEXT_BYTES])
{
    size_t  length = 0;
    int32_t result = chain->start;
    for (uint32_t s = 0; s < chain->steps; s++) {
        int32_t left  = chain->step[s].reversed ? chain->step[s].number : result;
        int32_t right = chain->step[s].reversed ? result : chain->step[s].number;
        result        = chain->step[s].value;
        append(out, &length, "%d%c%d=%d%c", left, chain->step[s].op, right, result, s + 1 == chain->steps ? '.' : ',');
    }
    return length;
}
