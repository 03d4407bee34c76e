/* Loops: text that says again what it has said, for highlighting.
 *
 *     bool *copy = calloc(length, sizeof *copy);
 *     trace_loops(text, length, copy);              // copy[i]: byte i belongs to a second or later copy
 *
 * For any text, of any task. Two views of it are searched: words (what white space separates;
 * sequences of LOOP_WORDS, as in the repetition gate of the reward) and, for loops without spaces
 * ("1+1+1+…"), finer units (a run of letters or of digits, else one character; sequences of LOOP_UNITS).
 * A sequence that occurred before is part of a loop if it occurs three times or more, or if the
 * copied stretch is twice as long as the sequence: quoting a phrase once is no loop.
 */
#ifndef RLSP_TRACE_LOOPS_H
#define RLSP_TRACE_LOOPS_H

#include <stdbool.h>
#include <stddef.h>

enum {
    LOOP_WORDS = 6,
    LOOP_UNITS = 32,
    LOOP_LIMIT = 1 << 21 /* words or units; what comes after them is not looked at */
};

/* Sets copy[i] for the bytes of copies, the white space inside them included; leaves the rest as it is. A code point is
 * never cut. Linear in the length; false when out of memory. */
bool trace_loops(const char *text, size_t length, bool *copy);

#endif
