/* VECTOR_CLONES before a function: where the compiler and the C library can choose when the program starts, it is
 * compiled a second time for wider vectors. Loops over arrays of plain numbers become vectors of 8 floats instead of 4;
 * results are the same to the bit, as nothing is reordered or contracted (-ffp-contract=off). What it calls is compiled
 * with it where that is INLINED. */
#ifndef ENGINE_VECTORS_H
#define ENGINE_VECTORS_H

#include <stdint.h> /* says which C library this is */

#if defined(__x86_64__) && defined(__GLIBC__) && defined(__GNUC__) && !defined(__clang__) &&                           \
    !defined(__SANITIZE_ADDRESS__)
#define VECTOR_CLONES __attribute__((target_clones("avx2", "default")))
#else
#define VECTOR_CLONES
#endif

#ifdef __GNUC__
#define INLINED inline __attribute__((always_inline))
#else
#define INLINED inline
#endif

#endif
