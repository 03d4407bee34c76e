/* Boxes: finding \boxed{…} in a response (VERIFIER.md section 2 in words:
 * the last complete box is the answer; braces are matched, \{ and \} are not
 * braces; white space may stand before the brace; a box inside a box is unwrapped).
 *
 *     Boxes boxes;
 *     if (boxes_find(text, length, &boxes)) … text[boxes.content .. +boxes.content_length]
 *
 * One pass, whatever the text holds. Of boxes that are opened inside one another
 * and never closed only the innermost 64 are remembered.
 */
#ifndef RLSP_MATH_BOX_H
#define RLSP_MATH_BOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { BOX_CONTENT_LIMIT = 4096 }; /* bytes; a longer content is not unwrapped and no answer to any task */

typedef struct Boxes {
    uint32_t count;                       /* complete boxes; a box in a box counts too  */
    size_t   first, first_end;            /* the first one, likewise; both length if none */
    size_t   offset, end;                 /* the last one, from its backslash to past its brace */
    size_t   content, content_length;     /* what is in it, unwrapped and trimmed       */
    size_t   first_content, first_length; /* of the first one, likewise */
    bool     differ;                      /* two of them hold different bytes           */
} Boxes;

/* What else is a box, and what is none. */
typedef struct BoxRule {
    bool fbox;        /* \fbox{…} too */
    bool skip_quoted; /* not those on lines that begin with ">", in `code`, or right behind a quotation mark */
} BoxRule;

/* False if there is no complete box; offset, first and end are then `length`. boxes_find: no rule but the above. */
bool boxes_find_by(const BoxRule *rule, const char *text, size_t length, Boxes *boxes);
bool boxes_find(const char *text, size_t length, Boxes *boxes);

/* The authors' search: the first \boxed{…} that holds at most one level of braces,
 * not trimmed. False if there is none. */
bool boxes_find_first_shallow(const char *text, size_t length, size_t *offset, size_t *content, size_t *content_length);

#endif
