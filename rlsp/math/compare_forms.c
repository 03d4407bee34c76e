/* Matrices, equations, inequalities, sets of real numbers. */
#include "rlsp/math/comparer.h"
#include "rlsp/math/real_set.h"

static MathSameness full(MathCompare *compare)
{
    compare->equal.status = MATH_LIMIT;
    return comparer_say(compare, MATH_UNDECIDED, "too large");
}

/* A matrix with what it is multiplied by: the scalar's factors are the other children of a product. */
typedef struct Scaled {
    int  matrix;  /* -1: none          */
    int  product; /* -1: no factor     */
    bool minus;
} Scaled;

static Scaled scaled(const MathTree *tree, int node)
{
    Scaled result = {-1, -1, false};
    if (math_is(tree, node, NODE_NEGATE)) {
        node         = math_first(tree, node);
        result.minus = true;
    }
    if (math_is(tree, node, NODE_MATRIX)) {
        result.matrix = node;
    } else if (math_is(tree, node, NODE_MULTIPLY)) {
        result.product = node;
        for (int child = math_first(tree, node); child >= 0; child = math_next(tree, child)) {
            if (math_is(tree, child, NODE_MATRIX)) {
                if (result.matrix >= 0) {
                    return (Scaled){-1, -1, false};
                }
                result.matrix = child;
            } else if (math_contains(tree, child, NODE_MATRIX)) {
                return (Scaled){-1, -1, false};
            }
        }
    }
    return result;
}

/* The cell with the matrix's factors. -1: no room. */
static int scaled_cell(MathTree *tree, Scaled matrix, int cell)
{
    int node = cell;
    if (matrix.product >= 0) {
        node = math_tree_over(tree, NODE_MULTIPLY, math_tree_clone(tree, cell));
        for (int child = math_first(tree, matrix.product); child >= 0 && node >= 0; child = math_next(tree, child)) {
            int factor = child == matrix.matrix ? -1 : math_tree_clone(tree, child);
            math_tree_append(tree, node, factor);
        }
    }
    if (matrix.minus) {
        node = math_tree_over(tree, NODE_NEGATE, node == cell ? math_tree_clone(tree, cell) : node);
    }
    return tree->full ? -1 : node;
}

MathSameness compare_matrices(MathCompare *compare, Side gold, Side answer)
{
    Scaled wanted = scaled(gold.tree, gold.node), given = scaled(answer.tree, answer.node);
    if (wanted.matrix < 0 || given.matrix < 0) {
        return comparer_say(compare, MATH_DIFFERENT, "not a matrix");
    }
    if (math_node(gold.tree, wanted.matrix)->value != math_node(answer.tree, given.matrix)->value ||
        math_children(gold.tree, wanted.matrix) != math_children(answer.tree, given.matrix)) {
        return comparer_say(compare, MATH_DIFFERENT, "another shape");
    }
    int i = math_first(gold.tree, wanted.matrix), k = math_first(answer.tree, given.matrix);
    for (; i >= 0; i = math_next(gold.tree, i), k = math_next(answer.tree, k)) {
        int left = scaled_cell(gold.tree, wanted, i), right = scaled_cell(answer.tree, given, k);
        if (left < 0 || right < 0) {
            return full(compare);
        }
        MathSameness same = compare_element(compare, side_at(gold, left), side_at(answer, right));
        if (same != MATH_SAME) {
            return same;
        }
    }
    return comparer_say(compare, MATH_SAME, "matrices: shape and elements");
}

/* left - right of a relation with two sides; -1: not that, or no room. */
static int difference(Side side)
{
    MathTree *tree = side.tree;
    if (side_kind(side) != NODE_RELATION || math_children(tree, side.node) != 2) {
        return -1;
    }
    int left  = math_tree_clone(tree, math_first(tree, side.node));
    int right = math_tree_clone(tree, math_second(tree, side.node));
    return math_tree_pair(tree, NODE_ADD, left, math_tree_over(tree, NODE_NEGATE, right));
}

static uint8_t relation_of(Side side)
{
    return math_node(side.tree, math_second(side.tree, side.node))->relation;
}

