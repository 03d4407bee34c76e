/* The one place where the stb libraries are compiled. What their code does to our warnings is their business; their
 * asserts are off, since a damaged file must not end the program: whoever calls them checks first. */
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif

#include <stdlib.h>

#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>

/* An outline that ends in a ring of one point that is not on the curve makes it look at the point after. */
#define STBTT_malloc(bytes, user) ((void)(user), calloc(1, (bytes) + 64))
#define STBTT_free(memory, user)  ((void)(user), free(memory))
#define STBTT_assert(condition)   ((void)0)
#define STB_TRUETYPE_IMPLEMENTATION
#include <stb_truetype.h>
