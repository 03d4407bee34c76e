#include "rlsp/math/compare.h"

#include "rlsp/math/comparer.h"
#include "rlsp/math/parse.h"

MathSameness comparer_say(MathCompare *compare, MathSameness same, const char *rule)
{
    compare->rule = rule;
    return same;
}

bool math_is_list(const MathTree *tree, int root)
{
    if (math_is(tree, root, NODE_RELATION) && math_children(tree, root) == 2) {
        root = math_second(tree, root); /* x = \pm 3, x \in \{1, 2\} */
    }
    return math_is(tree, root, NODE_LIST) || math_is(tree, root, NODE_SET) ||
           math_contains(tree, root, NODE_PLUS_MINUS);
}

static MathSameness compare_scalars(MathCompare *compare, Side gold, Side answer)
{
    MathSameness same = math_equal(&compare->equal, side_term(gold), side_term(answer));
    compare->rule     = compare->equal.rule;
    return same;
}

/* Gold carries a percent sign: the value, or the bare number of percent. */
static MathSameness compare_percent(MathCompare *compare, Side gold, Side answer)
{
    MathSameness same = compare_scalars(compare, gold, answer);
    if (same == MATH_SAME || math_contains(answer.tree, answer.node, NODE_PERCENT)) {
        return same;
    }
    MathSameness bare = compare_scalars(compare, side_at(gold, math_first(gold.tree, gold.node)), answer);
    return bare == MATH_SAME ? comparer_say(compare, MATH_SAME, "the number of percent without its sign") : same;
}

static const MathUnit *unit_of(Side side)
{
    return &side.tree->units[math_node(side.tree, side.node)->value];
}

/* Takes units off both sides. False: they rule the answer out. */
static bool strip_units(MathCompare *compare, Side *gold, Side *answer)
{
    bool wanted = side_kind(*gold) == NODE_QUANTITY, given = side_kind(*answer) == NODE_QUANTITY;
    if (wanted && given && !math_units_equal(unit_of(*gold), unit_of(*answer)) &&
        !math_unit_words_within(unit_of(*answer), unit_of(*gold))) {
        compare->rule = "another unit";
        return false;
    }
    if (!wanted && given && (unit_of(*answer)->words[0] != '\0' || side_kind(*gold) == NODE_PERCENT)) {
        compare->rule = "words that are no unit";
        return false;
    }
    *gold   = wanted ? side_at(*gold, math_first(gold->tree, gold->node)) : *gold;
    *answer = given ? side_at(*answer, math_first(answer->tree, answer->node)) : *answer;
    return true;
}

static MathSameness compare_children(MathCompare *compare, Side gold, Side answer, const char *rule)
{
    int i = math_first(gold.tree, gold.node), k = math_first(answer.tree, answer.node);
    if (math_children(gold.tree, gold.node) != math_children(answer.tree, answer.node)) {
        return comparer_say(compare, MATH_DIFFERENT, "another number of elements");
    }
    for (; i >= 0; i = math_next(gold.tree, i), k = math_next(answer.tree, k)) {
        MathSameness same = compare_element(compare, side_at(gold, i), side_at(answer, k));
        if (same != MATH_SAME) {
            return same;
        }
    }
    return comparer_say(compare, MATH_SAME, rule);
}

static bool has_infinity(Side side)
{
    return math_contains(side.tree, side.node, NODE_INFINITY);
}

/* (a, b) is a point or an open interval: only what is right as both is accepted. */
static MathSameness compare_tuples(MathCompare *compare, Side gold, Side answer)
{
    int  closed   = math_node(gold.tree, gold.node)->op;
    bool pair     = math_children(gold.tree, gold.node) == 2;
    bool interval = pair && closed != MATH_ANGLES && (closed != 0 || has_infinity(gold));
    if (side_kind(answer) == NODE_TUPLE) {
        int other = math_node(answer.tree, answer.node)->op;
        if ((closed & ~MATH_ANGLES) != (other & ~MATH_ANGLES)) {
            return comparer_say(compare, MATH_DIFFERENT, "brackets differ");
        }
        return compare_children(compare, gold, answer,
                                interval ? "intervals: ends and brackets" : "tuples: elements in order");
    }
    return interval ? compare_real_sets(compare, gold, answer) : comparer_say(compare, MATH_DIFFERENT, "not a tuple");
}

static bool is_scalar(Side side)
{
    switch (side_kind(side)) {
    case NODE_TUPLE:
    case NODE_SET:
    case NODE_LIST:
    case NODE_UNION:
    case NODE_INTERSECTION:
    case NODE_SET_MINUS:
    case NODE_NUMBER_SET:
    case NODE_EMPTY_SET:
    case NODE_MATRIX:
    case NODE_RELATION:
    case NODE_BASED:
    case NODE_RATIO: return false;
    default: return true;
    }
}

