/* Random points for identities: the same for the same seed. */
#ifndef RLSP_MATH_POINTS_H
#define RLSP_MATH_POINTS_H

#include <stddef.h>
#include <stdint.h>

typedef enum MathPointKind {
    MATH_POINT_REAL,   /* up to 250, every other one with signs    */
    MATH_POINT_WHOLE,  /* 1 to 40                                  */
    MATH_POINT_COMPLEX /* as real: values may be complex there     */
} MathPointKind;

/* Values of `count` variables, over 2^MATH_POINT_SHIFT. */
void math_point(uint64_t seed, MathPointKind kind, int attempt, size_t count, long *point);

/* A seed that depends on every byte. */
uint64_t math_hash(uint64_t seed, const char *text, size_t length);

#endif
