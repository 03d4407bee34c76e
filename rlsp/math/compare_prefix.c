/* What stands before an equals sign: "x = 5", "f(x) = …", "\angle A = …", "y \in …". */
#include <math.h>
#include <string.h>

#include "rlsp/math/comparer.h"

static bool is_variable(Side side, int node)
{
    return math_is(side.tree, node, NODE_VARIABLE);
}

static const char *name_at(Side side, int node)
{
    return side.tree->names->text[math_node(side.tree, node)->value];
}

static bool is_angle(Side side, int node)
{
    return is_variable(side, node) && strncmp(name_at(side, node), "angle", 5) == 0;
}

/* A capital, as of a point. */
static bool is_geometric(Side side, int node)
{
    return is_variable(side, node) && name_at(side, node)[0] >= 'A' && name_at(side, node)[0] <= 'Z';
}

/* (x), (2), (x, y): what a function is applied to; x(y + 1) is a product. */
static bool is_argument(Side side, int node)
{
    uint8_t kind = math_node(side.tree, node)->kind;
    return (math_node(side.tree, node)->grouped &&
            (kind == NODE_VARIABLE || kind == NODE_NUMBER || kind == NODE_NEGATE)) ||
           kind == NODE_TUPLE;
}

static bool all_variables(Side side, int node)
{
    for (int child = math_first(side.tree, node); child >= 0; child = math_next(side.tree, child)) {
        if (!is_variable(side, child)) {
            return false;
        }
    }
    return true;
}

/* A thing with a name: a variable, f(x), AB, m\angle A, (x, y); not 2x and not x + y. */
static bool is_name(Side side, int node)
{
    const MathTree *tree = side.tree;
    if (is_variable(side, node) || (math_is(tree, node, NODE_TUPLE) && all_variables(side, node))) {
        return true;
    }
    if (!math_is(tree, node, NODE_MULTIPLY) || !is_variable(side, math_first(tree, node))) {
        return false;
    }
    int second = math_second(tree, node);
    if (math_children(tree, node) == 2 && (is_argument(side, second) || is_angle(side, second))) {
        return true; /* f(x), m\angle A */
    }
    for (int child = math_first(tree, node); child >= 0; child = math_next(tree, child)) {
        if (!is_geometric(side, child)) {
            return false;
        }
    }
    return true;
}

static int name_of(Side side, int node)
{
    return is_variable(side, node) ? math_node(side.tree, node)->value : -1;
}

/* Names of a list's elements, where each is "name = value" or a value alone and the names agree. */
static bool strip_list(Side list, int *name)
{
    MathTree *tree = list.tree;
    *name          = -1;
    for (int node = math_first(tree, list.node); node >= 0; node = math_next(tree, node)) {
        if (!math_is(tree, node, NODE_RELATION)) {
            continue;
        }
        int left = math_first(tree, node), right = math_next(tree, left);
        if (math_children(tree, node) != 2 || math_node(tree, right)->relation != TOKEN_EQUAL ||
            !is_variable(list, left) || math_has_variable(tree, right) ||
            !names_agree(tree, *name, name_of(list, left))) {
            return false;
        }
        *name = name_of(list, left);
    }
    if (*name < 0) {
        return false;
    }
    int *link = &math_node(tree, list.node)->first;
    while (*link >= 0) {
        int node = *link;
        if (math_is(tree, node, NODE_RELATION)) {
            int value                    = math_second(tree, node);
            math_node(tree, value)->next = math_node(tree, node)->next;
            *link                        = value;
            node                         = value;
        }
        link = &math_node(tree, node)->next;
    }
    return true;
}

bool names_agree(const MathTree *tree, int gold, int answer)
{
    if (gold < 0 || answer < 0 || gold == answer) {
        return true;
    }
    /* x_1 and x_2 are both solutions for x */
    const char *a = tree->names->text[gold], *b = tree->names->text[answer];
    size_t      n = strcspn(a, "_");
    return strcspn(b, "_") == n && memcmp(a, b, n) == 0;
}

Side strip_gold_prefix(Side gold, int *name)
{
    MathTree *tree = gold.tree;
    *name          = -1;
    if (side_kind(gold) == NODE_LIST) {
        strip_list(gold, name);
        return gold;
    }
    if (side_kind(gold) != NODE_RELATION || math_children(tree, gold.node) != 2) {
        return gold;
    }
    int     left = math_first(tree, gold.node), right = math_next(tree, left);
    uint8_t relation = math_node(tree, right)->relation;
    bool    value =
        relation == TOKEN_EQUAL && is_name(gold, left) && (!is_variable(gold, left) || !math_has_variable(tree, right));
    if (value || (relation == TOKEN_IN && is_variable(gold, left))) {
        *name = name_of(gold, left);
        return side_at(gold, right);
    }
    return gold;
}

/* Numbers that are near each other, as one is the other rounded. */
static bool nearly(MathCompare *compare, Side side, int a, int b)
{
    double x, y;
    return math_approximate(&compare->equal, side_term(side_at(side, a)), &x) &&
           math_approximate(&compare->equal, side_term(side_at(side, b)), &y) && fabs(x - y) <= 0.01 * fabs(x);
}

Side strip_answer_prefix(MathCompare *compare, Side answer, int *name, bool *agrees)
{
    MathTree *tree = answer.tree;
    *name          = -1;
    *agrees        = true;
    if (side_kind(answer) == NODE_LIST) {
        strip_list(answer, name);
        return answer;
    }
    if (side_kind(answer) != NODE_RELATION) {
        return answer;
    }
    int first = math_first(tree, answer.node), chosen = -1;
    if (math_node(tree, math_second(tree, answer.node))->relation == TOKEN_IN) {
        *name = name_of(answer, first);
        return is_variable(answer, first) && math_children(tree, answer.node) == 2
                   ? side_at(answer, math_second(tree, answer.node))
                   : answer;
    }
    for (int node = first; node >= 0; node = math_next(tree, node)) {
        uint8_t relation = node == first ? (uint8_t)TOKEN_EQUAL : math_node(tree, node)->relation;
        if (relation == TOKEN_APPROXIMATE && math_next(tree, node) < 0 && chosen >= 0) {
            *agrees = nearly(compare, answer, chosen, node); /* 1/3 \approx 0.333: the first is the answer */
            return *agrees ? side_at(answer, chosen) : answer;
        }
        if (relation != TOKEN_EQUAL) {
            return answer;
        }
        bool behind = *name < 0 && math_next(tree, node) < 0 && is_variable(answer, node); /* 5 = x */
        if ((node == first && is_name(answer, node)) || behind) {
            *name = name_of(answer, node);
        } else if (chosen >= 0 && math_equal(&compare->equal, side_term(side_at(answer, chosen)),
                                             side_term(side_at(answer, node))) != MATH_SAME) {
            *agrees = false;
            return answer;
        } else {
            chosen = node;
        }
    }
    return chosen < 0 ? answer : side_at(answer, chosen);
}
