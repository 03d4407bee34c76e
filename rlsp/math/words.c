#include "rlsp/math/words.h"

#include <string.h>

static const MathWord commands[] = {
    {"frac", TOKEN_FRAC, 0},
    {"dfrac", TOKEN_FRAC, 0},
    {"tfrac", TOKEN_FRAC, 0},
    {"cfrac", TOKEN_FRAC, 0},
    {"binom", TOKEN_BINOM, 0},
    {"dbinom", TOKEN_BINOM, 0},
    {"tbinom", TOKEN_BINOM, 0},
    {"over", TOKEN_OVER, 0},
    {"choose", TOKEN_OVER, 1},
    {"sqrt", TOKEN_SQRT, 0},
    {"pi", TOKEN_PI, 0},
    {"infty", TOKEN_INFINITY, 0},
    {"infin", TOKEN_INFINITY, 0},
    {"pm", TOKEN_PLUS_MINUS, 0},
    {"mp", TOKEN_MINUS_PLUS, 0},
    {"times", TOKEN_TIMES, 0},
    {"cdot", TOKEN_TIMES, 0},
    {"ast", TOKEN_TIMES, 0},
    {"div", TOKEN_DIVIDE, 0},
    {"circ", TOKEN_DEGREE, 0},
    {"degree", TOKEN_DEGREE, 0},
    {"prime", TOKEN_PRIME, 0},
    {"angle", TOKEN_ANGLE, 0},
    {"measuredangle", TOKEN_ANGLE, 0},
    {"lbrace", TOKEN_OPEN_SET, 0},
    {"rbrace", TOKEN_CLOSE_SET, 0},
    {"langle", TOKEN_OPEN_ANGLE, 0},
    {"rangle", TOKEN_CLOSE_ANGLE, 0},
    {"lfloor", TOKEN_OPEN_FLOOR, 0},
    {"rfloor", TOKEN_CLOSE_FLOOR, 0},
    {"lceil", TOKEN_OPEN_CEILING, 0},
    {"rceil", TOKEN_CLOSE_CEILING, 0},
    {"lbrack", TOKEN_OPEN_SQUARE, 0},
    {"rbrack", TOKEN_CLOSE_SQUARE, 0},
    {"lparen", TOKEN_OPEN, 0},
    {"rparen", TOKEN_CLOSE, 0},
    {"lvert", TOKEN_BAR, 0},
    {"rvert", TOKEN_BAR, 0},
    {"vert", TOKEN_BAR, 0},
    {"mid", TOKEN_BAR, 0},
    {"colon", TOKEN_COLON, 0},
    {"land", TOKEN_AND, 0},
    {"wedge", TOKEN_AND, 0},
    {"lor", TOKEN_OR, 0},
    {"vee", TOKEN_OR, 0},
    {"ne", TOKEN_NOT_EQUAL, 0},
    {"neq", TOKEN_NOT_EQUAL, 0},
    {"lt", TOKEN_LESS, 0},
    {"le", TOKEN_LESS_EQUAL, 0},
    {"leq", TOKEN_LESS_EQUAL, 0},
    {"leqslant", TOKEN_LESS_EQUAL, 0},
    {"gt", TOKEN_GREATER, 0},
    {"ge", TOKEN_GREATER_EQUAL, 0},
    {"geq", TOKEN_GREATER_EQUAL, 0},
    {"geqslant", TOKEN_GREATER_EQUAL, 0},
    {"approx", TOKEN_APPROXIMATE, 0},
    {"in", TOKEN_IN, 0},
    {"cup", TOKEN_UNION, 0},
    {"bigcup", TOKEN_UNION, 0},
    {"cap", TOKEN_INTERSECTION, 0},
    {"bigcap", TOKEN_INTERSECTION, 0},
    {"setminus", TOKEN_SET_MINUS, 0},
    {"smallsetminus", TOKEN_SET_MINUS, 0},
    {"backslash", TOKEN_SET_MINUS, 0},
    {"emptyset", TOKEN_EMPTY_SET, 0},
    {"varnothing", TOKEN_EMPTY_SET, 0},
    {"R", TOKEN_NUMBER_SET, 0},
    {"cr", TOKEN_ROW, 0},
    {"lim", TOKEN_UNKNOWN, 0},
    /* functions */
    {"sin", TOKEN_FUNCTION, FUNCTION_SIN},
    {"cos", TOKEN_FUNCTION, FUNCTION_COS},
    {"tan", TOKEN_FUNCTION, FUNCTION_TAN},
    {"cot", TOKEN_FUNCTION, FUNCTION_COT},
    {"sec", TOKEN_FUNCTION, FUNCTION_SEC},
    {"csc", TOKEN_FUNCTION, FUNCTION_CSC},
    {"arcsin", TOKEN_FUNCTION, FUNCTION_ARCSIN},
    {"arccos", TOKEN_FUNCTION, FUNCTION_ARCCOS},
    {"arctan", TOKEN_FUNCTION, FUNCTION_ARCTAN},
    {"sinh", TOKEN_FUNCTION, FUNCTION_SINH},
    {"cosh", TOKEN_FUNCTION, FUNCTION_COSH},
    {"tanh", TOKEN_FUNCTION, FUNCTION_TANH},
    {"ln", TOKEN_FUNCTION, FUNCTION_LN},
    {"log", TOKEN_FUNCTION, FUNCTION_LOG},
    {"lg", TOKEN_FUNCTION, FUNCTION_LOG},
    {"exp", TOKEN_FUNCTION, FUNCTION_EXP},
    /* Greek */
    {"alpha", TOKEN_LETTER, 0},
    {"beta", TOKEN_LETTER, 0},
    {"gamma", TOKEN_LETTER, 0},
    {"delta", TOKEN_LETTER, 0},
    {"epsilon", TOKEN_LETTER, 0},
    {"varepsilon", TOKEN_LETTER, 0},
    {"zeta", TOKEN_LETTER, 0},
    {"eta", TOKEN_LETTER, 0},
    {"theta", TOKEN_LETTER, 0},
    {"vartheta", TOKEN_LETTER, 0},
    {"kappa", TOKEN_LETTER, 0},
    {"lambda", TOKEN_LETTER, 0},
    {"mu", TOKEN_LETTER, 0},
    {"nu", TOKEN_LETTER, 0},
    {"xi", TOKEN_LETTER, 0},
    {"rho", TOKEN_LETTER, 0},
    {"sigma", TOKEN_LETTER, 0},
    {"tau", TOKEN_LETTER, 0},
    {"phi", TOKEN_LETTER, 0},
    {"varphi", TOKEN_LETTER, 0},
    {"chi", TOKEN_LETTER, 0},
    {"psi", TOKEN_LETTER, 0},
    {"omega", TOKEN_LETTER, 0},
    {"Gamma", TOKEN_LETTER, 0},
    {"Delta", TOKEN_LETTER, 0},
    {"Theta", TOKEN_LETTER, 0},
    {"Lambda", TOKEN_LETTER, 0},
    {"Sigma", TOKEN_LETTER, 0},
    {"Phi", TOKEN_LETTER, 0},
    {"Psi", TOKEN_LETTER, 0},
    {"Omega", TOKEN_LETTER, 0},
    {"ell", TOKEN_LETTER, 0},
    /* spaces, sizes, styles */
    {"quad", WORD_SPACE, 0},
    {"qquad", WORD_SPACE, 0},
    {"enspace", WORD_SPACE, 0},
    {"thinspace", WORD_SPACE, 0},
    {"nobreakspace", WORD_SPACE, 0},
    {"left", WORD_DELIMITER, 0},
    {"right", WORD_DELIMITER, 0},
    {"big", WORD_NOTHING, 0},
    {"bigl", WORD_NOTHING, 0},
    {"bigr", WORD_NOTHING, 0},
    {"Big", WORD_NOTHING, 0},
    {"Bigl", WORD_NOTHING, 0},
    {"Bigr", WORD_NOTHING, 0},
    {"bigg", WORD_NOTHING, 0},
    {"biggl", WORD_NOTHING, 0},
    {"biggr", WORD_NOTHING, 0},
    {"Bigg", WORD_NOTHING, 0},
    {"Biggl", WORD_NOTHING, 0},
    {"Biggr", WORD_NOTHING, 0},
    {"displaystyle", WORD_NOTHING, 0},
    {"textstyle", WORD_NOTHING, 0},
    {"scriptstyle", WORD_NOTHING, 0},
    {"limits", WORD_NOTHING, 0},
    {"nolimits", WORD_NOTHING, 0},
    {"rm", WORD_NOTHING, 0},
    {"bf", WORD_NOTHING, 0},
    {"it", WORD_NOTHING, 0},
    {"boxed", WORD_STYLE, 0},
    {"fbox", WORD_STYLE, 0},
    {"ensuremath", WORD_STYLE, 0},
    {"mathbf", WORD_STYLE, 0},
    {"mathit", WORD_STYLE, 0},
    {"mathsf", WORD_STYLE, 0},
    {"mathtt", WORD_STYLE, 0},
    {"mathcal", WORD_STYLE, 0},
    {"mathnormal", WORD_STYLE, 0},
    {"boldsymbol", WORD_STYLE, 0},
    {"bm", WORD_STYLE, 0},
    {"pmb", WORD_STYLE, 0},
    {"overline", WORD_STYLE, 0},
    {"text", WORD_ROMAN, 0},
    {"textbf", WORD_ROMAN, 0},
    {"textit", WORD_ROMAN, 0},
    {"textrm", WORD_ROMAN, 0},
    {"textsf", WORD_ROMAN, 0},
    {"texttt", WORD_ROMAN, 0},
    {"textsc", WORD_ROMAN, 0},
    {"textnormal", WORD_ROMAN, 0},
    {"emph", WORD_ROMAN, 0},
    {"underline", WORD_ROMAN, 0},
    {"mbox", WORD_ROMAN, 0},
    {"hbox", WORD_ROMAN, 0},
    {"mathrm", WORD_ROMAN, 0},
    {"operatorname", WORD_ROMAN, 0},
    {"mathop", WORD_ROMAN, 0},
    {"mathbb", WORD_BLACKBOARD, 0},
    {"Bbb", WORD_BLACKBOARD, 0},
};

