/* What tests look at in an image, black on white. */
#ifndef TESTS_SUPPORT_IMAGE_INK_H
#define TESTS_SUPPORT_IMAGE_INK_H

#include "tui/image/image.h"

extern const Colour image_white, image_black;

int    image_grey(const Image *image, int x, int y); /* 0, black, to 255           */
double image_ink(const Image *image);                /* how much is black, in pixels */

/* Ends the test unless |found - wanted| <= tolerance. */
void assert_near(double found, double wanted, double tolerance);

#endif
