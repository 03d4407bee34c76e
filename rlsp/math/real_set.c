#include "rlsp/math/real_set.h"

#include <math.h>

#include "rlsp/math/parse.h"

static MathTerm child(MathTerm term, int node)
{
    return (MathTerm){term.tree, node, term.signs};
}

/* -1, 0, 1 as a is before, at, after b; 2: cannot be told. */
static int order(MathEqual *equal, const MathEnd *a, const MathEnd *b)
{
    if (a->infinity != 0 || b->infinity != 0) {
        return (a->infinity > b->infinity) - (a->infinity < b->infinity);
    }
    double gap = a->value - b->value, scale = fmax(fabs(a->value), fabs(b->value));
    if (fabs(gap) > 1e-9 * scale) {
        return gap < 0 ? -1 : 1;
    }
    MathSameness same = math_equal(equal, a->term, b->term);
    return same == MATH_SAME ? 0 : same == MATH_UNDECIDED || gap == 0 ? 2 : gap < 0 ? -1 : 1;
}

static MathStatus add(MathRealSet *set, MathEnd low, MathEnd high)
{
    if (set->count == MATH_SEGMENTS_MAX) {
        return MATH_LIMIT;
    }
    set->segment[set->count].low    = low;
    set->segment[set->count++].high = high;
    return MATH_OK;
}

static MathStatus end_of(MathEqual *equal, MathTerm term, bool closed, MathEnd *end)
{
    int node = term.node, sign = 1;
    while (math_is(term.tree, node, NODE_NEGATE)) {
        sign = -sign;
        node = math_first(term.tree, node);
    }
    *end = (MathEnd){.term = term, .closed = closed};
    if (math_is(term.tree, node, NODE_INFINITY)) {
        end->infinity = sign;
        return closed ? MATH_UNDEFINED : MATH_OK;
    }
    if (math_contains(term.tree, term.node, NODE_PLUS_MINUS) || !math_approximate(equal, term, &end->value)) {
        return equal->status == MATH_LIMIT ? MATH_LIMIT : MATH_INEXACT;
    }
    return MATH_OK;
}

static const MathEnd below_all = {.infinity = -1}, above_all = {.infinity = 1};

/* Sorts, and merges what touches. */
static MathStatus normalise(MathRealSet *set, MathEqual *equal)
{
    for (size_t i = 1; i < set->count; i++) {
        for (size_t k = i; k > 0; k--) {
            int at = order(equal, &set->segment[k].low, &set->segment[k - 1].low);
            if (at == 2) {
                return MATH_LIMIT;
            }
            if (at > 0 || (at == 0 && (set->segment[k - 1].low.closed || !set->segment[k].low.closed))) {
                break;
            }
            MathRealSet swap    = {.count = 1};
            swap.segment[0]     = set->segment[k];
            set->segment[k]     = set->segment[k - 1];
            set->segment[k - 1] = swap.segment[0];
        }
    }
    size_t kept = 0;
    for (size_t i = 1; i < set->count; i++) {
        MathEnd *end   = &set->segment[kept].high;
        int      touch = order(equal, &set->segment[i].low, end);
        int      reach = order(equal, &set->segment[i].high, end);
        if (touch == 2 || reach == 2) {
            return MATH_LIMIT;
        }
        if (touch > 0 || (touch == 0 && !end->closed && !set->segment[i].low.closed)) {
            set->segment[++kept] = set->segment[i];
        } else if (reach > 0) {
            *end = set->segment[i].high;
        } else if (reach == 0) {
            end->closed = end->closed || set->segment[i].high.closed;
        }
    }
    set->count = set->count == 0 ? 0 : kept + 1;
    return MATH_OK;
}

/* Of a normalised set. */
static MathStatus complement(MathRealSet *set)
{
    MathRealSet result = {.variable = set->variable};
    MathEnd     low    = below_all;
    MathStatus  status = MATH_OK;
    for (size_t i = 0; i < set->count && status == MATH_OK; i++) {
        MathEnd high = set->segment[i].low;
        high.closed  = high.infinity == 0 && !high.closed;
        if (high.infinity == 0) {
            status = add(&result, low, high);
        }
        low        = set->segment[i].high;
        low.closed = low.infinity == 0 && !low.closed;
    }
    if (status == MATH_OK && low.infinity <= 0) {
        status = add(&result, low, above_all);
    }
    *set = result;
    return status;
}