static const MathWord plain_words[] = {
    {"sqrt", TOKEN_FUNCTION, FUNCTION_SQRT},
    {"sin", TOKEN_FUNCTION, FUNCTION_SIN},
    {"cos", TOKEN_FUNCTION, FUNCTION_COS},
    {"tan", TOKEN_FUNCTION, FUNCTION_TAN},
    {"cot", TOKEN_FUNCTION, FUNCTION_COT},
    {"sec", TOKEN_FUNCTION, FUNCTION_SEC},
    {"csc", TOKEN_FUNCTION, FUNCTION_CSC},
    {"arcsin", TOKEN_FUNCTION, FUNCTION_ARCSIN},
    {"arccos", TOKEN_FUNCTION, FUNCTION_ARCCOS},
    {"arctan", TOKEN_FUNCTION, FUNCTION_ARCTAN},
    {"asin", TOKEN_FUNCTION, FUNCTION_ARCSIN},
    {"acos", TOKEN_FUNCTION, FUNCTION_ARCCOS},
    {"atan", TOKEN_FUNCTION, FUNCTION_ARCTAN},
    {"ln", TOKEN_FUNCTION, FUNCTION_LN},
    {"log", TOKEN_FUNCTION, FUNCTION_LOG},
    {"exp", TOKEN_FUNCTION, FUNCTION_EXP},
    {"abs", TOKEN_FUNCTION, FUNCTION_ABS},
    {"floor", TOKEN_FUNCTION, FUNCTION_FLOOR},
    {"ceil", TOKEN_FUNCTION, FUNCTION_CEILING},
    {"pi", TOKEN_PI, 0},
    {"inf", TOKEN_INFINITY, 0},
    {"infty", TOKEN_INFINITY, 0},
    {"infinity", TOKEN_INFINITY, 0},
    {"and", TOKEN_AND, 0},
    {"or", TOKEN_OR, 0},
    {"percent", TOKEN_PERCENT, 0},
    {"degrees", TOKEN_DEGREE, 0},
    {"degree", TOKEN_DEGREE, 0},
    {"deg", TOKEN_DEGREE, 0},
};

