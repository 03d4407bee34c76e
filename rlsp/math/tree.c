#include "rlsp/math/tree.h"

#include <stdlib.h>
#include <string.h>

bool math_tree_init(MathTree *tree, MathNames *names)
{
    *tree = (MathTree){.names    = names,
                       .nodes    = malloc(MATH_NODES_MAX * sizeof(MathNode)),
                       .literals = malloc(MATH_NUMBERS_MAX * sizeof(MathLiteral)),
                       .units    = malloc(MATH_UNITS_MAX * sizeof(MathUnit))};
    if (tree->nodes == NULL || tree->literals == NULL || tree->units == NULL) {
        math_tree_free(tree);
        return false;
    }
    return true;
}

void math_tree_clear(MathTree *tree)
{
    for (int i = 0; i < tree->literal_count; i++) {
        mpq_clear(tree->literals[i].value);
    }
    tree->node_count = tree->literal_count = tree->unit_count = 0;
    tree->full                                                = false;
}

void math_tree_free(MathTree *tree)
{
    math_tree_clear(tree);
    free(tree->nodes);
    free(tree->literals);
    free(tree->units);
    *tree = (MathTree){0};
}

int math_tree_node(MathTree *tree, MathKind kind)
{
    if (tree->node_count == MATH_NODES_MAX) {
        tree->full = true;
        return -1;
    }
    tree->nodes[tree->node_count] = (MathNode){.kind = (uint8_t)kind, .first = -1, .next = -1};
    return tree->node_count++;
}

void math_tree_append(MathTree *tree, int parent, int child)
{
    if (parent < 0 || child < 0) {
        return;
    }
    int *link = &tree->nodes[parent].first;
    while (*link >= 0) {
        link = &tree->nodes[*link].next;
    }
    *link                   = child;
    tree->nodes[child].next = -1;
}

int math_tree_over(MathTree *tree, MathKind kind, int child)
{
    int node = child < 0 ? -1 : math_tree_node(tree, kind);
    math_tree_append(tree, node, child);
    return node;
}

int math_tree_pair(MathTree *tree, MathKind kind, int first, int second)
{
    int node = second < 0 ? -1 : math_tree_over(tree, kind, first);
    math_tree_append(tree, node, second);
    return node;
}

int math_tree_clone(MathTree *tree, int node)
{
    int copy = math_tree_node(tree, (MathKind)tree->nodes[node].kind);
    if (copy < 0) {
        return -1;
    }
    tree->nodes[copy]       = tree->nodes[node];
    tree->nodes[copy].first = tree->nodes[copy].next = -1;
    int last                                         = -1;
    for (int child = tree->nodes[node].first; child >= 0; child = tree->nodes[child].next) {
        int made = math_tree_clone(tree, child);
        if (made < 0) {
            return -1;
        }
        *(last < 0 ? &tree->nodes[copy].first : &tree->nodes[last].next) = made;
        last                                                             = made;
    }
    return copy;
}

int math_second(const MathTree *tree, int node)
{
    int first = tree->nodes[node].first;
    return first < 0 ? -1 : tree->nodes[first].next;
}

int math_children(const MathTree *tree, int node)
{
    int count = 0;
    for (int child = tree->nodes[node].first; child >= 0; child = tree->nodes[child].next) {
        count++;
    }
    return count;
}

bool math_is(const MathTree *tree, int node, MathKind kind)
{
    return node >= 0 && tree->nodes[node].kind == kind;
}

/* The parts of a literal's text: "12.5(3)e-4". */
typedef struct Spelling {
    char     digits[MATH_TEXT_MAX + 1]; /* all of them, the repeated ones too */
    size_t   count, decimals, repeated;
    long     exponent;
    bool     point, scientific;
    uint16_t significant;
} Spelling;

static bool spell(const char *text, size_t length, Spelling *spelling)
{
    size_t i        = 0;
    spelling->count = spelling->decimals = spelling->repeated = 0;
    spelling->exponent                                        = 0;
    spelling->point = spelling->scientific = false;
    bool repeating                         = false;
    for (; i < length && text[i] != 'e'; i++) {
        if (text[i] == '.') {
            spelling->point = true;
        } else if (text[i] == '(') {
            repeating = true;
        } else if (text[i] >= '0' && text[i] <= '9') {
            if (spelling->count == MATH_TEXT_MAX) {
                return false;
            }
            spelling->digits[spelling->count++] = text[i];
            spelling->decimals += spelling->point;
            spelling->repeated += repeating;
        }
    }
    spelling->digits[spelling->count] = '\0';
    if (i < length) {
        char *end;
        char  exponent[8]    = {0};
        spelling->scientific = true;
        if (length - i - 1 >= sizeof exponent) {
            return false;
        }
        memcpy(exponent, text + i + 1, length - i - 1);
        spelling->exponent = strtol(exponent, &end, 10);
    }
    size_t zeros          = strspn(spelling->digits, "0");
    spelling->significant = (uint16_t)(spelling->count - zeros);
    return spelling->count > 0;
}

