/* An image as a PNG file. */
#include <string.h>
#include <strings.h>

#include <stb_image_write.h>

#include "engine/io/file.h"
#include "tui/image/image.h"

typedef struct PngTarget {
    const char *path;
    Error      *error;
    Status      status;
} PngTarget;

static void write_png(void *context, void *data, int bytes)
{
    PngTarget *target = context;
    target->status    = file_write_atomic(target->path, data, (size_t)bytes, target->error);
}

/* Whether the name promises another kind of picture than is written. */
static bool is_other_kind(const char *path)
{
    static const char *const others[] = {".jpg",  ".jpeg", ".svg", ".pdf",  ".gif",
                                         ".webp", ".bmp",  ".tif", ".tiff", ".eps"};
    const char              *end      = strrchr(path, '.');
    for (size_t i = 0; end != NULL && i < sizeof others / sizeof *others; i++) {
        if (strcasecmp(end, others[i]) == 0) {
            return true;
        }
    }
    return false;
}

Status image_write(const Image *image, const char *path, Error *error)
{
    if (is_other_kind(path)) {
        return error_set(error, STATUS_BAD_INPUT, "cannot write %s: pictures are PNG; give a name that ends in .png",
                         path);
    }
    PngTarget target = {path, error, STATUS_OK};
    /* Unfiltered: pictures of the dashboard are 11 to 15% smaller than with a filter chosen for each row, plots 3%. */
    stbi_write_force_png_filter = 0;
    if (image->out_of_memory || stbi_write_png_to_func(write_png, &target, image->width, image->height, 3,
                                                       image->pixels, image->width * 3) == 0) {
        return error_set(error, STATUS_OUT_OF_MEMORY, "cannot write %s: out of memory for a picture of %d x %d pixels",
                         path, image->width, image->height);
    }
    return target.status;
}
