#include "rlsp/math/units.h"

#include <string.h>

/* A row for each unit, its spellings parted by spaces. Where one is a single letter it counts in roman type only. */
static const char *const units[] = {
    " mm millimeter millimeters millimetre millimetres ",
    " cm centimeter centimeters centimetre centimetres ",
    " m meter meters metre metres ",
    " km kilometer kilometers kilometre kilometres ",
    " in inch inches ",
    " ft foot feet ",
    " yd yds yard yards ",
    " mi mile miles ",
    " mg milligram milligrams ",
    " g gram grams gm ",
    " kg kilogram kilograms ",
    " oz ounce ounces ",
    " lb lbs pound pounds ",
    " ton tons tonne tonnes ",
    " s sec secs second seconds ",
    " min mins minute minutes ",
    " h hr hrs hour hours ",
    " day days ",
    " week weeks ",
    " month months ",
    " yr yrs year years ",
    " ml milliliter milliliters millilitre millilitres ",
    " l liter liters litre litres ",
    " gal gallon gallons ",
    " qt quart quarts ",
    " pt pint pints ",
    " cup cups ",
    " tbsp tablespoon tablespoons ",
    " tsp teaspoon teaspoons ",
    " dollar dollars usd $ ",
    " cent cents \xC2\xA2 ",
    " euro euros \xE2\x82\xAC ",
    " radian radians rad ",
    " unit units ",
    " acre acres ",
    " n newton newtons ",
    " j joule joules ",
    " w watt watts ",
    " hz hertz ",
    " point points ",
    " people ",
    " person persons ",
    " student students ",
    " way ways ",
    " time times ",
    " item items ",
    " piece pieces ",
    " mph ",
    " rpm ",
    " kph kmph ",
    " sqft ",
};
enum { UNIT_COUNT = sizeof units / sizeof units[0], POWER_MAX = 4 };

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static int find(const char *name, size_t length)
{
    char padded[24];
    if (length == 0 || length > sizeof padded - 3) {
        return -1;
    }
    padded[0] = ' ';
    for (size_t i = 0; i < length; i++) {
        padded[1 + i] = lower(name[i]);
    }
    padded[length + 1] = ' ';
    padded[length + 2] = '\0';
    if (strlen(padded) != length + 2 || memchr(name, ' ', length) != NULL) {
        return -1;
    }
    for (int i = 0; i < (int)UNIT_COUNT; i++) {
        if (strstr(units[i], padded) != NULL) {
            return i;
        }
    }
    return -1;
}

bool math_unit_known(const char *name, size_t length)
{
    static const char *const helpers[] = {"square", "cubic", "sq", "cu", "per", "squared", "cubed"};
    for (size_t i = 0; i < sizeof helpers / sizeof helpers[0]; i++) {
        if (strlen(helpers[i]) == length && memcmp(name, helpers[i], length) == 0) {
            return true;
        }
    }
    return length > 1 && find(name, length) >= 0;
}

static bool multiply_id(MathUnit *unit, uint8_t id, int power)
{
    size_t at = 0;
    while (at < unit->count && unit->part[at].id < id) {
        at++;
    }
    if (at < unit->count && unit->part[at].id == id) {
        int sum              = unit->part[at].power + power;
        unit->part[at].power = (int8_t)sum;
        return sum != 0 && sum >= -POWER_MAX && sum <= POWER_MAX;
    }
    if (unit->count == MATH_UNIT_PARTS) {
        return false;
    }
    memmove(&unit->part[at + 1], &unit->part[at], (unit->count - at) * sizeof unit->part[0]);
    unit->part[at].id    = id;
    unit->part[at].power = (int8_t)power;
    unit->count++;
    return true;
}

bool math_unit_multiply(MathUnit *unit, const char *name, size_t length, int power)
{
    int id = find(name, length);
    if (id < 0 || power == 0 || power < -POWER_MAX || power > POWER_MAX) {
        return false;
    }
    if (strcmp(units[id], " mph ") == 0) {
        return math_unit_multiply(unit, "mi", 2, power) && math_unit_multiply(unit, "h", 1, -power);
    }
    if (strcmp(units[id], " kph kmph ") == 0) {
        return math_unit_multiply(unit, "km", 2, power) && math_unit_multiply(unit, "h", 1, -power);
    }
    if (strcmp(units[id], " sqft ") == 0) {
        return math_unit_multiply(unit, "ft", 2, 2 * power);
    }
    return multiply_id(unit, (uint8_t)id, power);
}

bool math_unit_word(MathUnit *unit, const char *word, size_t length)
{
    size_t at = strlen(unit->words);
    if (memchr(word, '\0', length) != NULL || at + length + 2 >= sizeof unit->words) {
        return false;
    }
    if (at == 0) {
        unit->words[at++] = ' ';
    }
    for (size_t i = 0; i < length; i++) {
        unit->words[at++] = lower(word[i]);
    }
    unit->words[at++] = ' ';
    unit->words[at]   = '\0';
    return true;
}

bool math_unit_is_none(const MathUnit *unit)
{
    return unit->count == 0 && !unit->degree && unit->words[0] == '\0';
}

static bool same_parts(const MathUnit *a, const MathUnit *b)
{
    bool same = a->count == b->count && a->degree == b->degree;
    for (size_t i = 0; same && i < a->count; i++) {
        same = a->part[i].id == b->part[i].id && a->part[i].power == b->part[i].power;
    }
    return same;
}

bool math_units_equal(const MathUnit *a, const MathUnit *b)
{
    return same_parts(a, b) && strcmp(a->words, b->words) == 0;
}

bool math_unit_words_within(const MathUnit *part, const MathUnit *whole)
{
    if (part->count > 0 ? !same_parts(part, whole) : part->degree != whole->degree) {
        return false;
    }
    const char *at = part->words;
    while (at[0] == ' ' && at[1] != '\0') {
        const char *end = strchr(at + 1, ' ');
        size_t      n   = (size_t)(end - at) + 1;
        bool        hit = false;
        for (const char *in = whole->words; !hit && strlen(in) >= n; in++) {
            hit = memcmp(in, at, n) == 0;
        }
        if (!hit) {
            return false;
        }
        at = end;
    }
    return true;
}
