#include "tests/support/image_ink.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

const Colour image_white = {255, 255, 255, 1}, image_black = {0, 0, 0, 1};

void assert_near(double found, double wanted, double tolerance)
{
    if (!(fabs(found - wanted) <= tolerance)) {
        fail_msg("%g, wanted %g", found, wanted);
    }
}

int image_grey(const Image *image, int x, int y)
{
    return image->pixels[3 * ((size_t)y * (size_t)image->width + (size_t)x)];
}

double image_ink(const Image *image)
{
    double sum = 0;
    for (size_t i = 0; i < (size_t)image->width * (size_t)image->height; i++) {
        sum += (255 - image->pixels[3 * i]) / 255.0;
    }
    return sum;
}
