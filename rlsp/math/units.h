/* Units of measurement as answers spell them: "cm^2", "square centimeters", "miles per hour", "dollars".
 *
 *     MathUnit unit = {0};
 *     if (math_unit_multiply(&unit, "cm", 2, 2)) …       // times cm^2; false: no unit known by that name
 *     math_units_equal(&unit, &other)
 */
#ifndef RLSP_MATH_UNITS_H
#define RLSP_MATH_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MATH_UNIT_PARTS = 4, MATH_UNIT_WORDS = 96 };

/* A product of powers, in the order of ids; and words that are no unit of the list ("children tickets"). */
typedef struct MathUnit {
    struct {
        uint8_t id;
        int8_t  power; /* not 0 */
    } part[MATH_UNIT_PARTS];
    uint8_t count;
    bool    degree;                 /* of angle */
    char    words[MATH_UNIT_WORDS]; /* lower case, a space before each and one at the end; "": none */
} MathUnit;

/* Whether these letters name a unit, and not only as a single letter. */
bool math_unit_known(const char *name, size_t length);

/* unit *= name^power. False: unknown, or too many factors. */
bool math_unit_multiply(MathUnit *unit, const char *name, size_t length, int power);

/* Appends a word that is no unit. False: too long. */
bool math_unit_word(MathUnit *unit, const char *word, size_t length);

bool math_unit_is_none(const MathUnit *unit);
bool math_units_equal(const MathUnit *a, const MathUnit *b);

/* Every word of `part` is one of `whole`, and no known units differ: "tickets", "children tickets". */
bool math_unit_words_within(const MathUnit *part, const MathUnit *whole);

#endif
