/* Comparing's own pieces, shared by compare*.c. */
#ifndef RLSP_MATH_COMPARER_H
#define RLSP_MATH_COMPARER_H

#include "rlsp/math/compare.h"

/* A node of a tree that may grow, with its plus-minus signs chosen. */
typedef struct Side {
    MathTree *tree;
    int       node;
    uint32_t  signs;
} Side;

static inline MathTerm side_term(Side side)
{
    return (MathTerm){side.tree, side.node, side.signs};
}
static inline Side side_at(Side side, int node)
{
    return (Side){side.tree, node, side.signs};
}
static inline uint8_t side_kind(Side side)
{
    return math_node(side.tree, side.node)->kind;
}

/* Says why, and gives the verdict. */
MathSameness comparer_say(MathCompare *compare, MathSameness same, const char *rule);

/* One element with another: anything but lists and what stands before an equals sign. */
MathSameness compare_element(MathCompare *compare, Side gold, Side answer);

MathSameness compare_lists(MathCompare *compare, Side gold, Side answer);
MathSameness compare_matrices(MathCompare *compare, Side gold, Side answer);
MathSameness compare_equations(MathCompare *compare, Side gold, Side answer);
MathSameness compare_inequalities(MathCompare *compare, Side gold, Side answer);
MathSameness compare_real_sets(MathCompare *compare, Side gold, Side answer);

/* "x = 5" to 5, "x \in A" to A. What stood there in *name (a variable's index; -1: nothing, or no variable). */
Side strip_gold_prefix(Side gold, int *name);
/* The same for an answer; also the last side of a chain whose sides agree. *agrees: they do. */
Side strip_answer_prefix(MathCompare *compare, Side answer, int *name, bool *agrees);
/* Two names that may stand for the same thing: equal, or one is missing. */
bool names_agree(const MathTree *tree, int gold, int answer);

#endif