static const MathWord signs[] = {
    {"\xE2\x88\x9A", TOKEN_ROOT_SIGN, 0},     /* √ */
    {"\xCF\x80", TOKEN_PI, 0},                /* π */
    {"\xE2\x88\x9E", TOKEN_INFINITY, 0},      /* ∞ */
    {"\xE2\x88\xAA", TOKEN_UNION, 0},         /* ∪ */
    {"\xE2\x8B\x83", TOKEN_UNION, 0},         /* ⋃ */
    {"\xE2\x88\xA9", TOKEN_INTERSECTION, 0},  /* ∩ */
    {"\xE2\x88\x96", TOKEN_SET_MINUS, 0},     /* ∖ */
    {"\xE2\x88\x88", TOKEN_IN, 0},            /* ∈ */
    {"\xE2\x88\x85", TOKEN_EMPTY_SET, 0},     /* ∅ */
    {"\xE2\x84\x9D", TOKEN_NUMBER_SET, 0},    /* ℝ */
    {"\xE2\x88\x92", TOKEN_MINUS, 0},         /* − */
    {"\xE2\x80\x93", TOKEN_MINUS, 0},         /* – */
    {"\xC3\x97", TOKEN_TIMES, 0},             /* × */
    {"\xC2\xB7", TOKEN_TIMES, 0},             /* · */
    {"\xE2\x8B\x85", TOKEN_TIMES, 0},         /* ⋅ */
    {"\xC3\xB7", TOKEN_DIVIDE, 0},            /* ÷ */
    {"\xE2\x81\x84", TOKEN_DIVIDE, 0},        /* ⁄ */
    {"\xC2\xB0", TOKEN_DEGREE, 0},            /* ° */
    {"\xC2\xBA", TOKEN_DEGREE, 0},            /* º */
    {"\xE2\x88\x98", TOKEN_DEGREE, 0},        /* ∘ */
    {"\xC2\xB1", TOKEN_PLUS_MINUS, 0},        /* ± */
    {"\xE2\x88\x93", TOKEN_MINUS_PLUS, 0},    /* ∓ */
    {"\xE2\x89\xA4", TOKEN_LESS_EQUAL, 0},    /* ≤ */
    {"\xE2\x89\xA5", TOKEN_GREATER_EQUAL, 0}, /* ≥ */
    {"\xE2\xA9\xBD", TOKEN_LESS_EQUAL, 0},    /* ⩽ */
    {"\xE2\xA9\xBE", TOKEN_GREATER_EQUAL, 0}, /* ⩾ */
    {"\xE2\x89\xA0", TOKEN_NOT_EQUAL, 0},     /* ≠ */
    {"\xE2\x89\x88", TOKEN_APPROXIMATE, 0},   /* ≈ */
    {"\xE2\x88\xA0", TOKEN_ANGLE, 0},         /* ∠ */
    {"\xE2\x80\xB2", TOKEN_PRIME, 0},         /* ′ */
    {"\xE2\x80\x99", TOKEN_PRIME, 0},         /* ’ */
    {"\xCE\xB1", TOKEN_LETTER, 'a'},          /* α */
    {"\xCE\xB2", TOKEN_LETTER, 'b'},          /* β */
    {"\xCE\xB8", TOKEN_LETTER, 't'},          /* θ */
    {"\xCE\xBB", TOKEN_LETTER, 'l'},          /* λ */
    {"\xE2\x82\xAC", TOKEN_WORD, 0},          /* € */
    {"\xC2\xA2", TOKEN_WORD, 0},              /* ¢ */
    {"\xC2\xA0", WORD_SPACE, 0},              /* no-break space */
    {"\xE2\x80\x89", WORD_SPACE, 0},          /* thin space */
    {"\xE2\x80\xAF", WORD_SPACE, 0},          /* narrow no-break space */
    {"<=", TOKEN_LESS_EQUAL, 0},
    {">=", TOKEN_GREATER_EQUAL, 0},
    {"!=", TOKEN_NOT_EQUAL, 0},
    {"**", TOKEN_CARET, 0},
    {"+/-", TOKEN_PLUS_MINUS, 0},
    {"+", TOKEN_PLUS, 0},
    {"-", TOKEN_MINUS, 0},
    {"*", TOKEN_TIMES, 0},
    {"/", TOKEN_DIVIDE, 0},
    {"^", TOKEN_CARET, 0},
    {"_", TOKEN_SUBSCRIPT, 0},
    {"=", TOKEN_EQUAL, 0},
    {"<", TOKEN_LESS, 0},
    {">", TOKEN_GREATER, 0},
    {"!", TOKEN_FACTORIAL, 0},
    {"%", TOKEN_PERCENT, 0},
    {"'", TOKEN_PRIME, 0},
    {"|", TOKEN_BAR, 0},
    {"(", TOKEN_OPEN, 0},
    {")", TOKEN_CLOSE, 0},
    {"[", TOKEN_OPEN_SQUARE, 0},
    {"]", TOKEN_CLOSE_SQUARE, 0},
    {",", TOKEN_COMMA, 0},
    {";", TOKEN_SEMICOLON, 0},
    {":", TOKEN_COLON, 0},
    {"&", TOKEN_CELL, 0},
};

