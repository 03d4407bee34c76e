/* Expression trees of answers.
 *
 *     MathTree tree;
 *     if (math_tree_init(&tree, &names)) …
 *     int sum = math_tree_node(&tree, NODE_ADD);          // -1: no room
 *     math_tree_append(&tree, sum, math_tree_number(&tree, "1.5", 3));
 *     math_tree_free(&tree);
 *
 * Nodes are indices. Sums and products have any number of children, so that trees are
 * no deeper than what is nested in the answer. a - b is a + (-b); a / b is a * (1/b).
 */
#ifndef RLSP_MATH_TREE_H
#define RLSP_MATH_TREE_H

#include <gmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rlsp/math/token.h"
#include "rlsp/math/units.h"

enum {
    MATH_NODES_MAX   = 4096,
    MATH_NUMBERS_MAX = 1024, /* literals of a tree                   */
    MATH_UNITS_MAX   = 64,   /* quantities of a tree                 */
    MATH_NAMES_MAX   = 48,   /* different variables of both answers  */
    MATH_NAME_BYTES  = 24,
    MATH_BITS_MAX    = 16384, /* of an exact numerator or denominator */
    MATH_SIGNS_MAX   = 4      /* plus-minus signs of one expression   */
};

typedef enum MathKind {
    NODE_NUMBER,   /* value: index of the literal                                        */
    NODE_VARIABLE, /* value: index of the name                                           */
    NODE_PI,
    NODE_EULER,
    NODE_IMAGINARY,
    NODE_INFINITY,
    NODE_ADD,
    NODE_MULTIPLY,
    NODE_NEGATE,
    NODE_INVERT,
    NODE_PLUS_MINUS, /* op: '+' for plus-minus, '-' for minus-plus; value: which one of its expression */
    NODE_POWER,      /* base, exponent        */
    NODE_ROOT,       /* radicand[, degree: 2] */
    NODE_FUNCTION,   /* op: MathFunction; argument[, base of a logarithm]              */
    NODE_FACTORIAL,
    NODE_BINOMIAL,
    NODE_DEGREE, /* of angle */
    NODE_PERCENT,
    NODE_BASED, /* value: name that holds the digits; child: the base                  */
    NODE_TUPLE, /* op: how it opens and closes, two of ( [ < packed by MATH_BRACKETS     */
    NODE_SET,
    NODE_LIST, /* op: ',' or 'o' (or) or 'a' (and)                                   */
    NODE_UNION,
    NODE_INTERSECTION,
    NODE_SET_MINUS,
    NODE_NUMBER_SET, /* op: the letter */
    NODE_EMPTY_SET,
    NODE_MATRIX,   /* value: columns; children row by row                                */
    NODE_RELATION, /* children; from the second on `relation` is the TOKEN_… before it    */
    NODE_QUANTITY, /* value: index of the unit                                           */
    NODE_RATIO     /* a : b                                                              */
} MathKind;

typedef struct MathNode {
    uint8_t kind, op, relation;
    bool    grouped; /* parentheses stood around it  */
    int32_t value;
    int32_t first, next; /* children; -1: none       */
} MathNode;

typedef struct MathNames {
    size_t count;
    char   text[MATH_NAMES_MAX][MATH_NAME_BYTES];
} MathNames;

/* A literal: its value, and how it was written. */
typedef struct MathLiteral {
    mpq_t    value;
    uint16_t decimals, digits; /* behind the point; significant ones */
    bool     integer;          /* digits only                        */
} MathLiteral;

typedef struct MathTree {
    MathNode    *nodes;
    MathLiteral *literals;
    MathUnit    *units;
    MathNames   *names; /* shared by trees, so that one variable has one index */
    int          node_count, literal_count, unit_count;
    bool         full; /* something did not fit: the answer is past a limit   */
} MathTree;

/* False: out of memory. */
bool math_tree_init(MathTree *tree, MathNames *names);
void math_tree_free(MathTree *tree);
void math_tree_clear(MathTree *tree);

/* Each gives the node, or -1 with tree->full set. A child of -1 makes nothing. */
int  math_tree_node(MathTree *tree, MathKind kind);
int  math_tree_over(MathTree *tree, MathKind kind, int child);             /* with one child     */
int  math_tree_pair(MathTree *tree, MathKind kind, int first, int second); /* with two       */
void math_tree_append(MathTree *tree, int parent, int child);              /* child is in no list */
/* From the text of a TOKEN_NUMBER; -1 also where it is too large. */
int math_tree_number(MathTree *tree, const char *text, size_t length);
int math_tree_variable(MathTree *tree, const char *name, size_t length);

/* A copy of a node and all below it; it is in no list. -1: no room. */
int math_tree_clone(MathTree *tree, int node);

static inline MathNode *math_node(const MathTree *tree, int node)
{
    return &tree->nodes[node];
}
static inline int math_first(const MathTree *tree, int node)
{
    return tree->nodes[node].first;
}
static inline int math_next(const MathTree *tree, int node)
{
    return tree->nodes[node].next;
}
int  math_second(const MathTree *tree, int node); /* -1: none */
int  math_children(const MathTree *tree, int node);
bool math_is(const MathTree *tree, int node, MathKind kind);

/* An expression with its signs chosen: bit k of `signs` turns plus-minus k into minus. */
typedef struct MathTerm {
    const MathTree *tree;
    int             node;
    uint32_t        signs;
} MathTerm;

/* Whether the plus-minus at term.node is a minus. */
bool math_sign_is_minus(MathTerm term);

/* The trees are the same, order included. */
bool math_same(MathTerm a, MathTerm b);

/* Whether a variable is in it. */
bool math_has_variable(const MathTree *tree, int node);
/* Whether a node of this kind is in it. */
bool math_contains(const MathTree *tree, int node, MathKind kind);

#endif
