/* Changes: values that a text states anew, as evidence of self-correction.
 *
 *     bool *changed = calloc(length, sizeof *changed);
 *     trace_changes(text, length, changed);
 *     // "12*3=34. Wait, 12 * 3 = 36": changed is set for "36"
 *
 * An equation is an expression of numbers, + - * / and parentheses, "=", and a number. Where the same
 * expression (spaces apart) was last given another result, the new result is a changed value. Whether it
 * is the right one is not looked at. For any text, of any task.
 */
#ifndef RLSP_TRACE_CHANGES_H
#define RLSP_TRACE_CHANGES_H

#include <stdbool.h>
#include <stddef.h>

/* Sets changed[i] for the digits of changed values and leaves the rest; *count (may be NULL) is their number.
 * Linear in the length; false when out of memory. */
bool trace_changes(const char *text, size_t length, bool *changed, size_t *count);

#endif