/* a = b = c: side by side, where both have as many */
static MathSameness compare_chains(MathCompare *compare, Side gold, Side answer)
{
    int i = math_first(gold.tree, gold.node), k = math_first(answer.tree, answer.node);
    if (side_kind(answer) != NODE_RELATION ||
        math_children(gold.tree, gold.node) != math_children(answer.tree, answer.node)) {
        return comparer_say(compare, MATH_DIFFERENT, "another chain");
    }
    for (; i >= 0; i = math_next(gold.tree, i), k = math_next(answer.tree, k)) {
        MathSameness same = math_node(gold.tree, i)->relation == math_node(answer.tree, k)->relation
                                ? compare_element(compare, side_at(gold, i), side_at(answer, k))
                                : MATH_DIFFERENT;
        if (same != MATH_SAME) {
            return comparer_say(compare, same, "another chain");
        }
    }
    return comparer_say(compare, MATH_SAME, "the same chain");
}

MathSameness compare_equations(MathCompare *compare, Side gold, Side answer)
{
    if (math_children(gold.tree, gold.node) != 2) {
        return compare_chains(compare, gold, answer);
    }
    if (side_kind(answer) != NODE_RELATION || math_children(answer.tree, answer.node) != 2 ||
        relation_of(answer) != TOKEN_EQUAL) {
        return comparer_say(compare, MATH_DIFFERENT, "not an equation");
    }
    int left = difference(gold), right = difference(answer);
    if (left < 0 || right < 0) {
        return full(compare);
    }
    MathSameness same =
        math_proportional(&compare->equal, side_term(side_at(gold, left)), side_term(side_at(answer, right)), false);
    return comparer_say(compare, same, "equations: one is a multiple of the other");
}

MathSameness compare_inequalities(MathCompare *compare, Side gold, Side answer)
{
    if (side_kind(answer) != NODE_RELATION || math_children(answer.tree, answer.node) != 2 ||
        math_children(gold.tree, gold.node) != 2) {
        return comparer_say(compare, MATH_DIFFERENT, "not an inequality");
    }
    static const struct {
        uint8_t relation, turned;
    } kinds[]      = {{TOKEN_LESS, TOKEN_GREATER},
                      {TOKEN_GREATER, TOKEN_LESS},
                      {TOKEN_LESS_EQUAL, TOKEN_GREATER_EQUAL},
                      {TOKEN_GREATER_EQUAL, TOKEN_LESS_EQUAL}};
    uint8_t wanted = relation_of(gold), given = relation_of(answer);
    for (size_t i = 0; i < 4; i++) {
        if (kinds[i].relation != wanted || (given != wanted && given != kinds[i].turned)) {
            continue;
        }
        int left = difference(gold), right = difference(answer);
        if (left < 0 || right < 0) {
            return full(compare);
        }
        right             = given == wanted ? right : math_tree_over(answer.tree, NODE_NEGATE, right);
        MathSameness same = right < 0 ? MATH_UNDECIDED
                                      : math_proportional(&compare->equal, side_term(side_at(gold, left)),
                                                          side_term(side_at(answer, right)), true);
        return comparer_say(compare, same, "inequalities: one is a positive multiple of the other");
    }
    return comparer_say(compare, MATH_DIFFERENT, "another relation");
}

MathSameness compare_real_sets(MathCompare *compare, Side gold, Side answer)
{
    MathRealSet wanted, given;
    MathStatus  status = math_real_set(&wanted, &compare->equal, side_term(gold));
    if (status != MATH_OK) {
        compare->equal.status = status;
        return comparer_say(compare, MATH_UNDECIDED, "not a set of real numbers");
    }
    status = math_real_set(&given, &compare->equal, side_term(answer));
    if (status != MATH_OK) {
        return comparer_say(compare, status == MATH_LIMIT ? MATH_UNDECIDED : MATH_DIFFERENT,
                            "not a set of real numbers, or not solved");
    }
    return comparer_say(compare, math_real_sets_same(&compare->equal, &wanted, &given),
                        "sets of real numbers: ends and brackets");
}