static MathSameness compare_relations(MathCompare *compare, Side gold, Side answer)
{
    int     second   = math_second(gold.tree, gold.node);
    uint8_t relation = math_node(gold.tree, second)->relation;
    if (relation == TOKEN_EQUAL) {
        return compare_equations(compare, gold, answer);
    }
    MathSameness same = compare_real_sets(compare, gold, answer);
    return same == MATH_UNDECIDED && compare->equal.status == MATH_INEXACT ? compare_inequalities(compare, gold, answer)
                                                                           : same;
}

MathSameness compare_element(MathCompare *compare, Side gold, Side answer)
{
    if (!strip_units(compare, &gold, &answer)) {
        return MATH_DIFFERENT;
    }
    if (math_same(side_term(gold), side_term(answer))) {
        return comparer_say(compare, MATH_SAME, "the same expression");
    }
    if (math_contains(gold.tree, gold.node, NODE_MATRIX) && side_kind(gold) != NODE_TUPLE) {
        return compare_matrices(compare, gold, answer);
    }
    switch (side_kind(gold)) {
    case NODE_TUPLE: return compare_tuples(compare, gold, answer);
    case NODE_RELATION: return compare_relations(compare, gold, answer);
    case NODE_UNION:
    case NODE_INTERSECTION:
    case NODE_SET_MINUS:
    case NODE_NUMBER_SET:
    case NODE_EMPTY_SET: return compare_real_sets(compare, gold, answer);
    case NODE_BASED: {
        bool same = side_kind(answer) == NODE_BASED &&
                    math_node(gold.tree, gold.node)->value == math_node(answer.tree, answer.node)->value;
        if (!same) {
            return comparer_say(compare, MATH_DIFFERENT, "other digits, or no base");
        }
        return compare_children(compare, gold, answer, "digits and base");
    }
    case NODE_RATIO:
        if (side_kind(answer) != NODE_RATIO) {
            return comparer_say(compare, MATH_DIFFERENT, "not a ratio");
        }
        return compare_children(compare, gold, answer, "ratio: both numbers");
    case NODE_PERCENT:
        return is_scalar(answer) ? compare_percent(compare, gold, answer)
                                 : comparer_say(compare, MATH_DIFFERENT, "another kind of answer");
    case NODE_SET:
    case NODE_LIST: return compare_lists(compare, gold, answer);
    default: break;
    }
    return is_scalar(answer) ? compare_scalars(compare, gold, answer)
                             : comparer_say(compare, MATH_DIFFERENT, "another kind of answer");
}

static bool has_choices(Side side)
{
    return side_kind(side) == NODE_LIST || side_kind(side) == NODE_SET ||
           math_contains(side.tree, side.node, NODE_PLUS_MINUS);
}

/* A list of inequalities is a set of numbers: x < 1 or x > 3. */
static bool is_inequalities(Side side)
{
    if (side_kind(side) != NODE_LIST) {
        return false;
    }
    for (int node = math_first(side.tree, side.node); node >= 0; node = math_next(side.tree, node)) {
        if (!math_is(side.tree, node, NODE_RELATION) ||
            math_node(side.tree, math_second(side.tree, node))->relation == TOKEN_EQUAL) {
            return false;
        }
    }
    return true;
}

MathSameness math_compare(MathCompare *compare, MathTree *gold, int gold_root, MathTree *answer, int answer_root)
{
    int  gold_name = -1, answer_name = -1;
    bool agrees   = true;
    Side wanted   = strip_gold_prefix((Side){gold, gold_root, 0}, &gold_name);
    Side given    = {answer, answer_root, 0};
    bool equation = side_kind(wanted) == NODE_RELATION;
    if (!equation) {
        given = strip_answer_prefix(compare, given, &answer_name, &agrees);
    }
    if (!agrees) {
        return comparer_say(compare, MATH_DIFFERENT, "a chain whose sides differ");
    }
    if (!names_agree(gold, gold_name, answer_name)) {
        return comparer_say(compare, MATH_DIFFERENT, "another variable");
    }
    bool sets = is_inequalities(wanted) || side_kind(wanted) == NODE_UNION || side_kind(wanted) == NODE_SET_MINUS ||
                (is_inequalities(given) && !has_choices(wanted));
    if (sets && side_kind(wanted) != NODE_TUPLE) {
        return compare_real_sets(compare, wanted, given);
    }
    if (has_choices(wanted) || has_choices(given)) {
        if (side_kind(wanted) == NODE_TUPLE && is_inequalities(given)) {
            return compare_element(compare, wanted, given);
        }
        return compare_lists(compare, wanted, given);
    }
    return compare_element(compare, wanted, given);
}
