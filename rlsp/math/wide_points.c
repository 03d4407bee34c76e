#include "rlsp/math/wide_points.h"

#include <math.h>

#include "rlsp/math/evaluate.h"
#include "rlsp/math/points.h"

/* LOW..HIGH: exponents of 2. SIDES: below, above and at a number, and at its negative. */
enum { LOW = -12, HIGH = 38, STEPS = 25, SIDES = 6 };

/* A power whose exponent is a whole number that is written there. */
static bool is_whole_power(const MathTree *tree, int node)
{
    int exponent = math_second(tree, node);
    if (exponent >= 0 && math_is(tree, exponent, NODE_NEGATE)) {
        exponent = math_first(tree, exponent);
    }
    return exponent >= 0 && math_is(tree, exponent, NODE_NUMBER) &&
           mpz_cmp_ui(mpq_denref(tree->literals[math_node(tree, exponent)->value].value), 1) == 0;
}

/* More than sums, products, quotients and whole powers of variables. The whole tree is looked at, whatever else is in
 * it: more points do no harm. */
static bool is_rational(const MathTree *tree)
{
    for (int i = 0; i < tree->node_count; i++) {
        const uint8_t kind    = tree->nodes[i].kind;
        const bool    suspect = kind == NODE_ROOT || kind == NODE_FUNCTION || kind == NODE_FACTORIAL ||
                             kind == NODE_BINOMIAL || (kind == NODE_POWER && !is_whole_power(tree, i));
        if (suspect && math_has_variable(tree, i)) {
            return false;
        }
    }
    return true;
}

static void add_numbers(MathWidePoints *wide, const MathTree *tree)
{
    const double one = (double)((uint64_t)1 << MATH_POINT_SHIFT);
    for (int i = 0; i < tree->literal_count && wide->number_count < MATH_WIDE_NUMBERS; i++) {
        const double value = fabs(mpq_get_d(tree->literals[i].value));
        if (!(value >= ldexp(1, LOW) && value < ldexp(1, HIGH))) {
            continue;
        }
        const long number = lround(value * one);
        int        at     = 0;
        while (at < wide->number_count && wide->numbers[at] != number) {
            at++;
        }
        wide->numbers[at]  = number;
        wide->number_count = at == wide->number_count ? at + 1 : wide->number_count;
    }
}

void math_wide_points(MathWidePoints *wide, uint64_t seed, size_t names, MathTerm a, MathTerm b)
{
    *wide = (MathWidePoints){.seed = seed, .names = names};
    if (names == 0 || (is_rational(a.tree) && is_rational(b.tree))) {
        return;
    }
    add_numbers(wide, a.tree);
    add_numbers(wide, b.tree);
    const int variables = names < MATH_WIDE_VARIABLES ? (int)names : MATH_WIDE_VARIABLES;
    wide->steps         = 2 * STEPS; /* each magnitude twice: all variables alike, and one of them apart */
    wide->count         = 1 + wide->steps + wide->number_count * SIDES * variables;
}

/* In [0, 2^53), other for each (index, variable). */
static uint64_t random_of(const MathWidePoints *wide, int index, size_t variable)
{
    const uint64_t parts[2] = {(uint64_t)index, variable};
    return math_hash(wide->seed, (const char *)parts, sizeof parts) >> 11;
}

/* A magnitude within step `step` of STEPS, with a sign. */
static long of_step(int step, uint64_t random, bool negative)
{
    const double within = (double)(random >> 1) * 0x1p-52;
    const double size   = exp2(LOW + (step + within) * (HIGH - LOW) / STEPS + MATH_POINT_SHIFT);
    const long   value  = lround(size) + 1;
    return negative ? -value : value;
}

/* Beside a number by up to 1, and by no more than a half of it. */
static long beside(long number, int side, uint64_t random)
{
    const long one = 1L << MATH_POINT_SHIFT, half = number / 2 < one ? number / 2 : one;
    const long off = 1 + (long)(random % (uint64_t)(half > 0 ? half : 1));
    return side == 0 ? number - off : side == 1 ? number + off : number;
}

void math_wide_point(const MathWidePoints *wide, int index, long *point)
{
    const int special = index - 1 - wide->steps; /* among those around numbers */
    for (size_t i = 0; i < wide->names; i++) {
        const uint64_t random = random_of(wide, index, i);
        if (index == 0) {
            point[i] = 0;
        } else if (special < 0) { /* signs: of the first variable in turn, of the others by chance */
            const int  turn = index - 1, step = turn % STEPS;
            const bool apart = turn >= STEPS && i % 2 == 1;
            const bool minus = i == 0 ? (turn / STEPS + step) % 2 == 1 : (random & 1) != 0;
            point[i]         = of_step(apart ? (step + STEPS / 3) % STEPS : step, random, minus);
        } else {
            const int  number = special / SIDES % wide->number_count, side = special % 3;
            const long value = beside(wide->numbers[number], side, random);
            const bool here  = (size_t)(special / SIDES / wide->number_count) == i;
            point[i]         = here ? (special / 3 % 2 == 0 ? value : -value)
                                    : of_step((int)(random >> 32) % STEPS, random, (random & 1) != 0);
        }
    }
}