static const char *const superscripts[] = {
    "0\xE2\x81\xB0", "1\xC2\xB9",     "2\xC2\xB2",     "3\xC2\xB3",     "4\xE2\x81\xB4",
    "5\xE2\x81\xB5", "6\xE2\x81\xB6", "7\xE2\x81\xB7", "8\xE2\x81\xB8", "9\xE2\x81\xB9",
};

const MathWord *math_command(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].name[0] == name[0] && strncmp(commands[i].name, name, length) == 0 &&
            commands[i].name[length] == '\0') {
            return &commands[i];
        }
    }
    return NULL;
}

const MathWord *math_plain_word(const char *name, size_t length)
{
    for (size_t i = 0; i < sizeof plain_words / sizeof plain_words[0]; i++) {
        size_t k = 0;
        while (k < length && (name[k] | 32) == plain_words[i].name[k]) {
            k++;
        }
        if (k == length && plain_words[i].name[k] == '\0') {
            return &plain_words[i];
        }
    }
    return NULL;
}

const MathWord *math_sign(const char *text, size_t available, size_t *length)
{
    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (signs[i].name[0] != text[0]) {
            continue;
        }
        size_t n = strlen(signs[i].name);
        if (n <= available && memcmp(text, signs[i].name, n) == 0) {
            *length = n;
            return &signs[i];
        }
    }
    return NULL;
}

const char *math_superscript(const char *text, size_t available, size_t *length)
{
    for (size_t i = 0; i < sizeof superscripts / sizeof superscripts[0]; i++) {
        size_t n = strlen(superscripts[i] + 1);
        if (n <= available && memcmp(text, superscripts[i] + 1, n) == 0) {
            *length = n;
            return superscripts[i];
        }
    }
    return NULL;
}