static MathStatus segment(MathRealSet *set, MathEqual *equal, MathTerm from, MathTerm to, int closed)
{
    MathEnd    low, high;
    MathStatus status = end_of(equal, from, (closed & MATH_CLOSED_LEFT) != 0, &low);
    if (status == MATH_OK) {
        status = end_of(equal, to, (closed & MATH_CLOSED_RIGHT) != 0, &high);
    }
    if (status != MATH_OK) {
        return status;
    }
    int rising = order(equal, &low, &high);
    if (rising > 0 || (rising == 0 && !(low.closed && high.closed))) {
        return rising == 2 ? MATH_LIMIT : MATH_UNDEFINED;
    }
    return add(set, low, high);
}

static MathStatus points(MathRealSet *set, MathEqual *equal, MathTerm term)
{
    MathStatus status = MATH_OK;
    for (int node = math_first(term.tree, term.node); node >= 0 && status == MATH_OK;
         node     = math_next(term.tree, node)) {
        status = segment(set, equal, child(term, node), child(term, node), MATH_CLOSED_LEFT | MATH_CLOSED_RIGHT);
    }
    return status;
}

/* set = set with other: union, intersection (by complements) or difference. Both are normalised. */
static MathStatus combine(MathRealSet *set, MathRealSet *other, MathEqual *equal, MathKind kind)
{
    MathStatus status = MATH_OK;
    if (set->variable >= 0 && other->variable >= 0 && set->variable != other->variable) {
        return MATH_INEXACT;
    }
    set->variable = set->variable >= 0 ? set->variable : other->variable;
    if (kind != NODE_UNION) { /* A and B: not (not A or not B); A without B: not (not A or B) */
        status = complement(set);
        if (status == MATH_OK && kind == NODE_INTERSECTION) {
            status = complement(other);
        }
    }
    for (size_t i = 0; i < other->count && status == MATH_OK; i++) {
        status = add(set, other->segment[i].low, other->segment[i].high);
    }
    status = status == MATH_OK ? normalise(set, equal) : status;
    return status == MATH_OK && kind != NODE_UNION ? complement(set) : status;
}

static MathStatus fold(MathRealSet *set, MathEqual *equal, MathTerm term, MathKind kind)
{
    MathStatus status = MATH_OK;
    for (int node = math_first(term.tree, term.node); node >= 0 && status == MATH_OK;
         node     = math_next(term.tree, node)) {
        MathRealSet next;
        bool        first = node == math_first(term.tree, term.node);
        status            = math_real_set(first ? set : &next, equal, child(term, node));
        if (status == MATH_OK && !first) {
            status = combine(set, &next, equal, kind);
        }
    }
    return status;
}

/* One relation between a variable and a bound: x < a is what lies below a. */
static MathStatus bound(MathRealSet *set, MathEqual *equal, MathTerm limit, uint8_t relation, bool variable_left)
{
    bool       less   = relation == TOKEN_LESS || relation == TOKEN_LESS_EQUAL;
    bool       more   = relation == TOKEN_GREATER || relation == TOKEN_GREATER_EQUAL;
    bool       closed = relation == TOKEN_LESS_EQUAL || relation == TOKEN_GREATER_EQUAL;
    MathEnd    end;
    MathStatus status = end_of(equal, limit, closed, &end);
    if (status != MATH_OK || (end.infinity != 0 && !less && !more)) {
        return status == MATH_OK ? MATH_UNDEFINED : status;
    }
    if (less || more) {
        bool below = less == variable_left;
        if (end.infinity != 0 && (end.infinity > 0) != below) {
            return MATH_UNDEFINED;
        }
        return below ? add(set, below_all, end) : add(set, end, above_all);
    }
    if (relation != TOKEN_EQUAL && relation != TOKEN_NOT_EQUAL) {
        return MATH_INEXACT;
    }
    end.closed = true;
    status     = add(set, end, end);
    return status == MATH_OK && relation == TOKEN_NOT_EQUAL ? complement(set) : status;
}