/* value = digits * 10^(exponent - decimals), and the repeated digits are over 99…9. */
static bool literal_value(const Spelling *spelling, mpq_t value)
{
    long shift = spelling->exponent - (long)spelling->decimals;
    if (spelling->count * 10 / 3 > MATH_BITS_MAX || shift > MATH_BITS_MAX / 4 || shift < -MATH_BITS_MAX / 4) {
        return false;
    }
    mpz_t ten;
    mpz_init(ten);
    mpz_set_str(mpq_numref(value), spelling->digits, 10);
    mpz_set_ui(mpq_denref(value), 1);
    if (spelling->repeated > 0) {
        /* x = a.b(r): all digits minus those before the repetition, over 9…90…0 */
        char head[MATH_TEXT_MAX + 1];
        memcpy(head, spelling->digits, spelling->count - spelling->repeated);
        head[spelling->count - spelling->repeated] = '\0';
        if (mpz_set_str(ten, head[0] == '\0' ? "0" : head, 10) == 0) {
            mpz_sub(mpq_numref(value), mpq_numref(value), ten);
        }
        mpz_ui_pow_ui(ten, 10, spelling->repeated);
        mpz_sub_ui(mpq_denref(value), ten, 1);
        shift += (long)spelling->repeated;
    }
    mpz_ui_pow_ui(ten, 10, (unsigned long)labs(shift));
    if (shift >= 0) {
        mpz_mul(mpq_numref(value), mpq_numref(value), ten);
    } else {
        mpz_mul(mpq_denref(value), mpq_denref(value), ten);
    }
    mpz_clear(ten);
    mpq_canonicalize(value);
    return true;
}

int math_tree_number(MathTree *tree, const char *text, size_t length)
{
    Spelling spelling;
    if (!spell(text, length, &spelling) || tree->literal_count == MATH_NUMBERS_MAX) {
        tree->full = true;
        return -1;
    }
    MathLiteral *literal = &tree->literals[tree->literal_count];
    mpq_init(literal->value);
    if (!literal_value(&spelling, literal->value)) {
        mpq_clear(literal->value);
        tree->full = true;
        return -1;
    }
    literal->decimals = (uint16_t)spelling.decimals;
    literal->digits   = spelling.repeated > 0 || spelling.scientific ? 0 : spelling.significant;
    literal->integer  = !spelling.point && !spelling.scientific;
    tree->literal_count++;
    int node = math_tree_node(tree, NODE_NUMBER);
    if (node >= 0) {
        tree->nodes[node].value = tree->literal_count - 1;
    }
    return node;
}

int math_tree_variable(MathTree *tree, const char *name, size_t length)
{
    MathNames *names = tree->names;
    size_t     i     = 0;
    if (length >= MATH_NAME_BYTES || memchr(name, '\0', length) != NULL) {
        tree->full = true;
        return -1;
    }
    while (i < names->count && (strlen(names->text[i]) != length || memcmp(names->text[i], name, length) != 0)) {
        i++;
    }
    if (i == MATH_NAMES_MAX) {
        tree->full = true;
        return -1;
    }
    if (i == names->count) {
        memcpy(names->text[i], name, length);
        names->text[i][length] = '\0';
        names->count++;
    }
    int node = math_tree_node(tree, NODE_VARIABLE);
    if (node >= 0) {
        tree->nodes[node].value = (int32_t)i;
    }
    return node;
}

bool math_sign_is_minus(MathTerm term)
{
    const MathNode *node = math_node(term.tree, term.node);
    return ((term.signs >> node->value & 1) != 0) != (node->op == '-');
}

bool math_same(MathTerm a, MathTerm b)
{
    const MathNode *left = math_node(a.tree, a.node), *right = math_node(b.tree, b.node);
    if (left->kind != right->kind) {
        return false;
    }
    switch (left->kind) {
    case NODE_NUMBER: return mpq_equal(a.tree->literals[left->value].value, b.tree->literals[right->value].value) != 0;
    case NODE_QUANTITY:
        if (!math_units_equal(&a.tree->units[left->value], &b.tree->units[right->value])) {
            return false;
        }
        break;
    case NODE_PLUS_MINUS:
        if (math_sign_is_minus(a) != math_sign_is_minus(b)) {
            return false;
        }
        break;
    default:
        if (left->value != right->value || left->op != right->op) {
            return false;
        }
    }
    int i = left->first, k = right->first;
    for (; i >= 0 && k >= 0; i = math_next(a.tree, i), k = math_next(b.tree, k)) {
        if (math_node(a.tree, i)->relation != math_node(b.tree, k)->relation ||
            !math_same((MathTerm){a.tree, i, a.signs}, (MathTerm){b.tree, k, b.signs})) {
            return false;
        }
    }
    return i < 0 && k < 0;
}

bool math_contains(const MathTree *tree, int node, MathKind kind)
{
    if (tree->nodes[node].kind == kind) {
        return true;
    }
    for (int child = tree->nodes[node].first; child >= 0; child = tree->nodes[child].next) {
        if (math_contains(tree, child, kind)) {
            return true;
        }
    }
    return false;
}

bool math_has_variable(const MathTree *tree, int node)
{
    return math_contains(tree, node, NODE_VARIABLE);
}
