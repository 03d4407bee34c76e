/* The one place where the stb libraries are compiled. What their code does to our warnings is their business; their
 * asserts are off, since a damaged file must not end the program: whoever calls them checks first. */
#if defined(__GNUC__)
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#endif

#include <stdlib.h>

#include "tui/deflate.h"

/* The packer that stb_image_write is to use. */
static unsigned char *pack(const unsigned char *data, int bytes, int *packed_bytes)
{
    size_t         packed = 0;
    unsigned char *out    = deflate_zlib(data, (size_t)bytes, &packed);
    *packed_bytes         = (int)packed;
    return out;
}

#define STBI_WRITE_NO_STDIO
#define STBIW_ZLIB_COMPRESS(data, bytes, packed_bytes, quality) ((void)(quality), pack(data, bytes, packed_bytes))
#define STB_IMAGE_WRITE_IMPLEMENTATION
#include <stb_image_write.h>

/* An outline that ends in a ring of one point that is not on the curve makes it look at the point after. */
#define STBTT_malloc(bytes, user) ((void)(user), calloc(1, (bytes) + 64))
#define STBTT_free(memory, user)  ((void)(user), free(memory))
#define STBTT_assert(condition)   ((void)0)
#define STB_TRUETYPE_IMPLEMENTATION
#include <stb_truetype.h>