/* a < x <= b, x > a, x in A: in solved form only. */
static MathStatus inequality(MathRealSet *set, MathEqual *equal, MathTerm term)
{
    const MathTree *tree = term.tree;
    int             left = math_first(tree, term.node), variable = -1;
    MathStatus      status = MATH_OK;
    bool            first  = true;
    for (int right = math_next(tree, left); right >= 0 && status == MATH_OK;
         left = right, right = math_next(tree, right)) {
        uint8_t     relation      = math_node(tree, right)->relation;
        bool        variable_left = math_is(tree, left, NODE_VARIABLE);
        int         alone = variable_left ? left : right, other = variable_left ? right : left;
        MathRealSet next = {.variable = -1};
        if (!math_is(tree, alone, NODE_VARIABLE) || math_has_variable(tree, other) ||
            (variable >= 0 && variable != math_node(tree, alone)->value)) {
            return MATH_INEXACT;
        }
        variable = math_node(tree, alone)->value;
        status = relation == TOKEN_IN ? (variable_left ? math_real_set(&next, equal, child(term, other)) : MATH_INEXACT)
                                      : bound(&next, equal, child(term, other), relation, variable_left);
        if (first) {
            *set  = next;
            first = false;
        } else if (status == MATH_OK) {
            status = combine(set, &next, equal, NODE_INTERSECTION);
        }
    }
    set->variable = variable;
    return status;
}

MathStatus math_real_set(MathRealSet *set, MathEqual *equal, MathTerm term)
{
    const MathNode *node   = math_node(term.tree, term.node);
    MathStatus      status = MATH_INEXACT;
    *set                   = (MathRealSet){.variable = -1};
    switch (node->kind) {
    case NODE_TUPLE:
        if (math_children(term.tree, term.node) == 2 && node->op != MATH_ANGLES) {
            status =
                segment(set, equal, child(term, node->first), child(term, math_second(term.tree, term.node)), node->op);
        }
        return status;
    case NODE_SET: status = points(set, equal, term); return status == MATH_OK ? normalise(set, equal) : status;
    case NODE_EMPTY_SET: return MATH_OK;
    case NODE_NUMBER_SET: return node->op == 'R' ? add(set, below_all, above_all) : MATH_INEXACT;
    case NODE_UNION:
    case NODE_INTERSECTION:
    case NODE_SET_MINUS: return fold(set, equal, term, (MathKind)node->kind);
    case NODE_RELATION: return inequality(set, equal, term);
    case NODE_LIST: /* x < 1 or x > 3; 2 < x and x < 3 */
        for (int element = node->first; element >= 0; element = math_next(term.tree, element)) {
            if (!math_is(term.tree, element, NODE_RELATION)) {
                return MATH_INEXACT;
            }
        }
        return fold(set, equal, term, node->op == 'a' ? NODE_INTERSECTION : NODE_UNION);
    default: return MATH_INEXACT;
    }
}

MathSameness math_real_sets_same(MathEqual *equal, const MathRealSet *gold, const MathRealSet *answer)
{
    if (gold->count != answer->count ||
        (gold->variable >= 0 && answer->variable >= 0 && gold->variable != answer->variable)) {
        return MATH_DIFFERENT;
    }
    for (size_t i = 0; i < gold->count; i++) {
        const MathEnd *ends[2][2] = {{&gold->segment[i].low, &answer->segment[i].low},
                                     {&gold->segment[i].high, &answer->segment[i].high}};
        for (int k = 0; k < 2; k++) {
            int at = order(equal, ends[k][0], ends[k][1]);
            if (at != 0 || ends[k][0]->closed != ends[k][1]->closed) {
                return at == 2 ? MATH_UNDECIDED : MATH_DIFFERENT;
            }
        }
    }
    return MATH_SAME;
}
